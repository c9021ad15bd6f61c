"""Contact sheets: many images on one picture, row after row, with captions where wanted."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from glyphgen.images.canvas import Canvas
from glyphgen.images.fitting import fit_image

__all__ = ["Picture", "join_images", "make_picture", "write_sheet"]

Picture = Image.Image
"""What notebooks show."""

_GAP = 6  # pixels between classes
_CAPTION_SHARE, _SMALLEST_CAPTION = 8, 10  # caption's height: tile's height / 8, 10 pixels at least
_WIDEST_SYMBOL = 6.0  # of a word, width over height
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
    path: Path,
    tiles: Sequence[NDArray[np.uint8]],
    captions: Sequence[str],
    symbols: Sequence[NDArray[np.uint8] | None] = (),
    *,
    aspect: float = 1.4,
) -> None:
    """Write a PNG of one strip of samples a class, with its caption.

    Args:
        path: The file.
        tiles: For each class uint8 (k, H, W), the same k for all.
        captions: For each class a line in ASCII.
        symbols: For each class a picture of its characters, uint8 (h, w), ink 255, that stands before
            its caption; None where there is none.
        aspect: Width of the sheet over its height, about.

    Raises:
        DatasetError: The disk refused.
    """
    k, height, width = tiles[0].shape
    caption_px = max(_SMALLEST_CAPTION, height // _CAPTION_SHARE)
    line_px = round((2.2 if symbols else 1.3) * caption_px)
    cell_height, cell_width = height + line_px + _GAP, k * width + _GAP
    columns = round((aspect * len(tiles) * cell_height / cell_width) ** 0.5)
    columns = min(max(columns, 1), len(tiles))
    rows = -(-len(tiles) // columns)
    canvas = Canvas(columns * cell_width + _GAP, rows * cell_height + _GAP, _BACKGROUND)
    for number, (strip, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(number, columns)
        x, y = _GAP + column * cell_width, _GAP + row * cell_height
        canvas.add_image((x, y), join_images(strip, k))
        if symbols and (symbol := symbols[number]) is not None:
            height_px, width_px = symbol.shape
            room = round(line_px * min(max(width_px / height_px, 1.0), _WIDEST_SYMBOL))
            picture = fit_image(symbol, line_px, room, "pad", share=0.9)
            canvas.add_image((x, y + height), _color(picture))
            x += room + _GAP
        canvas.add_text((x, y + height + line_px // 2), caption, _INK, caption_px, anchor="lm")
    canvas.write(path)


def _color(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return ink (h, w) in the color of captions, on the sheet's background."""
    share = ink[..., None] / 255
    colored: NDArray[np.uint8] = (_BACKGROUND + share * np.subtract(_INK, _BACKGROUND)).astype(
        np.uint8
    )
    return colored
