"""Collects the contours of one cell as HarfBuzz draws them."""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, sqrt

import uharfbuzz as hb

__all__ = ["CONIC", "CUBIC", "ON", "ContourPen", "draw_functions"]

ON, CONIC, CUBIC = 1, 0, 2  # FreeType's FT_CURVE_TAG values

_Point = tuple[float, float]


class ContourPen:
    """The points of one cell in font units, in FreeType's form.

    Args:
        segment: Longest segment that is left whole, in font units; longer ones are split so that a
            bend of the points bends the stroke. ``None`` leaves all whole.

    Attributes:
        points: (x, y) of every point.
        tags: ``ON``, ``CONIC`` or ``CUBIC`` of every point.
        ends: Index of the last point of each contour.
        curves: The curves as they came, those of 3 and those of 4 control points, by which the box
            of the ink is found.
        offset: Added to every point: where the pen stands.
    """

    def __init__(self, segment: float | None) -> None:
        self.points: list[_Point] = []
        self.tags: list[int] = []
        self.ends: list[int] = []
        self.curves: dict[int, list[tuple[_Point, ...]]] = {3: [], 4: []}
        self.offset = (0.0, 0.0)
        self._segment = segment
        self._start = 0

    def move_to(self, x: float, y: float) -> None:
        """Begin a contour."""
        self._start = len(self.points)
        self._add_points(self._shift(x, y), tags=(ON,))

    def line_to(self, x: float, y: float) -> None:
        """Draw a line; a long one becomes control points in a row, a curve that is still straight."""
        end = self._shift(x, y)
        if self._segment is not None:
            self._split_line(self.points[-1], end, self._segment)
        self._add_points(end, tags=(ON,))

    def quadratic_to(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a quadratic curve, in parts if it is long."""
        self._curve_to(self._shift(x1, y1), self._shift(x2, y2), tags=(CONIC, ON))

    def cubic_to(self, x1: float, y1: float, x2: float, y2: float, x3: float, y3: float) -> None:
        """Draw a cubic curve, in parts if it is long."""
        points = self._shift(x1, y1), self._shift(x2, y2), self._shift(x3, y3)
        self._curve_to(*points, tags=(CUBIC, CUBIC, ON))

    def close(self) -> None:
        """End the contour; one of fewer than three points holds no ink and is dropped."""
        start = self._start
        if len(self.points) - start > 1 and self.points[-1] == self.points[start]:
            self.points.pop()
            self.tags.pop()
        if len(self.points) - start < 3:
            del self.points[start:], self.tags[start:]
        else:
            self.ends.append(len(self.points) - 1)

    def _shift(self, x: float, y: float) -> _Point:
        return x + self.offset[0], y + self.offset[1]

    def _add_points(self, *points: _Point, tags: Sequence[int]) -> None:
        self.points += points
        self.tags += tags

    def _split_line(self, start: _Point, end: _Point, segment: float) -> None:
        # n control points give n quadratic arcs that stay smooth when they are bent.
        n = ceil(_length(start, end) / segment) - 1
        for k in range(n):
            t = (k + 0.5) / n
            self._add_points(_mix(start, end, t), tags=(CONIC,))

    def _curve_to(self, *points: _Point, tags: Sequence[int]) -> None:
        curve = (self.points[-1], *points)
        self.curves[len(curve)].append(curve)
        if self._segment is not None:
            length = sum(map(_length, curve, points))
            for n_left in range(ceil(length / (2 * self._segment)), 1, -1):
                head, curve = _split(curve, 1 / n_left)
                self._add_points(*head[1:], tags=tags)
        self._add_points(*curve[1:], tags=tags)


def _length(a: _Point, b: _Point) -> float:
    # Not math.hypot: the square root is correctly rounded everywhere, hypot need not be.
    return sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2)


def _mix(a: _Point, b: _Point, t: float) -> _Point:
    return a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t


def _split(curve: tuple[_Point, ...], t: float) -> tuple[tuple[_Point, ...], tuple[_Point, ...]]:
    """Cut a Bezier curve at t by de Casteljau's construction."""
    head, tail = [curve[0]], [curve[-1]]
    while len(curve) > 1:
        curve = tuple(_mix(a, b, t) for a, b in pairwise(curve))
        head.append(curve[0])
        tail.append(curve[-1])
    return tuple(head), tuple(tail[::-1])


def draw_functions() -> hb.DrawFuncs:
    """Return HarfBuzz's callbacks for a ``ContourPen`` given as draw data."""
    functions = hb.DrawFuncs()
    functions.set_move_to_func(lambda x, y, pen: pen.move_to(x, y))
    functions.set_line_to_func(lambda x, y, pen: pen.line_to(x, y))
    functions.set_quadratic_to_func(lambda a, b, x, y, pen: pen.quadratic_to(a, b, x, y))
    functions.set_cubic_to_func(lambda a, b, c, d, x, y, pen: pen.cubic_to(a, b, c, d, x, y))
    functions.set_close_path_func(lambda pen: pen.close())
    return functions
