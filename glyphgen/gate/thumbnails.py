"""What every cell looks like: small pictures of its ink, all of one size.

The pictures are drawn from the very outlines that the vector engine draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines import Outlines
from glyphgen.outlines.raster import Rasterizer

__all__ = [
    "FARTHEST_APART",
    "MOST_POINTS",
    "SIDE",
    "Pictures",
    "describe_pictures",
    "draw_cells",
    "draw_pictures",
    "find_margin",
    "fit_ink",
    "measure_apart",
]

SIDE = 32  # pixels
_MARGIN = 2
_BATCH = 256
_PAIRS = 4096  # that are compared at once
FARTHEST_APART = 1.0
"""The largest distance of two pictures."""
MOST_POINTS = 32_767  # FreeType counts the points of an outline in 16 bits, with a sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The ink of C cells, scaled until its longer side fills the picture, and centered.

    Attributes:
        ink: uint8 (C, SIDE, SIDE).
        area: float64 (C,), of the ink in square em.
        longer: float64 (C,), longer side of the ink's box in em.
    """

    ink: NDArray[np.uint8]
    area: NDArray[np.float64]
    longer: NDArray[np.float64]


def draw_pictures(store: Outlines) -> Pictures:
    """Draw every cell of a store that can be drawn; the others are left all paper."""
    longer = _measure_longer(store)
    ink = draw_cells(store, np.arange(store.n_cells), SIDE)
    px_per_em = (SIDE - 2 * _MARGIN) / np.where(longer > 0, longer, 1.0)
    area = ink.reshape(len(ink), -1).sum(axis=1) / 255.0 / px_per_em**2
    return Pictures(ink=ink, area=area, longer=longer)


def draw_cells(store: Outlines, cells: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """Draw cells as ``Pictures`` have them, in another size: uint8 (n, side, side)."""
    px_per_em, middle = fit_ink(store, side)
    ink = np.zeros((len(cells), side, side), dtype=np.uint8)
    drawable = (store.n_points > 0) & (store.n_points <= MOST_POINTS) & (px_per_em > 0)
    rows = np.flatnonzero(drawable[cells])
    rows = rows[np.argsort(store.n_points[cells[rows]], kind="stable")]
    rasterizer = Rasterizer()
    for start in range(0, len(rows), _BATCH):
        row = rows[start : start + _BATCH]
        batch = cells[row]
        laid, number = store.lay_out(batch)
        at = laid.point_start[number][:, None] + np.arange(int(laid.n_points[number].max()))
        scale = (64 * px_per_em[batch]).astype(np.float32)[:, None]
        center = middle[batch].astype(np.float32)
        x = (laid.x.take(at) - center[:, :1]) * scale + np.float32(32 * side)
        y = (laid.y.take(at) - center[:, 1:]) * scale + np.float32(32 * side)
        rasterizer.fill(laid, number, x, y, ink, row)
    return ink


def find_margin(side: int) -> float:
    """Return how many pixels of paper lie beside the longer side of the ink in pictures of a side."""
    return _MARGIN / SIDE * side


def fit_ink(store: Outlines, side: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how pictures of a side show their cells.

    Returns:
        Pixels to an em (C,), 0 for those without ink; and the middle of the picture, in em (C, 2).
    """
    longer, box = _measure_longer(store), store.box.astype(np.float64)
    room = side - 2 * find_margin(side)
    px_per_em = np.divide(room, longer, out=np.zeros_like(longer), where=longer > 0)
    return px_per_em, (box[:, :2] + box[:, 2:]) / 2


def _measure_longer(store: Outlines) -> NDArray[np.float64]:
    box = store.box.astype(np.float64)
    longer: NDArray[np.float64] = (box[:, 2:] - box[:, :2]).max(axis=1)
    return longer


def describe_pictures(ink: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return features (..., n) of pictures (..., SIDE, SIDE), each of mean 0 and length 1.

    The product of two is the likeness of their pictures, a little blurred: -1 to 1.
    """
    half = SIDE // 2
    coarse = ink.reshape(*ink.shape[:-2], half, 2, half, 2).mean(axis=(-3, -1), dtype=np.float32)
    padded = np.pad(coarse, [(0, 0)] * (ink.ndim - 2) + [(1, 1), (1, 1)])
    # Binomial blur, 1 2 1 each way: strokes that pass near each other are alike.
    across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
    blurred = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    flat = blurred.reshape(*ink.shape[:-2], -1)
    return _normalize(flat - flat.mean(axis=-1, keepdims=True))


def _normalize(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (..., n) of length 1; those of next to no length become 0."""
    length = np.sqrt((features * features).sum(axis=-1, keepdims=True))
    unit: NDArray[np.float32] = np.divide(
        features, length, out=np.zeros_like(features), where=length > 1e-6
    )
    return unit


def measure_apart(
    ink: NDArray[np.uint8],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    contrast: float,
) -> NDArray[np.float32]:
    """Return how much ink of two pictures lies out of reach of the other's, where it is most.

    Args:
        ink: uint8 (N, side, side).
        first, second: (n,), the pictures of each pair.
        contrast: By which gray becomes ink, 1 or more.

    Returns:
        (n,), 0 (alike) to ``FARTHEST_APART``.
    """
    sharp = np.minimum(ink.astype(np.float32) * (contrast / 255), 1.0)
    grown = _grow(sharp)
    distances = [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(first), _PAIRS):
        a, b = first[start : start + _PAIRS], second[start : start + _PAIRS]
        out = np.maximum(sharp[a] - grown[b], 0.0) + np.maximum(sharp[b] - grown[a], 0.0)
        distances.append(_average(_average(out)).max(axis=(1, 2)))
    return np.minimum(np.concatenate(distances), FARTHEST_APART)


def _grow(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Spread ink by one pixel to all sides."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    across = np.maximum(np.maximum(padded[..., :-2], padded[..., 1:-1]), padded[..., 2:])
    grown: NDArray[np.float32] = np.maximum(
        np.maximum(across[:, :-2], across[:, 1:-1]), across[:, 2:]
    )
    return grown


def _average(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of the 3 x 3 pixels about each."""
    padded = np.pad(pictures, ((0, 0), (1, 1), (1, 1)))
    across = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
    averaged: NDArray[np.float32] = (across[:, :-2] + across[:, 1:-1] + across[:, 2:]) / 9
    return averaged
