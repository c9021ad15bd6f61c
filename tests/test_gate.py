from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, FONTS, PAIR, TOFU, MakeFont
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.ttLib import TTFont
from prepared_renders import Parts, lay_out

from glyphgen.errors import GateError
from glyphgen.gate import require_classes

WriteRecipe = Callable[[str], Path]


def refusals(parts: Parts) -> list[tuple[str, str, str, float]]:
    return [
        (parts.faces[r.face].name, parts.table.all_forms[r.form], r.reason, r.figure)
        for r in parts.verdict.refusals
    ]


def problems_of(parts: Parts) -> list[str]:
    with pytest.raises(GateError) as caught:
        require_classes(parts.recipe, parts.table, parts.faces, parts.verdict)
    return list(caught.value.problems)


def test_each_way_of_not_drawing_a_character_is_refused_by_its_name(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": [], "C": TOFU})
    parts = lay_out(write_recipe('classes.text = "ABCD"\nfonts.files = ["x.ttf"]'))
    assert refusals(parts) == [
        ("x.ttf", "B", "no outline", 1.0),
        ("x.ttf", "C", "like .notdef", 1.0),
        ("x.ttf", "D", "no cmap entry", 1.0),
    ]
    assert parts.verdict.admitted.tolist() == [[True, False, False, False]]


def test_a_glyph_that_shaping_turns_into_the_missing_glyph_is_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    path = make_font("x.ttf", {"A": BOX, "B": BOX})
    font = TTFont(path)
    addOpenTypeFeaturesFromString(font, "feature ccmp { sub g66 by .notdef; } ccmp;")
    font.save(path)
    parts = lay_out(write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]'))
    assert refusals(parts) == [("x.ttf", "B", "glyph 0", 1.0)]


def test_refused_cells_are_an_error_that_names_face_and_reason(
    make_font: MakeFont, write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_font("x.ttf", {"A": BOX, "D": BOX})
    make_font("y.ttf", dict.fromkeys("ABC", BOX))
    monkeypatch.chdir(tmp_path)
    write_recipe('[classes]\ntext = "ABCDE"\n[fonts]\nfiles = ["*.ttf"]')
    assert problems_of(lay_out(Path("tiny.toml"))) == [
        "x.ttf: has no character map entry for 'B' (U+0042) and 2 more of 5"
        ' (gate.on_refused = "skip" leaves them out)',
        "y.ttf: has no character map entry for 'D' (U+0044) and 1 more of 5"
        ' (gate.on_refused = "skip" leaves them out)',
        "tiny.toml:1: classes: no face draws 'E' (U+0045) of 5 classes"
        " (add a font that has them, or exclude them)",
    ]


def test_skipping_still_refuses_a_class_without_a_face(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX})
    recipe = write_recipe('classes.text = "ABC"\nfonts.files = ["x.ttf"]\ngate.on_refused = "skip"')
    assert problems_of(lay_out(recipe)) == [
        f"{recipe}:1: classes: no face draws 'B' (U+0042), 'C' (U+0043) of 3 classes"
        " (add a font that has them, or exclude them)"
    ]


@pytest.mark.parametrize(
    ("settings", "figure"),
    [
        # The ink is 0.5 x 0.7 em, its middle 0.03 em below the frame's; a 64 pixel frame.
        ("size = 1.2\nshift_x = 0\nshift_y = 0\nrotation = 0", 0.0),
        ("size = 1.3\nshift_x = 0\nshift_y = 0\nrotation = 0", 0.0),
        ("size = 1.4\nshift_x = 0\nshift_y = 0\nrotation = 0", 2.048),
        ('size = 1\nshift_of = "height"\nshift_x = 0\nshift_y = 0.2\nrotation = 0', 5.12),
        ('size = 1\nshift_of = "height"\nshift_x = [0, 0.3]\nshift_y = 0\nrotation = 0', 3.2),
    ],
)
def test_refusing_looks_at_the_worst_placement_of_the_recipe(
    make_font: MakeFont, write_recipe: WriteRecipe, settings: str, figure: float
) -> None:
    make_font("x.ttf", {"A": BOX})
    parts = lay_out(
        write_recipe(
            'classes.text = "A"\nfonts.files = ["x.ttf"]\ngate.on_cut_off = "refuse"\n[render]\n'
            + settings
        )
    )
    assert [r[:3] for r in refusals(parts)] == ([("x.ttf", "A", "cut off")] if figure else [])
    assert sum(r[3] for r in refusals(parts)) == pytest.approx(figure, abs=0.01)


def test_rotations_between_the_ends_are_looked_at(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    bar = [[(0, 350), (0, 410), (1000, 410), (1000, 350)]]
    make_font("x.ttf", {"A": bar}, advance=1000)
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["x.ttf"]\ngate.on_cut_off = "refuse"\n'
        "[image]\nheight = 48\nwidth = 96\n"
        "[render]\nsize = 1.5\nshift_x = 0\nshift_y = 0\nrotation = [0, 180]"
    )
    # Lying it fits 96 pixels of width; upright, half way, it is 72 pixels high in a frame of 48.
    assert [r[2] for r in refusals(lay_out(recipe))] == ["cut off"]
    assert refusals(lay_out(recipe, "render.rotation=0")) == []


def test_what_can_be_shrunk_into_the_frame_is_admitted_and_what_cannot_is_not(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": PAIR})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["x.ttf"]\n[render]\nsize = [1, 3]\nrotation = 0'
    )
    assert refusals(lay_out(recipe)) == []
    assert refusals(lay_out(recipe, "render.size=[2, 3]")) == []  # at a quarter at least
    wide = lay_out(recipe, "render.size=[3, 3]", "render.stretch=10")
    assert [r[2] for r in refusals(wide)] == ["cut off"] * 2
    assert refusals(lay_out(recipe, "render.size=[2, 3]", 'gate.on_cut_off="allow"')) == []


def test_an_outline_of_too_many_points_is_refused(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    saw = [(x, 300 + 10 * (x % 2)) for x in range(16_500)]
    contour = [*saw, *((x, y + 100) for x, y in reversed(saw))]
    make_font("x.ttf", {"A": BOX, "B": [contour]}, advance=16_500)
    parts = lay_out(
        write_recipe('classes.text = "AB"\nfonts.files = ["x.ttf"]\nrender.framing = "fit"')
    )
    assert refusals(parts) == [("x.ttf", "B", "too many points", 33_000.0)]


@pytest.mark.slow
def test_the_bundled_kana_fonts_draw_every_kana() -> None:
    parts = lay_out(FONTS.parent / "recipes" / "kana.toml")
    assert parts.verdict.admitted.shape == (29, 169)
    assert parts.verdict.refusals == ()
