"""Foreign images -> images of the size and framing that a network was trained on."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from glyphgen.images.fitting import fit_image
from glyphgen.images.ink import find_ink

__all__ = ["measure_ink_share", "reframe"]


def measure_ink_share(images: NDArray[np.uint8]) -> float:
    """Return what part of the frame the ink takes, at the median: its longer side over the frame's.

    Args:
        images: uint8 (n, H, W), ink 255.
    """
    height, width = images.shape[1:]
    shares = []
    for image in images:
        ink = find_ink(image)
        if ink:
            shares.append(max((ink.bottom - ink.top) / height, (ink.right - ink.left) / width))
    return float(np.median(shares)) if shares else 1.0


def reframe(
    images: Iterable[NDArray[np.uint8]], *, height: int, width: int, framing: str, ink_share: float
) -> NDArray[np.uint8]:
    """Bring images to the size that a network reads.

    Args:
        images: uint8 (H, W) each, ink 255, of any size.
        height, width: Wanted.
        framing: ``ink`` cuts the ink's box out, without specks, scales it to ``ink_share`` of the
            frame and centers it; ``as-is`` scales the whole image, with its aspect.
        ink_share: See ``measure_ink_share``.

    Returns:
        uint8 (n, height, width).
    """
    framed = list(_frame_each(images, height, width, framing, ink_share))
    return np.stack(framed) if framed else np.zeros((0, height, width), dtype=np.uint8)


def _frame_each(
    images: Iterable[NDArray[np.uint8]], height: int, width: int, framing: str, ink_share: float
) -> Iterator[NDArray[np.uint8]]:
    for image in images:
        if framing == "as-is":
            yield fit_image(image, height, width, "pad")
            continue
        ink = find_ink(image)
        if ink is None:
            yield np.zeros((height, width), dtype=np.uint8)
        else:
            cut = image[ink.top : ink.bottom, ink.left : ink.right]
            yield fit_image(cut, height, width, "pad", share=ink_share)
