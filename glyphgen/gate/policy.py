"""The cells that a recipe allows or denies, whatever the checks say."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import expand_range
from glyphgen.errors import RecipeError
from glyphgen.fonts import Face, match_names
from glyphgen.recipe import CellChoice, Recipe
from glyphgen.text import compose_text, show_some, show_text

__all__ = ["find_chosen"]

Cells = NDArray[np.bool_]


def find_chosen(
    recipe: Recipe, faces: Sequence[Face], forms: Sequence[str], also: Sequence[str] = ()
) -> tuple[Cells, Cells]:
    """Return the cells of ``gate.allow`` and of ``gate.deny``: bool (faces, forms) each.

    Args:
        recipe: Whose entries.
        faces: F faces.
        forms: Of the cells.
        also: Forms that entries may name besides, of cells that are looked at elsewhere.

    Raises:
        RecipeError: An entry names a face or a character that is not there, all at once.
    """
    problems: list[str] = []
    chosen = []
    for key in ("allow", "deny"):
        cells = np.zeros((len(faces), len(forms)), dtype=bool)
        for number, choice in enumerate(getattr(recipe.gate, key)):
            place = f"gate.{key}.{number}"
            of_face = _match_faces(recipe, choice, place, faces, problems)
            of_form = _match_forms(recipe, choice, place, forms, also, problems)
            cells |= np.outer(of_face, of_form)
        chosen.append(cells)
    if problems:
        raise RecipeError(*problems)
    allowed, denied = chosen
    return allowed, denied


def _match_faces(
    recipe: Recipe, choice: CellChoice, place: str, faces: Sequence[Face], problems: list[str]
) -> list[bool]:
    matched = match_names((face.file for face in faces), choice.face)
    if not any(matched):
        names = show_some(face.file for face in faces)
        problems.append(
            f"{recipe.place(f'{place}.face')}: no face is called '{choice.face}',"
            f" expected a file name or a glob: {names}"
        )
    return matched


def _match_forms(
    recipe: Recipe,
    choice: CellChoice,
    place: str,
    forms: Sequence[str],
    also: Sequence[str],
    problems: list[str],
) -> list[bool]:
    if not choice.forms:
        return [True] * len(forms)
    there = {*forms, *also}
    try:
        wanted = dict.fromkeys(_list_forms(choice, there))
    except ValueError as error:
        problems.append(f"{recipe.place(f'{place}.forms')}: {error}")
        return [False] * len(forms)
    if absent := [show_text(form) for form in wanted if form not in there]:
        problems.append(
            f"{recipe.place(f'{place}.forms')}: found {show_some(absent)},"
            " expected only characters that have a class"
        )
    return [form in wanted for form in forms]


def _list_forms(choice: CellChoice, there: set[str]) -> Iterator[str]:
    """Yield what each entry names: one form, a range of characters, or the characters of a text."""
    texts = (choice.forms,) if isinstance(choice.forms, str) else choice.forms
    for text in map(compose_text, texts):
        if text in there:
            yield text
        elif text.upper().startswith(("U+", "0X")):
            yield from expand_range(text)
        else:
            yield from "".join(text.split())
