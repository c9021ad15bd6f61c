"""Images -> PNG: the one encoder, for files and for pages that hold their pictures themselves.

A file is three chunks: IHDR, one IDAT and IEND. No filter is applied: for clean ink none makes files
smaller. Equal images are equal bytes where the same version of zlib-ng packs them.

Source: W3C, "Portable Network Graphics (PNG) Specification (Third Edition)", 2025, sections 5, 10 and 11.
"""

import base64
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.files.writing import write_bytes

__all__ = ["encode_png", "encode_pngs", "make_data_uri", "make_strip", "write_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_GRAY, _RGB = 0, 2  # color types
_QUICK, _USUAL = 1, 6  # levels: the former is six times as fast, and takes a sixth more room


def encode_pngs(images: NDArray[np.uint8], *, quick: bool = True) -> Iterator[bytes]:
    """Yield each of some gray (n, H, W) or RGB (n, H, W, 3) images as the content of a PNG file.

    Args:
        images: To encode.
        quick: Take more room, and less time.
    """
    from zlib_ng import zlib_ng

    n, height, width = images.shape[:3]
    row_bytes = width * (3 if images.ndim == 4 else 1)
    lines = np.zeros(
        (n, height, 1 + row_bytes), dtype=np.uint8
    )  # each begins with its filter: none
    lines[:, :, 1:] = images.reshape(n, height, row_bytes)
    header = b"IHDR" + struct.pack(
        ">IIBBBBB", width, height, 8, _RGB if images.ndim == 4 else _GRAY, 0, 0, 0
    )
    head = _SIGNATURE + struct.pack(">I", 13) + header + _pack(zlib_ng.crc32(header))
    seed = zlib_ng.crc32(b"IDAT")
    level = _QUICK if quick else _USUAL
    for k in range(n):
        data = zlib_ng.compress(lines[k], level)
        length, crc = _pack(len(data)), _pack(zlib_ng.crc32(data, seed))
        yield b"".join((head, length, b"IDAT", data, crc, _END))


_pack = struct.Struct(">I").pack


def encode_png(image: NDArray[np.uint8], *, quick: bool = False) -> bytes:
    """Return a gray (H, W) or RGB (H, W, 3) image as the content of a PNG file.

    Args:
        image: To encode.
        quick: Take more room, and less time.
    """
    return next(encode_pngs(image[None], quick=quick))


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
