"""Draws the values of samples and applies them to images, in batches.

Sample the values, then apply them: what a sample draws is a few numbers that the dataset keeps, and
what they do to an image is a pure function of both.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment.step import Bytes, Frame, Operation, Site, Step
from glyphgen.errors import AugmentError
from glyphgen.streams import Stage, Stream, split_words

__all__ = ["MOST_STEPS", "Augmenter", "make_augmenter"]

MOST_STEPS = 15
_WORDS = 4 * (1 + MOST_STEPS)  # of a sample: four for itself, and four for each step
_NUMBERS = 8  # of 32 bits that a step draws: the first for its chance
_PIXELS_AT_ONCE = 1 << 19  # enough to make each call cheap, little enough to be small


def make_augmenter(
    steps: Sequence[Step],
    *,
    seed: int,
    height: int,
    width: int,
    place: Callable[[str], str] = str,
) -> "Augmenter":
    """Make what draws the values of steps and applies them.

    Args:
        steps: In the order in which they are applied; 15 at most, each from ``STEPS``.
        seed: 0 to 2**64 - 1.
        height, width: Of the images, in pixels.
        place: Of a key such as ``augment.0``, as messages begin with it.

    Raises:
        AugmentError: There are too many steps, or a transform of albumentations is unknown, or refuses
            its arguments.
    """
    if len(steps) > MOST_STEPS:
        raise AugmentError(
            f"{place('augment')}: found {len(steps)} steps, expected at most {MOST_STEPS}"
        )
    sites = [
        Site(frame=(height, width), number=number, place=place(f"augment.{number}"))
        for number in range(len(steps))
    ]
    runs: list[tuple[range, Operation]] = []
    problems: list[str] = []
    for numbers, open_run in _find_runs(steps, sites):
        try:
            runs.append((numbers, open_run()))
        except AugmentError as error:
            problems += error.problems
    if problems:
        raise AugmentError(*problems)
    return Augmenter(tuple(steps), runs, seed, (height, width))


class Augmenter:
    """Draws the values of samples, and applies them to images.

    Attributes:
        dtype: Of the values: ``augment_word``, from which bends and noise are made, and a number for
            each value of each step; the values of a second step of a kind end in ``_2``.
        neutral: The values of an image that is left as it is.
    """

    def __init__(
        self,
        steps: tuple[Step, ...],
        runs: Sequence[tuple[range, Operation]],
        seed: int,
        frame: Frame,
    ) -> None:
        self._steps = steps
        self._runs = runs
        self._seed = seed
        self._frame = frame
        self._names = _name_values(steps)
        names = [name for of_step in self._names for name in of_step]
        self.dtype: np.dtype[np.void] = np.dtype(
            [("augment_word", "<u8"), *((name, "<f4") for name in names)]
        )
        self.neutral: NDArray[np.void] = np.zeros((), dtype=self.dtype)
        for step, of_step in zip(steps, self._names, strict=True):
            for name, value in zip(of_step, step.stored, strict=True):
                self.neutral[name] = value.neutral

    def draw_values(
        self, class_index: NDArray[np.int64], sample: NDArray[np.int64]
    ) -> NDArray[np.void]:
        """Return the values of some samples; of each the same, whichever others are asked for.

        Args:
            class_index: (n,).
            sample: (n,), the number of each within its class, 0 or more.

        Returns:
            (n,) of ``dtype``.
        """
        values = np.full(len(sample), self.neutral, dtype=self.dtype)
        if not len(sample):
            return values
        n_words = (len(self._steps) + 1) * _NUMBERS // 2
        words = Stream(self._seed, Stage.AUGMENT, _WORDS).draw(class_index, sample, n_words)
        share = split_words(words, bits=32).astype(np.float64) / 2**32
        changed = np.zeros(len(sample), dtype=np.bool_)
        for k, (step, names) in enumerate(zip(self._steps, self._names, strict=True), start=1):
            own = share[:, k * _NUMBERS : (k + 1) * _NUMBERS]
            applied = own[:, 0] < step.chance
            for name, drawn in zip(names, step.sample(own[:, 1:], self._frame), strict=True):
                np.copyto(values[name], drawn, where=applied, casting="same_kind")
                changed |= values[name] != self.neutral[name]
        np.copyto(values["augment_word"], words[:, 0], where=changed)
        return values

    def apply(self, images: Bytes, values: NDArray[np.void], out: Bytes | None = None) -> Bytes:
        """Return what values make of images; nothing else has a part in it.

        Args:
            images: uint8 (n, H, W), ink 255 on paper 0; left as they are, unless they are ``out``.
            values: (n,) of a dtype that has the fields of ``dtype``, such as ``samples``.
            out: uint8 (n, H, W), filled and returned; new memory by default.

        Raises:
            AugmentError: A transform of albumentations fails.
        """
        out = np.empty_like(images) if out is None else out
        size = max(1, _PIXELS_AT_ONCE // max(1, images[:1].size))
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            work = images[part].copy()
            for numbers, operation in self._runs:
                self._operate(work, values[part], numbers, operation)
            out[part] = work
        return out

    def _operate(
        self, images: Bytes, values: NDArray[np.void], numbers: range, operation: Operation
    ) -> None:
        """Apply one operation to the images that it changes."""
        names = [name for k in numbers for name in self._names[k]]
        changed = np.zeros(len(images), dtype=np.bool_)
        for name in names:
            changed |= values[name] != self.neutral[name]
        rows = np.flatnonzero(changed)
        columns = [
            [values[name][rows].astype(np.float64) for name in self._names[k]] for k in numbers
        ]
        word = values["augment_word"][rows]
        if len(rows) == len(images):
            operation(images, columns, word)
        elif len(rows):
            some = images[rows]
            operation(some, columns, word)
            images[rows] = some

    @property
    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that pixels depend on, by name."""
        return {name: version(name) for name in ("opencv-python-headless", "albumentations")}

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel as the settings alone: a worker makes its own tables."""
        return _remake, (self._steps, self._seed, self._frame)


def _remake(steps: tuple[Step, ...], seed: int, frame: Frame) -> Augmenter:
    return make_augmenter(steps, seed=seed, height=frame[0], width=frame[1])


def _name_values(steps: Sequence[Step]) -> list[list[str]]:
    """Return the names of every step's values: a name that comes again gets a number."""
    seen: Counter[str] = Counter()
    names: list[list[str]] = []
    for step in steps:
        names.append([])
        for value in step.stored:
            seen[value.name] += 1
            number = f"_{seen[value.name]}" if seen[value.name] > 1 else ""
            names[-1].append(f"augment_{value.name}{number}")
    return names


def _find_runs(
    steps: Sequence[Step], sites: Sequence[Site]
) -> Iterator[tuple[range, Callable[[], Operation]]]:
    """Yield the numbers of steps that are done as one, and what makes their operation."""
    pairs = zip(steps, sites, strict=True)
    for open_run, run in groupby(pairs, key=lambda pair: type(pair[0]).open_run):
        own_steps, own_sites = zip(*run, strict=True)
        if open_run is None:
            for step, site in zip(own_steps, own_sites, strict=True):
                yield range(site.number, site.number + 1), partial(step.open, site)
        else:
            numbers = range(own_sites[0].number, own_sites[-1].number + 1)
            yield numbers, partial(open_run, own_steps, own_sites)
