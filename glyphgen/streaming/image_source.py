"""What the images of a stream are made from: of each class one after the other, without an end."""

import hashlib
import json
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.version import VERSION

__all__ = ["ImageSource", "hash_source"]

Ints = NDArray[np.int64]


class ImageSource(Protocol):
    """Makes the nth image of any class; it can be pickled, and opens what it needs when it needs it.

    Attributes:
        name: Of the recipe or the dataset.
        seed: Of all images.
        labels: Of the classes.
        height, width, polarity: Of the images.
        has_images: bool (C,), the classes that there are images of.
        key: Hash of all that the images depend on.
    """

    name: str
    seed: int
    labels: tuple[str, ...]
    height: int
    width: int
    polarity: str
    has_images: NDArray[np.bool_]
    key: str

    def plan(self, class_index: Ints, nth: Ints) -> Any:
        """Return what n images will show; to plan thousands at once costs little for each.

        Args:
            class_index, nth: (n,); ``nth`` is 0 or more.
        """

    def draw(self, planned: Any, part: slice, out: NDArray[np.uint8]) -> None:
        """Make some images of those that were planned.

        Args:
            planned: What ``plan`` returned.
            part: Which of them: m.
            out: uint8 (m, H, W), contiguous, filled, with the polarity.
        """


def hash_source(*facts: object) -> str:
    """Return the hash of what images depend on, with the version that makes them."""
    return hashlib.sha256(json.dumps([VERSION, *facts]).encode()).hexdigest()
