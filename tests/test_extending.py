"""Recipes that extend others: the later wins, paths and messages tell of their own file."""

from pathlib import Path

import pytest
from conftest import FONTS

from glyphgen.errors import RecipeError
from glyphgen.recipe import Recipe, dump_recipe, read_recipe

BASE = """
name = "base"
seed = 7
[classes]
text = "AB"
[fonts]
files = ["fonts/a.ttf"]
[render]
size = [0.5, 0.6]
per_class = 10
[render.wobble]
amplitude = 0.01
[[augment]]
step = "noise"
[[augment]]
step = "elastic"
"""


def write(place: Path, text: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    return place


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write(tmp_path / "base.toml", BASE)


def read_problems(path: Path) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    return caught.value.problems


def test_tables_are_joined_and_the_later_wins(base: Path, tmp_path: Path) -> None:
    own = write(
        tmp_path / "own.toml",
        'extends = "base.toml"\n[render]\nper_class = 20\n[render.wobble]\ngrid = 4\n'
        '[[augment]]\nstep = "affine"\n',
    )
    recipe = read_recipe(own, ["render.size=0.7"])
    assert (recipe.name, recipe.seed, recipe.classes.text) == ("own", 7, "AB")
    assert (recipe.render.per_class, recipe.render.size) == (20, (0.7, 0.7))
    assert (recipe.render.wobble.amplitude, recipe.render.wobble.grid) == ((0.01, 0.01), 4)
    assert [step.model_dump()["step"] for step in recipe.augment] == ["affine"]
    assert recipe.extends is None
    whole = write(tmp_path / "whole.toml", dump_recipe(recipe))
    assert read_recipe(whole) == recipe


def test_classes_of_ones_own_take_the_place_of_all_that_the_other_has(tmp_path: Path) -> None:
    own = write(
        tmp_path / "own.toml", 'extends = "hands"\n[classes]\ntext = "ЖЯ"\nlanguage = "ru"\n'
    )
    classes = read_recipe(own).classes
    assert (classes.sets, classes.text, classes.merge, classes.language) == ((), "ЖЯ", (), "ru")
    more = write(tmp_path / "more.toml", 'extends = "own.toml"\nclasses.exclude = "Я"\n')
    assert read_recipe(more).classes.text == "ЖЯ"
    merged = write(tmp_path / "merged.toml", 'extends = "hands"\nclasses.merge = [["1", "7"]]\n')
    assert read_recipe(merged).classes.sets == read_recipe("hands").classes.sets
    wrong = write(tmp_path / "wrong.toml", 'extends = "hands"\n[classes]\nsets = 5\n')
    [problem] = read_problems(wrong)
    assert problem.startswith(f"{wrong}:3: classes.sets")


def test_paths_start_from_the_file_that_they_are_written_in(base: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "deep" / "own.toml", 'extends = "../base.toml"\n')
    recipe = read_recipe(other)
    assert recipe.fonts.files == ("../fonts/a.ttf",)
    assert recipe.find_path(recipe.fonts.files[0]).resolve() == tmp_path / "fonts" / "a.ttf"
    beside = write(tmp_path / "beside.toml", 'extends = "base.toml"\n')
    assert read_recipe(beside).fonts.files == ("fonts/a.ttf",)


def test_a_shipped_recipe_goes_by_its_name(tmp_path: Path) -> None:
    own = write(tmp_path / "mine.toml", 'extends = "digits"\nrender.per_class = 3\n')
    recipe, shipped = read_recipe(own), read_recipe("digits")
    assert recipe.render.per_class == 3
    assert recipe.classes == shipped.classes
    [pattern, *_] = recipe.fonts.files
    assert FONTS in recipe.find_path(pattern).resolve().parents
    again = write(tmp_path / "more.toml", 'extends = "mine.toml"\nseed = 5\n')
    assert read_recipe(again).render.per_class == 3
    assert read_recipe(again).seed == 5


def test_problems_tell_the_file_that_they_stand_in(base: Path, tmp_path: Path) -> None:
    write(base, BASE.replace("[0.5, 0.6]", "[9, 9]"))
    own = write(tmp_path / "own.toml", 'extends = "base.toml"\n[render]\nper_class = 0\n')
    problems = read_problems(own)
    assert {problem.partition(": found")[0] for problem in problems} == {
        f"{own}:3: render.per_class",
        f"{base}:9: render.size",
    }


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('extends = "gone.toml"', "own.toml:1: extends: {folder}/gone.toml: no such file"),
        ('extends = "own.toml"', "own.toml:1: extends: a circle"),
        ('extends = "base.toml"', "base.toml:1: extends: a circle"),
        ("extends = 5", "own.toml:1: extends: found 5, expected the path or the name"),
        ('extends = ""', "own.toml:1: extends: found '', expected the path or the name"),
        ('extends = "digitz"', "own.toml:1: extends: digitz: no such recipe"),
    ],
)
def test_what_cannot_be_extended_is_told(tmp_path: Path, line: str, problem: str) -> None:
    write(tmp_path / "base.toml", 'extends = "own.toml"\n')
    own = write(tmp_path / "own.toml", f"{line}\n")
    [found] = read_problems(own)
    assert problem.format(folder=tmp_path) in found


def test_what_is_extended_is_no_part_of_the_recipe() -> None:
    assert (
        "extends"
        not in Recipe.model_validate(
            {"classes": {"text": "A"}, "fonts": {"files": ["x"]}}
        ).model_dump()
    )
