"""The engines that draw by font file, against exact coverage of the same outlines.

The oracle shapes and reads outlines with HarfBuzz and fills them with HarfBuzz's own rasterizer,
which neither Pillow nor ImageMagick uses, on a grid eight times finer than the image.
"""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import cos, radians, sin, tan
from pathlib import Path

import numpy as np
import pytest
import uharfbuzz as hb
from conftest import FONTS
from fontTools.ttLib import TTCollection, TTFont
from numpy.typing import NDArray
from PIL import features
from prepared_renders import give

from glyphgen.engines import Engine, EngineInputs, make_engine
from glyphgen.engines.imagemagick import ImageMagickEngine
from glyphgen.engines.pillow import PillowEngine
from glyphgen.engines.shaping import needs_shaping
from glyphgen.errors import ChoiceError, EngineError
from glyphgen.fonts import Face, read_face
from glyphgen.plan import SAMPLE_DTYPE, Placements

MakeEngine = Callable[[EngineInputs], Engine]
Matrix = NDArray[np.float64]
Images = NDArray[np.uint8]
Frame = tuple[int, int]  # height, width

ENGINES = [
    pytest.param(PillowEngine, id="pillow"),
    pytest.param(ImageMagickEngine, id="imagemagick"),
]
FONT_FILES = sorted(FONTS.glob("*/*.[ot]tf"))
KALAM = FONTS / "latin/Kalam_400Regular.ttf"
GOCHI = FONTS / "latin/GochiHand_400Regular.ttf"
VAZIRMATN = FONTS / "persian/Vazirmatn_400Regular.ttf"

# Gray levels of 255, mean over the image. The worst of all bundled fonts and placements below is
# 0.82 with Pillow, whose hinting cannot be switched off, and 0.55 with ImageMagick.
LARGEST_MEAN_DIFFERENCE: dict[MakeEngine, float] = {PillowEngine: 0.9, ImageMagickEngine: 0.6}
INK = 32  # a pixel belongs to the ink's box above this
OVERSAMPLING = 8


def place(
    size_px: float, x: float, y: float, *, rotation: float = 0, shear: float = 0, stretch: float = 1
) -> Matrix:
    """The pen's origin at pixel (x, y); angles in degrees, counter-clockwise."""
    angle = radians(rotation)
    turn = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    slant = np.array([[stretch, tan(radians(shear))], [0, 1]])
    linear = np.diag([size_px, -size_px]) @ turn @ slant
    return np.column_stack([linear, (x, y)])


PLACEMENTS = {
    "upright": ((64, 64), place(45, 10, 50)),
    "shifted by fractions": ((64, 64), place(45, 9.3, 48.61)),
    "rotated": ((64, 64), place(45, 9.3, 48.61, rotation=8)),
    "sheared and stretched": ((64, 64), place(40, 9.3, 48.61, shear=10, stretch=1.2)),
    "small": ((64, 64), place(20.2, 21.37, 35.4)),
    "all at once, wide": ((48, 96), place(30.7, 31.37, 35.9, rotation=-25, shear=20, stretch=0.8)),
}


def batch(cells: Sequence[int], matrices: Sequence[Matrix]) -> Placements:
    n = len(cells)
    return Placements(
        cell=np.array(cells, dtype=np.int64),
        samples=np.zeros(n, dtype=SAMPLE_DTYPE),
        matrix=np.array(matrices, dtype=np.float64).reshape(n, 2, 3),
        wobble=np.zeros((n, 0, 2), dtype=np.float32),
        scatter=np.zeros((n, 0), dtype=np.uint64),
        strokes=np.zeros((n, 0), dtype=np.uint64),
    )


def draw(engine: MakeEngine, face: Face, form: str, frame: Frame, matrix: Matrix) -> Images:
    out = np.full((1, *frame), 77, dtype=np.uint8)
    engine(give([face], [form], *frame)).draw(batch([0], [matrix]), out)
    image: Images = out[0]
    return image


def cover(face: Face, form: str, frame: Frame, matrix: Matrix) -> Images:
    """Exact coverage, by HarfBuzz."""
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(face.path)), face.index))
    font.set_variations(dict(face.axes))
    buffer = hb.Buffer()
    buffer.add_str(form)
    buffer.guess_segment_properties()
    hb.shape(font, buffer)
    height, width = frame[0] * OVERSAMPLING, frame[1] * OVERSAMPLING
    (a, b, x), (c, d, y) = (matrix * OVERSAMPLING / (font.face.upem, font.face.upem, 1)).tolist()
    raster = hb.RasterDraw()
    raster.extents = hb.RasterExtents(width=width, height=height)
    pen = 0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        left, up = pen + position.x_offset, position.y_offset
        # HarfBuzz counts rows from the bottom.
        raster.transform = (a, -c, b, -d, x + a * left + b * up, height - (y + c * left + d * up))
        raster.draw_glyph(font, info.codepoint)
        pen += position.x_advance
    image = raster.render()
    rows = np.frombuffer(image.buffer, np.uint8).reshape(height, image.extents.stride)
    fine = rows[::-1, :width].reshape(frame[0], OVERSAMPLING, frame[1], OVERSAMPLING)
    coverage: Images = np.rint(fine.mean(axis=(1, 3))).astype(np.uint8)
    return coverage


def difference(image: Images, other: Images) -> float:
    return float(np.abs(image.astype(int) - other).mean())


def ink_box(image: Images) -> NDArray[np.int64]:
    rows, columns = np.nonzero(image > INK)
    return np.array([rows.min(), columns.min(), rows.max(), columns.max()])


def find_characters(path: Path) -> list[str]:
    """The first two characters of a mixed list that the font has: as many scripts as it can."""
    font = hb.Font(hb.Face(hb.Blob.from_file_path(str(path))))
    return [char for char in "あヴ永سجaR" if font.get_nominal_glyph(ord(char)) is not None][:2]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("path", FONT_FILES, ids=lambda path: path.stem)
def test_ink_agrees_with_exact_coverage(engine: MakeEngine, path: Path) -> None:
    face = read_face(path)
    for form in find_characters(path):
        for name, (frame, matrix) in PLACEMENTS.items():
            image = draw(engine, face, form, frame, matrix)
            exact = cover(face, form, frame, matrix)
            assert np.abs(ink_box(image) - ink_box(exact)).max() <= 1, (form, name)
            assert difference(image, exact) < LARGEST_MEAN_DIFFERENCE[engine], (form, name)


def test_an_engine_of_another_name_is_refused() -> None:
    with pytest.raises(ChoiceError) as caught:
        make_engine("pilow", give([], [], 64, 64))
    assert str(caught.value) == (
        "engine: found 'pilow', expected one of vector, pillow, imagemagick (did you mean 'pillow'?)"
    )


def test_the_fonts_are_all_of_the_bundled_families() -> None:
    assert len(FONT_FILES) == 116


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tenth_of_a_pixel_is_seen(engine: MakeEngine) -> None:
    face = read_face(KALAM)
    columns = np.arange(64)
    centers = []
    for x in (20.0, 20.1, 20.2, 20.5, 20.9):
        image = draw(engine, face, "R", (64, 64), place(45, x, 50)).astype(float)
        centers.append((image.sum(axis=0) @ columns) / image.sum() - x)
    assert np.ptp(centers) < 0.02


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", ["@", "%w", "%[fx:1]", "\\n", "\\", "@/etc/hosts", "it's", '"'])
def test_text_is_drawn_literally(engine: MakeEngine, form: str) -> None:
    face, matrix = read_face(GOCHI), place(20, 5, 25)
    image = draw(engine, face, form, (40, 160), matrix)
    assert difference(image, cover(face, form, (40, 160), matrix)) < LARGEST_MEAN_DIFFERENCE[engine]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["it's.ttf", "100% [1].ttf", "ひらがな \\ .ttf", '".ttf'])
def test_a_font_file_may_have_any_name(engine: MakeEngine, name: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(KALAM, tmp_path / name))
    matrix = place(45, 10, 50)
    image = draw(engine, read_face(path), "R", (64, 64), matrix)
    assert np.array_equal(image, draw(engine, read_face(KALAM), "R", (64, 64), matrix))


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_come_in_any_order_and_every_pixel_is_set(engine: MakeEngine) -> None:
    faces, forms = [read_face(KALAM), read_face(GOCHI)], ["R", "a", "g"]
    rng = np.random.default_rng(5)
    cells = rng.integers(0, 6, 30).tolist()
    matrices = [
        place(size, x, 48, rotation=angle)
        for size, x, angle in rng.uniform((15, 5, -30), (50, 20, 30), (30, 3)).tolist()
    ]
    drawn = np.full((30, 64, 64), 77, dtype=np.uint8)
    engine(give(faces, forms, 64, 64)).draw(batch(cells, matrices), drawn)
    assert drawn[:, 0, -1].max() == 0  # paper, where no ink comes
    for row, (cell, matrix) in enumerate(zip(cells, matrices, strict=True)):
        alone = draw(engine, faces[cell // 3], forms[cell % 3], (64, 64), matrix)
        assert np.array_equal(drawn[row], alone)


@pytest.mark.parametrize("engine", ENGINES)
def test_ink_beyond_the_frame_is_cut_off(engine: MakeEngine) -> None:
    face = read_face(KALAM)
    for x, y in ((-12, 50), (50, 50), (10, 5), (10, 80)):
        matrix = place(45, x, y, rotation=20)
        image = draw(engine, face, "R", (64, 64), matrix)
        assert (
            difference(image, cover(face, "R", (64, 64), matrix)) < LARGEST_MEAN_DIFFERENCE[engine]
        )


def test_pillow_draws_ink_wholly_beyond_the_frame_as_paper() -> None:
    face, matrix = read_face(KALAM), place(45, 200, 50)
    assert not draw(PillowEngine, face, "R", (64, 64), matrix).any()


@pytest.mark.parametrize("engine", ENGINES)
def test_several_letters_are_one_form(engine: MakeEngine) -> None:
    face, matrix = read_face(GOCHI), place(25, 5.4, 27.2, rotation=-3)
    image = draw(engine, face, "glyph", (48, 96), matrix)
    assert (
        difference(image, cover(face, "glyph", (48, 96), matrix)) < LARGEST_MEAN_DIFFERENCE[engine]
    )


def test_pillow_joins_letters_of_a_cursive_script() -> None:
    face, matrix = read_face(VAZIRMATN), place(25, 5.4, 27.2)
    image = draw(PillowEngine, face, "سلام", (48, 96), matrix)
    assert (
        difference(image, cover(face, "سلام", (48, 96), matrix))
        < LARGEST_MEAN_DIFFERENCE[PillowEngine]
    )


@pytest.mark.parametrize(
    ("form", "needed"),
    [
        ("س", False),
        ("سل", True),
        ("שב", True),
        ("کـ", True),
        ("क्ष", True),
        ("ᠮᠣ", True),
        ("é", False),
        ("e\u0301", True),
        ("word", False),
        ("漢字", False),
    ],
)
def test_scripts_that_need_shaping_are_known(form: str, needed: bool) -> None:
    assert needs_shaping(form) is needed


def test_pillow_without_raqm_refuses_to_join_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda feature: feature != "raqm")
    PillowEngine(give([read_face(VAZIRMATN)], ["س", "glyph"], 64, 64))
    with pytest.raises(EngineError) as caught:
        PillowEngine(give([read_face(VAZIRMATN)], ["س", "سل"], 64, 64))
    assert str(caught.value) == (
        "pillow engine: cannot shape 'سل' (U+0633 U+0644): this Pillow has no Raqm"
        " (install the package libfribidi0, or use the engine 'vector')"
    )


def test_imagemagick_without_raqm_refuses_to_join_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    import wand.version

    monkeypatch.setattr(wand.version, "MAGICK_VERSION_DELEGATES", "freetype png")
    with pytest.raises(EngineError) as caught:
        ImageMagickEngine(give([read_face(VAZIRMATN)], ["س", "سل"], 64, 64))
    assert str(caught.value) == (
        "imagemagick engine: cannot shape 'سل' (U+0633 U+0644): this ImageMagick has no Raqm"
        " (use the engine 'vector' or 'pillow')"
    )


def test_an_absent_imagemagick_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wand.image", None)
    with pytest.raises(EngineError) as caught:
        ImageMagickEngine(give([], [], 64, 64))
    assert str(caught.value) == (
        "imagemagick engine: ImageMagick's library is not found"
        " (install the package libmagickwand-6.q16-6, or use the engine 'vector')"
    )


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (PillowEngine, "Pillow cannot open this font: cannot open resource"),
        (ImageMagickEngine, "no such font file, or it cannot be read"),
    ],
)
def test_a_missing_font_is_never_substituted(
    engine: MakeEngine, message: str, tmp_path: Path
) -> None:
    absent = replace(read_face(KALAM), path=tmp_path / "absent.ttf")
    with pytest.raises(EngineError) as caught:
        engine(give([absent], ["R"], 64, 64))
    assert str(caught.value) == f"{absent.path}: {message}"


@pytest.mark.parametrize("engine_class", ENGINES)
def test_a_font_that_vanishes_is_never_substituted(
    engine_class: MakeEngine, tmp_path: Path
) -> None:
    path = Path(shutil.copy(KALAM, tmp_path / "brief.ttf"))
    engine = engine_class(give([read_face(path)], ["R"], 64, 64))
    path.unlink()
    with pytest.raises(EngineError, match=r"brief\.ttf"):
        engine.draw(batch([0], [place(45, 10, 50)]), np.zeros((1, 64, 64), dtype=np.uint8))


def test_imagemagick_names_the_cell_that_leaves_an_image_empty() -> None:
    with pytest.raises(EngineError) as caught:
        draw(ImageMagickEngine, read_face(KALAM), "永", (64, 64), place(45, 10, 50))
    assert str(caught.value) == f"{KALAM}: ImageMagick draws no ink for '永' (U+6C38)"


def test_imagemagick_names_a_font_that_it_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "broken.ttf"
    path.write_bytes(b"no font at all")
    broken = replace(read_face(KALAM), path=path)
    with pytest.raises(EngineError) as caught:
        draw(ImageMagickEngine, broken, "R", (64, 64), place(45, 10, 50))
    # Some versions report the font, others set nothing.
    assert str(caught.value).startswith(f"{path}: ImageMagick ")
    assert "'R' (U+0052)" in str(caught.value)


def test_imagemagick_says_when_its_limits_forbid_the_frame() -> None:
    from wand.resource import limits

    before = limits["width"]
    limits["width"] = 100
    try:
        with pytest.raises(EngineError) as caught:
            ImageMagickEngine(give([], [], 64, 64))
    finally:
        limits["width"] = before
    assert str(caught.value) == (
        "imagemagick engine: cannot make an image of 260 x 260 pixels"
        " (ImageMagick's limits are in its policy.xml; or use the engine 'vector')"
    )


@pytest.mark.parametrize("weight", [100, 500, 900])
def test_pillow_draws_a_variable_font_at_its_axes(variable_font: Path, weight: float) -> None:
    face, matrix = read_face(variable_font, axes={"wght": weight}), place(50, 8.2, 50)
    image = draw(PillowEngine, face, "A", (64, 64), matrix)
    assert (
        difference(image, cover(face, "A", (64, 64), matrix))
        < LARGEST_MEAN_DIFFERENCE[PillowEngine]
    )


def test_imagemagick_refuses_axes(variable_font: Path) -> None:
    face = read_face(variable_font, axes={"wght": 500})
    with pytest.raises(EngineError) as caught:
        ImageMagickEngine(give([face], ["A"], 64, 64))
    assert str(caught.value) == (
        f"{variable_font}: ImageMagick draws only the default of a variable font, not wght=500"
        " (use the engine 'vector' or 'pillow')"
    )


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """A collection of two Latin hands."""
    fonts = TTCollection()
    fonts.fonts = [TTFont(KALAM), TTFont(GOCHI)]
    path = tmp_path / "two.ttc"
    fonts.save(path)
    return path


@pytest.mark.parametrize("index", [0, 1])
def test_pillow_draws_either_face_of_a_collection(collection: Path, index: int) -> None:
    face, matrix = read_face(collection, index), place(45, 10, 50)
    image = draw(PillowEngine, face, "g", (64, 64), matrix)
    alone = read_face((KALAM, GOCHI)[index])
    assert np.array_equal(image, draw(PillowEngine, alone, "g", (64, 64), matrix))


def test_imagemagick_draws_the_first_face_of_a_collection(collection: Path) -> None:
    matrix = place(45, 10, 50)
    image = draw(ImageMagickEngine, read_face(collection), "g", (64, 64), matrix)
    alone = draw(ImageMagickEngine, read_face(KALAM), "g", (64, 64), matrix)
    assert np.array_equal(image, alone)


def test_imagemagick_refuses_the_second_face_of_a_collection(collection: Path) -> None:
    with pytest.raises(EngineError) as caught:
        ImageMagickEngine(give([read_face(collection, 1)], ["g"], 64, 64))
    assert str(caught.value) == (
        f"{collection}: ImageMagick draws only the first face of a collection, not index 1"
        " (use the engine 'vector' or 'pillow')"
    )
