"""What every cell looks like: small pictures of its ink, all of one size; knows no classes.

The pictures are drawn from the very outlines that the vector engine draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines import OutlineStore
from glyphgen.raster import Rasteriser

__all__ = ["MOST_POINTS", "SIDE", "Pictures", "draw_pictures"]

SIDE = 32  # pixels
_MARGIN = 2
_BATCH = 256
MOST_POINTS = 32_767  # FreeType counts the points of an outline in 16 bits, with a sign


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The ink of C cells, scaled until its longer side fills the picture, and centred.

    Attributes:
        ink: uint8 (C, SIDE, SIDE).
        area: float64 (C,), of the ink in square em.
        longer: float64 (C,), longer side of the ink's box in em.
    """

    ink: NDArray[np.uint8]
    area: NDArray[np.float64]
    longer: NDArray[np.float64]


def draw_pictures(store: OutlineStore) -> Pictures:
    """Draw every cell of a store that can be drawn; the others are left all paper."""
    box = store.box.astype(np.float64)
    longer = (box[:, 2:] - box[:, :2]).max(axis=1)
    ink = np.zeros((store.n_cells, SIDE, SIDE), dtype=np.uint8)
    drawable = (store.n_points > 0) & (store.n_points <= MOST_POINTS) & (longer > 0)
    cells = np.flatnonzero(drawable)
    cells = cells[np.argsort(store.n_points[cells], kind="stable")]
    rasteriser = Rasteriser(store)
    px_per_em = (SIDE - 2 * _MARGIN) / np.where(longer > 0, longer, 1.0)
    for start in range(0, len(cells), _BATCH):
        batch = cells[start : start + _BATCH]
        at = store.point_start[batch][:, None] + np.arange(int(store.n_points[batch].max()))
        scale = (64 * px_per_em[batch]).astype(np.float32)[:, None]
        centre = ((box[batch, :2] + box[batch, 2:]) / 2).astype(np.float32)
        x = (store.x.take(at) - centre[:, :1]) * scale + np.float32(32 * SIDE)
        y = (store.y.take(at) - centre[:, 1:]) * scale + np.float32(32 * SIDE)
        rasteriser.fill(batch, x, y, ink, batch)
    area = ink.reshape(len(ink), -1).sum(axis=1) / 255.0 / px_per_em**2
    return Pictures(ink=ink, area=area, longer=longer)
