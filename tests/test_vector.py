from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import uharfbuzz as hb
from conftest import BOX, FONTS, PAIR, RING, MakeFont
from freetype import raw
from prepared_renders import lay_out

from glyphgen.engines import vector
from glyphgen.outlines import raster

WriteRecipe = Callable[[str], Path]

# A 10 pixel frame with an em of 10 pixels: one unit of 100 is one pixel.
STILL = (
    "[image]\nheight = 10\nwidth = 10\n[render]\nsize = 1\nshift_x = 0\nshift_y = 0\nrotation = 0\n"
)


@pytest.fixture
def recipe(make_font: MakeFont, write_recipe: WriteRecipe) -> Path:
    # With an advance of 1000 and a middle of 380 the pen's origin is 5 pixels left of the center
    # and 3.8 below it; the drawings are lowered by 120 to stand on whole pixels.
    lowered = {
        char: [[(x, y - 120) for x, y in contour] for contour in contours]
        for char, contours in {"B": BOX, "P": PAIR, "R": RING}.items()
    }
    make_font("x.ttf", lowered, advance=1000)
    return write_recipe('classes.text = "BPR"\nfonts.files = ["x.ttf"]\n' + STILL)


def boxes(image: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(image)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_ink_is_where_the_matrix_puts_it(recipe: Path) -> None:
    box, pair, ring = lay_out(recipe, "render.per_class=1").draw(0, 3)
    expected = np.zeros((10, 10), dtype=np.uint8)
    expected[3:10, 1:6] = 255
    assert np.array_equal(box, expected)
    expected[4:9, 2:5] = 0
    assert np.array_equal(ring, expected)
    expected[:] = 0
    expected[3:10, 0:3] = expected[3:10, 4:7] = 0
    expected[3:10, [1, 5]] = 255
    expected[3:10, [0, 2, 4, 6]] = 128
    assert np.abs(pair.astype(int) - expected).max() <= 1


def test_a_quarter_turn_is_counter_clockwise(recipe: Path) -> None:
    image = lay_out(recipe, "render.per_class=1", "render.rotation=90").draw(0, 1)[0]
    # What was left of the center (x from 1 to 6 of 10) is now below it.
    assert boxes(image) == (3, 4, 10, 9)


def test_a_shift_is_right_and_down(recipe: Path) -> None:
    moved = lay_out(
        recipe, 'render.shift_of="height"', "render.shift_x=0.1", "render.shift_y=-0.2"
    ).draw(0, 1)[0]
    assert boxes(moved) == (2, 1, 7, 8)


def test_a_positive_shear_leans_to_the_right(recipe: Path) -> None:
    image = lay_out(recipe, "render.shear=20", 'gate.on_cut_off="allow"').draw(0, 1)[0]
    assert np.nonzero(image[3])[0].mean() > np.nonzero(image[9])[0].mean() + 1


def test_stretch_widens_and_leaves_the_height(recipe: Path) -> None:
    left, top, right, bottom = boxes(lay_out(recipe, "render.stretch=0.6").draw(0, 1)[0])
    assert (top, bottom) == (3, 10)
    assert right - left == pytest.approx(3, abs=1)


@pytest.mark.parametrize("weight", [0.1, -0.04])
def test_weight_moves_every_edge_by_half(recipe: Path, weight: float) -> None:
    ring = lay_out(recipe, f"render.weight={weight}", 'gate.on_cut_off="allow"').draw(2, 3)[0]
    plain = lay_out(recipe).draw(2, 3)[0]
    # Half of the weight, in em of 10 pixels, on either side of outlines 24 and 16 pixels long.
    grown = (ring.sum(dtype=int) - plain.sum(dtype=int)) / 255
    # The lower edge of the frame hides what grows beyond it.
    hidden = 0.5 * 6 if weight > 0 else 0
    assert grown == pytest.approx(weight * 10 / 2 * 40 - hidden, abs=0.5)


def test_wobble_bends_within_its_amplitude(recipe: Path) -> None:
    big = ["image.height=100", "image.width=100", "render.per_class=50", "render.size=0.6"]
    still = lay_out(recipe, *big).draw(0, 150)
    bent = lay_out(recipe, *big, "render.wobble.amplitude=0.1").draw(0, 150)
    assert (bent != still).any(axis=(1, 2)).all(), "every sample is bent"
    assert len({image.tobytes() for image in bent}) == 150, "each in its own way"
    for a, b in zip(still, bent, strict=True):
        distance = np.abs(np.array(boxes(a)) - np.array(boxes(b)))
        assert distance.max() <= 6 + 1


def test_scatter_moves_pieces_apart_and_leaves_one_piece_whole(recipe: Path) -> None:
    big = ["image.height=100", "image.width=100", "render.per_class=60", "render.size=0.6"]
    pairs = lay_out(recipe, *big, "render.scatter.shift=0.05").draw(0, 180)[1::3]
    gaps, tops = [], []
    for image in pairs:
        left, right = image[:, :42], image[:, 42:]
        tops.append(boxes(left)[1] - boxes(right)[1])
        gaps.append(boxes(right)[0] + 42 - boxes(left)[2])
    # Two pieces 12 pixels apart, each shifted by up to 3 pixels either way.
    assert min(gaps) < 9
    assert max(gaps) > 15
    assert min(gaps) >= 5
    assert max(gaps) <= 19
    assert min(tops) < -2
    assert max(tops) > 2
    ink = pairs.sum(axis=(1, 2)) / 255
    assert ink.std() < 0.5, "a shift keeps the size"
    grown = (
        lay_out(recipe, *big, "render.scatter.scale=0.2").draw(0, 180)[0::3].sum(axis=(1, 2)) / 255
    )
    assert grown.std() > 50, "a scale does not"


def test_rows_are_alike_alone_and_together_in_any_order() -> None:
    parts = lay_out(
        FONTS.parent / "recipes" / "hiragana.toml", 'fonts.files=["../fonts/kana/[DKS]*.ttf"]'
    )
    whole = parts.draw(0, 700)
    assert np.array_equal(parts.draw(500, 503), whole[500:503])
    engine = vector.VectorEngine(parts.engine_inputs)
    order = np.random.default_rng(0).permutation(700)
    out = np.empty((700, 64, 64), dtype=np.uint8)
    engine.draw(parts.plan.rows(0, 700).take(order), out)
    assert np.array_equal(out, whole[order])


@pytest.mark.slow
def test_freetype_and_harfbuzz_agree_on_every_bundled_family(write_recipe: WriteRecipe) -> None:
    """Two unrelated rasterizers; HarfBuzz draws from the font, we from the store."""
    worst_mean, worst = 0.0, 0
    for folder, text in [("kana", "あのソ"), ("latin", "aQ8"), ("persian", "ب۵گ"), ("han", "永")]:
        parts = lay_out(
            write_recipe(
                f'classes.text = "{text}"\nfonts.files = ["{FONTS}/{folder}/*.ttf"]\n'
                'gate.on_refused = "skip"\nrender.per_class = 60'
            )
        )
        n = parts.plan.n_rows
        placements, images = parts.plan.rows(0, n), parts.draw(0, n)
        for k in range(n):
            face, form = divmod(int(placements.cell[k]), parts.store.n_forms)
            expected = _draw_with_harfbuzz(
                parts.faces[face].path, parts.table.all_forms[form], placements.matrix[k]
            )
            difference = np.abs(expected.astype(int) - images[k])
            worst_mean, worst = max(worst_mean, difference.mean()), max(worst, difference.max())
    assert worst_mean < 0.5
    assert worst <= 64


def _draw_with_harfbuzz(path: Path, char: str, matrix: np.ndarray) -> np.ndarray:
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(path))))
    upem = font.face.upem
    draw = hb.RasterDraw()
    (xx, xy, x0), (yx, yy, y0) = matrix
    draw.transform = (xx / upem, -yx / upem, xy / upem, -yy / upem, x0, 64 - y0)
    draw.extents = hb.RasterExtents(x_origin=0, y_origin=0, width=64, height=64, stride=64)
    draw.draw_glyph(font, font.get_nominal_glyph(ord(char)))
    image = draw.render()
    pixels = np.frombuffer(image.buffer, dtype=np.uint8).reshape(64, -1)[:, :64]
    return pixels[::-1]


def test_freetypes_structures_are_laid_out_as_its_binding_says() -> None:
    import ctypes

    assert raster._OUTLINE.itemsize == ctypes.sizeof(raw.FT_Outline)
    assert raster._BITMAP.itemsize == ctypes.sizeof(raw.FT_Bitmap)
    for name, field in (("n_points", "n_points"), ("points", "points"), ("flags", "flags")):
        assert raster._OUTLINE.fields is not None
        assert raster._OUTLINE.fields[name][1] == getattr(raw.FT_Outline, field).offset
