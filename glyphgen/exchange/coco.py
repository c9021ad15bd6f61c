"""COCO: pictures beside a JSON page of boxes; written from pages, and read back as crops of boxes.

Source: the data format of the COCO dataset, cocodataset.org. Identifiers count from 1: an annotation 0 is
taken for none by evaluation tools.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import LEVELS, SPLITS
from glyphgen.dataset.annotations import read_annotations
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DatasetError, ImageError, SourceError
from glyphgen.exchange.classmap import class_order
from glyphgen.exchange.folder import require_one_path
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import (
    ImageFindings,
    ImportSource,
    Skipped,
    SourceClass,
    SourceImages,
    examine_images,
)
from glyphgen.exchange.stored import describe_file, source_errors
from glyphgen.files.opening import FileKind, read_regular
from glyphgen.files.writing import committed, make_folder
from glyphgen.images.decoding import decode_image, read_image_file
from glyphgen.images.png import write_png
from glyphgen.layout.page_lines import turn
from glyphgen.progress import Reporter, track

if TYPE_CHECKING:  # most exports need no fonts
    from glyphgen.render.page_polygons import FindPolygons

__all__ = ["open_coco", "write_coco"]

Floats = NDArray[np.float64]

_PICTURES = "images"
_BOXES = FileKind("a page of boxes", 4 << 30)
_LEAST_PX = 2  # a side of a crop
_VOTERS = 1000  # crops whose polarity is looked at


def write_coco(dataset: Dataset, out: Path, reporter: Reporter, *, polygons: bool = False) -> None:
    """Write pages and their boxes: ``images/*.png``, and ``annotations-train.json`` and its fellows.

    Categories are the classes of fields and blocks, and behind them line, word and character. Each
    annotation has, besides what COCO asks for, ``text``, ``level``, ``order``, ``parent`` and ``label``,
    the class of its field or block; ``segmentation`` is the box turned with its page, or the polygons
    of the ink of a character.

    Args:
        dataset: Of pages.
        out: A folder; made when absent.
        reporter: Is told how many pages are written.
        polygons: Make polygons of the outlines that drew the pages: the recipe's fonts have to be there.

    Raises:
        DatasetError: The dataset has no boxes, its outlines cannot be had again, or the disk refused.
    """
    boxes = read_annotations(dataset.folder, dataset.index.files)
    if boxes is None:
        raise DatasetError(
            f"{dataset.folder}: has no boxes, expected pages (a recipe with [page] makes them)"
        )
    find_polygons = None
    if polygons:
        from glyphgen.render.page_polygons import recall_polygons

        find_polygons = recall_polygons(dataset, reporter=reporter)
    make_folder(out / _PICTURES)
    rows = track(range(len(dataset)), step="write", unit="pages", reporter=reporter)
    for row in rows:
        write_png(out / _PICTURES / _name_picture(row), np.asarray(dataset.images[row]), quick=True)
    skews = np.asarray(dataset.samples)["rotation_deg"]
    for split, (first, last) in dataset.index.splits.items():
        with (
            committed(out / f"annotations-{split}.json") as path,
            path.open("w", encoding="utf-8") as file,
        ):
            file.writelines(_write_page(dataset, boxes, range(first, last), skews, find_polygons))


def _name_picture(row: int) -> str:
    return f"{row:08}.png"


def _write_page(
    dataset: Dataset,
    boxes: NDArray[Any],
    rows: range,
    skews: NDArray[Any],
    find_polygons: "FindPolygons | None",
) -> Iterator[str]:
    """Yield the JSON of one split, box by box: it may be larger than memory."""
    ids = _number_categories(dataset, boxes)
    yield json.dumps(_make_head(dataset, rows, ids), ensure_ascii=False)[:-1]
    yield ', "annotations": [\n'
    firsts = np.searchsorted(boxes["row"], [*rows, rows.stop])
    frame = dataset.index.image.height, dataset.index.image.width
    number = 1
    for k, row in enumerate(rows):
        own = np.asarray(boxes[firsts[k] : firsts[k + 1]])
        corners = own["corners"].astype(np.float64)
        if len(own) and skews[row]:
            corners = turn(corners, float(skews[row]), frame)
        found = find_polygons(row) if find_polygons is not None else []
        shapes = [*([()] * (len(own) - len(found))), *found]
        for one in _describe_boxes(own, corners, shapes, number, dataset, ids):
            yield (",\n" if number > 1 else "") + json.dumps(one, ensure_ascii=False)
            number += 1
    yield "\n]}\n"


def _make_head(dataset: Dataset, rows: range, ids: Mapping[int, int]) -> dict[str, Any]:
    """Return what stands before the annotations of one split."""
    image = dataset.index.image
    images = [
        {
            "id": row + 1,
            "file_name": _name_picture(row),
            "height": image.height,
            "width": image.width,
        }
        for row in rows
    ]
    categories = [
        {"id": number, "name": dataset.classes[k].label, "supercategory": LEVELS[0]}
        for k, number in ids.items()
    ]
    categories += [
        {"id": len(ids) + level, "name": LEVELS[level], "supercategory": LEVELS[level]}
        for level in range(1, len(LEVELS))
    ]
    return {"info": {"description": dataset.index.name}, "images": images, "categories": categories}


def _number_categories(dataset: Dataset, boxes: NDArray[Any]) -> dict[int, int]:
    """Return the numbers, from 1, of the classes of fields and blocks: they have boxes, or no images."""
    n_boxes = np.bincount(boxes["class_index"], minlength=len(dataset.classes))
    named = [
        k for k, info in enumerate(dataset.classes) if n_boxes[k] or not sum(info.rows.values())
    ]
    return {k: number for number, k in enumerate(named, start=1)}


def _describe_boxes(
    own: NDArray[Any],
    corners: Floats,
    shapes: Sequence[Sequence[Floats]],
    first: int,
    dataset: Dataset,
    ids: Mapping[int, int],
) -> Iterator[dict[str, Any]]:
    """Yield the annotations of a page.

    Args:
        own: Its boxes.
        corners: Of each on the page as it is drawn, (n, 4, 2).
        shapes: The polygons of the ink of each; where there are none, the box stands for it.
        first: Number of the first annotation.
        dataset: Of the page.
        ids: Categories of classes.
    """
    texts = _join_texts(own)
    for k, (box, shape) in enumerate(zip(own, shapes, strict=True)):
        level = int(box["level"])
        label = int(box["class_index"])
        x, y, width, height = (round(float(box[name]), 3) for name in ("x", "y", "width", "height"))
        area = sum(map(_measure_area, shape)) if shape else width * height
        yield {
            "id": first + k,
            "image_id": int(box["row"]) + 1,
            "category_id": len(ids) + level if level else ids[label],
            "bbox": [x, y, width, height],
            "area": round(area, 3),
            "iscrowd": 0,
            "segmentation": [
                np.round(polygon, 2).ravel().tolist() for polygon in shape or corners[k : k + 1]
            ],
            "text": texts[k],
            "level": LEVELS[level],
            "order": int(box["order"]),
            "parent": first + int(box["parent"]) if box["parent"] >= 0 else None,
            "label": dataset.classes[label].label,
        }


def _measure_area(polygon: Floats) -> float:
    (x, y), (x_next, y_next) = polygon.T, np.roll(polygon, -1, axis=0).T
    return abs(float((x * y_next - x_next * y).sum())) / 2


def _join_texts(own: NDArray[Any]) -> list[str]:
    """Return the text of every box of a page: characters make words, words lines, lines blocks."""
    texts = [""] * len(own)
    for k in range(len(own) - 1, -1, -1):  # each level stands behind the one above
        if own["level"][k] == len(LEVELS) - 1:
            texts[k] = "".join(map(chr, filter(None, own["codepoints"][k].tolist())))
    for level in range(len(LEVELS) - 1, 0, -1):
        space = "" if level == len(LEVELS) - 1 else " "
        for k in np.flatnonzero(own["level"] == level).tolist():
            above = int(own["parent"][k])
            texts[above] += (space if texts[above] else "") + texts[k]
    return texts


# --- Reading


@dataclass(frozen=True, slots=True)
class _Crop:
    """One box: which file, and left, top, right, bottom in pixels."""

    file: str
    box: tuple[int, int, int, int]


class _Crops(SourceImages):
    """Boxes, cut from their pictures when they are read."""

    def __init__(self, folder: Path, crops: Sequence[_Crop]) -> None:
        self._folder, self._crops = folder, tuple(crops)

    def read(self, rows: NDArray[np.int64]) -> Iterable[NDArray[np.uint8]]:
        @lru_cache(maxsize=2)  # rows of one picture lie together
        def open_picture(name: str) -> NDArray[np.uint8]:
            path = self._folder / name
            try:
                with source_errors(path):
                    return decode_image(read_image_file(path))
            except ImageError as error:
                raise SourceError(f"{path}: {error}") from None

        for row in rows.tolist():
            crop = self._crops[row]
            left, top, right, bottom = crop.box
            yield open_picture(crop.file)[top:bottom, left:right]


def open_coco(paths: tuple[Path, ...], options: ImportOptions, reporter: Reporter) -> ImportSource:
    """Open boxes as a source of small images.

    Args:
        paths: Of the JSON page, beside which ``images`` or the pictures themselves lie.
        options: ``crops`` names the level of the boxes: those of blocks are of the class of their
            category, the others of their text; by default all boxes are of their category.
        reporter: Is told how many boxes are read.

    Raises:
        SourceError: It is no page of boxes, a picture is missing, or no box is left.
    """
    path = require_one_path(paths)
    folder = path.parent / _PICTURES if (path.parent / _PICTURES).is_dir() else path.parent
    # Boxes of fields and blocks are of their category, the others of what is written in them.
    is_text = options.crops not in (None, LEVELS[0])
    crops, labels, skipped = _choose_crops(_read_page(path), options.crops, is_text=is_text)
    if not crops:
        raise SourceError(
            f"{path}: holds no boxes{f' of {options.crops}s' if options.crops else ''},"
            " expected one or more"
        )
    classes = [
        SourceClass(label=label, forms=(label,) if is_text else ())
        for label in dict.fromkeys(labels)
    ]
    classes.sort(key=class_order)
    place = {entry.label: k for k, entry in enumerate(classes)}
    images = _Crops(folder, crops)
    split = next((k for k, name in enumerate(SPLITS) if path.stem.endswith(name)), 0)
    return ImportSource(
        name=path.parent.resolve().name,
        files=(describe_file(path, "coco", len(crops)),),
        classes=tuple(classes),
        class_index=np.array([place[label] for label in labels], dtype=np.uint32),
        split=np.full(len(crops), split, dtype=np.uint8),
        own_splits=(SPLITS[split],) if split else (),
        images=images,
        sizes=_count_sizes(crops),
        findings=_examine(images, crops, reporter),
        skipped=tuple(skipped),
    )


def _choose_crops(
    page: dict[str, Any], level: str | None, *, is_text: bool
) -> tuple[list[_Crop], list[str], list[Skipped]]:
    """Return the boxes of a level, the label of each, and the annotations that give none.

    Args:
        page: As COCO has it.
        level: Of ``LEVELS``; None for all boxes.
        is_text: Whether a label is the box's text, and not its category.
    """
    files = {image["id"]: image for image in page["images"]}
    names = {category["id"]: str(category["name"]) for category in page["categories"]}
    crops, labels, skipped = [], [], []
    for one in page["annotations"]:
        if level and one.get("level", LEVELS[0]) != level:
            continue
        found = _cut(one, files)
        label = str(one.get("text", "")) if is_text else names.get(one["category_id"], "")
        if isinstance(found, str) or not label:
            reason = found if isinstance(found, str) else "no label"
            skipped.append(Skipped(name=f"annotation {one.get('id')}", reason=reason))
            continue
        crops.append(found)
        labels.append(label)
    return crops, labels, skipped


def _read_page(path: Path) -> dict[str, Any]:
    with source_errors(path):
        content = read_regular(path, _BOXES)
    try:
        page = json.loads(content)
    except (ValueError, RecursionError):
        raise SourceError(f"{path}: is no JSON, expected COCO's images and annotations") from None
    keys = ("images", "annotations", "categories")
    if not isinstance(page, dict) or not all(isinstance(page.get(key), list) for key in keys):
        raise SourceError(f"{path}: expected the lists {', '.join(keys)}, as COCO has them")
    wanted = {
        "images": ("id", "file_name"),
        "categories": ("id", "name"),
        "annotations": ("image_id", "bbox", "category_id"),
    }
    for key, names in wanted.items():
        for number, entry in enumerate(page[key]):
            missing = [name for name in names if not isinstance(entry, dict) or name not in entry]
            if missing:
                raise SourceError(
                    f"{path}: {key}[{number}]: has no {missing[0]}, which COCO asks for"
                )
    return page


def _cut(one: dict[str, Any], files: dict[Any, dict[str, Any]]) -> _Crop | str:
    """Return where a box lies in its picture, or why it gives no row."""
    image = files.get(one["image_id"])
    if image is None:
        return f"its image {one['image_id']} is not there"
    name = str(image["file_name"])
    if Path(name).is_absolute() or ".." in Path(name).parts:
        return f"its image '{name}' is outside of the folder"
    try:
        x, y, width, height = (float(value) for value in one["bbox"])
    except (TypeError, ValueError):
        return "its box is not four numbers"
    left, top = int(np.floor(max(x, 0))), int(np.floor(max(y, 0)))
    right, bottom = int(np.ceil(x + width)), int(np.ceil(y + height))
    if "width" in image and "height" in image:
        right, bottom = min(right, int(image["width"])), min(bottom, int(image["height"]))
    if right - left < _LEAST_PX or bottom - top < _LEAST_PX:
        return f"its box is {max(right - left, 0)} x {max(bottom - top, 0)} pixels"
    return _Crop(name, (left, top, right, bottom))


def _count_sizes(crops: Sequence[_Crop]) -> dict[tuple[int, int], int]:
    sizes: dict[tuple[int, int], int] = {}
    for crop in crops:
        left, top, right, bottom = crop.box
        size = bottom - top, right - left
        sizes[size] = sizes.get(size, 0) + 1
    return sizes


def _examine(images: _Crops, crops: Sequence[_Crop], reporter: Reporter) -> ImageFindings:
    findings = ImageFindings()
    step = max(1, len(crops) // _VOTERS)
    found = iter(images.read(np.arange(len(crops))))
    for number in track(range(len(crops)), step="read", unit="boxes", reporter=reporter):
        image = next(found)
        name = f"{crops[number].file} {crops[number].box}"
        findings += examine_images(image[None], [name], step=step, first=number)
    return findings
