"""Proves words by their letters: every letter is admitted by itself, and none is lost in the word.

Words are never drawn to be judged, so that they cost what their letters cost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable
from glyphgen.fonts import Face
from glyphgen.gate.changing import Changes, no_changes
from glyphgen.gate.checks import OF_WORDS, UNDRAWABLE, Laid
from glyphgen.gate.policy import find_chosen
from glyphgen.gate.verdict import DENIED, LETTER, LOST, Refusal, Verdict
from glyphgen.layout.framing import Framing
from glyphgen.outlines import RunStore
from glyphgen.recipe import Recipe

__all__ = ["Letters", "examine_words", "list_letters"]

Cells = NDArray[np.bool_]
Ints = NDArray[np.int64]

# What letters have, and joiners and spaces need not: Unicode's space and joiner characters.
_UNSEEN = frozenset(" \u00a0\u3000\u200c\u200d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """The characters that the forms of a class table are made of.

    Attributes:
        table: A class table of them: the characters that are forms by themselves first, in their classes.
        n_shown: How many those are.
        of_form: For each form of the class table its characters, as places in ``table.all_forms``.
    """

    table: ClassTable
    n_shown: int
    of_form: tuple[tuple[int, ...], ...]


def list_letters(table: ClassTable) -> Letters:
    """Return the characters of all forms of a class table."""
    classes = list(zip(table.labels, table.forms, strict=True))
    if table.drawn:
        classes = [(form, (form,)) for form in table.drawn]
    shown = [(label, tuple(form for form in forms if len(form) == 1)) for label, forms in classes]
    shown = [(label, forms) for label, forms in shown if forms]
    n_shown = sum(len(forms) for _, forms in shown)
    letters = dict.fromkeys(form for _, forms in shown for form in forms)
    letters |= dict.fromkeys(
        char for form in table.all_forms for char in form if char not in _UNSEEN
    )
    hidden = list(letters)[n_shown:]
    place = {char: k for k, char in enumerate(letters)}
    return Letters(
        table=ClassTable(
            labels=(*(label for label, _ in shown), *hidden),
            forms=(*(forms for _, forms in shown), *((char,) for char in hidden)),
        ),
        n_shown=n_shown,
        of_form=tuple(
            tuple(place[char] for char in dict.fromkeys(form) if char not in _UNSEEN)
            for form in table.all_forms
        ),
    )


def examine_words(
    recipe: Recipe,
    faces: Sequence[Face],
    table: ClassTable,
    letters: Letters,
    of_letters: Verdict,
    store: RunStore,
    framing: Framing,
) -> Verdict:
    """Return the verdict of all forms, from that of their letters.

    Args:
        recipe: What the cells are for.
        faces: F faces.
        table: The classes, of C forms.
        letters: Of the table.
        of_letters: The verdict of F faces x all letters.
        store: The runs of F * C cells.
        framing: Where they stand.

    Raises:
        RecipeError: ``gate.allow`` or ``gate.deny`` names what is not there.
    """
    forms = table.all_forms
    shape = (len(faces), len(forms))
    own = [k for k, form in enumerate(forms) if len(form) > 1]
    refusals = _refuse_words(letters, of_letters, Laid(recipe, store, framing), own, shape)
    allow, deny = find_chosen(recipe, faces, forms, also=letters.table.all_forms)
    undrawable = np.isin([one.reason for one in refusals], UNDRAWABLE)
    is_allowed = [
        bool(allow[one.face, one.form] and not deny[one.face, one.form] and not stuck)
        for one, stuck in zip(refusals, undrawable, strict=True)
    ]
    allowed = [one for one, passes in zip(refusals, is_allowed, strict=True) if passes]
    refused = [one for one, passes in zip(refusals, is_allowed, strict=True) if not passes]
    there = {(one.face, one.form) for one in refused}
    is_word = np.zeros(shape, dtype=np.bool_)
    is_word[:, own] = True
    refused += [
        Refusal(face=int(face), form=int(form), reason=DENIED, figure=1.0)
        for face, form in np.argwhere(deny & is_word)
        if (face, form) not in there
    ]
    admitted = is_word.copy()
    for one in refused:
        admitted[one.face, one.form] = False
    unproven = np.zeros(shape, dtype=np.bool_)
    for k in own:
        unproven[:, k] = of_letters.unproven[:, letters.of_form[k]].any(axis=1)
    words = Verdict(
        admitted=admitted,
        unproven=admitted & unproven & ~allow,
        refusals=tuple(refused),
        allowed=tuple(allowed),
        twins=(),
        changes=no_changes(shape),
    )
    return _add_characters(words, letters, of_letters, forms)


def _refuse_words(
    letters: Letters,
    of_letters: Verdict,
    laid: Laid[RunStore],
    own: Sequence[int],
    shape: tuple[int, int],
) -> list[Refusal]:
    """Return why words are refused: the first reason of each."""
    shows = {(one.face, one.form): one for one in of_letters.refusals}
    worst = _find_refused_letters(letters, of_letters.admitted, own, shape)
    figures_of: dict[str, NDArray[Any]] = {
        name: measure(laid).reshape(shape) for name, measure in OF_WORDS.items()
    }
    figures_of |= {LETTER: worst >= 0, LOST: laid.store.n_lost.reshape(shape)}
    found: dict[tuple[int, int], Refusal] = {}
    is_own = np.zeros(shape[1], dtype=np.bool_)
    is_own[list(own)] = True
    for name, figures in figures_of.items():
        for face, form in np.argwhere((figures > 0) & is_own).tolist():
            letter = int(worst[face, form])
            reason = shows[face, letter].reason if name == LETTER else ""
            found.setdefault(
                (face, form),
                Refusal(
                    face=face,
                    form=form,
                    reason=name,
                    figure=round(float(figures[face, form]), 3),
                    shows=f"{letters.table.all_forms[letter]}: {reason}" if reason else "",
                ),
            )
    return [found[cell] for cell in sorted(found)]


def _find_refused_letters(
    letters: Letters, admitted: Cells, own: Sequence[int], shape: tuple[int, int]
) -> Ints:
    """Return the first letter of each word that its face may not draw, -1 where it may draw all."""
    worst = np.full(shape, -1)
    for k in own:
        of_word = np.array(letters.of_form[k])
        refused = ~admitted[:, of_word]
        worst[:, k] = np.where(refused.any(axis=1), of_word[refused.argmax(axis=1)], -1)
    return worst


def _add_characters(
    words: Verdict, letters: Letters, of_letters: Verdict, forms: Sequence[str]
) -> Verdict:
    """Return the verdict of words, with that of the forms which are single characters."""
    to = [k for k, form in enumerate(forms) if len(form) == 1]  # the letter of place 0, 1, ...
    admitted, unproven = words.admitted.copy(), words.unproven.copy()
    admitted[:, to] = of_letters.admitted[:, : letters.n_shown]
    unproven[:, to] = of_letters.unproven[:, : letters.n_shown]
    changes = Changes(**{f.name: getattr(words.changes, f.name).copy() for f in fields(Changes)})
    for field in fields(Changes):
        of_letter = getattr(of_letters.changes, field.name)[:, : letters.n_shown]
        getattr(changes, field.name)[:, to] = of_letter

    def move(own: Sequence[Refusal], others: Sequence[Refusal]) -> tuple[Refusal, ...]:
        moved = [replace(one, form=to[one.form]) for one in others if one.form < letters.n_shown]
        return tuple(sorted((*own, *moved), key=lambda one: (one.face, one.form)))

    return Verdict(
        admitted=admitted,
        unproven=unproven,
        refusals=move(words.refusals, of_letters.refusals),
        allowed=move(words.allowed, of_letters.allowed),
        twins=tuple(
            replace(twins, forms=(to[twins.forms[0]], to[twins.forms[1]]))
            for twins in of_letters.twins
            if max(twins.forms) < letters.n_shown
        ),
        changes=changes,
        unturned=of_letters.unturned,
    )
