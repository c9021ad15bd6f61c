"""Text -> the stretches of one direction that it is drawn in, from left to right.

Marks that turn the direction of text by themselves (embeddings, overrides, isolates) are not known here:
no recipe may hold them. Source: Unicode Standard Annex 9, whose rules are named beside the code.
"""

import unicodedata
from collections.abc import Sequence
from itertools import groupby

__all__ = ["find_direction", "find_levels", "order_levels", "split_directions"]

_RIGHT = ("R", "AL")
_NUMBERS = ("EN", "AN")
_NEUTRAL = ("B", "S", "WS", "ON")
_MOST_OPEN = 63  # brackets that are open at once (BD16)
# Canonical equivalents of the angle brackets, which pair with each other (BD16).
_SAME_BRACKET = {"\u2329": "\u3008", "\u232a": "\u3009"}


def find_direction(text: str, default: str = "ltr") -> str:
    """Return the direction of a text's first strong character, "ltr" or "rtl" (P2, P3).

    Args:
        text: To look at.
        default: Of a text that has none, such as a number.
    """
    for char in text:
        match unicodedata.bidirectional(char):
            case "L":
                return "ltr"
            case "R" | "AL":
                return "rtl"
    return default


def split_directions(text: str, direction: str) -> list[tuple[str, str, int]]:
    """Return the stretches of a text as they stand from left to right.

    Of each the text, its direction, and where it begins.

    The characters of a stretch stay in the order in which they are read.

    Args:
        text: One line.
        direction: Of the line as a whole, "ltr" or "rtl".
    """
    levels = find_levels(text, direction)
    starts = [k for k in range(len(levels)) if not k or levels[k] != levels[k - 1]]
    ends = [*starts[1:], len(text)]
    order = order_levels([levels[start] for start in starts])
    return [
        (text[starts[k] : ends[k]], "rtl" if levels[starts[k]] % 2 else "ltr", starts[k])
        for k in order
    ]


def order_levels(levels: Sequence[int]) -> list[int]:
    """Return the places of things of some levels as they stand from left to right (L2)."""
    order = list(range(len(levels)))
    for lowest in range(max(levels, default=0), 0, -1):
        turned: list[int] = []
        for is_above, group in groupby(order, key=lambda k: levels[k] >= lowest):
            run = list(group)
            turned += run[::-1] if is_above else run
        order = turned
    return order


def find_levels(text: str, direction: str) -> list[int]:
    """Return the level of every character: even from left to right, odd from right to left.

    Args:
        text: One line.
        direction: Of the line as a whole, "ltr" or "rtl".
    """
    base = 1 if direction == "rtl" else 0
    outer = "R" if base else "L"
    original = [unicodedata.bidirectional(char) or "L" for char in text]
    kinds = _resolve_weak(original, outer)
    _resolve_brackets(text, original, kinds, outer)
    _resolve_neutral(kinds, outer)
    levels = [_find_level(kind, base) for kind in kinds]
    # L1: spaces at the end of the line go with the line.
    for k in range(len(text) - 1, -1, -1):
        if original[k] not in ("WS", "S", "B", "BN"):
            break
        levels[k] = base
    return levels


def _find_level(kind: str, base: int) -> int:
    """Rules I1 and I2."""
    if base:
        return base + (kind != "R")
    return {"L": 0, "R": 1}.get(kind, 2)


def _resolve_weak(original: Sequence[str], outer: str) -> list[str]:
    """Rules W1 to W7."""
    kinds = list(original)
    before = outer
    for k, kind in enumerate(kinds):  # W1; what is ignored (X9) goes with what stands before it
        if kind in ("NSM", "BN"):
            kinds[k] = before
        before = kinds[k]
    strong = outer
    for k, kind in enumerate(kinds):  # W2, W3
        if kind in ("L", *_RIGHT):
            strong = kind
        elif kind == "EN" and strong == "AL":
            kinds[k] = "AN"
    kinds = ["R" if kind == "AL" else kind for kind in kinds]
    for k in range(1, len(kinds) - 1):  # W4
        left, kind, right = kinds[k - 1 : k + 2]
        if left == right and (
            (kind == "ES" and left == "EN") or (kind == "CS" and left in _NUMBERS)
        ):
            kinds[k] = left
    _resolve_terminators(kinds)
    strong = outer
    for k, kind in enumerate(kinds):  # W7
        if kind in ("L", "R"):
            strong = kind
        elif kind == "EN" and strong == "L":
            kinds[k] = "L"
    return kinds


def _resolve_terminators(kinds: list[str]) -> None:
    """Rules W5 and W6."""
    start = 0
    for kind, group in groupby(list(kinds)):
        end = start + len(list(group))
        if kind == "ET":
            beside = (
                (*kinds[start - 1 : start], *kinds[end : end + 1])
                if start
                else kinds[end : end + 1]
            )
            kinds[start:end] = ["EN" if "EN" in beside else "ON"] * (end - start)
        start = end
    for k, kind in enumerate(kinds):
        if kind in ("ES", "CS"):
            kinds[k] = "ON"


def _resolve_brackets(text: str, original: Sequence[str], kinds: list[str], outer: str) -> None:
    """Rule N0."""
    for first, last in _pair_brackets(text, kinds):
        inside = {_side(kind) for kind in kinds[first + 1 : last]}
        if outer in inside:
            side = outer
        elif inside & {"L", "R"}:
            before = next(
                (_side(kind) for kind in kinds[:first][::-1] if _side(kind) in ("L", "R")), outer
            )
            side = before if before != outer else outer
        else:
            continue
        for at in (first, last):
            kinds[at] = side
            for k in range(at + 1, len(kinds)):  # marks on a bracket go with it
                if original[k] != "NSM":
                    break
                kinds[k] = side


def _side(kind: str) -> str:
    return "R" if kind in _NUMBERS else kind


def _pair_brackets(text: str, kinds: Sequence[str]) -> list[tuple[int, int]]:
    """Return the places of brackets that belong together, by the first (BD16)."""
    open_at: list[tuple[str, int]] = []
    pairs = []
    for k, char in enumerate(text):
        if kinds[k] != "ON" or not unicodedata.mirrored(char):
            continue
        bracket = _SAME_BRACKET.get(char, char)
        match unicodedata.category(char):
            case "Ps":
                if len(open_at) == _MOST_OPEN:
                    break
                open_at.append((_SAME_BRACKET.get(_find_closing(char), _find_closing(char)), k))
            case "Pe":
                for depth in range(len(open_at) - 1, -1, -1):
                    if open_at[depth][0] == bracket:
                        pairs.append((open_at[depth][1], k))
                        del open_at[depth:]
                        break
    return sorted(pairs)


def _find_closing(char: str) -> str:
    """Return the bracket that closes what one opens: its name says so."""
    name = unicodedata.name(char, "").replace("LEFT", "RIGHT")
    try:
        return unicodedata.lookup(name)
    except KeyError:
        return chr(ord(char) + 1)


def _resolve_neutral(kinds: list[str], outer: str) -> None:
    """Rules N1 and N2."""
    start = 0
    for is_neutral, group in groupby(list(kinds), key=lambda kind: kind in _NEUTRAL):
        end = start + len(list(group))
        if is_neutral:
            before = _side(kinds[start - 1]) if start else outer
            after = _side(kinds[end]) if end < len(kinds) else outer
            kinds[start:end] = [before if before == after else outer] * (end - start)
        start = end
