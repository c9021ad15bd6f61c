"""Outlines of a store, moved as placements say, then drawn: the default engine; opens no font."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import EngineInputs
from glyphgen.outlines import Outlines, OutlineStore
from glyphgen.outlines.cell_store import list_starts
from glyphgen.outlines.moving import Moves
from glyphgen.outlines.raster import RASTER_VERSION, Rasterizer
from glyphgen.outlines.scattering import scatter_pieces
from glyphgen.plan import Placements
from glyphgen.strokes import StrokeStore, write_rows
from glyphgen.strokes.written_rows import Bends

__all__ = ["VectorEngine"]

# Rows drawn at a time: the more, the less of Python; but words are laid out for these rows.
_ROWS = 2048
_ROWS_OF_WORDS = 128
_ROWS_WRITTEN = 256  # their arrays stay in the cache of a core

# Words of so many points are laid out once; of more, whenever they are drawn.
_MOST_SETTLED = 500_000


class VectorEngine:
    """Draws the outlines of a store.

    Args:
        inputs: Of which the outlines, the frame and the scatter are used.
    """

    @staticmethod
    def find_version() -> str:
        """Return the version of the rasterizer."""
        return RASTER_VERSION

    def __init__(self, inputs: EngineInputs) -> None:
        self._store = _settle(inputs.store)
        self._height = inputs.height
        self._scatter = inputs.scatter
        self._rasterizer = Rasterizer()

    def draw(self, placements: Placements, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (n, H, W) with the ink of n placements; see ``Engine``."""
        self._draw(placements, out, np.arange(len(placements)), onto=False)

    def draw_onto(
        self, placements: Placements, out: NDArray[np.uint8], rows: NDArray[np.int64]
    ) -> None:
        """Draw the ink of n placements over what images hold.

        Args:
            placements: n of them.
            out: uint8 (m, H, W), contiguous.
            rows: (n,), the image of each; several may be of one.
        """
        order = np.argsort(self._store.n_points[placements.cell], kind="stable")
        self._draw(placements.take(order), out, rows[order], onto=True)

    def _draw(
        self,
        placements: Placements,
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
        *,
        onto: bool,
    ) -> None:
        n_rows = _ROWS if isinstance(self._store, OutlineStore) else _ROWS_OF_WORDS
        for start in range(0, len(placements), n_rows):
            own = np.arange(start, min(start + n_rows, len(placements)))
            batch = placements.take(own)
            if batch.strokes.shape[1] and isinstance(self._store, StrokeStore):
                is_written = self._store.n_lines[batch.cell] > 0
                written = np.flatnonzero(is_written)
                self._write(self._store, batch.take(written), out, rows[own[written]])
                own = own[~is_written]
                batch = placements.take(own)
            store, cell = self._store.lay_out(batch.cell)
            moves = self._make_moves(store, cell, batch)
            self._rasterizer.draw(store, cell, moves, out, rows[own], onto=onto)

    def _write(
        self,
        store: StrokeStore,
        batch: Placements,
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
    ) -> None:
        """Draw rows whose cells are written, each with the outline of its own strokes."""
        for start in range(0, len(batch), _ROWS_WRITTEN):
            own = np.arange(start, min(start + _ROWS_WRITTEN, len(batch)))
            part = batch.take(own)
            bends = Bends(
                half_weight=_to_single(part.samples["weight_em"] / np.float32(2)),
                nodes=part.wobble,
                scale=_to_single(part.samples["wobble_em"] / np.float32(4096)),
            )
            written = write_rows(store, part.cell, part.strokes, bends)
            # Their strokes are bent and grown already.
            still = replace(part, samples=np.zeros_like(part.samples), wobble=part.wobble[:, :0])
            moves = self._make_moves(written, own - start, still)
            self._rasterizer.draw(written, own - start, moves, out, rows[own])

    def _make_moves(self, store: OutlineStore, cell: NDArray[np.int64], batch: Placements) -> Moves:
        linear = batch.matrix * 64.0
        linear[:, 1] *= -1.0
        linear[:, 1, 2] += self._height * 64.0
        by_piece = batch.scatter.shape[1] > 0
        if by_piece:
            first = list_starts(store.n_pieces[cell])
            limits = np.array(self._scatter, dtype=np.float64)
            maps = scatter_pieces(store, cell, linear, batch.scatter, limits)
        else:
            first, maps = np.arange(len(batch)), _to_single(linear)
        return Moves(
            half_weight=_to_single(batch.samples["weight_em"] / np.float32(2)),
            nodes=batch.wobble,
            bend_scale=_to_single(batch.samples["wobble_em"] / np.float32(4096)),
            maps=maps,
            first_map=first,
            by_piece=by_piece,
        )


def _to_single(numbers: NDArray[np.floating]) -> NDArray[np.float32]:
    return numbers.astype(np.float32)


def _settle(store: Outlines) -> Outlines:
    """Return a store that needs no laying out, if it is small enough."""
    if isinstance(store, OutlineStore) or store.n_points.sum() > _MOST_SETTLED:
        return store
    return store.lay_out(np.arange(store.n_cells))[0]
