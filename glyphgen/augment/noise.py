"""Noise of every pixel on its own."""

from typing import Annotated, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from pydantic import Field

from glyphgen.augment.noise_tables import GAUSSIAN_SIGMA, LENGTH, make_gaussian, make_uniform
from glyphgen.augment.step import INK, Batch, Bytes, Floats, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["NoiseStep"]

Places = NDArray[np.int64]


class NoiseStep(Step):
    """Noise of every pixel on its own: speckle, then Gaussian noise, then salt and pepper."""

    step: Literal["noise"] = "noise"
    """Which step this is."""

    gaussian: Range[Annotated[float, Field(ge=0, le=0.25)]] = (0.0, 0.06)
    """Standard deviation of what is added, as a fraction of the way from paper to ink."""

    salt_and_pepper: Range[Annotated[float, Field(ge=0, le=0.5)]] = (0.0, 0.0)
    """Share of pixels that turn into full ink or bare paper, half of them each."""

    speckle: Range[Annotated[float, Field(ge=0, le=1)]] = (0.0, 0.0)
    """Standard deviation of what the ink is multiplied by, about 1: bare paper stays bare."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """How much there is of each noise."""
        return (
            StoredValue("noise_sigma", 0.0, self.gaussian),
            StoredValue("salt_and_pepper", 0.0, self.salt_and_pepper),
            StoredValue("speckle_sigma", 0.0, self.speckle),
        )

    def apply(self, batch: Batch) -> None:
        """Multiply, add and replace."""
        gaussian, salt_and_pepper, speckle = batch.values
        places = batch.draw_places(3, LENGTH)
        flat = batch.images.reshape(len(batch.images), -1)
        if speckle.any():
            _multiply(flat, speckle, places[:, 0])
        if gaussian.any():
            _add(flat, gaussian, places[:, 1])
        if salt_and_pepper.any():
            _replace(flat, salt_and_pepper, places[:, 2])


def _take_gaussian(n_px: int, place: Places) -> NDArray[np.int16]:
    taken: NDArray[np.int16] = sliding_window_view(make_gaussian(n_px), n_px)[place]
    return taken


def _multiply(flat: Bytes, sigma: Floats, place: Places) -> None:
    noise = _take_gaussian(flat.shape[1], place).astype(np.int32)
    unit = GAUSSIAN_SIGMA << 8
    noise *= np.rint(sigma * 256).astype(np.int32)[:, None]
    noise += unit
    noise *= flat
    noise += unit // 2
    noise >>= unit.bit_length() - 1
    np.copyto(flat, np.clip(noise, 0, INK), casting="unsafe")


def _add(flat: Bytes, sigma: Floats, place: Places) -> None:
    noise = _take_gaussian(flat.shape[1], place)
    # In quarters of a level: 127 x 4 x 64 levels still fits 16 bits.
    unit = GAUSSIAN_SIGMA << 2
    noise *= np.rint(sigma * (4 * INK)).astype(np.int16)[:, None]
    noise += np.int16(unit // 2)
    noise >>= np.int16(unit.bit_length() - 1)
    noise += flat
    np.clip(noise, 0, INK, out=noise)
    np.copyto(flat, noise, casting="unsafe")


def _replace(flat: Bytes, share: Floats, place: Places) -> None:
    drawn = sliding_window_view(make_uniform(flat.shape[1]), flat.shape[1])[place]
    half = np.rint(share * 32768).astype(np.int64)[:, None]
    np.copyto(flat, 0, where=drawn < half)
    np.copyto(flat, INK, where=drawn >= 65536 - half)
