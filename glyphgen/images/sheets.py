"""Contact sheets: a few samples of every class on one PNG; knows nothing of recipes or storage."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from glyphgen.files.writing import committed

__all__ = ["write_sheet"]

_GAP = 6  # pixels between classes
_CAPTION_SHARE, _SMALLEST_CAPTION = 8, 10  # caption's height: tile's height / 8, 10 pixels at least
_BACKGROUND, _INK = 52, 210


def write_sheet(
    path: Path, tiles: Sequence[NDArray[np.uint8]], captions: Sequence[str], *, aspect: float = 1.4
) -> None:
    """Write a PNG of one strip of samples a class, with its caption.

    Args:
        path: Where.
        tiles: For each class uint8 (k, H, W), the same k for all.
        captions: For each class a line in ASCII.
        aspect: Width of the sheet over its height, about.
    """
    k, height, width = tiles[0].shape
    caption_px = max(_SMALLEST_CAPTION, height // _CAPTION_SHARE)
    cell_height, cell_width = height + round(1.3 * caption_px) + _GAP, k * width + _GAP
    columns = round((aspect * len(tiles) * cell_height / cell_width) ** 0.5)
    columns = min(max(columns, 1), len(tiles))
    rows = -(-len(tiles) // columns)
    size = (columns * cell_width + _GAP, rows * cell_height + _GAP)
    sheet = Image.new("L", size, _BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(caption_px)
    for number, (strip, caption) in enumerate(zip(tiles, captions, strict=True)):
        row, column = divmod(number, columns)
        x, y = _GAP + column * cell_width, _GAP + row * cell_height
        sheet.paste(Image.fromarray(np.hstack(list(strip))), (x, y))
        draw.text((x, y + height), caption, _INK, font)
    with committed(path) as temporary:
        sheet.save(temporary, format="PNG")
