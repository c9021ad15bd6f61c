"""Steps of augmentation: what they do to pixels, that they are pure, and that nothing is the default."""

import hashlib
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from glyphgen.augment import (
    DEFAULT_STEPS,
    STEPS,
    Augmenter,
    AugmentStep,
    albumentations_step,
    make_augmenter,
)
from glyphgen.augment.affine import AffineStep
from glyphgen.augment.albumentations_step import AlbumentationsStep
from glyphgen.augment.blur import BlurStep
from glyphgen.augment.contrast import ContrastStep
from glyphgen.augment.cutout import CutoutStep
from glyphgen.augment.elastic import ElasticStep
from glyphgen.augment.grain import GrainStep
from glyphgen.augment.noise import NoiseStep
from glyphgen.augment.noise_tables import LENGTH, make_clouds, make_gaussian, make_uniform
from glyphgen.augment.paper import PaperStep
from glyphgen.augment.pen import PenStep, thin
from glyphgen.augment.stroke import StrokeStep
from glyphgen.errors import AugmentError

Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

STILL = {
    "rotation": 0,
    "scale": 1,
    "shear": 0,
    "shift_x": 0,
    "shift_y": 0,
}
NEUTRAL: dict[str, AugmentStep] = {
    "elastic": ElasticStep(amplitude=(0.0, 0.0)),
    "affine": AffineStep.model_validate(STILL),
    "noise": NoiseStep(gaussian=(0.0, 0.0)),
    "blur": BlurStep(sigma=(0.0, 0.0)),
    "contrast": ContrastStep(contrast=(1.0, 1.0)),
    "stroke": StrokeStep(weight=(0.0, 0.0)),
    "pen": PenStep(width=(0.0, 0.0)),
    "cutout": CutoutStep(size=(0.0, 0.0)),
    "grain": GrainStep(strength=(0.0, 0.0)),
    "paper": PaperStep(shade=(0.0, 0.0)),
}
LIVELY: dict[str, AugmentStep] = {
    "elastic": ElasticStep(amplitude=(0.1, 0.12)),
    "affine": AffineStep(stretch=(0.8, 1.2)),
    "noise": NoiseStep(gaussian=(0.02, 0.1), salt_and_pepper=(0.01, 0.1), speckle=(0.1, 0.3)),
    "blur": BlurStep(sigma=(0.01, 0.05)),
    "contrast": ContrastStep(contrast=(0.5, 0.9), brightness=(-0.2, 0.2)),
    "stroke": StrokeStep(weight=(-0.05, 0.05)),
    "pen": PenStep(width=(0.02, 0.1)),
    "cutout": CutoutStep(size=(0.2, 0.3)),
    "grain": GrainStep(strength=(0.2, 0.5)),
    "paper": PaperStep(shade=(0.1, 0.4), fold=(0.1, 0.4)),
    "grid": AlbumentationsStep(albumentations="GridDistortion", args={"num_steps": 4}),
}


def draw_shapes(n: int, height: int = 48, width: int = 40) -> Bytes:
    """Gray rings, bars and dots on paper, another each time."""
    y, x = np.mgrid[:height, :width]
    images = np.zeros((n, height, width), dtype=np.uint8)
    for k in range(n):
        r2 = (x - width / 2 - k % 5) ** 2 + (y - height / 2 + k % 3) ** 2
        images[k][(r2 < 150) & (r2 > 60)] = 255 - k % 7 * 20
        images[k][height // 2 : height // 2 + 2 + k % 4, 4 : width - 8] = 180
        images[k][6:9, 6 + k % 9 : 9 + k % 9] = 90
    return images


def make(*steps: AugmentStep, height: int = 48, width: int = 40, seed: int = 5) -> Augmenter:
    return make_augmenter(steps, seed=seed, height=height, width=width)


def draw(augmenter: Augmenter, n: int) -> NDArray[np.void]:
    return augmenter.draw_values(np.arange(n) % 3, np.arange(n) // 3)


def augment(images: Bytes, *steps: AugmentStep) -> tuple[Bytes, NDArray[Any]]:
    augmenter = make(*steps, height=images.shape[1], width=images.shape[2])
    values = draw(augmenter, len(images))
    return augmenter.apply(images, values), values


def find_center(image: Bytes) -> tuple[float, float]:
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return float((image * x).sum() / image.sum()), float((image * y).sum() / image.sum())


def disc(cx: float = 31.5, cy: float = 31.5, radius: float = 12, side: int = 64) -> Bytes:
    y, x = np.mgrid[:side, :side]
    return np.where((x - cx) ** 2 + (y - cy) ** 2 < radius**2, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_values_leave_every_byte(name: str) -> None:
    images = draw_shapes(40)
    after, values = augment(images, NEUTRAL[name])
    assert np.array_equal(after, images)
    assert (values == make(NEUTRAL[name]).neutral).all(), "nothing is stored of what does nothing"


@pytest.mark.parametrize("name", NEUTRAL)
def test_an_operation_at_its_neutral_values_is_the_identity_itself(name: str) -> None:
    images = draw_shapes(40)
    augmenter = make(NEUTRAL[name])
    [(_, operation)] = augmenter._runs
    after = images.copy()
    values = [[np.full(40, value.neutral) for value in augmenter._steps[0].stored]]
    operation(after, values, np.arange(40, dtype=np.uint64) << np.uint64(40))
    assert np.array_equal(after, images)


@pytest.mark.parametrize("name", LIVELY)
def test_a_step_changes_images_and_leaves_its_input(name: str) -> None:
    images = draw_shapes(40)
    before = images.copy()
    after, _ = augment(images, LIVELY[name])
    assert np.array_equal(images, before)
    assert (after != images).any(axis=(1, 2)).mean() > 0.6, "a square may miss the ink"


@pytest.mark.parametrize("name", LIVELY)
def test_any_part_alone_is_the_same_as_that_part_of_the_whole(name: str) -> None:
    images = draw_shapes(150)
    augmenter = make(LIVELY[name], *DEFAULT_STEPS)
    class_index, sample = np.arange(150) % 3, np.arange(150) // 3
    values = augmenter.draw_values(class_index, sample)
    after = augmenter.apply(images, values)
    rows = np.array([149, 3, 77, 78, 0])
    again = pickle.loads(pickle.dumps(augmenter))
    assert np.array_equal(again.draw_values(class_index[rows], sample[rows]), values[rows])
    assert np.array_equal(again.apply(images[rows], values[rows]), after[rows])
    for k in (0, 149):
        assert np.array_equal(augmenter.apply(images[k : k + 1], values[k : k + 1])[0], after[k])


def test_images_may_be_changed_in_place_and_into_a_part_of_a_larger_memory() -> None:
    images = draw_shapes(60)
    augmenter = make(*DEFAULT_STEPS)
    values = draw(augmenter, 60)
    expected = augmenter.apply(images, values)
    slab = np.full((60, 60, 50), 7, dtype=np.uint8)
    out = slab[:, 6:54, 4:44]
    assert augmenter.apply(images, values, out) is out
    assert np.array_equal(out, expected)
    assert (slab[:, :6] == 7).all()
    assert (slab[:, :, 44:] == 7).all()
    augmenter.apply(images, values, images)
    assert np.array_equal(images, expected)


def test_batches_of_every_size_are_cut_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    images = draw_shapes(70)
    augmenter = make(*DEFAULT_STEPS)
    values = draw(augmenter, 70)
    expected = augmenter.apply(images, values)
    monkeypatch.setattr("glyphgen.augment.augmenter._PIXELS_AT_ONCE", 11 * 48 * 40)
    monkeypatch.setattr("glyphgen.augment.warp._PIXELS_AT_ONCE", 4 * 48 * 40)
    assert np.array_equal(make(*DEFAULT_STEPS).apply(images, values), expected)


def test_no_images_give_no_images() -> None:
    augmenter = make(*DEFAULT_STEPS)
    values = augmenter.draw_values(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert augmenter.apply(np.zeros((0, 48, 40), dtype=np.uint8), values).shape == (0, 48, 40)


def test_values_are_stored_under_the_names_of_what_they_are() -> None:
    augmenter = make(ElasticStep(), AffineStep(), AffineStep(), BlurStep())
    assert augmenter.dtype.names == (
        "augment_word",
        "augment_elastic_px",
        "augment_rotation_deg",
        "augment_scale",
        "augment_stretch",
        "augment_shear_deg",
        "augment_shift_x_px",
        "augment_shift_y_px",
        "augment_rotation_deg_2",
        "augment_scale_2",
        "augment_stretch_2",
        "augment_shear_deg_2",
        "augment_shift_x_px_2",
        "augment_shift_y_px_2",
        "augment_blur_px",
    )
    assert augmenter.neutral["augment_scale_2"] == 1
    assert augmenter.dtype.itemsize == 8 + 14 * 4, "packed"


def test_values_fill_their_ranges_and_no_more() -> None:
    values = draw(make(AffineStep(rotation=(-8.0, 4.0), shift_x=(0.0, 0.25))), 3000)
    rotation, shift = values["augment_rotation_deg"], values["augment_shift_x_px"]
    assert -8 <= rotation.min() < -7.9
    assert 3.9 < rotation.max() <= 4
    assert 0 <= shift.min() < 0.1
    assert 11.9 < shift.max() <= 12
    assert len(np.unique(values["augment_word"])) == 3000


def test_chance_is_the_share_of_samples_that_change() -> None:
    images = draw_shapes(3000)
    after, values = augment(images, ContrastStep(contrast=(0.5, 0.5), chance=0.25))
    changed = (after != images).any(axis=(1, 2))
    assert np.array_equal(changed, values["augment_contrast"] != 1)
    assert 0.22 < changed.mean() < 0.28
    assert (values["augment_word"][~changed] == 0).all()


def test_another_seed_and_another_class_draw_otherwise() -> None:
    sample = np.arange(20)
    a = make(*DEFAULT_STEPS).draw_values(np.zeros(20, dtype=np.int64), sample)
    b = make(*DEFAULT_STEPS).draw_values(np.ones(20, dtype=np.int64), sample)
    c = make(*DEFAULT_STEPS, seed=6).draw_values(np.zeros(20, dtype=np.int64), sample)
    assert not (a == b).any()
    assert not (a == c).any()


def test_a_step_draws_the_same_whatever_comes_after_it() -> None:
    alone = draw(make(ElasticStep()), 30)
    followed = draw(make(ElasticStep(), BlurStep()), 30)
    assert np.array_equal(alone["augment_elastic_px"], followed["augment_elastic_px"])


# The meaning of the pixels.


@pytest.mark.parametrize("center", [(31.5, 31.5), (20, 40), (44, 25)])
def test_rotation_scale_and_shear_keep_the_center_of_the_ink(center: tuple[float, float]) -> None:
    image = disc(*center, radius=9)
    image[int(center[1]) - 2 : int(center[1]) + 2, int(center[0]) : int(center[0]) + 16] = 255
    step = AffineStep.model_validate(
        STILL | {"rotation": [-40, 40], "scale": [0.8, 1.1], "shear": [-15, 15]}
    )
    after, _ = augment(np.repeat(image[None], 50, axis=0), step)
    x, y = find_center(image)
    for turned in after:
        assert find_center(turned) == pytest.approx((x, y), abs=0.1)


def test_positive_rotation_is_counter_clockwise_and_positive_shear_leans_right() -> None:
    bar = np.zeros((64, 64), dtype=np.uint8)
    bar[30:34, 12:52] = 255
    turned, _ = augment(bar[None], AffineStep.model_validate(STILL | {"rotation": 30}))
    assert turned[0][22, 48] > 200, "the right end has gone up"
    assert turned[0][40, 16] > 200
    leant, _ = augment(bar.T[None].copy(), AffineStep.model_validate(STILL | {"shear": 20}))
    assert find_center(leant[0][:24])[0] > 34, "the top has gone right"


def test_a_shift_moves_by_whole_pixels_and_brings_in_paper() -> None:
    images = draw_shapes(30, 64, 64)
    step = AffineStep.model_validate(STILL | {"shift_x": 5 / 64, "shift_y": -3 / 64})
    after, values = augment(images, step)
    assert (values["augment_shift_x_px"] == 5).all()
    expected = np.zeros_like(images)
    expected[:, :-3, 5:] = images[:, 3:, :-5]
    assert np.array_equal(after, expected)


def test_scale_and_stretch_change_width_and_height() -> None:
    box = np.zeros((1, 64, 64), dtype=np.uint8)
    box[:, 22:42, 22:42] = 255
    after, _ = augment(box, AffineStep.model_validate(STILL | {"scale": 1.5, "stretch": 0.5}))
    ink = after[0].astype(float) / 255
    assert ink.sum(axis=0).max() == pytest.approx(30, abs=0.1), "height"
    assert ink.sum(axis=1).max() == pytest.approx(15, abs=0.1), "width"


def test_two_affine_steps_follow_each_other_in_one_resampling() -> None:
    image = disc(28, 35, radius=10)
    image[20:24, 20:50] = 255
    quarter = AffineStep.model_validate(STILL | {"rotation": 45})
    back = AffineStep.model_validate(STILL | {"rotation": -45})
    after, _ = augment(image[None], quarter, back)
    assert np.array_equal(after[0], image), "no blur of two resamplings is left"
    wide = AffineStep.model_validate(STILL | {"stretch": 1.25, "shift_y": 0.125})
    turn = AffineStep.model_validate(STILL | {"rotation": 90})
    both, _ = augment(image[None], wide, turn)
    one, _ = augment(image[None], wide)
    two, _ = augment(one, turn)
    assert abs(both.astype(int) - two).mean() < 1.5, "as one after the other, but sharper"


def test_a_bend_moves_no_pixel_further_than_its_amplitude() -> None:
    """Ramps tell where each pixel of the result came from."""
    y, x = np.mgrid[:64, :64].astype(np.uint8)
    step = ElasticStep(amplitude=(0.1, 0.1), scale=0.25)
    augmenter = make(step, height=64, width=64)
    values = draw(augmenter, 200)
    moved = []
    for ramp in (x, y):
        images = np.repeat(ramp[None] * 3 + 1, 200, axis=0)
        after = augmenter.apply(images, values)[:, 8:-8, 8:-8].astype(float)
        moved.append((after - 1) / 3 - ramp[8:-8, 8:-8])
    reach = np.abs(moved)
    assert reach.max() <= 6.4 + 0.2
    assert reach.max() > 4
    assert 0.2 * 6.4 < np.sqrt(np.square(moved).mean()) < 0.35 * 6.4
    assert np.abs(np.mean(moved, axis=1)).max() < 0.8, "no direction is preferred"
    assert abs(moved[0] - moved[1]).mean() > 1, "x and y bend by themselves"
    steps_x = np.diff(moved[0], axis=2)
    assert abs(steps_x).max() < 1, "nothing folds"


def test_two_bends_are_two_and_add_up() -> None:
    """On a ramp: the way of both is the sum of their ways, and they are not the same way."""
    ramp = np.repeat(np.mgrid[:64, :64][1][None].astype(np.uint8) * 3 + 20, 20, axis=0)
    once = ElasticStep(amplitude=(0.04, 0.04))
    augmenter = make(once, once, height=64, width=64)
    values = draw(augmenter, 20)

    def find_way(*amplitudes_px: float) -> NDArray[np.float64]:
        values["augment_elastic_px"], values["augment_elastic_px_2"] = amplitudes_px
        after = augmenter.apply(ramp, values).astype(float) - ramp
        return np.asarray(after[:, 8:-8, 8:-8] / 3)

    first, second, both = find_way(3, 0), find_way(0, 3), find_way(3, 3)
    assert abs(both - first - second).max() < 0.5
    assert abs(first - second).mean() > 0.5


def test_no_ink_comes_in_at_the_border() -> None:
    """Ink that touches the frame is cut off or leaves a gap, and never comes back as a mirror image."""
    framed = np.zeros((400, 64, 64), dtype=np.uint8)
    framed[:, 24:40, 24:40] = 255
    after, _ = augment(framed, *DEFAULT_STEPS[:2])
    edge = np.ones((64, 64), dtype=np.bool_)
    edge[8:-8, 8:-8] = False
    assert not after[:, edge].any()
    full = np.full((1, 64, 64), 255, dtype=np.uint8)
    moved, _ = augment(full, AffineStep.model_validate(STILL | {"shift_x": 0.25}))
    assert not moved[0][:, :16].any()
    assert (moved[0][:, 16:] == 255).all()


def test_one_resampling_is_that_of_whole_numbers() -> None:
    """The native call against the same in NumPy: 32nds of a pixel, 15-bit weights, bit for bit."""
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (64, 64), dtype=np.uint8)
    whole = rng.integers(-3, 66, (64, 64, 2), dtype=np.int16)
    part = rng.integers(0, 1024, (64, 64), dtype=np.uint16)
    found = cv2.remap(image, whole, part, cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, 0)
    framed = np.pad(image.astype(np.int64), 8)
    x, y = whole[..., 0].astype(int) + 8, whole[..., 1].astype(int) + 8
    fx, fy = part & 31, part >> 5
    fx, fy = fx.astype(np.int64), fy.astype(np.int64)
    expected = framed[y, x] * (32 - fx) * (32 - fy) + framed[y, x + 1] * fx * (32 - fy)
    expected += framed[y + 1, x] * (32 - fx) * fy + framed[y + 1, x + 1] * fx * fy
    assert np.array_equal(found, (expected + 512) >> 10)


def test_gaussian_noise_has_the_sigma_that_is_asked() -> None:
    gray = np.full((200, 64, 64), 128, dtype=np.uint8)
    for sigma in (0.02, 0.1):
        after, _ = augment(gray, NoiseStep(gaussian=(sigma, sigma)))
        noise = after.astype(float) - 128
        assert noise.std() == pytest.approx(sigma * 255, rel=0.03)
        assert abs(noise.mean()) < 0.2
        neighbors = np.corrcoef(noise[:, :, 1:].ravel(), noise[:, :, :-1].ravel())[0, 1]
        assert abs(neighbors) < 0.01


def test_salt_and_pepper_take_their_share_in_equal_parts() -> None:
    gray = np.full((200, 64, 64), 128, dtype=np.uint8)
    after, _ = augment(gray, NoiseStep(gaussian=(0.0, 0.0), salt_and_pepper=(0.2, 0.2)))
    assert (after == 255).mean() == pytest.approx(0.1, rel=0.03)
    assert (after == 0).mean() == pytest.approx(0.1, rel=0.03)
    assert set(np.unique(after)) == {0, 128, 255}


def test_speckle_grows_with_the_ink_and_leaves_bare_paper() -> None:
    images = np.zeros((200, 64, 64), dtype=np.uint8)
    images[:, :, :24], images[:, :, 24:48] = 60, 120
    after, _ = augment(images, NoiseStep(gaussian=(0.0, 0.0), speckle=(0.2, 0.2)))
    assert after[:, :, :24].std() == pytest.approx(12, rel=0.05)
    assert after[:, :, 24:48].std() == pytest.approx(24, rel=0.05)
    assert after[:, :, :48].mean() == pytest.approx(90, rel=0.01)
    assert not after[:, :, 48:].any()


def test_blur_spreads_ink_and_keeps_its_sum() -> None:
    dot = np.zeros((1, 64, 64), dtype=np.uint8)
    dot[:, 28:36, 28:36] = 255
    after, _ = augment(dot, BlurStep(sigma=(2 / 64, 2 / 64)))
    x = np.arange(64) - 31.5
    ink = after[0].astype(float)
    assert ink.sum() == pytest.approx(dot.sum(), rel=0.02)
    variance = (ink * x**2).sum() / ink.sum() - (8**2 - 1) / 12
    assert variance == pytest.approx(4, rel=0.06)
    full, _ = augment(np.full((1, 64, 64), 255, dtype=np.uint8), BlurStep(sigma=(0.03, 0.03)))
    assert 110 < full[0][32, 0] < 160, "outside the frame is paper"


def test_contrast_and_brightness_move_levels() -> None:
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    half, _ = augment(ramp, ContrastStep(contrast=(0.5, 0.5)))
    assert half.ravel()[[0, 127, 255]].tolist() == [64, 127, 191]
    more, _ = augment(ramp, ContrastStep(contrast=(1.0, 1.0), brightness=(0.2, 0.2)))
    assert more.ravel()[[0, 100, 255]].tolist() == [51, 151, 255]
    hard, _ = augment(ramp, ContrastStep(contrast=(4.0, 4.0)))
    assert hard.ravel()[[0, 90, 128, 170, 255]].tolist() == [0, 0, 130, 255, 255]


def test_stroke_moves_the_edge_of_the_ink_by_its_weight() -> None:
    image = disc(radius=14)[None]
    radius = np.sqrt(image.sum() / 255 / np.pi)
    for weight_px in (-3.0, -1.5, -0.5, 0.5, 1.5, 3.0):
        step = StrokeStep(weight=(weight_px / 64, weight_px / 64))
        after, _ = augment(image, step)
        grown = np.sqrt(after.sum() / 255 / np.pi)
        assert grown - radius == pytest.approx(weight_px, abs=0.35)


def test_a_pen_redraws_strokes_of_any_thickness_in_its_own_width() -> None:
    images = np.zeros((4, 64, 64), dtype=np.uint8)
    for image, half in zip(images, (1, 3, 4, 6), strict=True):
        image[32 - half : 32 + half, 4:60] = 255
    after, _ = augment(images, PenStep(width=(4 / 64, 4 / 64)))
    assert np.array_equal(after[3], images[3])  # fatter than a sixth of the image
    for image in after[:3]:
        across = image[:, 16:48].sum(axis=0) / 255
        assert across == pytest.approx(4, abs=0.1)
        middle = (image[:, 16:48].sum(axis=1) * (np.arange(64) + 0.5)).sum() / (4 * 32 * 255)
        assert middle == pytest.approx(32, abs=0.6)


def test_a_pen_redraws_a_hairline_that_is_gray_all_over() -> None:
    image = np.zeros((1, 64, 64), dtype=np.uint8)
    image[0, 20:22, 8:56] = 40
    after, _ = augment(image, PenStep(width=(3 / 64, 3 / 64)))
    assert (after[0].max(axis=0)[10:54] == 255).all()
    assert not after[0, 30:].any()


def test_a_pen_leaves_a_dot_as_it_is() -> None:
    """The middle of a square on its corner is a cross."""
    y, x = np.mgrid[:64, :64]
    away = abs(y - 31.5) + abs(x - 31.5)
    images = np.stack([away < 27, (away < 27) & (away > 17)]).astype(np.uint8) * 255
    after, _ = augment(images, PenStep(width=(4 / 64, 4 / 64)))
    assert np.array_equal(after[0], images[0])
    assert after[1].sum() < 0.65 * images[1].sum()


def test_blank_images_stay_blank_under_a_pen() -> None:
    after, _ = augment(np.zeros((3, 64, 64), dtype=np.uint8), PenStep())
    assert not after.any()


@given(
    blobs=arrays(np.bool_, (11, 23, 17), fill=st.just(False)),
    wide=st.integers(0, 3),
)
def test_thinning_keeps_every_piece_of_ink_and_every_hole(blobs: Bools, wide: int) -> None:
    ink = blobs.copy()
    for _ in range(wide):  # thick blobs too, up to the edges of the frame
        ink[:, 1:] |= ink[:, :-1]
        ink[:, :, 1:] |= ink[:, :, :-1]
    thinned = thin(ink)
    assert not (thinned & ~ink).any()
    for before, after in zip(ink, thinned, strict=True):
        assert count_pieces(before, connectivity=8) == count_pieces(after, connectivity=8)
        paper = [np.pad(~image, 1, constant_values=True) for image in (before, after)]
        assert count_pieces(paper[0], connectivity=4) == count_pieces(paper[1], connectivity=4)
    assert (thin(thinned) == thinned).all()


def count_pieces(image: Bools, connectivity: int) -> int:
    return int(cv2.connectedComponents(image.astype(np.uint8), connectivity=connectivity)[0])


def test_thinned_shapes_are_one_pixel_wide() -> None:
    thinned = thin(draw_shapes(40) > 0)
    squares = thinned[:, 1:, 1:] & thinned[:, :-1, 1:] & thinned[:, 1:, :-1] & thinned[:, :-1, :-1]
    assert not squares.any()
    assert thinned.any(axis=(1, 2)).all()


def test_cutout_takes_a_square_of_its_side() -> None:
    ink = np.full((300, 64, 64), 255, dtype=np.uint8)
    after, values = augment(ink, CutoutStep(size=(0.25, 0.25)))
    gone = (after == 0).sum(axis=(1, 2))
    inside = np.ones(300, dtype=np.bool_)
    for name in ("augment_cutout_x_px", "augment_cutout_y_px"):
        inside &= (values[name] >= 8) & (values[name] <= 56)
    assert inside.sum() > 100
    assert (gone[inside] == 256).all()
    assert (gone > 0).all()
    assert set(np.unique(after)) == {0, 255}


def test_grain_stains_paper_and_leaves_ink() -> None:
    images = np.zeros((50, 64, 64), dtype=np.uint8)
    images[:, 20:40, 20:40] = 255
    after, _ = augment(images, GrainStep(strength=(0.4, 0.4)))
    assert (after[:, 20:40, 20:40] == 255).all()
    paper = after[:, :16]
    assert paper.max() <= 0.4 * 255 + 1
    assert paper.std() > 5
    assert len({image.tobytes() for image in after}) == 50


def test_light_falls_off_to_one_corner_and_ink_covers_it() -> None:
    images = np.zeros((40, 60, 80), dtype=np.uint8)
    images[:, 20:30, 30:40] = 255
    after, values = augment(images, PaperStep(shade=(0.2, 0.4)))
    assert (after[:, 20:30, 30:40] == 255).all()
    corners = np.sort(after[:, [0, 0, -1, -1], [0, -1, 0, -1]], axis=1)
    darkest = np.rint(values["augment_shade"] * 255)
    assert (abs(corners[:, 3] - darkest) <= 2).all()
    assert (corners[:, 0] == 0).all()
    assert (after[:, :, :20].max(axis=(1, 2)) <= darkest).all()
    steps = abs(np.diff(after[:, :15].astype(np.int32), axis=2))
    assert steps.max() <= 3, "light has no edges"
    assert len({image.tobytes() for image in after}) == 40


def test_folds_are_dark_lines_across_and_down() -> None:
    images = np.zeros((60, 400, 300), dtype=np.uint8)
    after, _ = augment(images, PaperStep(shade=(0.0, 0.0), fold=(0.4, 0.4)))
    assert (after.max(axis=(1, 2)) == round(0.4 * 255)).all()
    rows = after[:, :, 10].argmax(axis=1)
    assert (rows > 400 // 4 - 10).all()
    assert (rows < 3 * 400 // 4 + 10).all()
    assert len(set(rows.tolist())) > 30
    down = (after[:, 5] > 40).any(axis=1)
    assert 15 < down.sum() < 45, "half of the images are folded down, too"


def test_the_gaussian_table_is_normal_and_has_no_platform_in_it() -> None:
    table = make_gaussian(4096)
    assert table.shape == (LENGTH + 4096,)
    assert table.std() == pytest.approx(32, rel=0.005)
    assert abs(table.mean()) < 0.2
    assert (abs(table) <= 32).mean() == pytest.approx(0.690, abs=0.005), "32.5 / 32 sigma"
    assert (abs(table) <= 64).mean() == pytest.approx(0.956, abs=0.003), "64.5 / 32 sigma"
    digests = [
        hashlib.sha256(a.tobytes()).hexdigest()[:16]
        for a in (table, make_uniform(100), make_clouds(20, 30))
    ]
    assert digests == TABLES


def test_the_bytes_are_pinned() -> None:
    """Pinned: these hashes change only with a line under 'Output changed' in the changelog."""
    images = draw_shapes(64)
    found = {}
    for name, step in LIVELY.items():
        if name != "grid":  # another's, which promises nothing
            after, values = augment(images, step)
            digest = hashlib.sha256(after.tobytes() + values.tobytes())
            found[name] = digest.hexdigest()[:16]
    assert found == PINNED


def test_the_bytes_of_all_steps_together_are_pinned() -> None:
    """Each step draws random words of its own: the second of a kind is not the first again."""
    ours = [step for name, step in LIVELY.items() if name != "grid"]
    after, values = augment(draw_shapes(64), *ours, LIVELY["noise"], LIVELY["grain"])
    digest = hashlib.sha256(after.tobytes() + values.tobytes())
    assert digest.hexdigest()[:16] == PINNED_TOGETHER


def test_every_step_is_called_what_the_table_says() -> None:
    for name, record in STEPS.items():
        field = record.model_fields.get("step")
        assert name == (field.default if field else "albumentations")
    assert {*LIVELY, "albumentations"} - {"grid"} == {*STEPS}, "every step is tested above"


def test_more_steps_than_have_random_words_are_refused() -> None:
    assert refuse(*[BlurStep()] * 16, place=lambda key: f"a.toml: {key}") == (
        "a.toml: augment: found 16 steps, expected at most 15"
    )
    assert len(make(*[BlurStep()] * 15).dtype.names or ()) == 16


# Transforms of albumentations.


@pytest.mark.slow
def test_a_named_transform_is_seeded_by_its_sample_alone() -> None:
    images = np.repeat(draw_shapes(1), 12, axis=0)
    step = AlbumentationsStep(albumentations="GridDistortion", args={"num_steps": 4}, chance=0.7)
    augmenter = make(step)
    values = draw(augmenter, 12)
    after = augmenter.apply(images, values)
    assert augmenter.dtype.names == ("augment_word", "augment_griddistortion")
    changed = values["augment_griddistortion"] == 1
    assert len({image.tobytes() for image in after[changed]}) == changed.sum() > 4
    assert np.array_equal(after[~changed], images[~changed])
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(augmenter.apply, images[5:], values[5:]).result()
    assert np.array_equal(there, after[5:])


def test_the_same_transform_named_twice_is_seeded_twice() -> None:
    images = draw_shapes(5)
    step = AlbumentationsStep(albumentations="GridDistortion")
    augmenter = make(step, step)
    values = draw(augmenter, 5)
    first, second = values.copy(), values.copy()
    first["augment_griddistortion_2"] = second["augment_griddistortion"] = 0
    changed = augmenter.apply(images, first) != augmenter.apply(images, second)
    assert changed.any(axis=(1, 2)).all()


def refuse(*steps: AugmentStep, place: Callable[[str], str] = str) -> str:
    with pytest.raises(AugmentError) as error:
        make_augmenter(steps, seed=0, height=48, width=40, place=place)
    return str(error.value)


def test_an_unknown_transform_is_told_with_those_of_a_like_name() -> None:
    assert refuse(AlbumentationsStep(albumentations="GridDistorsion")) == (
        "augment.0: albumentations 2.0.8 has no transform 'GridDistorsion'"
        " (did you mean 'GridDistortion' or 'OpticalDistortion' or 'GridDropout'?)"
    )
    assert refuse(AlbumentationsStep(albumentations="Compose")).startswith(
        "augment.0: albumentations 2.0.8 has no transform 'Compose' ("
    )


def test_arguments_that_take_all_time_are_refused() -> None:
    told = refuse(
        AlbumentationsStep(albumentations="GaussianBlur", args={"blur_limit": [3, 99999]}),
        AlbumentationsStep(albumentations="Pad", args={"padding": -1001, "fill": 1e3}),
    )
    assert told.split("\n")[0] == (
        "augment.0.args: GaussianBlur with blur_limit = [3, 99999], expected numbers up to 1,000 (more"
        " takes seconds for an image, or all memory)"
    )
    assert "padding = -1001, expected" in told
    assert "fill" not in told


def test_wrong_arguments_are_told_all_at_once() -> None:
    told = refuse(
        AlbumentationsStep(albumentations="GridDistortion", args={"steps": 3, "p": 0.5}),
        AlbumentationsStep(albumentations="HorizontalFlip", args={"x": 3}),
        AlbumentationsStep(albumentations="GridDistortion", args={"num_steps": "many"}),
        place=lambda key: f"a.toml:3: {key}",
    )
    args = (
        "num_steps, distort_limit, interpolation, normalized, mask_interpolation,"
        " keypoint_remapping_method, border_mode, fill, fill_mask"
    )
    assert told.split("\n") == [
        f"a.toml:3: augment.0.args: GridDistortion has no argument 'steps', expected one of {args}",
        f"a.toml:3: augment.0.args: GridDistortion has no argument 'p', expected one of {args}",
        "a.toml:3: augment.1.args: HorizontalFlip has no argument 'x', expected none",
        "a.toml:3: augment.2.args: GridDistortion refuses them: num_steps: Input should be a valid"
        " integer, unable to parse string as an integer",
    ]


def test_a_transform_that_changes_the_size_is_refused() -> None:
    step = AlbumentationsStep(albumentations="RandomCrop", args={"height": 20, "width": 30})
    with pytest.raises(AugmentError) as error:
        augment(draw_shapes(3), step)
    assert str(error.value) == (
        "augment.0: RandomCrop made uint8 20 x 30 of uint8 48 x 40, expected the same type and size"
        " (choose other arguments, or a transform that keeps the size)"
    )


def test_a_transform_that_fails_is_named() -> None:
    with pytest.raises(AugmentError) as error:
        augment(draw_shapes(3), AlbumentationsStep(albumentations="Mosaic"))
    assert str(error.value).startswith("augment.0: Mosaic cannot change a gray image of 48 x 40: ")
    assert "\n" not in str(error.value)


def test_the_library_that_took_the_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albumentations_step, "version", {"albumentationsx": "2.5.1"}.__getitem__)
    assert refuse(AlbumentationsStep(albumentations="GridDistortion")) == (
        "augment.0: found AlbumentationsX 2.5.1, which is licensed AGPL-3.0-only and takes the name"
        " of albumentations, expected albumentations 2.0 (pip uninstall albumentationsx, then"
        " pip install --force-reinstall 'albumentations>=2.0.8,<2.1')"
    )


TABLES = ["ee1e48515dba923d", "9ddc3b3302ce613d", "462b6f123d4d4762"]
PINNED_TOGETHER = "0e063002e591030b"
PINNED = {
    "elastic": "290dd1eabb6be739",
    "affine": "589006693a868efe",
    "noise": "692337ebd336f550",
    "blur": "d1fab488182d37e7",
    "contrast": "8180df58f5e9d9a8",
    "stroke": "d4e59f76121d309e",
    "pen": "195755c0083d95ed",
    "cutout": "952c18aefbc17441",
    "grain": "e63f2d221ef8dca1",
    "paper": "fa8c381e4c216d8a",
}
