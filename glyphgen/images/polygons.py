"""Straight-edged shapes, such as ruled lines: drawn by counting what they cover of each pixel."""

from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

__all__ = ["fill_convex"]

Floats = NDArray[np.float64]

_SAMPLES = 4  # of each pixel, each way
_TILE = 128  # pixels: of a long line that leans, little is looked at that it does not cover


def fill_convex(image: NDArray[np.uint8], corners: Floats) -> None:
    """Draw a convex shape over an image, where it is darker than what is there.

    Args:
        image: uint8 (H, W), ink 255.
        corners: (k, 2), x and y in pixels from the upper left corner, in order, either way round.
    """
    height, width = image.shape
    following = np.roll(corners, -1, axis=0)
    edge = following - corners
    turned = corners[:, 0] * following[:, 1] - following[:, 0] * corners[:, 1]
    side = 1.0 if turned.sum() >= 0 else -1.0
    first, last = max(floor(corners[:, 0].min()), 0), min(ceil(corners[:, 0].max()), width)
    for left in range(first, last, _TILE):
        right = min(left + _TILE, last)
        top, bottom = _find_rows(corners, left, right)
        top, bottom = max(top, 0), min(bottom, height)
        if top >= bottom:
            continue
        x = left + (np.arange((right - left) * _SAMPLES) + 0.5) / _SAMPLES
        y = top + (np.arange((bottom - top) * _SAMPLES) + 0.5) / _SAMPLES
        inside = np.ones((len(y), len(x)), dtype=np.bool_)
        for (at_x, at_y), (along_x, along_y) in zip(corners, edge, strict=True):
            inside &= side * (along_x * (y[:, None] - at_y) - along_y * (x - at_x)) >= 0
        counts = inside.reshape(bottom - top, _SAMPLES, right - left, _SAMPLES).sum(axis=(1, 3))
        ink = (counts * 255 // _SAMPLES**2).astype(np.uint8)
        part = image[top:bottom, left:right]
        np.maximum(part, ink, out=part)


def _find_rows(corners: Floats, left: int, right: int) -> tuple[int, int]:
    """Return the first row, and the row after the last, that a shape may cover between two columns."""
    low, high = np.inf, -np.inf
    for (x, y), (x_next, y_next) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if max(x, x_next) < left or min(x, x_next) > right:
            continue
        ends = [y, y_next]
        if x != x_next:
            rise = (y_next - y) / (x_next - x)
            ends = [
                y + (min(max(at, min(x, x_next)), max(x, x_next)) - x) * rise
                for at in (left, right)
            ]
        low, high = min(low, *ends), max(high, *ends)
    return (floor(low), ceil(high)) if low <= high else (0, 0)
