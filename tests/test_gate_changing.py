"""What a recipe varies may not make another character of a cell."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

from glyphgen.errors import GateError
from glyphgen.gate.page import make_gate_page
from glyphgen.plan.ranges import VALUES, draw_in, draw_in_scatter
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.preparing import prepare_render, survey_faces
from glyphgen.streams import mix_words

WriteRecipe = Callable[[str], Path]
FILES = [str(path) for path in sorted((FONTS / "kana").glob("K*.ttf"))]


@pytest.fixture
def make_recipe(write_recipe: WriteRecipe) -> Callable[..., Recipe]:
    """Two letters that a turn makes of each other, in five typefaces."""

    def make(rotation: float, policy: str = "shrink", more: str = "") -> Recipe:
        return read_recipe(
            write_recipe(
                f'[classes]\ntext = "69"\n{more}\n[fonts]\nfiles = {FILES}\n[render]\nper_class = 400\n'
                f'rotation = [{-rotation}, {rotation}]\n[gate]\non_changed = "{policy}"\n'
            )
        )

    return make


def test_a_turn_that_makes_another_letter_is_drawn_in(make_recipe: Callable[..., Recipe]) -> None:
    prepared = prepare_render(make_recipe(180), use_cache=False)
    share = prepared.verdict.changes.share.ravel()
    assert (share < 1).any()
    rows = prepared.plan.rows(0, prepared.plan.n_rows)
    turned = np.abs(rows.samples["rotation_deg"])
    assert (turned <= 180 * share[rows.cell] + 1e-3).all()
    for cell in np.unique(rows.cell):  # what is left of the range is used
        assert turned[rows.cell == cell].max() >= 0.8 * 180 * share[cell]
    assert " by K" in "".join(prepared.warnings)


def test_a_turn_that_nobody_notices_changes_nothing(make_recipe: Callable[..., Recipe]) -> None:
    assert (survey_faces(make_recipe(20), use_cache=False).verdict.changes.share == 1).all()


def test_what_is_drawn_in_is_on_the_gate_page(make_recipe: Callable[..., Recipe]) -> None:
    found = survey_faces(make_recipe(180), use_cache=False)
    page = make_gate_page(found)
    assert len(page.changed) == (found.verdict.changes.share < 1).sum()
    assert {(entry.form, entry.shows) for entry in page.changed} <= {("6", "9"), ("9", "6")}
    assert all(0 <= entry.share < 1 and entry.figure > 0 for entry in page.changed)


def test_or_refused_or_let_be(make_recipe: Callable[..., Recipe]) -> None:
    shrunk = survey_faces(make_recipe(180), use_cache=False).verdict.changes.share < 1
    refused = survey_faces(make_recipe(180, "refuse"), use_cache=False).verdict
    assert {(r.face, r.form) for r in refused.refusals} == set(map(tuple, np.argwhere(shrunk)))
    assert {r.reason for r in refused.refusals} == {"changed"}
    assert (refused.changes.share == 1).all()
    with pytest.raises(GateError, match=r"is varied into another character .*: 6 looks like '9'"):
        prepare_render(make_recipe(180, "refuse"), use_cache=False)
    allowed = survey_faces(make_recipe(180, "allow"), use_cache=False).verdict
    assert not allowed.refusals
    assert (allowed.changes.share == 1).all()


@pytest.mark.parametrize("rotation", ["180", "[170, 190]"])
def test_a_fixed_turn_that_makes_another_letter_is_refused(
    rotation: str, make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    make_recipe(0)
    fixed = [f"render.rotation={rotation}", 'classes.text="69"']
    recipe = read_recipe(tmp_path / "tiny.toml", fixed)
    verdict = survey_faces(recipe, use_cache=False).verdict
    changed = [(r.form, r.shows) for r in verdict.refusals if r.reason == "changed"]
    assert set(changed) == {(0, "9"), (1, "6")}
    assert len(changed) >= 8
    with pytest.raises(GateError, match="is varied into another character by this recipe, with"):
        prepare_render(recipe, use_cache=False)
    grid = [*fixed, "render.mode='grid'", "render.rotation=180", "render.size=0.7"]
    grid += ["render.shift_x=0", "render.shift_y=0"]
    dump = (tmp_path / "tiny.toml").read_text("utf-8").replace("per_class = 400\n", "")
    (tmp_path / "grid.toml").write_text(dump, "utf-8")
    verdict = survey_faces(read_recipe(tmp_path / "grid.toml", grid), use_cache=False).verdict
    assert {(r.form, r.shows) for r in verdict.refusals} >= {(0, "9"), (1, "6")}
    allowed = read_recipe(tmp_path / "tiny.toml", [*fixed, 'gate.on_changed="allow"'])
    assert not survey_faces(allowed, use_cache=False).verdict.refusals


def test_a_fixed_value_that_nobody_notices_changes_nothing(
    make_recipe: Callable[..., Recipe], tmp_path: Path
) -> None:
    make_recipe(0)
    fixed = ["render.rotation=8", "render.shear=10", "render.stretch=1.1", "render.weight=0.01"]
    verdict = survey_faces(read_recipe(tmp_path / "tiny.toml", fixed), use_cache=False).verdict
    assert not verdict.refusals
    assert (verdict.changes.share == 1).all()


def test_forms_of_one_class_are_no_change(make_recipe: Callable[..., Recipe]) -> None:
    merged = make_recipe(180, more='merge = [["6", "9"]]')
    assert (survey_faces(merged, use_cache=False).verdict.changes.share == 1).all()


def test_what_an_earlier_run_found_is_found_again(make_recipe: Callable[..., Recipe]) -> None:
    first = survey_faces(make_recipe(180)).verdict.changes
    again = survey_faces(make_recipe(180)).verdict.changes
    for name in ("share", "shows", "margin", "is_lost"):
        assert np.array_equal(getattr(first, name), getattr(again, name))


def test_values_are_drawn_in_towards_what_leaves_the_shape_as_it_is(
    make_recipe: Callable[..., Recipe],
) -> None:
    render = make_recipe(10).render.model_copy(
        update={"shear": (10.0, 20.0), "stretch": (0.5, 1.5), "size": (0.6, 0.8)}
    )
    values = np.array([[0.8, 0.5, -0.5, 10.0, 20.0, 1.5, 0.0, 0.0]])
    half = dict(zip(VALUES, draw_in(render, values, np.array([0.5]))[0].tolist(), strict=True))
    assert half["rotation"] == 5
    assert half["shear"] == 15  # upright is not among what was asked for: the least is
    assert half["stretch"] == 1.25
    assert (half["size"], half["shift_x"], half["shift_y"]) == (0.8, 0.5, -0.5)
    assert (draw_in(render, values, np.ones(1)) == values).all()


def test_scattered_pieces_are_drawn_in() -> None:
    words = mix_words(np.arange(5, dtype=np.uint64), use=0, n=64)
    assert (draw_in_scatter(words, np.ones(5)) == words).all()
    assert (draw_in_scatter(words, np.zeros(5)) == 0x8000800080008000).all()


def test_one_amplitude_of_a_wobble_is_drawn_in_and_refuses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        f'classes.text = "フつワヘ"\nfonts.files = ["{FONTS}/kana/*.ttf"]\n'
        "render = { per_class = 60, rotation = 0, wobble = { amplitude = 0.1, grid = 3 } }\n",
        encoding="utf-8",
    )
    prepared = prepare_render(read_recipe(path), use_cache=False)
    changes = prepared.verdict.changes
    assert not changes.is_lost.any()
    assert (changes.share < 1).any()
    samples = prepared.plan.rows(0, prepared.plan.n_rows).samples
    share = changes.share[samples["face"], samples["form"]]
    assert np.allclose(samples["wobble_em"], 0.1 * share)
