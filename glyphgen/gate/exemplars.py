"""How characters are drawn by typefaces: examples of each form, and what honest typefaces make of them.

A cell is compared with examples of its own form and of all others, each one drawing of one typeface.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.distances import Examples
from glyphgen.gate.shapes import TURNS, turn_shapes
from glyphgen.progress import SILENT, Reporter, track

__all__ = [
    "BOX",
    "FEWEST_TYPEFACES",
    "URDU",
    "VECTOR_STEP",
    "Comparison",
    "Exemplars",
    "Metric",
    "compare",
    "learn_exemplars",
    "learn_spread",
    "list_alternatives",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

BOX = "a box"
"""What stands among the forms for what fonts draw in place of what they lack."""

URDU = {digit: f"Urdu {digit}" for digit in "\u06f4\u06f6\u06f7"}
"""What stands among the forms for the way Urdu writes some Persian digits, by the digit."""

FEWEST_TYPEFACES = 3  # that have to draw a form before it can be judged
VECTOR_STEP = 0.125
"""The step of all vectors."""

_SLACK = 0.15  # of a logarithm of distances: what honest typefaces show, and a little more
_COMPARED = 2048  # cells that are compared with all forms at once
_SELDOM = 2  # forms that a form is an alternative of, at most: its neighbors
_LEARNT = 256  # forms whose tolerances are learnt at once
_FARTHEST = (
    1.5  # how far a drawing may be from its form, where nobody has measured it, as a logarithm
)
_MOST_UNUSUAL = 0.8  # how far all of a typeface may be from others, where nobody has measured it
# Of what speaks against a cell: a logistic regression of honest cells of the bundle against cells with the
# labels of others and of other scripts.
_MARGIN, _DISTANCE, _BOTH, _CONSTANT = 9.4, 3.2, 1.65, -3.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """Turns shapes and places into vectors whose distances tell forms apart and typefaces not.

    Attributes:
        mean: float32 (D,), of all shapes.
        shape_axes: float32 (D, K), linear discriminants, scaled to unit variance within forms.
        place_axes: float32 (4, 4), the same for places.

    Source: Fisher, "The Use of Multiple Measurements in Taxonomic Problems", 1936; the scatter within
    forms is shrunk towards a multiple of the identity as in Friedman, JASA 1989.
    """

    mean: Floats
    shape_axes: Floats
    place_axes: Floats

    def measure(self, shapes: Floats, places: Floats) -> Floats:
        """Return the vectors (n, K + 4) of n cells, whole multiples of ``VECTOR_STEP`` from -127 to 127.

        Their squares and products add up to the same in single precision, whatever the order.
        """
        shape_axes, place_axes = self.shape_axes.astype(np.float64), self.place_axes
        vectors = np.concatenate(
            [(shapes - self.mean) @ shape_axes, places @ place_axes.astype(np.float64)], axis=1
        )
        return np.clip(np.rint(vectors / VECTOR_STEP), -127, 127).astype(np.float32) * np.float32(
            VECTOR_STEP
        )

    def measure_turned(self, shapes: Floats, places: Floats) -> list[Floats]:
        """Return the vectors of the same cells with their shapes turned, for each of ``TURNS``."""
        return [self.measure(turn_shapes(shapes, turn), places) for turn in TURNS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemplars:
    """Examples of N forms by typefaces: E vectors, in the order of their forms and typefaces.

    Attributes:
        forms: The N forms, in order.
        vectors: float32 (E, K).
        form: int64 (E,), position in ``forms``.
        typeface: int64 (E,), a number of the typeface; an example that is compared with its own typeface
            tells nothing.
        place: float32 (N, 4), where the ink of each form usually stands; see ``shapes``.
        level: float32 (N,), logarithm of the distance at which honest typefaces draw the form.
        spread: float32 (N,), what honest drawings of the form score at most; see ``Comparison.weigh``.
        farthest: float32 (N,), by how much honest drawings are farther than ``level`` at most.
        tolerance: float32 (N, N), by how much honest drawings of a form (row) may be nearer to another
            (column), as a logarithm of distances; 0 for most.
        turn_tolerance: float32 (N, 5), the same for the own form turned as ``TURNS`` tells.
        most_unusual: How far all of an honest typeface may be from the others, as a logarithm.
    """

    forms: tuple[str, ...]
    vectors: Floats
    form: Ints
    typeface: Ints
    place: Floats
    level: Floats
    spread: Floats
    farthest: Floats
    tolerance: Floats
    turn_tolerance: Floats
    most_unusual: float

    def take_forms(self, positions: Ints) -> "Exemplars":
        """Return the examples of some forms alone, in ascending order of their positions."""
        new = np.full(len(self.forms), -1)
        new[positions] = np.arange(len(positions))
        kept = new[self.form] >= 0
        return Exemplars(
            forms=tuple(self.forms[k] for k in positions.tolist()),
            vectors=self.vectors[kept],
            form=new[self.form[kept]],
            typeface=self.typeface[kept],
            place=self.place[positions],
            level=self.level[positions],
            spread=self.spread[positions],
            farthest=self.farthest[positions],
            tolerance=self.tolerance[np.ix_(positions, positions)],
            turn_tolerance=self.turn_tolerance[positions],
            most_unusual=self.most_unusual,
        )

    def allow_urdu(self) -> "Exemplars":
        """Return the same with Persian digits as Urdu writes them among the examples of these digits."""
        place = {form: k for k, form in enumerate(self.forms)}
        form = self.form.copy()
        learnt = {
            name: getattr(self, name).copy()
            for name in ("level", "spread", "farthest", "tolerance", "turn_tolerance")
        }
        for digit, lie in URDU.items():
            if digit in place and lie in place:
                own, other = place[digit], place[lie]
                form[form == other] = own
                for array in learnt.values():
                    array[own] = np.maximum(array[own], array[other])
        order = np.lexsort((self.typeface, form))
        return replace(
            self,
            vectors=self.vectors[order],
            form=form[order],
            typeface=self.typeface[order],
            **learnt,
        )

    def count_typefaces(self) -> Ints:
        """Return how many typefaces draw each form: (N,)."""
        starts = _find_starts(self.form, self.typeface)
        return np.bincount(self.form[starts], minlength=len(self.forms))

    @property
    def examples(self) -> Examples:
        """What cells are compared with."""
        return Examples(
            vectors=self.vectors, form=self.form, typeface=self.typeface, n_forms=len(self.forms)
        )


def list_alternatives(forms: Sequence[str], *, is_persian: bool) -> NDArray[np.bool_]:
    """Return which forms (columns) each form (row) may be taken for: every other, (N, N).

    Args:
        forms: N forms.
        is_persian: Whether a Persian digit may be taken for the same in Urdu; nothing else ever is.
    """
    every_other = ~np.eye(len(forms), dtype=np.bool_)
    place = {form: k for k, form in enumerate(forms)}
    for digit, lie in URDU.items():
        if digit in place and lie in place:
            every_other[:, place[lie]] = False
            every_other[place[digit], place[lie]] = is_persian
    return every_other


def _find_starts(form: Ints, typeface: Ints) -> Ints:
    """Return where the examples of one form by one typeface begin."""
    changes = (np.diff(form) != 0) | (np.diff(typeface) != 0)
    return np.concatenate([[0], np.flatnonzero(changes) + 1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How n cells compare with their own forms and with what else they may show.

    Attributes:
        own: float32 (n,), logarithm of the distance to the own form; infinity where it is unknown.
        margin: float32 (n,), by how much the best other explanation is nearer than the own form, beyond
            what honest typefaces show; above 0 it explains the cell better.
        plain_margin: float32 (n,), the same without regard to what honest typefaces show.
        nearer: float32 (n, M), by how much some other forms are nearer than the own one; -inf for those
            that the cell may not be taken for.
        alternative: int64 (n,), the form of that explanation, or -1 where the own form is turned.
        turn: int64 (n,), the position in ``TURNS`` where it is, or -1.
    """

    own: Floats
    margin: Floats
    plain_margin: Floats
    nearer: Floats
    alternative: Ints
    turn: Ints

    def weigh(self, level: Floats, unusual: Floats, *, is_plain: bool = False) -> Floats:
        """Return how much speaks against each cell (n,): below -2 nothing, above 2 much; NaN if unknown.

        Args:
            level: (n,), logarithm of the distance at which honest typefaces draw the form.
            unusual: (n,), how far all of the cell's face is from other typefaces, as a logarithm.
            is_plain: Take the plain margin.
        """
        margin = np.clip(self.plain_margin if is_plain else self.margin, -1.0, 4.0)
        distance = np.maximum(self.own - level - unusual, -1.0)
        with np.errstate(invalid="ignore"):
            both = np.maximum(margin, 0.0) * np.maximum(distance, 0.0)
            weight = _MARGIN * margin + _DISTANCE * distance + _BOTH * both + _CONSTANT
        return np.where(np.isfinite(self.own), weight, np.nan).astype(np.float32)


def compare(
    exemplars: Exemplars,
    vectors: Floats,
    turned: Sequence[Floats],
    form: Ints,
    typefaces: Ints,
    alternatives: NDArray[np.bool_],
    others: Ints | None = None,
    *,
    reporter: Reporter = SILENT,
) -> Comparison:
    """Compare cells with their own forms and with all else that they may show.

    Args:
        exemplars: Of N forms.
        vectors: float32 (n, K), of the cells.
        turned: The same cells turned, for each of ``TURNS``.
        form: (n,), position of each cell's own form.
        typefaces: (n,), typeface of each cell, or -1.
        alternatives: bool (N, N), which forms (columns) each form (row) may be taken for.
        others: (n, M), positions of forms that ``nearer`` shall tell of, or -1.
        reporter: Is told how far the work is.
    """
    others = np.zeros((len(form), 0), dtype=np.int64) if others is None else others
    parts = [slice(start, start + _COMPARED) for start in range(0, max(len(form), 1), _COMPARED)]
    compared = [
        _compare_some(
            exemplars,
            vectors[part],
            [batch[part] for batch in turned],
            form[part],
            typefaces[part],
            alternatives,
            others[part],
        )
        for part in track(parts, step="compare cells", unit="batches", reporter=reporter)
    ]
    return Comparison(
        **{
            field.name: np.concatenate([getattr(part, field.name) for part in compared])
            for field in fields(Comparison)
        }
    )


def _compare_some(
    exemplars: Exemplars,
    vectors: Floats,
    turned: Sequence[Floats],
    form: Ints,
    typefaces: Ints,
    alternatives: NDArray[np.bool_],
    others: Ints,
) -> Comparison:
    """Compare as many cells as may be compared with all forms at once."""
    cells = np.arange(len(form))
    distances = _measure_wanted(exemplars.examples, vectors, form, typefaces, alternatives)
    own = distances[cells, form]
    base = np.where(np.isfinite(own), own, 0.0)[:, None]
    nearer = base - distances
    nearer[~alternatives[form]] = -np.inf
    turns = np.stack(
        [exemplars.examples.measure_own(batch, form, typefaces) for batch in turned], axis=1
    )
    turns = base - turns
    plain = np.maximum(nearer.max(axis=1), turns.max(axis=1))
    of_others = np.where(others >= 0, nearer[cells[:, None], others], -np.inf)
    nearer -= exemplars.tolerance[form]
    turns -= exemplars.turn_tolerance[form]
    best, turn = nearer.argmax(axis=1), turns.argmax(axis=1)
    is_turned = turns[cells, turn] > nearer[cells, best]
    return Comparison(
        own=own,
        margin=np.where(is_turned, turns[cells, turn], nearer[cells, best]),
        plain_margin=plain,
        nearer=of_others,
        alternative=np.where(is_turned, -1, best),
        turn=np.where(is_turned, turn, -1),
    )


def _measure_wanted(
    examples: Examples,
    vectors: Floats,
    form: Ints,
    typefaces: Ints,
    alternatives: NDArray[np.bool_],
) -> Floats:
    """Return distances (n, N) of cells to their own forms and to their alternatives.

    The others may be infinity: of thousands of forms most are no alternative of most.
    """
    is_common = alternatives.sum(axis=0) > _SELDOM
    if 2 * is_common.sum() > len(is_common):
        return examples.measure_distances(vectors, typefaces)
    common, cells = np.flatnonzero(is_common), np.arange(len(form))
    distances = np.full((len(form), examples.n_forms), np.inf, dtype=np.float32)
    of_common = examples.take_forms(common).measure_distances(vectors, typefaces)
    distances[:, common] = of_common
    distances[cells, form] = examples.measure_own(vectors, form, typefaces)
    cell, other = np.nonzero(alternatives[form] & ~is_common)
    distances[cell, other] = examples.measure_own(vectors[cell], other, typefaces[cell])
    return distances


def learn_exemplars(
    forms: Sequence[str],
    vectors: Floats,
    turned: Sequence[Floats],
    form: Ints,
    typeface: Ints,
    place: Floats,
    alternatives: NDArray[np.bool_],
    *,
    is_trusted: bool,
    reporter: Reporter = SILENT,
) -> Exemplars:
    """Make exemplars of cells, and learn from them how far honest drawings are from their forms.

    What a single typeface shows is no excuse for others, so that one that is wrong does not hide itself.

    Args:
        forms: The N forms.
        vectors: float32 (E, K), of the cells.
        turned: The same cells turned, for each of ``TURNS``.
        form: (E,), position in ``forms``.
        typeface: (E,), a number of the typeface.
        place: (N, 4), where the ink of each form usually stands.
        alternatives: bool (N, N), which forms (columns) each form (row) may be taken for.
        is_trusted: Whether every cell is known to be right.
        reporter: Is told how far the work is.
    """
    order, n = np.lexsort((typeface, form)), len(forms)
    plain = Exemplars(
        forms=tuple(forms),
        vectors=vectors[order],
        form=form[order],
        typeface=typeface[order],
        place=place,
        level=np.zeros(n, dtype=np.float32),
        spread=np.zeros(n, dtype=np.float32),
        farthest=np.full(n, _FARTHEST, dtype=np.float32),
        tolerance=np.zeros((n, n), dtype=np.float32),
        turn_tolerance=np.zeros((n, len(TURNS)), dtype=np.float32),
        most_unusual=_MOST_UNUSUAL,
    )
    turned = [batch[order] for batch in turned]
    own, tolerance, turn_tolerance = _learn_tolerances(plain, turned, alternatives, reporter)
    level = np.array([_find_median(own[plain.form == k]) for k in range(n)], dtype=np.float32)
    learnt = replace(plain, level=level, tolerance=tolerance, turn_tolerance=turn_tolerance)
    if not is_trusted:
        return learnt
    usual = _find_usual(own - level[plain.form], plain.typeface)
    return replace(learnt, most_unusual=max(0.0, *usual.values()), farthest=np.zeros_like(level))


def _find_usual(apart: Floats, typeface: Ints) -> dict[int, float]:
    """Return how far each typeface is from the others, as a logarithm."""
    return {k: _find_median(apart[typeface == k]) for k in np.unique(typeface).tolist()}


def learn_spread(
    exemplars: Exemplars,
    vectors: Floats,
    turned: Sequence[Floats],
    form: Ints,
    typeface: Ints,
    alternatives: NDArray[np.bool_],
) -> Exemplars:
    """Return exemplars that know what honest cells score: ``spread`` and ``farthest``.

    Args:
        exemplars: Of N forms.
        vectors: float32 (n, K), of cells that are known to be right.
        turned: The same cells turned, for each of ``TURNS``.
        form: (n,), position in ``exemplars.forms``.
        typeface: (n,), a number of the typeface.
        alternatives: bool (N, N), which forms (columns) each form (row) may be taken for.
    """
    found = compare(exemplars, vectors, turned, form, typeface, alternatives)
    usual = _find_usual(found.own - exemplars.level[form], typeface)
    unusual = np.array([usual[k] for k in typeface.tolist()], dtype=np.float32)
    unusual = np.clip(unusual, 0.0, exemplars.most_unusual)
    weight = np.nan_to_num(found.weigh(exemplars.level[form], unusual), nan=0.0)
    distance = np.nan_to_num(found.own - exemplars.level[form] - unusual, posinf=0.0)
    spread, farthest = exemplars.spread.copy(), exemplars.farthest.copy()
    np.maximum.at(spread, form, weight)
    np.maximum.at(farthest, form, distance)
    return replace(exemplars, spread=spread, farthest=farthest)


def _learn_tolerances(
    exemplars: Exemplars,
    turned: Sequence[Floats],
    alternatives: NDArray[np.bool_],
    reporter: Reporter,
) -> tuple[Floats, Floats, Floats]:
    """Return own distances (E,), tolerance (N, N) and turn_tolerance (N, 5) of exemplars."""
    form, typeface = exemplars.form, exemplars.typeface
    turns = np.stack(
        [exemplars.examples.measure_own(batch, form, typeface) for batch in turned], axis=1
    )
    own = np.empty(len(form), dtype=np.float32)
    tolerance, turn_tolerance = (
        np.zeros_like(t) for t in (exemplars.tolerance, exemplars.turn_tolerance)
    )
    first = np.searchsorted(form, np.arange(len(exemplars.forms) + 1))
    starts = range(0, len(exemplars.forms), _LEARNT)
    for start in track(starts, step="learn forms", unit="batches", reporter=reporter):
        some = np.arange(start, min(start + _LEARNT, len(exemplars.forms)))
        cells = slice(first[some[0]], first[some[-1] + 1])
        distances = _measure_wanted(
            exemplars.examples,
            exemplars.vectors[cells],
            form[cells],
            typeface[cells],
            alternatives,
        )
        own[cells] = distances[np.arange(len(distances)), form[cells]]
        base = np.where(np.isfinite(own[cells]), own[cells], -np.inf)[:, None]
        nearer = np.where(np.isfinite(distances), base - distances, -np.inf)
        nearer_turned = np.where(np.isfinite(turns[cells]), base - turns[cells], -np.inf)
        for k in some.tolist():
            span = slice(first[k] - cells.start, first[k + 1] - cells.start)
            of_form = typeface[first[k] : first[k + 1]]
            tolerance[k] = np.where(alternatives[k], _tolerate(nearer[span], of_form), 0.0)
            turn_tolerance[k] = _tolerate(nearer_turned[span], of_form)
    return own, tolerance, turn_tolerance


def _tolerate(nearer: Floats, typeface: Ints) -> Floats:
    """Return what two typefaces show, and a little more: (cells, M) -> (M,); 0 where they show nothing.

    Args:
        nearer: By how much cells of one form are nearer to others.
        typeface: Of each, ascending.
    """
    most, second = np.full((2, nearer.shape[1]), -np.inf, dtype=np.float32)
    for cells in np.split(nearer, np.flatnonzero(np.diff(typeface)) + 1):
        shown = cells.max(axis=0, initial=-np.inf)
        np.maximum(second, np.minimum(most, shown), out=second)
        np.maximum(most, shown, out=most)
    tolerance: Floats = np.maximum(second + np.float32(_SLACK), 0.0)
    return tolerance


def _find_median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else 0.0
