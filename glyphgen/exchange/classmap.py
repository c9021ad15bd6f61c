"""What labels and folder names stand for."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import SourceError
from glyphgen.exchange.source import SourceClass
from glyphgen.files.opening import TEXT, describe_unread, read_regular
from glyphgen.text import compose_text, show_some, show_text

__all__ = [
    "check_labels",
    "choose_class",
    "class_order",
    "make_character",
    "make_classes_of_codepoints",
    "name_class",
    "read_class_map",
]

_CODEPOINT = re.compile(r"(?:U\+(?P<u>[0-9A-F]{4,6})|0x(?P<x>[0-9A-F]{2,6}))", re.IGNORECASE)
_INDEX = re.compile(r"[0-9]{1,6}")
_COLUMNS = ["index", "codepoint", "char"]


def make_character(codepoint: int) -> SourceClass:
    """Return the class of one character."""
    char = chr(codepoint)
    return SourceClass(label=char, forms=(char,))


def read_class_map(path: Path) -> tuple[SourceClass, ...]:
    """Read a table with the columns index, codepoint and char, as Kuzushiji-49 has it.

    Returns:
        The classes in the order of their labels.

    Raises:
        SourceError: It cannot be read, a line is no entry, an index is missing, or a code point or an
            index is there twice.
    """
    try:
        text = read_regular(path, TEXT).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{path}: not UTF-8 (save the file as UTF-8)") from None
    except OSError as error:
        raise SourceError(f"{path}: {describe_unread(error)}") from None
    try:
        lines = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise SourceError(f"{path}: not a table: {error}") from None
    if not lines or lines[0] != _COLUMNS:
        found = ",".join(lines[0]) if lines else "an empty file"
        raise SourceError(f"{path}:1: found {found}, expected the columns {','.join(_COLUMNS)}")
    problems: list[str] = []
    chars: dict[int, str] = {}
    for number, line in enumerate(lines[1:], start=2):
        if line:
            _read_entry(f"{path}:{number}", line, chars, problems)
    if not problems and sorted(chars) != list(range(len(chars))):
        absent = sorted(set(range(max(chars))) - set(chars))
        problems.append(
            f"{path}: lacks index {show_some(map(str, absent))},"
            " expected every index from 0 to the last"
        )
    if not problems and not chars:
        problems.append(f"{path}: holds no class, expected one a line")
    if problems:
        raise SourceError(*problems)
    return tuple(make_character(ord(chars[index])) for index in range(len(chars)))


def _read_entry(place: str, line: list[str], chars: dict[int, str], problems: list[str]) -> None:
    char = _read_codepoint(line[1].strip()) if len(line) == len(_COLUMNS) else None
    if char is None or not _INDEX.fullmatch(line[0].strip()):
        problems.append(f"{place}: found {','.join(line)}, expected such as 0,U+3042,あ")
        return
    index = int(line[0])
    if compose_text(line[2]) != char:
        problems.append(f"{place}: {line[1]} is not the code point of '{line[2]}'")
    elif index in chars:
        problems.append(f"{place}: index {index} again, expected each index once")
    elif char in chars.values():
        problems.append(f"{place}: {show_text(char)} again, expected each code point once")
    else:
        chars[index] = char


def check_labels(place: str, labels: NDArray[np.integer], n_classes: int, among: str) -> None:
    """Check that every label is one of a class map.

    Raises:
        SourceError: Some are not.
    """
    outside = np.unique(labels[(labels < 0) | (labels >= n_classes)])
    if len(outside):
        raise SourceError(
            f"{place}: holds the labels {show_some(map(str, outside.tolist()))},"
            f" expected 0 to {n_classes - 1}, which are those of {among}"
            " (--class-map FILE names another table)"
        )


def make_classes_of_codepoints(
    place: str, labels: NDArray[np.integer]
) -> tuple[tuple[SourceClass, ...], NDArray[np.int64]]:
    """Return the classes of labels that are code points, in their order, and each row's class.

    Raises:
        SourceError: Some are no characters.
    """
    found, class_index = np.unique(labels, return_inverse=True)
    wrong = [value for value in found.tolist() if not _is_character(value)]
    if wrong:
        raise SourceError(
            f"{place}: holds {show_some(map(str, wrong))}, expected code points of characters:"
            " 0 to 1114111 but for 55296 to 57343"
        )
    return tuple(map(make_character, found.tolist())), class_index


def name_class(name: str, *, has_ascii_characters: bool = False) -> SourceClass:
    """Return what a name stands for: a code point (``U+3042``, ``0x3042``), one character, or a word.

    One ASCII character is a word, for ``0`` may be an index, and ``a`` the sound of あ.

    Args:
        name: Composed.
        has_ascii_characters: One ASCII character stands for itself.
    """
    char = _read_codepoint(name)
    if char is None and len(name) == 1 and (has_ascii_characters or not name.isascii()):
        char = name
    return make_character(ord(char)) if char else SourceClass(label=name, forms=())


def choose_class(name: str, table: Sequence[SourceClass]) -> SourceClass | None:
    """Return the class of a table whose index is the name; None where the name is none."""
    index = int(name) if _INDEX.fullmatch(name) else len(table)
    return table[index] if index < len(table) else None


def class_order(entry: SourceClass) -> tuple[bool, Sequence[int], str]:
    """Return where a class stands in a table: characters by code point, then words."""
    codepoints = tuple(map(ord, entry.forms[0])) if entry.forms else ()
    return not entry.forms, codepoints, entry.label


def _read_codepoint(text: str) -> str | None:
    """Return the character of a code point; None where the text is no code point of one."""
    match = _CODEPOINT.fullmatch(text)
    codepoint = int(match["u"] or match["x"], 16) if match else -1
    return chr(codepoint) if _is_character(codepoint) else None


def _is_character(codepoint: int) -> bool:
    return 0 <= codepoint <= 0x10FFFF and not 0xD800 <= codepoint <= 0xDFFF
