"""Recipes that extend others: tables are joined key by key, and the later file wins."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphgen.errors import RecipeError
from glyphgen.recipe.lines import KeyPath

__all__ = ["EXTENDS", "Written", "extend"]

EXTENDS = "extends"
# Keys of a table that say one thing together: whoever gives one of the first takes none of the others over.
_TOGETHER = {
    "classes": (
        {"sets", "ranges", "text", "file", "words", "words_file", "class"},
        {"exclude", "merge", "merge_twins"},
    )
}
_PATH_KEYS = frozenset({"file", "files", "words_file"})  # of relative paths, in whatever table


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What recipe files say, before anything is checked.

    Attributes:
        data: As TOML has it.
        lines: The line of each key.
        files: The file of each key that another file than the last gives.
    """

    data: dict[str, Any]
    lines: dict[KeyPath, int]
    files: dict[KeyPath, str]


def extend(
    path: Path,
    read: Callable[[Path], Written],
    locate: Callable[[Path], Path],
    chain: tuple[Path, ...] = (),
) -> Written:
    """Return what a recipe file says, with all that it extends.

    The same keys again replace those of the file that is extended, lists and ``[[tables]]`` as a whole, and
    classes of one's own all that the other says of its classes. A relative path starts from the folder of
    the file that it is written in. ``name`` is not taken over.

    Args:
        path: The file.
        read: Reads one file.
        locate: Finds the file that a name stands for.
        chain: Files that extend this one.

    Raises:
        RecipeError: A file is missing, cannot be read, or extends itself.
    """
    own = read(path)
    if EXTENDS not in own.data:
        return own
    named = own.data.pop(EXTENDS)
    place = f"{path}:{own.lines[(EXTENDS,)]}: {EXTENDS}"
    if not isinstance(named, str) or not named:
        raise RecipeError(f"{place}: found {named!r}, expected the path or the name of a recipe")
    base = path.parent / os.path.expanduser(named)  # noqa: PTH111 - leaves what is nobody's home
    is_bare = Path(named).name == named and not base.suffix and not base.is_file()
    try:
        base = locate(Path(named) if is_bare else base)
    except RecipeError as error:
        raise RecipeError(*(f"{place}: {problem}" for problem in error.problems)) from None
    chain = (*chain, path)
    if base.resolve() in {file.resolve() for file in chain}:
        shown = " -> ".join(map(str, (*chain, base)))
        raise RecipeError(f"{place}: a circle, expected an end to it: {shown}")
    if not base.is_file():
        raise RecipeError(f"{place}: {base}: no such file, expected a recipe")
    under = extend(base, read, locate, chain)
    under.data.pop("name", None)
    _drop_replaced(under, own.data)
    _move_paths(under.data, base.parent, path.parent)
    files = {key: under.files.get(key, str(base)) for key in under.lines}
    joined = Written(data=under.data, lines=under.lines, files=files)
    _join(joined, own.data, ())
    for key, line in own.lines.items():
        joined.lines[key] = line
        joined.files.pop(key, None)
    return joined


def _drop_replaced(under: Written, over: dict[str, Any]) -> None:
    """Drop keys of a file that is extended which mean nothing beside what is given in their place."""
    for table, (contents, others) in _TOGETHER.items():
        below, above = under.data.get(table), over.get(table)
        if isinstance(below, dict) and isinstance(above, dict) and contents & above.keys():
            for key in (contents | others) & below.keys():
                _drop(under, below, (table, key))


def _drop(under: Written, data: dict[str, Any], path: KeyPath) -> None:
    """Drop a key of a table, and all that is known below it."""
    data.pop(str(path[-1]), None)
    for known in [known for known in under.lines if known[: len(path)] == path]:
        del under.lines[known]
        under.files.pop(known, None)


def _join(under: Written, over: dict[str, Any], table: KeyPath) -> None:
    """Set the keys of a table over those of a file that is extended."""
    data: dict[str, Any] = under.data
    for part in table:
        data = data[str(part)]
    for key, value in over.items():
        path = (*table, key)
        if isinstance(value, dict) and isinstance(data.get(key), dict):
            _join(under, value, path)
            continue
        _drop(under, data, path)
        data[key] = value


def _move_paths(data: Any, folder: Path, to_folder: Path) -> None:
    """Let relative paths below a table start from another folder."""
    if folder.resolve() == to_folder.resolve():
        return
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(items):
        if key in _PATH_KEYS and isinstance(value, str):
            data[key] = _move(value, folder, to_folder)
        elif key in _PATH_KEYS and isinstance(value, list):
            data[key] = [_move(v, folder, to_folder) if isinstance(v, str) else v for v in value]
        elif isinstance(value, dict | list):
            _move_paths(value, folder, to_folder)


def _move(path: str, folder: Path, to_folder: Path) -> str:
    if path.startswith("~") or Path(path).is_absolute():
        return path
    return os.path.relpath(folder.resolve() / path, to_folder.resolve())
