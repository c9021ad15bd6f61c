"""Noise as tables of whole numbers, the same on every machine.

A sample's noise is a stretch of a table that begins at a place of its own.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from glyphgen.streams import Stage, Stream, split_words

__all__ = [
    "CLOUD_SIDE",
    "GAUSSIAN_SIGMA",
    "LENGTH",
    "make_clouds",
    "make_gaussian",
    "make_uniform",
]

LENGTH = 1 << 18  # places where a stretch may begin
GAUSSIAN_SIGMA = 32
CLOUD_SIDE = 512
_LARGEST = 127
_TOSSES = 4 * GAUSSIAN_SIGMA**2  # heads among n tosses have a standard deviation of sqrt(n) / 2


@lru_cache(maxsize=4)
def make_gaussian(n_px: int) -> NDArray[np.int16]:
    """Return Gaussian numbers of standard deviation 32, from -127 to 127: (LENGTH + n_px,).

    They are the number of heads among 4,096 tosses of a coin, which differs from the normal
    distribution by less than a thousandth, and whose chances are fractions of whole numbers: no
    function of the platform's has a part in them.
    """
    middle = _TOSSES // 2
    ways, below, limits = 1, 0, []
    for heads in range(middle + _LARGEST):
        below += ways
        limits.append(below >> (_TOSSES - 16))  # in 65536ths
        ways = ways * (_TOSSES - heads) // (heads + 1)
    limits = limits[middle - _LARGEST :]
    numbers = np.searchsorted(np.array(limits), np.arange(1 << 16), side="right") - _LARGEST
    return numbers.astype(np.int16)[make_uniform(n_px)]


@lru_cache(maxsize=4)
def make_uniform(n_px: int) -> NDArray[np.uint16]:
    """Return numbers from 0 to 65535: (LENGTH + n_px,)."""
    return _draw(0, LENGTH + n_px)


@lru_cache(maxsize=4)
def make_clouds(height: int, width: int) -> NDArray[np.uint8]:
    """Return the texture of paper, from 0 to 255: (CLOUD_SIDE + height, CLOUD_SIDE + width).

    Fine grain, fibres along x, and broad clouds, in equal parts; whole numbers throughout.
    """
    shape = (CLOUD_SIDE + height, CLOUD_SIDE + width)
    texture = np.zeros(shape, dtype=np.int64)
    for layer, (down, along) in enumerate([(1, 1), (1, 6), (8, 8)], start=1):
        numbers = _draw(layer, (shape[0] + down) * (shape[1] + along)).astype(np.int64)
        sums = numbers.reshape(shape[0] + down, shape[1] + along).cumsum(axis=0).cumsum(axis=1)
        box = sums[down:, along:] - sums[:-down, along:] - sums[down:, :-along]
        box += sums[:-down, :-along]
        low, high = int(box.min()), int(box.max())
        texture += (box - low) * 85 // (high - low)
    return texture.astype(np.uint8)


def _draw(layer: int, n: int) -> NDArray[np.uint16]:
    words = Stream(0, Stage.NOISE_TABLES, 4).words(layer, 0, -(-n // 16))
    return split_words(words, bits=16).reshape(-1)[:n]
