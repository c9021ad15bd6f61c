"""What every step of augmentation is: ranges, what a sample draws from them, and what that does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Bytes",
    "Field",
    "Floats",
    "Frame",
    "Operation",
    "Site",
    "Step",
    "Words",
    "draw_between",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Words = NDArray[np.uint64]
Frame = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a step stands.

    Attributes:
        frame: Of the images.
        number: Among all steps, from 0: what is drawn for it has words of its own.
        place: Of its table, as messages begin with it.
    """

    frame: Frame
    number: int
    place: str


Field = tuple[str, float]
"""Name of a value and what it is where the step does nothing."""


class Step(Protocol):
    """One step: what each sample draws."""

    @property
    def fields(self) -> Sequence[Field]:
        """The values that a sample stores, in the order of ``sample``."""

    def sample(self, share: Floats) -> Sequence[Floats]:
        """Return the values of n samples.

        Args:
            share: float64 (n, 7), from 0 to below 1.
        """


class Operation(Protocol):
    """What one step, or a run of steps that are done as one, does to images."""

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Change images; what comes out depends on nothing but the arguments.

        Args:
            images: uint8 (n, H, W), ink 255, contiguous, changed in place.
            values: Of each step, what its ``sample`` gave, as it was stored: (n,) each.
            word: uint64 (n,), of each sample: for the nodes of bends, the places of noise.
        """


def draw_between(ends: Sequence[float], share: Floats) -> Floats:
    """Return values between two ends: (n,)."""
    low, high = ends
    values: Floats = low + (high - low) * share
    return values
