"""Characters that go by a name, and ranges of code points. A new set is one entry in ``CHARACTER_SETS``."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

__all__ = ["CHARACTER_SETS", "CharacterSet", "expand_range"]


def _span(first: int, last: int) -> str:
    """Return the characters from one code point to another, both included."""
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
