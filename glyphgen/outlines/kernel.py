"""Opens the compiled rasterizer, where there is one that fits; opens no font.

It draws the bytes that FreeType draws, a block of images a call and without Python's lock. Whoever has no
library, or ``GLYPHGEN_KERNEL=off``, gets the same datasets more slowly.
"""

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from glyphgen.errors import EngineError
from glyphgen.outlines.compiling import RASTER_LIBRARY, hash_raster_source

__all__ = ["KERNEL_VARIABLE", "Kernel", "find_kernel", "open_kernel"]

KERNEL_VARIABLE = "GLYPHGEN_KERNEL"
_OFF = "off"

_AGAIN = "install glyphgen again, with a C compiler, to draw faster"
_INT, _ADDRESS = ctypes.c_int64, ctypes.c_void_p
# store, n, cells, moves; longest, x, y; height, width, images, rows, onto, taken
_ARGUMENTS = (
    *(_ADDRESS, _INT, _ADDRESS, _ADDRESS),
    *(_INT, _ADDRESS, _ADDRESS),
    *(_INT, _INT, _ADDRESS, _ADDRESS, _INT, _ADDRESS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What draws, and why.

    Attributes:
        draw: ``glyphgen_raster_draw`` of raster.c; None where FreeType draws everything.
        reason: Why it does; empty where it does not.
        is_ignored: Whether there is a library that cannot be used: a user should hear of it.
    """

    draw: Callable[..., None] | None = None
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
    return open_kernel(RASTER_LIBRARY)


def open_kernel(path: Path) -> Kernel:
    """Open a library that was compiled from raster.c, if it is there and fits."""
    if not path.exists():
        return Kernel(reason=f"{path}: missing ({_AGAIN})")
    try:
        library = ctypes.CDLL(str(path))
        draw, source = library.glyphgen_raster_draw, library.glyphgen_raster_source
    except (OSError, AttributeError):
        reason = f"{path}: not for this machine, ignored ({_AGAIN})"
        return Kernel(reason=reason, is_ignored=True)
    source.restype = ctypes.c_char_p
    if source() != hash_raster_source().encode():
        reason = f"{path}: of another version, ignored ({_AGAIN})"
        return Kernel(reason=reason, is_ignored=True)
    draw.restype = None
    draw.argtypes = _ARGUMENTS
    return Kernel(draw=draw)
