"""A canvas: images, lines and captions laid on one picture, which becomes a PNG file."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from glyphgen.images.png import write_png

__all__ = ["Canvas", "Color", "measure_text"]

Color = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

Corner = tuple[int, int]
"""x and y in pixels, from the canvas's top left corner."""


class Canvas:
    """An RGB picture to draw on, of one color at first.

    Args:
        width, height: In pixels.
        color: Of all of it.
    """

    def __init__(self, width: int, height: int, color: Color) -> None:
        self._picture = Image.new("RGB", (width, height), color)
        self._draw = ImageDraw.Draw(self._picture)

    def add_image(self, corner: Corner, image: NDArray[np.uint8]) -> None:
        """Lay a gray (H, W) or RGB (H, W, 3) image on the canvas, its top left corner at ``corner``."""
        self._picture.paste(Image.fromarray(image), corner)

    def add_text(
        self, corner: Corner, text: str, color: Color, size_px: int, *, anchor: str = "la"
    ) -> None:
        """Write a line of ASCII; ``anchor`` is Pillow's: la for its top left, rm for its right end."""
        self._draw.text(corner, text, color, _load_font(size_px), anchor=anchor)

    def add_box(self, corner: Corner, end: Corner, color: Color, *, line_px: int = 0) -> None:
        """Draw a box from ``corner`` to ``end``, both included: filled, or ``line_px`` thick lines."""
        if line_px:
            self._draw.rectangle((*corner, *end), outline=color, width=line_px)
        else:
            self._draw.rectangle((*corner, *end), fill=color)

    def write(self, path: Path) -> None:
        """Write the canvas as a PNG file.

        Raises:
            DatasetError: The disk refused.
        """
        image = np.asarray(self._picture)
        is_gray = bool((image == image[..., :1]).all())
        write_png(path, image[..., 0] if is_gray else image)


def measure_text(text: str, size_px: int) -> int:
    """Return the width of a line in pixels."""
    width: float = _load_font(size_px).getlength(text)
    return round(width)


@cache
def _load_font(size_px: int) -> Any:
    return ImageFont.load_default(size_px)
