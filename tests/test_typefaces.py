"""Faces of one family or of the same drawings are one typeface, whatever they are called."""

from itertools import combinations

import pytest
from conftest import TOFU, Contour, MakeFont
from hypothesis import given
from hypothesis import strategies as st
from prepared_renders import read_outlines

from glyphgen.fonts import read_face
from glyphgen.outlines.typefaces import _join_typefaces, find_typefaces

FORMS = "ABCDEFGHIJKLMNOPQRST"


def box(width: int, *, right: int = 0) -> list[Contour]:
    return [[(right, 0), (right, 700), (right + width, 700), (right + width, 0)]]


@pytest.mark.parametrize(("n_shared", "first"), [(1, 1), (2, 1), (3, 0), (4, 0), (20, 0)])
def test_fonts_that_share_more_than_a_tenth_of_their_drawings_are_one_typeface(
    make_font: MakeFont, n_shared: int, first: int
) -> None:
    own = {form: box(100 + 10 * k) for k, form in enumerate(FORMS)}
    # The same outlines elsewhere in the em are the same drawings.
    other = {
        form: box(100 + 10 * k, right=30) if k < n_shared else box(105 + 10 * k)
        for k, form in enumerate(FORMS)
    }
    faces = [read_face(make_font("a.ttf", own)), read_face(make_font("b.ttf", other))]
    assert find_typefaces(faces, read_outlines(faces, FORMS)).tolist() == [0, first]


def test_faces_of_one_family_are_one_typeface(make_font: MakeFont) -> None:
    faces = [
        read_face(make_font(f"{k}.ttf", {"A": box(100 + k)}, family=family))
        for k, family in enumerate(["One", "Two", "One"])
    ]
    assert find_typefaces(faces, read_outlines(faces, "A")).tolist() == [0, 1, 0]


def test_what_neither_face_draws_is_nothing_that_they_share(make_font: MakeFont) -> None:
    faces = [
        read_face(make_font(f"{k}.ttf", {"A": box(100 + k), "B": TOFU, "C": []})) for k in range(2)
    ]
    # A copy of the missing glyph, the missing glyph, two of them, and a blank.
    for form in ("B", "D", "DE", "C"):
        assert find_typefaces(faces, read_outlines(faces, [form])).tolist() == [0, 1]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.lists(
            st.tuples(st.sampled_from("abcdef"), st.tuples(*[st.integers(0, 4)] * n)), max_size=7
        )
    )
)
def test_it_is_what_comparing_all_faces_with_each_other_gives(
    faces: list[tuple[str, tuple[int, ...]]],
) -> None:
    first = list(range(len(faces)))
    for a, b in combinations(range(len(faces)), 2):
        (family, drawings), (other_family, others) = faces[a], faces[b]
        n_same = sum(x == y != 0 for x, y in zip(drawings, others, strict=True))
        if family == other_family or n_same > 0.1 * len(drawings):
            joined = {first[a], first[b]}
            first = [min(joined) if k in joined else k for k in first]
    found = _join_typefaces([family for family, _ in faces], [drawings for _, drawings in faces])
    assert found.tolist() == first
