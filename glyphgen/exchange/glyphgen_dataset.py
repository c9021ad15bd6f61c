"""Another glyphgen dataset as a source."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import BLACK_ON_WHITE, SPLITS
from glyphgen.dataset.annotations import ANNOTATIONS_NAME, read_annotations
from glyphgen.dataset.index import SourceInfo
from glyphgen.dataset.integrity import verify_files
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import DamagedError, DatasetError
from glyphgen.exchange.folder import require_one_path
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.provenance import read_provenance
from glyphgen.exchange.source import ImageFindings, ImportSource, SourceClass, SourceImages
from glyphgen.files.address import Place
from glyphgen.progress import Reporter
from glyphgen.text import compose_text

__all__ = ["open_dataset"]

_TOUCHED_BYTES = 64 << 10  # what Linux maps around the one page that is asked for
_MOST_TOUCHED_BYTES = 128 << 20


def open_dataset(
    paths: tuple[Place, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open a dataset, and check every file of it.

    Raises:
        DatasetError: It is missing, unfinished or damaged.
    """
    folder = require_one_path(paths)
    if problems := verify_files(folder, reporter=reporter):
        raise DatasetError(*problems)
    dataset = load(folder)
    index = dataset.index
    split = np.zeros(len(dataset), dtype=np.uint8)
    for name, (first, end) in index.splits.items():
        if name in SPLITS:
            split[first:end] = SPLITS.index(name)
    held_out = tuple(name for name in index.splits if name in SPLITS)
    provenance = read_provenance(dataset)
    is_white = index.image.polarity == BLACK_ON_WHITE
    return ImportSource(
        name=index.name,
        files=(
            SourceInfo(
                name=index.name,
                kind="dataset",
                sha256=index.content_key,
                rows=len(dataset),
                unknown=provenance.n_unknown if provenance else len(dataset),
            ),
        ),
        classes=tuple(
            SourceClass(label=compose_text(info.label), forms=info.forms) for info in index.classes
        ),
        class_index=np.asarray(dataset.labels),
        split=split,
        own_splits=held_out if held_out != ("train",) else (),
        images=_DatasetImages(dataset),
        sizes={(index.image.height, index.image.width): len(dataset)},
        findings=ImageFindings(
            white_on_black=not is_white, black_on_white=is_white, lowest=0, highest=255
        ),
        provenance=provenance,
        boxes=_read_boxes(dataset),
    )


def _read_boxes(dataset: Dataset) -> NDArray[np.void] | None:
    boxes = read_annotations(dataset.folder, dataset.index.files) if dataset.has_boxes else None
    if boxes is None or not len(boxes):
        return boxes
    n_rows, n_classes = len(dataset), len(dataset.classes)
    if boxes["row"].max() >= n_rows or boxes["class_index"].max() >= n_classes:
        raise DamagedError(
            f"{dataset.folder / ANNOTATIONS_NAME}: boxes of rows or classes that are not there"
            " (make the dataset again, with --force)"
        )
    return boxes


class _DatasetImages(SourceImages):
    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._n_touched = 0

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        images: NDArray[np.uint8] = self._dataset.images[rows]
        self._n_touched += len(rows) * _TOUCHED_BYTES
        if self._n_touched > _MOST_TOUCHED_BYTES:
            self._dataset.unmap()
            self._n_touched = 0
        return images
