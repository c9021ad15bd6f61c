"""Where a cell stands in the frame before it is moved, and how far its ink reaches; draws nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import IN_LINE
from glyphgen.geometry import find_reach
from glyphgen.outlines import Outlines, OutlineStore, RunStore
from glyphgen.outlines.run_store import sum_items
from glyphgen.recipe import Recipe

__all__ = ["Framing", "make_framing"]

Floats = NDArray[np.float64]

_MOST_THINNED = 0.5
_GRID = 1 << 16  # parts of an em: sums of whole numbers are the same in any order
_ABOVE_BASELINE = 0.25  # em, of the frame's center: between the tops of capitals and of descenders


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing:
    """What the recipe's ``framing`` means for each of C cells.

    Attributes:
        height, width: Of the frame, in pixels.
        anchor: (C, 2), the point of the outline that goes to the frame's center, in em.
        box: (C, 2), width and height, in em, of what the margins to the frame are counted from.
        unit_px: (C,), the em size in pixels at size 1.
        hull_x, hull_y: (corners, C), a polygon about the ink, in em from the anchor.
        slack: (C,), how far scatter may move ink beyond its hull, in em.
        thinning: (C,), by how much the strokes may be thinned, in em: by half of what they are wide
            on average, so that none breaks that is no hairline in the font.
    """

    height: int
    width: int
    anchor: Floats
    box: Floats
    unit_px: Floats
    hull_x: Floats
    hull_y: Floats
    slack: Floats
    thinning: Floats

    def margin_px(self, cells: NDArray[np.int64], size_px: Floats, stretch: Floats) -> Floats:
        """Return the free space left and right, above and below the box: (n, 2), 0 or more."""
        box_px = self.box[cells] * size_px[:, None]
        box_px[:, 0] *= stretch
        return np.maximum((np.array([self.width, self.height]) - box_px) / 2, 0.0)

    def reach(
        self, cells: NDArray[np.int64], linear: Floats, weight_em: Floats, wobble_em: Floats
    ) -> Floats:
        """Return how far ink goes from the anchor in em: (n, 4), left, lowest, right, highest."""
        # A miter is at most twice as long as the half of the weight that is on either side.
        pad = np.maximum(weight_em, 0.0) + wobble_em + self.slack[cells]
        return find_reach(self.hull_x, self.hull_y, cells, linear, pad)


def make_framing(recipe: Recipe, store: Outlines) -> Framing:
    """Return the framing of every cell of a store."""
    height, width = recipe.image.height, recipe.image.width
    ink = store.box.astype(np.float64)
    ink_size = ink[:, 2:] - ink[:, :2]
    if recipe.render.framing in IN_LINE:
        anchor, box = store.em_anchor, store.em_box
        if recipe.render.framing == "baseline":
            anchor[:, 1] = _ABOVE_BASELINE
    else:
        anchor = (ink[:, :2] + ink[:, 2:]) / 2
        box = ink_size
    unit_px = np.full(store.n_cells, float(height))
    if recipe.render.framing == "fit":
        largest = np.maximum(ink_size[:, 1], ink_size[:, 0] * (height / width))
        unit_px = np.divide(unit_px, largest, out=unit_px, where=largest > 0)
    return Framing(
        height=height,
        width=width,
        anchor=anchor,
        box=box,
        unit_px=unit_px,
        hull_x=store.hull_x - anchor[:, 0],
        hull_y=store.hull_y - anchor[:, 1],
        slack=_scatter_slack(recipe, ink_size),
        thinning=_measure_strokes(store) * _MOST_THINNED,
    )


def _scatter_slack(recipe: Recipe, ink_size: Floats) -> Floats:
    scatter = recipe.render.scatter
    if scatter.is_neutral:
        return np.zeros(len(ink_size))
    radius = np.sqrt((ink_size * ink_size).sum(axis=1)) / 2
    # A turn by t moves a point at distance r by less than r * t (radians).
    slack: Floats = scatter.shift + radius * (scatter.scale + scatter.turn * (np.pi / 180))
    return slack


def _measure_strokes(store: Outlines) -> Floats:
    """Return how wide the strokes of each cell are on average: twice the area over the edge, in em."""
    if isinstance(store, RunStore):
        area, edge = (sum_items(store, of_glyph) for of_glyph in _measure_edges(store.glyphs))
    else:
        area, edge = _measure_edges(store)
    strokes: Floats = area / np.maximum(edge, 1) / _GRID
    return strokes


def _measure_edges(store: OutlineStore) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return twice the area and the length of the edge of each outline, in parts of an em."""
    n = len(store.tag)
    x, y = (
        np.rint(axis[:n].astype(np.float64) * _GRID).astype(np.int64) for axis in (store.x, store.y)
    )
    cell_of_contour = np.repeat(np.arange(store.n_cells), store.n_contours)
    ends = store.point_start[cell_of_contour] + store.contour_end
    ends = ends.clip(0, n - 1)  # of more points than FreeType draws they are wrong, and refused
    following = np.arange(1, n + 1) % max(n, 1)
    following[ends] = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    across = x * y[following] - x[following] * y
    along_x, along_y = x[following] - x, y[following] - y
    edge = np.rint(np.sqrt(along_x * along_x + along_y * along_y)).astype(np.int64)
    areas, edges = np.zeros((2, store.n_cells), dtype=np.int64)
    inked = np.flatnonzero(store.n_points)
    if len(inked):
        starts = store.point_start[inked]
        areas[inked] = np.abs(np.add.reduceat(across, starts))
        edges[inked] = np.add.reduceat(edge, starts)
    return areas, edges
