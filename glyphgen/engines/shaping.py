"""Which texts have to be shaped as a whole."""

import unicodedata

__all__ = ["needs_shaping"]

_CURSIVE = ("MONGOLIAN", "PHAGS-PA")  # scripts that join, yet run from left to right


def needs_shaping(form: str) -> bool:
    """Return whether a form is drawn wrongly when its characters are set one by one.

    That is so for several characters of a script that runs from right to left, joins its letters,
    or places marks by their neighbors.
    """
    return len(form) > 1 and any(
        unicodedata.bidirectional(char) in {"R", "AL", "AN"}
        or unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"}
        or unicodedata.name(char, "").startswith(_CURSIVE)
        for char in form
    )
