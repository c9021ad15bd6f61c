"""Contact sheets: many images on one picture, row after row, with captions where wanted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glyphgen.images.canvas import Canvas

__all__ = ["Picture", "join_images", "make_picture", "write_sheet"]

Picture = Image.Image
"""What notebooks show."""

_GAP = 6  # pixels between classes
_CAPTION_SHARE, _SMALLEST_CAPTION = 8, 10  # caption's height: tile's height / 8, 10 pixels at least
_BACKGROUND, _INK = (52, 52, 52), (210, 210, 210)


def join_images(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Return images as one, row after row: (n, H, W) -> (rows * H, columns * W)."""
    n, height, width = images.shape
    rows = max(1, -(-n // columns))
    sheet = np.zeros((rows * columns, height, width), dtype=np.uint8)
    sheet[:n] = images
    joined = sheet.reshape(rows, columns, height, width).swapaxes(1, 2)
    return joined.reshape(rows * height, columns * width)


def make_picture(images: NDArray[np.uint8], columns: int) -> Picture:
    """Return images (n, H, W) as one picture of Pillow, ``columns`` in a row."""
    return Image.fromarray(join_images(images, columns))


def write_sheet(
    path: Path, tiles: Sequence[NDArray[np.uint8]], captions: Sequence[str], *, aspect: float = 1.4
) -> None:
    """Write a PNG of one strip of samples a class, with its caption.

    Args:
        path: The file.
        tiles: For each class uint8 (k, H, W), the same k for all.
        captions: For each class a line in ASCII.
        aspect: Width of the sheet over its height, about.

    Raises:
        DatasetError: The disk refused.
    """
    k, height, width = tiles[0].shape
    caption_px = max(_SMALLEST_CAPTION, height // _CAPTION_SHARE)
    cell_height, cell_width = height + round(1.3 * caption_px) + _GAP, k * width + _GAP
    columns = round((aspect * len(tiles) * cell_height / cell_width) ** 0.5)
    columns = min(max(columns, 1), len(tiles))
    rows = -(-len(tiles) // columns)
    canvas = Canvas(columns * cell_width + _GAP, rows * cell_height + _GAP, _BACKGROUND)
    for number, (strip, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(number, columns)
        x, y = _GAP + column * cell_width, _GAP + row * cell_height
        canvas.add_image((x, y), join_images(strip, k))
        canvas.add_text((x, y + height), caption, _INK, caption_px)
    canvas.write(path)
