"""Outlines -> ink by FreeType's rasterizer: one native call an image; opens no font.

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
from glyphgen.outlines import OutlineStore

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
    """Draws outlines from moved points."""

    def __init__(self) -> None:
        self._library = _open_library()
        self._points = np.zeros(0, dtype=_LONG)

    def fill(
        self,
        store: OutlineStore,
        cell: NDArray[np.int64],
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        out: NDArray[np.uint8],
        rows: NDArray[np.int64],
    ) -> None:
        """Draw outlines into rows of images.

        Args:
            store: Whose tags and contours the points belong to.
            cell: (n,), whose outlines the points are.
            x, y: float32 (n, m), points in 64ths of a pixel, x right, y up from the lower left corner
                of the frame, padded to the longest; rounded in place.
            out: uint8 (N, H, W), contiguous, zero in these rows.
            rows: (n,), the row of each outline.

        Raises:
            EngineError: The rasterizer refuses an outline.
        """
        n, longest = x.shape
        if self._points.size < 2 * x.size:
            self._points = np.empty(2 * x.size, dtype=_LONG)
        points = self._points[: 2 * x.size].reshape(n, longest, 2)
        np.rint(x, out=x)
        np.rint(y, out=y)
        points[..., 0] = x
        points[..., 1] = y
        draw_outlines(self._library, describe_outlines(store, cell, points), out, rows)


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
