"""The name of a family -> the file of the one face that fontconfig knows by it; never a substitute."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from glyphgen.errors import FontError
from glyphgen.text import show_foreign, show_some

__all__ = ["FONT_SUFFIXES", "find_installed"]

FONT_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")

# Where Debian has the families that the shipped recipes and the documentation name.
_PACKAGES = {
    "Noto Sans CJK": "fonts-noto-cjk fonts-noto-cjk-extra",
    "Noto Serif CJK": "fonts-noto-cjk fonts-noto-cjk-extra",
    "Nanum": "fonts-nanum",
    "UnBatang": "fonts-unfonts-core",
    "UnDotum": "fonts-unfonts-core",
    "UnGungseo": "fonts-unfonts-core",
    "UnPilgi": "fonts-unfonts-core",
    "IPA": "fonts-ipafont",
    "Takao": "fonts-takao",
    "VL": "fonts-vlgothic",
    "DejaVu": "fonts-dejavu",
}

# A line a face; a font may have named its style with a tab or a new line in it.
_FORMAT = "%{index}\t%{style[0]|translate(\t\n, )}\t%{file}\n"
_LINE = re.compile(r"(\d+)\t([^\t]*)\t(.+)")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class _Installed:
    """A face that fontconfig knows: its file, its position in it, and the first name of its style."""

    path: Path
    index: int
    style: str


def find_installed(
    family: str, *, style: str | None = None, index: int | None = None
) -> tuple[Path, int]:
    """Find the one installed face of a family.

    Args:
        family: As fontconfig knows it.
        style: Of the face, in any case; may be left out where the family has one face alone.
        index: Of the face in its file, where several files or a collection have the style.

    Returns:
        The file, and the face's position in it.

    Raises:
        FontError: There is no such face, or more than one: it names those that there are.
    """
    faces = _list_faces(family)
    if not faces:
        package = _find_package(family)
        how = f"install it, on Debian `apt install {package}`" if package else "install it"
        raise FontError(
            f"no font of the family '{family}' is installed ({how},"
            " or give its file under fonts.files; `fc-list` shows what there is)"
        )
    chosen = faces
    if style is not None:
        chosen = [face for face in faces if face.style.casefold() == style.casefold()]
    if index is not None:
        chosen = [face for face in chosen if face.index == index]
    if len(chosen) == 1:
        return chosen[0].path, chosen[0].index
    if not chosen:
        raise FontError(_explain_absent(family, style, index, faces))
    raise FontError(_explain_many(family, style, chosen))


def _find_package(family: str) -> str:
    return next((name for start, name in _PACKAGES.items() if family.startswith(start)), "")


def _explain_absent(
    family: str, style: str | None, index: int | None, faces: list[_Installed]
) -> str:
    has_style = [f for f in faces if style is None or f.style.casefold() == style.casefold()]
    if index is not None and has_style:
        indices = sorted({face.index for face in has_style})
        wanted = f"'{family}'" if style is None else f"the style '{style}' of '{family}'"
        return (
            f"no face at index {index} is {wanted}, expected index {show_some(map(str, indices))}"
        )
    styles = sorted({face.style for face in faces})
    package = _find_package(family)
    hint = f" (Debian has more of it: `apt install {package}`)" if package else ""
    return f"'{family}' has no style '{style}', expected one of {', '.join(styles)}{hint}"


def _explain_many(family: str, style: str | None, faces: list[_Installed]) -> str:
    styles = sorted({face.style for face in faces})
    if len(styles) > 1:
        usual = "Regular" if "Regular" in styles else styles[0]
        example = f'fonts.faces = [{{ system = "{family}", style = "{usual}" }}]'
        return (
            f"'{family}' has {len(faces)} faces, {', '.join(styles)}, expected one"
            f" (choose it: {example})"
        )
    indices = {face.index for face in faces}
    called = f"the style '{styles[0]}' of '{family}'" if style else f"'{family}'"
    if len({face.path for face in faces}) == 1:
        return (
            f"{called} is at {len(indices)} places of {show_foreign(faces[0].path.name)},"
            f" expected one of the indices {', '.join(map(str, sorted(indices)))}"
            f" (choose it under fonts.faces: index = {min(indices)})"
        )
    files = [show_foreign(str(face.path)) for face in faces]
    return f"{called} is in {len(faces)} files, {', '.join(files)} (give one under fonts.files)"


def _list_faces(family: str) -> list[_Installed]:
    """Return the faces of a fontconfig pattern, by file name.

    Raises:
        FontError: fontconfig cannot be asked.
    """
    # A hyphen would begin the size in a pattern of fontconfig, and an option of fc-list.
    pattern = family.replace("-", r"\-")
    command = ["fc-list", f"--format={_FORMAT}", "--", pattern]
    try:
        listing = os.fsdecode(subprocess.run(command, capture_output=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        raise FontError(
            f"fontconfig's fc-list cannot look for '{family}'"
            " (install the package fontconfig, or give the file under fonts.files)"
        ) from None
    faces: dict[tuple[Path, int], _Installed] = {}
    for line in filter(None, map(_LINE.fullmatch, listing.split("\n"))):
        index, path = int(line[1]), Path(line[3])
        # An index above 16 bits is a named instance of a variable font, which is listed itself, twice.
        if index < 1 << 16 and path.suffix.lower() in FONT_SUFFIXES:
            face = _Installed(path=path, index=index, style=line[2] or "Regular")
            faces.setdefault((path, index), face)
    return sorted(faces.values())
