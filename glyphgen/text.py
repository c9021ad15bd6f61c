"""How texts are shown to people: characters with their code points, long lists cut short, JSON.

What comes from files (names of fonts and files, labels, what a library said) may hold what a terminal
obeys, what turns the direction of a line, and bytes that are no UTF-8. It is shown through
``show_foreign``. Errors, the command line and pages do so for all that they show.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "compose_text",
    "dump_json",
    "format_json",
    "is_obeyed",
    "list_codepoints",
    "name_characters",
    "show_bytes",
    "show_codepoints",
    "show_count",
    "show_duration",
    "show_foreign",
    "show_lines",
    "show_some",
    "show_text",
]


_OBEYED = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode's categories of what is followed, not drawn
_JOINERS = "\u200c\u200d"  # of the spelling of Persian and Hindi words
_LONGEST_SPELLED = 3  # of forms whose code points are shown: a letter and its marks
_BYTES = re.compile("[\udc80-\udcff]+")  # as Python reads bytes of a name that it cannot decode


def show_foreign(text: str) -> str:
    """Return a text from a file as terminals and pages may show it, in one line.

    Controls, line ends and marks of direction become ``\\x1b`` or ``\\u202e``, bytes that are no UTF-8
    ``\\x83``. Bytes that are UTF-8, but were read where the locale is not, are decoded. What is shown
    already does not change.
    """
    if text.isprintable():
        return text
    text = _BYTES.sub(
        lambda found: (
            found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        ),
        text,
    )
    return "".join(
        char.encode("unicode_escape").decode() if is_obeyed(char) else char for char in text
    )


def show_lines(text: str) -> str:
    """Return a text of several lines, each as ``show_foreign`` shows it."""
    return text if text.isprintable() else "\n".join(map(show_foreign, text.split("\n")))


def is_obeyed(char: str) -> bool:
    """Tell whether a character is followed and not drawn, but for joiners, which spell words."""
    return unicodedata.category(char) in _OBEYED and char not in _JOINERS


def compose_text(text: str) -> str:
    """Return a text in which each character and the marks behind it are one, where Unicode has that one.

    Unlike NFC it leaves single characters as they are: a compatibility ideograph stays what it is.
    """
    composed: list[str] = []
    for char in text:
        pair = unicodedata.normalize("NFC", "".join((*composed[-1:], char)))
        if composed and len(pair) == 1:
            composed[-1] = pair
        else:
            composed.append(char)
    return "".join(composed)


def format_json(
    page: Any, *, indent: int | None = None, sort_keys: bool = False, allow_nan: bool = True
) -> str:
    """Return JSON that keeps the characters of all scripts, and escapes what ``show_foreign`` does."""
    text = json.dumps(
        page, ensure_ascii=False, indent=indent, sort_keys=sort_keys, allow_nan=allow_nan
    )
    if text.replace(
        "\n", ""
    ).isprintable():  # those of the layout; in texts they are escaped already
        return text
    return "".join(
        json.dumps(char)[1:-1] if char != "\n" and is_obeyed(char) else char for char in text
    )


def dump_json(page: Mapping[str, Any]) -> bytes:
    """Return a page that lies beside a dataset's arrays, as indented JSON in UTF-8."""
    return f"{format_json(page, indent=2)}\n".encode()


def list_codepoints(text: str) -> tuple[str, ...]:
    """Return the code points of a text as the Unicode Standard writes them: ``("U+3042",)``."""
    return tuple(f"U+{ord(char):04X}" for char in text)


def show_codepoints(text: str) -> str:
    """Return the code points of a text in one line: ``U+304B U+3099``."""
    return " ".join(list_codepoints(text))


def name_characters(text: str) -> str:
    """Return the Unicode names of a text's characters, joined by `` + ``; U+ and digits without one."""
    return " + ".join(unicodedata.name(char, show_codepoints(char)) for char in text)


def show_text(text: str) -> str:
    """Return a form as messages show it: ``'ゑ' (U+3091)``; its code points alone if unprintable.

    A word stands for itself: the code points of its letters would hide it.
    """
    if not text.replace("\u200c", "").replace("\u200d", "").isprintable():
        return show_codepoints(text)
    if len(text) > _LONGEST_SPELLED:
        return f"'{text}'"
    return f"'{text}' ({show_codepoints(text)})" if text.isprintable() else show_codepoints(text)


def show_bytes(n_bytes: int) -> str:
    """Return a size as people say it: ``2.9 GB``."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.{0 if unit == 'bytes' else 1}f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def show_count(n: int, thing: str, things: str = "") -> str:
    """Return how many there are: ``1 core``, ``169,000 images``; ``things`` where no s is put behind."""
    return f"{n:,} {thing if n == 1 else things or thing + 's'}"


def show_duration(seconds: float) -> str:
    """Return how long something takes, roughly: ``about 40 s``, ``about 5 min``, ``about 1.4 h``."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"about {seconds:.0f} s"
    return f"about {seconds / 60:.0f} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def show_some(items: Iterable[str], most: int = 3) -> str:
    """Return the first items and how many more there are: ``a, b, c and 5 more``."""
    items = list(items)
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most} more"
