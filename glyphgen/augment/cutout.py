"""A square that hides a part of the image."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from glyphgen.augment.step import Batch, Floats, Frame, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["CutoutStep"]


class CutoutStep(Step):
    """A square of bare paper that hides a part of the image, anywhere in the frame."""

    step: Literal["cutout"] = "cutout"
    """Which step this is."""

    size: Range[Annotated[float, Field(ge=0, le=0.5)]] = (0.1, 0.25)
    """Side of the square, as a fraction of the image height."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """Side and center of the square."""
        return (
            StoredValue("cutout_px", 0.0, self.size),
            StoredValue("cutout_x_px", 0.0, (0.0, 1.0)),
            StoredValue("cutout_y_px", 0.0, (0.0, 1.0)),
        )

    def sample(self, share: Floats, frame: Frame) -> list[Floats]:
        """Draw a center anywhere in the frame; 0 where there is no square."""
        side = super().sample(share, frame)[0]
        height, width = frame
        return [
            side,
            *(np.where(side > 0, share[:, k] * n, 0) for k, n in ((1, width), (2, height))),
        ]

    def apply(self, batch: Batch) -> None:
        """Set the pixels whose centers lie in the square to paper."""
        side, center_x, center_y = batch.values
        height, width = batch.images.shape[1:]
        across = abs(np.arange(width) + 0.5 - center_x[:, None]) < side[:, None] / 2
        down = abs(np.arange(height) + 0.5 - center_y[:, None]) < side[:, None] / 2
        np.copyto(batch.images, 0, where=down[:, :, None] & across[:, None, :])
