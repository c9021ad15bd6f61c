"""Outlines, and beside those of hands the centre lines that they were drawn along."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines import OutlineStore
from glyphgen.outlines.cell_store import Spans, list_starts
from glyphgen.outlines.outline_store import pad_arrays
from glyphgen.strokes.centre_lines import N_POINTS
from glyphgen.strokes.laws import LAWS

__all__ = ["StrokeStore", "join_written"]

# What is known of every line: its type, and how many numbers; bends get as many as there are nodes.
_BY_LINE: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    **dict.fromkeys(("line_x", "line_y"), (np.float32, (N_POINTS,))),
    "line_bend": (np.int16, (0,)),
    "line_flags": (np.uint8, ()),
    **dict.fromkeys(("line_stroke", "line_piece"), (np.uint16, ())),
    **dict.fromkeys(("line_length", "line_center_x", "line_center_y"), (np.float32, ())),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StrokeStore(OutlineStore):
    """The outlines of every cell, and L centre lines of those that are written.

    The outline of a written cell is what its hand writes on average; an image shows its lines, moved by the
    laws of the hand.

    Attributes, beside those of ``OutlineStore``:
        line_x, line_y: float32 (L, 12), points along each line, in em.
        line_bend: int16 (L, 12 K), share of each of K nodes in the bending of each point, in 1024ths: a
            line's 12 shares in the first node, then in the second.
        line_flags: uint8 (L,), see ``centre_lines``.
        line_stroke: uint16 (L,), number of the stroke within its cell.
        line_piece: uint16 (L,), number of the piece of ink within its cell.
        line_length: float32 (L,), of its stroke, in em.
        line_center_x, line_center_y: float32 (L,), of its stroke's box.
        line_start: int64 (C,), where the cell begins in these.
        n_lines: int32 (C,), 0 for cells of fonts.
        n_strokes: int32 (C,).
        laws: float64 (F, n), of each face the laws in the order of ``LAWS``; zeros for fonts.
    """

    SPANS: ClassVar[Spans] = {
        **OutlineStore.SPANS,
        "line_start": ("n_lines", tuple(_BY_LINE)),
    }
    BY_CELL: ClassVar[tuple[str, ...]] = (*OutlineStore.BY_CELL, "n_lines", "n_strokes")

    line_x: NDArray[np.float32]
    line_y: NDArray[np.float32]
    line_bend: NDArray[np.int16]
    line_flags: NDArray[np.uint8]
    line_stroke: NDArray[np.uint16]
    line_piece: NDArray[np.uint16]
    line_length: NDArray[np.float32]
    line_center_x: NDArray[np.float32]
    line_center_y: NDArray[np.float32]
    line_start: NDArray[np.int64]
    n_lines: NDArray[np.int32]
    n_strokes: NDArray[np.int32]
    laws: NDArray[np.float64]

    def take_forms(self, forms: Sequence[int]) -> "StrokeStore":
        """Return the same outlines and lines with the forms in another order."""
        return replace(self, **pad_arrays(self.take_arrays(forms)))


def join_written(parts: Sequence[OutlineStore]) -> StrokeStore:
    """Join stores of some faces each, padded or not, those of fonts among them, into one."""
    whole = [part if isinstance(part, StrokeStore) else _add_no_lines(part) for part in parts]
    n_points = [int(part.n_points.sum()) for part in whole]
    joined: dict[str, Any] = {}
    for field in fields(StrokeStore):
        arrays = [getattr(part, field.name) for part in whole]
        if field.name in StrokeStore.SPANS["point_start"][1]:
            arrays = [array[:n] for array, n in zip(arrays, n_points, strict=True)]
        if field.name == "line_bend":
            arrays = _widen(arrays)
        axis = -1 if field.name in StrokeStore.CELLS_LAST else 0
        joined[field.name] = np.concatenate(arrays, axis=axis)
    joined |= {name: list_starts(joined[count]) for name, (count, _) in StrokeStore.SPANS.items()}
    return StrokeStore(**pad_arrays(joined))


def _widen(arrays: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return arrays of which those without rows have as many columns as the others."""
    width = max(array.shape[1] for array in arrays)
    return [array if len(array) else array.reshape(0, width) for array in arrays]


def _add_no_lines(store: OutlineStore) -> StrokeStore:
    none = np.zeros(store.n_cells, dtype=np.int32)
    return StrokeStore(
        **{field.name: getattr(store, field.name) for field in fields(OutlineStore)},
        **{name: np.zeros((0, *each), dtype) for name, (dtype, each) in _BY_LINE.items()},
        line_start=list_starts(none),
        n_lines=none,
        n_strokes=none,
        laws=np.zeros((len(store.middle), len(LAWS))),
    )
