"""Writes the reference of recipes as Markdown, from the records and tables that recipes are read by.

``python -m glyphgen.reference > docs/recipes.md`` makes the page again.
"""

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic.fields import FieldInfo

from glyphgen.augment import STEPS, Step
from glyphgen.classes import CHARACTER_SETS
from glyphgen.recipe import Recipe, recipe_schema
from glyphgen.recipe.schema import describe, describe_key, list_tables
from glyphgen.settings import Settings, Varying
from glyphgen.text import show_text

__all__ = ["make_reference"]

_INTRODUCTION = """\
<!-- Made by `python -m glyphgen.reference > docs/recipes.md`: change the records, not this page. -->

# Recipes

A recipe says which characters, which fonts, and how they vary. It is a
[TOML](https://toml.io/en/v1.0.0) file of a few lines; every key has a default except what to draw and
with what. [Getting started](getting-started.md) explains one. `--set KEY=VALUE` changes any key for one
run, and the change is checked like the file. A first line `#:schema ./recipe.schema.json` lets editors
complete and check keys; `glyphgen recipe-schema` prints the schema.

## Units

- Sizes and lengths are fractions of the image height, unless a key says otherwise.
- `em` is the font's own unit: the height of a line of type at that size.
- Angles are degrees; positive turns counter-clockwise, as seen.
- Shifts go right and down where positive.
- Paths and globs start from the folder of the recipe, also when they are given by `--set`.

## Varying values

What may be written for *values* depends on `render.mode`.

| written | in random mode | in grid mode |
|---|---|---|
| `0.7` | always 0.7 | always 0.7 |
| `[0.6, 0.8]` | anything from 0.6 to 0.8 | 0.6 and 0.8 |
| `[0.5, 0.6, 0.8]` | an error | these three |
| `{ start = 0.5, stop = 0.8, step = 0.1 }` | an error | 0.5, 0.6, 0.7 and 0.8 |

In random mode each sample draws its own values. In grid mode each class is drawn once by every face
with every combination, so the number of images is a product, and `render.per_class` is not given. A
*range* is a number or `[low, high]` in either mode."""

_AUGMENT = """\
What is done to the drawn images: one `[[augment]]` table for each step, 15 at most, applied in the
order in which they stand. The engine has drawn the outline by then, so `rotation` and `wobble` of
`[render]` cost no sharpness, and these steps cost a little; they are for what outlines cannot do. What
each sample drew stands in its `samples`, in fields that begin with `augment_`. `step` names a step;
`albumentations` names a transform of that library instead.

```toml
[[augment]]
step = "elastic"
amplitude = [0.01, 0.04]

[[augment]]
step = "affine"          # next to elastic: both in one resampling
rotation = [-8, 8]

[[augment]]
step = "noise"
salt_and_pepper = 0.01
chance = 0.3             # three images of ten

[[augment]]
albumentations = "GridDistortion"
args = { num_steps = 4 }
```

Every step has this key:"""

_HEAD = "| key | takes | default | meaning |\n|---|---|---|---|"


def make_reference() -> str:
    """Return the page: every key, choice, augmentation and character set."""
    return "\n\n".join(_list_blocks()) + "\n"


def _list_blocks() -> Iterator[str]:
    schema = recipe_schema()
    yield _INTRODUCTION
    for section, paths in list_tables().items():
        node = schema if section is Recipe else schema["$defs"][section.__name__]
        hidden: Sequence[str] = ()
        if issubclass(section, Step):
            if section is next(iter(STEPS.values())):
                yield "## `[[augment]]`"
                yield _AUGMENT
                yield _show_keys(schema, node, Step, "augment")
            hidden = ("chance", "step")
        yield _show_title(section, paths)
        yield inspect.getdoc(section) or ""
        yield _show_keys(schema, node, section, paths[0], hidden)
        if paths == ["classes"]:
            yield from _list_sets()


def _list_sets() -> Iterator[str]:
    yield "### Character sets"
    rows = ["| set | characters | first and last | which |", "|---|---:|---|---|"]
    for name, entry in CHARACTER_SETS.items():
        chars = entry.list_chars()
        ends = f"{show_text(chars[0])} and {show_text(chars[-1])}"
        rows.append(f"| `{name}` | {len(chars):,} | {ends} | {entry.help} |")
    yield "\n".join(rows)


def _show_title(section: type[Settings], paths: Sequence[str]) -> str:
    if section is Recipe:
        return "## Top level"
    if issubclass(section, Step):
        return f"### {next(name for name, record in STEPS.items() if record is section)}"
    titles = [f"`[[{path}]]`" if _is_list(path) else f"`[{path}]`" for path in paths]
    return f"{'###' if '.' in paths[0] else '##'} {' and '.join(titles)}"


def _is_list(path: str) -> bool:
    *above, key = path.split(".")
    record = next(r for r, paths in list_tables().items() if ".".join(above) in paths)
    return bool(record.model_fields[key].default == ())


def _show_keys(
    schema: dict[str, Any],
    node: dict[str, Any],
    section: type[Settings],
    path: str,
    hidden: Sequence[str] = (),
) -> str:
    rows = [_HEAD]
    for key, field in section.model_fields.items():
        if key not in hidden:
            takes = _mark_code(_show_type(schema, node["properties"][key], field))
            meaning = _mark_code(describe_key(section, key, path))
            rows.append(f"| `{key}` | {takes} | {_show_default(field)} | {meaning} |")
    return "\n".join(rows)


def _show_type(schema: dict[str, Any], node: dict[str, Any], field: FieldInfo) -> str:
    for mark in field.metadata:
        if isinstance(mark, Varying):
            more = "[values](#varying-values)" if mark.steps else "a range `[low, high]`"
            return f"{describe(schema, node['anyOf'][0])}, or {more}"
    return describe(schema, node)


def _mark_code(text: str) -> str:
    """Put words between quotes into backticks: a page would set them with quotes of another kind."""
    parts = text.split("`")
    parts[::2] = [re.sub(r'"[^"\s]+"', r"`\g<0>`", part) for part in parts[::2]]
    return "`".join(parts)


def _show_default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    return "" if default is None or isinstance(default, Settings) else f"`{json.dumps(default)}`"


if __name__ == "__main__":
    print(make_reference(), end="")
