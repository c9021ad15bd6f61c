"""One table for each choice, and every door checks it."""

import pytest

from glyphgen import choices
from glyphgen.choices import ENGINES, IMPORT_FORMATS, MAKERS, STORAGE_FORMATS, check_choice
from glyphgen.errors import ChoiceError


def test_a_word_of_the_table_comes_back() -> None:
    assert check_choice("pillow", ENGINES, "engine") == "pillow"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("wihte-on-black", "polarity: found 'wihte-on-black', expected one of white-on-black,"
         " black-on-white (did you mean 'white-on-black'?)"),
        ("x", "polarity: found 'x', expected one of white-on-black, black-on-white"),
        (None, "polarity: found None, expected one of white-on-black, black-on-white"),
    ],
)  # fmt: skip
def test_another_word_is_named_with_those_that_there_are(value: str, message: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        check_choice(value, choices.POLARITIES, "polarity")
    assert str(caught.value) == message


@pytest.mark.parametrize("table", [ENGINES, STORAGE_FORMATS, IMPORT_FORMATS])
def test_every_entry_leads_to_code(table: dict[str, choices.Entry]) -> None:
    for entry in table.values():
        assert entry.load().__name__ == entry.name
        assert entry.help.endswith(".")


def test_what_makes_rows_again_is_there_and_says_what_rows_are_compared_with() -> None:
    assert [name for name, maker in MAKERS.items() if maker.shows] == ["render", "balance"]
    for maker in MAKERS.values():
        assert maker.remake.load().__name__ == maker.remake.name
