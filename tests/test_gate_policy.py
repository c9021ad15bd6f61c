"""A user who knows better is heard: cells are allowed, denied, and counted."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, PAIR, RING, TOFU, MakeFont
from prepared_renders import Parts, lay_out

from glyphgen.errors import GateError, RecipeError
from glyphgen.gate import Refusal, require_classes

WriteRecipe = Callable[[str], Path]
Recipe = Callable[[str], Path]


@pytest.fixture
def recipe(make_font: MakeFont, write_recipe: WriteRecipe) -> Recipe:
    """Two faces and four classes, and a text that goes below ``[gate]``."""
    make_font("foo-1.ttf", {"A": BOX, "B": [], "C": TOFU, "D": RING})
    make_font("bar.ttf", {"A": RING, "B": PAIR, "C": BOX, "D": BOX})

    def write(gate: str) -> Path:
        return write_recipe(
            f'[classes]\ntext = "ABCD"\n[fonts]\nfiles = ["*.ttf"]\n[gate]\n{gate}\n'
        )

    return write


def refused(parts: Parts) -> list[tuple[str, str, str]]:
    return [
        (parts.faces[r.face].name, parts.table.all_forms[r.form], r.reason)
        for r in parts.verdict.refusals
    ]


def policy_of(parts: Parts) -> tuple[str, ...]:
    with pytest.raises(GateError) as caught:
        require_classes(parts.recipe, parts.table, parts.faces, parts.verdict)
    return caught.value.problems


EMPTY = ("foo-1.ttf", "B", "no outline")
NOTDEF = ("foo-1.ttf", "C", "like .notdef")


def test_what_the_recipe_denies_is_refused_and_is_no_mistake_of_the_font(recipe: Recipe) -> None:
    parts = lay_out(recipe('deny = [{ face = "bar*", forms = ["A", "U+0044"] }]'))
    denied = "denied by the recipe"
    assert refused(parts) == [("bar.ttf", "A", denied), ("bar.ttf", "D", denied), EMPTY, NOTDEF]
    assert [line.split(":")[0].split("/")[-1] for line in policy_of(parts)] == ["foo-1.ttf"] * 2


def test_what_the_recipe_allows_is_admitted_and_written_down(recipe: Recipe) -> None:
    parts = lay_out(recipe('allow = [{ face = "foo-?.ttf", forms = "C" }]'))
    assert refused(parts) == [EMPTY]
    assert parts.verdict.allowed == (Refusal(face=1, form=2, reason="like .notdef", figure=1.0),)
    assert parts.verdict.admitted.tolist() == [[True] * 4, [True, False, True, True]]


def test_what_cannot_be_drawn_is_refused_whatever_the_recipe_allows(recipe: Recipe) -> None:
    assert refused(lay_out(recipe('allow = [{ face = "foo*" }]'))) == [EMPTY]


def test_deny_outweighs_allow(recipe: Recipe) -> None:
    parts = lay_out(recipe('allow = [{ forms = "C" }]\ndeny = [{ face = "foo*", forms = "CD" }]'))
    assert refused(parts) == [EMPTY, NOTDEF, ("foo-1.ttf", "D", "denied by the recipe")]
    assert parts.verdict.allowed == ()


def test_names_that_match_nothing_are_refused_at_their_lines(recipe: Recipe) -> None:
    path = recipe(
        'deny = [{ face = "baz*", forms = "A" }]\n'
        'allow = [\n{ forms = "ZAY" },\n{ forms = "U+0044..U+0042" },\n]'
    )
    with pytest.raises(RecipeError) as caught:
        lay_out(path)
    assert caught.value.problems == (
        f"{path}:8: gate.allow.0.forms: found 'Z' (U+005A), 'Y' (U+0059),"
        " expected only characters that have a class",
        f"{path}:9: gate.allow.1.forms: 'U+0044..U+0042' runs backwards,"
        " expected the lower end first (U+0042..U+0044)",
        f"{path}:6: gate.deny.0.face: no face is called 'baz*',"
        " expected a file name or a glob: bar.ttf, foo-1.ttf",
    )


def test_a_choice_of_nothing_is_refused(recipe: Recipe) -> None:
    path = recipe("deny = [{}]")
    with pytest.raises(RecipeError) as caught:
        lay_out(path)
    assert caught.value.problems == (
        f"{path}:6: gate.deny: found neither face nor forms, expected at least one of them",
    )


def test_too_few_faces_are_an_error_that_names_classes_and_counts(recipe: Recipe) -> None:
    path = recipe('on_refused = "skip"\nmin_faces_per_class = 2')
    assert policy_of(lay_out(path)) == (
        f"{path}:7: gate.min_faces_per_class: fewer than 2 faces draw 2 of 4 classes:"
        " 'B' (U+0042) by 1, 'C' (U+0043) by 1"
        " (add fonts that have them, exclude them, or ask for fewer faces)",
    )
    parts = lay_out(path, "gate.min_faces_per_class=1")
    require_classes(parts.recipe, parts.table, parts.faces, parts.verdict)


def test_a_face_that_draws_any_form_of_a_class_draws_the_class(recipe: Recipe) -> None:
    parts = lay_out(
        recipe('on_refused = "skip"\nmin_faces_per_class = 2'), 'classes.merge=[["A", "B", "C"]]'
    )
    require_classes(parts.recipe, parts.table, parts.faces, parts.verdict)


def test_a_class_that_the_recipe_denies_altogether_is_an_error(recipe: Recipe) -> None:
    path = recipe('on_refused = "skip"\nmin_faces_per_class = 1\ndeny = [{ forms = "D" }]')
    assert policy_of(lay_out(path)) == (
        f"{path}:1: classes: no face draws 'D' (U+0044) of 4 classes"
        " (add a font that has them, or exclude them)",
    )
