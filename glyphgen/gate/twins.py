"""Which forms the typefaces draw alike, as this recipe draws them.

Twins are compared within one face: a mean over many typefaces blurs what tells ば from ぱ. Two cells of a
face may be twins where the recipe's framing, sizes and shifts can give them one place and size, and
where they have as many outer contours and as many holes. Their distance is how much ink of either lies
out of reach of the other's, where it is most: measured coarsely it tells how far two forms of a typeface
may be apart and still be one shape, measured sharply whether a reader of the recipe's images could tell
them. A typeface draws two forms alike where at least half of its faces do. Two forms are twins where a
fifth of the typefaces draw them alike: so much of the dataset nobody can label.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import IN_LINE
from glyphgen.gate.scripts import find_script
from glyphgen.gate.thumbnails import (
    FARTHEST_APART,
    SIDE,
    Pictures,
    describe_pictures,
    draw_cells,
    find_margin,
    measure_apart,
)
from glyphgen.layout.framing import Framing
from glyphgen.outlines import OutlineStore
from glyphgen.partition import join_groups
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.recipe import Recipe

__all__ = ["Twins", "find_twins", "join_twins"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Pair = tuple[int, int]

# Measured on the 29 bundled kana faces, and on five Debian typefaces with 2,965 kanji and the kana.
# Coarse distances, medians: へヘ 0.04, べベ 0.10, ぺペ 0.13, 土士 0.15, 微徴 0.17, 未末 0.18, 析祈 0.24.
# Sharp distances, in single typefaces: 一ー, ト卜, エ工, カ力, ロ口 0 to 0.09, ニ二 0.21, タ夕 0.30, and
# from 0.47 upwards what a reader can tell: 土士, 未末, 漠漢, 栗粟.
_COARSELY_ALIKE = 0.2
_SHARPLY_ALIKE = 0.4
_ALIKE_SHARE = (
    0.2  # of the typefaces: へヘ, べベ and ぺペ are above a third, りリ below a twentieth
)
_SHARP_SIDE = 64  # pixels, or fewer where the recipe's images show fewer
_COARSEST_SIDE = 16
_CONTRAST = 2.0  # where pixels are coarse, hairlines are ink as well
_LEAST_LIKENESS = 0.8  # of the blurred pictures: the least of へヘ in any of the 29 faces is 0.81
# Where へ and ヘ stand differs by 0.03 em (median), あ and ぁ by 0.17 em, the nearest, ュ and ユ, by 0.125.
_SAME_PLACE = 0.1  # em
_USUALLY_APART = 0.29  # of a range: half of all pairs of numbers from it are farther apart
# Of these scripts, characters that readers tell apart may differ in one short stroke: 훗흣.
_DENSE = ("hangul", "han")
_DENSE_OVERLAP, _OVERLAP_SIDE = 0.9, 128  # share of the ink, pixels
_ROWS = 1024
_MOST_PAIRS = 50_000  # of a face: five times what 3,135 kanji and kana have in a bold typeface


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins:
    """Two forms that some typefaces draw alike.

    Attributes:
        forms: Their indices, ascending.
        distance: The sharp one, the median over the faces that draw them alike, 0 (equal) to 1.
        n_typefaces: Typefaces that draw both.
        n_alike: Typefaces that draw them alike.
        faces: Indices of the faces that do.
    """

    forms: Pair
    distance: float
    n_typefaces: int
    n_alike: int
    faces: tuple[int, ...]

    @property
    def share(self) -> float:
        """Of the typefaces that draw both, those that draw them alike."""
        return self.n_alike / self.n_typefaces

    @property
    def are_twins(self) -> bool:
        """Whether so many typefaces draw them alike that nobody can label a part of the dataset."""
        return self.share >= _ALIKE_SHARE


def join_twins(pairs: Sequence[Twins], n_forms: int) -> tuple[tuple[int, ...], ...]:
    """Return groups of forms, ascending, that pairs of twins make one of, by their first forms."""
    first = join_groups(n_forms, (pair.forms for pair in pairs if pair.are_twins)).tolist()
    groups: dict[int, list[int]] = defaultdict(list)
    for form, of_group in enumerate(first):
        groups[of_group].append(form)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def find_twins(
    pictures: Pictures,
    store: OutlineStore,
    framing: Framing,
    recipe: Recipe,
    admitted: NDArray[np.bool_],
    forms: Sequence[str],
    typefaces: Ints,
    *,
    reporter: Reporter = SILENT,
) -> tuple[Twins, ...]:
    """Find the pairs of admitted cells that single faces draw alike.

    Args:
        pictures: Of F * C cells, face after face.
        store: Their outlines.
        framing: Where they stand.
        recipe: Whose framing, sizes, shifts and image size count.
        admitted: bool (F, C).
        forms: The C forms.
        typefaces: (F,), equal numbers for faces of one typeface.
        reporter: Is told how many faces are looked at.

    Returns:
        The pairs, those first that most typefaces draw alike.
    """
    places = _place_ink(store, framing, recipe.render.framing).reshape(*admitted.shape, -1)
    structure = np.stack([store.n_outer, store.n_contours], axis=1).reshape(*admitted.shape, 2)
    ink = pictures.ink.reshape(*admitted.shape, SIDE, SIDE)
    is_dense = np.array([find_script(form) in _DENSE for form in forms])
    room = _measure_room(recipe)
    side = _choose_side(recipe, framing)
    measured: dict[Pair, dict[int, float]] = defaultdict(dict)
    step = "look for twins"
    for face in track(range(len(admitted)), step=step, unit="faces", reporter=reporter):
        drawn = np.flatnonzero(admitted[face])
        if len(drawn) < 2:
            continue
        first, second = _find_candidates(
            ink[face, drawn], structure[face, drawn], places[face, drawn], room
        )
        coarse = measure_apart(ink[face, drawn], first, second, _CONTRAST)
        close = coarse <= _COARSELY_ALIKE
        a, b = drawn[first[close]], drawn[second[close]]
        sharp = _measure_sharply(store, face * store.n_forms, a, b, side)
        dense = np.flatnonzero(is_dense[a] & is_dense[b])
        overlap = _measure_overlap(store, face * store.n_forms, a[dense], b[dense])
        sharp[dense[overlap < _DENSE_OVERLAP]] = FARTHEST_APART
        for k in np.flatnonzero(sharp <= _SHARPLY_ALIKE).tolist():
            measured[int(a[k]), int(b[k])][face] = float(sharp[k])
    pairs = _count_typefaces(measured, admitted, typefaces)
    return tuple(sorted(pairs, key=lambda pair: (-pair.share, pair.forms)))


@dataclass(frozen=True, slots=True)
class _Room:
    """How much of a difference the recipe's sizes and shifts may undo.

    Attributes:
        growth: Factor by which one sample is usually larger than another.
        shift: How far one stands from another, in em: right, and down.
    """

    growth: float
    shift: NDArray[np.float64]


def _measure_room(recipe: Recipe) -> _Room:
    render = recipe.render
    size = np.sqrt(min(render.size) * max(render.size))
    free = 1.0 / size - 1.0 if render.shift_of == "blank" else 2.0 / size
    ranges = [max(shift) - min(shift) for shift in (render.shift_x, render.shift_y)]
    return _Room(
        growth=float((max(render.size) / min(render.size)) ** _USUALLY_APART),
        shift=np.array(ranges) / 2 * max(free, 0.0) * _USUALLY_APART,
    )


def _choose_side(recipe: Recipe, framing: Framing) -> int:
    """Return the side of pictures that show no more than the recipe's largest samples."""
    em_px = max(recipe.render.size) * framing.height
    room = 1 - 2 * find_margin(_SHARP_SIDE) / _SHARP_SIDE
    return int(np.clip(8 * np.ceil(em_px / room / 8), _COARSEST_SIDE, _SHARP_SIDE))


def _place_ink(store: OutlineStore, framing: Framing, frames: str) -> Floats:
    """Return what the framing keeps, in em: width, height and the middle of the ink, (C, 0 to 4)."""
    box = store.box
    size = box[:, 2:] - box[:, :2]
    if frames in IN_LINE:
        middle = (box[:, :2] + box[:, 2:]) / 2 - framing.anchor
        return np.concatenate([size, middle], axis=1).astype(np.float32)
    return size if frames == "ink" else size[:, :0]


def _find_candidates(
    ink: NDArray[np.uint8], structure: NDArray[np.int32], places: Floats, room: _Room
) -> tuple[Ints, Ints]:
    """Return pairs of cells of one face that may be alike: their places (n,) and (n,)."""
    features = describe_pictures(ink)
    pairs, likenesses = [np.zeros((0, 2), dtype=np.int64)], [np.zeros(0, dtype=np.float32)]
    for members in _group(structure):
        for start in range(0, len(members), _ROWS):
            rows = members[start : start + _ROWS]
            likeness = features[rows] @ features[members].T
            row, column = np.nonzero(likeness >= _LEAST_LIKENESS)
            first, second = rows[row], members[column]
            near = first < second
            near[near] = _may_coincide(places[first[near]], places[second[near]], room)
            pairs.append(np.stack([first[near], second[near]], axis=1))
            likenesses.append(likeness[row[near], column[near]])
    most_alike = np.argsort(-np.concatenate(likenesses), kind="stable")[:_MOST_PAIRS]
    first, second = np.concatenate(pairs)[np.sort(most_alike)].T
    return first, second


def _group(structure: NDArray[np.int32]) -> list[Ints]:
    """Return the rows of each structure, ascending: only these are compared with each other."""
    if not len(structure):
        return []
    _, group = np.unique(structure, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)


def _may_coincide(a: Floats, b: Floats, room: _Room) -> NDArray[np.bool_]:
    """Return whether sizes and shifts may bring cells with places (n, 0 to 4) onto each other: (n,)."""
    if not a.shape[1]:
        return np.ones(len(a), dtype=np.bool_)
    ratio = b[:, :2].max(axis=1) / np.maximum(a[:, :2].max(axis=1), 1e-6)
    scale = np.clip(ratio, 1 / room.growth, room.growth)[:, None]
    apart = np.abs(a * scale - b)
    if apart.shape[1] > 2:
        apart[:, 2:] = np.maximum(apart[:, 2:] - room.shift.astype(np.float32), 0.0)
    coincide: NDArray[np.bool_] = (apart <= _SAME_PLACE).all(axis=1)
    return coincide


def _measure_overlap(store: OutlineStore, first_cell: int, first: Ints, second: Ints) -> Floats:
    """Return the share (n,) of the ink of pairs of forms that both have, of what either has."""
    cells, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    ink = draw_cells(store, first_cell + cells, _OVERLAP_SIDE) > 127
    a, b = ink[place[: len(first)]], ink[place[len(first) :]]
    either = np.maximum((a | b).sum(axis=(1, 2)), 1)
    overlap: Floats = ((a & b).sum(axis=(1, 2)) / either).astype(np.float32)
    return overlap


def _measure_sharply(
    store: OutlineStore, first_cell: int, first: Ints, second: Ints, side: int
) -> Floats:
    cells, place = np.unique(np.concatenate([first, second]), return_inverse=True)
    ink = draw_cells(store, first_cell + cells, side)
    return measure_apart(ink, place[: len(first)], place[len(first) :], 1.0)


def _count_typefaces(
    measured: dict[Pair, dict[int, float]], admitted: NDArray[np.bool_], typefaces: Ints
) -> Iterator[Twins]:
    """Yield the pairs that at least one typeface draws alike."""
    n_typefaces = int(typefaces.max(initial=0)) + 1
    for (a, b), of_face in measured.items():
        drawn = np.bincount(typefaces[admitted[:, a] & admitted[:, b]], minlength=n_typefaces)
        alike = np.bincount(typefaces[list(of_face)], minlength=n_typefaces)
        n_alike = int((2 * alike >= drawn)[drawn > 0].sum())
        if n_alike:
            yield Twins(
                forms=(a, b),
                distance=round(float(np.median(list(of_face.values()))), 3),
                n_typefaces=int((drawn > 0).sum()),
                n_alike=n_alike,
                faces=tuple(sorted(of_face)),
            )
