"""Uneven light on paper, and the folds of letters."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glyphgen.augment.step import INK, Batch, Frame, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["PaperStep"]

Ints = NDArray[np.int32]
Strength = Annotated[float, Field(ge=0, le=1)]

_CORNERS = 4
_PARTS = 1 << 10  # a fold is at one of so many places, and leans one of so many ways


class PaperStep(Step):
    """Paper that is lit unevenly, and folded as letters are; ink covers both."""

    step: Literal["paper"] = "paper"
    """Which step this is."""

    shade: Range[Strength] = (0.0, 0.3)
    """How dark the darkest corner is, as a fraction of the way from paper to ink."""

    fold: Range[Strength] = (0.0, 0.0)
    """How dark the folds are: one across, and on half of the images one from top to bottom."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """How dark the darkest corner and the folds are."""
        return (StoredValue("shade", 0.0, self.shade), StoredValue("fold", 0.0, self.fold))

    def apply(self, batch: Batch) -> None:
        """Darken what is paper."""
        images, (shade, fold) = batch.images, batch.values
        places = batch.draw_places(_CORNERS + 5, _PARTS).astype(np.int32)
        frame = images.shape[1], images.shape[2]
        for k in range(len(images)):
            stain = np.zeros(frame, dtype=np.int32)
            if shade[k]:
                stain += _shade(places[k, :_CORNERS], round(float(shade[k]) * INK), frame)
            if fold[k]:
                level = round(float(fold[k]) * INK)
                across, down = places[k, _CORNERS : _CORNERS + 2], places[k, _CORNERS + 2 :]
                folds = _fold(across, level, frame)
                if down[2] < _PARTS // 2:
                    folds = np.maximum(folds, _fold(down[:2], level, frame[::-1]).T)
                stain += folds
            np.minimum(stain, INK, out=stain)
            stain *= INK - images[k].astype(np.int32)
            stain += INK // 2
            stain //= INK
            images[k] += stain.astype(np.uint8)


def _shade(corners: Ints, level: int, frame: Frame) -> Ints:
    """Return the darkness of light that falls off to the darkest of four corners: (H, W)."""
    height, width = frame
    levels = (corners - corners.min()) * level // max(1, int(corners.max() - corners.min()))
    along = np.arange(width, dtype=np.int32) * 256 // max(1, width - 1)
    down = np.arange(height, dtype=np.int32)[:, None] * 256 // max(1, height - 1)
    top = levels[0] * (256 - along) + levels[1] * along
    bottom = levels[2] * (256 - along) + levels[3] * along
    shaded: Ints = (top * (256 - down) + bottom * down) >> 16
    return shaded


def _fold(place: Ints, level: int, frame: Frame) -> Ints:
    """Return the darkness of a fold across: a dark crease, and a shadow below it: (H, W).

    Args:
        place: Where it is, in the middle half of the height, and how it leans: numbers below ``_PARTS``.
        level: Of the crease.
        frame: Height and width.
    """
    height, width = frame
    middle = height // 4 + height * int(place[0]) // (2 * _PARTS)
    lean = height * (2 * int(place[1]) - _PARTS) // (50 * _PARTS)
    crease = middle + lean * np.arange(width, dtype=np.int32) // max(1, width)
    below = np.arange(height, dtype=np.int32)[:, None] - crease
    reach = max(1, height // 12)
    shadow = np.where(below >= 0, np.maximum(reach - below, 0), 0) * (level // 2) // reach
    thick = max(1, height // 400)
    folded: Ints = shadow + np.where((below >= 0) & (below < thick), level - level // 2, 0)
    return folded.astype(np.int32)
