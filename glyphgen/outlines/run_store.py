"""Words as runs over glyphs: every outline once for each face, however many words it stands in."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines.cell_store import CellStore, Spans, expand_spans, list_starts
from glyphgen.outlines.outline_store import OutlineStore, join_stores, pad_arrays
from glyphgen.outlines.shape import bend_shares

__all__ = ["Outlines", "RunStore", "join_runs", "sum_items"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStore(CellStore):
    """The runs of every cell: C cells of I items, over the outlines of G glyphs, of F faces.

    Cell ``face * n_forms + form``. Units as in ``OutlineStore``.

    Attributes:
        glyphs: G outlines, one for each glyph that a face draws; nothing else of them is known.
        first_glyph: int64 (F,), the first glyph of each face.
        item_glyph: int32 (I,), which glyph an item is.
        item_char: int16 (I,), the first of the form's characters that it is drawn for.
        item_x, item_y: float32 (I,), where it stands, in em from the run's origin.
        item_start: int64 (C,), where the cell's items begin.
        link: uint16 (L,), the piece of the whole run that each piece of an item's glyph belongs to: ink
            of two glyphs that meet moves as one. Pieces of items lie one after the other.
        link_start: int64 (C,), where those of the cell begin.
        piece_x, piece_y, piece_start: Of the runs, as in ``OutlineStore``.
        n_items, n_links, n_points, n_contours, n_outer, n_pieces: int32 (C,).
        box, hull_x, hull_y, n_missing, n_notdef, n_circles: As in ``OutlineStore``.
        center: float32 (C, 2), the middle of the line of type.
        line: float32 (C, 2), width and height of the line; a square em for a single character.
        n_lost: int32 (C,), marks that the letters have by themselves and lose in the run.
        wobble_grid: int32 (1,), nodes a side of the bending; 0 where nothing is bent.
    """

    CELLS_LAST: ClassVar[tuple[str, ...]] = ("hull_x", "hull_y")
    # Where each cell begins -> how many it has there, and the arrays that are meant.
    SPANS: ClassVar[Spans] = {
        "item_start": ("n_items", ("item_glyph", "item_char", "item_x", "item_y")),
        "piece_start": ("n_pieces", ("piece_x", "piece_y")),
        "link_start": ("n_links", ("link",)),
    }
    BY_CELL: ClassVar[tuple[str, ...]] = (
        *("n_items", "n_pieces", "n_links", "n_points", "n_contours", "n_outer"),
        *("box", "center", "line", "n_missing", "n_notdef", "n_circles", "n_lost"),
    )

    glyphs: OutlineStore
    first_glyph: NDArray[np.int64]
    item_glyph: NDArray[np.int32]
    item_char: NDArray[np.int16]
    item_x: NDArray[np.float32]
    item_y: NDArray[np.float32]
    item_start: NDArray[np.int64]
    link: NDArray[np.uint16]
    link_start: NDArray[np.int64]
    piece_x: NDArray[np.float32]
    piece_y: NDArray[np.float32]
    piece_start: NDArray[np.int64]
    n_items: NDArray[np.int32]
    n_links: NDArray[np.int32]
    n_points: NDArray[np.int32]
    n_contours: NDArray[np.int32]
    n_outer: NDArray[np.int32]
    n_pieces: NDArray[np.int32]
    box: NDArray[np.float32]
    hull_x: NDArray[np.float32]
    hull_y: NDArray[np.float32]
    center: NDArray[np.float32]
    line: NDArray[np.float32]
    n_missing: NDArray[np.int32]
    n_notdef: NDArray[np.int32]
    n_circles: NDArray[np.int32]
    n_lost: NDArray[np.int32]
    wobble_grid: NDArray[np.int32]

    @property
    def n_cells(self) -> int:
        """Faces times forms."""
        return len(self.n_items)

    @property
    def n_forms(self) -> int:
        """Forms of each face."""
        return len(self.n_items) // len(self.first_glyph)

    @property
    def em_anchor(self) -> NDArray[np.float64]:
        """The middle of each cell's line of type: float64 (C, 2), in em."""
        return self.center.astype(np.float64)

    @property
    def em_box(self) -> NDArray[np.float64]:
        """Width and height of the part of a line that each cell takes, (C, 2)."""
        return self.line.astype(np.float64)

    @property
    def is_drawn(self) -> NDArray[np.bool_]:
        """Whether a cell has an outline, and none of a missing glyph: (C,)."""
        drawn: NDArray[np.bool_] = (self.n_points > 0) & (self.n_notdef == 0)
        return drawn

    def take_forms(self, forms: Sequence[int]) -> "RunStore":
        """Return the same runs with the forms in another order."""
        return replace(self, **self.take_arrays(forms))

    def lay_out(self, cells: Ints) -> tuple[OutlineStore, Ints]:
        """Return a store in which each of some cells is one outline, and their numbers in it."""
        own, numbers = np.unique(cells, return_inverse=True)
        return self._join(own), numbers

    def _join(self, cells: Ints) -> OutlineStore:
        """Return the outlines of cells, each made of its items."""
        piece = expand_spans(self.piece_start[cells], self.n_pieces[cells])
        zeros = np.zeros(len(cells), dtype=np.int32)
        return OutlineStore(
            **self._join_points(cells),
            point_start=list_starts(self.n_points[cells]),
            contour_start=list_starts(self.n_contours[cells]),
            piece_start=list_starts(self.n_pieces[cells]),
            n_contours=self.n_contours[cells],
            n_outer=self.n_outer[cells],
            n_pieces=self.n_pieces[cells],
            piece_x=self.piece_x[piece],
            piece_y=self.piece_y[piece],
            box=self.box[cells],
            hull_x=self.hull_x[:, cells],
            hull_y=self.hull_y[:, cells],
            advance=self.line[cells, 0],
            middle=self.center[cells, 1],
            n_missing=self.n_missing[cells],
            n_notdef=self.n_notdef[cells],
            n_circles=self.n_circles[cells],
            like_notdef=zeros.astype(np.bool_),
        )

    def _join_points(self, cells: Ints) -> dict[str, NDArray[Any]]:
        """Return the arrays of an outline store that have entries for points and ends of contours."""
        glyphs = self.glyphs
        n_items = self.n_items[cells]
        item = expand_spans(self.item_start[cells], n_items)
        glyph = self.item_glyph[item]
        of_cell = np.repeat(np.arange(len(cells)), n_items)
        n_points, n_contours = glyphs.n_points[glyph], glyphs.n_contours[glyph]
        point = expand_spans(glyphs.point_start[glyph], n_points)
        x = glyphs.x[point] + np.repeat(self.item_x[item], n_points)
        y = glyphs.y[point] + np.repeat(self.item_y[item], n_points)
        contour = expand_spans(glyphs.contour_start[glyph], n_contours)
        before = np.repeat(_count_before(n_points, n_items), n_contours)
        first_link = self.link_start[cells][of_cell] + _count_before(
            glyphs.n_pieces[glyph], n_items
        )
        link = np.repeat(first_link, n_points) + glyphs.piece[point]
        counts = self.n_points[cells]
        points = np.stack([x, y], axis=1).astype(np.float64)
        box, grid = self.box[cells].astype(np.float64), int(self.wobble_grid[0])
        padded = pad_arrays(
            {
                "x": x,
                "y": y,
                "normal_x": glyphs.normal_x[point],
                "normal_y": glyphs.normal_y[point],
                "piece": self.link[link] if len(self.link) else glyphs.piece[point],
                "bend": bend_shares(points, counts.astype(np.int64), box, grid),
                "n_points": counts,
            }
        )
        ends = (glyphs.contour_end[contour] + before).astype(np.int16)
        return {**padded, "tag": glyphs.tag[point], "contour_end": ends}


Outlines = OutlineStore | RunStore
"""What is drawn: one outline for each cell, or runs of several."""


def sum_items(store: RunStore, of_glyph: Ints) -> Ints:
    """Return for each cell the sum of what is known of its items' glyphs: int64 (C,)."""
    sums = np.concatenate([[0], np.cumsum(of_glyph[store.item_glyph])])
    ends = store.item_start + store.n_items
    total: Ints = sums[ends] - sums[store.item_start]
    return total


def _count_before(counts: NDArray[np.int32], n_items: NDArray[np.int32]) -> Ints:
    """Return the sum of the counts of the items before each within its cell."""
    before = list_starts(counts)
    some = n_items > 0
    return before - np.repeat(before[list_starts(n_items)[some]], n_items[some])


def join_runs(parts: Sequence[RunStore]) -> RunStore:
    """Join the runs of single faces, whose glyphs have no padding, into one store."""
    joined: dict[str, Any] = {}
    for field in fields(RunStore):
        if field.name in ("glyphs", "wobble_grid"):
            continue
        arrays = [getattr(part, field.name) for part in parts]
        joined[field.name] = np.concatenate(
            arrays, axis=-1 if field.name in RunStore.CELLS_LAST else 0
        )
    n_glyphs = np.array([part.glyphs.n_cells for part in parts], dtype=np.int32)
    n_items = [len(part.item_glyph) for part in parts]
    joined["first_glyph"] = list_starts(n_glyphs)
    joined["item_glyph"] = joined["item_glyph"] + np.repeat(joined["first_glyph"], n_items).astype(
        np.int32
    )
    joined |= {name: list_starts(joined[count]) for name, (count, _) in RunStore.SPANS.items()}
    return RunStore(
        glyphs=join_stores([part.glyphs for part in parts]),
        wobble_grid=parts[0].wobble_grid,
        **joined,
    )
