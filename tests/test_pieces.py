"""Which contours are one piece of ink, by what they draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from glyphgen.outlines import pieces as module
from glyphgen.outlines.contours import CONIC, CUBIC, ON
from glyphgen.outlines.pieces import find_pieces, measure_contours

Point = tuple[float, float]
Contour = list[tuple[float, float, int]]


def line(*points: Point) -> Contour:
    return [(x, y, ON) for x, y in points]


def box(left: float, low: float, right: float, high: float) -> Contour:
    return line((left, low), (left, high), (right, high), (right, low))


def hole(left: float, low: float, right: float, high: float) -> Contour:
    return box(left, low, right, high)[::-1]


def circle(x: float, y: float, r: float, tag: int = CONIC) -> Contour:
    """Four arcs; for quadratic ones the corners alone, with the points between them implied."""
    if tag == CONIC:
        return [(x - r, y - r, tag), (x - r, y + r, tag), (x + r, y + r, tag), (x + r, y - r, tag)]
    k = 0.5523 * r
    quarters = [
        (-r, 0, -r, k, -k, r),
        (0, r, k, r, r, k),
        (r, 0, r, -k, k, -r),
        (0, -r, -k, -r, -r, -k),
    ]
    return [
        (x + dx, y + dy, ON if n == 0 else tag)
        for quarter in quarters
        for n, (dx, dy) in enumerate(zip(quarter[::2], quarter[1::2], strict=True))
    ]


def pieces_of(*outlines: list[Contour]) -> list[list[int]]:
    contours = [contour for outline in outlines for contour in outline]
    table = np.array([point for contour in contours for point in contour], np.float64).reshape(
        -1, 3
    )
    ends = np.cumsum([len(contour) for contour in contours]).astype(np.int64) - 1
    counts = np.array([len(outline) for outline in outlines], np.int32)
    points, tags = table[:, :2] / 1000, table[:, 2].astype(np.uint8)
    found = find_pieces(points, tags, ends, counts, measure_contours(points, ends, counts))
    return [part.tolist() for part in np.split(found, np.cumsum(counts)[:-1])]


PLUS = [box(360, 0, 440, 700), box(100, 300, 700, 380)]
APART = [box(0, 0, 100, 100), box(200, 0, 300, 100)]


@pytest.mark.parametrize(
    ("outline", "expected"),
    [
        ([box(0, 0, 9, 9)], [0]),
        (APART, [0, 1]),
        (PLUS, [0, 0]),
        ([contour[::-1] for contour in PLUS], [0, 0]),
        ([*APART, box(50, 40, 250, 60)], [0, 0, 0]),  # joined by a third
        ([box(0, 0, 100, 100), box(100, 0, 200, 100)], [0, 0]),  # an edge in common
        ([box(0, 0, 100, 100), box(100, 100, 200, 200)], [0, 0]),  # a corner in common
        ([box(0, 0, 100, 100), box(20, 20, 40, 40)], [0, 0]),  # ink in ink
        ([box(0, 0, 100, 100), box(20, 20, 40, 40), box(20, 20, 40, 40)], [0, 0, 0]),
        ([box(0, 0, 100, 100), hole(10, 10, 90, 90)], [0, 0]),
        ([hole(10, 10, 90, 90), box(0, 0, 100, 100)], [0, 0]),
        ([box(0, 0, 100, 100), hole(10, 10, 90, 90), box(40, 40, 60, 60)], [0, 0, 1]),
        # A stroke that stands in the hole and reaches the ring, as in R.
        ([box(0, 0, 100, 100), hole(10, 10, 90, 90), box(40, 5, 60, 60)], [0, 0, 0]),
        ([box(0, 0, 99, 99), hole(9, 9, 90, 90), box(40, 40, 60, 60), hole(45, 45, 55, 55)], [0, 0, 1, 1]),
        ([*APART, hole(210, 10, 290, 90)], [0, 1, 1]),
        ([box(0, 0, 100, 100), hole(200, 10, 290, 90)], [0, 1]),  # a hole in nothing
        ([box(0, 0, 300, 100), hole(10, 10, 90, 90), hole(110, 10, 190, 90)], [0, 0, 0]),
    ],
)  # fmt: skip
def test_contours_whose_ink_overlaps_are_one_piece(
    outline: list[Contour], expected: list[int]
) -> None:
    assert pieces_of(outline) == [expected]
    # Other outlines in the same place change nothing.
    assert pieces_of([], PLUS, outline, APART, [], outline)[2] == expected


@pytest.mark.parametrize("tag", [CONIC, CUBIC])
def test_curves_are_where_their_ink_is(tag: int) -> None:
    corner = circle(0, 0, 100, tag)
    # 84 is beyond the arc, which is at 71 there, and within the box of its control points.
    assert pieces_of([corner, circle(184, 184, 100, tag)]) == [[0, 1]]
    assert pieces_of([corner, circle(140, 140, 100, tag)]) == [[0, 0]]
    assert pieces_of([corner, box(85, 85, 95, 95)]) == [[0, 1]]
    assert pieces_of([corner, box(60, 60, 95, 95)]) == [[0, 0]]
    assert pieces_of([corner, circle(0, 0, 90, tag)[::-1], circle(0, 0, 40, tag)]) == [[0, 0, 1]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(*[st.integers(0, 30)] * 2, *[st.integers(1, 12)] * 2), min_size=1, max_size=8
        ),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([1, 7, 1 << 18]),
)
def test_boxes_are_one_piece_where_they_meet_in_a_picture(
    corners: list[list[tuple[int, int, int, int]]], at_once: int
) -> None:
    def expect(outline: list[tuple[int, int, int, int]]) -> list[int]:
        boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in outline])
        meet: NDArray[np.bool_] = np.all(
            (boxes[:, None, :2] <= boxes[None, :, 2:]) & (boxes[None, :, :2] <= boxes[:, None, 2:]),
            axis=2,
        )
        for _ in outline:
            meet = (meet @ meet).astype(bool)
        return list(np.unique(meet.argmax(axis=1), return_inverse=True)[1])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_MOST_AT_ONCE", at_once)
        outlines = [[box(x, y, x + w, y + h) for x, y, w, h in outline] for outline in corners]
        assert pieces_of(*outlines) == [expect(outline) for outline in corners]


def test_areas_are_positive_where_ink_is_inside() -> None:
    def areas(*contours: Contour) -> list[float]:
        table = np.array([point for contour in contours for point in contour], np.float64)
        ends = np.cumsum([len(contour) for contour in contours]).astype(np.int64) - 1
        return list(measure_contours(table[:, :2], ends, np.array([len(contours)], np.int32)))

    ring = [box(0, 0, 10, 10), hole(1, 1, 5, 5)]
    assert areas(*ring) == [200, -32]
    assert areas(*(contour[::-1] for contour in ring)) == [200, -32]
