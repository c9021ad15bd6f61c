"""Which faces are one typeface, by their names and by what they draw."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.outlines.outline_store import OutlineStore
from glyphgen.outlines.run_store import Outlines, RunStore
from glyphgen.partition import join_groups

__all__ = ["find_typefaces", "hash_drawings"]

_Key = TypeVar("_Key", bound=Hashable)

# Faces that draw more than this share of the forms with the very same outlines are one typeface.
_SAME_TYPEFACE = 0.1
# To the em: no multiple of 1/1000 or 1/2048 em lies halfway between two of them.
_UNITS = 4096


def find_typefaces(faces: Sequence[Face], store: Outlines) -> NDArray[np.int64]:
    """Return for each face the first face of its typeface: int64 (F,).

    Faces of one family are one typeface, and so are faces that share outlines under two names. A split
    by face never divides a typeface, or the test would hold what was trained; and where faces are
    compared with each other, a typeface counts once.

    Args:
        faces: F faces.
        store: Their outlines.
    """
    return _join_typefaces(
        [face.family for face in faces],
        hash_drawings(store),
    )


def _join_typefaces(
    families: Sequence[str], drawings: Sequence[tuple[int, ...]]
) -> NDArray[np.int64]:
    """Return for each face the first of its typeface.

    Args:
        families: The family of each face.
        drawings: For each face the hash of what it draws for each form, 0 where that is nothing.
    """
    n_forms = len(drawings[0]) if drawings else 0
    most = n_forms * _SAME_TYPEFACE
    # Equal faces are compared with others once, so that many copies of a font do not cost their square.
    copies = _group(enumerate(drawings))
    sharing = _group(
        (faces[0], (form, drawing))
        for of_face, faces in copies.items()
        for form, drawing in enumerate(of_face)
        if drawing
    )
    n_shared = Counter(pair for faces in sharing.values() for pair in combinations(faces, 2))
    groups = [
        *_group(enumerate(families)).values(),
        *(faces for of_face, faces in copies.items() if n_forms - of_face.count(0) > most),
        *(pair for pair, n in n_shared.items() if n > most),
    ]
    return join_groups(len(families), groups)


def _group(keys: Iterable[tuple[int, _Key]]) -> dict[_Key, list[int]]:
    """Return the numbers that come with each key, in their order."""
    groups: dict[_Key, list[int]] = defaultdict(list)
    for number, key in keys:
        groups[key].append(number)
    return groups


def hash_drawings(store: Outlines) -> list[tuple[int, ...]]:
    """Return for each face a hash of each form's outline, wherever it stands; 0 where none is drawn.

    Args:
        store: The outlines of F * C cells.

    Returns:
        F tuples of C whole numbers, the same only within one process.
    """
    hashes = _hash_runs(store) if isinstance(store, RunStore) else _hash_outlines(store)
    n_forms = store.n_forms
    return [tuple(hashes[k : k + n_forms]) for k in range(0, len(hashes), n_forms)]


def _hash_runs(store: RunStore) -> list[int]:
    of_glyph = np.array(_hash_outlines(store.glyphs), dtype=np.int64)[store.item_glyph]
    at = np.rint(np.stack([store.item_x, store.item_y], axis=1) * _UNITS).astype(np.int64)
    items = np.concatenate([of_glyph[:, None], at], axis=1)
    hashes = [0] * store.n_cells
    for cell in np.flatnonzero(store.is_drawn).tolist():
        start = store.item_start[cell]
        hashes[cell] = hash(items[start : start + store.n_items[cell]].tobytes())
    return hashes


def _hash_outlines(store: OutlineStore) -> list[int]:
    hashes = [0] * store.n_cells
    for cell in np.flatnonzero(store.is_drawn).tolist():
        start, (left, bottom) = store.point_start[cell], store.box[cell, :2]
        points = slice(start, start + store.n_points[cell])
        # In whole units, since equal outlines at two places differ in their last bits.
        drawing = np.stack([store.x[points] - left, store.y[points] - bottom]) * _UNITS
        hashes[cell] = hash(np.rint(drawing).astype(np.int32).tobytes())
    return hashes
