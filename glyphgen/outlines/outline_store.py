"""All outlines of a recipe as a few flat arrays, memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines.cell_store import CellStore, Spans, list_starts

__all__ = [
    "N_DIRECTIONS",
    "OUTLINES_VERSION",
    "OutlineStore",
    "join_stores",
    "pad_arrays",
]

OUTLINES_VERSION = 3
"""Raised whenever the same font may give other arrays."""

N_DIRECTIONS = 32  # corners of the polygon that encloses the ink of a cell: at most 0.5 % too large

_PADDED = ("x", "y", "normal_x", "normal_y", "piece", "bend")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlineStore(CellStore):
    """The outlines of every cell: C cells, N points, M contours, P pieces, F faces.

    Cell ``face * n_forms + form``. Coordinates are in em, x right, y up, from the pen's origin on
    the baseline. Points, contours and pieces lie in the order of their cells, without gaps; that is
    checked whenever a store is made. The arrays by point hold zeros behind the last point, as many as
    the longest outline has points, so that rows of one length can be taken at any start.

    Attributes:
        x, y: float32 (N + pad,), the points.
        normal_x, normal_y: float32 (N + pad,), where a point goes when strokes grow by one em on
            either side; miters are limited to length 2.
        piece: uint16 (N + pad,), number of the point's piece of ink within its cell; contours whose ink
            overlaps or touches are one piece.
        bend: int16 (N + pad, K), share of each of K = grid**2 nodes in the bending of each point, in
            1024ths (K = 0 where the recipe does not wobble). Those of the n points of a cell are K rows
            of n, one after the other.
        tag: uint8 (N,), FreeType's: 1 on the curve, 0 quadratic, 2 cubic control point.
        contour_end: int16 (M,), last point of each contour, counted within its cell.
        point_start, contour_start, piece_start: int64 (C,), where the cell begins in the arrays.
        n_points, n_contours, n_pieces: int32 (C,).
        n_outer: int32 (C,), contours with ink inside; the others are holes.
        piece_x, piece_y: float32 (P,), center of each piece's box.
        box: float32 (C, 4), the ink: left, bottom, right, top.
        hull_x, hull_y: float32 (32, C), corners of a polygon that encloses the ink.
        advance: float32 (C,), how far the pen moves.
        middle: float32 (F,), height of the middle between the face's ascender and descender.
        n_missing: int32 (C,), characters of the form that the face's cmap does not list.
        n_notdef: int32 (C,), glyphs numbered 0 after shaping.
        n_circles: int32 (C,), dotted circles that shaping put in, where a mark has no letter.
        like_notdef: bool (C,), whether the drawing is that of the face's glyph 0.
    """

    # Where each cell begins -> how many it has there, and the arrays that are meant.
    SPANS: ClassVar[Spans] = {
        "point_start": ("n_points", (*_PADDED, "tag")),
        "contour_start": ("n_contours", ("contour_end",)),
        "piece_start": ("n_pieces", ("piece_x", "piece_y")),
    }
    CELLS_LAST: ClassVar[tuple[str, ...]] = ("hull_x", "hull_y")
    BY_CELL: ClassVar[tuple[str, ...]] = (
        *("n_points", "n_contours", "n_outer", "n_pieces"),
        *("box", "advance", "n_missing", "n_notdef", "n_circles", "like_notdef"),
    )

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    normal_x: NDArray[np.float32]
    normal_y: NDArray[np.float32]
    piece: NDArray[np.uint16]
    bend: NDArray[np.int16]
    tag: NDArray[np.uint8]
    contour_end: NDArray[np.int16]
    point_start: NDArray[np.int64]
    contour_start: NDArray[np.int64]
    piece_start: NDArray[np.int64]
    n_points: NDArray[np.int32]
    n_contours: NDArray[np.int32]
    n_outer: NDArray[np.int32]
    n_pieces: NDArray[np.int32]
    piece_x: NDArray[np.float32]
    piece_y: NDArray[np.float32]
    box: NDArray[np.float32]
    hull_x: NDArray[np.float32]
    hull_y: NDArray[np.float32]
    advance: NDArray[np.float32]
    middle: NDArray[np.float32]
    n_missing: NDArray[np.int32]
    n_notdef: NDArray[np.int32]
    n_circles: NDArray[np.int32]
    like_notdef: NDArray[np.bool_]

    @property
    def n_cells(self) -> int:
        """Faces times forms."""
        return len(self.n_points)

    @property
    def n_forms(self) -> int:
        """Forms of each face."""
        return len(self.n_points) // len(self.middle)

    @property
    def em_anchor(self) -> NDArray[np.float64]:
        """The middle of each cell's line of type: float64 (C, 2), in em."""
        middle = np.repeat(self.middle, self.n_forms)
        return np.stack([self.advance / 2, middle], axis=1).astype(np.float64)

    @property
    def em_box(self) -> NDArray[np.float64]:
        """Width and height of the part of a line that each cell takes: a square em, (C, 2)."""
        return np.ones((self.n_cells, 2))

    @property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Whether a cell has an outline, other than that of the missing glyph: (C,)."""
        drawn: NDArray[np.bool_] = (self.n_points > 0) & (self.n_notdef == 0) & ~self.like_notdef
        return drawn

    def take_forms(self, forms: Sequence[int]) -> "OutlineStore":
        """Return the same outlines with the forms in another order."""
        return replace(self, **pad_arrays(self.take_arrays(forms)))

    def lay_out(self, cells: NDArray[np.int64]) -> tuple["OutlineStore", NDArray[np.int64]]:
        """Return a store in which each of some cells is one outline, and their numbers in it."""
        return self, cells


def join_stores(parts: Sequence[OutlineStore]) -> OutlineStore:
    """Join the stores of single faces, which have no padding, into one that has it."""
    joined: dict[str, Any] = {}
    for field in fields(OutlineStore):
        arrays = [getattr(part, field.name) for part in parts]
        joined[field.name] = np.concatenate(
            arrays, axis=-1 if field.name in OutlineStore.CELLS_LAST else 0
        )
    joined |= {name: list_starts(joined[count]) for name, (count, _) in OutlineStore.SPANS.items()}
    return OutlineStore(**pad_arrays(joined))


def pad_arrays(arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a store with zeros behind the last point."""
    longest = int(arrays["n_points"].max(initial=0))
    return arrays | {
        name: np.pad(arrays[name], [(0, longest)] + [(0, 0)] * (arrays[name].ndim - 1))
        for name in _PADDED
    }
