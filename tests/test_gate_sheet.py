"""A person sees in seconds what was refused, beside what others draw, and who draws what."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, PAIR, RING, MakeFont
from PIL import Image
from prepared_renders import lay_out

from glyphgen.gate.thumbnails import draw_cells
from glyphgen.render.preparing import Survey
from glyphgen.report.gate_sheet import write_coverage, write_refused

WriteRecipe = Callable[[str], Path]
RED, ADMITTED, UNPROVEN, ABSENT = (
    *((200, 30, 30), (196, 214, 202), (246, 205, 92), (232, 232, 232)),
)


@pytest.fixture
def survey(make_font: MakeFont, write_recipe: WriteRecipe) -> Survey:
    """Five hands of A and B; x.ttf lacks "A", and a recipe denies "B" of a.ttf."""
    for number, name in enumerate("abcde"):
        # Equal drawings would be one hand, and prove nothing.
        ring, pair = (
            [[(x + 3 * number, y) for x, y in first], second] for first, second in (RING, PAIR)
        )
        make_font(f"{name}.ttf", {"A": ring, "B": pair})
    make_font("x.ttf", {"B": PAIR})
    path = write_recipe(
        'classes.text = "AB"\nfonts.files = ["*.ttf"]\n[gate]\non_refused = "skip"\n'
        'deny = [{ face = "a.ttf", forms = "B" }]'
    )
    return lay_out(path).survey


def read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.array(Image.open(path).convert("RGB"))


def count_color(picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], *rgb: int) -> int:
    return int((picture == rgb).all(axis=-1).sum())


def test_a_refused_cell_stands_beside_three_that_are_admitted(
    survey: Survey, tmp_path: Path
) -> None:
    path = tmp_path / "sheet.png"
    assert write_refused(path, survey) == (2, (path,))
    sheet = read(tmp_path / "sheet.png")
    cells = [0 * 2 + 1, 1 * 2 + 1, 3 * 2 + 1, 5 * 2 + 1]  # "B" of a, and of b, d and x
    tiles = 255 - draw_cells(survey.store, np.array(cells), 72)
    for place, tile in enumerate(tiles):
        left = 8 + place * 80
        inner = sheet[10:78, left + 2 : left + 70, 0]
        assert (inner == tile[2:70, 2:70]).all(), place
    assert (sheet[7, 8:79] == RED).all(), "a red frame is about the refused one"
    assert (sheet[7, 88:159] == (225, 225, 225)).all()
    assert count_color(sheet[82:110], *RED) > 5, "its reason is below"


def test_what_draws_nothing_comes_last_and_may_be_left_out(survey: Survey, tmp_path: Path) -> None:
    assert write_refused(tmp_path / "both.png", survey)[0] == 2
    assert write_refused(tmp_path / "one.png", survey, most=1)[0] == 1
    both, one = read(tmp_path / "both.png"), read(tmp_path / "one.png")
    assert (both[:110, :330] == one[:110, :330]).all()


def test_a_long_sheet_goes_on_in_further_files(
    survey: Survey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_refused(tmp_path / "both.png", survey)
    monkeypatch.setattr("glyphgen.report.gate_sheet._A_PAGE", 1)
    n_shown, paths = write_refused(tmp_path / "sheet.png", survey)
    assert n_shown == 2
    assert paths == (tmp_path / "sheet.png", tmp_path / "sheet-2.png")
    both, first, second = (read(path) for path in (tmp_path / "both.png", *paths))
    assert (first[:100, :330] == both[:100, :330]).all()
    assert (second[:100, :330] == both[:100, 336:666]).all()


def test_a_sheet_of_nothing_says_so(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("x.ttf", {"A": BOX})
    parts = lay_out(write_recipe('classes.text = "A"\nfonts.files = ["x.ttf"]'))
    assert write_refused(tmp_path / "sheet.png", parts.survey)[0] == 0
    assert read(tmp_path / "sheet.png").min() < 100


def test_coverage_has_a_field_for_each_cell(survey: Survey, tmp_path: Path) -> None:
    write_coverage(tmp_path / "coverage.png", survey)
    picture = read(tmp_path / "coverage.png")
    left = int(np.flatnonzero((picture[30] == ADMITTED).all(axis=-1))[0])
    fields = [
        [tuple(picture[26 + 16 * face + 5, left + 12 * form + 5].tolist()) for form in range(2)]
        for face in range(6)
    ]
    denied = fields[0][1]
    assert denied not in (ADMITTED, UNPROVEN, ABSENT)
    assert fields == [
        [ADMITTED, denied],
        *[[ADMITTED, ADMITTED]] * 4,
        [ABSENT, ADMITTED],
    ]


@pytest.mark.slow
def test_more_forms_than_pixels_share_columns_and_the_worst_is_seen(
    make_font: MakeFont,
    write_recipe: WriteRecipe,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("glyphgen.report.gate_sheet._WIDEST", 50)
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 90)))
    make_font("x.ttf", dict.fromkeys(text[:-1], BOX))
    path = write_recipe(
        f'classes.text = "{text}"\nfonts.files = ["x.ttf"]\ngate.on_refused = "skip"\n'
        'gate.allow = [{face = "x.ttf"}]\ngate.deny = [{forms = "U+4E01"}]'
    )
    write_coverage(tmp_path / "coverage.png", lay_out(path).survey)
    row = read(tmp_path / "coverage.png")[30]
    # Two to a column: the first holds what is denied, the last what the font lacks, but is allowed.
    assert (row == UNPROVEN).all(axis=-1).sum() == 44
