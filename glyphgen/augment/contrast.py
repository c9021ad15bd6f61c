"""Contrast about the middle gray, and brightness."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from glyphgen.augment.step import INK, Batch, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["ContrastStep"]


class ContrastStep(Step):
    """Contrast about the middle gray, and brightness."""

    step: Literal["contrast"] = "contrast"
    """Which step this is."""

    contrast: Range[Annotated[float, Field(ge=0, le=4)]] = (0.7, 1.3)
    """Factor on the distance from the middle gray."""

    brightness: Range[Annotated[float, Field(ge=-1, le=1)]] = (0.0, 0.0)
    """What is added, as a fraction of the way from paper to ink: above 0 is more ink."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """The factor, and what is added."""
        return (
            StoredValue("contrast", 1.0, self.contrast),
            StoredValue("brightness", 0.0, self.brightness),
        )

    def apply(self, batch: Batch) -> None:
        """Multiply the distance from the middle gray, and add."""
        images, (contrast, brightness) = batch.images, batch.values
        # Twice the distance from the middle gray, in 256ths: 512 is one level.
        factor = np.rint(contrast * 256).astype(np.int32)
        level = np.rint(brightness * (INK * 512)).astype(np.int32)
        gray = 2 * images.astype(np.int32) - INK
        gray *= factor[:, None, None]
        gray += level[:, None, None] + (INK * 256 + 256)
        gray >>= 9
        np.copyto(images, np.clip(gray, 0, INK), casting="unsafe")
