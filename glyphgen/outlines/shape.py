"""Facts of many outlines, found from their points: hulls, normals, bends.

The points of all outlines lie one after the other, (n, 2), x and y; ``starts`` tells where each
outline begins. Every outline has points.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import cos_sin_deg

__all__ = [
    "bend_shares",
    "cross_tangents",
    "find_box",
    "find_hull",
    "find_normals",
    "list_directions",
    "list_neighbors",
    "sample_curves",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAMPLED_AT = np.arange(1, 8) / 8.0  # parameters at which curves are sampled
_BEND_UNIT = 1024  # of the share that a node has in the bending of a point
_LONGEST_MITER = 2.0


def sample_curves(curves: Floats) -> Floats:
    """Return points on Bezier curves, dense enough for a box of the ink.

    Args:
        curves: (n, 3, 2) or (n, 4, 2), the control points.

    Returns:
        (n, 7, 2). What bulges out between two samples is below 1/256 of the curve's own bulge.
    """
    points = [curves[:, k, None] for k in range(curves.shape[1])]
    t = _SAMPLED_AT[None, :, None]
    while len(points) > 1:
        points = [a + (b - a) * t for a, b in pairwise(points)]
    return points[0]


def find_box(points: Floats, starts: Ints) -> Floats:
    """Return left, bottom, right, top of each outline: (n_outlines, 4)."""
    low = np.minimum.reduceat(points, starts)
    return np.concatenate([low, np.maximum.reduceat(points, starts)], axis=1)


def find_hull(points: Floats, starts: Ints, n_directions: int) -> Floats:
    """Return corners of a polygon about each outline: (n_outlines, n_directions, 2).

    Corner k is where the tangents in directions k and k + 1, of n_directions about the circle, meet.
    """
    cos, sin = list_directions(n_directions)
    reach = np.stack(
        [
            np.maximum.reduceat(points[:, 0] * c + points[:, 1] * s, starts)
            for c, s in zip(cos, sin, strict=True)
        ],
        axis=1,
    )
    return cross_tangents(reach)


def list_directions(n: int) -> tuple[Floats, Floats]:
    """Return cosine and sine of n directions about the circle: (n,) each."""
    return cos_sin_deg(np.arange(n) * (360.0 / n))


def cross_tangents(reach: Floats) -> Floats:
    """Return where the tangents of neighboring directions meet: (m, n, 2).

    Args:
        reach: (m, n), how far each of m shapes goes in each of n directions.
    """
    cos, sin = list_directions(reach.shape[1])
    cos_next, sin_next, reach_next = (np.roll(a, -1, axis=-1) for a in (cos, sin, reach))
    cross = cos * sin_next - sin * cos_next
    x = (reach * sin_next - reach_next * sin) / cross
    y = (reach_next * cos - reach * cos_next) / cross
    return np.stack([x, y], axis=2)


def find_normals(points: Floats, starts: Ints, contour_ends: Ints) -> Floats:
    """Return where each point goes when the ink grows by one unit on either side: (n, 2).

    The miter of the two edges at a point, at most 2 long. Ink lies on the side that makes the total
    area of the outline's contours positive.
    """
    before, after = list_neighbors(len(points), contour_ends)
    incoming, outgoing = _unit(points - points[before]), _unit(points[after] - points)
    # Where a point doubles its neighbor, the edge has no direction: borrow the other one's.
    none_in, none_out = (~edge.any(axis=1, keepdims=True) for edge in (incoming, outgoing))
    incoming, outgoing = (
        np.where(none_in, outgoing, incoming),
        np.where(none_out, incoming, outgoing),
    )
    total = incoming + outgoing
    cosine = (incoming * outgoing).sum(axis=1, keepdims=True)
    miter = total / np.maximum(1.0 + cosine, 2.0 / _LONGEST_MITER**2)
    area = np.add.reduceat(_cross(points, points[after]), starts)
    side = np.repeat(np.where(area > 0, 1.0, -1.0), np.diff([*starts, len(points)]))
    return np.stack([miter[:, 1] * side, -miter[:, 0] * side], axis=1)


def bend_shares(points: Floats, counts: Ints, boxes: Floats, grid: int) -> NDArray[np.int16]:
    """Return the share of each of grid x grid nodes in the bending of each point, in 1024ths.

    Quadratic B-splines with clamped ends over the square about the ink, rounded to multiples of
    1 / 1024, so that single precision sums of shares times 13-bit numbers are exact in any order.

    Args:
        points: (n, 2).
        counts: Points of each outline.
        boxes: (n_outlines, 4), as ``find_box`` gives them.
        grid: Nodes a side, 2 or more; 0 gives shares of no nodes.

    Returns:
        (n, grid**2), but that the shares of each outline lie node by node: those of its points in the
        first node, then in the second.

    Source: de Boor, "A Practical Guide to Splines", chapter IX.
    """
    if not grid:
        return np.zeros((len(points), 0), dtype=np.int16)
    side = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    side = np.where(side > 0, side, 1.0)[:, None]
    origin = (boxes[:, :2] + boxes[:, 2:]) / 2 - side / 2
    at = (points - np.repeat(origin, counts, axis=0)) / np.repeat(side, counts, axis=0)
    across, up = (_spline_basis(np.clip(at[:, k], 0.0, 1.0), grid) for k in (0, 1))
    n_nodes = grid * grid
    shares = (up[:, :, None] * across[:, None, :]).reshape(len(points), n_nodes)
    start = np.repeat(np.cumsum(counts) - counts, counts)[:, None]
    within = np.arange(len(points))[:, None] - start
    places = start * n_nodes + np.arange(n_nodes) * np.repeat(counts, counts)[:, None] + within
    by_node = np.empty(shares.size, dtype=np.int16)
    by_node[places] = np.rint(shares * _BEND_UNIT)
    return by_node.reshape(shares.shape)


def _spline_basis(t: Floats, n: int) -> Floats:
    degree = min(2, n - 1)
    inner = np.arange(1, n - degree) / (n - degree)
    knots = np.concatenate([np.zeros(degree + 1), inner, np.ones(degree + 1)])
    span = np.clip(np.searchsorted(knots, t, side="right") - 1, degree, n - 1)
    basis = np.zeros((len(t), len(knots) - 1))
    basis[np.arange(len(t)), span] = 1.0
    for d in range(1, degree + 1):
        for k in range(len(knots) - 1 - d):
            left, right = knots[k + d] - knots[k], knots[k + d + 1] - knots[k + 1]
            rising = (t - knots[k]) / left * basis[:, k] if left else 0.0
            falling = (knots[k + d + 1] - t) / right * basis[:, k + 1] if right else 0.0
            basis[:, k] = rising + falling
    return basis[:, :n]


def list_neighbors(n: int, contour_ends: Ints) -> tuple[Ints, Ints]:
    """Return the index of the point before and after each of n points on its contour."""
    before, after = np.arange(n) - 1, np.arange(n) + 1
    contour_starts = np.concatenate([[0], contour_ends[:-1] + 1])
    before[contour_starts], after[contour_ends] = contour_ends, contour_starts
    return before, after


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)
    return unit


def _cross(a: Floats, b: Floats) -> Floats:
    crossed: Floats = a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1]
    return crossed
