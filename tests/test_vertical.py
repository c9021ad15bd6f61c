"""Vertical lines: characters in their vertical forms, words from top to bottom."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, MakeFont
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont

from glyphgen import load, render_dataset, verify_dataset
from glyphgen.errors import RecipeError
from glyphgen.fonts import read_face
from glyphgen.gate.page import UnturnedEntry, read_gate_page
from glyphgen.outlines import OutlineStore, RunStore
from glyphgen.outlines.run_reading import read_face_runs
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render, survey_faces

WriteRecipe = Callable[[str], Path]

FLAT = [[(50, 300), (50, 400), (650, 400), (650, 300)]]
TALL = [[(300, 0), (300, 700), (400, 700), (400, 0)]]
CORNER = [[(500, 600), (500, 800), (650, 800), (650, 600)]]
LOW = [[(100, 0), (100, 200), (250, 200), (250, 0)]]
MARKS = {"ー": FLAT, "「": FLAT, "。": LOW, "木": BOX}  # of which all but 木 want a vertical form


@pytest.fixture
def turning_font(make_font: MakeFont) -> Path:
    """A font that turns ー and moves 。 in vertical lines, and leaves 「 as it is."""
    path = make_font("turning.ttf", MARKS | {"|": TALL, "'": CORNER})
    font = TTFont(path)
    addOpenTypeFeaturesFromString(
        font, f"feature vert {{ sub g{ord('ー')} by g124; sub g{ord('。')} by g39; }} vert;"
    )
    font.save(path)
    return path


RECIPE = """
classes.text = "ー「。木"
classes.direction = "vertical"
fonts.files = ["turning.ttf"]
image = { height = 32, width = 32 }
render.per_class = 3
render.size = 0.8
"""


def read_runs(path: Path, *forms: str, n_vertical: int) -> RunStore:
    face = read_face(path, 0, {}, 1, sanitize=False)
    return read_face_runs(face, forms, 0, "", (), n_vertical)


def test_characters_are_drawn_in_their_vertical_forms(
    turning_font: Path, write_recipe: WriteRecipe
) -> None:
    store = survey_faces(read_recipe(write_recipe(RECIPE)), use_cache=False).store
    assert isinstance(store, OutlineStore)
    boxes = np.rint(store.box * 1000).astype(int).tolist()
    assert boxes == [
        [300, 0, 400, 700],
        [50, 300, 650, 400],
        [500, 600, 650, 800],
        [100, 0, 600, 700],
    ]
    # The place in the line is that of a horizontal one.
    assert np.allclose(store.em_anchor, [0.35, 0.38])


def test_faces_without_vertical_forms_are_counted_and_named(
    turning_font: Path, write_recipe: WriteRecipe, make_font: MakeFont, tmp_path: Path
) -> None:
    make_font("plain.ttf", MARKS)
    text = RECIPE.replace('"turning.ttf"', '"*.ttf"')
    recipe = read_recipe(write_recipe(text))
    for _ in ("read", "from the cache"):
        prepared = prepare_render(recipe)
        assert [line for line in prepared.warnings if "vertical" in line] == [
            "4 cells are drawn as in horizontal lines, for their faces have no vertical forms of"
            " ー, 「, 。: plain.ttf, turning.ttf (gate.json names all; add fonts that have the"
            " feature vert)"
        ]
    render_dataset(recipe, tmp_path / "out")
    page = read_gate_page(tmp_path / "out")
    assert page is not None
    assert page.unturned == (
        UnturnedEntry(face="plain.ttf", forms=("ー", "「", "。")),
        UnturnedEntry(face="turning.ttf", forms=("「",)),
    )
    verified = verify_dataset(tmp_path / "out")
    assert (verified.problems, verified.n_redrawn) == ((), 12)


def test_a_character_is_proven_by_its_horizontal_form(
    write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    """The gate knows no vertical forms: what stands for き, here い, does not speak against the face."""
    font = TTFont(FONTS / "kana" / "kouzan-mouhitsu.ttf")
    names = font.getBestCmap()
    addOpenTypeFeaturesFromString(
        font, f"feature vert {{ sub {names[ord('き')]} by {names[ord('い')]}; }} vert;"
    )
    font.save(tmp_path / "turning.ttf")
    text = RECIPE.replace("ー「。木", "きか") + "render.rotation = [-20, 20]\n"
    verdict = survey_faces(read_recipe(write_recipe(text)), use_cache=False).verdict
    assert verdict.admitted.all()
    assert verdict.changes.share.tolist() == [[1.0, 1.0]]
    assert verdict.unturned == ()


def test_words_run_from_top_to_bottom(turning_font: Path) -> None:
    runs = read_runs(turning_font, "木ー木", "木", "木ー木", n_vertical=2)
    down, single, across = (
        slice(start, start + n) for start, n in zip(runs.item_start, runs.n_items, strict=True)
    )
    assert np.allclose(runs.item_x[down], -0.35)  # half an advance left of the column's middle
    assert np.allclose(np.diff(runs.item_y[down]), -1.0)
    assert runs.item_char[down].tolist() == [0, 1, 2]
    assert runs.glyphs.n_points[runs.item_glyph[down]].tolist() == [4, 4, 4]
    assert np.allclose(runs.center, [[0.0, -1.5], [0.35, 0.38], [1.05, 0.38]])
    assert np.allclose(runs.line, [[1.0, 3.0], [1.0, 1.0], [2.1, 1.0]])
    # The word is as high as three lines, its ink within, and ー turned.
    left, bottom, right, top = runs.box[0]
    assert (left, right) == pytest.approx((-0.25, 0.25))
    assert 0 > top > bottom > -3
    middle = runs.item_glyph[down][1]
    assert middle != runs.item_glyph[across][1]
    assert runs.item_glyph[single].tolist() == runs.item_glyph[down][:1].tolist()


def test_a_vertical_word_stands_in_the_middle_of_its_image(
    turning_font: Path, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    text = RECIPE.replace("ー「。木", "") + 'classes.words = ["木木木"]\n'
    text = text.replace("height = 32, width = 32", "height = 96, width = 40").replace("0.8", "0.3")
    text += "render.shift_x = 0\nrender.shift_y = 0\n"
    render_dataset(read_recipe(write_recipe(text)), tmp_path / "out")
    image = load(tmp_path / "out").images[0]
    rows, columns = (np.flatnonzero(image.max(axis=axis)) for axis in (1, 0))
    assert columns.min() + columns.max() == pytest.approx(39, abs=1)
    # Three em boxes of 28.8 px, of which ink takes 0.7 em: the rest is left, and two gaps between.
    assert rows.max() - rows.min() == pytest.approx(2.7 * 28.8, abs=2)
    assert (np.diff(rows) > 1).sum() == 2


def test_words_of_letters_without_vertical_forms_are_counted_once_a_letter(
    turning_font: Path, write_recipe: WriteRecipe
) -> None:
    text = RECIPE.replace('text = "ー「。木"', 'words = ["「木。", "木「", "ー木"]')
    found = survey_faces(read_recipe(write_recipe(text)), use_cache=False)
    assert found.verdict.unturned == ((0, "「"),)


def test_styles_show_characters_in_their_vertical_forms(
    turning_font: Path, write_recipe: WriteRecipe
) -> None:
    text = RECIPE.replace('fonts.files = ["turning.ttf"]', 'classes.label_by = "style"')
    text += '[[fonts.style]]\nname = "a"\nfiles = ["turning.ttf"]\n'
    store = prepare_render(read_recipe(write_recipe(text)), use_cache=False).store
    assert np.allclose(store.box[0], [0.3, 0.0, 0.4, 0.7])
    assert isinstance(store, RunStore)
    assert np.allclose(store.center, [0.35, 0.38])


def test_horizontal_lines_are_what_is_left_out(
    turning_font: Path, write_recipe: WriteRecipe
) -> None:
    keys = []
    for direction in ("", 'classes.direction = "horizontal"', 'classes.direction = "vertical"'):
        text = RECIPE.replace('classes.direction = "vertical"', direction)
        prepared = prepare_render(read_recipe(write_recipe(text)), use_cache=False)
        keys.append(prepared.content_key)
        flat = [50, 300, 650, 400] if len(keys) < 3 else [300, 0, 400, 700]
        assert np.rint(prepared.store.box[0] * 1000).tolist() == flat
    assert keys[0] == keys[1] != keys[2]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            'render.engine = "pillow"',
            'classes.direction: found "vertical" with engine "pillow", but only the vector engine'
            ' can do this (set render.engine = "vector")',
        ),
        (
            'classes.words = ["نام"]',
            "classes.words: found 'نام' (U+0646 U+0627 U+0645), of a script from right to left,"
            ' expected words that can stand in vertical lines (or direction = "horizontal")',
        ),
    ],
)
def test_what_cannot_be_vertical_is_named(
    turning_font: Path, write_recipe: WriteRecipe, more: str, message: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare_render(read_recipe(write_recipe(RECIPE + more + "\n")))
    assert [line.split(": ", 1)[1] for line in caught.value.problems] == [message]


def test_pages_have_horizontal_lines(write_recipe: WriteRecipe) -> None:
    text = f"""
    classes.direction = "vertical"
    fonts.files = ["{FONTS}/persian/Vazirmatn_400Regular.ttf"]
    render.count = 2
    [page]
    size = [200, 200]
    [[page.text]]
    at = [0.9, 0.1]
    width = 0.8
    lines = [1, 2]
    words = ["سلام"]
    """
    with pytest.raises(RecipeError) as caught:
        read_recipe(write_recipe(text))
    assert [line.split(": ", 1)[1] for line in caught.value.problems] == [
        'classes.direction: found "vertical" with [page], whose lines run from side to side (set'
        ' "horizontal")'
    ]


def test_gate_json_is_as_it_was_but_for_one_list(
    turning_font: Path, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    text = RECIPE.replace('classes.direction = "vertical"', "")
    render_dataset(read_recipe(write_recipe(text)), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "gate.json").read_text())["unturned"] == []


def test_vertical_lines_have_no_baseline(turning_font: Path, write_recipe: WriteRecipe) -> None:
    with pytest.raises(RecipeError, match=r'render\.framing: found "baseline" in vertical'):
        read_recipe(write_recipe(RECIPE + 'render.framing = "baseline"'))
