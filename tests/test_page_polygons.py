"""Polygons of the ink on pages, as COCO takes them: they hold all of it, and leave its holes out."""

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FONTS
from numpy.typing import NDArray
from pycocotools.coco import COCO

import glyphgen
from glyphgen.errors import DatasetError, MachineError
from glyphgen.exchange.export_format import ExportOptions
from glyphgen.exchange.exporting import export_dataset
from glyphgen.outlines import RunStore
from glyphgen.outlines.flattening import GlyphPolygons, _unite
from glyphgen.render.recalling import recall_render

# The 8 of Baloo Bhaijaan crosses itself, and Vazirmatn's strokes overlap.
RECIPE = f"""
fonts.files = ["{FONTS}/persian/BalooBhaijaan*", "{FONTS}/persian/Vazirmatn_400*"]
classes.language = "fa"
render.count = 4
[gate]
on_refused = "skip"
[page]
size = [260, 300]
skew = [-6, 6]
[[page.field]]
label = "تاریخ"
value = " {{year}}/{{month}}"
at = [1.0, 0.0]
size = 0.1
[[page.text]]
at = [0.9, 0.3]
width = 0.85
lines = 4
size = [0.08, 0.16]
words = ["سلام", "پیوست", "می‌رساند", "@Q8%", "متن", "کلاه"]
"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("polygons")
    (folder / "pages.toml").write_text(
        RECIPE.replace("lines = 4", "lines = [4, 4]"), encoding="utf-8"
    )
    glyphgen.render_dataset(glyphgen.read_recipe(folder / "pages.toml"), folder / "pages")
    return folder / "pages"


@pytest.fixture(scope="module")
def coco(pages: Path) -> COCO:
    export_dataset("coco", pages, pages.parent / "coco", options=ExportOptions(polygons=True))
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(pages.parent / "coco" / "annotations-train.json"))


def draw_masks(coco: COCO, row: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what all polygons of a page hold, and what their boxes hold."""
    page = coco.imgs[row + 1]
    inside = np.zeros((page["height"], page["width"]), dtype=np.bool_)
    framed = inside.copy()
    for one in coco.imgToAnns[row + 1]:
        if one["level"] == "character":
            inside |= coco.annToMask(one).astype(np.bool_)
            x, y, width, height = one["bbox"]
            framed[int(y) : int(np.ceil(y + height)), int(x) : int(np.ceil(x + width))] = True
    return inside, framed


def widen(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the mask and all pixels beside it."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    wide = np.zeros_like(mask)
    for y in range(3):
        for x in range(3):
            wide |= padded[y : y + height, x : x + width]
    return wide


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_polygons_hold_all_ink_and_no_paper(coco: COCO, pages: Path) -> None:
    dataset = glyphgen.load(pages)
    assert len(coco.imgs) == 4
    for row in range(4):
        ink = dataset.ink[row]
        inside, framed = draw_masks(coco, row)
        assert inside.sum() > 1500
        assert not (ink[~widen(inside)] > 64).any()
        assert not (inside & ~widen(ink > 64)).any()
        # Far less than the boxes: what is white within letters is no ink.
        assert inside.sum() < 0.5 * framed.sum()
        # pycocotools rounds its edges outwards.
        assert (inside & (ink > 127)).sum() > 0.85 * (inside | (ink > 127)).sum()


def test_areas_are_those_of_the_ink(coco: COCO, pages: Path) -> None:
    dataset = glyphgen.load(pages)
    for row in range(4):
        area = sum(one["area"] for one in coco.imgToAnns[row + 1] if one["level"] == "character")
        assert area == pytest.approx(int(dataset.ink[row].sum()) / 255, rel=0.02)


def test_polygons_stay_on_the_page_and_boxes_of_words_are_boxes(coco: COCO) -> None:
    at_edge = 0
    for one in coco.anns.values():
        for polygon in one["segmentation"]:
            points = np.array(polygon).reshape(-1, 2)
            if one["level"] != "character":
                assert len(points) == 4
                continue
            assert (points >= 0).all()
            assert (points <= (300, 260)).all()
            at_edge += bool((points == 0).any() or (points == (300, 260)).any())
            x, y, width, height = one["bbox"]
            assert (points > np.array([x, y]) - 0.1).all()
            assert (points < np.array([x + width, y + height]) + 0.1).all()
    assert at_edge, "a field in the corner of a turned page is cut off"


def test_other_annotations_are_the_same_without_polygons(coco: COCO, pages: Path) -> None:
    export_dataset("coco", pages, pages.parent / "plain")
    page = json.loads((pages.parent / "plain" / "annotations-train.json").read_text("utf-8"))

    def strip(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [
            {key: one[key] for key in one if key not in ("segmentation", "area")}
            for one in annotations
        ]

    assert strip(page["annotations"]) == strip(coco.dataset["annotations"])


def test_polygons_want_the_fonts_that_drew_the_pages(pages: Path, tmp_path: Path) -> None:
    imported = glyphgen.import_dataset("dataset", pages, tmp_path / "x").folder
    with pytest.raises(DatasetError) as caught:
        export_dataset("coco", imported, tmp_path / "out", options=ExportOptions(polygons=True))
    assert caught.value.problems == (
        f"{imported}: polygons are made of the outlines that drew its pages, which cannot be had again:"
        f" {imported}: made by `glyphgen import`, not drawn from a recipe",
    )


def test_polygons_want_their_library(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyclipper", None)
    with pytest.raises(MachineError) as caught:
        export_dataset("coco", pages, tmp_path / "out", options=ExportOptions(polygons=True))
    assert caught.value.problems == (
        "polygons: the library pyclipper is not installed (pip install 'glyphgen[polygons]')",
    )
    assert not (tmp_path / "out").exists()


def measure(polygons: tuple[NDArray[np.float64], ...]) -> float:
    return sum(
        abs(float((p[:, 0] * np.roll(p[:, 1], -1) - np.roll(p[:, 0], -1) * p[:, 1]).sum())) / 2
        for p in polygons
    )


def test_contours_that_overlap_become_one_polygon_and_holes_are_cut_out() -> None:
    square = np.array([[0.0, 0.0], [0.4, 0.0], [0.4, 0.4], [0.0, 0.4]])
    (joined,) = _unite([square, square + 0.2])
    assert measure((joined,)) == pytest.approx(0.28, abs=1e-5)
    (ring,) = _unite([square, square[::-1] / 2 + 0.1])
    assert measure((ring,)) == pytest.approx(0.12, abs=1e-5)
    assert _unite([square[:1], square[:2]]) == ()


def test_chords_stay_near_their_curves_at_every_size(pages: Path) -> None:
    store = recall_render(pages).store
    assert isinstance(store, RunStore)
    polygons = GlyphPolygons(store.glyphs)
    for glyph in np.flatnonzero(store.glyphs.n_points)[:20].tolist():
        exact = measure(polygons._make(glyph, 16))
        for size_px in (10.0, 40.0, 200.0):
            found = measure(polygons.find(glyph, size_px))
            # An outline is three em long or so, and a segment has two thirds of its sag times its length.
            assert abs(found - exact) * size_px**2 < 0.05 * 3 * size_px
