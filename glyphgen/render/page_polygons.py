"""The ink of the characters on a page as polygons, from the outlines and maps that drew it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DatasetError, GlyphgenError
from glyphgen.outlines import RunStore
from glyphgen.outlines.flattening import GlyphPolygons
from glyphgen.plan.page_boxes import make_boxes
from glyphgen.plan.page_plan import PagePlan
from glyphgen.progress import SILENT, Reporter
from glyphgen.render.recalling import recall_render

__all__ = ["FindPolygons", "find_page_polygons", "recall_polygons"]

Floats = NDArray[np.float64]
FindPolygons = Callable[[int], list[list[Floats]]]
"""Row of a page -> the polygons of each of its boxes of characters, (k, 2) in pixels."""


def recall_polygons(dataset: Dataset, *, reporter: Reporter = SILENT) -> FindPolygons:
    """Return what finds the polygons of a dataset of pages, where its fonts still lie.

    Args:
        dataset: Made by render.
        reporter: Is told how far its fonts are read.

    Raises:
        DatasetError: It was not rendered, its fonts are gone, or they or glyphgen have changed.
    """
    try:
        prepared = recall_render(dataset.folder, reporter=reporter)
    except GlyphgenError as error:
        raise DatasetError(
            f"{dataset.folder}: polygons are made of the outlines that drew its pages, which cannot be had"
            f" again: {'; '.join(error.problems)}"
        ) from error
    plan, store = prepared.planned, prepared.store
    assert isinstance(plan, PagePlan)
    assert isinstance(store, RunStore)
    glyphs = GlyphPolygons(store.glyphs)
    return lambda row: find_page_polygons(plan, store, glyphs, row)


def find_page_polygons(
    plan: PagePlan, store: RunStore, glyphs: GlyphPolygons, row: int
) -> list[list[Floats]]:
    """Return the polygons of each box of a character on a page, in the order of its annotations.

    Args:
        plan: Of all pages.
        store: The runs of all cells.
        glyphs: Of the store.
        row: The page.
    """
    scene = plan.make_page(row, store)
    atoms, characters = scene.atoms, make_boxes(plan, store, scene).characters
    frame = plan.recipe.image.height, plan.recipe.image.width
    matrices = atoms.make_matrices(scene.skew_deg, frame)
    found = []
    for atom, first in zip(characters.atom.tolist(), characters.first.tolist(), strict=True):
        cell = int(atoms.cell[atom])
        start = int(store.item_start[cell])
        own = slice(start, start + int(store.n_items[cell]))
        polygons: list[Floats] = []
        for item in (np.flatnonzero(store.item_char[own] == first) + start).tolist():
            offset = np.array([store.item_x[item], store.item_y[item]], dtype=np.float64)
            for polygon in glyphs.find(int(store.item_glyph[item]), float(atoms.size[atom])):
                matrix = matrices[atom]
                moved = (polygon + offset) @ matrix[:, :2].T + matrix[:, 2]
                polygons.append(_clip(moved, *frame))
        found.append([polygon for polygon in polygons if len(polygon) > 2])
    return found


def _clip(polygon: Floats, height: int, width: int) -> Floats:
    """Cut off what lies beside the page.

    Source: Sutherland and Hodgman, "Reentrant polygon clipping", Communications of the ACM 17 (1974).
    """
    for axis, most in ((0, width), (1, height)):
        for side, edge in ((1.0, 0.0), (-1.0, -float(most))):
            inside = side * polygon[:, axis] - edge
            if (inside >= 0).all():
                continue
            kept: list[Floats] = []
            for k in range(len(polygon)):
                before, at = inside[k - 1], inside[k]
                if (before >= 0) != (at >= 0):
                    kept.append(
                        polygon[k - 1] + (polygon[k] - polygon[k - 1]) * (before / (before - at))
                    )
                if at >= 0:
                    kept.append(polygon[k])
            polygon = np.array(kept).reshape(-1, 2)
            if not len(polygon):
                return polygon
    return polygon
