"""Compares every cell with what other faces draw for its form and for all others.

Every picture is blurred and its mean taken off, so that the product of two is their correlation: 1 for
equal drawings, about 0 for unrelated ones. The consensus of a form is the mean picture of the typefaces
that draw it, that of the cell's own face left out.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.thumbnails import SIDE, Pictures, describe_pictures, normalize

__all__ = ["Consensus", "compare_cells"]

_FEWEST_TYPEFACES = 3  # that make a consensus
_SAME_DRAWING = 0.99  # likeness of two cells of a face that show one drawing
_SAME_SIZE = 0.02  # largest difference of their sizes
_UNLIKE = 0.7  # likeness of two forms that no reader takes for each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Consensus:
    """How F faces compare with each other on C forms; NaN where fewer than three typefaces draw a form.

    Attributes:
        own: float32 (F, C), likeness to the consensus of the cell's own form, -1 to 1.
        other: float32 (F, C), the largest likeness to the consensus of another form.
        nearest: int64 (F, C), that form.
        rank: int64 (F, C), how many forms the cell is more like than its own.
        n_doubles: int64 (F, C), other forms that the face draws alike, in one size, although nobody
            knows them to look alike.
        double: int64 (F, C), the first of them that is known to look different, or -1.
        like_notdef: float32 (F, C), likeness to the face's missing glyph.
    """

    own: NDArray[np.float32]
    other: NDArray[np.float32]
    nearest: NDArray[np.int64]
    rank: NDArray[np.int64]
    n_doubles: NDArray[np.int64]
    double: NDArray[np.int64]
    like_notdef: NDArray[np.float32]


def compare_cells(
    pictures: Pictures, notdef: Pictures, drawn: NDArray[np.bool_], typefaces: NDArray[np.int64]
) -> Consensus:
    """Compare every cell with every form.

    Args:
        pictures: Of F * C cells, face after face.
        notdef: Of F missing glyphs.
        drawn: bool (F, C), cells that count when others are compared with them.
        typefaces: (F,), equal numbers for faces of one typeface.
    """
    features = describe_pictures(pictures.ink.reshape(*drawn.shape, SIDE, SIDE)) * drawn[:, :, None]
    means = _TypefaceMeans(features, drawn, typefaces)
    faces = [_compare_face(features[face], drawn[face], means, face) for face in range(len(drawn))]
    doubles = [
        _find_doubles(features[face], sizes, means)
        for face, sizes in enumerate(pictures.longer.reshape(drawn.shape))
    ]
    missing = describe_pictures(notdef.ink[:, None])
    return Consensus(
        own=np.stack([own for own, _, _, _ in faces]),
        other=np.stack([other for _, other, _, _ in faces]),
        nearest=np.stack([nearest for _, _, nearest, _ in faces]),
        rank=np.stack([rank for _, _, _, rank in faces]),
        n_doubles=np.stack([n for n, _ in doubles]),
        double=np.stack([first for _, first in doubles]),
        like_notdef=(features * missing).sum(axis=-1),
    )


class _TypefaceMeans:
    """The mean picture of each form in each typeface, which counts once however many its faces are."""

    def __init__(
        self,
        features: NDArray[np.float32],
        drawn: NDArray[np.bool_],
        typefaces: NDArray[np.int64],
    ) -> None:
        numbers, self._typeface_of_face = np.unique(typefaces, return_inverse=True)
        self._means = np.stack([normalize(features[typefaces == k].sum(axis=0)) for k in numbers])
        self._drawn = np.stack([drawn[typefaces == k].any(axis=0) for k in numbers])
        self._total, self._n_drawn = self._means.sum(axis=0), self._drawn.sum(axis=0)

    def consensus_without(self, face: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the consensus (C, n) of all typefaces but that of a face, and where there is one."""
        typeface = self._typeface_of_face[face]
        known = self._n_drawn - self._drawn[typeface] >= _FEWEST_TYPEFACES
        return normalize(self._total - self._means[typeface]), known

    def consensus(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the consensus of all typefaces (C, n), and where there is one."""
        return normalize(self._total), self._n_drawn >= _FEWEST_TYPEFACES


def _compare_face(
    features: NDArray[np.float32], drawn: NDArray[np.bool_], means: _TypefaceMeans, face: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Return own, other, nearest and rank of the cells of one face."""
    consensus, known = means.consensus_without(face)
    likeness = features @ consensus.T
    likeness[:, ~known] = -1.0
    own = np.diagonal(likeness).copy()
    rank = (likeness > own[:, None]).sum(axis=1)
    np.fill_diagonal(likeness, -1.0)
    nearest, other = likeness.argmax(axis=1), likeness.max(axis=1)
    unknown = ~(drawn & known)
    own[unknown] = other[unknown] = np.nan
    return own, other, nearest, rank


def _find_doubles(
    features: NDArray[np.float32], sizes: NDArray[np.float64], means: _TypefaceMeans
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return n_doubles and double of the cells of one face."""
    consensus, known = means.consensus()
    same = features @ features.T >= _SAME_DRAWING
    same &= np.abs(sizes[:, None] - sizes) <= _SAME_SIZE * np.maximum(sizes[:, None], sizes)
    np.fill_diagonal(same, val=False)
    unlike = same & known & known[:, None] & (consensus @ consensus.T < _UNLIKE)
    unknown = same & ~(known & known[:, None])
    first = np.where(unlike.any(axis=1), unlike.argmax(axis=1), -1)
    return (unlike | unknown).sum(axis=1), first
