"""The values of a sample, how far a recipe lets them go, and how far a single cell."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.recipe import Render
from glyphgen.streams import join_words, split_words

__all__ = ["VALUES", "draw_in", "draw_in_scatter", "leaves_still", "list_ranges"]

Floats = NDArray[np.float64]

VALUES = ("size", "shift_x", "shift_y", "rotation", "shear", "stretch", "weight", "wobble")
"""In the order of a sample's random words. New ones go to the end."""

# What leaves the shape as it is. Size and shifts never change a shape, so that they are not drawn in.
_STILL = {"rotation": 0.0, "shear": 0.0, "stretch": 1.0, "weight": 0.0, "wobble": 0.0}
_MIDDLE = 1 << 15  # of the 16-bit numbers of a scatter word


def list_ranges(render: Render) -> tuple[Floats, Floats]:
    """Return the least and the greatest of each value: (8,) and (8,)."""
    ranges = [*(getattr(render, name) for name in VALUES[:-1]), render.wobble.amplitude]
    low, high = np.array([(min(values), max(values)) for values in ranges]).T
    return low, high


def leaves_still(render: Render) -> bool:
    """Tell whether the ranges contain what leaves a shape as it is."""
    low, high = _list_drawn(render)
    still = np.array([_STILL.get(name, np.nan) for name in VALUES])
    return not np.any((still < low) | (high < still))


def _list_drawn(render: Render) -> tuple[Floats, Floats]:
    """Return the ranges that are drawn in; a wobble bends by lot: one amplitude is a range from 0."""
    low, high = list_ranges(render)
    low[VALUES.index("wobble")] = 0.0
    return low, high


def draw_in(render: Render, values: Floats, share: Floats) -> Floats:
    """Return values (n, 8) within a share (n,) of their ranges, from where the shape is as it is."""
    low, high = _list_drawn(render)
    drawn = values.copy()
    for name, still in _STILL.items():
        k = VALUES.index(name)
        middle = min(max(still, low[k]), high[k])
        drawn[:, k] = middle + (values[:, k] - middle) * share
    return drawn


def draw_in_scatter(words: NDArray[np.uint64], share: Floats) -> NDArray[np.uint64]:
    """Return scatter words (n, W) whose pieces move by a share (n,) of what they did."""
    numbers = split_words(words, bits=16).reshape(*words.shape, 4).astype(np.float64)
    moved = np.rint((numbers - _MIDDLE) * share[:, None, None] + _MIDDLE).astype(np.uint64)
    return join_words(moved, bits=16)
