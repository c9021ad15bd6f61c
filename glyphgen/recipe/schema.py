"""The JSON Schema of recipes and its plain-English reading.

Editors check a recipe against the schema, and messages say what was expected in its words, so that
a limit is written down once, at its field.
"""

import ast
import inspect
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import Any, get_args

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from glyphgen.choices import OneOf
from glyphgen.recipe.extending import EXTENDS
from glyphgen.recipe.model import Recipe
from glyphgen.recipe.render import GRID_DEFAULTS, Render, find_able_engines
from glyphgen.settings import UNIT, Settings

__all__ = [
    "choose_option",
    "describe",
    "describe_key",
    "find_unit",
    "list_keys",
    "list_tables",
    "recipe_schema",
    "step_into",
]

_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "object": "a table",
    "string": "a string",
}


class _TomlSchema(GenerateJsonSchema):
    """A schema without null, which TOML cannot write, and without what only repeats.

    Titles repeat names, and the default of a table repeats the defaults of its keys.
    """

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if isinstance(described.get("default"), dict | None):
            described.pop("default", None)
        return described

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def recipe_schema() -> dict[str, Any]:
    """Make the JSON Schema of a recipe, with the text of every field as its description.

    Source:
        JSON Schema, draft 2020-12.
    """
    schema = Recipe.model_json_schema(schema_generator=_TomlSchema)
    for section, paths in list_tables().items():
        node = schema if section is Recipe else schema["$defs"][section.__name__]
        for key, below in node["properties"].items():
            below["description"] = describe_key(section, key, paths[0])
    # What a recipe has to say may be said by the one that it extends.
    schema["if"] = {"not": {"required": [EXTENDS]}}
    schema["then"] = {"anyOf": [{"required": [source]} for source in ("fonts", "strokes")]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:glyphgen:recipe",
        **schema,
    }


def list_tables() -> Mapping[type[Settings], Sequence[str]]:
    """Return the record of every table of a recipe, and the dotted keys that it stands at."""
    tables: defaultdict[type[Settings], list[str]] = defaultdict(list)

    def visit(section: type[Settings], path: str) -> None:
        tables[section].append(path)
        for key, field in section.model_fields.items():
            for below in _find_sections(field.annotation):
                visit(below, f"{path}.{key}".lstrip("."))

    visit(Recipe, "")
    return tables


def list_keys(section: type[Settings] = Recipe, path: str = "") -> Iterator[str]:
    """Yield every dotted key of a recipe that ``--set`` can give, but for those within lists."""
    for key, field in section.model_fields.items():
        yield f"{path}{key}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, Settings):
            yield from list_keys(field.annotation, f"{path}{key}.")


def _find_sections(annotation: Any) -> Iterator[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from _find_sections(part)


@cache
def _read_texts(section: type[Settings]) -> dict[str, str]:
    """Return the text below each field in the source of a record and of those it extends.

    Pydantic can read it (``use_attribute_docstrings``), but does so at every import, in every worker.
    """
    texts: dict[str, str] = {}
    for record in reversed(section.__mro__):
        if issubclass(record, Settings):
            with suppress(
                OSError
            ):  # one that is made by a call has no source, and brings its texts
                [tree] = ast.parse(textwrap.dedent(inspect.getsource(record))).body
                texts.update(_find_texts(getattr(tree, "body", ())))
    return texts


def _find_texts(body: Sequence[ast.stmt]) -> Iterator[tuple[str, str]]:
    for field, below in pairwise(body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, " ".join(text.split())


def describe_key(section: type[Settings], key: str, path: str) -> str:
    """Say what a key of a table means, and each of its choices.

    Args:
        section: The table's record.
        key: One of its fields.
        path: Dotted key of the table.
    """
    field = section.model_fields[key]
    parts = [field.description or _read_texts(section).get(key, "")]
    for mark in field.metadata:
        if isinstance(mark, OneOf):
            parts += [f'"{word}": {text}' for word, text in mark.list_help().items()]
    in_grid = GRID_DEFAULTS.get(key) if section is Render else None
    if in_grid and set(in_grid) != set(field.default):
        parts.append(f"Default in grid mode: [{', '.join(f'{number:g}' for number in in_grid)}].")
    if able := find_able_engines(f"{path}.{key}"):
        parts.append(f"Only with engine {' or '.join(able)}.")
    return " ".join(parts)


def step_into(root: dict[str, Any], node: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    """Return the schema of one key or one list element below a node; None where there is none."""
    for option in _options(root, node):
        if isinstance(part, int):
            below = option.get("items")
        else:
            below = option.get("properties", {}).get(part) or option.get("additionalProperties")
        if isinstance(below, dict):
            return _resolve(root, below)
    return None


def choose_option(
    root: dict[str, Any], node: dict[str, Any], tag: str | int
) -> dict[str, Any] | None:
    """Return the schema of the step of that name, where a node is one of several steps."""
    for option in node.get("oneOf", []):
        below = _resolve(root, option)
        properties = below["properties"]
        if properties["step"]["const"] == tag if "step" in properties else tag in properties:
            return below
    return None


def describe(root: dict[str, Any], node: dict[str, Any]) -> str:
    """Say in plain English what a schema admits: ``a whole number from 8 to 4096``."""
    options = [_describe_one(root, option) for option in _options(root, node)]
    return " or ".join(dict.fromkeys(options))


def find_unit(root: dict[str, Any], node: dict[str, Any]) -> str:
    """Return what a number counts: ``in em, not pixels``; nothing where its schema does not say."""
    for option in _options(root, node):
        if unit := option.get(UNIT) or option.get("items", {}).get(UNIT):
            return str(unit)
    return ""


def _resolve(root: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    reference = node.get("$ref")
    return root["$defs"][reference.removeprefix("#/$defs/")] if reference else node


def _options(root: dict[str, Any], node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for option in node.get("anyOf", [node]):
        yield _resolve(root, option)


def _describe_one(root: dict[str, Any], node: dict[str, Any]) -> str:
    match node:
        case {"enum": [*most, last]}:
            words = ", ".join(f'"{value}"' for value in most) + f' or "{last}"'
        case {"pattern": str(), "examples": [*examples]}:
            words = "a tag like " + " or ".join(f'"{example}"' for example in examples)
        case {"pattern": str()}:
            words = "letters, digits and . _ - (not . or - at the start)"
        case {"type": "array", "items": items}:
            words = f"a list of {_pluralise(describe(root, items))}"
        case {"type": "array", "prefixItems": [first, *others]}:
            words = f"a list of {len(others) + 1}, each {describe(root, first)}"
        case {"type": "boolean"}:
            words = "true or false"
        case {"oneOf": _}:
            words = "a table"
        case {"type": kind}:
            words = _KINDS[kind] + _describe_limits(node)
    return words


def _pluralise(words: str) -> str:
    words = words.removeprefix("a ")
    for one, many in (("tag like", "tags like"), ("whole number ", "whole numbers ")):
        if words.startswith(one):
            return many + words.removeprefix(one)
    return f"lists{words.removeprefix('list')}" if words.startswith("list of") else f"{words}s"


def _describe_limits(node: dict[str, Any]) -> str:
    match node:
        case {"minimum": low, "maximum": high}:
            return f" from {_show(low)} to {_show(high)}"
        case {"minimum": low, "exclusiveMaximum": high}:
            return f" from {_show(low)} to below {_show(high)}"
        case {"exclusiveMinimum": low, "maximum": high}:
            return f" above {_show(low)}, at most {_show(high)}"
        case {"exclusiveMinimum": low, "exclusiveMaximum": high}:
            return f" above {_show(low)} and below {_show(high)}"
        case {"minimum": low}:
            return f" of at least {_show(low)}"
    return ""


def _show(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
