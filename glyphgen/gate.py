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


def _count_missing(seen: Examined) -> Floats:
    return seen.store.n_missing.astype(np.float64)


def _count_notdef(seen: Examined) -> Floats:
    return seen.store.n_notdef.astype(np.float64)


def _find_empty(seen: Examined) -> Floats:
    return np.where(seen.store.n_points == 0, 1.0, 0.0)


def _find_tofu(seen: Examined) -> Floats:
    return seen.store.like_notdef.astype(np.float64)


def _count_points(seen: Examined) -> Floats:
    n_points = seen.store.n_points
    return np.where(n_points > _MOST_POINTS, n_points, 0).astype(np.float64)


def _measure_cut_off(seen: Examined) -> Floats:
    """Return by how many pixels ink leaves the frame in the worst placement of the recipe.

    Where the policy is to shrink, that is at the smallest size and without a shift: a sample that
    would reach out of the frame at its own size and shift is drawn smaller and moved back.
    """
    policy, render = seen.recipe.gate.on_cut_off, seen.recipe.render
    worst = np.zeros(seen.store.n_cells)
    if policy == "allow":
        return worst
    sizes = {min(render.size), max(render.size)} if policy == "refuse" else {min(render.size)}
    steps = np.arange(min(render.rotation), max(render.rotation), _STEP_DEG)
    for rotation, shear, stretch in product(
        {*steps, *render.rotation},
        {min(render.shear), max(render.shear)},
        {min(render.stretch), max(render.stretch)},
    ):
        reach = _reach_of_all(seen, rotation, shear, stretch)
        for size in sizes:
            size_px = size * seen.framing.unit_px
            over = _overhang(seen, reach * size_px[:, None], size_px, stretch)
            worst = np.maximum(worst, over)
    # Coordinates are rounded to 1/64 pixel when they are drawn: less is not cut off.
    return np.where(worst > 1 / 64, worst, 0.0)


def _reach_of_all(seen: Examined, rotation: float, shear: float, stretch: float) -> Floats:
    render, n_cells = seen.recipe.render, seen.store.n_cells
    linear = make_linear_map(*(np.full(n_cells, value) for value in (rotation, shear, stretch)))
    weight = np.full(n_cells, max(render.weight))
    wobble = np.full(n_cells, max(render.wobble.amplitude))
    return seen.framing.reach(np.arange(n_cells), linear, weight, wobble)


def _overhang(seen: Examined, reach_px: Floats, size_px: Floats, stretch: float) -> Floats:
    """Return how far ink that reaches so far leaves the frame in the worst shift, in pixels."""
    frame = np.array([seen.framing.width, seen.framing.height])
    left, lowest, right, highest = reach_px.T
    if seen.recipe.gate.on_cut_off == "shrink":
        wider: Floats = np.max([right - left - frame[0], highest - lowest - frame[1]], axis=0)
        return wider
    low, high = _shift_limits(seen, size_px, stretch)
    over: Floats = np.max(
        [
            high[:, 0] + right - frame[0] / 2,
            -low[:, 0] - left - frame[0] / 2,
            high[:, 1] - lowest - frame[1] / 2,  # shifts go down, ink goes up
            -low[:, 1] + highest - frame[1] / 2,
        ],
        axis=0,
    )
    return over


def _shift_limits(seen: Examined, size_px: Floats, stretch: float) -> tuple[Floats, Floats]:
    render = seen.recipe.render
    cells = np.arange(len(size_px))
    if render.shift_of == "blank":
        unit = seen.framing.margin_px(cells, size_px, np.full(len(cells), stretch))
    else:
        unit = np.full((len(cells), 2), float(seen.framing.height))
    low = unit * np.array([min(render.shift_x), min(render.shift_y)])
    return low, unit * np.array([max(render.shift_x), max(render.shift_y)])


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
