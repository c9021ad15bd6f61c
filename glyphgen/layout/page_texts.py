"""What stands on pages: the words, numbers and names that fields and blocks are made of.

Everything is written with *forms*, which are shaped once: whole words, and the digits of numbers one by
one, so that no worker has to shape a text.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from glyphgen.classes import ClassTable, make_class_table
from glyphgen.classes.text_files import read_text_file
from glyphgen.classes.word_classes import explain_undrawable
from glyphgen.errors import RecipeError
from glyphgen.recipe import Recipe
from glyphgen.text import compose_text, show_some

__all__ = ["PAGE_CLASS", "PageTexts", "Part", "make_page_texts", "make_recipe_table", "spell"]

PAGE_CLASS = "page"
"""The class of the images."""

_NAME = re.compile(r"\{([^{}]*)\}")
_DIGITS = {
    "fa": "\u06f0",
    "ur": "\u06f0",
    "ps": "\u06f0",
    "ar": "\u0660",
    "ckb": "\u0660",
}  # language -> its zero
_PERSIAN_YEARS, _YEARS = (1380, 1410), (1990, 2030)
_MOST_DIGITS = 6

Part = tuple[str, bool]
"""A text, and whether it is the name of what stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageTexts:
    """The texts of a recipe's pages.

    Attributes:
        table: The class table: ``page``, then fields and blocks. Its forms are all that is drawn.
        labels: For each field the words of its label, empty where none is printed.
        values: For each field the parts of its value.
        fillers: For each block its words, as places in ``table.all_forms``.
        names: What names stand for: texts to choose from.
    """

    table: ClassTable
    labels: tuple[tuple[str, ...], ...]
    values: tuple[tuple[Part, ...], ...]
    fillers: tuple[tuple[int, ...], ...]
    names: Mapping[str, tuple[str, ...]]


def make_page_texts(recipe: Recipe) -> PageTexts:
    """Gather what stands on the pages of a recipe.

    Raises:
        RecipeError: A name in braces is unknown, a word cannot be drawn, or a file cannot be read; all at
            once.
    """
    page = recipe.page
    assert page is not None
    problems: list[str] = []
    names = _list_names(recipe.classes.language) | {
        name: tuple(map(compose_text, texts)) for name, texts in page.values.items()
    }
    labels, values = [], []
    forms: dict[str, dict[str, None]] = {PAGE_CLASS: {}}
    for number, field in enumerate(page.field):
        own = forms.setdefault(field.label, {})
        printed = _split(f"{field.label}{field.separator}") if field.show_label else ()
        labels.append(printed)
        parts = _read_value(recipe, number, field.value, names, problems)
        values.append(parts)
        own |= dict.fromkeys(printed)
        for text, is_name in parts:
            for shown in names.get(text, ()) if is_name else (text,):
                for word in _split(shown):
                    own |= dict.fromkeys(spell(word))
    words_of = []
    for number, block in enumerate(page.text):
        key = f"page.text.{number}"
        text = read_text_file(recipe, f"{key}.file", block.file, problems)
        words = dict.fromkeys(_split(" ".join(block.words) if block.words else text))
        if not words and not problems:
            problems.append(f"{recipe.place(key)}: has no words, expected one or more")
        words_of.append(tuple(words))
        forms.setdefault(block.label, {}).update(words)
    problems += _find_undrawable(recipe, forms)
    if problems:
        raise RecipeError(*problems)
    seen: set[str] = set()
    for own in forms.values():  # a word that several classes show belongs to the first
        for form in [form for form in own if form in seen]:
            del own[form]
        seen.update(own)
    table = ClassTable(labels=tuple(forms), forms=tuple(tuple(own) for own in forms.values()))
    place = {form: k for k, form in enumerate(table.all_forms)}
    return PageTexts(
        table=table,
        labels=tuple(labels),
        values=tuple(values),
        fillers=tuple(tuple(place[word] for word in words) for words in words_of),
        names=names,
    )


def make_recipe_table(recipe: Recipe) -> ClassTable:
    """Make the class table of a recipe, of characters or of pages.

    Raises:
        RecipeError: As ``make_class_table`` and ``make_page_texts``.
    """
    return make_class_table(recipe) if recipe.page is None else make_page_texts(recipe).table


def spell(word: str) -> tuple[str, ...]:
    """Return the forms that a word is written with: numbers digit by digit."""
    return (
        tuple(word) if word[:1].isdigit() and all(not char.isalpha() for char in word) else (word,)
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(compose_text(text).split())


def _read_value(
    recipe: Recipe,
    number: int,
    value: str,
    names: Mapping[str, Sequence[str]],
    problems: list[str],
) -> tuple[Part, ...]:
    place = recipe.place(f"page.field.{number}.value")
    parts: list[Part] = []
    end = 0
    for found in _NAME.finditer(value):
        parts += [(value[end : found.start()], False), (found[1], True)]
        end = found.end()
        if found[1] not in names:
            problems.append(
                f"{place}: found '{{{found[1]}}}', expected one of"
                f" {', '.join(f'{{{name}}}' for name in names)} (page.values makes more)"
            )
    parts.append((value[end:], False))
    if any(char in text for text, is_name in parts if not is_name for char in "{}"):
        problems.append(f"{place}: found a brace that has no other, expected {{name}}")
    return tuple(part for part in parts if part[0])


def _list_names(language: str) -> dict[str, tuple[str, ...]]:
    """Return the names that every recipe knows, in the digits of its language."""
    primary = language.partition("-")[0]
    zero = ord(_DIGITS.get(primary, "0"))

    def write(number: int, n_digits: int) -> str:
        return "".join(chr(zero + int(digit)) for digit in f"{number:0{n_digits}}")

    first, last = _PERSIAN_YEARS if primary == "fa" else _YEARS
    return {
        "year": tuple(write(year, 4) for year in range(first, last + 1)),
        "month": tuple(write(month, 2) for month in range(1, 13)),
        "day": tuple(write(day, 2) for day in range(1, 32)),
        # Of all lengths equally many; each is one of a thousand.
        "number": tuple(
            write((10 ** (n - 1) + 7919 * k) % 10**n or 1, 1)
            for n in range(1, _MOST_DIGITS + 1)
            for k in range(min(1000, 9 * 10 ** (n - 1)))
        ),
    }


def _find_undrawable(recipe: Recipe, forms: Mapping[str, Mapping[str, None]]) -> list[str]:
    wrong = [why for own in forms.values() for form in own if (why := explain_undrawable(form))]
    return [f"{recipe.place('page')}: {show_some(wrong)}"] if wrong else []
