"""Recipe -> which files are asked for, and which face of each; opens no font."""

import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glyphgen.recipe import Recipe

__all__ = ["FaceRequest", "find_requests"]

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")
_WILD = frozenset("*?[")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRequest:
    """One face that a recipe asks for.

    Attributes:
        path: The file; nothing is known of it yet.
        index: Position in a collection.
        axes: Variation settings (tag, value), sorted by tag.
        weight: Turns that the face takes for each turn of a face of weight 1.
    """

    path: Path
    index: int = 0
    axes: tuple[tuple[str, float], ...] = ()
    weight: int = 1


def find_requests(recipe: "Recipe") -> tuple[tuple[FaceRequest, ...], tuple[str, ...]]:
    """Return the faces that a recipe asks for, in the order of its keys, files of one glob by name.

    Returns:
        The requests, and a line for every glob without a file and every absent family, to be told
        with what else is wrong.
    """
    problems: list[str] = []
    requests = tuple(_list_requests(recipe, problems))
    return requests, tuple(problems)


def _list_requests(recipe: "Recipe", problems: list[str]) -> Iterator[FaceRequest]:
    fonts = recipe.fonts
    for pattern in fonts.files:
        files = _match(recipe.folder, pattern)
        if not files:
            problems.append(
                f"{recipe.place('fonts.files')}: no font matches '{pattern}'"
                " (paths are relative to the recipe)"
            )
        for path in files:
            yield FaceRequest(path=path)
    for family in fonts.system:
        for path, index in _resolve_family(family, recipe.place("fonts.system"), problems):
            yield FaceRequest(path=path, index=index)
    for number, face in enumerate(fonts.faces):
        place = recipe.place(f"fonts.faces.{number}")
        axes = tuple(sorted(face.axes.items()))
        if face.file is not None:
            path = recipe.folder / face.file
            yield FaceRequest(path=path, index=face.index, axes=axes, weight=face.weight)
        elif face.system is not None:
            for path, index in _resolve_family(face.system, place, problems):
                yield FaceRequest(
                    path=path, index=index or face.index, axes=axes, weight=face.weight
                )


def _match(folder: Path, pattern: str) -> list[Path]:
    """Return what a pattern matches but folders; ``**`` goes through no symbolic link."""
    absolute = Path(pattern)
    if absolute.is_absolute():
        folder, pattern = Path(absolute.anchor), str(absolute.relative_to(absolute.anchor))
    # Path.glob looks behind a link before it names it, so that a link to itself is not there.
    found = folder.glob(pattern) if _WILD & set(pattern) else [folder / pattern]
    return sorted((path for path in found if _may_be_font(path)), key=lambda p: p.name)


def _may_be_font(path: Path) -> bool:
    """Tell whether a name is there and no folder; what it is else, its reader says."""
    try:
        path.lstat()
    except OSError:
        return False
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except OSError:  # a link to nothing, or to itself
        return True


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
