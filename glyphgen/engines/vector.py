"""Outlines of a store, moved as placements say, then drawn: the default engine; opens no font."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import EngineInputs
from glyphgen.geometry import make_linear_map
from glyphgen.outlines import Outlines, OutlineStore
from glyphgen.outlines.cell_store import list_starts
from glyphgen.outlines.moving import Moves
from glyphgen.outlines.raster import RASTER_VERSION, Rasterizer
from glyphgen.plan import Placements
from glyphgen.streams import split_words

__all__ = ["VectorEngine"]

# Rows drawn at a time: the more, the less of Python; but words are laid out for these rows.
_ROWS = 2048
_ROWS_OF_WORDS = 128

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
            store, cell = self._store.lay_out(batch.cell)
            moves = self._make_moves(store, cell, batch)
            self._rasterizer.draw(store, cell, moves, out, rows[own], onto=onto)

    def _make_moves(self, store: OutlineStore, cell: NDArray[np.int64], batch: Placements) -> Moves:
        linear = batch.matrix * 64.0
        linear[:, 1] *= -1.0
        linear[:, 1, 2] += self._height * 64.0
        first = np.arange(len(batch))
        by_piece = batch.scatter.shape[1] > 0
        if by_piece:
            linear, first = self._scatter_pieces(store, cell, batch, linear)
        return Moves(
            half_weight=_to_single(batch.samples["weight_em"] / np.float32(2)),
            nodes=batch.wobble,
            bend_scale=_to_single(batch.samples["wobble_em"] / np.float32(4096)),
            maps=_to_single(linear),
            first_map=first,
            by_piece=by_piece,
        )

    def _scatter_pieces(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        batch: Placements,
        linear: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the map of every piece of every row, then of the whole; and where those of rows begin."""
        n_pieces = store.n_pieces[cell]
        first = list_starts(n_pieces)
        row = np.repeat(np.arange(len(cell)), n_pieces)
        piece = np.arange(len(row)) - first[row]
        center = store.piece_start[cell][row] + piece
        cx, cy = (at.take(center).astype(np.float64) for at in (store.piece_x, store.piece_y))
        words = batch.scatter[row, piece % batch.scatter.shape[1], None]
        numbers = split_words(words, bits=16).astype(np.float64)
        shift_x, shift_y, turn, growth = (numbers / 32768.0 - 1.0).T
        shift, most_turn, most_growth = self._scatter
        own = make_linear_map(turn * most_turn, np.zeros_like(turn), np.ones_like(turn))
        own *= (1.0 + growth * most_growth)[:, None, None]
        own_x = cx + shift_x * shift - own[:, 0, 0] * cx - own[:, 0, 1] * cy
        own_y = cy + shift_y * shift - own[:, 1, 0] * cx - own[:, 1, 1] * cy
        a, b, c = linear[row].transpose(2, 0, 1)  # each (pieces, 2)
        maps = np.empty((len(row), 2, 3))
        maps[:, :, 0] = a * own[:, 0, 0, None] + b * own[:, 1, 0, None]
        maps[:, :, 1] = a * own[:, 0, 1, None] + b * own[:, 1, 1, None]
        maps[:, :, 2] = a * own_x[:, None] + b * own_y[:, None] + c
        return maps, first


def _to_single(numbers: NDArray[np.floating]) -> NDArray[np.float32]:
    return numbers.astype(np.float32)


def _settle(store: Outlines) -> Outlines:
    """Return a store that needs no laying out, if it is small enough."""
    if isinstance(store, OutlineStore) or store.n_points.sum() > _MOST_SETTLED:
        return store
    return store.lay_out(np.arange(store.n_cells))[0]
