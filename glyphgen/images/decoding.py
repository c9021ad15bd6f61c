"""Picture files -> gray images; knows nothing of where they lie or what they show.

Pictures come from strangers: the kind is told by the content, a picture that would swell is refused by
its header, and nothing that a decoder raises ends more than the one picture.
"""

import io
import struct
import warnings
import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["MOST_BYTES", "MOST_PIXELS", "SUFFIXES", "PictureError", "decode_picture"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
MOST_PIXELS = 1 << 24
MOST_BYTES = 64 << 20  # of a file
_KINDS = ("PNG", "JPEG", "BMP")


class PictureError(Exception):
    """Why a file gives no image."""


def decode_picture(data: bytes) -> NDArray[np.uint8]:
    """Decode a picture to gray.

    Colors become their luma (ITU-R 601), 16 bits become 8, and what is transparent becomes paper: white
    where the visible part is dark, black where it is light.

    Returns:
        uint8 (H, W).

    Raises:
        PictureError: It is no picture, is damaged or cut short, or has too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise PictureError("empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # our limit is lower than Pillow's
            image = Image.open(io.BytesIO(data), formats=_KINDS)
        if image.width * image.height > MOST_PIXELS:
            raise PictureError(
                f"{image.width} x {image.height} pixels, expected at most {MOST_PIXELS:,}"
            )
        image.load()
        return _make_gray(image)
    except UnidentifiedImageError:
        raise PictureError("not a PNG, JPEG or BMP picture") from None
    except Image.DecompressionBombError:
        raise PictureError(f"too many pixels, expected at most {MOST_PIXELS:,}") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        LookupError,
        TypeError,
        OverflowError,
        struct.error,
        zlib.error,
    ):
        raise PictureError("damaged or cut short") from None


def _make_gray(image: "Picture") -> NDArray[np.uint8]:
    if image.mode.startswith("I"):  # Pillow's own conversion would cut off what is above 255
        eight_bits = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255)
        return np.asarray(eight_bits, dtype=np.uint8)
    if image.mode in {"LA", "RGBA", "PA"} or "transparency" in image.info:
        gray, alpha = np.moveaxis(np.asarray(image.convert("LA")).astype(np.uint32), -1, 0)
        ink = (gray * alpha).sum() / max(1, int(alpha.sum()))
        paper = 0 if ink >= 128 else 255
        laid = (gray * alpha + paper * (255 - alpha) + 127) // 255
        return np.asarray(laid, dtype=np.uint8)
    gray_image: NDArray[np.uint8] = np.asarray(image.convert("L"))
    return gray_image
