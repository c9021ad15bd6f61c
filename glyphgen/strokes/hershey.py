"""Hershey font files (.jhf) -> polylines of every character of ASCII.

Source: the format of James Hurt, as in the file ``hershey.doc`` that comes with the fonts.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import FontError

__all__ = ["parse_hershey"]

Floats = NDArray[np.float64]

_FIRST = 0x20  # what the first glyph of a file of ASCII stands for
_UNITS = 30.0  # to the em: capitals are 21 high
_BASELINE = 9  # y of the baseline, downwards
_MIDDLE = ord("R")
_HEAD, _COUNT = 5, 3  # columns of a glyph's number, and of how many pairs follow


def parse_hershey(path: Path, data: bytes) -> dict[str, list[Floats]]:
    """Return the strokes of every character: (n, 2) each, in em, x right, y up from the baseline.

    Raises:
        FontError: It is no such file.
    """
    # Long glyphs go on in the next line; a line may have lost the spaces at its end.
    text = data.decode("latin-1").replace("\r", "")
    characters: dict[str, list[Floats]] = {}
    rest = text.lstrip("\n")
    while rest.strip():
        number = len(characters) + 1
        head, count = rest[:_HEAD], rest[_HEAD : _HEAD + _COUNT]
        if not (head.strip().isdecimal() and count.strip().isdecimal() and int(count)):
            found = f"glyph {number} begins with {rest[: _HEAD + _COUNT]!r}"
            raise FontError(f"{path}: {found}, expected a number and a count ({_WHAT})")
        pairs, rest = _take(rest[_HEAD + _COUNT :], 2 * int(count))
        if len(pairs) < 2 * int(count):
            found = f"glyph {number} ends after {len(pairs) // 2} of {int(count)} points"
            raise FontError(f"{path}: {found}, expected all of them ({_WHAT})")
        characters[chr(_FIRST + len(characters))] = _read_strokes(pairs[2:])
        rest = rest.lstrip("\n")
    if not any(characters.values()):
        raise FontError(f"{path}: holds no strokes, expected a Hershey font ({_WHAT})")
    return characters


_WHAT = "give a .jhf file, whose glyphs stand in the order of ASCII"


def _take(text: str, n: int) -> tuple[str, str]:
    """Return the first n characters but for line ends, and what comes after."""
    taken = ""
    while len(taken) < n and text:
        piece = text[: n - len(taken)]
        line, is_ended, _ = piece.partition("\n")
        taken += line
        text = text[len(line) + len(is_ended) :]
    return taken, text


def _read_strokes(pairs: str) -> list[Floats]:
    strokes = []
    for part in _split_pairs(pairs):
        codes = np.array([ord(char) - _MIDDLE for char in part], dtype=np.float64).reshape(-1, 2)
        if len(codes) > 1:
            strokes.append((codes * [1, -1] + [0, _BASELINE]) / _UNITS)
    return strokes


def _split_pairs(pairs: str) -> list[str]:
    """Cut pairs of characters at those that lift the pen, a space and an R."""
    parts = [""]
    for k in range(0, len(pairs), 2):
        if pairs[k : k + 2] == " R":
            parts.append("")
        else:
            parts[-1] += pairs[k : k + 2]
    return parts
