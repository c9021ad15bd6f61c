"""Turns what pydantic found wrong into one plain line a problem."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from glyphgen.augment import STEPS
from glyphgen.recipe.lines import KeyPath
from glyphgen.recipe.origin import Origin, show_key, split_key
from glyphgen.recipe.schema import (
    choose_option,
    describe,
    find_unit,
    list_keys,
    recipe_schema,
    step_into,
)
from glyphgen.settings import MisfitError, show_value

__all__ = ["explain", "guess", "guess_key"]

_STEP_NAMES = [name for name in STEPS if name != "albumentations"]
_STEPS = f'step = one of {", ".join(_STEP_NAMES)}, or albumentations = "NAME"'


def explain(error: ValidationError, data: dict[str, Any], origin: Origin) -> list[str]:
    """Write one line for each problem, in the order of the lines of the recipe.

    Args:
        error: What validating ``data`` raised.
        data: The recipe as it was read.
        origin: Where it was read.
    """
    schema = recipe_schema()
    found = [
        (path, text)
        for details in error.errors(include_url=False)
        for path, text in _explain_one(details, data, schema)
    ]
    found.sort(key=lambda item: origin.find_line(item[0]) or 0)
    return list(dict.fromkeys(f"{_place(path, origin)}: {text}" for path, text in found))


def guess(word: str, known: Iterator[str] | list[str]) -> str:
    """Return ``did you mean 'rotation'?``, or nothing where no known word is near."""
    near = get_close_matches(word, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else ""


def _place(path: KeyPath, origin: Origin) -> str:
    override = origin.find_override(path)
    return f"--set {override}" if override else origin.place(path)


def _explain_one(
    details: ErrorDetails, data: dict[str, Any], schema: dict[str, Any]
) -> Iterator[tuple[KeyPath, str]]:
    """Yield the path and the text of what one pydantic error stands for."""
    path, node = _follow(details["loc"], schema)
    match details:
        case {"type": "extra_forbidden", "loc": (*_, str(key))}:
            known = list(node["properties"])
            yield (*path, key), _explain_unknown(key, known, is_in_list=_has_number(path))
        case {"type": "union_tag_invalid", "ctx": {"tag": str(tag)}}:
            hint = guess(tag, _STEP_NAMES)
            text = f"found {tag!r}, expected {_STEPS}"
            yield (*path, "step"), f"{text} ({hint})" if hint else text
        case {"type": "union_tag_not_found"}:
            yield path, f"names no step, expected {_STEPS}"
        case {"type": "missing"}:
            yield path, f"missing, expected a table [{show_key(path)}]"
        case {"ctx": {"error": MisfitError() as misfits}}:
            for key, text in misfits.problems:
                yield (*path, *(split_key(key) if key else ())), text
        case {"ctx": {"error": ValueError() as mistake}}:
            yield path, str(mistake)
        case _:
            value = _look_up(path, data)
            hint = guess(value, node.get("enum", [])) if isinstance(value, str) else ""
            text = f"found {show_value(value)}, expected {describe(schema, node)}"
            hint = hint or find_unit(schema, node)
            yield path, f"{text} ({hint})" if hint else text


def guess_key(word: str) -> str:
    """Return the dotted key of a recipe that a word may stand for; nothing where none is near."""
    keys: dict[str, str] = {}
    for key in list_keys():
        keys.setdefault(key.rpartition(".")[2], key)
    near = get_close_matches(word, keys, n=1, cutoff=0.75)  # there are many to be near to
    return keys[near[0]] if near else ""


def _explain_unknown(key: str, known: list[str], *, is_in_list: bool) -> str:
    elsewhere = "" if is_in_list else guess_key(key)
    is_exact = elsewhere.rpartition(".")[2] == key
    hint = "" if is_exact else guess(key, known)
    if elsewhere and not hint:
        hint = f"did you mean '{elsewhere}'?"
    return f"unknown key ({hint})" if hint else f"unknown key, expected one of {', '.join(known)}"


def _has_number(path: KeyPath) -> bool:
    return any(isinstance(part, int) for part in path)


def _follow(loc: KeyPath, schema: dict[str, Any]) -> tuple[KeyPath, dict[str, Any]]:
    """Follow a pydantic location as far as it names keys; what is left names parts of types."""
    node = schema
    path: KeyPath = ()
    for part in loc:
        if (option := choose_option(schema, node, part)) is not None:
            node = option  # the name of a step, which is no key
        elif (below := step_into(schema, node, part)) is not None:
            node, path = below, (*path, part)
        else:
            break
    return path, node


def _look_up(path: KeyPath, data: Any) -> Any:
    """Return the value at a path, or the nearest one above it: a number may stand for a list."""
    for part in path:
        match data, part:
            case dict(), str():
                data = data[part]
            case list(), int():
                data = data[part]
    return data
