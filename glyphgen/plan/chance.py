"""What a page or a sheet draws by lot, one number after the other, from one random word."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.streams import mix_words

__all__ = ["Chance"]

Ints = NDArray[np.int64]


class Chance:
    """What a page draws by lot for one use, one number after the other."""

    def __init__(self, word: NDArray[np.uint64], use: int) -> None:
        self._word, self._use, self._next = word, use, 0

    def _take(self, n: int) -> NDArray[np.uint64]:
        first, self._next = self._next, self._next + n
        return mix_words(self._word, self._use, self._next)[0, first:]

    def draw(self) -> float:
        """Return a number from 0 to below 1."""
        return float(self._take(1)[0] >> np.uint64(11)) / 2**53

    def draw_many(self, many: int) -> NDArray[np.float64]:
        """Return so many numbers from 0 to below 1."""
        return (self._take(many) >> np.uint64(11)).astype(np.float64) / 2**53

    def choose(self, n: int) -> int:
        """Return a whole number from 0 to n - 1."""
        return int(self._take(1)[0] % np.uint64(n))

    def choose_many(self, n: int, many: int) -> Ints:
        """Return so many whole numbers from 0 to n - 1."""
        return (self._take(many) % np.uint64(n)).astype(np.int64)

    def order(self, n: int) -> Ints:
        """Return the numbers 0 to n - 1 in an order drawn by lot."""
        return np.argsort(self._take(n), kind="stable")
