"""Where cells stand, and how far their strokes may be thinned."""

import numpy as np
from conftest import FONTS
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_renders import read_outlines

from glyphgen.fonts import read_face
from glyphgen.layout.framing import make_framing
from glyphgen.recipe import Recipe, read_recipe

FORMS = list("あプ一いへぱ")
FACES = [read_face(FONTS / "kana" / f"{name}_400Regular.ttf") for name in ("Stick", "YujiMai")]
STORE = read_outlines(FACES, FORMS)


def recipe(framing: str) -> Recipe:
    return read_recipe("kana", [f"render.framing={framing}", "render.scatter.shift=0.02"])


@settings(max_examples=30, deadline=None)
@given(
    forms=st.permutations(range(len(FORMS))) | st.lists(st.integers(0, len(FORMS) - 1), min_size=1),
    framing=st.sampled_from(["em", "baseline", "ink", "fit"]),
)
def test_a_cell_is_framed_as_it_was_wherever_its_form_stands(
    forms: list[int], framing: str
) -> None:
    whole, taken = (make_framing(recipe(framing), s) for s in (STORE, STORE.take_forms(forms)))
    cells = np.add.outer(np.arange(len(FACES)) * len(FORMS), forms).ravel()
    for name in ("anchor", "box", "unit_px", "slack", "thinning"):
        assert np.array_equal(getattr(whole, name)[cells], getattr(taken, name)), name
    assert np.array_equal(whole.hull_x[:, cells], taken.hull_x)
