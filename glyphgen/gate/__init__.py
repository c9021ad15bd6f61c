"""Faces x classes -> admitted cells, and why others were refused; makes no rows.

Each check of ``checks`` looks at all cells at once: at the outlines that will be drawn, at small
pictures of them, and at what other faces draw. A cell is refused by the first that refuses it.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable
from glyphgen.errors import GateError, show_some, show_text
from glyphgen.fonts import Face
from glyphgen.framing import Framing
from glyphgen.gate.checks import CHECKS, Examined
from glyphgen.gate.consensus import ask_consensus
from glyphgen.gate.pictures import draw_pictures
from glyphgen.hands import find_kin
from glyphgen.outlines import OutlineStore
from glyphgen.recipe import Recipe

__all__ = ["CHECKS", "Refusal", "Verdict", "examine_cells", "require_classes"]


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
        unproven: bool (faces, forms), admitted though fewer than three other hands draw the form, so
            that nobody can say whether it shows its character.
        refusals: One for each cell that is not admitted, by face and form.
    """

    admitted: NDArray[np.bool_]
    unproven: NDArray[np.bool_]
    refusals: tuple[Refusal, ...]


def examine_cells(
    recipe: Recipe,
    faces: Sequence[Face],
    store: OutlineStore,
    framing: Framing,
    missing: OutlineStore,
) -> Verdict:
    """Run every check on every cell; ``missing`` holds what each face draws for what it lacks."""
    pictures = draw_pictures(store)
    shape = (len(faces), store.n_forms)
    has_say = (store.n_points > 0) & (store.n_notdef == 0) & ~store.like_notdef
    consensus = ask_consensus(
        pictures,
        draw_pictures(missing),
        has_say.reshape(shape),
        find_kin(faces, store),
    )
    seen = Examined(
        recipe=recipe, store=store, framing=framing, pictures=pictures, consensus=consensus
    )
    reason = np.full(store.n_cells, -1)
    figure = np.zeros(store.n_cells)
    for number, (measure, _) in enumerate(CHECKS.values()):
        measured = measure(seen)
        refused = (reason < 0) & (measured > 0)
        reason[refused], figure[refused] = number, measured[refused]
    names = list(CHECKS)
    admitted = (reason < 0).reshape(shape)
    return Verdict(
        admitted=admitted,
        unproven=admitted & np.isnan(consensus.own),
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
