"""Which contours of an outline are one piece of ink.

The contours of all outlines are looked at together: points lie one after the other, (n, 2), with
FreeType's tags; ``contour_ends`` tells the last point of each contour, ``n_contours`` how many each
outline has.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines.cell_store import list_starts
from glyphgen.outlines.contours import CONIC, CUBIC, ON
from glyphgen.outlines.shape import find_box, list_neighbors
from glyphgen.partition import join_groups

__all__ = ["find_pieces", "list_edges", "measure_contours", "place_pieces"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Counts = NDArray[np.int32]

_CHORDS = 4  # of a curve; the sag of one is a sixteenth of the curve's own
_MOST_AT_ONCE = 1 << 18  # pairs of edges that are looked at together


def measure_contours(points: Floats, contour_ends: Ints, n_contours: Counts) -> Floats:
    """Return twice the area within each contour, above 0 where it has ink inside, as the largest has."""
    if not len(contour_ends):
        return np.zeros(0)
    _, after = list_neighbors(len(points), contour_ends)
    crossed = points[:, 0] * points[after, 1] - points[after, 0] * points[:, 1]
    areas = np.add.reduceat(crossed, np.concatenate([[0], contour_ends[:-1] + 1]))
    firsts = (np.cumsum(n_contours) - n_contours)[n_contours > 0]
    is_turned = np.maximum.reduceat(areas, firsts) < -np.minimum.reduceat(areas, firsts)
    signs: Floats = np.repeat(np.where(is_turned, -1.0, 1.0), n_contours[n_contours > 0])
    return areas * signs


def find_pieces(
    points: Floats, tags: NDArray[np.uint8], contour_ends: Ints, n_contours: Counts, areas: Floats
) -> Ints:
    """Return for each contour the number of its piece of ink within its outline: (n_contours.sum(),).

    A piece is outer contours whose ink overlaps or touches, as variable fonts draw the strokes of a
    letter, with the holes within them. Pieces are numbered in the order of their outer contours.

    Args:
        points: (n, 2), of all contours.
        tags: (n,), FreeType's.
        contour_ends: The last point of each contour.
        n_contours: Of each outline.
        areas: Of each contour, as ``measure_contours`` gives them.
    """
    pieces = np.zeros(len(contour_ends), dtype=np.int64)
    if not (n_contours > 1).any():
        return pieces
    edges, owner, _ = list_edges(points, tags, contour_ends)
    crossing = _find_crossings(edges, owner, n_contours)
    firsts = np.cumsum(n_contours) - n_contours
    cuts = np.searchsorted(crossing[:, 0], [*firsts.tolist(), len(contour_ends)])
    by_contour = edges[np.argsort(owner, kind="stable")]
    edge_cuts = np.cumsum(np.bincount(owner, minlength=len(contour_ends)))
    of_contour = np.split(by_contour, edge_cuts[:-1])
    for outline in np.flatnonzero(n_contours > 1).tolist():
        own = slice(firsts[outline], firsts[outline] + n_contours[outline])
        groups = (crossing[cuts[outline] : cuts[outline + 1]] - firsts[outline]).tolist()
        groups += _list_surrounded(of_contour[own], areas[own])
        pieces[own] = _number_pieces(groups, areas[own])
    return pieces


def place_pieces(
    points: Floats,
    pieces: Ints,
    contour_ends: Ints,
    n_contours: Counts,
) -> tuple[NDArray[np.uint16], Counts, Floats]:
    """Return the piece of every point, how many each outline has, and the center of every piece.

    Args:
        points, contour_ends, n_contours: As for ``find_pieces``.
        pieces: As it gives them.
    """
    inked = np.flatnonzero(n_contours)
    n_pieces = np.zeros(len(n_contours), dtype=np.int32)
    if not len(inked):
        return np.zeros(0, dtype=np.uint16), n_pieces, np.zeros((0, 2))
    n_pieces[inked] = np.maximum.reduceat(pieces, list_starts(n_contours)[inked]) + 1
    number = (
        np.repeat(list_starts(n_pieces), n_contours) + pieces
    )  # of each contour, among all pieces
    n_points = np.diff(contour_ends, prepend=-1)
    of_point = np.repeat(number, n_points)
    order = np.argsort(of_point, kind="stable")
    box = find_box(points[order], np.searchsorted(of_point[order], np.arange(n_pieces.sum())))
    return np.repeat(pieces, n_points).astype(np.uint16), n_pieces, (box[:, :2] + box[:, 2:]) / 2


def _list_surrounded(contours: list[Floats], areas: Floats) -> Iterator[tuple[int, ...]]:
    """Yield each contour of one outline with those of the same piece that it lies in.

    Args:
        contours: Of each its edges, (m, k, 2).
        areas: Of each.
    """
    low, high = (np.array([end(c, axis=(0, 1)) for c in contours]) for end in (np.min, np.max))
    smallest_first = np.argsort(np.abs(areas), kind="stable")
    for k, contour in enumerate(contours):
        point = contour[0, 0]
        near = ((low <= point) & (point <= high)).all(axis=1)
        near[k] = False
        around = [
            other
            for other in smallest_first[near[smallest_first]].tolist()
            if _holds(contours[other], point)
        ]
        if areas[k] <= 0:
            yield k, next((other for other in around if areas[other] > 0), k)
            continue
        # An outer contour within ink is more of that ink; in a hole it is a piece of its own.
        covering: list[int] = []
        for other in reversed(around):
            if areas[other] > 0:
                covering.append(other)
            elif covering:
                covering.pop()
        yield k, *covering


def _number_pieces(groups: Iterable[Sequence[int]], areas: Floats) -> list[int]:
    """Return the number of each contour's piece, given contours that are in one piece."""
    n = len(areas)
    order = np.arange(n) + np.where(areas > 0, 0, n)
    joined = join_groups(n, groups).tolist()
    first: dict[int, int] = {}
    for piece, place in zip(joined, order.tolist(), strict=True):
        first[piece] = min(place, first.get(piece, place))
    numbers = {piece: k for k, piece in enumerate(sorted(first, key=first.__getitem__))}
    return [numbers[piece] for piece in joined]


def _find_crossings(edges: Floats, owner: Ints, n_contours: Counts) -> Ints:
    """Return the pairs of contours of one outline that cross or touch, in order: (k, 2)."""
    outline = np.repeat(np.arange(len(n_contours)), n_contours)[owner]
    # Edges by their left ends: those that one can meet follow it, up to its right end.
    low, high = edges.min(axis=1), edges.max(axis=1)
    order = np.lexsort((low[:, 0], outline))
    order = order[n_contours[outline[order]] > 1]
    low, high, owner, outline = low[order], high[order], owner[order], outline[order]
    levels, rank = np.unique(np.concatenate([low[:, 0], high[:, 0]]), return_inverse=True)
    left, right = outline * len(levels) + np.split(rank, 2)
    n_following = np.searchsorted(left, right, side="right") - np.arange(len(order)) - 1
    found = [np.zeros((0, 2), dtype=np.int64)]
    for part in _cut(np.arange(len(order)), n_following):
        number, other = _expand(part + 1, n_following[part])
        one = part[number]
        near = (
            (owner[one] != owner[other])
            & (low[one, 1] <= high[other, 1])
            & (low[other, 1] <= high[one, 1])
        )
        one, other = one[near], other[near]
        meet = _meet(edges[order[one]], edges[order[other]])
        found.append(np.sort(np.stack([owner[one[meet]], owner[other[meet]]], axis=1)))
    return np.unique(np.concatenate(found), axis=0)


def list_edges(
    points: Floats, tags: NDArray[np.uint8], contour_ends: Ints, *, n_chords: int = _CHORDS
) -> tuple[Floats, Ints, Ints]:
    """Return points from end to end of each line and curve, (m, n_chords + 1, 2), and whose they are.

    Args:
        points, tags, contour_ends: As for ``find_pieces``.
        n_chords: Of each curve.

    Returns:
        The points, the contour of each edge, and the point that it belongs to: by these, edges follow
        each other around their contour.
    """
    before, after = list_neighbors(len(points), contour_ends)
    lines = np.flatnonzero((tags == ON) & (tags[after] == ON))
    # The other chords of a line are but its end: its own points stay as they are.
    ends = np.repeat(points[after[lines], None], n_chords, axis=1)
    edges, at = [np.concatenate([points[lines, None], ends], axis=1)], [lines]
    conics = np.flatnonzero(tags == CONIC)
    controls = points[conics]
    # Between two control points in a row lies a point of the curve, halfway.
    first, last = (
        np.where((tags[near] == ON)[:, None], points[near], (controls + points[near]) / 2)
        for near in (before[conics], after[conics])
    )
    cubics = np.flatnonzero((tags == CUBIC) & (tags[before] == ON))
    second = after[cubics]
    cubic = (points[before[cubics]], points[cubics], points[second], points[after[second]])
    for owning, curve in ((conics, (first, controls, last)), (cubics, cubic)):
        edges.append(_sample(np.stack(curve, axis=1), n_chords))
        at.append(owning)
    owner = np.repeat(np.arange(len(contour_ends)), np.diff(contour_ends, prepend=-1))
    numbers = np.concatenate(at)
    return np.concatenate(edges), owner[numbers], numbers


def _sample(curves: Floats, n_chords: int) -> Floats:
    """Return points of Bezier curves from end to end: (n, k, 2) -> (n, n_chords + 1, 2)."""
    t = np.linspace(0.0, 1.0, n_chords + 1)[None, :, None]
    points = [curves[:, k, None] for k in range(curves.shape[1])]
    while len(points) > 1:
        points = [a * (1 - t) + b * t for a, b in pairwise(points)]
    return points[0]


def _cut(numbers: Ints, costs: Ints) -> Iterator[Ints]:
    """Yield the numbers in parts of about so much cost."""
    cuts = np.flatnonzero(np.diff(np.cumsum(costs) // _MOST_AT_ONCE)) + 1
    return (part for part in np.split(numbers, cuts) if len(part))


def _expand(first: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Return for runs of numbers which run each number is of, and the number: both (counts.sum(),)."""
    number = np.repeat(np.arange(len(counts)), counts)
    return number, first[number] + np.arange(len(number)) - (np.cumsum(counts) - counts)[number]


def _meet(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Tell of pairs of edges (m, k, 2) whether a chord of one meets a chord of the other."""
    n = a.shape[1] - 1
    of_a, of_b = np.divmod(np.arange(n * n), n)
    one, other = (
        np.stack([edges[:, chord], edges[:, chord + 1]], axis=2)
        for edges, chord in ((a, of_a), (b, of_b))
    )
    meet = np.all(
        (one.min(axis=2) <= other.max(axis=2)) & (other.min(axis=2) <= one.max(axis=2)), axis=2
    )
    near_one, near_other = one[meet], other[meet]
    apart = np.zeros(len(near_one), dtype=bool)
    for p, q in ((near_one, near_other), (near_other, near_one)):
        along, to = (p[:, 1] - p[:, 0])[:, None], q - p[:, :1]
        side = along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0]
        apart |= side[:, 0] * side[:, 1] > 0
    meet[meet] = ~apart
    any_meet: NDArray[np.bool_] = meet.any(axis=1)
    return any_meet


def _holds(edges: Floats, point: Floats) -> bool:
    """Tell whether a point lies in the contour of some edges, (m, k, 2), by counting those to its right."""
    x, y, x_next, y_next = edges[:, :-1, 0], edges[:, :-1, 1], edges[:, 1:, 0], edges[:, 1:, 1]
    crosses = (y > point[1]) != (y_next > point[1])
    rise = np.where(crosses, y_next - y, 1.0)
    at = x + (point[1] - y) / rise * (x_next - x)
    return bool((crosses & (at > point[0])).sum() % 2)
