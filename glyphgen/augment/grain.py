"""The grain of paper."""

from typing import Annotated, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from glyphgen.augment.noise_tables import CLOUD_SIDE, make_clouds
from glyphgen.augment.step import INK, Batch, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["GrainStep"]


class GrainStep(Step):
    """The grain of paper: cloudy and fibrous stains that strokes cover."""

    step: Literal["grain"] = "grain"
    """Which step this is."""

    strength: Range[Annotated[float, Field(ge=0, le=1)]] = (0.0, 0.2)
    """The darkest stain, as a fraction of the way from paper to ink."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """How dark the darkest stain is."""
        return (StoredValue("grain", 0.0, self.strength),)

    def apply(self, batch: Batch) -> None:
        """Darken what is paper."""
        images, (strength,) = batch.images, batch.values
        places = batch.draw_places(2, CLOUD_SIDE)
        frame = images.shape[1:]
        windows = sliding_window_view(make_clouds(*frame), frame)
        stain = windows[places[:, 0], places[:, 1]].astype(np.int32)
        stain *= np.rint(strength * 256).astype(np.int32)[:, None, None]
        stain >>= 8
        stain *= INK - images.astype(np.int32)
        stain += INK // 2
        stain //= INK
        images += stain.astype(np.uint8)
