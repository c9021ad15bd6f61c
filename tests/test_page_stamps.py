"""Stamps on pages: ink over the writing that no box tells of, the same for a row wherever it is made."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from conftest import FONTS
from numpy.typing import NDArray

from glyphgen.outlines import RunStore
from glyphgen.plan.page_plan import PagePlan
from glyphgen.recipe import read_recipe
from glyphgen.render.drawing import find_sample_dtype
from glyphgen.render.page_drawing import PageDrawer, annotate_pages
from glyphgen.render.preparing import PreparedRender, prepare_render

PAGE = f"""
fonts.files = ["{FONTS}/latin/PatrickHand*.ttf"]
render.count = 30
[gate]
on_refused = "skip"
[page]
size = [200, 160]
skew = [-3, 3]
[[page.text]]
at = [0.1, 0.1]
width = 0.8
words = ["ink", "of"]
lines = [1, 1]
size = 0.06
"""
STAMP = """
[[page.stamp]]
at = [0.5, 0.6]
shape = "{shape}"
jitter = 0.02
size = [0.3, 0.3]
darkness = [0.4, 0.6]
wear = [0.2, 0.2]
chance = {chance}
"""

Prepare = Callable[[str], PreparedRender]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    folder = tmp_path_factory.mktemp("stamps")

    def make(stamps: str) -> PreparedRender:
        (folder / "r.toml").write_text(PAGE + stamps, encoding="utf-8")
        return prepare_render(read_recipe(folder / "r.toml"))

    return make


def draw(prepared: PreparedRender, rows: range) -> NDArray[np.uint8]:
    plan, store = prepared.planned, prepared.store
    assert isinstance(plan, PagePlan)
    assert isinstance(store, RunStore)
    images = np.empty((len(rows), 200, 160), dtype=np.uint8)
    samples = np.zeros(len(rows), dtype=find_sample_dtype(plan.recipe))
    PageDrawer(plan, store).make_rows(rows, images, samples)
    return images


@pytest.mark.parametrize("shape", ["round", "box"])
def test_a_stamp_is_lighter_ink_about_its_place(prepare: Prepare, shape: str) -> None:
    plain = draw(prepare(""), range(10))
    stamped = draw(prepare(STAMP.format(shape=shape, chance=1)), range(10))
    for before, after in zip(plain, stamped, strict=True):
        assert (after >= before).all(), "the writing stays as it is"
        added = np.argwhere((after > before) & (before == 0))
        assert 400 < len(added) < 2000
        assert 0.35 * 255 < after[tuple(added.T)].max() < 0.61 * 255
        low, high = added.min(axis=0), added.max(axis=0)
        # In the middle of the page, turned up to 23 degrees.
        assert abs((low + high) / 2 - (120, 80)).max() < 12
        height, width = high - low
        assert 54 < width < 72
        assert (54 < height < 72) if shape == "round" else (30 < height < 57)
    assert len({after.tobytes() for after in stamped}) == 10


def test_worn_ink_has_holes(prepare: Prepare) -> None:
    text = STAMP.format(shape="box", chance=1)
    whole = draw(prepare(text.replace("wear = [0.2, 0.2]", "wear = [0, 0]")), range(6))
    worn = draw(prepare(text), range(6))
    share = [
        1 - int((w > 40).sum()) / int((f > 40).sum()) for w, f in zip(worn, whole, strict=True)
    ]
    assert 0.08 < float(np.mean(share)) < 0.25


def test_stamps_are_by_lot_and_leave_all_else_as_it_is(prepare: Prepare) -> None:
    plain, stamped = prepare(""), prepare(STAMP.format(shape="round", chance=0.4))
    differ = (draw(plain, range(30)) != draw(stamped, range(30))).any(axis=(1, 2))
    assert 5 < differ.sum() < 20
    found = []
    for prepared in (plain, stamped):
        assert isinstance(prepared.planned, PagePlan)
        assert isinstance(prepared.store, RunStore)
        found.append(annotate_pages(prepared.planned, prepared.store))
    assert np.array_equal(found[0], found[1])
    assert plain.content_key != stamped.content_key


def test_a_stamped_page_can_be_made_alone_and_may_leave_the_page(prepare: Prepare) -> None:
    text = STAMP.format(shape="round", chance=1).replace("[0.5, 0.6]", "[0.0, 1.0]")
    prepared = prepare(text)
    images = draw(prepared, range(5))
    assert np.array_equal(draw(prepared, range(3, 4))[0], images[3])
    assert (images[:, 180:, :10] > 0).any(axis=(1, 2)).all()
    beside = prepare(text.replace("[0.0, 1.0]", "[1.0, 0.0]"))
    assert (draw(beside, range(5))[:, :20, 150:] > 0).any(axis=(1, 2)).all()


def measure_from(y: float, x: float) -> NDArray[np.float64]:
    """Return how far the middle of each pixel of a page is from a point."""
    rows, columns = np.mgrid[:200, :160] + 0.5
    distance: NDArray[np.float64] = np.hypot(rows - y, columns - x)
    return distance


SHARP = (
    STAMP.format(shape="round", chance=1)
    .replace("jitter = 0.02", "jitter = 0")
    .replace("[0.4, 0.6]", "[1, 1]")
    .replace("[0.2, 0.2]", "[0, 0]")
    .replace("[0.3, 0.3]", "[0.5, 0.5]")
)


@pytest.mark.parametrize(("at", "middle"), [("[0.5, 0.6]", (120, 80)), ("[0.0, 0.0]", (0, 0))])
def test_a_rim_is_a_ring_without_gaps(
    prepare: Prepare, at: str, middle: tuple[float, float]
) -> None:
    text = SHARP.replace("[0.5, 0.6]", at)
    prepared = prepare(text)
    page = prepared.recipe.page
    assert page is not None
    skewless = prepared.recipe.model_copy(update={"page": page.model_copy(update={"skew": (0, 0)})})
    plan, store = prepared.planned, prepared.store
    assert isinstance(plan, PagePlan)
    assert isinstance(store, RunStore)
    images = np.empty((1, 200, 160), dtype=np.uint8)
    samples = np.zeros(1, dtype=find_sample_dtype(skewless))
    PageDrawer(replace(plan, recipe=skewless), store).make_rows(range(1), images, samples)
    distance = measure_from(*middle)
    assert images[0][np.abs(distance - 49.5) < 0.5].min() > 240
    between = (distance > 45.5) & (distance < 47)
    assert np.mean(images[0][between] < 100) > 0.7


def test_a_stamp_turns_with_its_page(prepare: Prepare) -> None:
    text = SHARP.replace("[0.5, 0.6]", "[0.5, 0.75]").replace("[0.5, 0.5]", "[0.4, 0.4]")
    prepared = prepare(text)
    images = draw(prepared, range(12))
    places = []
    for row in range(12):
        assert isinstance(prepared.planned, PagePlan)
        assert isinstance(prepared.store, RunStore)
        scene = prepared.planned.make_page(row, prepared.store)
        angle = np.radians(scene.skew_deg)
        places.append((100 + 50 * np.cos(angle), 80 + 50 * np.sin(angle)))
    shares = [
        image[np.abs(measure_from(*place) - 39.7) < 0.4].min()
        for image, place in zip(images, places, strict=True)
    ]
    assert min(shares) > 150
