"""Which forms a face, and the faces together, draw alike.

Twins are compared within one face: a mean over many typefaces blurs what tells ば from ぱ. Two cells of a
face may be twins where the recipe's framing gives them one place and size, and where they have as many
pieces of ink and as many holes. Their distance is how much ink of either lies out of reach of the
other's, where it is most: measured coarsely it tells how far two forms of a typeface may be apart and still
be one shape, measured sharply whether a reader could tell them. The faces together draw two forms alike
where half of them do coarsely, and a fifth sharply: so much of the dataset nobody can label.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.scripts import find_script
from glyphgen.gate.thumbnails import (
    FARTHEST_APART,
    SIDE,
    Pictures,
    describe_pictures,
    draw_cells,
    measure_apart,
)
from glyphgen.layout.framing import Framing
from glyphgen.outlines import OutlineStore
from glyphgen.partition import join_groups

__all__ = ["FaceTwins", "Twins", "find_twins"]

Floats = NDArray[np.float32]
Pair = tuple[int, int]

# Measured on the 29 bundled kana faces, and on five Debian typefaces with 2,965 kanji and the kana.
# Coarse distances, medians: へヘ 0.04, べベ 0.10, ぺペ 0.13, 土士 0.15, 微徴 0.17, 未末 0.18, 析祈 0.24.
# Sharp distances, in single typefaces: 一ー, ト卜, エ工, カ力, ロ口 0 to 0.09, ニ二 0.21, タ夕 0.30, and
# from 0.47 upwards what a reader can tell: 土士, 未末, 漠漢, 栗粟. Sharply alike are へヘ in 48 % of the
# 29 faces, べベ in 41 %, ぺペ in 34 %, りリ in 3 %; ばぱ differ in pieces and holes.
_COARSELY_ALIKE = 0.2
_SHARPLY_ALIKE = 0.4
_SHARPLY_ALIKE_SHARE = 0.2
_SHARP_SIDE = 64  # pixels
_CONTRAST = 2.0  # where pixels are coarse, hairlines are ink as well
_LEAST_LIKENESS = 0.8  # of the blurred pictures: the least of へヘ in any of the 29 faces is 0.81
# Where へ and ヘ stand differs by 0.03 em (median), あ and ぁ by 0.17 em, the nearest, ュ and ユ, by 0.125.
_SAME_PLACE = 0.1  # em
# Of these scripts, characters that readers tell apart may differ in one short stroke: 훗흣.
_DENSE = ("hangul", "han")
_DENSE_OVERLAP, _OVERLAP_SIDE = 0.9, 128  # share of the ink, pixels
_ROWS = 1024
_MOST_PAIRS = 50_000  # of a face: five times what 3,135 kanji and kana have in a bold typeface


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Forms that the faces draw alike.

    Attributes:
        forms: Indices of the forms, ascending.
        distance: The coarse one of two of them, the median over the faces, 0 (equal) to 1; the largest
            in the group.
        n_faces: Faces that draw two of them; the fewest in the group.
        n_alike: Faces that draw two of them sharply alike; the fewest in the group.
    """

    forms: tuple[int, ...]
    distance: float
    n_faces: int
    n_alike: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceTwins:
    """Two forms that one face draws sharply alike, although the faces together do not.

    Attributes:
        face: Index of the face.
        forms: Indices of the two forms, ascending.
        distance: The sharp one, 0 (equal) to 1.
    """

    face: int
    forms: tuple[int, ...]
    distance: float


def find_twins(
    pictures: Pictures,
    store: OutlineStore,
    framing: Framing,
    frames: str,
    admitted: NDArray[np.bool_],
    forms: Sequence[str],
) -> tuple[tuple[Twins, ...], tuple[FaceTwins, ...]]:
    """Find the twins among the admitted cells.

    Args:
        pictures: Of F * C cells, face after face.
        store: Their outlines.
        framing: Their framing.
        frames: Its name, a key of ``FRAMINGS``; "ink" leaves out where the cells stand, and "fit" also how
            large they are.
        admitted: bool (F, C).
        forms: The C forms.

    Returns:
        The twins of all faces together, and those of single faces.
    """
    places = _place_ink(store, framing, frames).reshape(*admitted.shape, -1)
    structure = np.stack([store.n_pieces, store.n_contours], axis=1).reshape(*admitted.shape, 2)
    ink = pictures.ink.reshape(*admitted.shape, SIDE, SIDE)
    is_dense = np.array([find_script(form) in _DENSE for form in forms])
    measured: dict[Pair, dict[int, tuple[float, float]]] = defaultdict(dict)
    for face in range(len(admitted)):
        drawn = np.flatnonzero(admitted[face])
        if len(drawn) < 2:
            continue
        first, second = _find_candidates(
            ink[face, drawn], structure[face, drawn], places[face, drawn]
        )
        coarse = measure_apart(ink[face, drawn], first, second, _CONTRAST)
        close = coarse <= _COARSELY_ALIKE
        a, b = drawn[first[close]], drawn[second[close]]
        sharp = _measure_sharply(store, face * store.n_forms, a, b)
        dense = np.flatnonzero(is_dense[a] & is_dense[b])
        overlap = _measure_overlap(store, face * store.n_forms, a[dense], b[dense])
        sharp[dense[overlap < _DENSE_OVERLAP]] = FARTHEST_APART
        for pair, *distances in zip(
            zip(a.tolist(), b.tolist(), strict=True), coarse[close], sharp, strict=True
        ):
            measured[pair][face] = (float(distances[0]), float(distances[1]))
    return _judge(measured, admitted)


def _place_ink(store: OutlineStore, framing: Framing, frames: str) -> Floats:
    """Return what of place and size (C, 0 to 4) the framing keeps, in em."""
    box = store.box
    if frames == "em":
        return (box - np.tile(framing.anchor, 2)).astype(np.float32)
    size: Floats = box[:, 2:] - box[:, :2]
    return size if frames == "ink" else size[:, :0]


def _find_candidates(
    ink: NDArray[np.uint8], structure: NDArray[np.int32], places: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return pairs of cells of one face that may be alike: their places (n,) and (n,)."""
    features = describe_pictures(ink)
    pairs, likenesses = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
    for start in range(0, len(ink), _ROWS):
        likeness = features[start : start + _ROWS] @ features.T
        row, second = np.nonzero(likeness >= _LEAST_LIKENESS)
        first = row + start
        near = (first < second) & (structure[first] == structure[second]).all(axis=1)
        near[near] = (np.abs(places[first[near]] - places[second[near]]) <= _SAME_PLACE).all(axis=1)
        pairs.append(np.stack([first[near], second[near]], axis=1))
        likenesses.append(likeness[row[near], second[near]])
    most_alike = np.argsort(-np.concatenate(likenesses), kind="stable")[:_MOST_PAIRS]
    first, second = np.concatenate(pairs)[np.sort(most_alike)].T
    return first, second


def _measure_overlap(
    store: OutlineStore, first_cell: int, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Floats:
    """Return the share (n,) of the ink of pairs of forms that both have, of what either has."""
    cells, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    ink = draw_cells(store, first_cell + cells, _OVERLAP_SIDE) > 127
    a, b = ink[place[: len(first)]], ink[place[len(first) :]]
    either = np.maximum((a | b).sum(axis=(1, 2)), 1)
    overlap: Floats = ((a & b).sum(axis=(1, 2)) / either).astype(np.float32)
    return overlap


def _measure_sharply(
    store: OutlineStore, first_cell: int, first: NDArray[np.int64], second: NDArray[np.int64]
) -> Floats:
    cells, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    ink = draw_cells(store, first_cell + cells, _SHARP_SIDE)
    return measure_apart(ink, place[: len(first)], place[len(first) :], 1.0)


def _judge(
    measured: dict[Pair, dict[int, tuple[float, float]]], admitted: NDArray[np.bool_]
) -> tuple[tuple[Twins, ...], tuple[FaceTwins, ...]]:
    pairs, single = [], []
    for (a, b), of_face in sorted(measured.items()):
        n_faces = int((admitted[:, a] & admitted[:, b]).sum())
        others = [FARTHEST_APART] * (n_faces - len(of_face))
        distance = float(np.median([*(coarse for coarse, _ in of_face.values()), *others]))
        alike = {face: sharp for face, (_, sharp) in of_face.items() if sharp <= _SHARPLY_ALIKE}
        if distance <= _COARSELY_ALIKE and len(alike) >= _SHARPLY_ALIKE_SHARE * n_faces:
            pairs.append(
                Twins(
                    forms=(a, b), distance=round(distance, 3), n_faces=n_faces, n_alike=len(alike)
                )
            )
        else:
            single += [
                FaceTwins(face=face, forms=(a, b), distance=round(sharp, 3))
                for face, sharp in alike.items()
            ]
    single.sort(key=lambda twins: (twins.face, twins.forms))
    return tuple(_join(pairs, admitted.shape[1])), tuple(single)


def _join(pairs: Sequence[Twins], n_forms: int) -> Iterator[Twins]:
    """Yield groups of pairs that share a form, by their first forms."""
    first = join_groups(n_forms, (pair.forms for pair in pairs))
    groups: dict[int, list[Twins]] = defaultdict(list)
    for pair in pairs:
        groups[first[pair.forms[0]]].append(pair)
    for _, group in sorted(groups.items()):
        yield Twins(
            forms=tuple(sorted({form for pair in group for form in pair.forms})),
            distance=max(pair.distance for pair in group),
            n_faces=min(pair.n_faces for pair in group),
            n_alike=min(pair.n_alike for pair in group),
        )
