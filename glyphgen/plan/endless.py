"""The order of an endless stream: which class each image is of, and which image of the class it is.

Any interval can be had alone. The classes take turns; neighboring turns are shuffled, so that no batch
holds classes that stand together in the table.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from glyphgen.streams import Stage, Stream

__all__ = ["FIRST_BEYOND", "EndlessTurns", "make_endless_turns", "number_on"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEAST_SHARE = 1000  # shares are told apart to the thousandth
_MOST_TURNS = 1 << 20  # of a period; or 16 for each class
_ORDERED_AT_ONCE = 4096  # turns

FIRST_BEYOND = {"val": 1 << 31, "test": 3 << 30}
"""The first number of samples beyond a dataset's rows; those of train go on from all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndlessTurns:
    """Images without an end, of C classes.

    Attributes:
        seed: Of the order.
        turn_class: (P,), the class of each turn of a period, which comes again and again.
        turn_nth: (P,), how many turns the class has had before in the period.
        n_turns: (C,), turns of each class in a period.
        per_class: Images of a turn.
    """

    seed: int
    turn_class: Ints
    turn_nth: Ints
    n_turns: Ints
    per_class: int

    def rows(self, first: int, last: int) -> tuple[Ints, Ints]:
        """Return the class of images ``first`` to ``last``, and how many the class has had before."""
        turn, within = np.divmod(np.arange(first, last), self.per_class)
        window = int(np.count_nonzero(self.n_turns))  # turns that are shuffled together
        length = max(1, _ORDERED_AT_ONCE // window) * window
        start, stop = first // self.per_class // length, int(turn[-1]) // length + 1
        orders = [
            _order_turns(self.seed, block * length, length, window) for block in range(start, stop)
        ]
        shuffled = np.concatenate(orders)[turn - start * length]
        period, slot = np.divmod(shuffled, len(self.turn_class))
        class_index = self.turn_class[slot]
        nth = period * self.n_turns[class_index] + self.turn_nth[slot]
        return class_index, nth * self.per_class + within


@lru_cache(maxsize=16)
def _order_turns(seed: int, first: int, n: int, window: int) -> Ints:
    """Return turns ``first`` to ``first + n`` in their order: each window of them is shuffled."""
    words = Stream(seed, Stage.ORDER, 4).words(0, first, n)[:, 0].reshape(-1, window)
    order = np.argsort(words, axis=1, kind="stable")
    return (order + np.arange(first, first + n, window)[:, None]).ravel()


def make_endless_turns(seed: int, shares: Floats, per_class: int = 1) -> EndlessTurns:
    """Lay out a period in which each class has turns in proportion to its share, evenly spread.

    Args:
        seed: Of the order, 0 to 2**64 - 1.
        shares: (C,), 0 or more, not all 0; told apart to the thousandth.
        per_class: Images of a turn, 1 or more.
    """
    wished = np.where(shares > 0, np.maximum(1, np.rint(shares * _LEAST_SHARE)), 0).astype(np.int64)
    n_turns = wished // gcd(*wished.tolist())
    most = max(_MOST_TURNS, 16 * len(shares))
    if n_turns.sum() > most:
        fewer = np.rint(wished * (most / wished.sum())).astype(np.int64)
        n_turns = np.where(wished > 0, np.maximum(1, fewer), 0)
    turn_class = np.repeat(np.arange(len(shares)), n_turns)
    turn_nth = np.arange(len(turn_class)) - np.repeat(np.cumsum(n_turns) - n_turns, n_turns)
    # The middle of the k-th of n equal parts of the period: 1/2, or 1/4 and 3/4.
    order = np.argsort((turn_nth + 0.5) / n_turns[turn_class], kind="stable")
    return EndlessTurns(
        seed=seed,
        turn_class=turn_class[order],
        turn_nth=turn_nth[order],
        n_turns=n_turns,
        per_class=per_class,
    )


def number_on(split: str, nth: Ints, first: Ints, n_samples: Ints, n_all: Ints) -> Ints:
    """Return the sample number of the nth sample of a split that has no end.

    The first are the rows of the dataset; those after them have numbers that no row and no other split
    has.

    Args:
        split: A key of ``SPLITS``.
        nth, first, n_samples, n_all: (n,), of the class of each: the sample number of its first row
            in the split, its rows in the split, and in all splits.
    """
    beyond = FIRST_BEYOND.get(split, n_all)
    return np.where(nth < n_samples, first + nth, beyond + (nth - n_samples))
