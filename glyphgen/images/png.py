"""Images -> PNG: the one encoder, for files and for pages that hold their pictures themselves."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.files.writing import write_bytes

__all__ = ["encode_png", "make_data_uri", "make_strip", "write_png"]


def encode_png(image: NDArray[np.uint8], *, quick: bool = False) -> bytes:
    """Return a gray (H, W) or RGB (H, W, 3) image as the content of a PNG file.

    Args:
        image: To encode.
        quick: Take more room, and less time.
    """
    from PIL import Image

    stream = io.BytesIO()
    # At the library's usual level: the highest takes nine times as long, and saves a twentieth.
    Image.fromarray(image).save(stream, format="PNG", compress_level=1 if quick else 6)
    return stream.getvalue()


def make_data_uri(image: NDArray[np.uint8]) -> str:
    """Return a gray (H, W) or RGB (H, W, 3) image as a PNG in a data URI."""
    return "data:image/png;base64," + base64.b64encode(encode_png(image)).decode()


def make_strip(images: Sequence[NDArray[np.uint8]]) -> str:
    """Return images of one height side by side as a PNG in a data URI."""
    return make_data_uri(np.hstack(list(images)))


def write_png(path: Path, image: NDArray[np.uint8], *, quick: bool = False) -> None:
    """Write a gray (H, W) or RGB (H, W, 3) image as a PNG file.

    Raises:
        DatasetError: The disk refused.
    """
    write_bytes(path, encode_png(image, quick=quick))
