"""Images of any size -> images of one size; knows nothing of where they come from."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["FITS", "find_opencv_version", "fit_image"]

FITS = ("pad", "stretch")


def fit_image(image: NDArray[np.uint8], height: int, width: int, fit: str) -> NDArray[np.uint8]:
    """Bring an image to a size: by area-averaging where it shrinks, by Lanczos where it grows.

    Args:
        image: uint8 (h, w), ink 255 on paper 0.
        height, width: In pixels.
        fit: ``pad`` keeps the aspect and adds paper on both sides, ``stretch`` does not.

    Returns:
        uint8 (height, width).
    """
    if image.shape == (height, width):
        return image
    if fit == "stretch":
        return _resize(image, height, width)
    scale = min(height / image.shape[0], width / image.shape[1])
    inner_height = max(1, min(height, round(image.shape[0] * scale)))
    inner_width = max(1, min(width, round(image.shape[1] * scale)))
    framed = np.zeros((height, width), dtype=np.uint8)
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    inner = _resize(image, inner_height, inner_width)
    framed[top : top + inner_height, left : left + inner_width] = inner
    return framed


def _resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    import cv2

    area, lanczos = cv2.INTER_AREA, cv2.INTER_LANCZOS4
    down_height, down_width = min(height, image.shape[0]), min(width, image.shape[1])
    # A copy where the rows are not whole, as in a transposed image: cv2 wants them so.
    small = np.ascontiguousarray(image)
    if (down_height, down_width) != image.shape:
        small = np.asarray(
            cv2.resize(small, (down_width, down_height), interpolation=area), np.uint8
        )
    if (height, width) != small.shape:
        small = np.asarray(cv2.resize(small, (width, height), interpolation=lanczos), np.uint8)
    return small


def find_opencv_version() -> str:
    """Return the version of what resizes."""
    import cv2

    return str(cv2.__version__)
