"""Which classes are one drawing, so that no network can tell them apart; knows no network."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.page import read_gate_page

__all__ = ["KNOWN_TWINS", "find_twins", "fold_classes", "fold_small_kana"]

KNOWN_TWINS = (
    "へヘ",
    "べベ",
    "ぺペ",
    "りリ",
    "ー一",
    "ニ二",
    "カ力",
    "エ工",
    "ロ口",
    "タ夕",
    "ト卜",
    "ハ八",
)
"""Characters of different scripts that most hands and typefaces draw alike."""


def find_twins(folder: Path) -> tuple[tuple[str, ...], ...]:
    """Return the groups of forms that are drawn alike: those of a dataset's gate.json, and the known.

    Args:
        folder: Of a dataset; one without gate.json has the known ones alone.
    """
    page = read_gate_page(folder)
    measured = tuple(group.forms for group in page.twins) if page else ()
    return (*measured, *(tuple(group) for group in KNOWN_TWINS))


def fold_small_kana(forms: Iterable[str]) -> tuple[tuple[str, ...], ...]:
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


def fold_classes(
    forms: Sequence[Sequence[str]], groups: Iterable[Sequence[str]]
) -> NDArray[np.int64]:
    """Return for each class the first class that it cannot be told from.

    Args:
        forms: Of each class.
        groups: Forms that are drawn alike; forms that no class has do no harm.

    Returns:
        int64 (classes,); a class without a twin has its own number.
    """
    folded = np.arange(len(forms))
    class_of = {form: k for k, of_class in enumerate(forms) for form in of_class}
    for group in groups:
        members = {int(folded[class_of[form]]) for form in group if form in class_of}
        if members:
            folded[np.isin(folded, list(members))] = min(members)
    return folded
