"""What a network that learns from a recipe's stream is measured on: val and test rows, and no others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import RecipeError
from glyphgen.plan import Plan
from glyphgen.plan.endless import FIRST_BEYOND
from glyphgen.plan.style_plan import StylePlan
from glyphgen.plan.turns import make_turns
from glyphgen.progress import SILENT, Reporter
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.rendering import render_prepared

__all__ = ["render_held_out"]

Ints = NDArray[np.int64]

_MOST_ROWS = 20_000  # of a split: enough to tell half a percent
_LEAST_OF_CLASS, _MOST_OF_CLASS = 10, 1000


def render_held_out(
    prepared: PreparedRender, out: Path, *, reporter: Reporter = SILENT
) -> tuple[str, ...]:
    """Make a dataset of the first val and test rows of a recipe.

    Where it has none of one of them, its train faces draw images that no train stream of it ever draws.

    Args:
        prepared: The recipe, worked out.
        out: The folder; made when absent.
        reporter: Is told how far the work is.

    Returns:
        The splits that are of such images.
    """
    planned = prepared.planned
    n = int(np.clip(_MOST_ROWS // len(prepared.table), _LEAST_OF_CLASS, _MOST_OF_CLASS))
    made_up = tuple(name for name in FIRST_BEYOND if name not in planned.splits)
    if isinstance(planned, StylePlan):
        held_out: Plan | StylePlan = _hold_out_sheets(planned, n, made_up)
    elif isinstance(planned, Plan):
        held_out = _hold_out_rows(planned, n, made_up)
    else:
        raise RecipeError(f"{prepared.recipe.place('page')}: pages have no classes to tell apart")
    render_prepared(replace(prepared, planned=held_out), out, reporter=reporter)
    return made_up


def _hold_out_rows(plan: Plan, n: int, made_up: tuple[str, ...]) -> Plan:
    turns = []
    for name, own in zip(SPLITS, plan.turns, strict=True):
        of = plan.turns[0] if name in made_up else own
        n_cells = np.diff(of.cell_start)
        first, n_samples = own.first_sample, np.minimum(own.n_samples, n)
        if name in made_up:
            first = np.full_like(first, FIRST_BEYOND[name])
            n_samples = np.where(n_cells > 0, n, 0)
        if name == "train":
            n_samples = np.zeros_like(n_samples)
        turns.append(
            make_turns(
                *(of.cells, n_cells, n_samples, first, of.first_turn),
                n_written=of.n_written,
                share_written=of.share_written,
            )
        )
    return replace(plan, turns=tuple(turns))


def _hold_out_sheets(plan: StylePlan, n: int, made_up: tuple[str, ...]) -> StylePlan:
    nothing = np.zeros_like(plan.counts["train"])
    counts = {"train": nothing}
    first, usable = dict(plan.first_sample), dict(plan.usable)
    for name, beyond in FIRST_BEYOND.items():
        counts[name] = np.minimum(plan.counts[name], n)
        if name in made_up:
            usable[name], counts[name] = usable["train"], nothing + n
            first[name] = nothing + beyond
    return replace(plan, counts=counts, first_sample=first, usable=usable)
