"""A verdict is found again for the same fonts, forms and asked, and for nothing else."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, PAIR, RING, MakeFont

from glyphgen.gate import Verdict, examine_cells
from glyphgen.gate.changing import Changes
from glyphgen.gate.verdict_cache import _find_cache
from glyphgen.outlines import Outlines
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import Survey, survey_faces

WriteRecipe = Callable[[str], Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = _find_cache().folder
    assert folder == tmp_path / "cache" / "glyphgen" / "verdicts"
    return folder


@pytest.fixture
def recipe(make_font: MakeFont, write_recipe: WriteRecipe) -> Path:
    """Refusals, twins of all faces and twins of one face, so that no list is empty."""
    for name in "abcde":
        make_font(f"{name}.ttf", {"A": BOX, "B": PAIR, "C": BOX, "D": RING})
    make_font("x.ttf", {"A": BOX, "B": BOX, "C": BOX})
    return write_recipe('classes.text = "ABCD"\nfonts.files = ["*.ttf"]\ngate.on_refused = "skip"')


@pytest.fixture
def n_examined(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count how often the gate has been asked."""
    asked = []

    def count(*args: object, **named: object) -> object:
        asked.append(args)
        return examine_cells(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("glyphgen.render.asking_gate.examine_cells", count)
    return lambda: len(asked)


def assert_equal(a: Survey, b: Survey) -> None:
    assert (a.table, a.faces) == (b.table, b.faces)
    assert_fields_equal(a.store, b.store)
    assert_fields_equal(a.verdict, b.verdict)


def assert_fields_equal(one: Outlines | Verdict | Changes, other: object) -> None:
    for field in fields(one):
        x, y = getattr(one, field.name), getattr(other, field.name)
        assert type(x) is type(y)
        if isinstance(x, Changes):
            assert_fields_equal(x, y)
        else:
            assert np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y, field.name
            assert not isinstance(x, np.ndarray) or x.dtype == y.dtype


def test_what_is_found_again_is_what_was_found(
    recipe: Path, cache: Path, n_examined: Callable[[], int]
) -> None:
    read = read_recipe(recipe, ['gate.allow=[{face="a.ttf"}]', 'gate.deny=[{face="b.ttf"}]'])
    first, again = survey_faces(read), survey_faces(read)
    assert n_examined() == 1
    assert first.verdict.refusals
    assert first.verdict.twins
    assert_equal(first, again)
    assert_equal(first, survey_faces(read, use_cache=False))
    assert n_examined() == 2
    assert len(list(cache.iterdir())) == 1


def test_twins_are_merged_from_a_found_verdict_as_well(
    recipe: Path, cache: Path, n_examined: Callable[[], int]
) -> None:
    survey_faces(read_recipe(recipe))
    merging = read_recipe(recipe, ["classes.merge_twins=true"])
    assert_equal(survey_faces(merging), survey_faces(merging, use_cache=False))
    assert n_examined() == 2
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize(
    "override",
    [
        'classes.text="ABDC"',
        'fonts.files=["a.ttf", "x.ttf"]',
        "image.height=65",
        'render.framing="fit"',
        "render.size=[0.5, 2]",
        "render.wobble.amplitude=0.02",
        'classes.language="fa"',
        'gate.on_cut_off="refuse"',
        'gate.deny=[{forms="A"}]',
    ],
)
def test_other_forms_fonts_and_options_are_another_verdict(
    recipe: Path, cache: Path, n_examined: Callable[[], int], override: str
) -> None:
    survey_faces(read_recipe(recipe))
    survey_faces(read_recipe(recipe, [override]))
    assert n_examined() == 2
    assert len(list(cache.iterdir())) == 2


@pytest.mark.slow
def test_a_font_with_other_bytes_and_another_gate_are_another_verdict(
    recipe: Path,
    cache: Path,
    n_examined: Callable[[], int],
    make_font: MakeFont,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    survey_faces(read_recipe(recipe))
    make_font("a.ttf", {"A": PAIR, "B": PAIR, "C": BOX, "D": RING})
    found = survey_faces(read_recipe(recipe))
    assert n_examined() == 2
    assert_equal(found, survey_faces(read_recipe(recipe), use_cache=False))
    monkeypatch.setattr("glyphgen.gate.verdict_cache.GATE_VERSION", 0)
    survey_faces(read_recipe(recipe))
    assert n_examined() == 4
    assert len(list(cache.iterdir())) == 3


def test_what_the_gate_does_not_look_at_makes_no_other_verdict(
    recipe: Path, cache: Path, n_examined: Callable[[], int]
) -> None:
    survey_faces(read_recipe(recipe))
    survey_faces(read_recipe(recipe, ["seed=7", "split.by='sample'", "split.test=0.5"]))
    assert n_examined() == 1
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("name", ["outlines", "admitted.npy", "verdict.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_entry_is_made_again(
    recipe: Path, cache: Path, n_examined: Callable[[], int], name: str, damage: str
) -> None:
    first = survey_faces(read_recipe(recipe))
    [entry] = cache.iterdir()
    data = bytearray((entry / name).read_bytes())
    (entry / name).unlink()
    if damage == "flip":
        data[-3] ^= 1
    if damage != "remove":
        (entry / name).write_bytes(data[: -1 if damage == "cut" else None])
    assert_equal(first, survey_faces(read_recipe(recipe)))
    assert n_examined() == 2
    survey_faces(read_recipe(recipe))
    assert n_examined() == 2


def test_a_cache_that_cannot_be_written_is_no_error(
    recipe: Path, tmp_path: Path, n_examined: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    survey_faces(read_recipe(recipe))
    survey_faces(read_recipe(recipe))
    assert n_examined() == 2


def test_the_oldest_entries_are_removed(
    recipe: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.gate.verdict_cache._MOST_ENTRIES", 2)
    for height in (64, 65, 64, 66):
        survey_faces(read_recipe(recipe, [f"image.height={height}"]))
    kept = {path.name for path in cache.iterdir()}
    monkeypatch.setattr("glyphgen.gate.verdict_cache._MOST_ENTRIES", 99)
    survey_faces(read_recipe(recipe, ["image.height=64"]))
    survey_faces(read_recipe(recipe, ["image.height=66"]))
    assert {path.name for path in cache.iterdir()} == kept
