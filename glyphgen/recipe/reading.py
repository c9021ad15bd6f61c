"""Reads a recipe from TOML and writes it back."""

import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from glyphgen.augment import AugmentStep
from glyphgen.errors import RecipeError
from glyphgen.files.opening import RECIPE, RefusedFileError, describe_unread, read_regular
from glyphgen.recipe.extending import Written, extend
from glyphgen.recipe.lines import KeyPath, find_lines
from glyphgen.recipe.model import Recipe
from glyphgen.recipe.origin import Origin, split_key
from glyphgen.recipe.problems import explain, guess

__all__ = [
    "dump_recipe",
    "find_bundled_fonts",
    "find_shipped",
    "list_shipped",
    "parse_recipe",
    "read_recipe",
    "read_steps",
]

_SYNTAX_ERROR = re.compile(r"(?P<what>.*?) \(at (line (?P<line>\d+), column (?P<column>\d+)|.*)\)")


def read_recipe(
    path_or_name: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    folder: str | os.PathLike[str] | None = None,
) -> Recipe:
    """Read a recipe and check it.

    Args:
        path_or_name: A TOML file, with or without ``.toml``, or the bare name of a shipped recipe, such
            as ``kana``.
        overrides: ``KEY=VALUE`` each, such as ``render.per_class=100``. The value is read as TOML,
            and as a string if it is none. The last one wins.
        folder: What relative paths in the recipe start from; the file's own folder by default.

    Raises:
        RecipeError: The file cannot be read, is not TOML, or asks for what cannot be; one line for
            each problem.
    """
    path = _locate(path_or_name)
    written = extend(path, _read_written, _locate)
    data = written.data
    data.setdefault("name", path.stem)
    origin = Origin(
        file=str(path),
        folder=path.parent if folder is None else Path(folder),
        lines=written.lines,
        files=written.files,
    )
    origin, problems = _override(data, overrides, origin)
    return _check(data, origin, problems)


def parse_recipe(content: bytes, place: object, folder: str | os.PathLike[str]) -> Recipe:
    """Return the recipe that lies beside a dataset: it is whole, and extends no other.

    Args:
        content: Of its file.
        place: Of the file, as it is shown.
        folder: What relative paths in the recipe start from.

    Raises:
        RecipeError: As for ``read_recipe``.
    """
    data, lines = _parse(_decode(content, place), str(place))
    return _check(data, Origin(file=str(place), folder=Path(folder), lines=lines), [])


def read_steps(path: str | os.PathLike[str]) -> tuple[AugmentStep, ...]:
    """Read the ``[[augment]]`` tables of a TOML file, a recipe or a file of nothing else.

    Raises:
        RecipeError: The file cannot be read, has no such table, or asks for what cannot be.
    """
    path = Path(path)
    data, lines = _parse(_read_text(path), str(path))
    if not data.get("augment"):
        raise RecipeError(f"{path}: has no [[augment]] table, expected one or more")
    # What a recipe needs beside them is nobody's business here.
    whole = {"classes": {"text": "x"}, "fonts": {"files": ["x"]}} | data
    origin = Origin(file=str(path), folder=path.parent, lines=lines)
    return _check(whole, origin, []).augment


def _check(data: dict[str, Any], origin: Origin, problems: list[str]) -> Recipe:
    if not {"classes", "page"} & data.keys():
        problems.append(f"{origin.place(('classes',))}: missing, expected a table [classes]")
    try:
        recipe = Recipe.model_validate(data, context=origin)
    except ValidationError as error:
        problems += explain(error, data, origin)
    if problems:
        raise RecipeError(*problems)
    return recipe


def dump_recipe(recipe: Recipe) -> str:
    """Write a recipe as TOML with every default spelled out; reading it gives an equal recipe."""
    page = recipe.model_dump(mode="json", exclude_none=True)
    if not recipe.augment:
        del page["augment"]
    if recipe.page is not None:  # which has these keys of its own
        page["render"] = {key: page["render"][key] for key in ("engine", "count")}
        page["classes"] = {key: page["classes"][key] for key in ("language", "features")}
    return tomli_w.dumps(page)


def find_shipped(name: str) -> Path:
    """Find a recipe that comes with glyphgen.

    Args:
        name: Its name, such as ``kana``.

    Raises:
        RecipeError: There is none of that name.
    """
    shipped = list_shipped()
    if name not in shipped:
        known = ", ".join(shipped)
        hint = guess(name, list(shipped)) or "give a path to read your own"
        raise RecipeError(f"{name}: no such recipe, expected one of {known} ({hint})")
    return shipped[name]


def list_shipped() -> dict[str, Path]:
    """Return the shipped recipes by name: of an installed package, or else of a checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "data" / "recipes", package.parent / "recipes"):
        if folder.is_dir():
            paths = {path.stem: path for path in folder.glob("*.toml")}
            return dict(sorted(paths.items()))
    return {}


def find_bundled_fonts() -> Path:
    """Return the folder of the fonts that come with glyphgen, which lies beside that of its recipes."""
    return find_shipped("kana").parent.parent / "fonts"


def _locate(path_or_name: str | os.PathLike[str]) -> Path:
    """Return the file to read: as named, or with .toml; a bare name that is none is a shipped recipe's."""
    path = Path(path_or_name)
    if path.suffix or path.is_file():
        return path
    own = path.with_name(f"{path.name}.toml")
    if own.is_file():
        return own
    is_bare = str(path_or_name) == path.name
    if is_bare and (path.name in list_shipped() or not path.exists()):
        return find_shipped(path.name)
    return path


def _read_text(path: Path) -> str:
    try:
        content = read_regular(path, RECIPE)
    except FileNotFoundError:
        names = ", ".join(list_shipped())
        siblings = [str(sibling) for sibling in path.parent.glob("*.toml")]
        hint = guess(str(path), siblings) or f"shipped recipes go by name: {names}"
        raise RecipeError(f"{path}: no such file, expected a recipe ({hint})") from None
    except RefusedFileError as error:
        raise RecipeError(f"{path}: {describe_unread(error)} (a TOML file)") from None
    except OSError as error:
        raise RecipeError(f"{path}: {describe_unread(error)}") from None
    return _decode(content, path)


def _decode(content: bytes, place: object) -> str:
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        byte = error.object[error.start]
        raise RecipeError(
            f"{place}:{line}: not UTF-8: found byte 0x{byte:02X} (save the file as UTF-8)"
        ) from None


def _read_written(path: Path) -> Written:
    data, lines = _parse(_read_text(path), str(path))
    return Written(data=data, lines=lines, files={})


def _parse(text: str, file: str) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Return what a TOML text says, and the line of each key."""
    try:
        return tomllib.loads(text), find_lines(text)
    except tomllib.TOMLDecodeError as error:
        line, column, what = len(text.splitlines()) or 1, "", str(error)
        if match := _SYNTAX_ERROR.fullmatch(what):
            what = match["what"]
            if match["line"]:
                line, column = int(match["line"]), f" at column {match['column']}"
        what = (what[:1].lower() + what[1:]).replace("invalid", "wrong")
        raise RecipeError(f"{file}:{line}: not TOML: {what}{column}") from None
    except RecursionError:
        raise RecipeError(f"{file}: nested too deeply, expected tables of a recipe") from None
    except ValueError:  # of Python, of more than 4,300 digits
        raise RecipeError(f"{file}: holds a number of thousands of digits") from None


def _override(
    data: dict[str, Any], overrides: Sequence[str], origin: Origin
) -> tuple[Origin, list[str]]:
    """Set overridden keys in ``data``; return the origin that knows of them, and problems."""
    problems = []
    paths: dict[KeyPath, str] = {}
    for given in overrides:
        try:  # the bytes of a command line are UTF-8, whatever the locale
            override = given.encode("utf-8", "surrogateescape").decode()
        except UnicodeError:
            problems.append(f"--set {given}: not UTF-8, expected KEY=VALUE in UTF-8")
            continue
        key, equals, value = override.partition("=")
        if not (equals and key):
            problems.append(f"--set {override}: not an override, expected KEY=VALUE")
            continue
        path = split_key(key.strip())
        if _set_value(data, path, _read_value(value.strip())):
            paths[path] = override
        else:
            problems.append(f"--set {override}: unknown key")
    return replace(origin, overrides=paths), problems


def _read_value(text: str) -> Any:
    """Read a TOML value; what is none is a string."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _set_value(data: Any, path: KeyPath, value: Any) -> bool:
    """Set the value at a path below ``data``, making tables on the way; False where none fits."""
    *folders, last = path
    for part in folders:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.setdefault(part, {})
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return False
    if isinstance(data, list):
        fits = isinstance(last, int) and last < len(data)
    else:
        fits = isinstance(data, dict) and isinstance(last, str)
    if fits:
        data[last] = value
    return fits
