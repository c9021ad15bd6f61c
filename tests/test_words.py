"""Words: classes of several letters, drawn as runs over glyphs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, MakeFont
from numpy.typing import NDArray

from glyphgen.classes import make_class_table
from glyphgen.errors import GateError, RecipeError
from glyphgen.fonts import Face, read_face
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.outlines import OutlineStore, RunStore
from glyphgen.outlines.harfbuzz import read_face_outlines
from glyphgen.outlines.outline_store import join_stores
from glyphgen.outlines.run_reading import read_face_runs
from glyphgen.outlines.run_store import join_runs
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render, survey_faces

WORDS = ("تاریخ", "مورخ", "پیوست", "شماره", "سلام")
PERSIAN = sorted((FONTS / "persian").glob("*.ttf"))

WriteRecipe = Callable[[str], Path]


def open_face(path: Path) -> Face:
    return read_face(path, 0, {}, 1, sanitize=False)


def read_runs(*paths: Path, forms: tuple[str, ...] = WORDS, grid: int = 0) -> RunStore:
    return join_runs([read_face_runs(open_face(path), forms, grid, "fa") for path in paths])


def list_points(store: OutlineStore, cell: int) -> NDArray[np.float32]:
    span = slice(store.point_start[cell], store.point_start[cell] + store.n_points[cell])
    return np.stack([store.x[span], store.y[span]], axis=1)


@pytest.mark.parametrize("path", PERSIAN, ids=lambda path: path.stem)
def test_a_run_laid_out_is_the_word_shaped_as_a_whole(path: Path) -> None:
    runs = read_runs(path, grid=4)
    whole = join_stores([read_face_outlines(open_face(path), WORDS, 4, "fa")[0]])
    laid, numbers = runs.lay_out(np.arange(len(WORDS)))
    assert numbers.tolist() == list(range(len(WORDS)))
    assert np.array_equal(laid.n_points, whole.n_points)
    assert np.array_equal(laid.contour_end, whole.contour_end)
    assert np.array_equal(laid.tag, whole.tag)
    for name in ("box", "hull_x", "hull_y"):
        assert np.allclose(getattr(laid, name), getattr(whole, name), atol=2e-3)
    for cell in range(len(WORDS)):
        assert np.allclose(list_points(laid, cell), list_points(whole, cell), atol=1e-6)
    assert np.abs(laid.bend - whole.bend).max() <= 1  # of points that differ in their last bit
    assert np.array_equal(laid.normal_x, whole.normal_x)


def test_a_store_of_runs_grows_with_glyphs_and_not_with_words() -> None:
    path = FONTS / "persian/Vazirmatn_400Regular.ttf"
    letters = "بپتسشمن"
    words = tuple(f"{a}{b}{c}" for a in letters for b in letters for c in letters)
    few, many = (read_runs(path, forms=words * n) for n in (1, 3))
    assert many.glyphs.n_bytes == few.glyphs.n_bytes
    assert (many.n_bytes - few.n_bytes) / 686 < 700


def test_forms_keep_their_outlines_in_another_order() -> None:
    runs = read_runs(*PERSIAN[:2])
    order = [3, 0, 4]
    taken = runs.take_forms(order)
    assert taken.n_forms == 3
    for face in range(2):
        for new, old in enumerate(order):
            a, at = taken.lay_out(np.array([face * 3 + new]))
            b, to = runs.lay_out(np.array([face * len(WORDS) + old]))
            assert np.array_equal(list_points(a, at[0]), list_points(b, to[0]))


def test_letters_that_join_are_one_piece_and_dots_stay_apart() -> None:
    runs = read_runs(FONTS / "persian/Vazirmatn_400Regular.ttf", forms=("سس", "بب", "ادا"))
    assert runs.n_pieces.tolist() == [1, 3, 3]


def test_numbers_are_drawn_from_left_to_right_within_a_word() -> None:
    path = FONTS / "persian/Vazirmatn_400Regular.ttf"
    forms = ("۱۲۳", "ب ۱۲۳", "123")
    runs = read_runs(path, forms=forms)
    laid = [
        runs.item_glyph[s : s + n].tolist()
        for s, n in zip(runs.item_start, runs.n_items, strict=True)
    ]
    assert laid[1][:3] == laid[0]
    x = runs.item_x[runs.item_start[1] :][: runs.n_items[1]]
    assert (np.diff(x) > 0).all()


@pytest.mark.parametrize(("word", "n_lost"), [("پیوست", 2), ("تاریخ", 0), ("پین", 2), ("نام", 0)])
def test_marks_that_letters_lose_where_they_join_are_counted(word: str, n_lost: int) -> None:
    marhey, amiri = (
        FONTS / f"persian/{name}.ttf" for name in ("Marhey_400Regular", "Amiri-Regular")
    )
    assert read_runs(marhey, forms=(word,)).n_lost.tolist() == [n_lost]
    assert read_runs(amiri, forms=(word,)).n_lost.tolist() == [0]


def prepare(write_recipe: WriteRecipe, text: str) -> PreparedRender:
    return prepare_render(read_recipe(write_recipe(text)), use_cache=False)


LETTERHEAD = f"""
classes.ranges = ["U+06F0..U+06F2"]
classes.words = ["تاریخ", "پیوست"]
classes.language = "fa"
classes.class = [{{ label = "other", forms = ["ا", "نام", "شماره ۱۲"] }}]
fonts.files = ["{FONTS}/persian/*.ttf"]
image = {{ height = 50, width = 90 }}
render.per_class = 24
render.size = [0.76, 1.0]
gate.on_refused = "skip"
"""


def test_words_and_named_classes_stand_behind_characters(write_recipe: WriteRecipe) -> None:
    table = make_class_table(read_recipe(write_recipe(LETTERHEAD)))
    assert table.labels == ("۰", "۱", "۲", "تاریخ", "پیوست", "other")
    assert table.forms[-1] == ("ا", "نام", "شماره ۱۲")
    assert table.has_words


def test_a_class_shows_all_its_forms_and_faces_in_few_rows(write_recipe: WriteRecipe) -> None:
    prepared = prepare(write_recipe, LETTERHEAD)
    samples = prepared.plan.rows(0, prepared.plan.n_rows).samples
    other = samples[samples["class_index"] == 5]
    assert np.bincount(other["form"], minlength=8)[5:].min() >= 7
    assert len(set(other["face"].tolist())) == 12


def test_forms_take_turns_by_their_weights(write_recipe: WriteRecipe) -> None:
    prepared = prepare(
        write_recipe,
        LETTERHEAD.replace('"شماره ۱۲"]', '"شماره ۱۲"], weights = [1, 1, 2]').replace(
            "per_class = 24", "per_class = 96"
        ),
    )
    samples = prepared.plan.rows(0, prepared.plan.n_rows).samples
    other = samples[samples["class_index"] == 5]
    assert np.bincount(other["form"], minlength=8)[5:].tolist() == [24, 24, 48]


def test_a_word_that_loses_marks_is_refused_and_says_which(write_recipe: WriteRecipe) -> None:
    survey = survey_faces(read_recipe(write_recipe(LETTERHEAD)), use_cache=False)
    refused = {
        (survey.faces[one.face].file, survey.table.all_forms[one.form], one.reason, one.figure)
        for one in survey.verdict.refusals
    }
    assert refused == {
        (name, "پیوست", "lost marks", 2.0)
        for name in ("Marhey_300Light.ttf", "Marhey_400Regular.ttf")
    }


def test_allowing_a_word_admits_it(write_recipe: WriteRecipe) -> None:
    text = LETTERHEAD + 'gate.allow = [{ face = "Marhey*", forms = ["پیوست"] }]\n'
    survey = survey_faces(read_recipe(write_recipe(text)), use_cache=False)
    assert not survey.verdict.refusals
    assert {one.reason for one in survey.verdict.allowed} == {"lost marks"}


def test_denying_a_letter_refuses_the_words_that_have_it(write_recipe: WriteRecipe) -> None:
    text = LETTERHEAD + 'gate.deny = [{ face = "Vazir*Bold.ttf", forms = "ی" }]\n'
    survey = survey_faces(read_recipe(write_recipe(text)), use_cache=False)
    refused = {
        (survey.table.all_forms[one.form], one.reason, one.shows)
        for one in survey.verdict.refusals
        if survey.faces[one.face].file == "Vazirmatn_700Bold.ttf"
    }
    assert refused == {
        (word, "refused letter", "ی: denied by the recipe") for word in ("تاریخ", "پیوست")
    }


def test_words_are_drawn_at_the_size_that_is_asked(write_recipe: WriteRecipe) -> None:
    prepared = prepare(write_recipe, LETTERHEAD)
    samples = prepared.plan.rows(0, prepared.plan.n_rows).samples
    words = samples[np.isin(samples["class_index"], [3, 4])]
    assert np.median(words["size_px"]) > 36
    images = np.empty((len(samples), 50, 90), dtype=np.uint8)
    prepared.open_engine().draw(prepared.plan.rows(0, len(samples)), images)
    assert (images.reshape(len(images), -1).max(axis=1) > 0).all()
    edges = np.concatenate([images[:, :, 0], images[:, :, -1]], axis=1)
    assert np.median(edges.max(axis=1)) == 0


def test_many_words_are_drawn_as_few_are(
    write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(
        write_recipe,
        LETTERHEAD + "render.weight = [0.0, 0.02]\nrender.wobble.amplitude = 0.02\n"
        "render.scatter.shift = 0.01\n",
    )
    n = prepared.plan.n_rows
    settled, unsettled = (np.empty((n, 50, 90), dtype=np.uint8) for _ in range(2))
    prepared.open_engine().draw(prepared.plan.rows(0, n), settled)
    monkeypatch.setattr("glyphgen.engines.vector._MOST_SETTLED", 0)
    prepared.open_engine().draw(prepared.plan.rows(0, n), unsettled)
    assert np.array_equal(settled, unsettled)


def test_a_letter_that_the_face_lacks_refuses_the_word(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("a.ttf", {"a": BOX, "b": PAIR})
    recipe = read_recipe(write_recipe('classes.words = ["ab", "abc"]\nfonts.files = ["a.ttf"]'))
    with pytest.raises(GateError) as error:
        prepare_render(recipe, use_cache=False)
    first, *_ = error.value.problems
    assert first.endswith(
        "a.ttf: has no character map entry for 'abc' (U+0061 U+0062 U+0063) of 2"
        ' (gate.on_refused = "skip" leaves them out)'
    )


def test_a_word_of_refused_letters_names_one(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    letters = {chr(97 + k): [[(0, 0), (0, 5 + k), (5, 5)]] for k in range(2)}
    make_font("a.ttf", {"c": RING, "d": BOX, **letters})
    recipe = read_recipe(write_recipe('classes.words = ["cd", "ca"]\nfonts.files = ["a.ttf"]'))
    with pytest.raises(GateError) as error:
        prepare_render(recipe, use_cache=False)
    assert error.value.problems[0].endswith(
        "a.ttf: may not draw a letter of 'ca' (U+0063 U+0061) of 2: of ca, a: nearly blank"
        ' (gate.on_refused = "skip" leaves them out)'
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            'words = [""]',
            "classes.words: found an empty word, expected one or more characters",
        ),
        (
            'words = ["\\u0301a"]',
            "classes.words: found '\u0301a' (U+0301 U+0061), which begins with a mark,"
            " expected a letter to carry it",
        ),
        (
            'words = ["ab\\u202Ec"]',
            "classes.words: found U+202E in it, which turns the direction of text, expected letters"
            " alone (numbers and words of another direction are put in order without it)",
        ),
        (
            'words = ["a\\tb"]',
            "classes.words: found U+0009 in it, expected characters that fonts draw",
        ),
        (
            'words = ["ab", "cd", "ab"]',
            "classes.words: found 'ab' (U+0061 U+0062) again, already given by classes.words,"
            " expected each word once",
        ),
        (
            'words = ["ab"]\nclass = [{ label = "ab", forms = ["c"] }]',
            "classes.class.0.label: found 'ab' (U+0061 U+0062), which another class is called,"
            " expected each label once",
        ),
        (
            'class = [{ label = "x", forms = ["c"] }, { label = "y", forms = "cd" }]',
            "classes.class.1.forms: found 'c' (U+0063) again, already given by"
            " classes.class.0.forms, expected each form once",
        ),
        (
            'class = [{ label = "x", forms = ["c", "d"], weights = [2] }]',
            "classes.class.0.weights: found 1 for 2 forms, expected one for each form, or none",
        ),
        (
            'words_file = "none.txt"',
            "classes.words_file: no file 'none.txt' (paths are relative to the recipe)",
        ),
    ],
)
def test_words_that_cannot_be_drawn_are_refused(line: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f"[fonts]\nfiles = ['x.ttf']\n[classes]\n{line}\n", encoding="utf-8")

    def make() -> None:
        make_class_table(read_recipe(path))

    with pytest.raises(RecipeError) as error:
        make()
    (found,) = error.value.problems
    assert found.partition(": ")[2] == problem


def test_an_unknown_feature_is_refused_when_the_recipe_is_read(write_recipe: WriteRecipe) -> None:
    path = write_recipe(
        'classes.words = ["ab"]\nclasses.features = ["ligatures"]\nfonts.files = ["x"]'
    )
    with pytest.raises(RecipeError, match=r"classes\.features: found 'ligatures', expected"):
        read_recipe(path)


def test_other_engines_refuse_words(write_recipe: WriteRecipe) -> None:
    path = write_recipe('classes.words = ["ab"]\nrender.engine = "pillow"\nfonts.files = ["x"]')
    with pytest.raises(RecipeError, match="only the vector engine can do this"):
        read_recipe(path)


def test_pictures_of_runs_are_those_of_whole_words() -> None:
    path = FONTS / "persian/Mirza_400Regular.ttf"
    whole = join_stores([read_face_outlines(open_face(path), WORDS, 0, "fa")[0]])
    cells = np.arange(len(WORDS))
    apart = draw_cells(read_runs(path), cells, 48).astype(int) - draw_cells(whole, cells, 48)
    assert np.abs(apart).max() <= 2
