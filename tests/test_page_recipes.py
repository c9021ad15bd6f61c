"""Recipes of pages: what is drawn, and that every box holds its ink."""

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FONTS
from numpy.typing import NDArray
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from glyphgen import load, make_report, render_dataset, verify_dataset
from glyphgen.choices import LEVELS
from glyphgen.dataset.annotations import read_annotations
from glyphgen.errors import DamagedError, DatasetError, RecipeError, SourceError
from glyphgen.exchange.coco import _join_texts
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.importing import import_dataset
from glyphgen.images.polygons import fill_convex
from glyphgen.layout.page_lines import lay_line
from glyphgen.outlines import RunStore
from glyphgen.outlines.raster import Rasterizer
from glyphgen.plan.page_boxes import make_boxes
from glyphgen.plan.page_plan import PagePlan, PageScene
from glyphgen.recipe import dump_recipe, read_recipe
from glyphgen.render.page_drawing import PageDrawer, annotate_pages
from glyphgen.render.preparing import PreparedRender, prepare_render
from glyphgen.render.previewing import preview_pages

WriteRecipe = Callable[[str], Path]

LETTER = f"""
fonts.files = ["{FONTS}/persian/Vazirmatn*.ttf", "{FONTS}/persian/Mirza*.ttf", "{FONTS}/persian/Amiri*.ttf"]
classes.language = "fa"
render.count = 20
[page]
size = [480, 360]
skew = [-3, 3]
values.city = ["تهران", "شیراز و اصفهان"]
[[page.field]]
label = "تاریخ"
value = " {{year}}/{{month}}/{{day}}"
at = [0.9, 0.06]
jitter = 0.01
size = [0.03, 0.04]
[[page.field]]
label = "شهر"
value = " {{city}} {{number}}"
at = [0.9, 0.13]
size = 0.035
[[page.rule]]
start = [0.05, 0.18]
end = [0.95, 0.18]
[[page.text]]
at = [0.9, 0.25]
width = 0.8
lines = [6, 9]
size = [0.03, 0.04]
words = ["سلام", "و", "احترام", "به", "پیوست", "می‌رساند", "نامه", "ABC", "لازم", "(متن)", "۱۲۳"]
"""


@pytest.fixture(scope="module")
def write_letter(tmp_path_factory: pytest.TempPathFactory) -> WriteRecipe:
    def write(text: str) -> Path:
        path = tmp_path_factory.mktemp("pages") / "letter.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def prepared(write_letter: WriteRecipe) -> PreparedRender:
    recipe = read_recipe(
        write_letter(LETTER.replace("count = 20", "count = 60") + '[gate]\non_refused = "skip"\n')
    )
    return prepare_render(recipe, use_cache=False)


@pytest.fixture(scope="module")
def letters(write_letter: WriteRecipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of pages, with splits."""
    text = LETTER + '[split]\nby = "sample"\ntest = 0.2\n[gate]\non_refused = "skip"\n'
    folder = tmp_path_factory.mktemp("datasets") / "letters"
    render_dataset(read_recipe(write_letter(text)), folder)
    return folder


def find_plan(prepared: PreparedRender) -> tuple[PagePlan, RunStore]:
    plan, store = prepared.planned, prepared.store
    assert isinstance(plan, PagePlan)
    assert isinstance(store, RunStore)
    return plan, store


def draw_character(
    store: RunStore, scene: PageScene, atom: int, first: int, shape: tuple[int, int]
) -> NDArray[np.uint8]:
    """Draw the glyphs of one character of one run alone."""
    cell = int(scene.atoms.cell[atom])
    span = slice(store.item_start[cell], store.item_start[cell] + store.n_items[cell])
    own = np.flatnonzero(store.item_char[span] == first) + span.start
    matrix = scene.atoms.make_matrices(scene.skew_deg, shape)[atom]
    image = np.zeros((1, *shape), dtype=np.uint8)
    for item in own.tolist():
        glyph = int(store.item_glyph[item])
        n = int(store.glyphs.n_points[glyph])
        if not n:
            continue
        start = store.glyphs.point_start[glyph]
        points = np.stack(
            [
                store.glyphs.x[start : start + n] + store.item_x[item],
                store.glyphs.y[start : start + n] + store.item_y[item],
                np.ones(n),
            ]
        )
        x, y = matrix @ points * 64
        alone = np.zeros_like(image)
        Rasterizer().fill(
            store.glyphs,
            np.array([glyph]),
            x[None].astype(np.float32),
            (shape[0] * 64 - y)[None].astype(np.float32),
            alone,
            np.zeros(1, dtype=np.int64),
        )
        np.maximum(image, alone, out=image)
    first_image: NDArray[np.uint8] = image[0]
    return first_image


def test_ten_thousand_boxes_hold_all_of_their_ink_and_nothing_else(
    prepared: PreparedRender,
) -> None:
    plan, store = find_plan(prepared)
    shape = plan.recipe.image.height, plan.recipe.image.width
    n_boxes, apart = 0, []
    row = 0
    while n_boxes < 10_000:
        scene = plan.make_page(row, store)
        boxes = make_boxes(plan, store, scene)
        ink = np.array(
            [
                _find_ink(draw_character(store, scene, atom, first, shape))
                for atom, first in zip(
                    boxes.characters.atom.tolist(), boxes.characters.first.tolist(), strict=True
                )
            ]
        )
        for level in range(len(LEVELS) - 1, -1, -1):
            apart.append(_measure_apart(boxes.turned[level], ink, shape))
            n_boxes += len(ink)
            if level:
                parent = boxes.parents[level - 1]
                starts = np.unique(parent, return_index=True)[1]
                ink = np.concatenate(
                    [
                        np.minimum.reduceat(ink[:, :2], starts),
                        np.maximum.reduceat(ink[:, 2:], starts),
                    ],
                    axis=1,
                )
        row += 1
    assert row <= plan.n_rows, "each page was looked at once"
    # Ink of less than half a gray level is none, and coordinates are rounded to 1/64 pixel.
    differences = np.concatenate(apart)
    assert differences.max() <= 1
    assert (differences > 0).mean() < 0.05


def _find_ink(image: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Return left, top, right, bottom of all pixels that are not paper."""
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    if not len(rows):
        return (image.shape[1], image.shape[0], 0, 0)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _measure_apart(
    boxes: NDArray[np.float64], ink: NDArray[Any], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Return by how many pixels each side of boxes lies beside their ink."""
    boxes = np.clip(boxes, 0, np.array([shape[1], shape[0]] * 2))
    outer = np.concatenate([np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])], axis=1)
    apart: NDArray[np.float64] = np.abs(outer - ink)[ink[:, 2] > ink[:, 0]]
    return apart


def test_every_page_can_be_made_alone(prepared: PreparedRender) -> None:
    plan, store = find_plan(prepared)
    drawer = PageDrawer(plan, store)
    height, width = plan.recipe.page.size if plan.recipe.page else (0, 0)
    from glyphgen.render.drawing import find_sample_dtype

    dtype = find_sample_dtype(plan.recipe)
    images = np.empty((6, height, width), dtype=np.uint8)
    samples = np.zeros(6, dtype=dtype)
    drawer.make_rows(range(6), images, samples)
    one, sample = np.empty((1, height, width), dtype=np.uint8), np.zeros(1, dtype=dtype)
    PageDrawer(plan, store).make_rows(range(4, 5), one, sample)
    assert np.array_equal(one[0], images[4])
    assert sample[0] == samples[4]
    assert len({image.tobytes() for image in images}) == 6


def test_texts_are_read_in_order_from_the_boxes(prepared: PreparedRender) -> None:
    plan, store = find_plan(prepared)
    boxes = annotate_pages(plan, store)
    labels = prepared.table.labels
    years = set(plan.texts.names["year"])
    for row in range(plan.n_rows):
        own = boxes[boxes["row"] == row]
        texts = _join_texts(own)
        blocks = {
            labels[box["class_index"]]: text
            for box, text in zip(own, texts, strict=True)
            if box["level"] == 0
        }
        assert set(blocks) == {"تاریخ", "شهر", "text"}
        label, date = blocks["تاریخ"].split()
        year, month, day = date.split("/")
        assert label == "تاریخ:"
        assert year in years
        assert (len(month), len(day)) == (2, 2)
        label, *city, number = blocks["شهر"].split()
        assert " ".join(city) in plan.texts.names["city"]
        assert number in plan.texts.names["number"]
        for box, text in zip(own, texts, strict=True):
            if box["level"] == 2 and labels[box["class_index"]] == "text":
                assert (
                    text.replace("\u200c", "")
                    in {form.replace("\u200c", "") for form in plan.texts.table.all_forms}
                    or text.isdigit()
                )


def test_words_of_a_line_run_from_right_to_left_and_numbers_from_left_to_right() -> None:
    forms = ["تاریخ:", "۱", "۴", "/", "۰", "ABC", "DEF", "پایان"]
    words = [0, 1, 1, 1, 1, 2, 3, 4]
    line, direction = lay_line(forms, words, np.ones(8), "auto")
    assert direction == "rtl"
    x = line.x
    assert x[0] > x[4] > x[3] > x[2] > x[1] > x[6] > x[5] > x[7]


def test_a_page_is_one_image_of_the_first_class(letters: Path) -> None:
    dataset = load(letters)
    assert len(dataset) == 20
    assert np.asarray(dataset.images).shape == (20, 480, 360)
    assert not np.asarray(dataset.labels).any()
    assert [info.label for info in dataset.classes] == ["page", "تاریخ", "شهر", "text"]
    assert dataset.index.splits == {"train": (0, 16), "test": (16, 20)}


def test_a_dataset_gives_the_boxes_of_an_image(letters: Path) -> None:
    every, test = load(letters), load(letters, split="test")
    boxes = test.boxes(1)
    assert len(boxes)
    assert (boxes["row"] == 17).all()
    assert np.array_equal(boxes, every.boxes(17))
    for box in boxes:
        part = test.ink[1][
            int(box["y"]) : int(np.ceil(box["y"] + box["height"])),
            int(box["x"]) : int(np.ceil(box["x"] + box["width"])),
        ]
        assert part.max() > 60
    with pytest.raises(IndexError, match="row 4, expected 0 to 3"):
        test.boxes(4)


def test_a_preview_shows_pages_with_their_boxes(prepared: PreparedRender, tmp_path: Path) -> None:
    assert preview_pages(prepared, tmp_path / "p.png", n_pages=2) == 2
    picture = decode_color(tmp_path / "p.png")
    assert picture.shape == (480, 720, 3)
    assert (picture == (220, 40, 40)).all(axis=2).sum() > 500


def decode_color(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_pages_are_verified_and_a_changed_box_is_found(letters: Path) -> None:
    assert not verify_dataset(letters).problems
    path = letters / "annotations.npy"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    try:
        (problem,) = verify_dataset(letters).problems
        assert problem.startswith(f"{path}: does not match index.json")
    finally:
        path.write_bytes(whole)


@pytest.fixture(scope="module")
def coco(letters: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("coco") / "letters"
    export_dataset("coco", letters, out, verify=True)
    return out


def test_coco_scores_a_perfect_detector_with_one(coco: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(coco / "annotations-test.json"))
        found = truth.loadRes(
            [
                {key: one[key] for key in ("image_id", "category_id", "bbox")} | {"score": 1.0}
                for one in truth.dataset["annotations"]
            ]
        )
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.maxDets = [1, 100, 2000]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][..., -1]  # up to 2,000 boxes of a page
    assert precision[precision > -1].min() == pytest.approx(1.0)
    assert min(one["id"] for one in truth.dataset["annotations"]) == 1


def test_coco_tells_text_parent_and_the_turned_box(coco: Path) -> None:
    page = json.loads((coco / "annotations-test.json").read_text(encoding="utf-8"))
    by_id = {one["id"]: one for one in page["annotations"]}
    words = [one for one in by_id.values() if one["level"] == "word"]
    assert words
    for word in words:
        line = by_id[word["parent"]]
        assert line["level"] == "line"
        assert word["text"] in line["text"].split()
        x, y = np.array(word["segmentation"][0]).reshape(4, 2).T
        left, top, _, height = word["bbox"]
        assert abs(x.min() - left) < 2.5
        assert abs(y.max() - top - height) < 2.5
    assert len(list((coco / "images").iterdir())) == 20


@pytest.mark.parametrize("level", LEVELS)
def test_boxes_come_back_as_images_of_their_classes(coco: Path, tmp_path: Path, level: str) -> None:
    options = ImportOptions(crops=level, height=32, width=96)
    import_dataset("coco", coco / "annotations-test.json", tmp_path / "crops", options=options)
    dataset = load(tmp_path / "crops")
    labels = {info.label for info in dataset.classes}
    if level == "block":
        assert labels == {"تاریخ", "شهر", "text"}
        assert len(dataset) == 12
    if level == "word":
        assert {"سلام", "تاریخ:", "ABC"} <= labels
        names = [dataset.classes[k].label for k in np.asarray(dataset.labels).tolist()]
        widths = {
            name: np.mean([_ink_width(dataset.ink[k]) for k, n in enumerate(names) if n == name])
            for name in ("و", "پیوست")
        }
        assert widths["پیوست"] > 1.5 * widths["و"]


def _ink_width(image: NDArray[np.uint8]) -> int:
    columns = np.flatnonzero((image > 100).any(axis=0))
    return int(columns[-1] - columns[0]) if len(columns) else 0


def test_a_dataset_without_boxes_is_not_exported_as_coco(tmp_path: Path) -> None:
    text = f'classes.text = "ab"\nfonts.files = ["{FONTS}/latin/*.ttf"]\nrender.per_class = 2\n'
    (tmp_path / "r.toml").write_text(text + 'gate.on_refused = "skip"\n', encoding="utf-8")
    render_dataset(read_recipe(tmp_path / "r.toml"), tmp_path / "d")
    with pytest.raises(DatasetError, match="has no boxes, expected pages"):
        export_dataset("coco", tmp_path / "d", tmp_path / "out")


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("[]", "is no JSON, expected|expected the lists images, annotations, categories"),
        ('{"images": [], "annotations": [{}], "categories": []}', "has no image_id"),
        ('{"images": [], "annotations": [], "categories": []}', "holds no boxes"),
        (
            '{"images": [{"id": 1, "file_name": "../x.png"}], "categories": [{"id": 1, "name": "a"}],'
            ' "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}]}',
            "holds no boxes",
        ),
    ],
)
def test_a_page_that_is_no_coco_is_refused(tmp_path: Path, page: str, problem: str) -> None:
    path = tmp_path / "boxes.json"
    path.write_text(page, encoding="utf-8")
    with pytest.raises(SourceError, match=problem):
        import_dataset("coco", path, tmp_path / "out")


def test_a_damaged_file_of_boxes_is_named(letters: Path, tmp_path: Path) -> None:
    (tmp_path / "annotations.npy").write_bytes(b"nothing of the kind")
    with pytest.raises(DamagedError, match="is no array of annotations"):
        read_annotations(tmp_path, {})
    assert read_annotations(tmp_path / "none", {}) is None
    boxes = read_annotations(letters, {})
    assert boxes is not None
    assert len(boxes) > 1000


def test_the_recipe_is_written_as_it_is_read(prepared: PreparedRender, tmp_path: Path) -> None:
    text = dump_recipe(prepared.recipe)
    (tmp_path / "letter.toml").write_text(text, encoding="utf-8")
    assert read_recipe(tmp_path / "letter.toml", folder=prepared.recipe.folder) == prepared.recipe


FIELD = '[[page.field]]\nlabel = "تاریخ"\nat = [0.9, 0.1]\n'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f'render.count = 2\n[page]\nsize = [200, 200]\n{FIELD}value = "{{jahr}}"\n',
            "page.field.0.value: found '{jahr}', expected one of {year}, {month}, {day}, {number}",
        ),
        (
            f'render.count = 2\n[page]\nsize = [200, 200]\n{FIELD}value = "{{year"\n',
            "page.field.0.value: found a brace that has no other, expected {name}",
        ),
        (
            "render.count = 2\n[page]\nsize = [200, 200]\n"
            '[[page.field]]\nlabel = "x"\nat = [1.2, 0.1]\n',
            "found [1.2, 0.1], expected a list of 2, each a number from 0 to 1",
        ),
        (
            "render.count = 2\n[page]\nsize = [200, 200]\n",
            "page: has neither field nor text, expected at least one",
        ),
        (f"[page]\nsize = [200, 200]\n{FIELD}", "render.count: missing, expected the number"),
        (
            f"render = {{ count = 2, rotation = 3 }}\n[page]\nsize = [200, 200]\n{FIELD}",
            "render.rotation: found with [page], whose fields and blocks say it",
        ),
        (
            f'render.count = 2\nclasses.text = "ab"\n[page]\nsize = [200, 200]\n{FIELD}',
            "classes.text: found with [page], whose fields and blocks are the classes",
        ),
        (
            f'render = {{ count = 2, engine = "pillow" }}\n[page]\nsize = [200, 200]\n{FIELD}',
            'render.engine: found engine "pillow", but only the vector engine draws pages',
        ),
        (
            f"render.count = 2\n[page]\nsize = [200, 200]\n{FIELD}[[augment]]\nstep = 'elastic'\n",
            "augment: moves ink, and boxes would not follow (use page.skew)",
        ),
        (
            "render.count = 2\n[page]\nsize = [200, 200]\n[[page.text]]\nat = [0.9, 0.9]\n"
            'words = ["a"]\nlines = [50, 60]\nsize = 0.02\n',
            "page.text: its 50 lines end at 2.66 of the page's height, expected at most 1",
        ),
        (
            "render.count = 2\n[page]\nsize = [64, 64]\n[[page.field]]\nat = [0.9, 0.5]\nsize = 0.5\n"
            'label = "تاریخ تاریخ تاریخ"\n',
            "page.field: its label is",
        ),
        (
            "render.count = 2\n[page]\nsize = [64, 64]\n[[page.text]]\nat = [0.9, 0.5]\n"
            'words = ["a\u202eb"]\n',
            "page: found U+202E in it, which turns the direction of text",
        ),
        ("render.count = 2\n", "classes: missing, expected a table [classes]"),
    ],
)
def test_pages_that_cannot_be_are_refused(
    text: str, problem: str, write_letter: WriteRecipe
) -> None:
    path = write_letter(f'fonts.files = ["{FONTS}/persian/Vazirmatn*.ttf"]\n{text}')
    with pytest.raises(RecipeError) as error:
        prepare_render(read_recipe(path), use_cache=False)
    assert problem in "\n".join(error.value.problems)


def test_a_ruled_line_covers_as_much_as_it_should() -> None:
    image = np.zeros((200, 700), dtype=np.uint8)
    corners = np.array([[10.0, 20.0], [690.0, 160.0], [688.0, 166.0], [8.0, 26.0]])
    fill_convex(image, corners)
    x, y = corners.T
    area = abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2
    assert image.sum() / 255 == pytest.approx(area, rel=0.02)
    turned = np.zeros_like(image)
    fill_convex(turned, corners[::-1])
    assert np.array_equal(image, turned)
    assert not image[:, :7].any()


def test_a_report_counts_and_shows_boxes(letters: Path, tmp_path: Path) -> None:
    make_report([letters], tmp_path / "r.html")
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Boxes by level" in page
    assert "The first page" in page
    boxes = read_annotations(letters, {})
    assert boxes is not None
    assert f"{(boxes['level'] == 3).sum():,}" in page
    assert "U+0633" not in page, "words are not spelled out"
