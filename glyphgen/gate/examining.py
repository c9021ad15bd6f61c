"""Runs every check on every cell, and applies what the recipe allows and denies."""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable
from glyphgen.errors import GateError
from glyphgen.fonts import Face
from glyphgen.gate.changing import VariedDrawings, find_changes, no_changes
from glyphgen.gate.checks import (
    CHECKS,
    EXPLAINED,
    MESSAGES,
    NO_ENTRY,
    OF_FRAME,
    UNDRAWABLE,
    Drawings,
    Examined,
)
from glyphgen.gate.evidence import Panel, weigh_cells
from glyphgen.gate.policy import find_chosen
from glyphgen.gate.thumbnails import Pictures, describe_pictures, draw_pictures
from glyphgen.gate.twins import find_twins
from glyphgen.gate.verdict import DENIED, LETTER, Refusal, Verdict
from glyphgen.gate.vertical import find_turned, is_vertical, list_unturned
from glyphgen.layout.framing import Framing
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.typefaces import find_typefaces, hash_drawings
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe
from glyphgen.text import show_some, show_text

__all__ = [
    "GATE_VERSION",
    "count_faces",
    "describe_changed",
    "describe_twins",
    "describe_unproven",
    "examine_cells",
    "is_persian",
    "require_classes",
]

GATE_VERSION = 10  # raised whenever the same fonts and recipe may get another verdict
_REASONS = (*CHECKS, DENIED)
_NO_STROKES = "has no strokes for"
_MOST_HANDS = 0.5  # of a source; where fewer write a form well, the source itself is wrong


def examine_cells(
    recipe: Recipe,
    faces: Sequence[Face],
    table: ClassTable,
    store: OutlineStore,
    framing: Framing,
    missing: OutlineStore,
    panel: Panel,
    drawings: Drawings | None = None,
    varied: VariedDrawings | None = None,
    *,
    n_shown: int | None = None,
    also: Sequence[str] = (),
    reporter: Reporter = SILENT,
) -> Verdict:
    """Run every check on every cell, and find the twins among the admitted.

    Args:
        recipe: What the cells are for.
        faces: F faces.
        table: The classes, of C forms.
        store: The outlines of F * C cells.
        framing: Where they stand.
        missing: The outlines of F missing glyphs.
        panel: What else was read, to judge the cells by.
        drawings: By the recipe's engine, unless it draws the outlines of ``store``.
        varied: The cells at the corners of the recipe's ranges; None where nobody asks.
        n_shown: How many forms are drawn by themselves; the others are but letters of words, which the
            frame does not bind, nor what the recipe varies. Left out: all.
        also: Forms that the recipe's policy may name besides.
        reporter: Is told how far the work is.

    Raises:
        RecipeError: ``gate.allow`` or ``gate.deny`` names what is not there.
    """
    forms = table.all_forms
    allow, deny = find_chosen(recipe, faces, forms, also)
    is_shown = np.arange(len(forms)) < (len(forms) if n_shown is None else n_shown)
    pictures = draw_pictures(store)
    shape = (len(faces), store.n_forms)
    typefaces = find_typefaces(faces, store)
    evidence = weigh_cells(
        panel.forms,
        faces,
        panel.store,
        typefaces,
        is_persian=is_persian(recipe),
        reporter=reporter,
    )
    evidence = evidence.take_forms(len(forms))
    is_turned = np.zeros(shape, dtype=np.bool_)
    if is_vertical(recipe):
        is_turned = find_turned(store, panel.store)
    changes = no_changes(shape)
    if varied is not None:
        candidates = np.isfinite(evidence.weight) & ~evidence.is_wrong & ~allow & is_shown
        candidates &= ~is_turned  # no horizontal form says what they may look like
        changes = find_changes(
            evidence, candidates, np.array(table.form_class), varied, reporter=reporter
        )
    seen = Examined(
        recipe=recipe,
        store=store,
        framing=framing,
        pictures=pictures,
        like_notdef=_compare_with_missing(pictures, missing, shape),
        n_doubles=_count_equal(store),
        evidence=evidence,
        changes=changes,
        drawings=drawings,
    )
    admitted, refusals, allowed = _decide(seen, np.tile(is_shown, len(faces)), allow, deny)
    return Verdict(
        admitted=admitted,
        unproven=admitted & (np.isnan(evidence.weight) | (evidence.is_doubtful & ~allow)),
        refusals=refusals,
        allowed=allowed,
        twins=find_twins(
            pictures, store, framing, recipe, admitted, forms, typefaces, reporter=reporter
        ),
        changes=changes.keep(admitted),
        unturned=list_unturned(is_turned, admitted, forms) if is_vertical(recipe) else (),
    )


def _decide(
    seen: Examined,
    is_shown: NDArray[np.bool_],
    allow: NDArray[np.bool_],
    deny: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], tuple[Refusal, ...], tuple[Refusal, ...]]:
    """Return which cells are admitted (F, C), why others are not, and what the recipe admits.

    Args:
        seen: The cells.
        is_shown: (F * C,), whether they are drawn by themselves.
        allow, deny: (F, C), what the recipe says.
    """
    reason, figure = _run_checks(seen, is_shown)
    undrawable = np.isin(reason, [_REASONS.index(name) for name in UNDRAWABLE])
    is_allowed = (reason >= 0) & (allow & ~deny).ravel() & ~undrawable
    allowed = _list_refusals(np.where(is_allowed, reason, -1), figure, seen)
    reason[is_allowed] = -1
    is_denied = deny.ravel() & (reason < 0)
    reason[is_denied], figure[is_denied] = _REASONS.index(DENIED), 1.0
    return (reason < 0).reshape(allow.shape), _list_refusals(reason, figure, seen), allowed


def is_persian(recipe: Recipe) -> bool:
    """Tell whether the digits of a recipe have to be those of Persian, which Urdu writes otherwise."""
    language = recipe.classes.language
    if not language:
        return "persian_digits" in recipe.classes.sets
    return language.lower().partition("-")[0] == "fa"


def _run_checks(
    seen: Examined, is_shown: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return for each cell the place of its reason in ``_REASONS``, or -1, and its figure."""
    reason, figure = np.full(seen.store.n_cells, -1), np.zeros(seen.store.n_cells)
    for number, (name, (measure, _)) in enumerate(CHECKS.items()):
        measured = np.where(is_shown | (name not in OF_FRAME), measure(seen), 0.0)
        refused = (reason < 0) & (measured > 0)
        reason[refused], figure[refused] = number, measured[refused]
    return reason, figure


def _compare_with_missing(
    pictures: Pictures, missing: OutlineStore, shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the likeness (F, C) of cells to the missing glyphs of their faces."""
    features = describe_pictures(pictures.ink).reshape(*shape, -1)
    notdef = describe_pictures(draw_pictures(missing).ink)
    likeness: NDArray[np.float32] = np.einsum("fcd,fd->fc", features, notdef)
    return likeness


def _count_equal(store: OutlineStore) -> NDArray[np.int64]:
    """Return for how many other forms each face has the same outline: (F, C)."""
    counts = []
    for drawings in hash_drawings(store):
        n_drawn = Counter(drawing for drawing in drawings if drawing)
        counts.append([n_drawn[drawing] - 1 if drawing else 0 for drawing in drawings])
    return np.array(counts, dtype=np.int64)


def _list_refusals(
    reason: NDArray[np.int64], figure: NDArray[np.float64], seen: Examined
) -> tuple[Refusal, ...]:
    n_forms = seen.store.n_forms
    return tuple(
        Refusal(
            face=int(cell // n_forms),
            form=int(cell % n_forms),
            reason=_REASONS[reason[cell]],
            figure=round(float(figure[cell]), 3),
            shows=_tell_shown(_REASONS[reason[cell]], seen, int(cell)),
        )
        for cell in np.flatnonzero(reason >= 0)
    )


def _tell_shown(reason: str, seen: Examined, cell: int) -> str:
    """Return what a cell shows in place of its character, where that is why it is refused."""
    if reason not in EXPLAINED:
        return ""
    shown = seen.changes.shows if reason == "changed" else seen.evidence.explanation
    return str(shown.flat[cell])


def require_classes(
    recipe: Recipe, table: ClassTable, faces: Sequence[Face], verdict: Verdict
) -> None:
    """Check a verdict against the recipe's policy.

    Raises:
        GateError: A class is left without a face, or with fewer than ``gate.min_faces_per_class``; or
            checks refused cells and ``gate.on_refused`` is ``"error"``: one line for each face and
            reason.
    """
    problems = []
    if recipe.gate.on_refused == "error":
        problems += _show_refusals(table, faces, verdict)
    n_faces = count_faces(table, verdict.admitted)
    n_classes = len(table)
    is_drawn = np.array([bool(forms) for forms in table.forms])
    lost = [show_text(table.labels[k]) for k in np.flatnonzero((n_faces == 0) & is_drawn)]
    if lost:
        problems.append(
            f"{recipe.place('classes')}: no face draws {show_some(lost)} of {n_classes} classes"
            " (add a font that has them, or exclude them)"
        )
    wanted = recipe.gate.min_faces_per_class
    few = [
        f"{show_text(table.labels[k])} by {n_faces[k]}"
        for k in np.flatnonzero((n_faces > 0) & (n_faces < wanted))
    ]
    if few:
        problems.append(
            f"{recipe.place('gate.min_faces_per_class')}: fewer than {wanted} faces draw"
            f" {len(few)} of {n_classes} classes: {show_some(few, most=10)}"
            " (add fonts that have them, exclude them, or ask for fewer faces)"
        )
    unproven = describe_unproven(table, verdict)
    if unproven and recipe.gate.on_unproven == "error":
        problems.append(f"{recipe.place('gate.on_unproven')}: {unproven}")
    if problems:
        raise GateError(*problems)


def describe_unproven(table: ClassTable, verdict: Verdict) -> str:
    """Return in a line how many cells nothing is known to compare with; empty where there are none."""
    n_cells = int(verdict.unproven.sum())
    if not n_cells:
        return ""
    forms = table.all_forms
    shown = show_some(show_text(forms[k]) for k in np.flatnonzero(verdict.unproven.any(axis=0)))
    return (
        f"{n_cells:,} cells are unproven: too few other typefaces draw {shown}"
        " (look at `glyphgen preview`, or add fonts)"
    )


def describe_twins(table: ClassTable, verdict: Verdict) -> str:
    """Return in a line which classes are twins; empty where none are."""
    forms, form_class = table.all_forms, table.form_class
    pairs = [
        pair
        for pair in verdict.twins
        if pair.are_twins and form_class[pair.forms[0]] != form_class[pair.forms[1]]
    ]
    if not pairs:
        return ""
    shown = show_some(
        f"{forms[pair.forms[0]]} and {forms[pair.forms[1]]}"
        f" ({pair.n_alike} of {pair.n_typefaces} typefaces)"
        for pair in pairs
    )
    return f"twins, which are drawn alike: {shown}"


def describe_changed(table: ClassTable, faces: Sequence[Face], verdict: Verdict) -> str:
    """Return in a line how many cells are varied less than the recipe asks; empty where none are."""
    changes = verdict.changes
    cells = np.flatnonzero(changes.share < 1.0)
    if not len(cells):
        return ""
    forms = table.all_forms
    worst = cells[np.argsort(-changes.margin.flat[cells], kind="stable")]
    shown = show_some(
        f"{forms[cell % len(forms)]} by {faces[cell // len(forms)].name}"
        f" (as {changes.shows.flat[cell]})"
        for cell in worst.tolist()
    )
    return (
        f"{len(cells):,} cells are varied less than asked, or they would show another character:"
        f" {shown}"
    )


def count_faces(table: ClassTable, cells: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each class how many faces have one of the given cells (faces, forms) of it."""
    if table.drawn:  # whose styles have their forms in common
        return np.full(len(table), cells.any(axis=1).sum())
    n_faces = np.zeros(len(table), dtype=np.int64)
    first = 0
    for k, forms in enumerate(table.forms):
        n_faces[k] = cells[:, first : first + len(forms)].any(axis=1).sum()
        first += len(forms)
    return n_faces


def _show_refusals(table: ClassTable, faces: Sequence[Face], verdict: Verdict) -> list[str]:
    forms = table.all_forms
    excused = _find_slips(faces, verdict.admitted)
    refusals = [
        refusal
        for refusal in verdict.refusals
        if refusal.reason != DENIED and not excused[refusal.face, refusal.form]
    ]
    # All hands of a source follow the same lines: they are told as one.
    firsts = {face.path: k for k, face in reversed(list(enumerate(faces))) if face.is_written}
    tellers = [firsts.get(face.path, k) for k, face in enumerate(faces)]
    order = sorted(
        refusals, key=lambda r: (tellers[r.face], list(MESSAGES).index(r.reason), r.form, r.face)
    )
    lines = []
    for (teller, reason), group in groupby(order, key=lambda r: (tellers[r.face], r.reason)):
        cells = {refusal.form: refusal for refusal in reversed(list(group))}
        shown = show_some([show_text(forms[form]) for form in sorted(cells)], most=1)
        face = faces[teller]
        says = _NO_STROKES if face.is_written and reason == NO_ENTRY else MESSAGES[reason]
        lines.append(
            f"{_show_path(face.path)}: {says} {shown} of {len(forms)}"
            f"{_show_explanation(face, forms, cells[min(cells)])}"
            ' (gate.on_refused = "skip" leaves them out)'
        )
    return lines


def _find_slips(faces: Sequence[Face], admitted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which cells (F, C) a hand spoils that most other hands write well along the same lines."""
    slips = np.zeros_like(admitted)
    sources = [face.path if face.is_written else None for face in faces]
    for source in dict.fromkeys(filter(None, sources)):
        own = np.array([path == source for path in sources])
        slips |= own[:, None] & (admitted[own].mean(axis=0) >= _MOST_HANDS)
    return slips


def _show_explanation(face: Face, forms: Sequence[str], refusal: Refusal) -> str:
    """Return what the first of some cells shows instead, and how to overrule that; empty for others."""
    if refusal.reason == LETTER:
        return f": of {forms[refusal.form]}, {refusal.shows}"
    if refusal.reason not in EXPLAINED:
        return ""
    shows = show_text(refusal.shows) if len(refusal.shows) == 1 else refusal.shows
    return (
        f": {forms[refusal.form]} looks like {shows}, by {refusal.figure:g}"
        f' (gate.allow = [{{ face = "{face.path.name}", forms = "{forms[refusal.form]}" }}] admits it)'
    )


def _show_path(path: Path) -> str:
    """Return a path from the current folder where it lies below it, else whole."""
    return os.path.relpath(path) if path.resolve().is_relative_to(Path.cwd()) else str(path)
