"""Ink is found on any paper, and is told from noise, specks, shadows, and from several characters."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from prepared_renders import lay_out

from glyphgen.gate.thumbnails import draw_cells
from glyphgen.images.fitting import fit_image
from glyphgen.images.ink import FoundInk, extract_ink, find_ink
from glyphgen.render.preparing import Survey

FONTS = Path(__file__).parents[1] / "fonts"
KANA = Path(__file__).parents[1] / "recipes" / "kana.toml"
LATIN = [
    "classes.sets=[]",
    'classes.text="ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ÄÖÜéèêñçåø"',
    f'fonts.files=["{FONTS}/latin/*.ttf", "{FONTS}/kana/*.ttf"]',
    'split={by = "none", val_faces = [], test_faces = []}',
]

Gray = NDArray[np.uint8]


def draw_hand(side: int = 96) -> Gray:
    """Return a cross with a dot, as a soft-edged ink of 255: uint8 (side, side)."""
    ink = np.zeros((192, 192), np.uint8)
    ink[90:102, 50:140] = ink[60:150, 88:100] = 255
    ink[52:64, 118:130] = 255
    return fit_image(ink, side, side, "stretch")


def photograph(
    ink: Gray, paper: float, level: float, *, noise: float = 0, shadow: float = 0, edge: float = 0
) -> Gray:
    """Return ink of a level on paper of another; light falls off to a corner, or at a soft edge."""
    side = len(ink)
    y, x = np.mgrid[0:side, 0:side] / side
    light = 1 - shadow * (x + y) / 2 - edge / (1 + np.exp((0.6 - x - 0.3 * y) / 0.03))
    rng = np.random.default_rng(7)
    gray = (paper + (level - paper) * (ink / 255)) * light + rng.normal(0, noise or 1e-9, ink.shape)
    photographed: Gray = gray.clip(0, 255).round().astype(np.uint8)
    return photographed


def box_of(found: FoundInk | None) -> tuple[int, int, int, int]:
    assert found
    return found.top, found.bottom, found.left, found.right


# --- Paper, contrast, noise, shadow, size, polarity


@pytest.mark.parametrize("side", [32, 96, 400])
@pytest.mark.parametrize(
    ("paper", "level", "light"),
    [
        (255, 0, {}),
        (0, 255, {}),
        (200, 60, {}),
        (200, 60, {"noise": 5}),
        (60, 200, {"noise": 5}),
        (110, 30, {"noise": 3}),
        (110, 200, {"noise": 3}),
        (200, 150, {"noise": 4}),
        (230, 205, {}),
        (220, 40, {"noise": 20}),
        (230, 50, {"shadow": 0.4, "noise": 2}),
        (60, 230, {"shadow": 0.4, "noise": 2}),
        (220, 140, {"shadow": 0.4}),
        (230, 50, {"edge": 0.4, "noise": 2}),
    ],
)
def test_the_ink_is_the_same_on_any_paper(
    side: int, paper: int, level: int, light: dict[str, float]
) -> None:
    ink = draw_hand(side)
    found = extract_ink(photograph(ink, paper, level, **light))
    assert found.shape == ink.shape
    away = np.abs(np.array(box_of(find_ink(found))) - box_of(find_ink(ink)))
    assert away.max() <= max(1, side // 96)
    assert np.abs(found.astype(float) - ink).mean() < 10, "of 255"
    assert (found[: side // 8] < 8).mean() > 0.97, "the paper is taken off"


def test_clean_ink_stays_as_it_is() -> None:
    ink = draw_hand()
    assert extract_ink(ink).tolist() == ink.tolist()
    assert extract_ink(255 - ink).tolist() == ink.tolist()


@pytest.mark.parametrize("noise", [0, 2, 5, 15])
@pytest.mark.parametrize("shadow", [0, 0.4])
@pytest.mark.parametrize("paper", [250, 128, 10])
def test_paper_alone_is_no_ink(paper: int, shadow: float, noise: float) -> None:
    blank = np.zeros((80, 80), np.uint8)
    assert not extract_ink(photograph(blank, paper, 0, noise=noise, shadow=shadow)).any()


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (2, 2), (9, 1), (3, 200)])
def test_an_image_of_a_few_pixels_is_no_ink(shape: tuple[int, int]) -> None:
    assert not extract_ink(np.full(shape, 90, np.uint8)).any()


def test_a_contrast_of_sixteen_levels_is_ink_and_less_is_paper() -> None:
    for contrast, is_ink in ((15, False), (16, True), (30, True)):
        ink = draw_hand()
        assert extract_ink(photograph(ink, 200, 200 - contrast)).any() == is_ink


def test_a_large_image_is_shrunk() -> None:
    large = 255 - draw_hand(1024)
    assert extract_ink(large[:768]).shape == (384, 512)


# --- The box


def test_specks_and_dust_far_away_are_left_out() -> None:
    ink = np.zeros((200, 200), np.uint8)
    ink[90:110, 20:80] = 255
    assert box_of(find_ink(ink)) == (90, 110, 20, 80)
    ink[115, 50] = ink[85, 10] = ink[10:12, 30:32] = 255  # specks, near and far
    ink[180:190, 180:190] = 255  # dust
    assert box_of(find_ink(ink)) == (90, 110, 20, 80)
    ink[120:130, 40:50] = 255  # near: a dot
    assert box_of(find_ink(ink)) == (90, 130, 20, 80)
    assert find_ink(np.full((9, 9), 63, np.uint8)) is None


# --- Several characters


@pytest.fixture(scope="module")
def surveys() -> list[Survey]:
    """Every kana and Latin letter of the fonts that come with glyphgen."""
    return [lay_out(KANA).survey, lay_out(KANA, *LATIN, 'gate.on_refused="skip"').survey]


@pytest.mark.slow
def test_one_character_is_one_in_every_font(surveys: list[Survey]) -> None:
    n_several = n_cut = n_cells = 0
    for survey in surveys:
        cells = np.flatnonzero(survey.verdict.admitted.ravel())
        for image in draw_cells(survey.store, cells, 96):
            found = find_ink(image)
            rows = np.flatnonzero((image >= 64).any(axis=1))
            columns = np.flatnonzero((image >= 64).any(axis=0))
            whole = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
            n_cut += int(np.abs(np.subtract(box_of(found), whole)).max() > 3)
            n_several += bool(found and found.is_several)
        n_cells += len(cells)
    assert n_cells > 6000
    assert n_several < n_cells / 400
    assert n_cut < n_cells / 250, "dots and marks are no specks"


@pytest.mark.parametrize("is_vertical", [False, True])
@pytest.mark.parametrize(("n", "share"), [(2, 0.75), (3, 0.95), (5, 0.99)])
def test_a_word_is_several(n: int, share: float, is_vertical: bool, surveys: list[Survey]) -> None:
    store, admitted = surveys[0].store, surveys[0].verdict.admitted
    rng, words = np.random.default_rng(n), []
    for _ in range(100):
        face = rng.integers(len(admitted))
        forms = rng.choice(np.flatnonzero(admitted[face]), n)
        letters = draw_cells(store, face * store.n_forms + forms, 64)
        words.append(np.concatenate(list(letters), axis=0 if is_vertical else 1))
    found = [find_ink(word) for word in words]
    assert np.mean([bool(ink and ink.is_several) for ink in found]) >= share


def test_two_letters_in_opposite_corners_are_several() -> None:
    image = np.zeros((200, 200), np.uint8)
    image[10:50, 10:50] = image[150:190, 150:190] = 255
    found = find_ink(image)
    assert found
    assert found.is_several
    image[55:95, 10:50] = 255
    image[150:190, 150:190] = 0
    found = find_ink(image)
    assert found
    assert found.is_several
