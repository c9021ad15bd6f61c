"""How the pieces of ink of an outline move, each on its own: a map for each; opens no font."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import COS_TERMS, SIN_TERMS, make_linear_map
from glyphgen.kernel.library import Kernel, find_address, find_kernel
from glyphgen.outlines.cell_store import list_starts
from glyphgen.outlines.outline_store import OutlineStore
from glyphgen.streams import split_words

__all__ = ["scatter_pieces"]

Floats = NDArray[np.float64]


def scatter_pieces(
    store: OutlineStore,
    cell: NDArray[np.int64],
    linear: Floats,
    words: NDArray[np.uint64],
    limits: Floats,
    *,
    kernel: Kernel | None = None,
) -> NDArray[np.float32]:
    """Return the map of every piece of n outlines, all of one outline after those of the last.

    Args:
        store: Whose outlines they are.
        cell: (n,).
        linear: (n, 2, 3), how each outline moves as a whole, after its pieces.
        words: (n, P), one a piece, used again where there are more: its shifts to the right and up, its
            turn and its growth, 16 bits each.
        limits: (3,), the largest shift in em, turn in degrees, and growth as a fraction.
        kernel: What does it; found where none is given.

    Returns:
        (m, 2, 3).
    """
    n_pieces = store.n_pieces[cell]
    kernel = kernel or find_kernel()
    if kernel.scatter:
        maps = np.empty((int(n_pieces.sum()), 2, 3), dtype=np.float32)
        linear, words = np.ascontiguousarray(linear), np.ascontiguousarray(words)
        pieces = _describe_pieces(store)
        kernel.scatter(
            *(find_address(pieces, np.uintp), len(cell), find_address(cell, np.int64)),
            *(find_address(linear, np.float64), words.shape[1], find_address(words, np.uint64)),
            *(find_address(array, np.float64) for array in (limits, COS_TERMS, SIN_TERMS)),
            find_address(maps, np.float32),
        )
        return maps
    row = np.repeat(np.arange(len(cell)), n_pieces)
    piece = np.arange(len(row)) - list_starts(n_pieces)[row]
    center = store.piece_start[cell][row] + piece
    cx, cy = (at.take(center).astype(np.float64) for at in (store.piece_x, store.piece_y))
    numbers = split_words(words[row, piece % words.shape[1], None], bits=16).astype(np.float64)
    shift_x, shift_y, turn, growth = (numbers / 32768.0 - 1.0).T
    shift, most_turn, most_growth = limits
    own = make_linear_map(turn * most_turn, np.zeros_like(turn), np.ones_like(turn), kernel=kernel)
    own *= (1.0 + growth * most_growth)[:, None, None]
    own_x = cx + shift_x * shift - own[:, 0, 0] * cx - own[:, 0, 1] * cy
    own_y = cy + shift_y * shift - own[:, 1, 0] * cx - own[:, 1, 1] * cy
    a, b, c = linear[row].transpose(2, 0, 1)  # each (pieces, 2)
    every = np.empty((len(row), 2, 3))
    every[:, :, 0] = a * own[:, 0, 0, None] + b * own[:, 1, 0, None]
    every[:, :, 1] = a * own[:, 0, 1, None] + b * own[:, 1, 1, None]
    every[:, :, 2] = a * own_x[:, None] + b * own_y[:, None] + c
    return every.astype(np.float32)


def _describe_pieces(store: OutlineStore) -> NDArray[np.uintp]:
    """Return the structure Pieces of geometry.c."""
    centers = [find_address(at, np.float32) for at in (store.piece_x, store.piece_y)]
    starts = find_address(store.piece_start, np.int64)
    return np.array([*centers, starts, find_address(store.n_pieces, np.int32)], dtype=np.uintp)
