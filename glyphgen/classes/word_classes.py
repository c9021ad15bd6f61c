"""The words and the named classes of a recipe, read and checked; what is wrong is told all at once."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from glyphgen.classes.character_sets import expand_range
from glyphgen.classes.text_files import read_text_file
from glyphgen.recipe import Recipe
from glyphgen.text import compose_text, is_obeyed, show_codepoints, show_some, show_text

__all__ = ["NamedForms", "explain_undrawable", "gather_named", "gather_word_file", "gather_words"]

_LONGEST_WORD = 200  # characters; outlines of longer ones exceed what the rasterizer counts
# Unicode's marks that turn the direction of a text (Standard Annex 9, section 2).
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedForms:
    """A class with a name.

    Attributes:
        label: Its name.
        forms: What is drawn for it.
        weights: How many turns a form takes, of those that take more than one.
    """

    label: str
    forms: tuple[str, ...]
    weights: Mapping[str, int] = field(default_factory=dict)


def gather_words(recipe: Recipe, problems: list[str]) -> tuple[str, ...]:
    """Return the words of ``classes.words``; what is wrong is added to the problems."""
    words = tuple(map(compose_text, recipe.classes.words))
    for number, word in enumerate(words):
        if why := explain_undrawable(word):
            problems.append(f"{recipe.place(f'classes.words.{number}')}: {why}")
    return words


def gather_word_file(recipe: Recipe, problems: list[str]) -> tuple[str, ...]:
    """Return the words of the file that ``classes.words_file`` names, one a line."""
    name = recipe.classes.words_file
    text = read_text_file(recipe, "classes.words_file", name, problems)
    place = recipe.place("classes.words_file")
    words = []
    wrong = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = compose_text(line.strip())
        if not word:
            continue
        words.append(word)
        if why := explain_undrawable(word):
            wrong.append(f"line {number}: {why}")
    if wrong:
        problems.append(f"{place}: '{name}': {show_some(wrong)}")
    return tuple(words)


def gather_named(recipe: Recipe, problems: list[str]) -> tuple[NamedForms, ...]:
    """Return the classes of ``[[classes.class]]``, their ranges expanded."""
    return tuple(
        _read_named(recipe, number, problems) for number in range(len(recipe.classes.named))
    )


def _read_named(recipe: Recipe, number: int, problems: list[str]) -> NamedForms:
    given = recipe.classes.named[number]
    place = f"classes.class.{number}"
    forms: list[str] = []
    for key, text in _list_entries(given.forms):
        try:
            forms += _read_forms(text, is_text=isinstance(given.forms, str))
        except ValueError as error:
            problems.append(f"{recipe.place(f'{place}.forms{key}')}: {error}")
    if not forms:
        problems.append(
            f"{recipe.place(f'{place}.forms')}: found no form, expected one or more"
            ' (characters, words or ranges: ["ا", "نام", "U+06F0..U+06F9"])'
        )
    if given.weights and len(given.weights) != len(forms):
        problems.append(
            f"{recipe.place(f'{place}.weights')}: found {len(given.weights)} for"
            f" {len(forms)} forms, expected one for each form, or none"
        )
    weights = zip(forms, given.weights, strict=False)
    return NamedForms(
        label=given.label,
        forms=tuple(forms),
        weights={form: weight for form, weight in weights if weight > 1},
    )


def _list_entries(forms: str | Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield where each entry stands below its key, and the entry."""
    if isinstance(forms, str):
        yield "", forms
    else:
        for number, text in enumerate(forms):
            yield f".{number}", text


def _read_forms(text: str, *, is_text: bool) -> Sequence[str]:
    """Return the forms that an entry stands for.

    Raises:
        ValueError: It is no range, or cannot be drawn.
    """
    if text.upper().startswith(("U+", "0X")):
        return expand_range(text)
    composed = compose_text(text)
    if is_text:
        return "".join(composed.split())
    if why := explain_undrawable(composed):
        raise ValueError(why)
    return (composed,)


def explain_undrawable(word: str) -> str:
    """Return why a word cannot be drawn as it stands; nothing where it can."""
    turning = [char for char in word if char in _TURNING]
    bad = [char for char in word if is_obeyed(char)]
    why = ""
    if not word.strip():
        why = "found an empty word, expected one or more characters"
    elif word != word.strip():
        why = f"found {show_text(word)}, expected no space before or after it"
    elif turning:
        why = (
            f"found {show_codepoints(turning[0])} in it, which turns the direction of text, expected"
            " letters alone (numbers and words of another direction are put in order without it)"
        )
    elif bad:
        why = f"found {show_codepoints(bad[0])} in it, expected characters that fonts draw"
    elif unicodedata.category(word[0]).startswith("M"):
        why = f"found {show_text(word)}, which begins with a mark, expected a letter to carry it"
    elif len(word) > _LONGEST_WORD:
        why = f"found {len(word)} characters, expected at most {_LONGEST_WORD}"
    return why
