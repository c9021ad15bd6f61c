"""Outlines through FreeType's rasterizer, the default engine; opens no font.

Points of a whole batch are moved in NumPy, then one native call an image draws into the caller's
memory.
"""

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import EngineInputs
from glyphgen.geometry import make_linear_map
from glyphgen.outlines import Outlines, OutlineStore
from glyphgen.outlines.raster import RASTER_VERSION, Rasterizer
from glyphgen.plan import Placements
from glyphgen.streams import split_words

__all__ = ["VectorEngine"]

# Rows of a batch: the arrays of so many outlines stay in the cache of a core (64 to 256 are alike).
_BATCH = 128


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
        out[:] = 0
        self.draw_onto(placements, out, np.arange(len(placements)))

    def draw_onto(
        self, placements: Placements, out: NDArray[np.uint8], rows: NDArray[np.int64]
    ) -> None:
        """Draw the ink of n placements over what images hold.

        Args:
            placements: n of them.
            out: uint8 (m, H, W), contiguous.
            rows: (n,), the image of each; several may be of one.
        """
        # Outlines of like length share a batch, so that little of its arrays is padding.
        order = np.argsort(self._store.n_points[placements.cell], kind="stable")
        for start in range(0, len(order), _BATCH):
            own = order[start : start + _BATCH]
            batch = placements.take(own)
            store, cell = self._store.lay_out(batch.cell)
            x, y = self._move_points(store, cell, batch)
            self._rasterizer.fill(store, cell, x, y, out, rows[own])

    def _move_points(
        self, store: OutlineStore, cell: NDArray[np.int64], batch: Placements
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the points in 64ths of a pixel, x right, y up from the frame's lower left corner.

        Returns:
            float32 (n, m) each, rows padded to the longest; every step is one IEEE operation in
            single precision, so that the result is the same everywhere.
        """
        longest = int(store.n_points[cell].max())
        at = store.point_start[cell][:, None] + np.arange(longest)
        x, y = store.x.take(at), store.y.take(at)
        self._embolden(store, batch, at, x, y)
        self._bend(store, batch, at, x, y)
        linear = batch.matrix * 64.0
        linear[:, 1] *= -1.0
        linear[:, 1, 2] += self._height * 64.0
        if batch.scatter.shape[1]:
            coefficients = self._scatter_pieces(store, cell, batch, linear, at)
        else:
            coefficients = linear.astype(np.float32)[:, :, :, None].transpose(1, 2, 0, 3)
        (xx, xy, x0), (yx, yy, y0) = coefficients
        moved_x = xx * x
        moved_x += xy * y
        moved_x += x0
        x *= yx
        y *= yy
        x += y
        x += y0
        return moved_x, x

    def _embolden(
        self,
        store: OutlineStore,
        batch: Placements,
        at: NDArray[np.int64],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
    ) -> None:
        weight = batch.samples["weight_em"]
        if weight.any():
            half = weight[:, None] / np.float32(2)
            x += half * store.normal_x.take(at)
            y += half * store.normal_y.take(at)

    def _bend(
        self,
        store: OutlineStore,
        batch: Placements,
        at: NDArray[np.int64],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
    ) -> None:
        n_nodes = batch.wobble.shape[1]
        if n_nodes:
            shares = store.bend.take(at.ravel(), axis=0).reshape(*at.shape, n_nodes)
            # Exact: shares are multiples of 2**-10 that sum to 1, nodes are 13-bit whole numbers.
            bent = batch.wobble.transpose(0, 2, 1) @ shares.transpose(0, 2, 1)
            bent *= (batch.samples["wobble_em"] / np.float32(4096))[:, None, None]
            x += bent[:, 0]
            y += bent[:, 1]

    def _scatter_pieces(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        batch: Placements,
        linear: NDArray[np.float64],
        at: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """Return the map of every point's piece, then of the whole: (2, 3, n, m)."""
        n_pieces = int(store.n_pieces[cell].max(initial=1))
        piece = np.arange(n_pieces)
        center = store.piece_start[cell][:, None] + piece
        last = len(store.piece_x) - 1
        cx = store.piece_x.take(np.minimum(center, last)).astype(np.float64)
        cy = store.piece_y.take(np.minimum(center, last)).astype(np.float64)
        words = batch.scatter[:, piece % batch.scatter.shape[1]]
        numbers = split_words(words, bits=16).reshape(*words.shape, 4).astype(np.float64)
        shift_x, shift_y, turn, growth = np.moveaxis(numbers / 32768.0 - 1.0, -1, 0)
        shift, most_turn, most_growth = self._scatter
        own = make_linear_map(turn * most_turn, np.zeros_like(turn), np.ones_like(turn))
        own *= (1.0 + growth * most_growth)[..., None, None]
        own_x = cx + shift_x * shift - own[..., 0, 0] * cx - own[..., 0, 1] * cy
        own_y = cy + shift_y * shift - own[..., 1, 0] * cx - own[..., 1, 1] * cy
        maps = np.empty((2, 3, len(linear), n_pieces))
        for row in (0, 1):
            a, b, c = (linear[:, row, k, None] for k in range(3))
            maps[row, 0] = a * own[..., 0, 0] + b * own[..., 1, 0]
            maps[row, 1] = a * own[..., 0, 1] + b * own[..., 1, 1]
            maps[row, 2] = a * own_x + b * own_y + c
        of_point = store.piece.take(at) % n_pieces + np.arange(len(linear))[:, None] * n_pieces
        flat = maps.astype(np.float32).reshape(2, 3, -1)
        return np.array([[flat[row, k].take(of_point) for k in range(3)] for row in (0, 1)])


def _settle(store: Outlines) -> Outlines:
    """Return a store that needs no laying out, if it is small enough."""
    if isinstance(store, OutlineStore) or store.n_points.sum() > _MOST_SETTLED:
        return store
    return store.lay_out(np.arange(store.n_cells))[0]
