"""Images to choose settings by: changed by other means, and still the same character."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.reading.other_means import change_images
from benchmarks.reading.validation import choose_framing, make_validation
from glyphgen.errors import RecipeError
from glyphgen.recipe import read_recipe

RECIPE = """
[classes]
text = "Ii"
[fonts]
files = ["{fonts}/PatrickHand_400Regular.ttf", "{fonts}/GochiHand_400Regular.ttf", "{fonts}/Caveat*.ttf"]
[render]
framing = "fit"
rotation = [30, 40]
[split]
by = "face"
test_faces = ["GochiHand*.ttf"]
"""
FONTS = Path(__file__).parent.parent / "fonts" / "latin"


@pytest.fixture(scope="module")
def letter_i() -> NDArray[np.uint8]:
    """32 times a bar with a dot above: uint8 (32, 128, 128)."""
    image = np.zeros((128, 128), np.uint8)
    image[56:104, 58:70] = 255
    image[28:40, 58:70] = 255
    return np.repeat(image[None], 32, axis=0)


def test_each_image_depends_on_its_number_and_the_seed_alone(letter_i: NDArray[np.uint8]) -> None:
    changed = change_images(letter_i, 48)
    assert changed.shape == (32, 48, 48)
    assert np.array_equal(change_images(letter_i[:5], 48), changed[:5])
    assert not np.array_equal(change_images(letter_i[:5], 48, seed=1), changed[:5])
    assert len({image.tobytes() for image in changed}) == 32


def test_no_image_loses_its_dot(letter_i: NDArray[np.uint8]) -> None:
    # With its dot the letter is 57 pixels high, without it 36.
    changed = change_images(letter_i, 96)
    heights = [int(np.ptp(np.flatnonzero((image > 60).any(axis=1)))) for image in changed]
    assert min(heights) > 40, heights


def test_held_out_faces_are_drawn_upright_and_named(tmp_path: Path) -> None:
    recipe = tmp_path / "hands.toml"
    recipe.write_text(RECIPE.format(fonts=FONTS))
    made = np.load(make_validation(recipe, tmp_path / "made.npz", split="test", per_class=4))
    assert made["images"].shape == (8, 96, 96)
    assert sorted(set(made["codepoints"].tolist())) == [ord("I"), ord("i")]
    assert {name.split("_")[0] for name in made["faces"]} == {"GochiHand"}
    assert choose_framing(read_recipe(recipe)) == "ink"


def test_a_recipe_that_holds_no_faces_out_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "hands.toml"
    recipe.write_text(RECIPE.format(fonts=FONTS))
    with pytest.raises(RecipeError, match=r"holds no faces out for val"):
        make_validation(recipe, tmp_path / "made.npz")
    recipe.write_text(RECIPE.partition("[split]")[0].format(fonts=FONTS))
    with pytest.raises(RecipeError, match=r'holds no faces out, expected split.by = "face"'):
        make_validation(recipe, tmp_path / "made.npz")
