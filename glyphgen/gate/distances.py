"""How far vectors are from examples of forms: the nearest of each typeface, and of these the three nearest.

Vectors are whole multiples of a step, so that their squares and products add up to the same in single
precision, whatever the order.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from glyphgen.cpus import count_cpus

__all__ = ["Examples"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_NEAREST = 3  # typefaces whose distances are averaged
_LEAST_DISTANCE = 1.0  # squared; typefaces that share a drawing are no nearer than that
_AT_ONCE = 1 << 18  # distances, so that they stay in the processor's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """E examples of N forms, in the order of their forms and typefaces.

    Attributes:
        vectors: float32 (E, K).
        form: int64 (E,), 0 to N - 1.
        typeface: int64 (E,), a number of the typeface.
        n_forms: N.
    """

    vectors: Floats
    form: Ints
    typeface: Ints
    n_forms: int

    def measure_distances(self, vectors: Floats, typefaces: Ints) -> Floats:
        """Return how far vectors (n, K) are from each form: float32 (n, N), as logarithms.

        Infinity where fewer than three other typefaces draw a form.

        Args:
            vectors: Of n cells.
            typefaces: (n,), the typeface of each, whose own examples do not count; -1 for none of them.
        """
        parts = [_Part.of_typeface(self, k) for k in np.unique(self.typeface).tolist()]
        squares = np.einsum("ij,ij->i", vectors, vectors)[:, None]
        augmented = np.concatenate([vectors, squares, np.ones_like(squares)], axis=1)
        distances = np.empty((len(vectors), self.n_forms), dtype=np.float32)
        size = max(_AT_ONCE // max(self.n_forms, 1), 32)

        def measure(start: int) -> None:
            rows = slice(start, start + size)
            least = _find_least(augmented[rows], typefaces[rows], parts, self.n_forms)
            mean = sum(least[1:], start=least[0]) / np.float32(_NEAREST)
            distances[rows] = _take_logarithm(mean)

        # None of these small products is worth two threads, but two of them are.
        single = _find_libraries().limit(limits=1, user_api="blas")
        with single, ThreadPoolExecutor(count_cpus()) as pool:
            list(pool.map(measure, range(0, len(vectors), size)))
        return distances

    def take_forms(self, forms: Ints) -> "Examples":
        """Return the examples of some forms, in ascending order."""
        new = np.full(self.n_forms, -1)
        new[forms] = np.arange(len(forms))
        kept = new[self.form] >= 0
        return Examples(
            vectors=self.vectors[kept],
            form=new[self.form[kept]],
            typeface=self.typeface[kept],
            n_forms=len(forms),
        )

    def measure_own(self, vectors: Floats, form: Ints, typefaces: Ints) -> Floats:
        """Return how far vectors (n, K) are from the form (n,) of each alone, as logarithms: (n,)."""
        first = np.searchsorted(self.form, np.arange(self.n_forms + 1))
        own = np.full(len(vectors), np.inf, dtype=np.float32)
        order = np.argsort(form, kind="stable")
        bounds = np.searchsorted(form[order], np.arange(self.n_forms + 1))
        for k in np.unique(form).tolist():
            cells, examples = order[bounds[k] : bounds[k + 1]], slice(first[k], first[k + 1])
            if first[k] == first[k + 1]:
                continue
            difference = vectors[cells][:, None] - self.vectors[examples]
            far = np.maximum(np.einsum("ijk,ijk->ij", difference, difference), _LEAST_DISTANCE)
            typeface = self.typeface[examples]
            begin = np.flatnonzero(np.concatenate([[True], typeface[1:] != typeface[:-1]]))
            nearest = np.minimum.reduceat(far, begin, axis=1)
            nearest[typefaces[cells, None] == typeface[begin]] = np.inf
            if nearest.shape[1] >= _NEAREST:
                own[cells] = np.partition(nearest, _NEAREST - 1, axis=1)[:, :_NEAREST].mean(axis=1)
        return _take_logarithm(own)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The examples of one typeface.

    Attributes:
        typeface: Its number.
        forms: That it draws.
        starts: Where the examples of each form begin.
        columns: float32 (K + 2, E); the product of (vector, its square, 1) with a column is the squared
            distance.
    """

    typeface: int
    forms: Ints | slice
    starts: Ints
    columns: Floats

    @classmethod
    def of_typeface(cls, examples: Examples, typeface: int) -> "_Part":
        own = np.flatnonzero(examples.typeface == typeface)
        vectors, form = examples.vectors[own], examples.form[own]
        starts = np.flatnonzero(np.diff(form, prepend=-1))
        squares = np.einsum("ij,ij->i", vectors, vectors)[:, None]
        columns = np.concatenate([-2 * vectors, np.ones_like(squares), squares], axis=1).T
        is_gapless = len(starts) == form[-1] - form[0] + 1
        return cls(
            typeface=typeface,
            forms=slice(int(form[0]), int(form[-1]) + 1) if is_gapless else form[starts],
            starts=starts,
            columns=np.ascontiguousarray(columns),
        )


def _find_least(
    augmented: Floats, typefaces: Ints, parts: list[_Part], n_forms: int
) -> tuple[Floats, ...]:
    """Return the squared distances (n, N) to the nearest typeface, to the second and to the third."""
    shape = (len(augmented), n_forms)
    least = tuple(np.full(shape, np.inf, dtype=np.float32) for _ in range(_NEAREST))
    for part in parts:
        far = augmented @ part.columns
        np.maximum(far, _LEAST_DISTANCE, out=far)
        if len(part.starts) < far.shape[1]:
            far = np.minimum.reduceat(far, part.starts, axis=1)
        far[typefaces == part.typeface] = np.inf
        some = tuple(lowest[:, part.forms] for lowest in least)
        _keep_least(some, far)
        if not isinstance(part.forms, slice):  # these are copies
            for lowest, kept in zip(least, some, strict=True):
                lowest[:, part.forms] = kept
    return least


def _keep_least(least: tuple[Floats, ...], values: Floats) -> None:
    """Put values among the least so far, of which there are some arrays in ascending order."""
    for lowest in least[:-1]:
        pushed_out = np.maximum(lowest, values)
        np.minimum(lowest, values, out=lowest)
        values = pushed_out
    np.minimum(least[-1], values, out=least[-1])


def _take_logarithm(distances: Floats) -> Floats:
    """Return natural logarithms, rounded from those in double precision."""
    return np.log(distances.astype(np.float64)).astype(np.float32)


@cache
def _find_libraries() -> ThreadpoolController:
    """Return what NumPy multiplies matrices with."""
    return ThreadpoolController()
