"""Distances to examples are those of the definition, however the examples lie."""

import numpy as np
import pytest

from glyphgen.gate import distances, exemplars
from glyphgen.gate.distances import Examples

N_FORMS = 7


def draw_vectors(chance: np.random.Generator, n: int) -> np.ndarray:
    return (chance.integers(-127, 128, (n, 68)) * 0.125).astype(np.float32)


def make_examples(chance: np.random.Generator) -> Examples:
    """Form 2 is drawn by two typefaces, 4 by none; typeface 5 has a gap, typeface 3 several examples."""
    drawn = {
        1: [0, 1, 2, 3, 5, 6],
        2: [0, 1, 2, 3],
        3: [1, 1, 1, 3, 6],
        5: [0, 3, 5, 6],
        8: [0, 5, 6],
    }
    pairs = sorted((form, typeface) for typeface, forms in drawn.items() for form in forms)
    form, typeface = np.array(pairs, dtype=np.int64).T
    vectors = draw_vectors(chance, len(form))
    vectors[1] = vectors[0]  # no nearer than 1
    return Examples(vectors=vectors, form=form, typeface=typeface, n_forms=N_FORMS)


def measure_plainly(examples: Examples, vector: np.ndarray, typeface: int, form: int) -> float:
    """The definition, in Python's own numbers."""
    nearest: dict[int, float] = {}
    for own, of, example in zip(
        examples.typeface.tolist(), examples.form.tolist(), examples.vectors, strict=True
    ):
        if of == form and own != typeface:
            far = max(float(((example.astype(float) - vector.astype(float)) ** 2).sum()), 1.0)
            nearest[own] = min(nearest.get(own, np.inf), far)
    least = sorted(nearest.values())[:3]
    return float(np.log(np.float32(sum(least)) / np.float32(3))) if len(least) == 3 else np.inf


@pytest.mark.parametrize("at_once", [1, 1 << 18])
def test_distances_are_those_of_the_definition(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distances, "_AT_ONCE", at_once)
    chance = np.random.default_rng(3)
    examples = make_examples(chance)
    vectors, typefaces = draw_vectors(chance, 70), chance.choice([-1, 1, 3, 5], 70)
    vectors[0], typefaces[0] = examples.vectors[0], -1
    expected = np.array(
        [
            [measure_plainly(examples, vector, typeface, form) for form in range(N_FORMS)]
            for vector, typeface in zip(vectors, typefaces.tolist(), strict=True)
        ]
    )
    measured = examples.measure_distances(vectors, typefaces)
    np.testing.assert_allclose(measured, expected, rtol=1e-6)
    assert np.isinf(measured[:, [2, 4]]).all()
    form = np.arange(70) % N_FORMS
    own = examples.measure_own(vectors, form, typefaces)
    np.testing.assert_array_equal(own, measured[np.arange(70), form])


def test_of_alternatives_alone_distances_are_the_same() -> None:
    chance = np.random.default_rng(5)
    examples = make_examples(chance)
    vectors, typefaces = draw_vectors(chance, 40), chance.choice([-1, 1, 5], 40)
    form = np.arange(40) % N_FORMS
    alternatives = np.zeros((N_FORMS, N_FORMS), dtype=np.bool_)
    alternatives[:, 3] = True  # one that all may be taken for, and neighbors
    alternatives |= np.abs(np.subtract.outer(range(N_FORMS), range(N_FORMS))) == 1
    np.fill_diagonal(alternatives, val=False)
    measured = exemplars._measure_wanted(examples, vectors, form, typefaces, alternatives)
    wanted = alternatives[form] | np.eye(N_FORMS, dtype=np.bool_)[form]
    whole = examples.measure_distances(vectors, typefaces)
    np.testing.assert_array_equal(measured[wanted], whole[wanted])
    assert np.isinf(measured[~wanted]).all()
