"""Noise of every pixel on its own, and the grain of paper; knows nothing of where ink lies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from glyphgen.augment.contract import Bytes, Field, Floats, Site, Words, draw_between
from glyphgen.augment.tables import (
    CLOUD_SIDE,
    GAUSSIAN_SIGMA,
    LENGTH,
    make_clouds,
    make_gaussian,
    make_uniform,
)
from glyphgen.recipe import GrainStep, NoiseStep
from glyphgen.streams import mix_words

__all__ = ["Grain", "Noise"]

_INK = 255


@dataclass(frozen=True, slots=True)
class Noise:
    """Speckle, then Gaussian noise, then salt and pepper."""

    record: NoiseStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """How much of each."""
        return (("noise_sigma", 0.0), ("salt_and_pepper", 0.0), ("speckle_sigma", 0.0))

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw all three."""
        record = self.record
        ends = (record.gaussian, record.salt_and_pepper, record.speckle)
        return tuple(draw_between(e, share[:, k]) for k, e in enumerate(ends))

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Add, multiply and replace."""
        [(gaussian, salt_and_pepper, speckle)] = values
        places = (mix_words(word, self.site.number, 3) % np.uint64(LENGTH)).astype(np.int64)
        flat = images.reshape(len(images), -1)
        if speckle.any():
            self._speckle(flat, speckle, places[:, 0])
        if gaussian.any():
            self._add(flat, gaussian, places[:, 1])
        if salt_and_pepper.any():
            self._replace(flat, salt_and_pepper, places[:, 2])

    def _take(self, table: NDArray[np.int16], place: NDArray[np.int64]) -> NDArray[np.int16]:
        n_px = self.site.frame[0] * self.site.frame[1]
        taken: NDArray[np.int16] = sliding_window_view(table, n_px)[place]
        return taken

    def _speckle(self, flat: Bytes, sigma: Floats, place: NDArray[np.int64]) -> None:
        noise = self._take(make_gaussian(flat.shape[1]), place).astype(np.int32)
        unit = GAUSSIAN_SIGMA << 8
        noise *= np.rint(sigma * 256).astype(np.int32)[:, None]
        noise += unit
        noise *= flat
        noise += unit // 2
        noise >>= unit.bit_length() - 1
        np.copyto(flat, np.clip(noise, 0, _INK), casting="unsafe")

    def _add(self, flat: Bytes, sigma: Floats, place: NDArray[np.int64]) -> None:
        noise = self._take(make_gaussian(flat.shape[1]), place)
        # In quarters of a level: 127 x 4 x 64 levels still fits 16 bits.
        unit = GAUSSIAN_SIGMA << 2
        noise *= np.rint(sigma * (4 * _INK)).astype(np.int16)[:, None]
        noise += np.int16(unit // 2)
        noise >>= np.int16(unit.bit_length() - 1)
        noise += flat
        np.clip(noise, 0, _INK, out=noise)
        np.copyto(flat, noise, casting="unsafe")

    def _replace(self, flat: Bytes, share: Floats, place: NDArray[np.int64]) -> None:
        table = make_uniform(flat.shape[1])
        drawn = sliding_window_view(table, flat.shape[1])[place]
        half = np.rint(share * 32768).astype(np.int64)[:, None]
        np.copyto(flat, 0, where=drawn < half)
        np.copyto(flat, _INK, where=drawn >= 65536 - half)


@dataclass(frozen=True, slots=True)
class Grain:
    """Stains of paper, which strokes cover."""

    record: GrainStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """How dark the darkest stain is."""
        return (("grain", 0.0),)

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw it."""
        return (draw_between(self.record.strength, share[:, 0]),)

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Darken what is paper."""
        [(strength,)] = values
        places = (mix_words(word, self.site.number, 2) % np.uint64(CLOUD_SIDE)).astype(np.int64)
        windows = sliding_window_view(make_clouds(*self.site.frame), self.site.frame)
        stain = windows[places[:, 0], places[:, 1]].astype(np.int32)
        stain *= np.rint(strength * 256).astype(np.int32)[:, None, None]
        stain >>= 8
        stain *= _INK - images.astype(np.int32)
        stain += _INK // 2
        stain //= _INK
        images += stain.astype(np.uint8)
