"""Persian digits are Persian: what Urdu writes in place of three of them is another character."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

from glyphgen.errors import GateError
from glyphgen.gate.exemplars import URDU, list_alternatives
from glyphgen.gate.shipped import load_shipped
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import Survey, prepare_render, survey_faces

BALOO = FONTS / "persian" / "BalooBhaijaan2_400Regular.ttf"
RECIPE = """
[fonts]
files = ["{files}"]
[render]
per_class = 1
[gate]
on_changed = "allow"
[classes]
"""

Look = Callable[..., Survey]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = tmp_path_factory.mktemp("digits")

    def survey(classes: str, files: Path = BALOO) -> Survey:
        (folder / "r.toml").write_text(RECIPE.format(files=files) + classes, encoding="utf-8")
        return survey_faces(read_recipe(folder / "r.toml"))

    return survey


def list_refused(found: Survey) -> dict[str, str]:
    return {found.table.all_forms[one.form]: one.shows for one in found.verdict.refusals}


def test_all_bundled_faces_draw_persian_digits_in_persian(look: Look) -> None:
    found = look('sets = ["persian_digits"]\nlanguage = "fa"', FONTS / "persian" / "*.ttf")
    assert len(found.faces) == 12
    assert found.verdict.refusals == ()
    assert found.verdict.admitted.all()


# Without a language, Baloo Bhaijaan draws ۴ ۶ ۷ as Urdu writes them.
@pytest.mark.parametrize(
    ("classes", "refused"),
    [
        ('sets = ["persian_digits"]', "۴۶۷"),
        ('sets = ["persian_digits"]\nlanguage = "fa-IR"', ""),
        ('sets = ["persian_digits"]\nlanguage = "ur"', ""),
        ('text = "۰۱۲۳۴۵۶۷۸۹"', ""),
    ],
)
def test_urdu_digits_are_refused_where_persian_ones_are_asked_for(
    look: Look, classes: str, refused: str
) -> None:
    found = list_refused(look(classes))
    assert "".join(sorted(found)) == refused
    if refused:
        assert found["۴"] == "Urdu ۴"


def test_the_refusal_says_what_is_shown_and_how_to_overrule_it(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        RECIPE.format(files=BALOO) + 'sets = ["persian_digits"]\nexclude = "۶۷"', encoding="utf-8"
    )
    with pytest.raises(GateError) as caught:
        prepare_render(read_recipe(path))
    problem = next(line for line in caught.value.problems if "another character" in line)
    assert "draws another character for '۴' (U+06F4) of 8: ۴ looks like Urdu ۴, by " in problem
    allow = 'gate.allow = [{ face = "BalooBhaijaan2_400Regular.ttf", forms = "۴" }]'
    assert f"({allow} admits it)" in problem


def test_only_a_persian_digit_may_be_taken_for_the_same_in_urdu() -> None:
    forms = load_shipped().scripts["arabic"].forms
    place = {form: k for k, form in enumerate(forms)}
    for is_persian in (True, False):
        others = list_alternatives(forms, is_persian=is_persian)
        for digit, lie in URDU.items():
            assert others[:, place[lie]].sum() == is_persian
            assert others[place[digit], place[lie]] == is_persian
            assert others[place[digit], place["٦"]]
        assert not others.diagonal().any()


def test_elsewhere_both_ways_are_examples_of_the_digit() -> None:
    exemplars = load_shipped().scripts["arabic"]
    allowed = exemplars.allow_urdu()
    place = {form: k for k, form in enumerate(exemplars.forms)}
    for digit, lie in URDU.items():
        n = [np.count_nonzero(exemplars.form == place[form]) for form in (digit, lie)]
        assert min(n) >= 5
        assert np.count_nonzero(allowed.form == place[digit]) == sum(n)
        assert not (allowed.form == place[lie]).any()
    key = allowed.form * 1000 + allowed.typeface
    assert (np.diff(key) >= 0).all()
