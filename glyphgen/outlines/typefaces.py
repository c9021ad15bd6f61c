"""Which faces are one hand under two names; knows nothing of classes, splits or pixels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.outlines import OutlineStore

__all__ = ["find_typefaces"]

# Faces that draw this share of the forms with the very same outlines are one hand under two names.
_SAME_TYPEFACE = 0.1


def find_typefaces(faces: Sequence[Face], store: OutlineStore) -> NDArray[np.int64]:
    """Return for each face the first face that is its kin: of one family, or of one drawing.

    Kin are never on two sides of a split by face, or the test would know what was trained; and where
    faces are asked what a character looks like, kin have one voice.
    """
    kin = np.arange(len(faces))
    families = [face.family for face in faces]
    drawings = [_hash_drawings(store, face) for face in range(len(faces))]
    for b in range(len(faces)):
        for a in range(b):
            same = sum(x == y and x != 0 for x, y in zip(drawings[a], drawings[b], strict=True))
            if families[a] == families[b] or same > _SAME_TYPEFACE * store.n_forms:
                kin[kin == kin[b]] = kin[a]
    return kin


def _hash_drawings(store: OutlineStore, face: int) -> list[int]:
    first = face * store.n_forms
    hashes = []
    for cell in range(first, first + store.n_forms):
        points = slice(store.point_start[cell], store.point_start[cell] + store.n_points[cell])
        x, y = store.x[points], store.y[points]
        drawing = ((x - store.box[cell, 0]).tobytes(), (y - store.box[cell, 1]).tobytes())
        hashes.append(hash(drawing) if len(x) else 0)
    return hashes
