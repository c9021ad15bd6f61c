"""Which script and which block a character belongs to, and what else stands in its block.

Scripts are the first words of Unicode names. A block is what a font gets right or wrong as a whole:
the digits, small letters, capitals of a script, hiragana, katakana.
"""

import unicodedata
from functools import cache

__all__ = ["find_block", "find_script", "list_block", "list_script"]

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
    return f"{script}{case}"


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
