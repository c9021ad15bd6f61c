"""Strokes -> centre lines of a fixed number of points, in up to four ways to take their corners."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["N_POINTS", "STARTS", "STIFF", "STOPS", "WAYS", "CentreLines", "make_lines"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_POINTS = 12  # of each line; a stroke is one or more, which meet at its corners

STARTS, STOPS, STIFF = 1, 2, 4
"""Flags of a line: it begins a stroke, it ends one, it goes on smoothly into another."""

WAYS = 4
"""A stroke with sharp corners, with round ones, with loops, and without the short parts at its ends."""

_STEP = 0.01  # em between the points that a stroke is looked at
_REACH = 3  # steps to either side, between which a line turns at a corner
# Turns are chords of the unit circle, which take no sine: nearly radians where they are small.
_CORNER, _LOOPED = 0.85, (1.15, 1.93)  # 50, and 70 to 150 degrees
_MOST_TURN = 3.5  # of one line
_BACK = 1.7  # 116 degrees: a flag and a hook come back; what does not is a part of the character
_SMOOTHED = 8  # steps to either side, that round a corner
_LOOP = 0.045  # em, the size of a loop
_FLAG, _HOOK = (
    0.27,
    0.15,
)  # of a stroke's length: what is shorter before its first, after its last corner
_TURN_EM = 0.06  # length that a turn of 1 counts for, where points are placed


@dataclass(frozen=True, slots=True, kw_only=True)
class CentreLines:
    """The centre lines of some characters: T strokes, L lines.

    Attributes:
        first_stroke, n_strokes: int64 (characters,).
        box: (characters, 4), left, bottom, right, top.
        first_line, n_lines: int64 (T, WAYS), of each stroke; a way that it has no use for is the first.
        length: (T,), of each stroke, in em.
        center: (T, 2), of its box.
        turns: bool (T,), whether it has corners.
        x, y: (L, N_POINTS), in em.
        flags: int64 (L,).
    """

    first_stroke: Ints
    n_strokes: Ints
    box: Floats
    first_line: Ints
    n_lines: Ints
    length: Floats
    center: Floats
    turns: NDArray[np.bool_]
    x: Floats
    y: Floats
    flags: Ints


def make_lines(characters: Sequence[Sequence[Floats]]) -> CentreLines:
    """Return the centre lines of characters, each a list of strokes (n, 2) in their order."""
    strokes = [stroke for character in characters for stroke in character]
    counts = np.array([len(character) for character in characters], dtype=np.int64)
    lines: list[Floats] = []
    flags: list[int] = []
    first, n = np.zeros((2, len(strokes), WAYS), dtype=np.int64)
    length, turns = np.zeros(len(strokes)), np.zeros(len(strokes), dtype=np.bool_)
    center = np.zeros((len(strokes), 2))
    for k, stroke in enumerate(strokes):
        path, length[k] = _space_evenly(stroke)
        center[k] = (path.min(axis=0) + path.max(axis=0)) / 2
        corners = _find_corners(path)
        turns[k] = len(corners) > 0
        ways = [(path, corners)]
        if turns[k]:
            rounded, looped = _smooth(path, _SMOOTHED), _smooth(_loop(path, corners), 1)
            ways += [(rounded, []), (looped, []), _trim(path, corners)]
        for way, (drawn, cuts) in enumerate(ways):
            first[k, way] = len(lines)
            _cut(drawn, cuts, lines, flags)
            n[k, way] = len(lines) - first[k, way]
        first[k, len(ways) :], n[k, len(ways) :] = first[k, 0], n[k, 0]
    points = np.array(lines, dtype=np.float64).reshape(-1, N_POINTS, 2)
    return CentreLines(
        first_stroke=np.cumsum(counts) - counts,
        n_strokes=counts,
        box=np.array([_find_box(character) for character in characters]).reshape(-1, 4),
        first_line=first,
        n_lines=n,
        length=length,
        center=center,
        turns=turns,
        x=points[..., 0],
        y=points[..., 1],
        flags=np.array(flags, dtype=np.int64),
    )


def _find_box(character: Sequence[Floats]) -> Floats:
    points = np.concatenate(character)
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _space_evenly(stroke: Floats) -> tuple[Floats, float]:
    """Return points on a stroke at equal distances, and how long it is."""
    steps = np.sqrt((np.diff(stroke, axis=0) ** 2).sum(axis=1))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    if along[-1] < _STEP:  # a dot
        stroke, along = stroke[:1] + np.array([[0.0, 0.0], [_STEP, 0.0]]), np.array([0.0, _STEP])
    n = max(2 * _REACH + 2, int(along[-1] / _STEP) + 1)
    at = np.linspace(0.0, along[-1], n)
    return _interpolate(at, along, stroke), float(along[-1])


def _interpolate(at: Floats, along: Floats, points: Floats) -> Floats:
    return np.stack([np.interp(at, along, points[:, k]) for k in (0, 1)], axis=1)


def _find_turns(path: Floats, reach: int) -> Floats:
    """Return by how much a path turns about each of its points, 0 to 2; 0 near its ends."""
    turns = np.zeros(len(path))
    if len(path) <= 2 * reach:
        return turns
    before = _unit(path[reach:-reach] - path[: -2 * reach])
    after = _unit(path[2 * reach :] - path[reach:-reach])
    turns[reach:-reach] = np.sqrt(((after - before) ** 2).sum(axis=1))
    return turns


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    unit: Floats = vectors / np.maximum(length, 1e-9)
    return unit


def _find_corners(path: Floats) -> list[int]:
    turns = _find_turns(path, _REACH)
    corners: list[int] = []
    for k in np.argsort(-turns, kind="stable").tolist():
        if turns[k] < _CORNER:
            break
        if all(abs(k - other) > 2 * _REACH for other in corners):
            corners.append(k)
    return sorted(corners)


def _smooth(path: Floats, reach: int) -> Floats:
    """Return a path whose corners are round; its ends stay."""
    for _ in range(2):
        padded = np.concatenate([
            2 * path[0] - path[reach:0:-1], path, 2 * path[-1] - path[-2 : -reach - 2 : -1],
        ])  # fmt: skip
        if len(padded) < len(path) + 2 * reach:
            return path  # too short to have anything to smooth
        sums = np.cumsum(np.concatenate([np.zeros((1, 2)), padded]), axis=0)
        path = (sums[2 * reach + 1 :] - sums[: -2 * reach - 1]) / (2 * reach + 1)
    return path


def _loop(path: Floats, corners: Sequence[int]) -> Floats:
    """Return a path that goes on beyond its corners, and comes back around."""
    turns = _find_turns(path, _REACH)
    parts, start = [], 0
    for k in corners:
        if not _LOOPED[0] <= turns[k] <= _LOOPED[1]:
            continue
        inward, outward = path[k] - path[k - _REACH], path[k + _REACH] - path[k]
        inward, outward = _unit(np.stack([inward, outward])) * _LOOP
        beyond = [path[k] + inward, path[k] + inward - outward, path[k] - outward]
        parts += [
            path[start : k + 1],
            _space_evenly(np.array([path[k], *beyond, path[k]]))[0][1:-1],
        ]
        start = k
    return np.concatenate([*parts, path[start:]])


def _trim(path: Floats, corners: Sequence[int]) -> tuple[Floats, list[int]]:
    """Return a path without the hooks at its ends, and the corners that are left."""
    last, turns = len(path) - 1, _find_turns(path, _REACH)
    start, end = 0, last
    if corners[0] < _FLAG * last and turns[corners[0]] > _BACK:
        start = corners[0]
    if last - corners[-1] < _HOOK * last and turns[corners[-1]] > _BACK and corners[-1] > start:
        end = corners[-1]
    return path[start : end + 1], [k - start for k in corners if start < k < end]


def _cut(path: Floats, corners: Sequence[int], lines: list[Floats], flags: list[int]) -> None:
    """Add the lines of a stroke, from corner to corner, none of which turns too much."""
    ends = [0, *corners, len(path) - 1]
    for start, end in pairwise(ends):
        piece = path[start : end + 1]
        steps = np.diff(piece, axis=0)
        length = np.sqrt((steps * steps).sum(axis=1))
        turn = _find_turns(piece, 1)
        n = max(1, int(np.ceil(turn.sum() / _MOST_TURN)))
        # Points gather where a line turns.
        measure = length + _TURN_EM * (turn[1:] + turn[:-1]) / 2
        along = np.concatenate([[0.0], np.cumsum(measure)])
        at = np.linspace(0.0, along[-1], n * (N_POINTS - 1) + 1)
        points = _interpolate(at, along, piece)
        for k in range(n):
            lines.append(points[k * (N_POINTS - 1) : (k + 1) * (N_POINTS - 1) + 1])
            is_first, is_last = start == 0 and k == 0, end == ends[-1] and k == n - 1
            flags.append(STARTS * is_first + STOPS * is_last + STIFF * (n > 1))
