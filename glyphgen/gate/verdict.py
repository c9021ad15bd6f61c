"""Records of what the gate says of every cell."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.changing import Changes
from glyphgen.gate.twins import Twins

__all__ = ["DENIED", "LETTER", "LOST", "Refusal", "Verdict"]

DENIED = "denied by the recipe"  # the one reason that no check gives
LETTER = "refused letter"  # of a word: its face may not draw one of its letters
LOST = "lost marks"  # of a word: its letters lose dots where they join


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A cell that the gate refused.

    Attributes:
        face: Index of the face.
        form: Index of the form.
        reason: Name of the check that refused it.
        figure: What the check measured, in the unit that its name tells.
        shows: What the cell shows in place of its character: another form, or how the own one is turned;
            empty where that is not why it is refused.
    """

    face: int
    form: int
    reason: str
    figure: float
    shows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate says of every cell.

    Attributes:
        admitted: bool (faces, forms).
        unproven: bool (faces, forms), admitted by the checks though fewer than three other typefaces draw
            the form, so that it cannot be compared, or so few that it may be another one.
        refusals: One for each cell that is not admitted, by face and form.
        allowed: One for each cell that the gate refused and the recipe admits, by face and form.
        twins: Pairs of forms that some typefaces draw alike, those first that most do.
        changes: What the recipe's ranges make of the cells.
        unturned: In vertical lines, faces and characters that have no vertical form there, and want one.
    """

    admitted: NDArray[np.bool_]
    unproven: NDArray[np.bool_]
    refusals: tuple[Refusal, ...]
    allowed: tuple[Refusal, ...]
    twins: tuple[Twins, ...]
    changes: Changes
    unturned: tuple[tuple[int, str], ...] = ()
