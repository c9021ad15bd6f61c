"""The section of a dataset's page about boxes: how many there are, and a page that shows them."""

import numpy as np

from glyphgen.choices import LEVELS
from glyphgen.dataset.annotations import frame_boxes, read_annotations
from glyphgen.dataset.reader import Dataset
from glyphgen.images.png import make_data_uri
from glyphgen.report.blocks import Block, large_image, table, text

__all__ = ["describe_boxes"]


def describe_boxes(dataset: Dataset) -> list[Block]:
    """Return the blocks of the section; none where the dataset has no boxes."""
    boxes = read_annotations(dataset.folder, dataset.index.files)
    if boxes is None or not len(boxes):
        return []
    n_pages = len(dataset)
    levels = np.bincount(boxes["level"], minlength=len(LEVELS))
    rows = [
        (level, f"{n:,}", f"{n / n_pages:,.1f}")
        for level, n in zip(LEVELS, levels.tolist(), strict=True)
    ]
    blocks = np.flatnonzero(boxes["level"] == 0)
    of_class = np.bincount(boxes["class_index"][blocks], minlength=len(dataset.classes))
    kinds = [
        (info.label, f"{of_class[info.index]:,}", f"{of_class[info.index] / n_pages:.0%}")
        for info in dataset.classes
        if of_class[info.index]
    ]
    page = np.repeat(np.asarray(dataset.images[0])[..., None], 3, axis=2)
    frame_boxes(page, dataset.boxes(0))
    return [
        text("Boxes of blocks are red, of lines green, of words blue and of characters yellow."),
        table("Boxes by level", ["level", "boxes", "on a page"], rows, [1, 2]),
        table("Fields and blocks", ["class", "boxes", "of pages"], kinds, [1, 2]),
        large_image(make_data_uri(page), "The first page", is_open=True),
    ]
