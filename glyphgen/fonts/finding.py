"""Recipe -> which files are asked for, and which face of each; opens no font."""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from glyphgen.errors import FontError
from glyphgen.fonts.installed import FONT_SUFFIXES, find_installed
from glyphgen.streams import Stage, order_by_words

if TYPE_CHECKING:
    from glyphgen.recipe import FaceChoice, Recipe

__all__ = ["FaceRequest", "find_requests", "match_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceRequest:
    """One face that a recipe asks for.

    Attributes:
        path: The file; nothing is known of it yet.
        index: Position in a collection.
        axes: Variation settings (tag, value), sorted by tag.
        weight: Turns that the face takes for each turn of a face of weight 1.
        hand: Name of the style that it writes, in a recipe of styles.
        alternate: An OpenType feature that draws characters another way; empty for the face itself.
    """

    path: Path
    index: int = 0
    axes: tuple[tuple[str, float], ...] = ()
    weight: int = 1
    hand: str = ""
    alternate: str = ""


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
        try:
            path, index = find_installed(family)
        except FontError as error:
            problems.append(f"{recipe.place('fonts.system')}: {error}")
        else:
            yield FaceRequest(path=path, index=index)
    for number, face in enumerate(fonts.faces):
        try:
            path, index = _find_file(recipe, face)
        except FontError as error:
            problems.append(f"{recipe.place(f'fonts.faces.{number}')}: {error}")
        else:
            for axes in _list_instances(recipe.seed, face):
                plain = FaceRequest(path=path, index=index, axes=axes, weight=face.weight)
                yield plain
                yield from (replace(plain, alternate=feature) for feature in face.alternates)


def _list_instances(seed: int, face: "FaceChoice") -> Iterator[tuple[tuple[str, float], ...]]:
    """Yield where the faces of a choice stand on their axes: one place, or several spread over ranges."""
    ranges = sorted(face.axes.items())
    varied = [tag for tag, (low, high) in ranges if low != high]
    n = face.instances if varied else 1
    # The first axis in order, the others in orders of their own, so that their ends meet by chance.
    steps = {
        tag: np.arange(n) if number == 0 else order_by_words(seed, Stage.INSTANCES, n, number)
        for number, tag in enumerate(varied)
    }
    for k in range(n):
        yield tuple(
            (tag, low + (high - low) * int(steps[tag][k]) / (n - 1) if tag in steps else low)
            for tag, (low, high) in ranges
        )


def _find_file(recipe: "Recipe", face: "FaceChoice") -> tuple[Path, int]:
    if face.system is not None:
        return find_installed(face.system, style=face.style, index=face.index)
    return recipe.find_path(face.file or ""), face.index or 0


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
    fonts = (path for path in literal.iterdir() if path.suffix.lower() in FONT_SUFFIXES)
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
