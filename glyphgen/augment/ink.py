"""Blur, contrast, thickness of strokes, and squares cut out; knows nothing of random words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from glyphgen.augment.contract import Bytes, Field, Floats, Site, Words, draw_between
from glyphgen.recipe import BlurStep, ContrastStep, CutoutStep, StrokeStep

__all__ = ["Blur", "Contrast", "Cutout", "Stroke"]

_INK = 255


@dataclass(frozen=True, slots=True)
class Blur:
    """A Gaussian blur; what lies outside the frame is paper."""

    record: BlurStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """How wide it is."""
        return (("blur_px", 0.0),)

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw the standard deviation."""
        return (draw_between(self.record.sigma, share[:, 0]) * self.site.frame[0],)

    def apply(
        self,
        images: Bytes,
        values: Sequence[Sequence[Floats]],
        word: Words,  # noqa: ARG002
    ) -> None:
        """Blur each image that has a width: in whole numbers, with OpenCV's own exponential."""
        import cv2

        [(sigma_px,)] = values
        cv2.setNumThreads(1)
        wide = np.flatnonzero(sigma_px > 0).tolist()
        for k, sigma in zip(wide, sigma_px[wide].tolist(), strict=True):
            cv2.GaussianBlur(images[k], (0, 0), sigma, images[k], sigma, cv2.BORDER_CONSTANT)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A factor about the middle gray, and a level that is added."""

    record: ContrastStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """Factor and level."""
        return (("contrast", 1.0), ("brightness", 0.0))

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw both."""
        record = self.record
        return (
            draw_between(record.contrast, share[:, 0]),
            draw_between(record.brightness, share[:, 1]),
        )

    def apply(
        self,
        images: Bytes,
        values: Sequence[Sequence[Floats]],
        word: Words,  # noqa: ARG002
    ) -> None:
        """Multiply and add."""
        [(contrast, brightness)] = values
        # Twice the distance from the middle gray, in 256ths: 512 is one level.
        factor = np.rint(contrast * 256).astype(np.int32)
        level = np.rint(brightness * (_INK * 512)).astype(np.int32)
        gray = 2 * images.astype(np.int32) - _INK
        gray *= factor[:, None, None]
        gray += level[:, None, None] + (_INK * 256 + 256)
        gray >>= 9
        np.copyto(images, np.clip(gray, 0, _INK), casting="unsafe")


@dataclass(frozen=True, slots=True)
class Stroke:
    """Dilation where the weight is above 0, erosion where it is below."""

    record: StrokeStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """How far the edges of the ink move."""
        return (("stroke_px", 0.0),)

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw it."""
        return (draw_between(self.record.weight, share[:, 0]) * self.site.frame[0],)

    def apply(
        self,
        images: Bytes,
        values: Sequence[Sequence[Floats]],
        word: Words,  # noqa: ARG002
    ) -> None:
        """Grow the ink, or the paper."""
        [(weight_px,)] = values
        thick, thin = np.flatnonzero(weight_px > 0), np.flatnonzero(weight_px < 0)
        if len(thick):
            images[thick] = _grow(images[thick], weight_px[thick], outside=0)
        if len(thin):
            paper = _INK - images[thin]
            images[thin] = _INK - _grow(paper, -weight_px[thin], outside=_INK)


def _grow(images: Bytes, radius_px: Floats, outside: int) -> Bytes:
    """Move edges outwards pixel by pixel, the last step by a fraction of one."""
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


@dataclass(frozen=True, slots=True)
class Cutout:
    """A square of bare paper."""

    record: CutoutStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """Side and center of the square."""
        return (("cutout_px", 0.0), ("cutout_x_px", 0.0), ("cutout_y_px", 0.0))

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw them; the center lies anywhere in the frame."""
        height, width = self.site.frame
        side = draw_between(self.record.size, share[:, 0]) * height
        there = side > 0
        return (
            side,
            np.where(there, share[:, 1] * width, 0),
            np.where(there, share[:, 2] * height, 0),
        )

    def apply(
        self,
        images: Bytes,
        values: Sequence[Sequence[Floats]],
        word: Words,  # noqa: ARG002
    ) -> None:
        """Take the ink away."""
        [(side, center_x, center_y)] = values
        height, width = self.site.frame
        across = abs(np.arange(width) + 0.5 - center_x[:, None]) < side[:, None] / 2
        down = abs(np.arange(height) + 0.5 - center_y[:, None]) < side[:, None] / 2
        np.copyto(images, 0, where=down[:, :, None] & across[:, None, :])
