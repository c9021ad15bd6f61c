"""The page of recipes is made from the records, and says all that a recipe can hold."""

import re
from pathlib import Path

import pytest

from glyphgen import choices
from glyphgen.augment import STEPS
from glyphgen.classes import CHARACTER_SETS
from glyphgen.recipe import read_recipe, recipe_schema
from glyphgen.recipe.schema import list_tables
from glyphgen.reference import make_reference

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "recipes.md").read_text("utf-8")


def find_row(section: str, key: str) -> str:
    """Return the row of a key in the table under a heading."""
    text = PAGE[PAGE.index(f"\n{section}\n") :]
    [row] = re.findall(rf"^\| `{key}` \|.*$", text[: text.find("\n#", 2)], flags=re.MULTILINE)
    return str(row)


def test_the_page_is_the_one_that_the_records_make() -> None:
    assert make_reference() == PAGE, "run: python -m glyphgen.reference > docs/recipes.md"


def test_every_table_and_every_key_has_a_row() -> None:
    schema = recipe_schema()
    headings = {path for paths in list_tables().values() for path in paths} - {"", "augment"}
    assert {h for h in headings if f"[{h}]" not in PAGE} == set()
    keys = {key for table in (schema, *schema["$defs"].values()) for key in table["properties"]}
    assert {key for key in keys - {"step"} if f"\n| `{key}` |" not in PAGE} == set()
    assert {name for name in STEPS if f"\n### {name}\n" not in PAGE} == set()
    assert {name for name in CHARACTER_SETS if f"\n| `{name}` |" not in PAGE} == set()


@pytest.mark.parametrize(
    ("section", "key", "table"),
    [
        ("## `[render]`", "engine", {k: v.help for k, v in choices.ENGINES.items()}),
        ("## `[render]`", "framing", choices.FRAMINGS),
        ("## `[gate]`", "on_cut_off", choices.ON_CUT_OFF),
        ("## `[output]`", "format", {k: v.help for k, v in choices.STORAGE_FORMATS.items()}),
    ],
)
def test_every_choice_stands_with_its_meaning(
    section: str, key: str, table: dict[str, str]
) -> None:
    row = find_row(section, key)
    for word, text in table.items():
        assert f'`"{word}"`: {text}' in row


def test_units_defaults_and_engines_are_those_of_the_records() -> None:
    assert find_row("## `[render]`", "size").endswith(
        "| a number above 0, at most 4, or [values](#varying-values) | `[0.6, 0.8]` | Em size as a"
        " fraction of the image height: 0.75 in 64 pixels is an em of 48. Default in grid mode:"
        " [0.75]. |"
    )
    assert find_row("## `[render]`", "weight").endswith("Only with engine vector. |")
    assert find_row("### pen", "width") == (
        "| `width` | a number from 0 to 0.2, or a range `[low, high]` | `[0.03, 0.08]` | Width of the"
        " line, as a fraction of the image height. |"
    )
    assert find_row("### Character sets", "digits") == (
        "| `digits` | 10 | '0' (U+0030) and '9' (U+0039) | 0 to 9 |"
    )


def test_the_steps_of_the_example_can_be_read(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)
    path = tmp_path / "r.toml"
    path.write_text(f'classes.text = "a"\nfonts.files = ["x.ttf"]\n{example}', "utf-8")
    assert len(read_recipe(path).augment) == 4


def test_the_list_of_recipes_is_complete() -> None:
    readme = (ROOT / "recipes" / "README.md").read_text("utf-8")
    listed = re.findall(r"^\| \[(.*)\.toml\]", readme, flags=re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in (ROOT / "recipes").glob("*.toml"))
