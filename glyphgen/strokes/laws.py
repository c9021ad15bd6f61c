"""What a hand does to centre lines: moved, turned, bowed, trembling, too long or too short, joined.

Arrays over the lines of many characters: points are (S, 12), all else is (S,) or (S, n). Every step is one
IEEE operation on each number, so that the result is the same on every machine and in any company.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import cos_sin_deg
from glyphgen.recipe import Hand
from glyphgen.streams import mix_words, split_words
from glyphgen.strokes.centre_lines import N_POINTS, STARTS, STIFF, STOPS

__all__ = [
    "CARE",
    "LAWS",
    "NODES",
    "N_NUMBERS",
    "OF_WHOLE",
    "PEN",
    "WAY",
    "Lines",
    "draw_care",
    "find_radius",
    "join_lines",
    "list_laws",
    "move_lines",
    "warp_lines",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LAWS = (
    *("pen", "spread", "pressure", "taper", "dots"),
    *("join", "tremor", "overshoot", "shift", "turn", "scale", "bow", "warp"),
)
"""Columns of the laws of a face: the pen's width, how far a row's may differ from it, and the rest as in
``Hand``. Those from ``join`` on are taken in part by a careful row."""

_CARED = LAWS.index("join")
_LEAST_CARE = 0.35  # of the laws, that the most careful hand and row keep to

N_NUMBERS = 16
"""Random numbers from -1 to 1 that a stroke has, in this order."""
(_SHIFT_X, _SHIFT_Y, _TURN, _SCALE, _BOW, _START, _STOP, _TREMOR_X, _TREMOR_Y, _TREMOR, _WIDTH, _SLOPE,
 _TAPER, _JOIN, _FAR, _SPARE) = range(N_NUMBERS)  # fmt: skip
OF_WHOLE = 2
"""As many times 16 numbers has a character as a whole, before those of its strokes, in this order."""
PEN, CARE, WAY, NODES = 0, 1, 2, slice(3, 21)

_SHORT = 0.25  # em: shorter strokes are dots, the more the shorter
_FREER = 3.0  # times as far, at most, turns and grows a dot
_FEW, _FEW_BROAD = 4.0, 9.0  # strokes, above which movements, and pens, get smaller
_MOST_CUT = 0.3  # of a stroke's length, that its end may fall short by
_FARTHEST = 0.5  # em, over which a pen joins strokes
_NEAR = 0.25  # em, over which it may reach the next
_FALLING = 4  # points, over which what an end does dies away
_N_TREMORS = 256

_AT = np.arange(N_POINTS) / (N_POINTS - 1)
# The second leaves the way that a line goes at its ends as it is.
_BOWED = np.stack([4 * _AT * (1 - _AT), 16 * _AT * _AT * (1 - _AT) * (1 - _AT)])
_SLOPED = 2 * _AT - 1
_TAPERED = _AT * _AT
_ENDED = np.maximum(0.0, 1 - (N_POINTS - 1 - np.arange(N_POINTS)) / _FALLING)
_STARTED = _ENDED[::-1].copy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """S lines of many characters.

    Attributes:
        x, y: (S, 12), in em; changed in place.
        flags: int64 (S,), see ``centre_lines``.
        length, center_x, center_y: (S,), of each line's stroke.
        n_strokes: (S,), of its character.
        numbers: (S, 16), of its stroke.
        laws: (S, len(LAWS)), by which it is moved.
    """

    x: Floats
    y: Floats
    flags: Ints
    length: Floats
    center_x: Floats
    center_y: Floats
    n_strokes: Floats
    numbers: Floats
    laws: Floats


def list_laws(hand: Hand, part: float, pen: float, spread: float) -> Floats:
    """Return a part of a hand's laws: (len(LAWS),).

    Args:
        hand: Whose.
        part: Of what is moved.
        pen, spread: In em.
    """
    whole = {name: getattr(hand, name) for name in ("pressure", "taper", "dots", "join")}
    moved = {name: part * getattr(hand, name) for name in LAWS[LAWS.index("tremor") :]}
    known = {"pen": pen, "spread": spread, **whole, **moved}
    return np.array([known[name] for name in LAWS])


def draw_care(laws: Floats, number: Floats) -> Floats:
    """Return the laws (n, len(LAWS)) that are kept to with a care that n numbers tell."""
    care = _LEAST_CARE + (1 - _LEAST_CARE) * (number + 1) / 2
    drawn = laws.copy()
    drawn[:, _CARED:] *= care[:, None]
    return drawn


def warp_lines(x: Floats, y: Floats, box: Floats, nodes: Floats) -> None:
    """Bend whole characters, in place, by quadratic curves of nine nodes over the square about them.

    Args:
        x, y: (S, P).
        box: (S, 4), left, bottom, right, top of each one's character.
        nodes: (S, 18), where each node goes, x and then y, as a fraction of the square's side.
    """
    side = np.maximum(np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]), 1e-9)
    across, up = (
        _list_shares((at - (box[:, k] + box[:, k + 2] - side)[:, None] / 2) / side[:, None])
        for k, at in enumerate((x, y))
    )
    nodes = nodes * side[:, None]
    for i in range(3):
        x += _bend_row(nodes[:, 3 * i : 3 * i + 3], across) * up[i]
        y += _bend_row(nodes[:, 9 + 3 * i : 12 + 3 * i], across) * up[i]


def _bend_row(nodes: Floats, across: tuple[Floats, Floats, Floats]) -> Floats:
    part = nodes[:, 0, None] * across[0]
    part += nodes[:, 1, None] * across[1]
    part += nodes[:, 2, None] * across[2]
    return part


def _list_shares(t: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the quadratic Bernstein polynomials."""
    t = t.clip(0.0, 1.0)
    rest = 1 - t
    return rest * rest, 2 * t * rest, t * t


def move_lines(lines: Lines) -> None:
    """Move the points of lines in place."""
    x, y, flags, length, laws = lines.x, lines.y, lines.flags, lines.length, lines.laws
    center_x, center_y = lines.center_x, lines.center_y
    law = dict(zip(LAWS, laws.T, strict=True))
    u = lines.numbers.T
    room = np.minimum(1.0, np.sqrt(_FEW / np.maximum(lines.n_strokes, 1)))
    short = np.maximum(0.0, 1 - length / _SHORT) * law["dots"]
    cos, sin = cos_sin_deg(u[_TURN] * law["turn"] * (1 + _FREER * short))
    grown = 1 + u[_SCALE] * law["scale"] * (1 + _FREER * short)
    cos, sin = (cos * grown)[:, None], (sin * grown)[:, None]
    shift = law["shift"] * room * (1 + short)
    x -= center_x[:, None]
    y -= center_y[:, None]
    moved_x = cos * x
    moved_x -= sin * y
    y *= cos
    x *= sin
    y += x
    x[:] = moved_x
    x += (center_x + u[_SHIFT_X] * shift)[:, None]
    y += (center_y + u[_SHIFT_Y] * shift)[:, None]
    bow = np.where((flags & STARTS) > 0, u[_BOW], u[_FAR]) * law["bow"]
    along_x, along_y = x[:, -1] - x[:, 0], y[:, -1] - y[:, 0]
    profile = _BOWED.take((flags & STIFF) // STIFF, axis=0)
    x -= (bow * along_y)[:, None] * profile
    y += (bow * along_x)[:, None] * profile
    _move_ends(x, y, flags, length, law["overshoot"] * room, u)
    _shake(x, y, law["tremor"] * room * np.abs(u[_TREMOR]), u)


def _move_ends(x: Floats, y: Floats, flags: Ints, length: Floats, most: Floats, u: Floats) -> None:
    """Let the ends of strokes go on, or fall short, the way that they go."""
    for flag, number, end, fall in ((STARTS, _START, 0, _STARTED), (STOPS, _STOP, -1, _ENDED)):
        inner = 2 if end == 0 else -3
        out_x, out_y = x[:, end] - x[:, inner], y[:, end] - y[:, inner]
        far = np.sqrt(out_x * out_x + out_y * out_y)
        by = np.maximum(u[number] * most, -_MOST_CUT * length) * ((flags & flag) > 0)
        by /= np.maximum(far, 1e-9)
        x += (by * out_x)[:, None] * fall
        y += (by * out_y)[:, None] * fall


def _shake(x: Floats, y: Floats, amplitude: Floats, u: Floats) -> None:
    tremors = _make_tremors()
    which_x, which_y = (((u[k] + 1) * (_N_TREMORS / 2)).astype(np.int64) for k in
                        (_TREMOR_X, _TREMOR_Y))  # fmt: skip
    x += tremors.take(which_x, axis=0) * amplitude[:, None]
    y += tremors.take(which_y, axis=0) * amplitude[:, None]


@cache
def _make_tremors() -> Floats:
    """Return smooth lines that stray to either side between ends that do not: (n, 12)."""
    waves = np.arange(2, 8)
    words = mix_words(np.arange(_N_TREMORS, dtype=np.uint64), use=7, n=2)
    heights = split_words(words, bits=16)[:, : len(waves)].astype(np.float64) / 32768 - 1
    _, sine = cos_sin_deg(180.0 * waves[:, None] * _AT)
    tremors = np.zeros((_N_TREMORS, N_POINTS))
    for height, wave, line in zip(heights.T, waves.tolist(), sine, strict=True):
        tremors += (height / wave * 2)[:, None] * line
    return tremors


def find_radius(lines: Lines, pen: Floats) -> Floats:
    """Return half the width of lines at each of their points: (S, 12), in em.

    Args:
        lines: S of them.
        pen: (S,), the width of what writes, in em.
    """
    law = dict(zip(LAWS, lines.laws.T, strict=True))
    u = lines.numbers.T
    room = np.minimum(1.0, np.sqrt(_FEW_BROAD / np.maximum(lines.n_strokes, 1)))
    half = pen / 2 * room * (1 + u[_WIDTH] * law["pressure"] / 2)
    profile = 1 + (u[_SLOPE] * law["pressure"])[:, None] * _SLOPED
    taper = np.maximum(u[_TAPER], 0.0) * law["taper"] * ((lines.flags & STOPS) > 0)
    profile -= taper[:, None] * _TAPERED
    radius: Floats = profile * half[:, None]
    return radius


def join_lines(lines: Lines, radius: Floats, row: Ints) -> tuple[Ints, Floats, Floats, Floats]:
    """Return what a pen leaves on its way to the next stroke, where it does not rise in time.

    Args:
        lines: S lines that are moved, in the order that they are written in.
        radius: (S, 12), of each.
        row: (S,), what is written with one pen.

    Returns:
        For k joints the line that each begins at, and x, y and radius (k, 12).
    """
    x, y, flags, numbers = lines.x, lines.y, lines.flags, lines.numbers
    at = np.flatnonzero(((flags[:-1] & STOPS) > 0) & (row[1:] == row[:-1]))
    gap_x, gap_y = x[at + 1, 0] - x[at, -1], y[at + 1, 0] - y[at, -1]
    far = np.sqrt(gap_x * gap_x + gap_y * gap_y)
    near = np.maximum(0.0, 1 - far / _FARTHEST)
    chance = lines.laws[at, LAWS.index("join")] * near
    joined = ((numbers[at, _JOIN] + 1) / 2 < chance) & (far > 0)
    at, far = at[joined], far[joined]
    # A cubic curve that leaves and arrives the way that the strokes go.
    part = ((numbers[at, _FAR] + 1) * 0.4 + 0.3) * np.minimum(1.0, _NEAR / far)
    t = np.minimum(part, 1.0)[:, None] * _AT
    t2 = t * t
    t3 = t2 * t
    weights = (2 * t3 - 3 * t2 + 1, t3 - 2 * t2 + t, 3 * t2 - 2 * t3, t3 - t2)
    drawn = [_bridge(points, at, far, weights) for points in _with_length(x, y, at)]
    thin = radius[at, -1:] * (0.9 - 0.5 * t)
    return at, drawn[0], drawn[1], thin


def _with_length(x: Floats, y: Floats, at: Ints) -> "list[tuple[Floats, Floats, Floats]]":
    """Return for x and for y the points, and the directions at the ends of strokes and at their starts."""
    leaving = [points[at, -1] - points[at, -3] for points in (x, y)]
    arriving = [points[at + 1, 2] - points[at + 1, 0] for points in (x, y)]
    for ways in (leaving, arriving):
        length = np.maximum(np.sqrt(ways[0] * ways[0] + ways[1] * ways[1]), 1e-9)
        ways[:] = [way / length for way in ways]
    return [(x, leaving[0], arriving[0]), (y, leaving[1], arriving[1])]


def _bridge(
    points: "tuple[Floats, Floats, Floats]", at: Ints, far: Floats, weights: "tuple[Floats, ...]"
) -> Floats:
    along, leaving, arriving = points
    ends = along[at, -1], leaving * far, along[at + 1, 0], arriving * far
    bridge: Floats = ends[0][:, None] * weights[0]
    for end, weight in zip(ends[1:], weights[1:], strict=True):
        bridge += end[:, None] * weight
    return bridge
