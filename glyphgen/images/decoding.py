"""Image files -> gray images: the one decoder, for every command that reads images of strangers.

The kind is told by the content, not by the name. An image that would swell is refused by its header,
and nothing that a decoder raises ends more than the one image. docs/images.md says what each kind of
file becomes; a test makes one of each.
"""

import io
import stat
import struct
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import ImageError
from glyphgen.files.opening import PICTURE, read_regular
from glyphgen.images.polarity import lay_on_paper

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["KINDS", "MOST_BYTES", "MOST_PIXELS", "SUFFIXES", "decode_image", "read_image_file"]

# Pillow's name of each kind that is read. Left out are kinds that start programs (EPS) or that
# nobody keeps glyphs in.
KINDS: Mapping[str, tuple[str, ...]] = {
    "PNG": (".png",),
    "JPEG": (".jpg", ".jpeg"),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "PPM": (".pbm", ".pgm", ".ppm", ".pnm"),
}
"""Kinds of image files, and how their names end."""

SUFFIXES = tuple(suffix for suffixes in KINDS.values() for suffix in suffixes)
MOST_PIXELS = 1 << 26
"""Of an image: a photograph of a phone is smaller."""
MOST_BYTES = PICTURE.most_bytes
"""Of an image file."""

_NO_KIND = f"not an image, expected {', '.join(list(KINDS)[:-1])} or {list(KINDS)[-1]}"
_DAMAGED = "damaged or cut short"
# Sixteen bits that hold no more than twelve are the numbers of a camera or of a program that forgot
# to scale: they would be next to black.
_LEAST_OF_SIXTEEN = 1 << 12


def read_image_file(path: Path) -> bytes:
    """Return the content of an image file, if it is a file within the limit.

    Raises:
        ImageError: It is not a regular file, or larger than ``MOST_BYTES``.
        OSError: It is missing, or cannot be read.
    """
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):  # a pipe would wait, and a device never end
        raise ImageError("not a file")
    if about.st_size > MOST_BYTES:
        raise ImageError(f"{about.st_size:,} bytes, expected at most {MOST_BYTES:,}")
    return read_regular(path, PICTURE)


def decode_image(data: bytes) -> NDArray[np.uint8]:
    """Decode an image to gray, upright.

    Args:
        data: Content of a file.

    Returns:
        uint8 (H, W); which of ink and paper is 255 is as in the file.

    Raises:
        ImageError: It is no image, is damaged or cut short, has too many pixels, or holds numbers
            that are no gray levels.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not data:
        raise ImageError("empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; and our limit is lower than Pillow's
            image = Image.open(io.BytesIO(data), formats=tuple(KINDS))
            if image.width * image.height > MOST_PIXELS:
                raise ImageError(
                    f"{image.width} x {image.height} pixels, expected at most {MOST_PIXELS:,}"
                )
            image.load()  # of an animation, the first image
            ImageOps.exif_transpose(image, in_place=True)
            return _make_gray(image)
    except UnidentifiedImageError:
        raise ImageError(_NO_KIND) from None
    except Image.DecompressionBombError:
        raise ImageError(f"too many pixels, expected at most {MOST_PIXELS:,}") from None
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        LookupError,
        TypeError,
        ArithmeticError,
        struct.error,
        zlib.error,
    ):
        raise ImageError(_DAMAGED) from None


def _make_gray(image: "Picture") -> NDArray[np.uint8]:
    if image.mode == "F":
        return _scale_floats(np.asarray(image))
    if image.mode.startswith("I"):
        return _scale_integers(np.asarray(image), image.info.get("transparency"))
    if image.mode in {"RGBa", "La"}:  # colors that are multiplied with their opacity already
        image = image.convert("RGBA" if image.mode == "RGBa" else "LA")
    if image.mode in {"LA", "RGBA", "PA"} or "transparency" in image.info:
        gray, opacity = np.moveaxis(np.asarray(image.convert("LA")), -1, 0)
        return lay_on_paper(gray, opacity)
    if image.mode == "LAB":
        raise ImageError("colors of the space LAB, expected gray, a palette, RGB or CMYK")
    gray_image: NDArray[np.uint8] = np.asarray(image.convert("L"))
    return gray_image


def _scale_integers(values: NDArray[Any], transparent: object) -> NDArray[np.uint8]:
    """Return the upper eight of sixteen bits; Pillow's own conversion cuts off what is above 255."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 0xFFFF:
        raise ImageError(f"numbers from {low:,} to {high:,}, expected 0 to 65,535")
    if 0 < high < _LEAST_OF_SIXTEEN:
        raise ImageError(
            f"16 bits of which the largest is {high:,}, expected numbers up to 65,535"
            " (scale them, or save 8 bits)"
        )
    gray = (values.astype(np.int32) >> 8).astype(np.uint8)
    if transparent is None:
        return gray
    return lay_on_paper(gray, np.where(values == transparent, 0, 255).astype(np.uint8))


def _scale_floats(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return floats from 0 to 1, or from 0 to 255, as gray levels."""
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high <= 255):  # NaN is neither
        raise ImageError(f"floats from {low:g} to {high:g}, expected 0 to 1 or 0 to 255")
    return (values * 255 if high <= 1 else values).round().astype(np.uint8)
