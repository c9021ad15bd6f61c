"""Which characters have forms of their own in vertical lines, and which faces lack them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.typefaces import hash_drawings
from glyphgen.recipe import Recipe
from glyphgen.text import show_some

__all__ = ["describe_unturned", "find_turned", "is_vertical", "list_unturned"]

_MOVED_EM = 1e-3  # less is rounding

# Unicode Standard Annex 50, Vertical_Orientation Tu and Tr of Unicode 14.0: punctuation that stands in
# another corner, small kana, squared words; brackets and lines that are turned. Chinese and Japanese fonts
# treat ！？：； in different ways: they are left out.
_RANGES = """
3001-3002 3041 3043 3045 3047 3049 3063 3083 3085 3087 308E 3095-3096 309B-309C 30A1 30A3 30A5 30A7 30A9
30C3 30E3 30E5 30E7 30EE 30F5-30F6 3127 31F0-31FF 32FF-3357 337B-337F FE50-FE52 FF0C FF0E
1F200-1F201
2329-232A 3008-3011 3014-301F 3030 30A0 30FC FE59-FE5E FF08-FF09 FF3B FF3D FF3F FF5B-FF60 FFE3
"""
_ENDS = [[int(end, 16) for end in part.split("-")] for part in _RANGES.split()]
_TURNING = frozenset(chr(code) for ends in _ENDS for code in range(ends[0], ends[-1] + 1))


def is_vertical(recipe: Recipe) -> bool:
    """Tell whether the lines of a recipe run from top to bottom."""
    return recipe.classes.direction == "vertical"


def find_turned(store: OutlineStore, horizontal: OutlineStore) -> NDArray[np.bool_]:
    """Return which cells have another outline than in horizontal lines, or another place: (F, C).

    Args:
        store: The outlines of F * C cells.
        horizontal: Those of F faces for the same C forms, and more after them.
    """
    n_faces = store.n_cells // store.n_forms
    same = horizontal.take_forms(range(store.n_forms))
    differ = np.array(hash_drawings(store)) != np.array(hash_drawings(same))
    boxes = np.abs(store.box - same.box).max(axis=1).reshape(n_faces, store.n_forms)
    turned: NDArray[np.bool_] = differ | (boxes > _MOVED_EM)
    return turned


def list_unturned(
    is_turned: NDArray[np.bool_], admitted: NDArray[np.bool_], forms: Sequence[str]
) -> tuple[tuple[int, str], ...]:
    """Return the faces and characters that want a form of their own and have none, by the face."""
    wanted = np.array([form in _TURNING for form in forms])
    cells = np.argwhere(~is_turned & admitted & wanted).tolist()
    return tuple((face, forms[form]) for face, form in cells)


def describe_unturned(faces: Sequence[Face], unturned: Sequence[tuple[int, str]]) -> str:
    """Return in a line how many cells want vertical forms and have none; empty where none do."""
    if not unturned:
        return ""
    chars = show_some(dict.fromkeys(char for _, char in unturned))
    names = show_some(dict.fromkeys(faces[face].name for face, _ in unturned))
    return (
        f"{len(unturned):,} cells are drawn as in horizontal lines, for their faces have no vertical"
        f" forms of {chars}: {names} (gate.json names all; add fonts that have the feature vert)"
    )
