"""Random words addressed by (seed, stage, class, sample); knows nothing of what they are used for.

Random numbers are addressed, not carried: sample *j* of class *c* in stage *s* owns a fixed block of
words of the generator with key (seed, s, c), at counter position *j*. Any interval of samples can be
had alone, in any order, by any worker, and is the same.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
"""

import enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ByClass", "Stage", "Stream", "join_words", "mix_words", "order_by_words", "split_words"]

_WORDS_PER_COUNT = 4  # Philox 4x64 gives four 64-bit words for each value of its counter


class Stage(enum.IntEnum):
    """What the words are for. A number, once given, is never used for anything else."""

    PLACEMENT = 1
    WOBBLE = 2
    SCATTER = 3
    GRID_ORDER = 4
    SPLIT = 5
    AUGMENT = 6
    NOISE_TABLES = 7
    BALANCE = 8
    PREVIEW = 9
    SHARE = 12
    PAGE = 13
    SHEET = 14
    INSTANCES = 15


class Stream:
    """The words of one seed and stage, for every class and sample.

    Args:
        seed: 0 to 2**64 - 1.
        stage: Separates independent uses of one seed.
        n_words: 64-bit words that each sample owns; a multiple of 4.
    """

    def __init__(self, seed: int, stage: Stage, n_words: int) -> None:
        self._counts = n_words // _WORDS_PER_COUNT
        self._generator = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64))
        self._state: Any = self._generator.state
        self._stage = stage

    def words(self, class_index: int, first: int, n: int) -> NDArray[np.uint64]:
        """Return the blocks of samples ``first`` to ``first + n`` of a class: uint64 (n, n_words)."""
        # Setting the state of one generator is twenty times as fast as making one for each class.
        state = self._state["state"]
        state["key"][1] = (int(self._stage) << 32) | class_index
        state["counter"][:] = (first * self._counts, 0, 0, 0)
        self._generator.state = self._state
        raw: NDArray[np.uint64] = self._generator.random_raw(n * self._counts * _WORDS_PER_COUNT)
        return raw.reshape(n, -1)


class ByClass:
    """Reads the words of samples of many classes, one class at a time.

    Args:
        class_index: int64 (n,).
        sample: int64 (n,), the number of each within its class; in any order.
    """

    def __init__(self, class_index: NDArray[np.int64], sample: NDArray[np.int64]) -> None:
        self._order = np.lexsort((sample, class_index))
        self._class_index, self._sample = class_index[self._order], sample[self._order]
        # A run is a stretch of consecutive samples of one class.
        breaks = (np.diff(self._class_index) != 0) | (np.diff(self._sample) != 1)
        self._runs = np.concatenate([[0], np.flatnonzero(breaks) + 1, [len(sample)]])

    def __len__(self) -> int:
        return len(self._order)

    def words(self, stream: Stream) -> NDArray[np.uint64]:
        """Return the words of each row: (n, words)."""
        parts = [
            stream.words(int(self._class_index[start]), int(self._sample[start]), end - start)
            for start, end in zip(self._runs[:-1], self._runs[1:].tolist(), strict=True)
        ]
        in_order = np.concatenate(parts)
        words = np.empty_like(in_order)
        words[self._order] = in_order
        return words


def mix_words(word: NDArray[np.uint64], use: int, n: int) -> NDArray[np.uint64]:
    """Make many words of one: for what a sample stores as one word and draws as hundreds.

    Args:
        word: uint64 (m,).
        use: Separates independent uses of one word; 0 to 2**16 - 1.
        n: Words to make of each.

    Returns:
        uint64 (m, n).

    Source:
        Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64).
    """
    step = np.arange(1 + (use << 32), 1 + (use << 32) + n, dtype=np.uint64)
    mixed = word[:, None] + step * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def split_words(words: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Cut each word into parts of ``bits`` bits, lowest first: uint64 (n, words) -> (n, parts)."""
    shifts = np.arange(0, 64, bits, dtype=np.uint64)
    mask = np.uint64((1 << bits) - 1)
    return ((words[:, :, None] >> shifts) & mask).reshape(len(words), -1)


def join_words(parts: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Put parts of ``bits`` bits, lowest first, back into words: uint64 (..., parts) -> (...)."""
    shifts = np.arange(0, 64, bits, dtype=np.uint64)
    words: NDArray[np.uint64] = np.bitwise_or.reduce(parts << shifts, axis=-1)
    return words


def order_by_words(seed: int, stage: Stage, n: int, class_index: int = 0) -> NDArray[np.int64]:
    """Return a permutation of 0 to n - 1 that depends on nothing but its arguments."""
    words = Stream(seed, stage, _WORDS_PER_COUNT).words(class_index, 0, n)[:, 0]
    return np.argsort(words, kind="stable")
