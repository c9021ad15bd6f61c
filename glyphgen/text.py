"""How texts are shown to people: characters with their code points, long lists cut short, JSON."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = [
    "dump_json",
    "list_codepoints",
    "name_characters",
    "show_bytes",
    "show_codepoints",
    "show_duration",
    "show_some",
    "show_text",
]


def dump_json(page: Mapping[str, Any]) -> bytes:
    """Return a page that lies beside a dataset's arrays, as indented JSON in UTF-8."""
    return f"{json.dumps(page, ensure_ascii=False, indent=2)}\n".encode()


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
    """Return a form as messages show it: ``'ゑ' (U+3091)``; its code points alone if unprintable."""
    codepoints = show_codepoints(text)
    return f"'{text}' ({codepoints})" if text.isprintable() else codepoints


def show_bytes(n_bytes: int) -> str:
    """Return a size as people say it: ``2.9 GB``."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.{0 if unit == 'bytes' else 1}f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


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
