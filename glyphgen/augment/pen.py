"""Strokes redrawn by a pen of one width along their middle."""

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from glyphgen.augment.step import INK, Batch, Step, StoredValue
from glyphgen.settings import Range

__all__ = ["PenStep", "thin"]

_FATTEST = 0.16  # of the image height: the middle of fatter strokes is too short at their ends


class PenStep(Step):
    """A round pen along the middle of every stroke: brush, serif and marker become one line.

    An image whose strokes are fatter than a sixth of its height stays as it is: what they show beyond
    each other is lost in their middle, so that せ reads as て, and the middle of a square dot, such as ۰,
    is a cross.
    """

    step: Literal["pen"] = "pen"
    """Which step this is."""

    width: Range[Annotated[float, Field(ge=0, le=0.2)]] = (0.03, 0.08)
    """Width of the line, as a fraction of the image height."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """Width of the line."""
        return (StoredValue("pen_px", 0.0, self.width),)

    def apply(self, batch: Batch) -> None:
        """Thin the ink that is darker than a third of the darkest, and draw along what is left."""
        import cv2

        images, (width_px,) = batch.images, batch.values
        cv2.setNumThreads(1)
        # A hairline is gray all over; its own darkest pixel says what is ink.
        darkest = images.max(axis=(1, 2), keepdims=True)
        inked = images > darkest // 3
        middle = thin(inked)
        fattest = _FATTEST * images.shape[1] * np.count_nonzero(middle, axis=(1, 2))
        is_fat = np.count_nonzero(inked, axis=(1, 2)) > fattest
        radii = np.where(is_fat, 0.0, width_px / 2)
        away_from = (~middle).view(np.uint8)
        for image, away, radius in zip(images, away_from, radii.tolist(), strict=True):
            if radius > 0 and image.any():
                distance = cv2.distanceTransform(away, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
                # Squares are whole numbers, whatever the last bit of a platform's root.
                squared = np.rint(distance * distance).astype(np.int32)
                reach = int((radius + 0.5) ** 2) + 1  # so far and farther lies no ink
                covered = np.clip(radius + 0.5 - np.sqrt(np.arange(reach + 1)), 0, 1)
                ink = np.rint(covered * INK).astype(np.uint8)
                np.take(ink, np.minimum(squared, reach), out=image)


def thin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return lines of one pixel along the middle of all ink, connected as the ink is.

    Eight images share a byte, so that one operation on bits is done to all of them at once.

    Args:
        ink: bool (n, H, W).

    Source: Guo and Hall, "Parallel thinning with two-subiteration algorithms", Communications of the
    ACM 32 (3), 1989, algorithm A1.
    """
    n, _, width = ink.shape
    packed = np.packbits(ink.transpose(1, 2, 0), axis=2)
    framed = np.pad(packed, ((1, 1), (1, 1), (0, 0)))
    flat = framed.reshape(-1)  # a view: the frame's bits never become ink
    column = packed.shape[2]
    row = column * (width + 2)
    first, end = row + column, len(flat) - row - column
    middle = flat[first:end]
    # Clockwise from the pixel above.
    ways = (-row, column - row, column, row + column, row, row - column, -column, -row - column)
    around = [flat[first + way : end + way] for way in ways]
    still = 0
    half = 0
    while still < 2:
        gone = _find_outer(around, half) & middle
        middle &= ~gone
        still = 0 if gone.any() else still + 1
        half = 1 - half
    bits = np.unpackbits(framed[1:-1, 1:-1], axis=2, count=n)
    return np.ascontiguousarray(bits.transpose(2, 0, 1)).view(np.bool_)


def _find_outer(around: Sequence[NDArray[np.uint8]], half: int) -> NDArray[np.uint8]:
    """Return which pixels may go in one half of a round: those on one side, that join nothing."""
    n, ne, e, se, s, sw, w, nw = around
    joined = (~n & (ne | e), ~e & (se | s), ~s & (sw | w), ~w & (nw | n))
    once = (joined[0] ^ joined[1] ^ joined[2] ^ joined[3]) & ~_count_two(joined)
    one_way = (nw | n, ne | e, se | s, sw | w)
    other_way = (n | ne, e | se, s | sw, w | nw)
    inside = _count_four(one_way) & _count_four(other_way)
    edge = (s | sw | ~nw) & w if half == 0 else (n | ne | ~se) & e
    found: NDArray[np.uint8] = once & _count_two(one_way) & _count_two(other_way) & ~inside & ~edge
    return found


def _count_two(bits: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return where two or more of four bits are set."""
    a, b, c, d = bits
    left, right = a & b, c & d
    across: NDArray[np.uint8] = (a | b) & (c | d)
    two: NDArray[np.uint8] = left | right | across
    return two


def _count_four(bits: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return where all four bits are set."""
    a, b, c, d = bits
    four: NDArray[np.uint8] = a & b & c & d
    return four
