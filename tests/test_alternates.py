"""Alternates: one more face of those characters that an OpenType feature changes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

import glyphgen
from glyphgen.errors import FontError, RecipeError
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.typefaces import find_typefaces
from glyphgen.recipe import dump_recipe, read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render

CAVEAT = FONTS / "latin" / "Caveat_400Regular.ttf"
RECIPE = f"""
[fonts]
files = ["{FONTS}/latin/PatrickHand_400Regular.ttf", "{FONTS}/latin/Kalam_400Regular.ttf"]
[[fonts.faces]]
file = "{CAVEAT}"
alternates = ALTERNATES
[render]
per_class = 12
[gate]
on_changed = "allow"
on_unproven = "allow"
[classes]
"""

Prepare = Callable[..., PreparedRender]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    folder = tmp_path_factory.mktemp("alternates")

    def make(classes: str, alternates: str = '["salt"]', *overrides: str) -> PreparedRender:
        path = folder / "r.toml"
        path.write_text(RECIPE.replace("ALTERNATES", alternates) + classes, encoding="utf-8")
        return prepare_render(read_recipe(path, overrides))

    return make


def test_an_alternate_draws_what_its_feature_changes(prepare: Prepare) -> None:
    prepared = prepare('text = "ab25"')
    names = [face.name for face in prepared.faces]
    assert names[2:] == ["Caveat_400Regular.ttf", "Caveat_400Regular.ttf,salt"]
    admitted = prepared.verdict.admitted
    assert admitted[:3].all()
    assert admitted[3].tolist() == [True, True, False, False]
    assert prepared.verdict.refusals == (), "what is drawn once is not refused"
    drawn = prepared.plan.rows(0, prepared.plan.n_rows).samples
    for form, n_faces in ((0, 4), (1, 4), (2, 3), (3, 3)):
        faces, counts = np.unique(drawn["face"][drawn["form"] == form], return_counts=True)
        assert faces.tolist() == list(range(n_faces))
        assert (counts == 12 // n_faces).all(), "equal turns"
    typefaces = find_typefaces(prepared.faces, prepared.store)
    assert typefaces.tolist() == [0, 1, 2, 2], "a split by face keeps it with its face"


def test_an_alternate_is_drawn_as_the_feature_has_it(prepare: Prepare) -> None:
    prepared = prepare('text = "ab25"')
    store = prepared.store
    assert isinstance(store, OutlineStore)
    shapes = [
        store.x[start : start + n].tolist()
        for start, n in zip(store.point_start, store.n_points, strict=True)
    ]
    assert shapes[2 * 4] != shapes[3 * 4]
    assert shapes[2 * 4 + 2] == shapes[3 * 4 + 2]


def test_what_two_features_draw_alike_is_drawn_once(prepare: Prepare) -> None:
    prepared = prepare('text = "ab25"', '["salt", "salt=1"]')
    assert prepared.verdict.admitted[3:].sum(axis=1).tolist() == [2, 0]
    assert (
        "alternates that add no form of the classes: Caveat_400Regular.ttf,salt=1"
    ) in prepared.warnings


def test_what_is_refused_of_a_face_is_told_once(prepare: Prepare) -> None:
    deny = 'gate.deny=[{face="Caveat*", forms="a5"}]'
    prepared = prepare('text = "ab25"', '["salt"]', deny)
    refused = [(refusal.face, refusal.form) for refusal in prepared.verdict.refusals]
    assert refused == [(2, 0), (2, 3), (3, 0)], "the alternate has an a of its own, and no 5"


def test_words_have_alternates_too(prepare: Prepare) -> None:
    prepared = prepare('words = ["ink", "250"]')
    assert prepared.verdict.admitted.tolist() == [[True, True]] * 3 + [[True, False]]


def test_a_dataset_of_alternates_is_verified_and_names_them(
    prepare: Prepare, tmp_path: Path
) -> None:
    (tmp_path / "r.toml").write_text(dump_recipe(prepare('text = "ab25"').recipe), encoding="utf-8")
    folder = glyphgen.render_dataset(read_recipe(tmp_path / "r.toml"), tmp_path / "d").folder
    assert glyphgen.verify_dataset(folder).problems == ()
    faces = glyphgen.load(folder).index.faces
    assert [face.alternate for face in faces] == ["", "", "", "salt"]
    page = (folder / "index.json").read_text(encoding="utf-8")
    assert page.count('"alternate"') == 1, "no key for what is none"
    other = glyphgen.render_dataset(
        read_recipe(tmp_path / "r.toml", ["seed=1"]), tmp_path / "e"
    ).folder
    merged = glyphgen.load(glyphgen.merge_datasets([folder, other], tmp_path / "m").folder)
    assert merged.index.faces == faces
    n_alternate = (merged.samples[:]["face"] == 3).sum()
    assert n_alternate == 2 * (glyphgen.load(folder).samples[:]["face"] == 3).sum()


def test_a_feature_that_the_font_lacks_is_named_with_those_it_has(prepare: Prepare) -> None:
    with pytest.raises(FontError) as caught:
        prepare('text = "ab"', '["salt", "ss09", "zzzz=2"]')
    has = "aalt, calt, case, dlig, frac, liga, locl, ordn, salt, ss01, ss02, subs, sups"
    assert caught.value.problems == (
        f"{CAVEAT}: no feature 'ss09' (the font's features: {has})",
        f"{CAVEAT}: no feature 'zzzz' (the font's features: {has})",
    )


@pytest.mark.parametrize(
    ("alternates", "override", "problem"),
    [
        (
            '["salts"]',
            "seed=0",
            "fonts.faces.0.alternates: found 'salts', expected a tag like \"ss01\"",
        ),
        (
            '["salt"]',
            "render.engine=pillow",
            "fonts.faces: found alternates ['salt'] with engine \"pillow\", but only the vector engine can"
            ' do this (set render.engine = "vector")',
        ),
    ],
)
def test_alternates_that_cannot_be(
    tmp_path: Path, alternates: str, override: str, problem: str
) -> None:
    (tmp_path / "r.toml").write_text(
        RECIPE.replace("ALTERNATES", alternates) + 'text = "a"', encoding="utf-8"
    )
    with pytest.raises(RecipeError) as caught:
        read_recipe(tmp_path / "r.toml", [override])
    assert problem in str(caught.value)
