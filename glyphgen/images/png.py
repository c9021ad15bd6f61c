"""Images -> PNG as data URIs, strips and sheets of them; knows no dataset and no page."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["encode_png", "make_picture", "make_strip", "shrink"]

Bytes = NDArray[np.uint8]


def encode_png(image: Bytes) -> str:
    """Return a gray (H, W) or RGB (H, W, 3) image as a data URI."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def shrink(images: Bytes, most: int) -> Bytes:
    """Make images smaller, so that no side is longer than ``most`` pixels: (n, H, W) -> (n, h, w)."""
    height, width = images.shape[1:]
    scale = most / max(height, width)
    if scale >= 1:
        return images
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = [Image.fromarray(image).resize(size, Image.Resampling.BOX) for image in images]
    return np.stack([np.asarray(image) for image in small])


def make_strip(images: Sequence[Bytes]) -> str:
    """Return images side by side as a data URI."""
    return encode_png(np.hstack(list(images)))


def make_picture(images: Bytes, columns: int) -> Image.Image:
    """Return images as one picture, row after row.

    Args:
        images: uint8 (n, H, W).
        columns: In a row.
    """
    n, height, width = images.shape
    rows = max(1, -(-n // columns))
    sheet = np.zeros((rows * columns, height, width), dtype=np.uint8)
    sheet[:n] = images
    joined = sheet.reshape(rows, columns, height, width).swapaxes(1, 2)
    return Image.fromarray(joined.reshape(rows * height, columns * width))
