"""Honest faces are admitted, and lies of many families are not; a verdict is a cell's own."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS, MakeFont
from hypothesis import given, settings
from hypothesis import strategies as st

from glyphgen.classes import CHARACTER_SETS
from glyphgen.errors import GateError
from glyphgen.fonts import Face, FaceRequest
from glyphgen.gate.evidence import Evidence, choose_panel, weigh_cells
from glyphgen.gate.scripts import find_block, find_script, list_block
from glyphgen.gate.shapes import SHAPE_SIDE, TURNS, describe_shapes, turn_shapes
from glyphgen.gate.shipped import load_shipped
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.process import FontReader
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render, survey_faces

sys.path.append(str(FONTS.parent))
from benchmarks.gate.families import KEPT, TUNED, Lie, Subject

KANA = [*CHARACTER_SETS["hiragana"].list_chars(), *CHARACTER_SETS["katakana"].list_chars()]
LATIN = [*CHARACTER_SETS["latin"].list_chars(), *CHARACTER_SETS["digits"].list_chars()]
HONEST = {
    "kana": (KANA, "kana/KiwiMaru_400Regular.ttf", "latin/Kalam_400Regular.ttf"),
    "latin": (LATIN, "latin/PatrickHand_400Regular.ttf", "kana/KiwiMaru_400Regular.ttf"),
}

# Of the wrong cells of each family, the share that may be admitted. What the bundle does not tell, as the
# lost counter of a letter that heavy faces fill, stands in docs/gate.md.
MOST_ADMITTED = {
    "a contour cut": 1.0,
    "case swapped": 0.06,
    "ten mirrored": 0.15,
    "ten turned half around": 0.15,
}
MOST, MOST_OF_FEW = 0.03, 0.1


def read(path: str, forms: Sequence[str]) -> tuple[Face, OutlineStore]:
    with FontReader(sanitize=False) as reader:
        faces, _ = reader.read_faces([FaceRequest(path=FONTS / path)], [])
        return faces[0], reader.read_outlines(faces, forms).store


def judge(forms: Sequence[str], face: Face, store: OutlineStore) -> Evidence:
    return weigh_cells(forms, [face], store, np.zeros(1, dtype=np.int64))


@pytest.fixture(scope="module", params=list(HONEST))
def subject(request: pytest.FixtureRequest) -> tuple[Face, Subject]:
    asked, path, other_path = HONEST[request.param]
    forms = sorted({*asked, *choose_panel(asked)}, key=ord)
    face, store = read(path, forms)
    chars = LATIN if request.param == "kana" else KANA
    _, other = read(other_path, (chars * 4)[: len(forms)])
    return face, Subject(forms=forms, store=store, other=other, seed=3)


def test_an_honest_face_is_right_throughout(subject: tuple[Face, Subject]) -> None:
    face, honest = subject
    found = judge(honest.forms, face, honest.store)
    assert not found.is_wrong.any()
    assert np.isfinite(found.weight).sum() > 150


@pytest.mark.slow
@pytest.mark.parametrize("name", [*TUNED, *KEPT])
def test_a_lying_face_is_refused(subject: tuple[Face, Subject], name: str) -> None:
    face, honest = subject
    lie: Lie | None = {**TUNED, **KEPT}[name](honest)
    assert lie is not None
    if not lie.wrong.any():
        return  # there is nothing to lie about, as with small letters of kana
    found = judge(honest.forms, replace(face, family="Lying"), lie.store)
    known = np.isfinite(found.weight[0])
    admitted = (lie.wrong & known & ~found.is_wrong[0]).sum()
    most = MOST_ADMITTED.get(name, MOST if lie.wrong.sum() > 40 else MOST_OF_FEW)
    assert admitted <= max(most * lie.wrong.sum(), 1 if lie.wrong.sum() < 40 else 0), name


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from(KANA[:40] + KANA[100:120]), min_size=1, max_size=6, unique=True))
def test_a_verdict_does_not_depend_on_what_else_is_asked(asked: list[str]) -> None:
    every = (*KANA, *choose_panel(KANA))
    few = (*asked, *choose_panel(asked))
    path = "kana/YujiMai_400Regular.ttf"
    whole, part = judge(every, *read(path, every)), judge(few, *read(path, few))
    for k, form in enumerate(asked):
        at = every.index(form)
        assert part.weight[0, k] == pytest.approx(whole.weight[0, at], abs=0.02)
        assert part.limit[0, k] == whole.limit[0, at]


def test_a_bundled_face_is_not_judged_by_its_own_drawings() -> None:
    forms = (*KANA, *choose_panel(KANA))
    face, store = read("kana/KleeOne_400Regular.ttf", forms)
    own = judge(forms, face, store)
    renamed = judge(forms, replace(face, family="Klee by another name"), store)
    assert np.nanmean(own.weight) > np.nanmean(renamed.weight)


def test_turned_shapes_are_those_of_turned_pictures() -> None:
    rng = np.random.default_rng(4)
    ink = np.zeros((3, SHAPE_SIDE, SHAPE_SIDE), dtype=np.uint8)
    for picture in ink:
        for _ in range(4):
            y, x = rng.integers(4, 34, 2)
            picture[y : y + rng.integers(3, 12), x : x + rng.integers(3, 12)] = 255
    turned = {
        "mirrored": ink[:, :, ::-1],
        "upside down": ink[:, ::-1],
        "turned half around": ink[:, ::-1, ::-1],
        "turned left": np.rot90(ink, 1, axes=(1, 2)),
        "turned right": np.rot90(ink, -1, axes=(1, 2)),
    }
    for turn in TURNS:
        expected = describe_shapes(np.ascontiguousarray(turned[turn]))
        assert np.allclose(turn_shapes(describe_shapes(ink), turn), expected, atol=1e-5), turn


@pytest.mark.parametrize(
    ("form", "script", "block"),
    [
        ("a", "latin", "latin small"),
        ("É", "latin", "latin capital composed"),
        ("7", "latin", "latin digit"),
        ("ゃ", "kana", "kana hiragana"),
        ("漢", "han", "han"),
        ("۵", "arabic", "arabic digit"),
        ("!", "symbols", "symbols"),
        ("ab", "", ""),
    ],
)
def test_characters_have_scripts_and_blocks(form: str, script: str, block: str) -> None:
    assert (find_script(form), find_block(form)) == (script, block)


def test_a_block_is_listed_in_code_point_order() -> None:
    assert list_block("latin digit") == tuple("0123456789")


def test_what_is_shipped_covers_the_scripts_of_the_bundle() -> None:
    shipped = load_shipped()
    assert set(KANA) <= set(shipped.scripts["kana"].forms)
    assert set(LATIN) <= set(shipped.scripts["latin"].forms)
    assert len(shipped.scripts["han"].forms) == 1712  # and a box
    assert (Path(__file__).parent.parent / "glyphgen/gate/exemplars.npz").stat().st_size < 1_600_000


BOXES = {
    "full": [[(80, -50), (80, 750), (720, 750), (720, -50)]],
    "hollow": [
        [(80, -50), (80, 750), (720, 750), (720, -50)],
        [(120, -10), (680, -10), (680, 710), (120, 710)],
    ],
}


@pytest.mark.parametrize("kind", BOXES)
def test_a_box_for_a_letter_is_refused_without_company(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    make_font: MakeFont = request.getfixturevalue("make_font")  # late: with what is shipped
    chars = "AMo5あカ"
    make_font("box.ttf", dict.fromkeys(chars, BOXES[kind]))
    forms = (*chars, *choose_panel(chars))
    with FontReader(sanitize=False) as reader:
        faces, _ = reader.read_faces([FaceRequest(path=tmp_path / "box.ttf")], [])
        store = reader.read_outlines(faces, forms).store
    assert judge(forms, faces[0], store).is_wrong[0, : len(chars)].all()


@pytest.mark.parametrize(("policy", "says"), [("warn", True), ("allow", False)])
def test_unproven_cells_are_told_as_the_recipe_asks(
    make_font: MakeFont, tmp_path: Path, policy: str, *, says: bool
) -> None:
    make_font("x.ttf", {"A": [[(0, 0), (0, 500), (300, 500)]]})
    recipe = tmp_path / "r.toml"
    recipe.write_text(f'classes.text="A"\nfonts.files=["x.ttf"]\ngate.on_unproven="{policy}"')
    warnings = survey_faces(read_recipe(recipe)).warnings
    line = (
        "1 cells are unproven: too few other typefaces draw 'A' (U+0041)"
        ' (look at `glyphgen preview`, or add fonts); gate.on_unproven = "allow" says nothing'
    )
    assert (line in warnings) == says


def test_unproven_cells_may_be_an_error(make_font: MakeFont, tmp_path: Path) -> None:
    make_font("x.ttf", {"A": [[(0, 0), (0, 500), (300, 500)]]})
    recipe = tmp_path / "r.toml"
    recipe.write_text('classes.text="A"\nfonts.files=["x.ttf"]\ngate.on_unproven="error"')
    with pytest.raises(GateError) as caught:
        prepare_render(read_recipe(recipe))
    assert str(caught.value) == (
        f"{recipe}:3: gate.on_unproven: 1 cells are unproven: too few other typefaces draw"
        " 'A' (U+0041) (look at `glyphgen preview`, or add fonts)"
    )


def test_a_refusal_says_what_the_cell_shows_and_how_to_admit_it(tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont

    font = TTFont(FONTS / "kana/ZenKurenaido_400Regular.ttf")
    glyphs = dict(font.getBestCmap())
    for table in font["cmap"].tables:
        if table.isUnicode():
            table.cmap[ord("あ")] = glyphs[ord("ヌ")]
    font["name"].names = []
    font.save(tmp_path / "one.ttf")
    recipe = tmp_path / "r.toml"
    recipe.write_text('classes.sets=["hiragana"]\nfonts.files=["one.ttf"]')
    with pytest.raises(GateError) as caught:
        prepare_render(read_recipe(recipe))
    [line] = [line for line in caught.value.problems if "another character" in line]
    assert (
        "draws another character for 'あ' (U+3042) of 83: あ looks like 'ヌ' (U+30CC), by " in line
    )
    assert '(gate.allow = [{ face = "one.ttf", forms = "あ" }] admits it)' in line
    [refusal] = survey_faces(read_recipe(recipe)).verdict.refusals
    assert refusal.shows == "ヌ"
