"""Which script and which block a character belongs to, and what else stands in its block.

Scripts are the first words of Unicode names. A block is what a font gets right or wrong as a whole:
the digits, small letters, capitals of a script, hiragana, katakana.
"""

import unicodedata
from collections.abc import Callable
from functools import cache, partial

__all__ = ["MAPS", "find_block", "find_script", "list_block", "list_script"]

_LAST = 0x2FFFF  # the planes with letters

_SCRIPT_OF_WORD = {
    "HIRAGANA": "kana",
    "KATAKANA": "kana",
    "KATAKANA-HIRAGANA": "kana",
    "CJK": "han",
    "EXTENDED": "arabic",
    "ARABIC-INDIC": "arabic",
    "DIGIT": "latin",
}


def find_script(form: str) -> str:
    """Return the script of a character in lower case; ``symbols`` where it is no letter or digit.

    Forms of several characters have none: the empty text.
    """
    if len(form) != 1:
        return ""
    if unicodedata.category(form)[0] not in "LN":
        return "symbols"
    word = unicodedata.name(form, "").split(" ")[0]
    return _SCRIPT_OF_WORD.get(word, word.lower())


def find_block(form: str) -> str:
    """Return the block of a character: ``latin capital``, ``latin digit``, ``kana hiragana``."""
    script = find_script(form)
    if script in ("", "symbols", "han"):
        return script
    words = unicodedata.name(form, "").split(" ")
    if unicodedata.category(form) == "Nd":
        return f"{script} digit"
    if script == "kana":
        return f"kana {words[0].lower()}"
    case = {"Lu": " capital", "Ll": " small"}.get(unicodedata.category(form), "")
    # Letters with marks are drawn of those without: they would hide what is wrong with these.
    composed = " composed" if unicodedata.decomposition(form) or "WITH" in words else ""
    return f"{script}{case}{composed}"


@cache
def list_block(block: str) -> tuple[str, ...]:
    """Return the characters of a block, in code point order."""
    return _list_blocks().get(block, ())


@cache
def list_script(script: str) -> tuple[str, ...]:
    """Return the characters of a script, in code point order."""
    blocks = (block for block in _list_blocks() if block.split(" ")[0] == script)
    return tuple(sorted(form for block in blocks for form in _list_blocks()[block]))


@cache
def _list_blocks() -> dict[str, tuple[str, ...]]:
    blocks: dict[str, list[str]] = {}
    for codepoint in range(0x21, _LAST + 1):
        form = chr(codepoint)
        if unicodedata.category(form)[0] in "LN":
            blocks.setdefault(find_block(form), []).append(form)
    return {name: tuple(forms) for name, forms in blocks.items()}


def _find_mate(form: str) -> str:
    """Return the same letter in the other case, or the other size of kana; the form itself without one."""
    if form.swapcase() != form:
        return form.swapcase()
    name = unicodedata.name(form, "")
    old, new = (" SMALL ", " ") if " SMALL " in name else (" LETTER ", " LETTER SMALL ")
    try:
        return unicodedata.lookup(name.replace(old, new)) if old in name else form
    except KeyError:
        return form


def _strip_marks(form: str) -> str:
    """Return the letter without its marks: は for ば, e for é; the form itself without any."""
    return unicodedata.normalize("NFD", form)[0]


def _move(form: str, by: int) -> str:
    moved = ord(form) + by if len(form) == 1 else -1
    return chr(moved) if 0 <= moved <= 0x10FFFF else form


MAPS: tuple[Callable[[str], str], ...] = (
    _find_mate,
    _strip_marks,
    *(partial(_move, by=by) for by in (-16, -2, -1, 1, 2, 16)),
)
"""What a font may show throughout in place of its characters: for each character another one, or itself."""
