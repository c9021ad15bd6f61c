"""Images of any size -> images of one size: by area where they shrink, by Lanczos where they grow."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_fitted_place", "find_opencv_version", "fit_image", "shrink_images"]


def fit_image(
    image: NDArray[np.uint8], height: int, width: int, fit: str, *, share: float = 1.0
) -> NDArray[np.uint8]:
    """Bring an image to a size.

    Args:
        image: uint8 (h, w), ink 255 on paper 0.
        height, width: In pixels.
        fit: A key of ``choices.FITS``: ``pad`` keeps the aspect and adds paper on both sides.
        share: Part of the frame that a padded image takes, 0 to 1, along the side that it fills.

    Returns:
        uint8 (height, width); ``image`` itself if it has the size already.
    """
    if image.shape == (height, width) and share == 1:
        return image
    top, left, inner_height, inner_width = find_fitted_place(
        image.shape, height, width, fit, share=share
    )
    inner = _resize(image, inner_height, inner_width)
    if inner.shape == (height, width):
        return inner
    framed = np.zeros((height, width), dtype=np.uint8)
    framed[top : top + inner_height, left : left + inner_width] = inner
    return framed


def find_fitted_place(
    shape: tuple[int, ...], height: int, width: int, fit: str, *, share: float = 1.0
) -> tuple[int, int, int, int]:
    """Return where ``fit_image`` puts an image (h, w): top, left, height and width of it in the frame."""
    if fit == "stretch":
        return 0, 0, height, width
    scale = share * min(height / shape[0], width / shape[1])
    inner_height = max(1, min(height, round(shape[0] * scale)))
    inner_width = max(1, min(width, round(shape[1] * scale)))
    return (height - inner_height) // 2, (width - inner_width) // 2, inner_height, inner_width


def shrink_images(images: NDArray[np.uint8], most: int) -> NDArray[np.uint8]:
    """Make images smaller, so that no side is longer than ``most`` pixels: (n, H, W) -> (n, h, w)."""
    height, width = images.shape[1:]
    scale = most / max(height, width)
    if scale >= 1:
        return images
    small_height, small_width = max(1, round(height * scale)), max(1, round(width * scale))
    return np.stack([_resize(image, small_height, small_width) for image in images])


def _resize(image: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    import cv2

    resized = image
    steps = (
        (min(height, image.shape[0]), min(width, image.shape[1]), cv2.INTER_AREA),
        (height, width, cv2.INTER_LANCZOS4),
    )
    for step_height, step_width, method in steps:
        if (step_height, step_width) != resized.shape:
            size = (step_width, step_height)
            resized = np.asarray(cv2.resize(resized, size, interpolation=method), np.uint8)
    return resized


def find_opencv_version() -> str:
    """Return the version of what resizes."""
    import cv2

    return str(cv2.__version__)
