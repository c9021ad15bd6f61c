"""How the points of outlines move from em to the frame: grown, bent, and through a map each."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines.outline_store import OutlineStore

__all__ = ["Moves"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moves:
    """How the outlines of n images are moved. raster.c has the same steps, and gives the same bits.

    Attributes:
        half_weight: float32 (n,), how far edges move outwards, in em.
        nodes: float32 (n, K, 2), whole numbers of 13 bits: where each of K nodes goes, x right, y up; K = 0
            where nothing bends.
        bend_scale: float32 (n,), em of one step of a node.
        maps: float32 (m, 2, 3), to 64ths of a pixel from the lower left corner of the frame, y up; all of
            an image's one after the other.
        first_map: int64 (n,), where those of each image begin.
        by_piece: Whether every piece of an outline has its map; else every image has one.
    """

    half_weight: Floats
    nodes: Floats
    bend_scale: Floats
    maps: Floats
    first_map: Ints
    by_piece: bool

    def move(self, store: OutlineStore, cell: Ints, images: Ints) -> tuple[Floats, Floats]:
        """Return the points of some images in 64ths of a pixel.

        Args:
            store: Whose points they are.
            cell: (n,), whose outlines are in all images.
            images: (k,), those to move.

        Returns:
            float32 (k, m) each, rows padded to the longest; every step is one IEEE operation in single
            precision, so that the result is the same everywhere.
        """
        cell = cell[images]
        at = store.point_start[cell][:, None] + np.arange(int(store.n_points[cell].max(initial=0)))
        x, y = store.x.take(at), store.y.take(at)
        half = self.half_weight[images, None]
        if half.any():
            x += half * store.normal_x.take(at)
            y += half * store.normal_y.take(at)
        n_nodes = self.nodes.shape[1]
        if n_nodes:
            starts, n_points = store.point_start[cell], store.n_points[cell].astype(np.int64)
            # Padding has the shares of the last point.
            point = np.minimum(np.arange(at.shape[1]), np.maximum(n_points - 1, 0)[:, None])
            node = np.arange(n_nodes)[:, None] * n_points[:, None, None]
            places = starts[:, None, None] * n_nodes + node + point[:, None]
            shares = store.bend.ravel().take(places).astype(np.float32) / np.float32(1024)
            # Exact: shares are multiples of 2**-10 that sum to 1, nodes are 13-bit whole numbers.
            bent = self.nodes[images].transpose(0, 2, 1) @ shares
            bent *= self.bend_scale[images, None, None]
            x += bent[:, 0]
            y += bent[:, 1]
        number = self.first_map[images, None]
        if self.by_piece:
            # Padding may be of another cell, which has more pieces.
            last = np.maximum(store.n_pieces[cell] - 1, 0)[:, None]
            number = number + np.minimum(store.piece.take(at), last)
        by_entry = np.ascontiguousarray(self.maps.reshape(-1, 6).T)
        xx, xy, x0, yx, yy, y0 = (entry.take(number) for entry in by_entry)
        moved_x = xx * x
        moved_x += xy * y
        moved_x += x0
        x *= yx
        y *= yy
        x += y
        x += y0
        return moved_x, x
