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

from glyphgen.augment.contract import Bytes, Field, Floats, Site, Words, draw_between
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
    """Rotation, scale, stretch, shear and shift about the centre of the ink."""

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

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Look up every pixel of the result in the source."""
        import cv2

        cv2.setNumThreads(1)  # as many processes as cores run beside each other
        columns = np.empty((len(images), self._rows.shape[1], 2 * self._frame[1]))
        self._fill_line(columns, images, values)
        depth = 2
        bent = [v for s, v in zip(self._steps, values, strict=True) if isinstance(s, Elastic)]
        for bend, (amplitude_px,) in zip(self._bends, bent, strict=True):
            bend.fill(columns[:, depth : depth + bend.n_rows], amplitude_px, word)
            depth += bend.n_rows
        no_map: Any = None
        places = np.matmul(self._rows, columns).astype(np.float32)
        places = places.reshape(-1, self._frame[1], 2)
        # To whole pixels and 32nds of one, halves to even.
        whole, part = cv2.convertMaps(places, no_map, cv2.CV_16SC2)
        whole = whole.reshape(*images.shape, 2)
        part = part.reshape(images.shape)
        source = images.copy()
        for k in range(len(images)):
            cv2.remap(
                source[k],
                whole[k],
                part[k],
                cv2.INTER_LINEAR,
                images[k],
                cv2.BORDER_CONSTANT,
                0,
            )

    def _fill_line(
        self, columns: Floats, images: Bytes, values: Sequence[Sequence[Floats]]
    ) -> None:
        """Write the linear map from the result to the source into the first two rows of columns."""
        x = self._weights[:, 1]
        mapped = [v for s, v in zip(self._steps, values, strict=True) if isinstance(s, Affine)]
        if not mapped:
            columns[:, 0, 0::2], columns[:, 0, 1::2] = x, 0.0
            columns[:, 1, 0::2], columns[:, 1, 1::2] = 0.0, 1.0
            return
        (xx, xy, yx, yy), (x0, y0) = _invert(mapped, self._find_centre(images))
        columns[:, 0, 0::2] = xx[:, None] * x + x0[:, None]
        columns[:, 0, 1::2] = yx[:, None] * x + y0[:, None]
        columns[:, 1, 0::2] = xy[:, None]
        columns[:, 1, 1::2] = yy[:, None]

    def _find_centre(self, images: Bytes) -> tuple[Floats, Floats]:
        """Return the centre of the ink, x and y; of the frame where there is none: (n,) each."""
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


def _invert(
    mapped: Sequence[Sequence[Floats]], centre: tuple[Floats, Floats]
) -> tuple[tuple[Floats, Floats, Floats, Floats], tuple[Floats, Floats]]:
    """Return the map from the result to the source of some maps that follow each other.

    Written out by element: no product of matrices, whose order of summation is the library's.
    """
    centre_x, centre_y = centre
    to_x, to_y = centre_x, centre_y
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
    x0 = centre_x - (back[0] * to_x + back[1] * to_y)
    y0 = centre_y - (back[2] * to_x + back[3] * to_y)
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
        self.n_rows, self._n_columns = self.rows.shape[1], columns.shape[1]
        # x and y side by side in every node and every pixel.
        self._columns = np.kron(columns.T, np.eye(2))
        self._use = step.site.number

    def fill(self, columns: Floats, amplitude_px: Floats, word: Words) -> None:
        """Write the nodes' displacements, spread along x, into (n, n_rows, 2 * width)."""
        n_numbers = self.n_rows * self._n_columns * 2
        words = mix_words(word, self._use, -(-n_numbers // 4))
        # From -1 to 1, symmetric about 0: odd multiples of 2**-16.
        numbers = split_words(words, bits=16)[:, :n_numbers].astype(np.float64)
        way = (numbers * 2.0 - 65535.0) * (amplitude_px[:, None] / 65536.0)
        nodes = np.rint(way * 2**_NODE_BITS) / 2**_NODE_BITS
        np.matmul(nodes.reshape(-1, self.n_rows, 2 * self._n_columns), self._columns, out=columns)


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
