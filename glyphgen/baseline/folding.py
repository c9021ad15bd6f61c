"""Twins: classes that are drawn alike, so that no network can tell them apart."""

import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.files.address import Place
from glyphgen.gate.page import read_gate_page
from glyphgen.partition import join_groups

__all__ = ["fold_sizes", "fold_twins", "list_alike_forms", "pair_small_kana"]

# Characters of different scripts that most writers and typefaces draw alike.
_KNOWN_TWINS = (
    *("へヘ", "べベ", "ぺペ", "りリ", "ー一", "ニ二"),
    *("カ力", "エ工", "ロ口", "タ夕", "ト卜", "ハ八"),
)


def list_alike_forms(folder: Place) -> tuple[tuple[str, ...], ...]:
    """Return groups of forms that are drawn alike: those of a dataset's gate.json, and the known.

    Args:
        folder: Of a dataset; one without gate.json has the known ones alone.
    """
    page = read_gate_page(folder)
    measured = tuple(pair.forms for pair in page.twins if pair.are_twins) if page else ()
    return (*measured, *map(tuple, _KNOWN_TWINS))


def pair_small_kana(forms: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return each small kana of some forms with its large one: ``(("っ", "つ"), ...)``.

    Where images are scaled to their ink, size does not tell them apart.
    """
    pairs = []
    for form in forms:
        name = unicodedata.name(form, "") if len(form) == 1 else ""
        if " LETTER SMALL " in name:
            try:
                pairs.append((form, unicodedata.lookup(name.replace(" SMALL", ""))))
            except KeyError:
                continue
    return tuple(pairs)


def fold_twins(
    forms: Sequence[Sequence[str]], groups: Iterable[Sequence[str]]
) -> NDArray[np.int64]:
    """Return for each class the first class that it cannot be told from.

    Args:
        forms: Of each class.
        groups: Forms that are drawn alike; forms that no class has are ignored.

    Returns:
        int64 (classes,); a class without a twin has its own number.
    """
    class_of = {form: k for k, of_class in enumerate(forms) for form in of_class}
    return join_groups(
        len(forms), ([class_of[form] for form in group if form in class_of] for group in groups)
    )


def fold_sizes(
    forms: Sequence[Sequence[str]], groups: Iterable[Sequence[str]]
) -> NDArray[np.int64]:
    """Return the same as ``fold_twins``, where small kana are one class with the large ones as well."""
    every = (form for of_class in forms for form in of_class)
    return fold_twins(forms, (*groups, *pair_small_kana(every)))
