"""What faces draw alike is named, and made one class where the recipe says so."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, Contour, MakeFont
from prepared_renders import Parts, lay_out

from glyphgen.classes import ClassTable, merge_classes
from glyphgen.errors import RecipeError
from glyphgen.gate.page import TwinsEntry, make_gate_page, read_gate_page
from glyphgen.gate.twins import Twins, _count_typefaces, join_twins
from glyphgen.outlines import OutlineStore
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render

WriteRecipe = Callable[[str], Path]
KANA = FONTS.parent / "recipes" / "kana.toml"


def list_pairs(parts: Parts, *, are_twins: bool = True) -> list[str]:
    forms = parts.table.all_forms
    pairs = [pair for pair in parts.verdict.twins if pair.are_twins == are_twins]
    return ["".join(forms[form] for form in pair.forms) for pair in pairs]


def move(contours: list[Contour], x: float = 0, y: float = 0, scale: float = 1) -> list[Contour]:
    return [[(px * scale + x, py * scale + y) for px, py in contour] for contour in contours]


def points_of(store: OutlineStore, cell: int) -> list[float]:
    at = slice(store.point_start[cell], store.point_start[cell] + store.n_points[cell])
    return [*store.x[at].tolist(), *store.y[at].tolist()]


@pytest.mark.slow
def test_the_bundled_kana_have_three_pairs_of_twins_and_no_more() -> None:
    parts = lay_out(KANA)
    assert list_pairs(parts) == ["へヘ", "べベ", "ぺペ"]
    # Kiwi Maru is a rounded hand whose り is a リ; in the other typefaces a reader tells them.
    assert "りリ" in list_pairs(parts, are_twins=False)


@pytest.mark.slow
def test_where_size_is_taken_away_small_and_large_kana_are_twins() -> None:
    hiragana = "ぁあ ぃい ぅう ぇえ ぉお っつ ゃや ゅゆ ょよ ゎわ"
    katakana = "ァア ィイ ゥウ ェエ ォオ ッツ ャヤ ュユ ョヨ ヮワ カヵ ケヶ"
    both = "へヘ べベ ぺペ"
    pairs = set(list_pairs(lay_out(KANA, 'render.framing="fit"')))
    assert pairs == set(f"{hiragana} {katakana} {both}".split())
    wide = set(list_pairs(lay_out(KANA, "render.size=[0.4, 0.85]")))
    assert pairs - wide <= {"カヵ"}  # what sizes overlap for is as good as lost, too


@pytest.mark.parametrize(
    ("framing", "expected"),
    [("em", "AB"), ("baseline", "AB"), ("ink", "AB AC BC"), ("fit", "AB AC AD BC BD CD")],
)
def test_framing_tells_whether_place_and_size_matter(
    make_font: MakeFont, write_recipe: WriteRecipe, framing: str, expected: str
) -> None:
    drawings = {
        "A": BOX,
        "B": move(BOX, x=20),
        "C": move(BOX, y=200),
        "D": move(BOX, scale=0.6),
        "E": RING,
    }
    make_font("x.ttf", drawings)
    recipe = write_recipe(
        f'classes.text = "ABCDE"\nfonts.files = ["x.ttf"]\nrender.framing = "{framing}"\n'
        "render.size = 0.7\nrender.shift_x = 0\nrender.shift_y = 0"
    )
    assert list_pairs(lay_out(recipe)) == expected.split()


@pytest.mark.parametrize(
    ("varied", "expected"),
    [
        ("size = 0.7", "AB"),
        ("size = [0.3, 1.0]", "AB AD BD"),
        ("size = 0.5\nshift_y = [-1, 1]", "AB AC BC"),
    ],
)
def test_sizes_and_shifts_tell_what_they_make_alike(
    make_font: MakeFont, write_recipe: WriteRecipe, varied: str, expected: str
) -> None:
    drawings = {
        "A": BOX,
        "B": move(BOX, x=20),
        "C": move(BOX, y=200),
        "D": move(BOX, x=140, y=140, scale=0.6),
    }
    make_font("x.ttf", drawings | {"E": RING})
    still = "" if "shift_y" in varied else "shift_y = 0\n"
    recipe = write_recipe(
        f'classes.text = "ABCDE"\nfonts.files = ["x.ttf"]\n[render]\nshift_x = 0\n{still}{varied}'
    )
    assert list_pairs(lay_out(recipe)) == expected.split()


def test_small_images_show_less(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    notch = [(325, 700), (325, 450), (375, 450), (375, 700)]
    notched = [[(100, 0), (100, 700), *notch, (600, 700), (600, 0)]]
    make_font("x.ttf", {"A": BOX, "B": notched})
    recipe = write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]\nrender.size = 0.7')
    assert list_pairs(lay_out(recipe, "image.height=64", "image.width=64")) == []
    assert list_pairs(lay_out(recipe, "image.height=16", "image.width=16")) == ["AB"]


def test_what_one_face_of_six_draws_alike_is_its_own_matter(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for number in range(5):
        drawings = {"A": BOX, "B": PAIR}
        scaled = {char: move(d, scale=1 - number / 20) for char, d in drawings.items()}
        make_font(f"{number}.ttf", scaled)
    make_font("x.ttf", dict.fromkeys("AB", move(BOX, scale=0.72)))
    allow = 'gate.allow = [{ face = "x.ttf" }]'
    parts = lay_out(write_recipe(f'classes.text = "AB"\nfonts.files = ["*.ttf"]\n{allow}'))
    assert list_pairs(parts) == []
    assert list_pairs(parts, are_twins=False) == ["AB"]
    assert [entry.alike_in for entry in make_gate_page(parts.survey).twins] == [("x.ttf",)]


def test_faces_that_lack_a_form_are_not_asked(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for number in range(5):
        make_font(f"{number}.ttf", {"A": BOX})
    make_font("x.ttf", {"A": BOX, "B": BOX})
    parts = lay_out(write_recipe('classes.text = "AB"\nfonts.files = ["*.ttf"]'))
    [pair] = parts.verdict.twins
    assert (pair.distance, pair.n_typefaces, pair.n_alike, pair.share) == (0.0, 1, 1, 1.0)


def test_twins_are_alike_in_a_fifth_of_the_typefaces_and_kin_have_one_voice() -> None:
    admitted = np.ones((12, 2), dtype=bool)
    typefaces = np.array([0, 0, 0, *range(1, 10)])

    def count(*faces: int) -> tuple[int, int, bool]:
        [pair] = _count_typefaces({(0, 1): dict.fromkeys(faces, 0.1)}, admitted, typefaces)
        return pair.n_alike, pair.n_typefaces, pair.are_twins

    assert count(0, 1, 2) == (1, 10, False)
    assert count(0, 1, 5) == (2, 10, True)
    assert not list(_count_typefaces({(0, 1): {0: 0.1}}, admitted, typefaces))  # one of three kin


def test_pairs_that_share_a_form_are_one_group() -> None:
    def pair(a: int, b: int, n_alike: int) -> Twins:
        return Twins(forms=(a, b), distance=0.1, n_typefaces=10, n_alike=n_alike, faces=())

    assert join_twins([pair(0, 1, 10), pair(1, 3, 2), pair(3, 4, 1)], 5) == ((0, 1, 3),)


def test_twins_become_one_class_and_every_cell_stays_what_it_is(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": PAIR, "C": BOX, "D": RING})
    make_font("y.ttf", {"A": BOX, "B": PAIR, "C": BOX})
    recipe = write_recipe(
        'classes.text = "ABCD"\nfonts.files = ["*.ttf"]\ngate.on_refused = "skip"'
        "\nrender.per_class = 8\nrender.rotation = 0\nrender.size = 0.7"
    )
    apart = prepare_render(read_recipe(recipe))
    merged = prepare_render(read_recipe(recipe, ["classes.merge_twins=true"]))
    assert merged.table == ClassTable(labels=("A", "B", "D"), forms=(("A", "C"), ("B",), ("D",)))
    assert [merged.table.all_forms[r.form] for r in merged.verdict.refusals] == ["D"]
    assert merged.content_key != apart.content_key
    samples = merged.plan.rows(0, merged.plan.n_rows).samples
    drawn = {
        form: set(samples["form"][samples["class_index"] == label].tolist())
        for label, form in enumerate(merged.table.labels)
    }
    assert drawn == {"A": {0, 1}, "B": {2}, "D": {3}}
    for face in range(2):
        for form, text in enumerate(merged.table.all_forms):
            old = apart.store.n_forms * face + apart.table.all_forms.index(text)
            new = merged.store.n_forms * face + form
            assert (apart.store.box[old] == merged.store.box[new]).all()
            assert (apart.store.hull_x[:, old] == merged.store.hull_x[:, new]).all()
            assert isinstance(apart.store, OutlineStore)
            assert isinstance(merged.store, OutlineStore)
            assert points_of(apart.store, old) == points_of(merged.store, new)


def test_refusals_stand_in_the_order_of_the_merged_forms(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": PAIR, "C": BOX})
    make_font("y.ttf", {"A": BOX})
    recipe = write_recipe(
        'classes.text = "ABC"\nclasses.merge_twins = true\nfonts.files = ["*.ttf"]\n'
        'gate.on_refused = "skip"'
    )
    merged = prepare_render(read_recipe(recipe))
    assert merged.table.all_forms == ("A", "C", "B")
    assert [(r.face, r.form) for r in merged.verdict.refusals] == [(1, 1), (1, 2)]


def test_gate_json_names_the_twins(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    make_font("x.ttf", {"A": BOX, "B": BOX})
    recipe = write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]')
    page = make_gate_page(prepare_render(read_recipe(recipe)))
    named = TwinsEntry(forms=("A", "B"), distance=0.0, faces=1, faces_alike=1, one_class=False)
    assert page.twins == (named,)
    page = make_gate_page(prepare_render(read_recipe(recipe, ["classes.merge_twins=true"])))
    assert page.twins == (replace(named, one_class=True),)


def test_gate_json_is_read_as_it_was_written(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("x.ttf", {"A": BOX, "B": BOX, "C": PAIR})
    make_font("y.ttf", {"A": BOX, "B": RING})
    recipe = write_recipe(
        'classes.text = "ABC"\nfonts.files = ["x.ttf", "y.ttf"]\ngate.on_refused = "skip"'
    )
    page = make_gate_page(prepare_render(read_recipe(recipe)))
    assert (len(page.refused), len(page.twins)) == (1, 1)
    (tmp_path / "gate.json").write_bytes(page.dump())
    assert read_gate_page(tmp_path) == page


def test_a_merge_that_the_recipe_names_is_one_class_called_after_the_first(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": PAIR, "C": RING})
    recipe = write_recipe(
        '[classes]\ntext = "ABC"\nmerge = [["C", "A"]]\n[fonts]\nfiles = ["x.ttf"]'
    )
    parts = lay_out(recipe)
    assert parts.table == ClassTable(labels=("B", "C"), forms=(("B",), ("C", "A")))
    samples = parts.plan.rows(0, parts.plan.n_rows).samples
    assert np.bincount(samples["class_index"]).tolist() == [1000, 1000]
    assert set(samples["form"][samples["class_index"] == 1].tolist()) == {1, 2}


def test_groups_that_share_a_form_are_one_class() -> None:
    table = ClassTable(labels=tuple("ABCD"), forms=(("A",), ("B",), ("C",), ("D",)))
    merged = merge_classes(table, [("B", "C"), ("D", "C")])
    assert merged == ClassTable(labels=("A", "B"), forms=(("A",), ("B", "C", "D")))


def test_a_merge_that_cannot_be_is_refused_at_its_line(write_recipe: WriteRecipe) -> None:
    path = write_recipe(
        '[classes]\ntext = "ABC"\nmerge = [\n["A", "B"],\n["B", "Z"],\n]\n[fonts]\nfiles = ["x.ttf"]'
    )
    with pytest.raises(RecipeError) as caught:
        lay_out(path)
    assert caught.value.problems == (
        f"{path}:5: classes.merge: found 'Z' (U+005A), expected only characters that have a class",
        f"{path}:5: classes.merge: found 'B' (U+0042) again, expected each character once",
    )


def test_a_merge_of_one_is_refused(write_recipe: WriteRecipe) -> None:
    path = write_recipe('[classes]\ntext = "AB"\nmerge = [["A"]]\n[fonts]\nfiles = ["x.ttf"]')
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert caught.value.problems == (
        f"{path}:3: classes.merge: found ['A'], expected two or more characters",
    )
    path = write_recipe('[classes]\ntext = "AB"\nmerge = 3\n[fonts]\nfiles = ["x.ttf"]')
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert caught.value.problems == (
        f"{path}:3: classes.merge: found 3, expected a list of lists of strings",
    )
