"""Bends and linear maps, any run of them as one resampling.

Where each pixel of the result looks in the source is one matrix product an image: rows of a smooth
basis times columns of it, with a straight line beside them for the linear map. Every factor is a
whole number of small binary fractions and every sum of products fits the 53 bits of a double, so that
no order of summation, no fused multiply-add and no library can change a bit of it. The one native
call resamples in whole numbers, on 32nds of a pixel.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment.step import Bytes, Floats, Frame, Site, Step, Words

__all__ = ["BASIS_BITS", "NODE_BITS", "Bend", "LinearMap", "Warp", "WarpStep"]

# Binary digits after the point: of a basis function's values, of a node's way in pixels, of the
# numbers of a linear map. 2 x 12 + 12 = 36 of displacements, and 17 are left before the point.
BASIS_BITS = 12
NODE_BITS = 12
_MAP_BITS = 20
_STEEPEST = 8.0  # of a map from the result to the source, so that 17 digits are enough
_FARTHEST = 65536.0

_PIXELS_AT_ONCE = 1 << 16  # resampled together: what stands in between stays in a core's cache


LinearMap = tuple[Floats, Floats, Floats]
"""Matrices (n, 2, 2) of x right and y up, and what is added to x and to y (down) in pixels, (n,)."""


class Bend(Protocol):
    """A smooth displacement: rows of a basis times nodes times columns of it.

    Attributes:
        rows: (H, R).
        columns: (2 C, 2 W), x and y side by side, in every node as in every pixel.
    """

    rows: Floats
    columns: Floats

    def draw_nodes(self, values: Sequence[Floats], word: Words) -> Floats:
        """Return the displacements of n samples' nodes in pixels: (n, R, 2 C)."""


class Warp:
    """A run of elastic and affine steps as one resampling.

    The linear maps follow each other; the bends lie over the result, whatever their place in the
    run. What comes from outside the frame is paper.

    Args:
        steps, sites: The run, and where its steps stand.
    """

    def __init__(self, steps: Sequence["WarpStep"], sites: Sequence[Site]) -> None:
        self._steps = steps
        self._frame = height, width = sites[0].frame
        self._bends = [step.make_bend(site) for step, site in zip(steps, sites, strict=True)]
        line = np.stack([np.ones(height), np.arange(height)], axis=1)
        self._rows = np.hstack([line, *(bend.rows for bend in self._bends if bend)])
        self._weights = np.stack([np.ones(width), np.arange(width)], axis=1)
        self._line = _interleave(self._weights.T)
        self._scratch: _Scratch | None = None

    def __call__(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Look up every pixel of the result in the source."""
        lines = self._find_lines(images, values)
        bends = [
            (bend.draw_nodes(own, word), bend.columns)
            for bend, own in zip(self._bends, values, strict=True)
            if bend
        ]
        size = max(1, _PIXELS_AT_ONCE // images[0].size)
        if self._scratch is None:
            self._scratch = _Scratch.make(size, self._rows.shape[1], self._frame)
        for start in range(0, len(images), size):
            part = slice(start, start + size)
            scratch = self._scratch.take(len(images[part]))
            np.matmul(lines[part], self._line, out=scratch.columns[:, :2])
            depth = 2
            for nodes, columns in bends:
                end = depth + nodes.shape[1]
                np.matmul(nodes[part], columns, out=scratch.columns[:, depth:end])
                depth = end
            np.matmul(self._rows, scratch.columns, out=scratch.exact)
            np.copyto(scratch.places, scratch.exact, casting="same_kind")
            _resample(images[part], scratch)

    def _find_lines(self, images: Bytes, values: Sequence[Sequence[Floats]]) -> Floats:
        """Return the linear maps from the result to the source: (n, 2, 4).

        By row: at the top of the frame, and what is added for each pixel downwards. By column: x
        itself and what is added for each pixel to the right, y itself and the same.
        """
        maps = [step.make_map(own) for step, own in zip(self._steps, values, strict=True)]
        lines = np.zeros((len(images), 2, 4))
        lines[:, 0, 1] = lines[:, 1, 2] = 1.0
        if any(maps):
            (xx, xy, yx, yy), (x0, y0) = _invert(filter(None, maps), self._find_center(images))
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


class WarpStep(Step):
    """A step that says where pixels come from: by a bend, a linear map or both."""

    open_run: ClassVar[Any] = Warp

    def make_bend(self, site: Site) -> Bend | None:  # noqa: ARG002
        """Return the bend, if the step has one."""
        return None

    def make_map(self, values: Sequence[Floats]) -> LinearMap | None:  # noqa: ARG002
        """Return the linear maps of n samples about the center of the ink, if the step has them."""
        return None


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
        return _Scratch(*(getattr(self, field.name)[:n] for field in fields(self)))


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
    maps: Iterable[LinearMap], center: tuple[Floats, Floats]
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
    for linear, shift_x, shift_y in maps:
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
