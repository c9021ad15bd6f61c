import pytest
from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from glyphgen.bidi import find_direction, find_levels, split_directions

CHARS = "ابپ۱۲۳123٣abc -/.,:()[]+%'$ אבـ\u0301\u064b⟨⟩\u2329\u232a"


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("شماره ۱۲۳", [("۱۲۳", "ltr"), ("شماره ", "rtl")]),
        ("۱۴۰۳/۰۵/۱۲", [("۱۴۰۳/۰۵/۱۲", "ltr")]),
        # After an Arabic letter the hyphen is no part of the number.
        ("ا 12-3", [("3", "ltr"), ("-", "rtl"), ("12", "ltr"), ("ا ", "rtl")]),
        ("abc", [("abc", "ltr")]),
        ("", []),
    ],
)
def test_numbers_within_text_from_right_to_left_stay_in_order(
    text: str, stretches: list[tuple[str, str]]
) -> None:
    assert [
        (part, own) for part, own, _ in split_directions(text, find_direction(text))
    ] == stretches


def test_the_first_strong_character_tells_the_direction() -> None:
    assert find_direction("12 اب ab") == "rtl"
    assert find_direction("12 ab اب") == "ltr"
    assert find_direction("12", default="rtl") == "rtl"


@given(text=st.text(alphabet=CHARS, max_size=14), direction=st.sampled_from(["ltr", "rtl"]))
def test_order_is_that_of_another_reading_of_the_standard(text: str, direction: str) -> None:
    drawn = "".join(
        part if own == "ltr" else part[::-1] for part, own, _ in split_directions(text, direction)
    )
    assert drawn == get_display(text, base_dir="R" if direction == "rtl" else "L")


@given(text=st.text(alphabet=CHARS, max_size=14), direction=st.sampled_from(["ltr", "rtl"]))
def test_nothing_is_lost_and_levels_tell_directions(text: str, direction: str) -> None:
    stretches = split_directions(text, direction)
    assert "".join(part for part, _, _ in sorted(stretches, key=lambda one: one[2])) == text
    assert len(find_levels(text, direction)) == len(text)
