"""Stamps on pages: rings and frames with marks in them that look like writing, of worn ink."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import cos_sin_deg
from glyphgen.plan.chance import Chance
from glyphgen.plan.page_writer import thicken
from glyphgen.recipe.page_tables import PageStamp

__all__ = ["Stamp", "make_stamp"]

Floats = NDArray[np.float64]

_SIDES = 32  # of what is drawn for a ring
_RIM = 0.035  # thickness of the rim, of the stamp's width
_FLAT = 0.55  # height of a box, of its width
_MARKS = 3  # lines of marks, at most
_WEAR_SIDE = 32  # places each way where it is drawn by lot how well the ink takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """One stamp.

    Attributes:
        strokes: (n, 4, 2), the corners of its strokes, in pixels.
        darkness: Of its ink, 0 to 1.
        hold: (k, k), how well its ink takes, from the upper left to the lower right of its frame.
        wear: The share of the frame where it does not.
    """

    strokes: Floats
    darkness: float
    hold: Floats
    wear: float


def make_stamp(settings: PageStamp, chance: Chance, height: int, width: int) -> Stamp:
    """Return a stamp as it stands on a page of a height and width that is not turned yet."""
    size, angle, darkness, wear = (
        low + (high - low) * chance.draw()
        for low, high in (settings.size, settings.rotation, settings.darkness, settings.wear)
    )
    jitter = (np.array([chance.draw(), chance.draw()]) * 2 - 1) * settings.jitter * height
    middle = np.array(settings.at) * (width, height) + jitter
    is_round = settings.shape == "round"
    reach = np.array([0.5, 0.5 if is_round else 0.5 * _FLAT])
    ends = _rim(reach, is_round) + _rim(reach * 0.86, is_round)
    ends = [_lengthen(pair, _RIM / 2) for pair in ends] + _marks(reach * 0.6, chance)
    strokes = np.array([thicken(pair, _RIM) for pair in ends])
    cos, sin = (float(value[0]) for value in cos_sin_deg(np.array([angle])))
    turned = strokes @ np.array([[cos, -sin], [sin, cos]])
    hold = chance.draw_many(_WEAR_SIDE**2)
    return Stamp(
        strokes=turned * (size * height) + middle,
        darkness=darkness,
        hold=hold.reshape(_WEAR_SIDE, _WEAR_SIDE),
        wear=wear,
    )


def _lengthen(ends: Floats, by: float) -> Floats:
    """Return the ends (2, 2) of a stroke that is longer on both sides, so that it meets its neighbors."""
    along = ends[1] - ends[0]
    along = along * (by / float(np.sqrt((along * along).sum())))
    return np.stack([ends[0] - along, ends[1] + along])


def _rim(reach: Floats, is_round: bool) -> list[Floats]:
    """Return the ends (2, 2) of the strokes of a ring or a frame about the middle."""
    if is_round:
        cos, sin = cos_sin_deg(np.arange(_SIDES) * (360.0 / _SIDES))
        corners = np.stack([cos, sin], axis=1) * reach
    else:
        corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * reach
    return [np.stack(pair) for pair in zip(corners, np.roll(corners, -1, axis=0), strict=True)]


def _marks(reach: Floats, chance: Chance) -> list[Floats]:
    """Return the ends of strokes that stand in lines, long and short, as writing does."""
    ends = []
    n_lines = 1 + chance.choose(_MARKS)
    for line in range(n_lines):
        y = reach[1] * (2 * (line + 0.5) / n_lines - 1)
        x = -reach[0]
        while x < reach[0]:
            length = (0.05 + 0.2 * chance.draw()) * reach[0]
            rise = (chance.draw() - 0.5) * reach[1] / n_lines
            ends.append(np.array([[x, y + rise], [min(x + length, reach[0]), y - rise]]))
            x += length + (0.05 + 0.1 * chance.draw()) * reach[0]
    return ends
