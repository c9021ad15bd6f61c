"""Makes the table of what each label of a recipe stands for, in order."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import chain

from glyphgen.bidi import find_direction
from glyphgen.classes.character_sets import CHARACTER_SETS, expand_range
from glyphgen.classes.text_files import read_text_file
from glyphgen.classes.word_classes import NamedForms, gather_named, gather_word_file, gather_words
from glyphgen.errors import RecipeError
from glyphgen.partition import join_groups
from glyphgen.recipe import Recipe
from glyphgen.text import compose_text, name_characters, show_some, show_text

__all__ = ["ClassTable", "make_class_table", "merge_classes"]

_MOST_CLASSES = 100_000  # all of Han; to look at one takes a millisecond for each face


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """What each label stands for; a class is known by its place in the table."""

    labels: tuple[str, ...]
    """What each class is called."""

    forms: tuple[tuple[str, ...], ...]
    """The texts that are drawn for each class."""

    weights: Mapping[str, int] = field(default_factory=dict)
    """How many turns a form takes where others take one, of those that take more."""

    drawn: tuple[str, ...] = ()
    """What is drawn where labels stand for styles, which have these forms in common."""

    notices: tuple[str, ...] = field(default=(), compare=False)
    """What the user should know of how the recipe was read, one line each."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def all_forms(self) -> tuple[str, ...]:
        """All forms in class order."""
        if self.drawn:
            return self.drawn
        return tuple(form for forms in self.forms for form in forms)

    @property
    def form_class(self) -> tuple[int, ...]:
        """The class index of each of ``all_forms``; a number for each where labels stand for styles."""
        if self.drawn:
            return tuple(range(len(self.drawn)))
        return tuple(index for index, forms in enumerate(self.forms) for _ in forms)

    @property
    def form_weights(self) -> tuple[int, ...]:
        """How many turns each of ``all_forms`` takes where others take one."""
        return tuple(self.weights.get(form, 1) for form in self.all_forms)

    @property
    def has_words(self) -> bool:
        """Whether any form is more than one character."""
        return any(len(form) > 1 for forms in self.forms for form in forms)

    def names(self, class_index: int) -> tuple[str, ...]:
        """Return the Unicode name of each form of a class; U+ and digits where there is none."""
        return tuple(map(name_characters, self.forms[class_index]))


def make_class_table(recipe: Recipe) -> ClassTable:
    """Make the class table.

    Characters in code point order, those of ``classes.text`` as given, words, classes with a name. A letter
    and a mark that Unicode has as one character are that character, as macOS writes が; a notice says so.

    Raises:
        RecipeError: A set is unknown, a range cannot be read, a file is missing, a word cannot be
            drawn, a character or word is given twice, excluded or merged without being there, merged
            twice, or nothing is left.
    """
    problems: list[str] = []
    notices: list[str] = []
    given = {
        "classes.sets": _gather_sets(recipe, problems),
        "classes.ranges": _gather_ranges(recipe, problems),
        "classes.file": _compose(
            recipe,
            "classes.file",
            read_text_file(recipe, "classes.file", recipe.classes.file, problems),
            notices,
        ),
        "classes.text": _compose(recipe, "classes.text", recipe.classes.text, notices),
    }
    words = {
        "classes.words": gather_words(recipe, problems),
        "classes.words_file": gather_word_file(recipe, problems),
    }
    named = gather_named(recipe, problems)
    excluded = _gather_excluded(recipe, problems)
    everything = "".join(given.values())
    if not problems:
        problems += _find_conflicts(recipe, given, words, named, excluded)
    if problems:
        raise RecipeError(*problems)
    text = given["classes.text"]
    chars = [*sorted(set(everything) - set(text)), *text]
    labels = [char for char in chars if char not in excluded]
    labels += [*words["classes.words"], *words["classes.words_file"]]
    groups = [[compose_text(form) for form in group] for group in recipe.classes.merge]
    if problems := list(_find_unmergeable(recipe, groups, set(labels))):
        raise RecipeError(*problems)
    if recipe.classes.label_by == "style":
        names = tuple(style.name for style in recipe.fonts.style)
        forms = (tuple(labels),) * len(names)
        return ClassTable(labels=names, forms=forms, drawn=tuple(labels), notices=tuple(notices))
    table = ClassTable(
        labels=(*labels, *(one.label for one in named)),
        forms=(*((label,) for label in labels), *(one.forms for one in named)),
        weights={form: weight for one in named for form, weight in one.weights.items()},
        notices=tuple(notices),
    )
    return merge_classes(table, groups)


def merge_classes(table: ClassTable, groups: Iterable[Sequence[str]]) -> ClassTable:
    """Return a table in which the classes of the forms of each group are one.

    It stands where the class of the group's first form stood, has its label, and first its forms.
    Groups that share a class are one group.
    """
    class_of = {form: k for k, forms in enumerate(table.forms) for form in forms}
    named = [[class_of[form] for form in group] for group in groups]
    joined = join_groups(len(table), named)
    merged: dict[int, list[int]] = {}
    for k in dict.fromkeys([*chain.from_iterable(named), *range(len(table))]):
        merged.setdefault(joined[k], []).append(k)
    rows = sorted(merged.values(), key=lambda classes: classes[0])
    return replace(
        table,
        labels=tuple(table.labels[first] for first, *_ in rows),
        forms=tuple(tuple(form for k in row for form in table.forms[k]) for row in rows),
    )


# --- What each key gives


def _gather_sets(recipe: Recipe, problems: list[str]) -> str:
    chars = ""
    for i, name in enumerate(recipe.classes.sets):
        if name in CHARACTER_SETS:
            chars += CHARACTER_SETS[name].list_chars()
            continue
        near = get_close_matches(name, CHARACTER_SETS, n=1)
        hint = f" (did you mean '{near[0]}'?)" if near else ""
        problems.append(
            f"{recipe.place(f'classes.sets.{i}')}: unknown set '{name}',"
            f" expected one of {', '.join(CHARACTER_SETS)}{hint}"
        )
    return chars


def _gather_ranges(recipe: Recipe, problems: list[str]) -> str:
    chars = ""
    for i, text in enumerate(recipe.classes.ranges):
        try:
            chars += expand_range(text)
        except ValueError as error:
            problems.append(f"{recipe.place(f'classes.ranges.{i}')}: {error}")
    return chars


def _compose(recipe: Recipe, key: str, text: str, notices: list[str]) -> str:
    """Return the characters of a text but white space, each composed; say which were not."""
    composed = compose_text(text)
    if made := sorted((Counter(composed) - Counter(text)).keys()):
        notices.append(
            f"{recipe.place(key)}: composed {_show_chars(made)} from several code points each"
            " (white space between them keeps them apart)"
        )
    return "".join(composed.split())


def _gather_excluded(recipe: Recipe, problems: list[str]) -> frozenset[str]:
    """Read what to leave out: each entry is a range if it begins like one, else a text."""
    exclude = recipe.classes.exclude
    chars = ""
    for i, text in enumerate((exclude,) if isinstance(exclude, str) else exclude):
        if not text.upper().startswith(("U+", "0X")):
            chars += "".join(compose_text(text).split())
            continue
        try:
            chars += expand_range(text)
        except ValueError as error:
            problems.append(f"{recipe.place(f'classes.exclude.{i}')}: {error}")
    return frozenset(chars)


# --- What is wrong with all of it together


def _find_conflicts(
    recipe: Recipe,
    chars: dict[str, str],
    words: dict[str, tuple[str, ...]],
    named: Sequence[NamedForms],
    excluded: frozenset[str],
) -> Iterator[str]:
    everything = "".join(chars.values())
    given: dict[str, Sequence[str]] = {**chars, **words}
    given |= {f"classes.class.{k}.forms": one.forms for k, one in enumerate(named)}
    n_forms = sum(map(len, given.values()))
    if absent := sorted(excluded - set(everything)):
        yield (
            f"{recipe.place('classes.exclude')}: found {_show_chars(absent)},"
            " expected only characters that another key gives"
        )
    if n_forms > _MOST_CLASSES:
        yield (
            f"{recipe.place('classes')}: found {n_forms:,} characters and words,"
            f" expected at most {_MOST_CLASSES:,}"
        )
    giver: dict[str, str] = {}
    for key, forms in given.items():
        repeated: dict[str, str] = {}
        for form in forms:
            if form in giver and form not in excluded:
                repeated[form] = giver[form]
            giver.setdefault(form, key)
        if repeated:
            what = "character" if key in chars else "word" if key in words else "form"
            yield (
                f"{recipe.place(key)}: found {_show_chars(repeated)} again, already given by"
                f" {' and '.join(dict.fromkeys(repeated.values()))}, expected each {what} once"
            )
    if recipe.classes.direction == "vertical":
        for key, forms in given.items():
            if across := [f for f in forms if len(f) > 1 and find_direction(f) == "rtl"]:
                yield (
                    f"{recipe.place(key)}: found {_show_chars(across)}, of a script from right to left,"
                    ' expected words that can stand in vertical lines (or direction = "horizontal")'
                )
    labels = {form for key in (*chars, *words) for form in given[key] if form not in excluded}
    for k, one in enumerate(named):
        if one.label in labels:
            yield (
                f"{recipe.place(f'classes.class.{k}.label')}: found {show_text(one.label)}, which"
                " another class is called, expected each label once"
            )
        labels.add(one.label)
    if not giver.keys() - excluded:
        yield (
            f"{recipe.place('classes')}: no class is left,"
            " expected at least one character or word from sets, ranges, text, file, words or class"
        )


def _find_unmergeable(
    recipe: Recipe, groups: Sequence[Sequence[str]], labels: set[str]
) -> Iterator[str]:
    group_of: dict[str, int] = {}
    for number, group in enumerate(groups):
        place = recipe.place(f"classes.merge.{number}")
        if absent := [char for char in dict.fromkeys(group) if char not in labels]:
            yield f"{place}: found {_show_chars(absent)}, expected only characters that have a class"
        if repeated := [char for k, char in enumerate(group) if char in {*group_of, *group[:k]}]:
            yield f"{place}: found {_show_chars(repeated)} again, expected each character once"
        group_of |= dict.fromkeys(group, number)


def _show_chars(chars: Iterable[str]) -> str:
    return show_some(map(show_text, chars))
