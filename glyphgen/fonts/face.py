"""One font file at one index and one variation setting -> a face."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from glyphgen.errors import FontError, UnreadableFontError
from glyphgen.fonts.container import read_font_file, unreadable
from glyphgen.fonts.license import UNKNOWN, describe_embedding, find_beside, recognize_license
from glyphgen.text import show_foreign

if TYPE_CHECKING:
    from fontTools.ttLib import TTFont

__all__ = ["Face", "find_license_troubles", "read_face"]

# Name IDs, the first that the font has. Source: OpenType 1.9.1, table name.
_NAME_IDS = {
    "family": (16, 1),
    "style": (17, 2),
    "version": (5,),
    "copyright": (0,),
    "manufacturer": (8,),
    "license_text": (13,),
    "license_url": (14,),
}
_LONGEST = {"copyright": 2_000, "license_text": 60_000}  # characters kept of a name
_LONGEST_NAME = 300
_MOST_NAME_BYTES = 16 << 20  # fonts of many languages have 1 MiB
_NO_VENDOR = ("????", "UKWN", "NONE")  # what font editors write where nobody has said anything


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
        license: An SPDX identifier where it is recognized, else what the font says, shortened;
            ``unknown`` where it says nothing.
        license_text: Name ID 13, or what a catalogue beside the file has.
        license_url: Name ID 14.
        copyright: Name ID 0.
        vendor: Name ID 8 and the vendor of OS/2: ``"Fontworks Inc. (FWKS)"``.
        fs_type: The embedding bits of OS/2 in words; they speak of embedding in documents.
        hand: Name of the style that it writes, in a recipe of styles.
        alternate: An OpenType feature that draws characters another way; empty for the face itself.
        is_written: Whether it is no font, but a hand that writes along the centre lines of ``path``.
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
    license: str
    license_text: str = ""
    license_url: str = ""
    copyright: str = ""
    vendor: str = ""
    fs_type: str = UNKNOWN
    hand: str = ""
    alternate: str = ""
    is_written: bool = False

    @property
    def file(self) -> str:
        """The file name as it may be shown and written: controls and odd bytes are escaped."""
        return show_foreign(self.path.name)

    @property
    def name(self) -> str:
        """The file name, with index, axes and alternate where they are not the default."""
        settings = "".join(f",{tag}={value:g}" for tag, value in self.axes)
        settings += f",{self.alternate}" if self.alternate else ""
        return self.file + (f"#{self.index}" if self.index else "") + settings

    def to_page(self) -> dict[str, Any]:
        """Return the face as JSON can hold it."""
        return asdict(self) | {"path": str(self.path)}

    @classmethod
    def from_page(cls, page: Mapping[str, Any]) -> "Face":
        """Return the face of a page that ``to_page`` gave, after JSON has made lists of tuples."""
        axes = tuple((tag, value) for tag, value in page["axes"])
        whole = {"path": Path(page["path"]), "axes": axes, "location": tuple(page["location"])}
        return cls(**{**page, **whole})


def read_face(
    path: Path,
    index: int = 0,
    axes: Mapping[str, float] | None = None,
    weight: int = 1,
    *,
    alternate: str = "",
    sanitize: bool = False,
) -> Face:
    """Read names, license and hash of one face, and check its index and axes.

    Args:
        path: A TrueType or OpenType file, a collection of them, WOFF or WOFF2.
        index: Position in a collection.
        axes: Variation settings by tag.
        weight: Kept in the face.
        alternate: An OpenType feature, which the font has to have.
        sanitize: Ask the OpenType Sanitizer first, where it is installed.

    Raises:
        FontError: The file is missing, has no such face, axis or feature.
        UnreadableFontError: The file cannot be read, or holds no outlines.
    """
    axes = axes or {}
    file = read_font_file(path, sanitize=sanitize)
    font = _open_font(path, index, file.data)
    try:
        _check_names(path, font)
        location = _locate(path, font, axes)
        _check_outlines(path, font)
        _check_feature(path, font, alternate)
        names = {
            key: _read_name(font, ids, _LONGEST.get(key, _LONGEST_NAME))
            for key, ids in _NAME_IDS.items()
        }
        vendor, fs_type = _read_os2(font, names["manufacturer"])
    except FontError:
        raise
    except Exception as error:
        raise unreadable(path, error) from error
    license = recognize_license(names["license_text"], names["license_url"])
    beside = find_beside(path) if license == UNKNOWN or not names["license_text"] else None
    if beside and license == UNKNOWN:
        license = beside.name
    return Face(
        path=path,
        index=index,
        axes=tuple(sorted(axes.items())),
        location=location,
        weight=weight,
        sha256=file.sha256,
        family=names["family"] or show_foreign(path.stem),
        style=names["style"] or "Regular",
        version=names["version"],
        license=license,
        license_text=beside.text if beside else names["license_text"],
        license_url=names["license_url"],
        copyright=names["copyright"],
        vendor=vendor,
        fs_type=fs_type,
        alternate=alternate,
    )


def find_license_troubles(faces: Sequence[Face]) -> dict[str, list[str]]:
    """Return in what way licenses are unclear, and the names of the faces of which that is true.

    Restricted embedding speaks of documents and not of pictures; but whoever forbids the one should
    be asked about the other.
    """
    troubles = {
        "license unknown": [face.name for face in faces if face.license == UNKNOWN],
        "embedding restricted by the font's maker": [
            face.name for face in faces if face.fs_type.startswith("restricted")
        ],
    }
    return {trouble: names for trouble, names in troubles.items() if names}


def _open_font(path: Path, index: int, data: bytes) -> "TTFont":
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.ttCollection import TTCollection

    try:
        is_collection = data[:4] == b"ttcf"
        n_faces = len(TTCollection(io.BytesIO(data), lazy=True).fonts) if is_collection else 1
        if index < n_faces:
            return TTFont(io.BytesIO(data), fontNumber=index, lazy=True)
    except Exception as error:
        raise unreadable(path, error) from error
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


def _check_feature(path: Path, font: "TTFont", alternate: str) -> None:
    tag = alternate.partition("=")[0]
    if not tag:
        return
    features = font["GSUB"].table.FeatureList if "GSUB" in font else None
    there = sorted({record.FeatureTag for record in features.FeatureRecord} if features else ())
    if tag not in there:
        raise FontError(
            f"{path}: no feature '{tag}' (the font's features: {', '.join(there) or 'none'})"
        )


_OUTLINES = ("glyf", "CFF ", "CFF2")
_OTHER_DRAWINGS = {"CBDT": "bitmaps", "EBDT": "bitmaps", "sbix": "bitmaps", "SVG ": "SVG pictures"}


def _check_outlines(path: Path, font: "TTFont") -> None:
    if not any(tag in font for tag in _OUTLINES):
        found = [f"{what} ({tag.strip()})" for tag, what in _OTHER_DRAWINGS.items() if tag in font]
        held = " and ".join(found) or "no drawings"
        raise UnreadableFontError(
            f"{path}: holds {held}, expected outlines: a table glyf, CFF or CFF2"
            " (look for the font's outline version)"
        )


def _check_names(path: Path, font: "TTFont") -> None:
    """Check how much memory the names take: records may share their text, and each is read on its own.

    Source: OpenType 1.9.1, table name (records of 12 bytes from byte 6, the length at byte 8 of each).
    """
    data = font.reader["name"] if font.reader and "name" in font.reader else b""
    n_records = int.from_bytes(data[2:4], "big")
    lengths = np.frombuffer(data[6 : 6 + 12 * n_records].ljust(12 * n_records, b"\0"), ">u2")[4::6]
    n_bytes = int(lengths.sum(dtype=np.int64)) + 500 * n_records  # what Python keeps of a record
    if n_bytes > _MOST_NAME_BYTES:
        raise UnreadableFontError(
            f"{path}: holds {n_records:,} names that take {n_bytes >> 20:,} MiB,"
            f" expected at most {_MOST_NAME_BYTES >> 20} MiB (mend the font, or leave it out)"
        )


def _read_name(font: "TTFont", ids: tuple[int, ...], longest: int) -> str:
    if "name" not in font:
        return ""
    for name_id in ids:
        name = _clean(str(font["name"].getDebugName(name_id) or ""))[:longest]
        if name:
            return name
    return ""


def _clean(name: str) -> str:
    """Return a name without what a terminal would obey."""
    lines = "\n".join(name.splitlines())
    return "".join(char for char in lines if char.isprintable() or char == "\n").strip()


def _read_os2(font: "TTFont", manufacturer: str) -> tuple[str, str]:
    """Return the vendor, and the embedding in words."""
    if "OS/2" not in font:
        return manufacturer, UNKNOWN
    os2 = font["OS/2"]
    tag = _clean(str(os2.achVendID))
    tag = "" if tag in _NO_VENDOR else tag
    vendor = f"{manufacturer} ({tag})" if manufacturer and tag else manufacturer or tag
    return vendor, describe_embedding(os2.fsType)
