"""Fonts that are wrong in one way each, among honest ones: the gate says which way, and nothing else."""

import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, TOFU, MakeFont
from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables._g_l_y_f import Glyph
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from prepared_renders import lay_out

from glyphgen.dataset.reader import load
from glyphgen.errors import FontError
from glyphgen.fonts import read_face
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

HIRAGANA = "".join(map(chr, range(0x3041, 0x3094)))
HONEST = ["Klee*", "Kiwi*", "Kosugi*", "Yomogi*", "ZenMaru*", "Hina*"]
WriteRecipe = Callable[[str], Path]


@pytest.fixture
def remap(tmp_path: Path) -> Callable[..., None]:
    """Save a bundled font as lying.ttf, whose characters have the glyphs of other characters."""

    def save(
        mapping: Mapping[str, str],
        source: str = "kana/ZenKurenaido_400Regular.ttf",
        name: str = "lying.ttf",
    ) -> None:
        font = TTFont(FONTS / source)
        glyphs = dict(font.getBestCmap())
        for table in font["cmap"].tables:
            if table.isUnicode():
                table.cmap.update(
                    {ord(char): glyphs[ord(other)] for char, other in mapping.items()}
                )
        font["name"].names = []
        font.save(tmp_path / name)

    return save


@pytest.fixture
def refused(write_recipe: WriteRecipe) -> Callable[..., dict[str, str]]:
    """What the gate refuses of lying.ttf beside six honest fonts; of those it refuses nothing."""

    def examine(text: str = HIRAGANA + "アイ") -> dict[str, str]:
        files = [f"{FONTS}/kana/{name}" for name in HONEST]
        parts = lay_out(
            write_recipe(f'classes.text = "{text}"\nfonts.files = {[*files, "lying.ttf"]}')
        )
        lying = [k for k, face in enumerate(parts.faces) if face.name == "lying.ttf"]
        assert {refusal.face for refusal in parts.verdict.refusals} <= set(lying)
        assert not parts.verdict.unproven.any()
        return {parts.table.all_forms[r.form]: r.reason for r in parts.verdict.refusals}

    return examine


Remap = Callable[..., None]
Refused = Callable[..., dict[str, str]]


def test_an_honest_font_is_admitted(remap: Remap, refused: Refused) -> None:
    remap({})
    assert refused() == {}


def test_a_character_with_the_drawing_of_another_is_refused(remap: Remap, refused: Refused) -> None:
    remap({"あ": "ア", "な": "よ"})
    assert refused() == {"あ": "another character", "な": "another character"}


def test_a_character_of_no_class_of_the_recipe_is_refused(remap: Remap, refused: Refused) -> None:
    remap({"い": "ヤ", "る": "ン"})
    assert refused(HIRAGANA) == dict.fromkeys("いる", "another character")


def test_two_characters_that_changed_places_are_refused(remap: Remap, refused: Refused) -> None:
    remap({"ね": "す", "す": "ね"})
    assert refused() == {"ね": "another character", "す": "another character"}


def test_twins_are_not_taken_for_each_other(remap: Remap, refused: Refused) -> None:
    remap({"ヘ": "へ", "り": "リ"})
    assert refused(HIRAGANA + "ヘリ") == {}


def test_a_shifted_encoding_is_refused_throughout(remap: Remap, refused: Refused) -> None:
    remap(dict(zip(HIRAGANA, HIRAGANA[7:] + HIRAGANA[:7], strict=True)))
    reasons = refused()
    assert set(HIRAGANA) <= set(reasons)
    assert Counter(reasons.values()).most_common(1)[0][0] == "another script"


def test_a_romaji_font_is_refused_throughout(remap: Remap, refused: Refused) -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    remap(dict(zip(HIRAGANA[: len(letters)], letters, strict=True)), "latin/Caveat_400Regular.ttf")
    reasons = refused(HIRAGANA[: len(letters)])
    assert set(reasons) == set(HIRAGANA[: len(letters)])
    assert set(reasons.values()) == {"another script"}


def test_one_symbol_for_many_characters_is_refused(remap: Remap, refused: Refused) -> None:
    remap(dict.fromkeys("いきしちに", "ん"))
    assert refused() == dict.fromkeys("いきしちに", "another character")


def draw(font: TTFont, name: str, contour: Sequence[tuple[float, float]]) -> None:
    pen = TTGlyphPen(None)
    points = [(round(x), round(y)) for x, y in contour]
    pen.moveTo(points[0])
    for point in points[1:]:
        pen.lineTo(point)
    pen.closePath()
    font["glyf"][name] = pen.glyph()
    font["hmtx"][name] = (1000, min(x for x, _ in points))


@pytest.mark.parametrize(("scale", "shift"), [(1, 40), (0.9, 60), (1.3, -30)])
def test_a_copy_of_the_missing_glyph_is_known_moved_or_scaled(
    remap: Remap, refused: Refused, tmp_path: Path, scale: float, shift: int
) -> None:
    remap({})
    font = TTFont(tmp_path / "lying.ttf")
    draw(font, ".notdef", TOFU[0])
    copy = [(x * scale + shift, y * scale) for x, y in TOFU[0]]
    draw(font, font.getBestCmap()[ord("ぬ")], copy)
    font.save(tmp_path / "lying.ttf")
    assert refused() == {"ぬ": "like .notdef"}


@pytest.mark.parametrize(
    ("side", "reason"),
    [(4, "nearly blank"), (60, "another character")],
    ids=["nearly blank", "speck"],
)
def test_a_dot_where_others_have_a_character_is_refused(
    remap: Remap, refused: Refused, tmp_path: Path, side: int, reason: str
) -> None:
    remap({})
    font = TTFont(tmp_path / "lying.ttf")
    low, high = 400, 400 + side
    dot = [(low, low), (low, high), (high, high), (high, low)]
    draw(font, font.getBestCmap()[ord("ぬ")], dot)
    font.save(tmp_path / "lying.ttf")
    assert refused() == {"ぬ": reason}


def box(height: int) -> list[list[tuple[int, int]]]:
    return [[(60, 0), (60, height), (540, height), (540, 0)]]


@pytest.mark.parametrize(("n_faces", "unproven"), [(3, True), (4, False)])
def test_a_cell_is_proven_by_three_other_typefaces(
    make_font: MakeFont, write_recipe: WriteRecipe, n_faces: int, *, unproven: bool
) -> None:
    for k in range(n_faces):
        make_font(f"{k}.ttf", {"A": box(500 + 5 * k)})
    parts = lay_out(write_recipe('classes.text = "A"\nfonts.files = ["*.ttf"]'))
    assert parts.verdict.admitted.all()
    assert parts.verdict.unproven.tolist() == [[unproven]] * n_faces


def test_a_cell_is_not_proven_by_faces_of_its_own_typeface(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for k in range(6):
        make_font(f"{k}.ttf", {"A": box(500 + 5 * k)}, family=f"F{k // 2}")
    parts = lay_out(write_recipe('classes.text = "A"\nfonts.files = ["*.ttf"]'))
    assert parts.verdict.unproven.all()


def test_a_box_is_no_missing_glyph_where_other_typefaces_draw_it_so(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for k in range(4):  # TOFU is 800 high
        make_font(f"{k}.ttf", {"A": box(805 + 5 * k)})
    parts = lay_out(write_recipe('classes.text = "A"\nfonts.files = ["*.ttf"]'))
    assert parts.verdict.admitted.all()
    make_font("4.ttf", {"A": RING})
    parts = lay_out(write_recipe('classes.text = "A"\nfonts.files = ["0.ttf", "4.ttf"]'))
    assert [(r.face, r.reason) for r in parts.verdict.refusals] == [(0, "like .notdef")]


def test_an_outline_out_of_all_bounds_is_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    far = [[(20_000 + x, y) for x, y in TOFU[0]]]
    make_font("x.ttf", {"A": BOX, "B": far})
    parts = lay_out(write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]'))
    assert [r.reason for r in parts.verdict.refusals] == ["huge coordinates"]


def test_a_font_without_outlines_is_refused_by_what_it_holds(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    font = TTFont(path)
    for tag in ("glyf", "loca"):
        del font[tag]
    font["SVG "] = newTable("SVG ")
    font["SVG "].docList = []
    font["maxp"].tableVersion = 0x00005000
    font.save(path)
    with pytest.raises(FontError) as caught:
        read_face(path)
    assert str(caught.value) == (
        f"{path}: holds SVG pictures (SVG), expected outlines: a table glyf, CFF or CFF2"
        " (look for the font's outline version)"
    )


def save_with(path: Path, edit: Callable[[TTFont], None]) -> None:
    font = TTFont(path, recalcBBoxes=False)
    edit(font)
    font.save(path)


def reasons_of(recipe: Path) -> dict[str, str]:
    parts = lay_out(recipe)
    return {parts.table.all_forms[r.form]: r.reason for r in parts.verdict.refusals}


def test_a_mark_that_shaping_puts_on_a_dotted_circle_is_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    circle = [[(100, 0), (100, 300), (400, 300), (400, 0)]]
    make_font("x.ttf", {"क": BOX, "ि": PAIR, "◌": circle, "A": RING})
    text = "कि◌A"
    recipe = write_recipe(f'classes.text = "{text}"\nfonts.files = ["x.ttf"]')
    assert reasons_of(recipe) == {"ि": "dotted circle"}


def test_glyphs_nested_without_end_are_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    def nest(font: TTFont) -> None:
        for name, part in (("g66", "g66"), ("g67", "g68"), ("g68", "g67")):
            font["glyf"].glyphs[name] = Glyph(
                struct.pack(">5hHHbb", -1, 100, 0, 600, 700, 0x0002, font.getGlyphID(part), 0, 0)
            )

    save_with(make_font("x.ttf", dict.fromkeys("ABCD", BOX)), nest)
    recipe = write_recipe('classes.text = "ABCD"\nfonts.files = ["x.ttf"]\nfonts.sanitize = false')
    assert reasons_of(recipe) == dict.fromkeys("BCD", "no outline")


def test_glyphs_that_are_color_layers_alone_are_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    def paint(font: TTFont) -> None:
        font["COLR"] = buildCOLR({"g65": [("g66", 0)]})
        font["CPAL"] = buildCPAL([[(1.0, 0.0, 0.0, 1.0)]])

    path = make_font("x.ttf", {"A": [], "B": BOX})
    save_with(path, paint)
    recipe = write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]')
    assert reasons_of(recipe) == {"A": "no outline"}


@pytest.mark.parametrize(
    ("tags", "held"),
    [
        (("CBDT", "CBLC"), "bitmaps (CBDT)"),
        (("EBDT", "EBLC"), "bitmaps (EBDT)"),
        (("sbix",), "bitmaps (sbix)"),
        ((), "no drawings"),
    ],
)
def test_a_font_of_pictures_alone_is_refused_by_what_it_holds(
    make_font: MakeFont, tags: Sequence[str], held: str
) -> None:
    def strip(font: TTFont) -> None:
        for tag in ("glyf", "loca"):
            del font[tag]
        for tag in tags:
            font[tag] = DefaultTable(tag)
            font[tag].data = bytes(16)
        font["maxp"].tableVersion = 0x00005000

    path = make_font("x.ttf", {"A": BOX})
    save_with(path, strip)
    with pytest.raises(FontError) as caught:
        read_face(path)
    assert str(caught.value) == (
        f"{path}: holds {held}, expected outlines: a table glyf, CFF or CFF2"
        " (look for the font's outline version)"
    )


@pytest.mark.slow
def test_no_row_of_a_dataset_is_a_lie(
    remap: Remap, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    """100,000 rows of all bundled hands and of five fonts that lie, each in another way."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    lies: dict[str, dict[str, str]] = {
        "another.ttf": {"い": "ヤ", "な": "よ", "る": "ン"},
        "swapped.ttf": {"ね": "す", "す": "ね", "た": "も", "も": "た"},
        "symbol.ttf": dict.fromkeys("いきしちに", "ん"),
        "shifted.ttf": dict(zip(HIRAGANA, HIRAGANA[7:] + HIRAGANA[:7], strict=True)),
        "romaji.ttf": dict(zip(HIRAGANA, letters, strict=False)),
    }
    for name, mapping in lies.items():
        latin = {"source": "latin/Caveat_400Regular.ttf"} if name == "romaji.ttf" else {}
        remap(mapping, name=name, **latin)
    files = [f"{FONTS}/kana/*.ttf", *lies]
    recipe = write_recipe(
        f'classes.text = "{HIRAGANA}"\nfonts.files = {files}\ngate.on_refused = "skip"\n'
        "[image]\nheight = 16\nwidth = 16\n[render]\nper_class = 1205"
    )
    rendered = render_dataset(read_recipe(recipe), tmp_path / "dataset")
    assert rendered.n_rows == 83 * 1205
    samples = np.asarray(load(tmp_path / "dataset").samples)
    dataset = load(tmp_path / "dataset")
    drawn = np.unique(np.stack([samples["face"], samples["form"]], axis=1), axis=0)
    forms = [form for info in dataset.classes for form in info.forms]
    wrong = [
        (name, forms[form])
        for face, form in drawn.tolist()
        if forms[form] in lies.get(name := dataset.index.faces[face].file, {})
    ]
    assert wrong == []
    counts = np.bincount(samples["class_index"])
    assert set(counts.tolist()) == {1205}
