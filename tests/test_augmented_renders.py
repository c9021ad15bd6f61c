"""[[augment]] in a recipe: drawn images are changed before polarity, and what was drawn is kept."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

import glyphgen
from glyphgen.augment import make_augmenter
from glyphgen.errors import AugmentError
from glyphgen.plan import SAMPLE_DTYPE
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.drawing import draw_rows, find_sample_dtype
from glyphgen.render.preparing import prepare_render
from glyphgen.render.previewing import preview_recipe
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]

PLAIN = f"""
classes.text = "あいう"
fonts.files = ["{FONTS}/kana/KleeOne*.ttf", "{FONTS}/kana/Yomogi*.ttf"]
output.rows_per_shard = 25
image.polarity = "black-on-white"
render.per_class = 30
"""
STEPS = """
[[augment]]
step = "elastic"
[[augment]]
step = "affine"
chance = 0.5
[[augment]]
step = "noise"
"""


@pytest.fixture
def plain(write_recipe: WriteRecipe) -> Recipe:
    return read_recipe(write_recipe(PLAIN))


@pytest.fixture
def augmented(write_recipe: WriteRecipe) -> Recipe:
    return read_recipe(write_recipe(PLAIN + STEPS))


def test_rows_are_the_drawn_ones_as_the_kept_values_change_them(
    plain: Recipe, augmented: Recipe, tmp_path: Path
) -> None:
    before = glyphgen.load(render_dataset(plain, tmp_path / "plain").folder)
    after = glyphgen.load(render_dataset(augmented, tmp_path / "augmented").folder)
    samples = after.samples[:]
    assert samples.dtype == find_sample_dtype(augmented)
    placed = list(SAMPLE_DTYPE.names or ())
    assert np.array_equal(samples[placed].astype(SAMPLE_DTYPE), before.samples[:])
    augmenter = make_augmenter(augmented.augment, seed=0, height=64, width=64)
    expected = 255 - augmenter.apply(255 - before.images[:], samples)
    assert np.array_equal(after.images[:], expected)
    assert (after.images[:] != before.images[:]).any(axis=(1, 2)).all()
    assert 0.3 < (samples["augment_rotation_deg"] != 0).mean() < 0.7
    assert after.index.versions["albumentations"] == "2.0.8"
    assert "albumentations" not in before.index.versions


@pytest.mark.slow
def test_two_workers_make_the_same_bytes_and_verify_draws_them_again(
    augmented: Recipe, tmp_path: Path
) -> None:
    one = render_dataset(augmented, tmp_path / "one").folder
    two = render_dataset(augmented, tmp_path / "two", workers=2).folder
    for name in ("images.npy", "samples.npy", "index.json"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    verified = glyphgen.verify_dataset(two)
    assert (verified.problems, verified.n_redrawn, verified.unproven) == ((), 90, "")


def test_any_row_can_be_made_alone(augmented: Recipe) -> None:
    prepared = prepare_render(augmented)
    engine, dtype = prepared.open_engine(), find_sample_dtype(augmented)

    def draw(first: int, last: int) -> tuple[bytes, bytes]:
        images = np.empty((last - first, 64, 64), dtype=np.uint8)
        samples = np.empty(last - first, dtype=dtype)
        draw_rows(prepared.plan, engine, first, images, samples)
        return images[-1].tobytes(), samples[-1].tobytes()

    assert draw(41, 42) == draw(0, 42)


def test_steps_are_part_of_what_a_dataset_is_and_no_steps_are_not(
    plain: Recipe, augmented: Recipe
) -> None:
    other = augmented.model_copy(update={"augment": augmented.augment[:2]})
    hashes = {prepare_render(r).content_key for r in (plain, augmented, other)}
    assert len(hashes) == 3


def test_the_preview_shows_what_steps_do(plain: Recipe, augmented: Recipe, tmp_path: Path) -> None:
    for name, recipe in (("plain", plain), ("augmented", augmented)):
        preview_recipe(prepare_render(recipe), tmp_path / name, per_class=2, n_classes=3)
    assert (tmp_path / "plain").read_bytes() != (tmp_path / "augmented").read_bytes()


def test_a_wrong_transform_is_told_with_its_line_before_fonts_are_read(
    write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    path = write_recipe(
        'classes.text = "a"\nfonts.files = ["none.ttf"]\n[[augment]]\nalbumentations = "Blurr"\n'
    )
    with pytest.raises(AugmentError) as caught:
        render_dataset(read_recipe(path), tmp_path / "set")
    assert str(caught.value).startswith(
        f"{path}:3: augment: albumentations 2.0.8 has no transform 'Blurr' (did you mean 'Blur'"
    )
    assert not (tmp_path / "set").exists()
