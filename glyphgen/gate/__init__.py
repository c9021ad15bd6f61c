"""Faces x classes -> admitted cells, and why others were refused; sees outlines, never pixels.

Each check looks at all cells at once and says which it refuses, with a figure. A cell is refused by
the first check in ``CHECKS`` that refuses it. To add a check, write one function and one line there.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, product

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable
from glyphgen.errors import GateError, show_some, show_text
from glyphgen.fonts import Face
from glyphgen.framing import Framing
from glyphgen.geometry import make_linear_map
from glyphgen.outlines import OutlineStore
from glyphgen.recipe import Recipe

__all__ = ["CHECKS", "Refusal", "Verdict", "examine_cells", "require_classes"]

Floats = NDArray[np.float64]

_MOST_POINTS = 32_767  # FreeType counts the points of an outline in 16 bits, with a sign
_STEP_DEG = 5.0  # between the smallest and largest rotation, every 5 degrees is looked at


@dataclass(frozen=True, slots=True)
class Examined:
    """What a check may look at."""

    store: OutlineStore
    framing: Framing
    recipe: Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A cell that is not drawn.

    Attributes:
        face: Index of the face.
        form: Index of the form.
        reason: Name of the check that refused it.
        figure: What the check measured, in the unit that its name tells.
    """

    face: int
    form: int
    reason: str
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The gate's word on every cell.

    Attributes:
        admitted: bool (faces, forms).
        refusals: One for each cell that is not admitted, by face and form.
    """

    admitted: NDArray[np.bool_]
    refusals: tuple[Refusal, ...]


# name of the reason -> what measures it (0: nothing to refuse), and how a message says it
CHECKS: dict[str, tuple[Callable[[Examined], Floats], str]] = {
    "no cmap entry": (_count_missing, "has no character map entry for"),
    "glyph 0": (_count_notdef, "has only its missing glyph for"),
    "no outline": (_find_empty, "draws nothing for"),
    "like .notdef": (_find_tofu, "draws its missing-glyph box for"),
    "too many points": (_count_points, f"has more than {_MOST_POINTS:,} points in"),
    "cut off": (_measure_cut_off, "goes beyond the frame, where this recipe puts it, with"),
}


def examine_cells(recipe: Recipe, store: OutlineStore, framing: Framing) -> Verdict:
    """Run every check on every cell."""
    seen = Examined(store, framing, recipe)
    reason = np.full(store.n_cells, -1)
    figure = np.zeros(store.n_cells)
    for number, (measure, _) in enumerate(CHECKS.values()):
        measured = measure(seen)
        refused = (reason < 0) & (measured > 0)
        reason[refused], figure[refused] = number, measured[refused]
    names = list(CHECKS)
    return Verdict(
        admitted=(reason < 0).reshape(-1, store.n_forms),
        refusals=tuple(
            Refusal(
                face=int(cell // store.n_forms),
                form=int(cell % store.n_forms),
                reason=names[reason[cell]],
                figure=round(float(figure[cell]), 3),
            )
            for cell in np.flatnonzero(reason >= 0)
        ),
    )


def require_classes(
    recipe: Recipe, table: ClassTable, faces: Sequence[Face], verdict: Verdict
) -> None:
    """Check a verdict against the recipe's policy.

    Raises:
        GateError: A class is left without a face; or cells were refused and ``gate.on_refused`` is
            ``"error"``: one line for each face and reason.
    """
    problems = []
    if recipe.gate.on_refused == "error":
        problems += _show_refusals(table, faces, verdict)
    form_drawn = verdict.admitted.any(axis=0)
    drawn = np.zeros(len(table), dtype=bool)
    np.logical_or.at(drawn, np.array(table.form_class), form_drawn)
    lost = [show_text(table.labels[k]) for k in np.flatnonzero(~drawn)]
    if lost:
        problems.append(
            f"{recipe.place('classes')}: no face draws {show_some(lost)} of {len(table)} classes"
            " (add a font that has them, or exclude them)"
        )
    if problems:
        raise GateError(*problems)


def _show_refusals(table: ClassTable, faces: Sequence[Face], verdict: Verdict) -> list[str]:
    forms = table.all_forms
    order = sorted(verdict.refusals, key=lambda r: (r.face, list(CHECKS).index(r.reason), r.form))
    lines = []
    for (face, reason), group in groupby(order, key=lambda r: (r.face, r.reason)):
        shown = show_some([show_text(forms[refusal.form]) for refusal in group], most=1)
        lines.append(
            f"{os.path.relpath(faces[face].path)}: {CHECKS[reason][1]} {shown} of {len(forms)}"
            ' (gate.on_refused = "skip" leaves them out)'
        )
    return lines
