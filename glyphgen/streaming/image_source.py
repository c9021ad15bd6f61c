"""What the images of a stream are made from: of each class one after the other, without an end."""

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.version import VERSION

__all__ = ["ImageSource", "OpenedByThread", "hash_source"]

Ints = NDArray[np.int64]
T = TypeVar("T")


class ImageSource(Protocol):
    """Makes the nth image of any class, in any thread; it can be pickled, and opens what it needs then.

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


class OpenedByThread(Generic[T]):
    """What every thread opens for itself: engines and transforms of others keep what they are doing."""

    def __init__(self) -> None:
        self._local = threading.local()

    def get(self, open_it: Callable[[], T]) -> T:
        """Return what this thread has opened, or opens now."""
        if not hasattr(self._local, "opened"):
            self._local.opened = open_it()
        opened: T = self._local.opened
        return opened

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without it: another process opens its own."""
        return OpenedByThread, ()


def hash_source(*facts: object) -> str:
    """Return the hash of what images depend on, with the version that makes them."""
    return hashlib.sha256(json.dumps([VERSION, *facts]).encode()).hexdigest()
