"""Recipe -> which files are asked for, and which face of each; opens no font."""

import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glyphgen.recipe import Recipe

__all__ = ["FaceRequest", "find_requests", "match_names"]

_SUFFIXES = (".ttf", ".otf", ".ttc", ".otc", ".woff", ".woff2")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRequest:
    """One face that a recipe asks for.

    Attributes:
        path: The file; nothing is known of it yet.
        index: Position in a collection.
        axes: Variation settings (tag, value), sorted by tag.
        weight: Turns that the face takes for each turn of a face of weight 1.
        hand: Name of the style that it writes, in a recipe of styles.
    """

    path: Path
    index: int = 0
    axes: tuple[tuple[str, float], ...] = ()
    weight: int = 1
    hand: str = ""


def find_requests(recipe: "Recipe") -> tuple[tuple[FaceRequest, ...], tuple[str, ...]]:
    """Return the faces that a recipe asks for, in the order of its keys, files of one glob by name.

    Returns:
        The requests, and a line for every glob without a file and every absent family, to be told
        with what else is wrong.
    """
    problems: list[str] = []
    requests = tuple(_list_requests(recipe, problems))
    return requests, tuple(problems)


def match_names(names: Iterable[str], pattern: str) -> list[bool]:
    """Tell which of some file names a recipe means: the one that is called so, else those that match.

    ``Inter[opsz,wght].ttf`` is a name first, and a pattern only where nothing is called so.
    """
    names = list(names)
    if pattern in names:
        return [name == pattern for name in names]
    return [fnmatchcase(name, pattern) for name in names]


def _list_requests(recipe: "Recipe", problems: list[str]) -> Iterator[FaceRequest]:
    fonts = recipe.fonts
    for path in _list_files(recipe, "fonts.files", fonts.files, problems):
        yield FaceRequest(path=path)
    hand_of: dict[Path, str] = {}
    for number, style in enumerate(fonts.style):
        key = f"fonts.style.{number}.files"
        for path in _list_files(recipe, key, style.files, problems):
            other = hand_of.setdefault(path.resolve(), style.name)
            if other != style.name:
                problems.append(
                    f"{recipe.place(key)}: '{path.name}' is also of the style '{other}', expected"
                    " each file in one style"
                )
            yield FaceRequest(path=path, hand=style.name)
    for family in fonts.system:
        for path, index in _resolve_family(family, recipe.place("fonts.system"), problems):
            yield FaceRequest(path=path, index=index)
    for number, face in enumerate(fonts.faces):
        place = recipe.place(f"fonts.faces.{number}")
        axes = tuple(sorted(face.axes.items()))
        if face.file is not None:
            path = recipe.find_path(face.file)
            yield FaceRequest(path=path, index=face.index, axes=axes, weight=face.weight)
        elif face.system is not None:
            for path, index in _resolve_family(face.system, place, problems):
                yield FaceRequest(
                    path=path, index=index or face.index, axes=axes, weight=face.weight
                )


def _list_files(
    recipe: "Recipe", key: str, patterns: Iterable[str], problems: list[str]
) -> Iterator[Path]:
    for pattern in patterns:
        try:
            files = _match(recipe.find_path(pattern))
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) else error
            problems.append(f"{recipe.place(key)}: '{pattern}': {said}")
            continue
        if not files:
            hint = "paths are relative to the recipe"
            if recipe.find_path(pattern).is_dir():
                hint = f"'{pattern}/**/*.ttf' looks below the folder as well"
            problems.append(f"{recipe.place(key)}: no font matches '{pattern}' ({hint})")
        yield from files


def _match(pattern: Path) -> list[Path]:
    """Return the files that a pattern means, by name; a folder means the fonts that lie in it.

    What is there by the very name is no pattern: ``Inter[wght]/*.ttf`` looks into that folder. ``**``
    goes through no symbolic link.

    Raises:
        ValueError: It is no pattern that Python knows.
    """
    literal, *rest = (Path(*pattern.parts[:n]) for n in range(len(pattern.parts) + 1))
    for longer in rest:
        if not os.path.lexists(longer):
            # Path.glob looks behind a link before it names it: what is there by name is not looked for.
            found = literal.glob(str(pattern.relative_to(literal)))
            return _sort(path for path in found if _may_be_font(path))
        literal = longer
    if _may_be_font(literal):
        return [literal]
    fonts = (path for path in literal.iterdir() if path.suffix.lower() in _SUFFIXES)
    return _sort(path for path in fonts if _may_be_font(path))


def _sort(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: os.fsencode(path.name))  # the same in every locale


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
    # A hyphen would begin the size in a pattern of fontconfig, and an option of fc-list.
    pattern = family.replace("-", r"\-")
    command = ["fc-list", "--format=%{file}\t%{index}\n", "--", pattern]
    try:
        listing = os.fsdecode(subprocess.run(command, capture_output=True, check=True).stdout)
    except (OSError, subprocess.CalledProcessError):
        problems.append(
            f"{place}: fontconfig's fc-list cannot look for '{family}'"
            " (install the package fontconfig, or give the file under fonts.files)"
        )
        return []
    found = [line.rsplit("\t", 1) for line in listing.split("\n") if line]
    # An index above 16 bits is a named instance of a variable font; the font itself is listed too.
    faces = sorted((Path(file), int(index)) for file, index in found if int(index) < 1 << 16)
    faces = [(file, index) for file, index in faces if file.suffix.lower() in _SUFFIXES]
    if not faces:
        problems.append(
            f"{place}: no font of the family '{family}' is installed"
            " (install it, or give its file under fonts.files; `fc-list` shows what there is)"
        )
    return faces
