"""Foreign images -> images of the size and framing that a network was trained on."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from glyphgen.images.fitting import fit_image

__all__ = ["measure_ink_share", "reframe"]

_INK = 64  # of 255: paper is never quite 0


def measure_ink_share(images: NDArray[np.uint8]) -> float:
    """Return what part of the frame the ink takes, at the median: its longer side over the frame's.

    Args:
        images: uint8 (n, H, W), ink 255.
    """
    height, width = images.shape[1:]
    shares = []
    for image in images:
        box = _find_ink(image)
        if box is not None:
            top, bottom, left, right = box
            shares.append(max((bottom - top) / height, (right - left) / width))
    return float(np.median(shares)) if shares else 1.0


def reframe(
    images: Iterable[NDArray[np.uint8]], *, height: int, width: int, framing: str, ink_share: float
) -> NDArray[np.uint8]:
    """Bring images to the size that a network reads.

    Args:
        images: uint8 (H, W) each, ink 255, of any size.
        height, width: Wanted.
        framing: ``ink`` cuts the ink's box out, scales it to ``ink_share`` of the frame and centers
            it; ``as-is`` scales the whole image, with its aspect.
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
        box = _find_ink(image)
        if box is None:
            yield np.zeros((height, width), dtype=np.uint8)
        else:
            top, bottom, left, right = box
            ink = image[top:bottom, left:right]
            yield fit_image(ink, height, width, "pad", share=ink_share)


def _find_ink(image: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    inked = image >= _INK
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
