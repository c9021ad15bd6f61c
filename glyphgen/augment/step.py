"""What a step of augmentation is: its settings, what each sample draws, and what that does to images.

What varies is a range ``(low, high)`` that each sample draws from. A step at its neutral values leaves
every byte as it is.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glyphgen.settings import Settings
from glyphgen.streams import mix_words

__all__ = [
    "INK",
    "Batch",
    "Bytes",
    "Floats",
    "Frame",
    "Operation",
    "Site",
    "Step",
    "StoredValue",
    "Words",
]

INK = 255

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Frame = tuple[int, int]
"""Height and width in pixels."""

Operation = Callable[[Bytes, Sequence[Sequence[Floats]], Words], None]
"""Changes images (n, H, W) in place, by the values of each step of a run and the samples' words (n,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a step stands.

    Attributes:
        frame: Of the images.
        number: Among all steps, from 0: what is drawn for it has random words of its own.
        place: Of its table, as messages begin with it.
    """

    frame: Frame
    number: int
    place: str


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A number that a step draws for each sample, and that the dataset keeps.

    Attributes:
        name: With its unit.
        neutral: What it is where the step does nothing.
        ends: Between which it is drawn; of a name that ends in ``_px`` as a fraction of the image height.
    """

    name: str
    neutral: float
    ends: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Images that one step is applied to.

    Attributes:
        images: uint8 (n, H, W), ink 255, contiguous; changed in place.
        values: What the step's ``sample`` returned, as it was stored: (n,) each.
        word: uint64 (n,), of each sample.
        number: Of the step.
    """

    images: Bytes
    values: Sequence[Floats]
    word: Words
    number: int

    def draw_places(self, n: int, length: int) -> NDArray[np.int64]:
        """Return n numbers from 0 to ``length`` - 1 for each sample: (rows, n)."""
        words = mix_words(self.word, self.number, n) % np.uint64(length)
        return words.astype(np.int64)


class Step(Settings):
    """What all steps share."""

    chance: Annotated[float, Field(ge=0, le=1)] = 1.0
    """The share of samples that the step is applied to."""

    open_run: ClassVar[Callable[[Sequence[Any], Sequence[Site]], Operation] | None] = None
    """Makes one operation of neighboring steps that have the same; by default each has its own."""

    @property
    def moves_ink(self) -> bool:
        """Whether ink is elsewhere afterwards, so that boxes about it are wrong."""
        return False

    @property
    @abstractmethod
    def stored(self) -> tuple[StoredValue, ...]:
        """What is drawn for each sample: seven numbers at most."""

    def sample(self, share: Floats, frame: Frame) -> list[Floats]:
        """Return the values of n samples in the order of ``stored``, (n,) each.

        Args:
            share: float64 (n, 7), random, from 0 to below 1.
            frame: Of the images.
        """
        drawn = []
        for k, value in enumerate(self.stored):
            low, high = value.ends
            between = low + (high - low) * share[:, k]
            drawn.append(between * frame[0] if value.name.endswith("_px") else between)
        return drawn

    def apply(self, batch: Batch) -> None:
        """Change images in place; what comes out depends on nothing but the batch."""
        raise NotImplementedError

    def open(self, site: Site) -> Operation:
        """Return the operation of this step alone.

        Raises:
            AugmentError: The settings cannot be used.
        """

        def operate(images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
            self.apply(Batch(images=images, values=values[0], word=word, number=site.number))

        return operate
