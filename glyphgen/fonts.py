"""Font files -> faces: names, axes, licence, hash; knows nothing of outlines (fontTools lives here)."""

import hashlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glyphgen.errors import FontError

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

    from glyphgen.recipe import Recipe

__all__ = ["Face", "find_faces", "read_face"]

_NAME_IDS = {"family": (16, 1), "style": (17, 2), "version": (5,), "licence": (13, 14)}
_LICENCE_LENGTH = 300  # characters kept of a licence text: the first sentences name the licence


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """One font file at one collection index and one variation setting.

    Attributes:
        path: Where the file lies now; everything else is the same on every machine.
        index: Position in a collection, 0 for a single font.
        axes: Variation settings (tag, value), sorted by tag.
        location: Where the face stands on every axis of the font, in the font's order.
        weight: Turns that the face takes for each turn of a face of weight 1.
        sha256: Of the file's bytes, hexadecimal.
        family: Name ID 16 or 1.
        style: Name ID 17 or 2.
        version: Name ID 5.
        licence: Name ID 13 or 14, shortened; ``unknown`` where the font says nothing.
    """

    path: Path
    index: int
    axes: tuple[tuple[str, float], ...]
    location: tuple[float, ...]
    weight: int
    sha256: str
    family: str
    style: str
    version: str
    licence: str

    @property
    def name(self) -> str:
        """The file name, with index and axes where they are not the default."""
        settings = "".join(f",{tag}={value:g}" for tag, value in self.axes)
        return self.path.name + (f"#{self.index}" if self.index else "") + settings


def find_faces(recipe: "Recipe") -> tuple[Face, ...]:
    """Return the faces of a recipe, in the order of its keys, files of one glob by name.

    Raises:
        FontError: For every glob without a file, absent family, unreadable file, index out of range
            and unknown axis, all at once.
    """
    problems: list[str] = []
    faces: dict[tuple[Path, int, tuple[tuple[str, float], ...]], Face] = {}
    for request in _requests(recipe, problems):
        try:
            face = read_face(request.path, request.index, request.axes, request.weight)
        except FontError as error:
            problems += error.problems
        else:
            faces.setdefault((face.path.resolve(), face.index, face.axes), face)
    if problems:
        raise FontError(*problems)
    return tuple(faces.values())


@dataclass(frozen=True, slots=True)
class _Request:
    path: Path
    index: int
    axes: Mapping[str, float]
    weight: int


def _requests(recipe: "Recipe", problems: list[str]) -> Iterator[_Request]:
    fonts = recipe.fonts
    for pattern in fonts.files:
        files = _match(recipe.folder, pattern)
        if not files:
            problems.append(
                f"{recipe.place('fonts.files')}: no font matches '{pattern}'"
                " (paths are relative to the recipe)"
            )
        for path in files:
            yield _Request(path, 0, {}, 1)
    for family in fonts.system:
        for path, index in _resolve_family(family, recipe.place("fonts.system"), problems):
            yield _Request(path, index, {}, 1)
    for number, face in enumerate(fonts.faces):
        place = recipe.place(f"fonts.faces.{number}")
        if face.file is not None:
            yield _Request(recipe.folder / face.file, face.index, face.axes, face.weight)
        elif face.system is not None:
            for path, index in _resolve_family(face.system, place, problems):
                yield _Request(path, index or face.index, face.axes, face.weight)


def _match(folder: Path, pattern: str) -> list[Path]:
    absolute = Path(pattern)
    if absolute.is_absolute():
        folder, pattern = Path(absolute.anchor), str(absolute.relative_to(absolute.anchor))
    return sorted((path for path in folder.glob(pattern) if path.is_file()), key=lambda p: p.name)


def _resolve_family(family: str, place: str, problems: list[str]) -> list[tuple[Path, int]]:
    """Return files and collection indices of a fontconfig pattern; never a substitute."""
    command = ["fc-list", "--format=%{file}\t%{index}\n", family]
    try:
        listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        problems.append(
            f"{place}: fontconfig's fc-list cannot look for '{family}'"
            " (install the package fontconfig, or give the file under fonts.files)"
        )
        return []
    found = [line.split("\t") for line in listing.splitlines()]
    # An index above 16 bits is a named instance of a variable font; the font itself is listed too.
    faces = sorted((Path(file), int(index)) for file, index in found if int(index) < 1 << 16)
    faces = [(file, index) for file, index in faces if file.suffix.lower() in _SUFFIXES]
    if not faces:
        problems.append(
            f"{place}: no font of the family '{family}' is installed"
            " (install it, or give its file under fonts.files; `fc-list` shows what there is)"
        )
    return faces


_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")


def read_face(
    path: Path, index: int = 0, axes: Mapping[str, float] | None = None, weight: int = 1
) -> Face:
    """Read names, licence and hash of one face, and check its index and axes.

    Raises:
        FontError: The file is missing or unreadable, has no such face or no such axis.
    """
    axes = axes or {}
    data = _read_bytes(path)
    font = _open_font(path, index, data)
    try:
        location = _locate(path, font, axes)
        _check_outlines(path, font)
        names = {key: _read_name(font, ids) for key, ids in _NAME_IDS.items()}
    except FontError:
        raise
    except Exception as error:
        raise _unreadable(path, error) from error
    return Face(
        path=path,
        index=index,
        axes=tuple(sorted(axes.items())),
        location=location,
        weight=weight,
        sha256=hashlib.sha256(data).hexdigest(),
        family=names["family"] or path.stem,
        style=names["style"] or "Regular",
        version=names["version"],
        licence=" ".join(names["licence"].split())[:_LICENCE_LENGTH] or "unknown",
    )


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FontError(f"{path}: no such font file (paths are relative to the recipe)") from None
    except OSError as error:
        raise FontError(f"{path}: cannot be read: {error.strerror}") from error


def _unreadable(path: Path, error: Exception) -> FontError:
    said = " ".join(str(error).split())[:120] or type(error).__name__
    return FontError(
        f"{path}: not a font that can be read: {said}"
        " (expected a whole TrueType or OpenType file: .ttf, .otf, .ttc)"
    )


def _open_font(path: Path, index: int, data: bytes) -> "TTFont":
    import io

    from fontTools.ttLib import TTFont
    from fontTools.ttLib.ttCollection import TTCollection

    try:
        is_collection = data[:4] == b"ttcf"
        n_faces = len(TTCollection(io.BytesIO(data), lazy=True).fonts) if is_collection else 1
        if index < n_faces:
            return TTFont(io.BytesIO(data), fontNumber=index, lazy=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    raise FontError(
        f"{path}: no face at index {index}, the file holds {n_faces}"
        f" (give an index from 0 to {n_faces - 1})"
    )


def _locate(path: Path, font: "TTFont", axes: Mapping[str, float]) -> tuple[float, ...]:
    """Return the value of every axis of a font, after checking those that are asked for."""
    there: dict[str, Any] = {a.axisTag: a for a in font["fvar"].axes} if "fvar" in font else {}
    problems = []
    for tag, value in axes.items():
        if tag not in there:
            has = ", ".join(there) if there else "none: it is not a variable font"
            problems.append(f"{path}: no axis '{tag}' (the font's axes: {has})")
        elif not there[tag].minValue <= value <= there[tag].maxValue:
            low, high = there[tag].minValue, there[tag].maxValue
            problems.append(f"{path}: axis '{tag}' at {value:g}, expected {low:g} to {high:g}")
    if problems:
        raise FontError(*problems)
    return tuple(axes.get(tag, axis.defaultValue) for tag, axis in there.items())


_OUTLINES = ("glyf", "CFF ", "CFF2")
_OTHER_DRAWINGS = {"CBDT": "bitmaps", "EBDT": "bitmaps", "sbix": "bitmaps", "SVG ": "SVG pictures"}


def _check_outlines(path: Path, font: "TTFont") -> None:
    if not any(tag in font for tag in _OUTLINES):
        found = [f"{what} ({tag.strip()})" for tag, what in _OTHER_DRAWINGS.items() if tag in font]
        held = " and ".join(found) or "no drawings"
        raise FontError(
            f"{path}: holds {held}, expected outlines: a table glyf, CFF or CFF2"
            " (look for the font's outline version)"
        )


def _read_name(font: "TTFont", ids: tuple[int, ...]) -> str:
    if "name" not in font:
        return ""
    for name_id in ids:
        name = font["name"].getDebugName(name_id)
        if name:
            return str(name)
    return ""
