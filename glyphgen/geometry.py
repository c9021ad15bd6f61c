"""Angles, linear maps and how far ink reaches; the same bits on every machine; knows no fonts.

The sine and cosine of the platform's C library differ in the last bit between machines. Here every
step is one IEEE 754 addition, multiplication, division or rounding, so that no result can.
"""

from math import factorial, pi

import numpy as np
from numpy.typing import NDArray

from glyphgen.kernel.library import Kernel, find_address, find_kernel

__all__ = ["COS_TERMS", "SIN_TERMS", "cos_sin_deg", "find_reach", "make_linear_map"]

Floats = NDArray[np.float64]

# Taylor coefficients about 0: on a quarter turn about 0 (|r| <= pi / 4) the first term that is left
# out is below 1e-17, so the error is that of the last addition.
COS_TERMS = np.array([(-1) ** k / factorial(2 * k) for k in range(9)])
SIN_TERMS = np.array([(-1) ** k / factorial(2 * k + 1) for k in range(9)])


def cos_sin_deg(angle_deg: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Return cosine and sine of angles in degrees: float64, of the shape given."""
    angle = np.asarray(angle_deg, dtype=np.float64)
    quarter = np.rint(angle / 90.0)
    r = (angle - 90.0 * quarter) * (pi / 180.0)
    r2 = r * r
    cos, sin = np.full_like(r, COS_TERMS[-1]), np.full_like(r, SIN_TERMS[-1])
    for c, s in zip(COS_TERMS[-2::-1], SIN_TERMS[-2::-1], strict=True):
        cos = cos * r2 + c
        sin = sin * r2 + s
    sin = sin * r
    turn = quarter.astype(np.int64) % 4
    odd = turn % 2 == 1
    cos, sin = np.where(odd, sin, cos), np.where(odd, cos, sin)
    return (
        np.where((turn == 1) | (turn == 2), -cos, cos),
        np.where(turn >= 2, -sin, sin),
    )


def make_linear_map(
    rotation_deg: NDArray[np.floating],
    shear_deg: NDArray[np.floating],
    stretch: NDArray[np.floating],
    *,
    kernel: Kernel | None = None,
) -> Floats:
    """Return the maps that stretch the width, then shear, then rotate: (n, 2, 2), x right, y up.

    Args:
        rotation_deg, shear_deg, stretch: (n,).
        kernel: What does it; found where none is given.
    """
    given = [np.ascontiguousarray(v, dtype=np.float64) for v in (rotation_deg, shear_deg, stretch)]
    linear = np.empty((*given[0].shape, 2, 2))
    kernel = kernel or find_kernel()
    if kernel.make_maps:
        arrays = [
            find_address(array, np.float64) for array in (*given, COS_TERMS, SIN_TERMS, linear)
        ]
        kernel.make_maps(given[0].size, *arrays)
        return linear
    cos, sin = cos_sin_deg(given[0])
    shear_cos, shear_sin = cos_sin_deg(given[1])
    slope, width = shear_sin / shear_cos, given[2]
    linear[..., 0, 0] = cos * width
    linear[..., 0, 1] = cos * slope - sin
    linear[..., 1, 0] = sin * width
    linear[..., 1, 1] = sin * slope + cos
    return linear


def find_reach(
    hull_x: Floats,
    hull_y: Floats,
    cells: NDArray[np.int64],
    linear: Floats,
    pad: Floats,
    *,
    kernel: Kernel | None = None,
) -> Floats:
    """Return the box of hulls after linear maps: (n, 4), lowest x and y, highest x and y.

    Args:
        hull_x, hull_y: (corners, C), from the point that the maps leave in place.
        cells: (n,), whose hulls.
        linear: (n, 2, 2).
        pad: (n,), how far ink may lie outside the hull before the map, in any direction.
        kernel: What does it; found where none is given.
    """
    kernel = kernel or find_kernel()
    if kernel.find_reach:
        reach = np.empty((len(cells), 4))
        given = [np.ascontiguousarray(array) for array in (hull_x, hull_y, linear, pad)]
        hull_x_at, hull_y_at, *rest = (find_address(at, np.float64) for at in (*given, reach))
        hulls = (*hull_x.shape, hull_x_at, hull_y_at)
        kernel.find_reach(*hulls, len(cells), find_address(cells, np.int64), *rest)
        return reach
    hull_x, hull_y = hull_x.take(cells, axis=1), hull_y.take(cells, axis=1)
    x = linear[:, 0, 0] * hull_x + linear[:, 0, 1] * hull_y
    y = linear[:, 1, 0] * hull_x + linear[:, 1, 1] * hull_y
    pad_x = pad * (abs(linear[:, 0, 0]) + abs(linear[:, 0, 1]))
    pad_y = pad * (abs(linear[:, 1, 0]) + abs(linear[:, 1, 1]))
    low = [x.min(axis=0) - pad_x, y.min(axis=0) - pad_y]
    high = [x.max(axis=0) + pad_x, y.max(axis=0) + pad_y]
    return np.stack(low + high, axis=1)
