"""A Gaussian blur, by OpenCV in whole numbers."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from glyphgen.augment.step import Batch, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["BlurStep"]


class BlurStep(Step):
    """A Gaussian blur; what lies outside the frame is paper."""

    step: Literal["blur"] = "blur"
    """Which step this is."""

    sigma: Range[Annotated[float, Field(ge=0, le=0.1)]] = (0.0, 0.015)
    """Standard deviation of the blur, as a fraction of the image height."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """The standard deviation."""
        return (StoredValue("blur_px", 0.0, self.sigma),)

    def apply(self, batch: Batch) -> None:
        """Blur each image whose standard deviation is above 0."""
        import cv2

        images, (sigma_px,) = batch.images, batch.values
        cv2.setNumThreads(1)
        blurred = np.flatnonzero(sigma_px > 0).tolist()
        for k, sigma in zip(blurred, sigma_px[blurred].tolist(), strict=True):
            cv2.GaussianBlur(images[k], (0, 0), sigma, images[k], sigma, cv2.BORDER_CONSTANT)
