"""Random words addressed by (seed, stage, class, sample); knows nothing of what they are used for.

Random numbers are addressed, not carried: sample *j* of class *c* in stage *s* owns a fixed block of
words of the generator with key (seed, s, c), at counter position *j*. Any interval of samples can be
had alone, in any order, by any worker, and is the same.

Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (Philox).
"""

import enum
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.kernel.library import Kernel, find_address, find_kernel

__all__ = ["Stage", "Stream", "join_words", "mix_words", "order_by_words", "split_words"]

Words = NDArray[np.uint64]

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
    ORDER = 16
    HAND = 17
    STROKES = 18


class Stream:
    """The words of one seed and stage, for every class and sample.

    Args:
        seed: 0 to 2**64 - 1.
        stage: Separates independent uses of one seed.
        n_words: 64-bit words that each sample owns; a multiple of 4.
        kernel: What draws the words of many samples; found where none is given.
    """

    def __init__(
        self, seed: int, stage: Stage, n_words: int, *, kernel: Kernel | None = None
    ) -> None:
        self._seed, self._stage = seed, int(stage)
        self._counts = n_words // _WORDS_PER_COUNT
        self._draw = (kernel or find_kernel()).draw_words

    @cached_property
    def _philox(self) -> tuple[np.random.Philox, Any]:
        """NumPy's generator, and its state: made once, and only where it draws."""
        generator = np.random.Philox(key=np.array([self._seed, 0], dtype=np.uint64))
        return generator, generator.state

    def words(self, class_index: int, first: int, n: int) -> Words:
        """Return the blocks of samples ``first`` to ``first + n`` of a class: uint64 (n, n_words)."""
        # Setting the state of one generator is twenty times as fast as making one for each class.
        generator, whole = self._philox
        state = whole["state"]
        state["key"][1] = (self._stage << 32) | class_index
        state["counter"][:] = (first * self._counts, 0, 0, 0)
        generator.state = whole
        raw: Words = generator.random_raw(n * self._counts * _WORDS_PER_COUNT)
        return raw.reshape(n, -1)

    def draw(
        self,
        class_index: NDArray[np.int64],
        sample: NDArray[np.int64],
        n_words: int | None = None,
    ) -> Words:
        """Return the first words of samples of many classes.

        Args:
            class_index: (n,).
            sample: (n,), the number of each within its class; in any order.
            n_words: How many of each; left out, all that it owns.

        Returns:
            uint64 (n, n_words).
        """
        n_words = self._counts * _WORDS_PER_COUNT if n_words is None else n_words
        n_drawn = -(-n_words // _WORDS_PER_COUNT) * _WORDS_PER_COUNT
        words = np.empty((len(sample), n_drawn), dtype=np.uint64)
        if self._draw:
            class_index, sample = (np.ascontiguousarray(at) for at in (class_index, sample))
            arrays = [find_address(at, np.int64) for at in (class_index, sample)]
            stream = (self._seed, self._stage, self._counts, len(sample))
            self._draw(*stream, *arrays, n_drawn, find_address(words, np.uint64))
        else:
            self._draw_by_class(class_index, sample, words)
        return words[:, :n_words]

    def _draw_by_class(
        self, class_index: NDArray[np.int64], sample: NDArray[np.int64], words: Words
    ) -> None:
        order = np.lexsort((sample, class_index))
        of_class, number = class_index[order], sample[order]
        # A run is a stretch of consecutive samples of one class.
        breaks = (np.diff(of_class) != 0) | (np.diff(number) != 1)
        ends = [*(np.flatnonzero(breaks) + 1).tolist(), len(sample)]
        for start, end in pairwise([0, *ends]):
            if start < end:
                run = self.words(int(of_class[start]), int(number[start]), end - start)
                words[order[start:end]] = run[:, : words.shape[1]]


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


def split_words(words: Words, bits: int) -> NDArray[Any]:
    """Cut each word into parts of ``bits`` bits, lowest first: (n, words) -> (n, parts).

    Args:
        words: uint64.
        bits: 8, 16 or 32; the parts are unsigned numbers of so many.
    """
    return np.ascontiguousarray(words, dtype="<u8").view(f"<u{bits // 8}")


def join_words(parts: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    """Put parts of ``bits`` bits, lowest first, back into words: uint64 (..., parts) -> (...)."""
    shifts = np.arange(0, 64, bits, dtype=np.uint64)
    words: NDArray[np.uint64] = np.bitwise_or.reduce(parts << shifts, axis=-1)
    return words


def order_by_words(seed: int, stage: Stage, n: int, class_index: int = 0) -> NDArray[np.int64]:
    """Return a permutation of 0 to n - 1 that depends on nothing but its arguments."""
    words = Stream(seed, stage, _WORDS_PER_COUNT).words(class_index, 0, n)[:, 0]
    return np.argsort(words, kind="stable")
