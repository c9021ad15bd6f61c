"""Images that a network was adapted to: how they are told from others without being kept."""

import hashlib
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import Adaptation

__all__ = ["count_seen", "hash_image", "make_fingerprint"]

_DIGITS = 12  # hexadecimal, of each image: of 20,000 against 20,000 hardly any is taken for another
_TOGETHER = 1024  # images that are in memory at once


def hash_image(image: NDArray[np.uint8]) -> str:
    """Return the first digits of a hash of an image (H, W): the same for ink on paper and paper on ink."""
    digests = [
        hashlib.sha256(repr(one.shape).encode() + np.ascontiguousarray(one).tobytes()).hexdigest()
        for one in (image, 255 - image)
    ]
    return min(digests)[:_DIGITS]


def make_fingerprint(hashes: Iterable[str]) -> str:
    """Return one hash for all images, whatever their order."""
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()[:16]


def count_seen(
    adapted: Adaptation,
    load_images: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    rows: NDArray[np.int64],
) -> int:
    """Return how many of some images are among those that a network was adapted to.

    Args:
        adapted: What it was adapted to.
        load_images: Positions -> images, as they are before they are framed.
        rows: The positions.
    """
    joined = adapted.images
    seen = {joined[at : at + _DIGITS] for at in range(0, len(joined), _DIGITS)}
    return sum(
        hash_image(image) in seen
        for start in range(0, len(rows), _TOGETHER)
        for image in load_images(rows[start : start + _TOGETHER])
    )
