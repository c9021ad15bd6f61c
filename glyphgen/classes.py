"""Makes the table of what each label of a recipe stands for, in order.

Character sets come from Python's codecs and Unicode names, so there are no data files to go stale.
To add one, write one entry in ``CHARACTER_SETS``.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import chain

from glyphgen.errors import RecipeError
from glyphgen.files.opening import TEXT, describe_unread, read_regular
from glyphgen.partition import join_groups
from glyphgen.recipe import Recipe
from glyphgen.text import compose_text, name_characters, show_some, show_text

__all__ = [
    "CHARACTER_SETS",
    "CharacterSet",
    "ClassTable",
    "expand_range",
    "make_class_table",
    "merge_classes",
]


_MOST_CLASSES = 100_000  # all of Han; to look at one takes a millisecond for each face


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTable:
    """What each label stands for; a class is known by its place in the table."""

    labels: tuple[str, ...]
    """What each class is called."""

    forms: tuple[tuple[str, ...], ...]
    """The texts that are drawn for each class."""

    notices: tuple[str, ...] = field(default=(), compare=False)
    """What the user should know of how the recipe was read, one line each."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def all_forms(self) -> tuple[str, ...]:
        """All forms in class order."""
        return tuple(form for forms in self.forms for form in forms)

    @property
    def form_class(self) -> tuple[int, ...]:
        """The class index of each of ``all_forms``."""
        return tuple(index for index, forms in enumerate(self.forms) for _ in forms)

    def names(self, class_index: int) -> tuple[str, ...]:
        """Return the Unicode name of each form of a class; U+ and digits where there is none."""
        return tuple(map(name_characters, self.forms[class_index]))


def make_class_table(recipe: Recipe) -> ClassTable:
    """Make the class table: code point order, then the characters of ``classes.text`` as given.

    A letter and a mark that Unicode has as one character are that character, as macOS writes が; a notice
    says so.

    Raises:
        RecipeError: A set is unknown, a range cannot be read, the class file is missing, a
            character is given twice, excluded or merged without being there, merged twice, or nothing
            is left.
    """
    problems: list[str] = []
    notices: list[str] = []
    given = {
        "classes.sets": _gather_sets(recipe, problems),
        "classes.ranges": _gather_ranges(recipe, problems),
        "classes.file": _compose(recipe, "classes.file", _gather_file(recipe, problems), notices),
        "classes.text": _compose(recipe, "classes.text", recipe.classes.text, notices),
    }
    excluded = _gather_excluded(recipe, problems)
    everything = "".join(given.values())
    if not problems:
        problems += _find_conflicts(recipe, given, excluded)
    if problems:
        raise RecipeError(*problems)
    text = given["classes.text"]
    chars = [*sorted(set(everything) - set(text)), *text]
    labels = [char for char in chars if char not in excluded]
    groups = [[compose_text(form) for form in group] for group in recipe.classes.merge]
    if problems := list(_find_unmergeable(recipe, groups, set(labels))):
        raise RecipeError(*problems)
    forms = tuple((label,) for label in labels)
    table = ClassTable(labels=tuple(labels), forms=forms, notices=tuple(notices))
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


# --- Character sets


def _span(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


def _decode_rows(codec: str, first_row: int, last_row: int, cells: Iterable[int]) -> str:
    """Decode the rows of a two-byte code; ``first_row`` and ``cells`` are bytes."""
    cells = bytes(cells)
    rows = range(first_row, last_row + 1)
    return "".join(
        bytes((row, cell)).decode(codec, errors="ignore") for row in rows for cell in cells
    )


def _decode_94(codec: str, first_row: int, last_row: int) -> str:
    """Decode the rows of a 94 by 94 code in its EUC form, rows counted from 1."""
    return _decode_rows(codec, 0xA0 + first_row, 0xA0 + last_row, range(0xA1, 0xFF))


def _list_big5_level1() -> str:
    """List the 5,401 frequent characters, which end at 0xC67E within their last row."""
    cells = (*range(0x40, 0x7F), *range(0xA1, 0xFF))
    return _decode_rows("big5", 0xA4, 0xC5, cells) + _decode_rows(
        "big5", 0xC6, 0xC6, range(0x40, 0x7F)
    )


_PERSIAN_LETTERS = (
    "ALEF BEH PEH TEH THEH JEEM TCHEH HAH KHAH DAL THAL REH ZAIN JEH SEEN SHEEN SAD DAD TAH ZAH"
    " AIN GHAIN FEH QAF KEHEH GAF LAM MEEM NOON WAW HEH FARSI_YEH"
)


def _list_persian_letters() -> str:
    names = (name.replace("_", " ") for name in _PERSIAN_LETTERS.split())
    return "".join(unicodedata.lookup(f"ARABIC LETTER {name}") for name in names)


@dataclass(frozen=True, slots=True)
class CharacterSet:
    """Characters that go by a name.

    Attributes:
        help: Which they are, in a few words.
        list_chars: Returns them in order.
    """

    help: str
    list_chars: Callable[[], str]


CHARACTER_SETS: Mapping[str, CharacterSet] = {
    "hiragana": CharacterSet("Hiragana, small ones too", lambda: _span(0x3041, 0x3093)),
    "katakana": CharacterSet("Katakana, small ones too", lambda: _span(0x30A1, 0x30F6)),
    "latin": CharacterSet("A to Z and a to z", lambda: _span(0x41, 0x5A) + _span(0x61, 0x7A)),
    "digits": CharacterSet("0 to 9", lambda: _span(0x30, 0x39)),
    "greek": CharacterSet(
        "Modern Greek with final sigma, both cases",
        lambda: _span(0x391, 0x3A1) + _span(0x3A3, 0x3A9) + _span(0x3B1, 0x3C9),
    ),
    "cyrillic": CharacterSet("Russian, both cases", lambda: "Ё" + _span(0x410, 0x44F) + "ё"),
    "jis_level1": CharacterSet(
        "Kanji of JIS X 0208, level 1", lambda: _decode_94("euc_jp", 16, 47)
    ),
    "jis_level2": CharacterSet(
        "Kanji of JIS X 0208, level 2", lambda: _decode_94("euc_jp", 48, 84)
    ),
    "gb2312_level1": CharacterSet(
        "Hanzi of GB 2312, level 1", lambda: _decode_94("gb2312", 16, 55)
    ),
    "gb2312_level2": CharacterSet(
        "Hanzi of GB 2312, level 2", lambda: _decode_94("gb2312", 56, 87)
    ),
    "big5_level1": CharacterSet("Frequent hanzi of Big5", _list_big5_level1),
    "hangul_ks": CharacterSet("Hangul of KS X 1001", lambda: _decode_94("euc_kr", 16, 40)),
    "persian_digits": CharacterSet("Persian digits", lambda: _span(0x6F0, 0x6F9)),
    "persian_letters": CharacterSet("The Persian alphabet, isolated", _list_persian_letters),
}


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


def _gather_file(recipe: Recipe, problems: list[str]) -> str:
    """Read the class file."""
    name = recipe.classes.file
    if name is None:
        return ""
    place = recipe.place("classes.file")
    try:
        return read_regular(recipe.find_path(name), TEXT).decode("utf-8-sig")
    except FileNotFoundError:
        problems.append(f"{place}: no file '{name}' (paths are relative to the recipe)")
    except UnicodeDecodeError:
        problems.append(f"{place}: '{name}' is not UTF-8 (save the file as UTF-8)")
    except OSError as error:
        problems.append(f"{place}: '{name}' {describe_unread(error)}")
    return ""


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


_RANGE = re.compile(
    r"(?:U\+|0x)(?P<first>[0-9A-F]+)(?:\s*(?:\.\.|-)\s*(?:U\+|0x)(?P<last>[0-9A-F]+))?",
    re.IGNORECASE,
)


def expand_range(text: str) -> str:
    """Read a range of code points, both ends included.

    Raises:
        ValueError: It is not a range, runs backwards, or holds what is no character.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"found '{text}', expected code points"
            ' such as "U+3041..U+3093", "0x3041-0x3093" or "U+3042"'
        )
    first = int(match["first"], 16)
    last = int(match["last"] or match["first"], 16)
    if last < first:
        raise ValueError(
            f"'{text}' runs backwards, expected the lower end first (U+{last:04X}..U+{first:04X})"
        )
    if last > 0x10FFFF:
        raise ValueError(f"'{text}' goes beyond U+10FFFF, the last code point")
    if first <= 0xDFFF and last >= 0xD800:
        raise ValueError(f"'{text}' holds surrogates (U+D800..U+DFFF), which are no characters")
    if any(unicodedata.category(chr(code)) == "Cc" for code in range(first, min(last, 0x9F) + 1)):
        raise ValueError(
            f"'{text}' holds control characters (U+0000..U+001F, U+007F..U+009F), which no font draws"
        )
    return _span(first, last)


# --- What is wrong with all of it together


def _find_conflicts(
    recipe: Recipe, given: dict[str, str], excluded: frozenset[str]
) -> Iterator[str]:
    everything = "".join(given.values())
    if absent := sorted(excluded - set(everything)):
        yield (
            f"{recipe.place('classes.exclude')}: found {_show_chars(absent)},"
            " expected only characters that another key gives"
        )
    if len(everything) > _MOST_CLASSES:
        yield (
            f"{recipe.place('classes')}: found {len(everything):,} characters,"
            f" expected at most {_MOST_CLASSES:,}"
        )
    giver: dict[str, str] = {}
    for key, chars in given.items():
        repeated: dict[str, str] = {}
        for char in chars:
            if char in giver and char not in excluded:
                repeated[char] = giver[char]
            giver.setdefault(char, key)
        if repeated:
            yield (
                f"{recipe.place(key)}: found {_show_chars(repeated)} again, already given by"
                f" {' and '.join(dict.fromkeys(repeated.values()))}, expected each character once"
            )
    if not giver.keys() - excluded:
        yield (
            f"{recipe.place('classes')}: no class is left,"
            " expected at least one character from sets, ranges, text or file"
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
