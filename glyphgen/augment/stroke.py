"""Dilation and erosion by fractions of a pixel."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from glyphgen.augment.step import INK, Batch, Bytes, Floats, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["StrokeStep"]


class StrokeStep(Step):
    """Dilation and erosion: strokes grow thicker or thinner."""

    step: Literal["stroke"] = "stroke"
    """Which step this is."""

    weight: Range[Annotated[float, Field(ge=-0.05, le=0.05)]] = (-0.01, 0.015)
    """How far each edge of the ink moves outwards, as a fraction of the image height; below 0 it
    moves inwards."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """How far the edges of the ink move."""
        return (StoredValue("stroke_px", 0.0, self.weight),)

    def apply(self, batch: Batch) -> None:
        """Grow the ink where the weight is above 0, and the paper where it is below."""
        images, (weight_px,) = batch.images, batch.values
        thick, thin = np.flatnonzero(weight_px > 0), np.flatnonzero(weight_px < 0)
        if len(thick):
            images[thick] = _grow(images[thick], weight_px[thick], outside=0)
        if len(thin):
            paper = INK - images[thin]
            images[thin] = INK - _grow(paper, -weight_px[thin], outside=INK)


def _grow(images: Bytes, radius_px: Floats, outside: int) -> Bytes:
    """Return images (n, H, W) whose bright edges have moved outwards by a radius (n,)."""
    # Pixel by pixel, the last step by a fraction of one.
    for step in range(int(np.ceil(radius_px.max()))):
        part = np.rint(np.clip(radius_px - step, 0, 1) * 128).astype(np.int16)
        frame = np.pad(images, ((0, 0), (1, 1), (1, 1)), constant_values=outside)
        grown = np.maximum(images, frame[:, :-2, 1:-1])
        for neighbor in (frame[:, 2:, 1:-1], frame[:, 1:-1, :-2], frame[:, 1:-1, 2:]):
            np.maximum(grown, neighbor, out=grown)
        if step % 2:  # crosses and squares in turns make an octagon, which is nearly a disc
            for rows in (slice(None, -2), slice(2, None)):
                for columns in (slice(None, -2), slice(2, None)):
                    np.maximum(grown, frame[:, rows, columns], out=grown)
        more = (grown - images).astype(np.int16) * part[:, None, None]
        images = images + ((more + 64) >> 7).astype(np.uint8)
    return images
