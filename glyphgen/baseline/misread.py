"""Images that were misread, as a table: which row, of which file, and what was read."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.metrics import Predictions
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DatasetError
from glyphgen.files.opening import describe_unread
from glyphgen.files.store import open_store
from glyphgen.files.writing import write_bytes
from glyphgen.text import show_foreign

__all__ = ["name_files", "write_misread"]

_COLUMNS = ("row", "file", "actual", "read", "loss")


_FILES_NAME = "files.txt"  # what an import from a folder of pictures leaves


def name_files(dataset: Dataset, rows: NDArray[np.int64]) -> list[str]:
    """Return where each row comes from: its font, its image file, or its source and the row there."""
    index, samples = dataset.index, np.asarray(dataset.samples[rows])
    names = samples.dtype.names or ()
    faces = samples["face"].tolist() if "face" in names else [len(index.faces)] * len(rows)
    sources = samples["source"].tolist() if "source" in names else [0] * len(rows)
    source_rows = samples["source_row"].tolist() if "source_row" in names else [-1] * len(rows)
    found, pictures = [], _read_picture_names(dataset)
    for face, source, row in zip(faces, sources, source_rows, strict=True):
        if face < len(index.faces):
            found.append(index.faces[face].file)
        elif source == 0 and 0 <= row < len(pictures):
            found.append(pictures[row])
        elif source < len(index.sources):
            found.append(f"{index.sources[source].name}:{row}")
        else:
            found.append("unknown")
    return found


def _read_picture_names(dataset: Dataset) -> list[str]:
    """Return the image files of a dataset that was imported from a folder of them, in their order there."""
    if dataset.index.made_by != "import" or _FILES_NAME not in dataset.index.files:
        return []
    try:
        content = open_store(dataset.folder).get_range(_FILES_NAME)
    except OSError as error:
        raise DatasetError(f"{dataset.folder / _FILES_NAME}: {describe_unread(error)}") from None
    return list(map(show_foreign, content.decode("utf-8", "surrogateescape").splitlines()))


def write_misread(
    path: Path,
    predictions: Predictions,
    labels: Sequence[str],
    rows: NDArray[np.int64],
    files: Sequence[str],
) -> int:
    """Write the misread images as CSV, those of the highest loss first, and return how many they are.

    Args:
        path: The file; its folder is made when absent.
        predictions: For n images.
        labels: Of the classes.
        rows: int64 (n,), of each image in its dataset.
        files: Of each image, see ``name_files``.

    Raises:
        DatasetError: The disk refused.
    """
    wrong = np.flatnonzero(predictions.targets != predictions.predicted)
    wrong = wrong[np.argsort(-predictions.losses[wrong], kind="stable")]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for k in wrong.tolist():
        actual, read = labels[predictions.targets[k]], labels[predictions.predicted[k]]
        writer.writerow((rows[k], files[k], actual, read, f"{predictions.losses[k]:.4f}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, text.getvalue().encode())
    return len(wrong)
