"""The gate looks at what an engine draws that opens fonts itself."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, MakeFont
from fontTools.ttLib import TTFont
from numpy.typing import NDArray

from glyphgen.fonts import FaceRequest
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.outlines.process import FontReader
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import survey_faces

WriteRecipe = Callable[..., Path]


def make_symbol_font(path: Path) -> None:
    """Keep nothing but a symbol map, U+F047 for G: HarfBuzz reads it, Pillow's FreeType does not."""
    font = TTFont(path)
    for table in font["cmap"].tables:
        table.platformID, table.platEncID = 3, 0
        table.cmap = {0xF000 + codepoint: name for codepoint, name in table.cmap.items()}
    font["cmap"].tables = font["cmap"].tables[:1]
    font.save(path)


@pytest.mark.parametrize(("engine", "n_refused"), [("vector", 0), ("pillow", 1)])
def test_what_an_engine_draws_otherwise_is_refused(
    engine: str, n_refused: int, make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    triangle = [[(50, 0), (350, 700), (650, 0)]]
    make_symbol_font(make_font("symbols.ttf", {"G": triangle, "H": BOX}))
    recipe = read_recipe(
        write_recipe(
            '[classes]\ntext = "G"\n[fonts]\nfiles = ["symbols.ttf"]\nsanitize = false\n'
            f'[render]\nper_class = 1\nengine = "{engine}"\n'
        )
    )
    refusals = survey_faces(recipe, use_cache=False).verdict.refusals
    assert [refusal.reason for refusal in refusals] == ["drawn otherwise"] * n_refused


def test_a_shaper_of_its_own_is_found_out(write_recipe: WriteRecipe) -> None:
    """ImageMagick sets an initial form of SHEEN where HarfBuzz sets the isolated one."""
    files = f'["{FONTS}/persian/ArefRuqaa_*.ttf"]'
    recipe = read_recipe(
        write_recipe(
            f'[classes]\ntext = "شم"\n[fonts]\nfiles = {files}\n'
            '[render]\nper_class = 1\nengine = "imagemagick"\n'
        )
    )
    verdict = survey_faces(recipe, use_cache=False).verdict
    assert {(r.form, r.reason) for r in verdict.refusals} == {(0, "drawn otherwise")}


def test_direction_comes_from_the_characters_own_class(make_font: MakeFont) -> None:
    """HarfBuzz takes Old Hungarian from left to right; its letters are of class R."""
    first, second = "\U00010c80", "\U00010c81"
    assert unicodedata.bidirectional(first) == "R"
    wide, dot = (
        [[(0, 0), (0, 100), (600, 100), (600, 0)]],
        [[(0, 0), (0, 700), (100, 700), (100, 0)]],
    )
    path = make_font("hungarian.ttf", {first: wide, second: dot})
    picture = draw_form(path, first + second)
    halves = picture[:, :32].sum(axis=0).max(), picture[:, 32:].sum(axis=0).max()
    assert halves[0] > 2 * halves[1]  # the second letter, which is high, stands left of the first


def draw_form(path: Path, form: str) -> NDArray[np.uint8]:
    with FontReader(sanitize=False) as reader:
        faces, _ = reader.read_faces([FaceRequest(path=path)], [])
        store = reader.read_outlines(faces, [form]).store
    picture: NDArray[np.uint8] = draw_cells(store, np.array([0]), 64)[0]
    return picture
