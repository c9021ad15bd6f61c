"""Opens the compiled kernel, where there is one that fits; opens no font.

It gives the bytes that FreeType and NumPy give, a block a call and without Python's lock. Whoever has no
library, or ``GLYPHGEN_KERNEL=off``, gets the same datasets more slowly.
"""

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import EngineError
from glyphgen.kernel.compiling import KERNEL_LIBRARY, hash_kernel_source

__all__ = ["KERNEL_VARIABLE", "Kernel", "find_address", "find_kernel", "open_kernel"]

KERNEL_VARIABLE = "GLYPHGEN_KERNEL"
_OFF = "off"

_AGAIN = "install glyphgen again, with a C compiler, to draw faster"
_INT, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
# n, rotation_deg, shear_deg, stretch; cos_terms, sin_terms, linear
_MAP = (_INT, *6 * (_ADDRESS,))
# n_corners, n_cells, hull_x, hull_y; n, cells, linear, pad, reach
_REACH = (_INT, _INT, _ADDRESS, _ADDRESS, _INT, *4 * (_ADDRESS,))
# pieces, n, cells, linear; n_words, words; limits, cos_terms, sin_terms, maps
_SCATTER = (_ADDRESS, _INT, _ADDRESS, _ADDRESS, _INT, *5 * (_ADDRESS,))
# store, n, cells, moves; longest, x, y; height, width, images, rows, onto, taken
_DRAW = (
    *(_ADDRESS, _INT, _ADDRESS, _ADDRESS),
    *(_INT, _ADDRESS, _ADDRESS),
    *(_INT, _INT, _ADDRESS, _ADDRESS, _INT, _ADDRESS),
)
# seed, stage, counts, n; class_index, sample; n_words, words
_DRAW_WORDS = (
    *(ctypes.c_uint64, ctypes.c_uint64, _INT, _INT),
    *(_ADDRESS, _ADDRESS, _INT, _ADDRESS),
)
_FUNCTIONS: Mapping[str, tuple[str, Sequence[type]]] = {
    "draw": ("glyphgen_raster_draw", _DRAW),
    "draw_words": ("glyphgen_words_draw", _DRAW_WORDS),
    "make_maps": ("glyphgen_geometry_map", _MAP),
    "find_reach": ("glyphgen_geometry_reach", _REACH),
    "scatter": ("glyphgen_geometry_scatter", _SCATTER),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What draws, and why.

    Attributes:
        draw: ``glyphgen_raster_draw`` of raster.c; None where FreeType draws everything.
        draw_words: ``glyphgen_words_draw`` of words.c; None, as all, where NumPy has to do.
        make_maps: ``glyphgen_geometry_map`` of geometry.c.
        find_reach: ``glyphgen_geometry_reach`` of geometry.c.
        scatter: ``glyphgen_geometry_scatter`` of geometry.c.
        reason: Why it does; empty where it does not.
        is_ignored: Whether there is a library that cannot be used: a user should hear of it.
    """

    draw: Callable[..., None] | None = None
    draw_words: Callable[..., None] | None = None
    make_maps: Callable[..., None] | None = None
    find_reach: Callable[..., None] | None = None
    scatter: Callable[..., None] | None = None
    reason: str = ""
    is_ignored: bool = False

    def describe(self) -> str:
        """Return what draws, for run.json and ``--version``."""
        return "kernel" if self.draw else f"FreeType: {self.reason}"


@cache
def find_kernel() -> Kernel:
    """Return what draws in this process.

    Raises:
        EngineError: ``GLYPHGEN_KERNEL`` is something else than ``off``.
    """
    wish = os.environ.get(KERNEL_VARIABLE, "")
    if wish == _OFF:
        return Kernel(reason=f"{KERNEL_VARIABLE}={_OFF}")
    if wish:
        raise EngineError(
            f"{KERNEL_VARIABLE}: found '{wish}', expected '{_OFF}' (leave it unset to draw faster)"
        )
    return open_kernel(KERNEL_LIBRARY)


def open_kernel(path: Path) -> Kernel:
    """Open a library that was compiled from the sources beside it, if it is there and fits."""
    if not path.exists():
        return Kernel(reason=f"{path}: missing ({_AGAIN})")
    try:
        library = ctypes.CDLL(str(path))
        source = library.glyphgen_kernel_source
        functions: dict[str, Any] = {
            name: _declare(library[symbol], arguments)
            for name, (symbol, arguments) in _FUNCTIONS.items()
        }
    except (OSError, AttributeError):
        reason = f"{path}: not for this machine, ignored ({_AGAIN})"
        return Kernel(reason=reason, is_ignored=True)
    source.restype = ctypes.c_char_p
    if source() != hash_kernel_source().encode():
        reason = f"{path}: of another version, ignored ({_AGAIN})"
        return Kernel(reason=reason, is_ignored=True)
    return Kernel(**functions)


def _declare(function: Any, arguments: Sequence[type]) -> Callable[..., None]:
    function.restype = None
    function.argtypes = arguments
    declared: Callable[..., None] = function
    return declared


def find_address(array: NDArray[Any], dtype: type[np.generic]) -> int:
    """Return where an array begins, which the caller keeps alive.

    Raises:
        ValueError: It is not what C reads.
    """
    if array.dtype != dtype or not array.flags.c_contiguous:
        raise ValueError(f"{array.dtype} array, expected a contiguous one of {dtype.__name__}")
    return int(array.__array_interface__["data"][0])
