"""Boxes on images survive merging and importing: on their row, of their class and about their ink."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FONTS
from listening import Listener
from numpy.typing import NDArray
from tampering import forge_index
from tiny_sources import write_tree

import glyphgen
from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.dataset.annotations import ANNOTATION_DTYPE, ANNOTATIONS_NAME, dump_annotations
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DamagedError, DatasetError, TrainingError
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.import_options import AssemblyOptions
from glyphgen.layout.page_lines import turn

PAGES = f"""
fonts.files = ["{FONTS}/latin/PatrickHand*.ttf"]
[gate]
on_refused = "skip"
[page]
size = [96, 128]
skew = [-4, 4]
"""
FIRST = f"""
seed = 1
render.count = 10
{PAGES}
[[page.field]]
label = "date"
value = " {{day}}/{{month}}"
at = [0.1, 0.3]
size = 0.14
[[page.text]]
at = [0.1, 0.6]
words = ["ink", "paper", "of"]
lines = [1, 2]
size = 0.12
[split]
by = "sample"
test = 0.3
"""
SECOND = f"""
seed = 2
render.count = 8
image.polarity = "{BLACK_ON_WHITE}"
{PAGES.replace("[96, 128]", "[120, 120]")}
[[page.text]]
at = [0.1, 0.7]
words = ["paper", "date:", "ink"]
lines = [1, 2]
size = 0.12
[[page.field]]
label = "number"
value = " {{day}}"
at = [0.1, 0.3]
size = 0.14
[split]
by = "sample"
val = 0.25
"""


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Pages of two recipes, whose classes, splits, polarity and size differ, and scans without boxes."""
    folder = tmp_path_factory.mktemp("parts")
    for name, text in (("first", FIRST), ("second", SECOND)):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        glyphgen.render_dataset(glyphgen.read_recipe(folder / f"{name}.toml"), folder / name)
    glyphgen.import_dataset(
        "folder", write_tree(folder / "tree", {"あ": 3, "date": 1}), folder / "scans"
    )
    return [folder / name for name in ("first", "second", "scans")]


@pytest.fixture(scope="module")
def told() -> Listener:
    return Listener()


@pytest.fixture(scope="module")
def merged(parts: list[Path], told: Listener, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    out = tmp_path_factory.mktemp("merged") / "all"
    return glyphgen.load(glyphgen.merge_datasets(parts, out, reporter=told).folder)


def list_pairs(merged: Dataset, parts: list[Path]) -> list[tuple[int, Dataset, int]]:
    """Return each row of a dataset with the dataset and the row that it is made of."""
    sources = [glyphgen.load(part) for part in parts]
    return [
        (row, sources[sample["source"]], int(sample["source_row"]))
        for row, sample in enumerate(merged.samples[:])
    ]


def test_every_row_keeps_its_boxes_under_its_own_classes(
    merged: Dataset, parts: list[Path]
) -> None:
    assert set(merged.index.splits) == {"train", "val", "test"}
    n_boxes = 0
    for row, source, source_row in list_pairs(merged, parts):
        now, was = merged.boxes(row), source.boxes(source_row)
        assert (now["row"] == row).all()
        assert [merged.classes[k].label for k in now["class_index"]] == [
            source.classes[k].label for k in was["class_index"]
        ]
        for name in ("level", "parent", "order", "codepoints"):
            assert np.array_equal(now[name], was[name])
        n_boxes += len(now)
    assert n_boxes == len(np.load(merged.folder / ANNOTATIONS_NAME)) > 500


def test_boxes_of_a_split_are_those_of_its_rows(merged: Dataset, parts: list[Path]) -> None:
    for split, (first, end) in merged.index.splits.items():
        part = glyphgen.load(merged.folder, split)
        for row in range(end - first):
            assert np.array_equal(part.boxes(row), merged.boxes(first + row))
    labels = {
        "train": {"date", "text", "number"},
        "val": {"text", "number"},
        "test": {"date", "text"},
    }
    for split, expected in labels.items():
        part = glyphgen.load(merged.folder, split)
        found = {
            part.classes[k].label for n in range(len(part)) for k in part.boxes(n)["class_index"]
        }
        assert found == expected


@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_boxes_move_with_images_of_another_size(
    parts: list[Path], tmp_path: Path, fit: str
) -> None:
    options = AssemblyOptions(fit=fit, height=150, width=100)
    folder = glyphgen.merge_datasets(parts, tmp_path / "all", options=options).folder
    merged = glyphgen.load(folder)
    for row, source, source_row in list_pairs(merged, parts):
        now, was = merged.boxes(row), source.boxes(source_row)
        if not len(now):
            continue
        ink = merged.ink[row].astype(np.float64)
        covered = np.zeros(ink.shape, dtype=np.bool_)
        for box in now[now["level"] == 3]:
            covered[cover(box)] = True
        # An area resize may spread a little ink by a pixel.
        assert ink[~covered].sum() < 0.03 * ink.sum()
        whole = find_box(ink > 40)
        block = now[now["level"] == 0]
        assert abs(block["x"].min() - whole[0]) < 2
        assert abs((block["y"] + block["height"]).max() - whole[3]) < 2
        sample, shape = source.samples[source_row], source.images.shape[1:]
        height = 150 if fit == "stretch" else 100 * shape[0] // shape[1]
        scale = np.array([100 / shape[1], height / shape[0]])
        shift = np.array([0, (150 - height) // 2])
        np.testing.assert_allclose(
            find_corners(now, merged.samples[row], ink.shape),
            find_corners(was, sample, shape) * scale + shift,
            atol=1e-3,
        )


def cover(box: Any) -> tuple[slice, slice]:
    left, top = int(box["x"]), int(box["y"])
    right, bottom = np.ceil([box["x"] + box["width"], box["y"] + box["height"]]).astype(int)
    return slice(top, bottom), slice(left, right)


def find_box(ink: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def find_corners(boxes: NDArray[Any], sample: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the corners of boxes as they stand on the turned page."""
    frame = shape[0], shape[1]
    return turn(boxes["corners"].astype(np.float64), float(sample["rotation_deg"]), frame)


def test_a_part_without_boxes_is_named(merged: Dataset, parts: list[Path], told: Listener) -> None:
    assert [line for line in told.lines if "boxes" in line] == [
        f"warning: {parts[2]}: has no boxes, its images will have none beside the others'"
    ]
    assert not any("classes without an image" in line for line in told.lines)
    assert glyphgen.verify_dataset(merged.folder).problems == ()


def test_boxes_of_rows_that_are_left_out_are_left_out(parts: list[Path], tmp_path: Path) -> None:
    """The same pages without splits: those of test are no train pages."""
    (tmp_path / "pool.toml").write_text(FIRST.split("[split]", maxsplit=1)[0], encoding="utf-8")
    glyphgen.render_dataset(glyphgen.read_recipe(tmp_path / "pool.toml"), tmp_path / "pool")
    folder = glyphgen.merge_datasets([parts[0], tmp_path / "pool"], tmp_path / "all").folder
    merged, pairs = glyphgen.load(folder), [parts[0], tmp_path / "pool"]
    assert len(merged) == 17
    n_boxes = sum(
        len(source.boxes(source_row)) for _, source, source_row in list_pairs(merged, pairs)
    )
    assert len(np.load(folder / ANNOTATIONS_NAME)) == n_boxes


def test_fields_that_show_the_same_words_stay_classes_of_their_own(merged: Dataset) -> None:
    """In the first recipe digits belong to the date, in the second to the number."""
    assert sorted(info.label for info in merged.classes) == ["date", "number", "page", "text", "あ"]


def test_merged_pages_are_exported_with_all_their_boxes(merged: Dataset, tmp_path: Path) -> None:
    export_dataset("coco", merged.folder, tmp_path / "coco")
    names: set[str] = set()
    for split in merged.index.splits:
        page = json.loads((tmp_path / "coco" / f"annotations-{split}.json").read_text("utf-8"))
        name_of = {one["id"]: one["name"] for one in page["categories"]}
        assert sorted(name_of) == list(range(1, 7))
        assert all(
            name_of[one["category_id"]]
            == (one["label"] if one["level"] == "block" else one["level"])
            for one in page["annotations"]
        )
        names |= {name_of[one["category_id"]] for one in page["annotations"]}
    assert names == {"date", "number", "text", "line", "word", "character"}


def test_an_import_of_pages_keeps_the_boxes(parts: list[Path], tmp_path: Path) -> None:
    listener = Listener()
    folder = glyphgen.import_dataset("dataset", parts[0], tmp_path / "x", reporter=listener).folder
    data = glyphgen.load(folder)
    for row, source, source_row in list_pairs(data, parts):
        now, was = data.boxes(row).copy(), source.boxes(source_row)
        now["row"] = source_row
        assert np.array_equal(now, was)
    assert not any("classes without" in line for line in listener.lines)
    assert glyphgen.verify_dataset(folder).problems == ()


def test_boxes_of_rows_that_are_not_there_are_refused(tmp_path: Path, parts: list[Path]) -> None:
    folder = tmp_path / "forged"
    shutil.copytree(parts[0], folder)
    boxes = np.zeros(1, ANNOTATION_DTYPE)
    boxes["class_index"] = 99
    content = dump_annotations(boxes)
    (folder / ANNOTATIONS_NAME).write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    forge_index(folder, lambda page: page["files"].update({ANNOTATIONS_NAME: sha256}))
    with pytest.raises(DamagedError) as caught:
        glyphgen.merge_datasets([folder, parts[1]], tmp_path / "out")
    assert caught.value.problems == (
        f"{folder / ANNOTATIONS_NAME}: boxes of rows or classes that are not there"
        " (make the dataset again, with --force)",
    )


def test_pages_are_not_balanced_and_not_trained_on(parts: list[Path], tmp_path: Path) -> None:
    from glyphgen.baseline.running import train_baseline

    expected = (
        f"{parts[0]}: pages with boxes, expected images of one class each (`glyphgen export coco"
        f" {parts[0]} --out DIR` and `glyphgen import coco DIR/annotations-train.json --crops"
        " word` make a dataset of what is in the boxes)"
    )
    with pytest.raises(DatasetError) as balancing:
        glyphgen.prepare_balance(parts[0], 10)
    with pytest.raises(TrainingError) as training:
        train_baseline(parts[0], tmp_path / "run")
    assert balancing.value.problems == training.value.problems == (expected,)
