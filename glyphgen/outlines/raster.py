"""Outlines -> ink: by our kernel, one native call a block of images, or by FreeType; opens no font.

Both draw the same bytes; FreeType draws what the kernel leaves to it, and everything where there is none.
The FreeType inside freetype-py never sees a font: its version reads variable fonts beyond their bounds
(CVE-2026-23865). Only its rasterizer is used, on points that HarfBuzz has read.
"""

import ctypes
from itertools import repeat
from typing import Any

import freetype
import numpy as np
from freetype import raw
from numpy.typing import NDArray

from glyphgen.errors import EngineError
from glyphgen.kernel.library import Kernel, find_address, find_kernel
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.moving import Moves

__all__ = ["RASTER_VERSION", "Rasterizer", "describe_outlines", "draw_outlines"]

RASTER_VERSION = "FreeType " + ".".join(map(str, freetype.version()))

# FreeType's FT_Outline and FT_Bitmap, laid out by C's rules so that NumPy fills whole arrays of them.
# Source: FreeType 2.13 API reference, ftimage.h.
_LONG = np.dtype(ctypes.c_long)
_OUTLINE = np.dtype(
    [
        ("n_contours", np.int16),
        ("n_points", np.int16),
        ("points", np.uintp),
        ("tags", np.uintp),
        ("contours", np.uintp),
        ("flags", np.int32),
    ],
    align=True,
)
_BITMAP = np.dtype(
    [
        ("rows", np.uint32),
        ("width", np.uint32),
        ("pitch", np.int32),
        ("buffer", np.uintp),
        ("num_grays", np.uint16),
        ("pixel_mode", np.uint8),
        ("palette_mode", np.uint8),
        ("palette", np.uintp),
    ],
    align=True,
)
_GRAY = 2  # FT_PIXEL_MODE_GRAY

# Images that FreeType draws at a time: the arrays of so many outlines stay in the cache of a core.
_BATCH = 128

_get_bitmap = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)(
    ("FT_Outline_Get_Bitmap", raw._lib)
)


def _open_library() -> int:
    library = raw.FT_Library()
    error = raw.FT_Init_FreeType(ctypes.byref(library))
    address = ctypes.cast(library, ctypes.c_void_p).value
    if error or address is None:
        raise EngineError(f"FreeType does not start (error {error})")
    return address


class Rasterizer:
    """Draws outlines from moved points.

    Args:
        kernel: What draws; found where none is given.
    """

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._library = _open_library()
        self._draw = (kernel or find_kernel()).draw

    def draw(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        moves: Moves,
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
        *,
        onto: bool = False,
    ) -> None:
        """Move outlines and draw them into rows of images.

        Args:
            store: Whose outlines they are.
            cell: (n,), the outline of each image.
            moves: Of n images.
            out: uint8 (N, H, W), contiguous; every pixel of these rows is set.
            rows: (n,), the row of each image.
            onto: Whether what lies beside the ink is left as it is; several outlines may then be drawn
                into one row, the later over the earlier.

        Raises:
            EngineError: The rasterizer refuses an outline.
        """
        own = np.unique(rows) if onto else rows[:0]
        before = out[own]
        left = self._draw_fast(store, cell, out, rows, moves=moves, onto=onto)
        if (
            not onto
        ):  # outlines of like length share a batch, so that little of its arrays is padding
            left = left[np.argsort(store.n_points[cell[left]], kind="stable")]
        elif len(left):  # all by FreeType, so that the later still lies over the earlier
            out[own] = before
            left = np.arange(len(cell))
        for start in range(0, len(left), _BATCH):
            images = left[start : start + _BATCH]
            x, y = moves.move(store, cell, images)
            if not onto:
                out[rows[images]] = 0
            self._fill_slowly(store, cell[images], x, y, out, rows[images])

    def fill(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
    ) -> None:
        """Draw outlines that have been moved into rows of images.

        Args:
            store, cell, out, rows: As for ``draw``.
            x, y: float32 (n, m), contiguous, points in 64ths of a pixel, x right, y up from the lower
                left corner of the frame, padded to the longest.

        Raises:
            EngineError: The rasterizer refuses an outline.
        """
        left = self._draw_fast(store, cell, out, rows, points=(x, y))
        if len(left):
            out[rows[left]] = 0
            self._fill_slowly(store, cell[left], x[left], y[left], out, rows[left])

    def _draw_fast(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
        *,
        moves: Moves | None = None,
        points: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
        onto: bool = False,
    ) -> NDArray[np.int64]:
        """Draw by the kernel, and return which images are left to FreeType."""
        if self._draw is None:
            return np.arange(len(cell))
        taken = np.empty(len(cell), dtype=np.bool_)
        longest, x, y = int(store.n_points[cell].max(initial=0)), None, None
        if points:
            longest = points[0].shape[1]
            x, y = (find_address(array, np.float32) for array in points)
        records = [_describe_store(store)] + ([_describe_moves(moves)] if moves else [])
        store_at, moves_at = (*(find_address(record, np.uintp) for record in records), None)[:2]
        self._draw(
            *(store_at, len(cell), find_address(cell, np.int64), moves_at),
            *(longest, x, y),
            *(out.shape[1], out.shape[2], find_address(out, np.uint8)),
            *(find_address(rows, np.int64), onto, find_address(taken, np.bool_)),
        )
        return np.flatnonzero(~taken)

    def _fill_slowly(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
    ) -> None:
        points = np.empty((*x.shape, 2), dtype=_LONG)
        points[..., 0], points[..., 1] = np.rint(x), np.rint(y)
        draw_outlines(self._library, describe_outlines(store, cell, points), out, rows)


# As the structures of these names in raster.c.
_STORE: dict[str, type[np.generic]] = {
    **dict.fromkeys(("x", "y", "normal_x", "normal_y"), np.float32),
    "bend": np.int16,
    "piece": np.uint16,
    "tag": np.uint8,
    "contour_end": np.int16,
    **dict.fromkeys(("point_start", "contour_start"), np.int64),
    **dict.fromkeys(("n_points", "n_contours", "n_pieces"), np.int32),
}
_MOVES: dict[str, type[np.generic]] = {
    **dict.fromkeys(("half_weight", "nodes", "bend_scale", "maps"), np.float32),
    "first_map": np.int64,
}


def _describe_store(store: OutlineStore) -> NDArray[np.uintp]:
    arrays = [find_address(getattr(store, name), dtype) for name, dtype in _STORE.items()]
    return np.array(arrays, dtype=np.uintp)


def _describe_moves(moves: Moves) -> NDArray[np.uintp]:
    arrays = [find_address(getattr(moves, name), dtype) for name, dtype in _MOVES.items()]
    return np.array([*arrays, moves.nodes.shape[1], moves.by_piece], dtype=np.uintp)


def describe_outlines(
    store: OutlineStore, cell: NDArray[np.int64], points: NDArray[Any]
) -> NDArray[Any]:
    """Return FT_Outlines (n,) over points (n, m, 2) of C's long, which the caller keeps alive."""
    outlines = np.zeros(len(cell), dtype=_OUTLINE)
    outlines["n_contours"] = store.n_contours[cell]
    outlines["n_points"] = store.n_points[cell]
    outlines["points"] = points.ctypes.data + np.arange(len(cell)) * points.strides[0]
    outlines["tags"] = store.tag.ctypes.data + store.point_start[cell]
    ends = store.contour_end
    outlines["contours"] = ends.ctypes.data + store.contour_start[cell] * ends.itemsize
    return outlines


def draw_outlines(
    library: int, outlines: NDArray[Any], out: NDArray[np.uint8], rows: NDArray[np.int64]
) -> None:
    """Draw outlines into rows of images: one native call each, and nothing else in the loop.

    Args:
        library: Address of an FT_Library.
        outlines: (n,) FT_Outline, whose arrays the caller keeps alive; coordinates in 64ths of a
            pixel, y up.
        out: uint8 (N, H, W), contiguous, zero in these rows.
        rows: (n,), the row of each outline.

    Raises:
        EngineError: The rasterizer refuses an outline.
    """
    height, width = out.shape[1:]
    bitmaps = np.zeros(len(rows), dtype=_BITMAP)
    bitmaps["rows"], bitmaps["width"], bitmaps["pitch"] = height, width, width
    bitmaps["num_grays"], bitmaps["pixel_mode"] = 256, _GRAY
    bitmaps["buffer"] = out.ctypes.data + rows * out.strides[0]
    outline_at = outlines.ctypes.data + np.arange(len(rows)) * outlines.itemsize
    bitmap_at = bitmaps.ctypes.data + np.arange(len(rows)) * bitmaps.itemsize
    # `any` drives the loop in C and stops at the first error.
    if any(map(_get_bitmap, repeat(library), outline_at.tolist(), bitmap_at.tolist())):
        raise EngineError(
            "FreeType's rasterizer refuses an outline"
            " (the gate should have refused its cell: report the font)"
        )
