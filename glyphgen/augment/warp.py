"""Bends and linear maps, any run of them as one resampling; knows nothing of noise or of recipes' TOML.

Where each pixel of the result looks in the source is one matrix product an image: rows of a smooth
basis times columns of it, with a straight line beside them for the linear map. Every factor is a
whole number of small binary fractions and every sum of products fits the 53 bits of a double, so that
no order of summation, no fused multiply-add and no library can change a bit of it. The one native
call resamples in whole numbers, on 32nds of a pixel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment.contract import Bytes, Field, Floats, Frame, Site, Words, draw_between
from glyphgen.geometry import make_linear_map
from glyphgen.recipe import AffineStep, ElasticStep
from glyphgen.streams import mix_words, split_words

__all__ = ["Affine", "Elastic", "Warp"]

# Binary digits after the point: of a basis function's values, of a node's way in pixels, of the
# numbers of a linear map. 2 x 12 + 12 = 36 of displacements, and 17 are left before the point.
_BASIS_BITS = 12
_NODE_BITS = 12
_MAP_BITS = 20
_STEEPEST = 8.0  # of a map from the result to the source, so that 17 digits are enough
_FARTHEST = 65536.0

_PIXELS_AT_ONCE = 1 << 16  # resampled together: what stands in between stays in a core's cache


@dataclass(frozen=True, slots=True)
class Elastic:
    """A smooth displacement field, from a coarse grid of random nodes."""

    record: ElasticStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """How far the nodes go, in pixels."""
        return (("elastic_px", 0.0),)

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw the amplitude."""
        return (draw_between(self.record.amplitude, share[:, 0]) * self.site.frame[0],)

    @property
    def spacing_px(self) -> float:
        """Distance between nodes."""
        return self.record.scale * self.site.frame[0]


@dataclass(frozen=True, slots=True)
class Affine:
    """Rotation, scale, stretch, shear and shift about the center of the ink."""

    record: AffineStep
    site: Site

    @property
    def fields(self) -> tuple[Field, ...]:
        """What the map is made of."""
        return (
            ("rotation_deg", 0.0),
            ("scale", 1.0),
            ("stretch", 1.0),
            ("shear_deg", 0.0),
            ("shift_x_px", 0.0),
            ("shift_y_px", 0.0),
        )

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Draw all of them."""
        record, height = self.record, self.site.frame[0]
        ends = (record.rotation, record.scale, record.stretch, record.shear)
        shifts = (record.shift_x, record.shift_y)
        return (
            *(draw_between(e, share[:, k]) for k, e in enumerate(ends)),
            *(draw_between(e, share[:, 4 + k]) * height for k, e in enumerate(shifts)),
        )


class Warp:
    """A run of elastic and affine steps as one resampling.

    The linear maps follow each other; the bends lie over the result, whatever their place in the
    run. What comes from outside the frame is paper.

    Args:
        steps: The run.
    """

    def __init__(self, steps: Sequence[Elastic | Affine]) -> None:
        self._steps = steps
        self._frame = height, width = steps[0].site.frame
        self._bends = [_Bend(step) for step in steps if isinstance(step, Elastic)]
        line = np.stack([np.ones(height), np.arange(height)], axis=1)
        self._rows = np.hstack([line, *(bend.rows for bend in self._bends)])
        self._weights = np.stack([np.ones(width), np.arange(width)], axis=1)
        self._line = _interleave(self._weights.T)
        self._scratch: _Scratch | None = None

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Look up every pixel of the result in the source."""
        lines = self._find_lines(images, values)
        bent = [v for s, v in zip(self._steps, values, strict=True) if isinstance(s, Elastic)]
        nodes = [
            bend.draw_nodes(amplitude_px, word)
            for bend, (amplitude_px,) in zip(self._bends, bent, strict=True)
        ]
        size = max(1, _PIXELS_AT_ONCE // images[0].size)
        if self._scratch is None:
            self._scratch = _Scratch.make(size, self._rows.shape[1], self._frame)
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            scratch = self._scratch.take(len(images[part]))
            np.matmul(lines[part], self._line, out=scratch.columns[:, :2])
            depth = 2
            for bend, of_bend in zip(self._bends, nodes, strict=True):
                columns = scratch.columns[:, depth : depth + bend.n_rows]
                np.matmul(of_bend[part], bend.columns, out=columns)
                depth += bend.n_rows
            np.matmul(self._rows, scratch.columns, out=scratch.exact)
            np.copyto(scratch.places, scratch.exact, casting="same_kind")
            _resample(images[part], scratch)

    def _find_lines(self, images: Bytes, values: Sequence[Sequence[Floats]]) -> Floats:
        """Return the linear maps from the result to the source: (n, 2, 4).

        By row: at the top of the frame, and what is added for each pixel downwards. By column: x
        itself and what is added for each pixel to the right, y itself and the same.
        """
        mapped = [v for s, v in zip(self._steps, values, strict=True) if isinstance(s, Affine)]
        lines = np.zeros((len(images), 2, 4))
        lines[:, 0, 1] = lines[:, 1, 2] = 1.0
        if mapped:
            (xx, xy, yx, yy), (x0, y0) = _invert(mapped, self._find_center(images))
            lines[:, 0] = np.stack([x0, xx, y0, yx], axis=1)
            lines[:, 1, 0], lines[:, 1, 2] = xy, yy
        return lines

    def _find_center(self, images: Bytes) -> tuple[Floats, Floats]:
        """Return the center of the ink, x and y; of the frame where there is none: (n,) each."""
        height, width = self._frame
        # Sums of whole numbers: exact in single precision while a row's stay below 2**24.
        precision = np.float32 if width <= 256 else np.float64
        sums = np.matmul(images.astype(precision), self._weights.astype(precision))
        sums = sums.astype(np.float64)
        ink = sums[:, :, 0].sum(axis=1)
        x = sums[:, :, 1].sum(axis=1)
        y = (sums[:, :, 0] * np.arange(height)).sum(axis=1)
        blank = ink == 0
        ink[blank] = 1.0
        return (
            np.where(blank, (width - 1) / 2, x / ink),
            np.where(blank, (height - 1) / 2, y / ink),
        )


@dataclass(frozen=True, slots=True)
class _Scratch:
    """Memory for images on their way: first touch of fresh memory costs more than the work."""

    columns: NDArray[np.float64]
    exact: NDArray[np.float64]
    places: NDArray[np.float32]
    whole: NDArray[np.int16]
    part: NDArray[np.uint16]
    source: Bytes

    @classmethod
    def make(cls, n: int, depth: int, frame: Frame) -> "_Scratch":
        height, width = frame
        return cls(
            columns=np.empty((n, depth, 2 * width)),
            exact=np.empty((n, height, 2 * width)),
            places=np.empty((n, height, 2 * width), dtype=np.float32),
            whole=np.empty((n, height, width, 2), dtype=np.int16),
            part=np.empty((n, height, width), dtype=np.uint16),
            source=np.empty((n, height, width), dtype=np.uint8),
        )

    def take(self, n: int) -> "_Scratch":
        """Return the memory for the first n images of it."""
        return _Scratch(
            columns=self.columns[:n],
            exact=self.exact[:n],
            places=self.places[:n],
            whole=self.whole[:n],
            part=self.part[:n],
            source=self.source[:n],
        )


def _resample(images: Bytes, scratch: _Scratch) -> None:
    """Replace images by what lies at the places of their scratch: the native calls, and no more."""
    import cv2

    cv2.setNumThreads(1)  # as many processes as cores run beside each other
    width = images.shape[2]
    no_map: Any = None
    # To whole pixels and 32nds of one, halves to even; all images in one call.
    cv2.convertMaps(
        scratch.places.reshape(-1, width, 2),
        no_map,
        cv2.CV_16SC2,
        scratch.whole.reshape(-1, width, 2),
        scratch.part.reshape(-1, width),
    )
    np.copyto(scratch.source, images)
    linear, paper = cv2.INTER_LINEAR, cv2.BORDER_CONSTANT
    for source, whole, part, out in zip(
        scratch.source, scratch.whole, scratch.part, images, strict=True
    ):
        cv2.remap(source, whole, part, linear, out, paper, 0)


def _interleave(rows: NDArray[Any]) -> Floats:
    """Return rows twice, for x and for y, with zeros at the other: (2 n, 2 width)."""
    wide = np.zeros((2, len(rows), rows.shape[1], 2))
    wide[0, :, :, 0] = wide[1, :, :, 1] = rows
    return wide.reshape(2 * len(rows), -1)


def _invert(
    mapped: Sequence[Sequence[Floats]], center: tuple[Floats, Floats]
) -> tuple[tuple[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]:
    """Return the map from the result to the source of some maps that follow each other.

    Written out by element: no product of matrices, whose order of summation is the library's.
    """
    center_x, center_y = center
    to_x, to_y = center_x, center_y
    xx, xy, yx, yy = (
        np.ones_like(to_x),
        np.zeros_like(to_x),
        np.zeros_like(to_x),
        np.ones_like(to_x),
    )
    for rotation, scale, stretch, shear, shift_x, shift_y in mapped:
        linear = make_linear_map(rotation, shear, stretch) * scale[:, None, None]
        # From y up to y down: what mixes the axes changes its sign.
        a, b, c, d = linear[:, 0, 0], -linear[:, 0, 1], -linear[:, 1, 0], linear[:, 1, 1]
        xx, xy, yx, yy = a * xx + b * yx, a * xy + b * yy, c * xx + d * yx, c * xy + d * yy
        to_x, to_y = to_x + shift_x, to_y + shift_y
    area = xx * yy - xy * yx
    back = [_round(part / area, _STEEPEST) for part in (yy, -xy, -yx, xx)]
    x0 = center_x - (back[0] * to_x + back[1] * to_y)
    y0 = center_y - (back[2] * to_x + back[3] * to_y)
    return (back[0], back[1], back[2], back[3]), (_round(x0, _FARTHEST), _round(y0, _FARTHEST))


def _round(numbers: Floats, most: float) -> Floats:
    rounded: Floats = np.rint(np.clip(numbers, -most, most) * 2**_MAP_BITS) / 2**_MAP_BITS
    return rounded


class _Bend:
    """The smooth basis of one elastic step, and its nodes."""

    def __init__(self, step: Elastic) -> None:
        height, width = step.site.frame
        self.rows = _make_basis(height, step.spacing_px)
        columns = _make_basis(width, step.spacing_px)
        self.n_rows = self.rows.shape[1]
        # x and y stand side by side, in every node as in every pixel.
        self.columns = np.kron(columns.T, np.eye(2))
        self._use = step.site.number

    def draw_nodes(self, amplitude_px: Floats, word: Words) -> Floats:
        """Return the nodes' displacements: (n, n_rows, 2 * columns)."""
        shape = (self.n_rows, len(self.columns))
        n_numbers = shape[0] * shape[1]
        words = mix_words(word, self._use, -(-n_numbers // 4))
        # From -1 to 1, symmetric about 0: odd multiples of 2**-16.
        numbers = split_words(words, bits=16)[:, :n_numbers].astype(np.float64)
        way = (numbers * 2.0 - 65535.0) * (amplitude_px[:, None] / 65536.0)
        nodes: Floats = np.rint(way * 2**_NODE_BITS) / 2**_NODE_BITS
        return nodes.reshape(-1, *shape)


def _make_basis(n_px: int, spacing_px: float) -> NDArray[np.float64]:
    """Return the uniform cubic B-splines at every pixel: (n_px, nodes), each row sums to 1.

    Source:
        Rueckert et al., "Nonrigid registration using free-form deformations", IEEE TMI 18 (1999), eq. 2.
    """
    place = (np.arange(n_px) + 0.5) / spacing_px
    cell = np.floor(place).astype(np.int64)
    t = place - cell
    parts = [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, t**3 / 6]
    first, second, last = (np.rint(part * 2**_BASIS_BITS) / 2**_BASIS_BITS for part in parts)
    basis = np.zeros((n_px, int(cell[-1]) + 4))
    for k, part in enumerate((first, second, 1 - first - second - last, last)):
        basis[np.arange(n_px), cell + k] = part
    return basis
