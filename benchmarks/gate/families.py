"""Families of lies: ways in which a font may draw something else than its characters say.

Each family turns the outlines of an honest face into those of a lying one, and tells which cells are wrong.
Half of the families are kept apart: no threshold of the gate was chosen by looking at them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.thumbnails import draw_cells
from glyphgen.outlines import OutlineStore

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_ALIKE = (
    0.85  # of the ink of two cells: where more is in common, the one may be drawn for the other
)

_IN_PLACE = 0.8  # of their boxes, likewise


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One honest face.

    Attributes:
        forms: C forms, in code point order.
        store: Their outlines, C cells.
        other: The outlines of as many characters of another script, C cells, by the same face or another.
        seed: Of what is chosen by lot.
    """

    forms: Sequence[str]
    store: OutlineStore
    other: OutlineStore
    seed: int

    @property
    def random(self) -> np.random.Generator:
        """Numbers of this face's own."""
        return np.random.default_rng(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lie:
    """A lying face.

    Attributes:
        store: What it draws.
        wrong: bool (C,), the cells that show something else than their characters.
    """

    store: OutlineStore
    wrong: Bools


Family = Callable[[Subject], "Lie | None"]


# --- Outlines that are moved from one character to another


def _draw_for(subject: Subject, source: Ints) -> Lie:
    """Draw for each form the outline of another one."""
    wrong = (source != np.arange(len(source))) & _look_apart(subject, source)
    return Lie(store=subject.store.take_forms(source.tolist()), wrong=wrong)


def _look_apart(subject: Subject, source: Ints) -> Bools:
    """Return which cells would look another way with the outlines of others."""
    store, own = subject.store, np.arange(len(source))
    drawn = store.is_drawn & (store.n_missing == 0)
    ink = draw_cells(store, own, 32) > 127
    both = _measure_likeness(ink, ink[source])
    a, b = store.box, store.box[source]
    width = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    common = np.clip(width, 0, None).prod(axis=1)
    area = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1) - common
    in_place = common / np.maximum(area, 1e-9)
    apart: Bools = ~((both > _ALIKE) & (in_place > _IN_PLACE)) & drawn & drawn[source]
    return apart


def _measure_likeness(a: Bools, b: Bools) -> NDArray[np.float64]:
    """Return the share (n,) of the ink of pictures (n, H, W) that is within a pixel of the other's."""
    common = (a & _grow(b)).sum(axis=(1, 2)) + (b & _grow(a)).sum(axis=(1, 2))
    either: NDArray[np.float64] = common / np.maximum(a.sum(axis=(1, 2)) + b.sum(axis=(1, 2)), 1)
    return either


def _grow(ink: Bools) -> Bools:
    padded = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    rows, columns = ink.shape[1:]
    grown: Bools = np.any(
        [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)], axis=0
    )
    return grown


def _shift(by: int) -> Family:
    def family(subject: Subject) -> Lie:
        place = {form: k for k, form in enumerate(subject.forms)}
        source = [place.get(chr(ord(form) + by), k) for k, form in enumerate(subject.forms)]
        return _draw_for(subject, np.array(source))

    return family


def _swap_case(subject: Subject) -> Lie | None:
    """Draw small for large and large for small, kana included."""
    place = {form: k for k, form in enumerate(subject.forms)}
    source = [place.get(_find_mate(form), k) for k, form in enumerate(subject.forms)]
    return _draw_for(subject, np.array(source))


def _find_mate(form: str) -> str:
    if form.swapcase() != form:
        return form.swapcase()
    name = unicodedata.name(form, "")
    other = (
        name.replace(" SMALL ", " ")
        if " SMALL " in name
        else name.replace("LETTER", "LETTER SMALL")
    )
    try:
        return unicodedata.lookup(other)
    except KeyError:
        return form


def _capitals_for_small(subject: Subject) -> Lie | None:
    place = {form: k for k, form in enumerate(subject.forms)}
    source = [place.get(form.upper(), k) for k, form in enumerate(subject.forms)]
    return _draw_for(subject, np.array(source))


def _swap_neighbors(subject: Subject) -> Lie:
    source = np.arange(len(subject.forms)) ^ 1
    source[source >= len(source)] = len(source) - 1
    return _draw_for(subject, source)


def _swap_halves(subject: Subject) -> Lie:
    n = len(subject.forms)
    return _draw_for(subject, (np.arange(n) + n // 2) % n)


def _reverse(subject: Subject) -> Lie:
    return _draw_for(subject, np.arange(len(subject.forms))[::-1].copy())


def _shuffle(subject: Subject) -> Lie:
    return _draw_for(subject, subject.random.permutation(len(subject.forms)))


def _some_wrong(count: int | float) -> Family:
    def family(subject: Subject) -> Lie | None:
        n = len(subject.forms)
        most = round(count * n) if isinstance(count, float) else count
        if most > n:
            return None
        source = np.arange(n)
        chosen = subject.random.choice(n, most, replace=False)
        source[chosen] = subject.random.choice(n, most)
        return _draw_for(subject, source)

    return family


def _swap_two(subject: Subject) -> Lie:
    """Swap two entries of loca, twice."""
    source = np.arange(len(subject.forms))
    a, b, c, d = subject.random.choice(len(source), 4, replace=False)
    source[[a, b, c, d]] = b, a, d, c
    return _draw_for(subject, source)


def _one_for_many(subject: Subject) -> Lie:
    n = len(subject.forms)
    return _draw_for(subject, np.full(n, subject.random.integers(n)))


def _marks_lost(subject: Subject) -> Lie | None:
    """Draw letters without their marks: は for ば, e for é, ح for ج."""
    place = {form: k for k, form in enumerate(subject.forms)}
    source = [place.get(_strip_marks(form), k) for k, form in enumerate(subject.forms)]
    return _draw_for(subject, np.array(source))


_ARABIC_BASE = dict(zip("جچخپتثبذزژشضظغف", "حححٮٮٮٮدررسصطعڡ", strict=True))


def _strip_marks(form: str) -> str:
    base = unicodedata.normalize("NFD", form)[0]
    return _ARABIC_BASE.get(base, base)


def _alphabet_for_alphabet(subject: Subject) -> Lie:
    """Draw hiragana for katakana and digits for letters: the order of another block."""
    n = len(subject.forms)
    return _draw_for(subject, np.sort((np.arange(n) * 7 + 3) % n))


# --- Outlines that are changed as drawings


def _move(subject: Subject, matrix: Sequence[float]) -> OutlineStore:
    """Return the outlines under a linear map about the middle of each face's ink."""
    a, b, c, d = (np.float32(value) for value in matrix)
    store = subject.store
    center = np.float32(0.4)
    x, y = store.x - center, store.y - center
    moved = replace(store, x=a * x + b * y + center, y=c * x + d * y + center)
    return _measure_again(moved)


def _measure_again(store: OutlineStore) -> OutlineStore:
    box = store.box.copy()
    for cell in range(store.n_cells):
        points = slice(store.point_start[cell], store.point_start[cell] + store.n_points[cell])
        x, y = store.x[points], store.y[points]
        if len(x):
            box[cell] = x.min(), y.min(), x.max(), y.max()
    return replace(store, box=box)


def _map_all(*matrix: float) -> Family:
    def family(subject: Subject) -> Lie:
        moved = _move(subject, matrix)
        before = draw_cells(subject.store, np.arange(subject.store.n_cells), 32) > 127
        after = draw_cells(moved, np.arange(moved.n_cells), 32) > 127
        wrong = (_measure_likeness(before, after) < _ALIKE) & subject.store.is_drawn
        return Lie(store=moved, wrong=wrong & (subject.store.n_missing == 0))

    return family


def _turn_one(*matrix: float) -> Family:
    """Turn ten cells only."""

    def family(subject: Subject) -> Lie:
        whole = _map_all(*matrix)(subject)
        if whole is None:
            raise ValueError("a map makes a lie of every face")
        chosen = np.zeros(len(subject.forms), dtype=np.bool_)
        count = min(10, len(subject.forms) // 4)
        chosen[subject.random.choice(len(subject.forms), count, replace=False)] = True
        return _put(subject, whole.store, chosen & whole.wrong, chosen)

    return family


def _put(subject: Subject, other: OutlineStore, wrong: Bools, chosen: Bools) -> Lie:
    """Take the chosen cells from another store."""
    from glyphgen.outlines.outline_store import join_stores

    n = len(subject.forms)
    parts = [unpad(subject.store), unpad(other)]
    both = join_stores(parts)
    merged = replace(both, middle=both.middle[:1])
    source = np.where(chosen, np.arange(n) + n, np.arange(n))
    return Lie(store=merged.take_forms(source.tolist()), wrong=wrong)


def unpad(store: OutlineStore) -> OutlineStore:
    """Return a store of one face as ``join_stores`` takes it."""
    n = int(store.n_points.sum())
    names = ("x", "y", "normal_x", "normal_y", "piece", "bend")
    return replace(store, **{name: getattr(store, name)[:n] for name in names})


def _cut_contour(subject: Subject) -> Lie | None:
    """Leave out a contour of every cell that has several, the largest but one: counters and dots."""
    store = subject.store
    x, wrong = store.x.copy(), np.zeros(store.n_cells, dtype=np.bool_)
    y = store.y.copy()
    for cell in np.flatnonzero(store.n_contours > 1).tolist():
        first, start = store.point_start[cell], store.contour_start[cell]
        ends = store.contour_end[start : start + store.n_contours[cell]].astype(int)
        begins = np.concatenate([[0], ends[:-1] + 1])
        sizes = [np.ptp(x[first + b : first + e + 1]) for b, e in zip(begins, ends, strict=True)]
        cut = int(np.argsort(sizes)[-2])
        points = slice(first + begins[cut], first + ends[cut] + 1)
        x[points], y[points] = x[first + begins[cut - 1]], y[first + begins[cut - 1]]
        wrong[cell] = sizes[cut] > 0.08
    return Lie(
        store=_measure_again(replace(store, x=x, y=y)),
        wrong=wrong & store.is_drawn & (store.n_missing == 0),
    )


def _replace_by(subject: Subject, other: OutlineStore, count: int | None = None) -> Lie | None:
    n = min(other.n_cells, len(subject.forms))
    if other.n_cells < len(subject.forms):
        return None
    chosen = np.ones(len(subject.forms), dtype=np.bool_)
    if count is not None:
        chosen[:] = False
        chosen[subject.random.choice(n, min(count, n // 4), replace=False)] = True
    chosen &= other.is_drawn[: len(chosen)]
    return _put(subject, other.take_forms(range(len(subject.forms))), chosen, chosen)


def _another_script(subject: Subject) -> Lie | None:
    return _replace_by(subject, subject.other)


def _some_of_another_script(subject: Subject) -> Lie | None:
    return _replace_by(subject, subject.other, 10)


TUNED: dict[str, Family] = {
    "one code point on": _shift(1),
    "sixteen code points on": _shift(16),
    "neighbors swapped": _swap_neighbors,
    "shuffled": _shuffle,
    "ten wrong": _some_wrong(10),
    "half wrong": _some_wrong(0.5),
    "mirrored": _map_all(-1, 0, 0, 1),
    "turned half around": _map_all(-1, 0, 0, -1),
    "ten mirrored": _turn_one(-1, 0, 0, 1),
    "another script": _another_script,
    "capitals for small": _capitals_for_small,
    "marks lost": _marks_lost,
}

KEPT: dict[str, Family] = {
    "one code point back": _shift(-1),
    "two code points on": _shift(2),
    "case swapped": _swap_case,
    "halves swapped": _swap_halves,
    "reversed": _reverse,
    "one wrong": _some_wrong(1),
    "a tenth wrong": _some_wrong(0.1),
    "loca swapped twice": _swap_two,
    "one drawing for many": _one_for_many,
    "upside down": _map_all(1, 0, 0, -1),
    "turned left": _map_all(0, -1, 1, 0),
    "sheared beyond sense": _map_all(1, 1.7, 0, 1),
    "ten turned half around": _turn_one(-1, 0, 0, -1),
    "ten of another script": _some_of_another_script,
    "a contour cut": _cut_contour,
    "another order": _alphabet_for_alphabet,
}
