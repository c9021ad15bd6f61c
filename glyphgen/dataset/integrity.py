"""Whether a dataset's arrays are what its index.json says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from glyphgen.dataset.index import INDEX_NAME, Index, read_index
from glyphgen.dataset.reader import Dataset
from glyphgen.dataset.shards import describe_damage, open_shards
from glyphgen.errors import DatasetError
from glyphgen.text import show_some

__all__ = ["verify_shards"]


def verify_shards(folder: Path) -> list[str]:
    """Read every shard again and compare its hash, and its counts of classes, with index.json.

    Returns:
        One line for each thing that is wrong; none if all is right.

    Raises:
        DatasetError: There is no index.json to compare with.
    """
    index = read_index(folder)
    # Several shards may lie in one damaged file: it is named once.
    problems = list(dict.fromkeys(_find_damage(folder, index)))
    return problems or list(_find_wrong_counts(folder, index))


def _find_damage(folder: Path, index: Index) -> Iterator[str]:
    shards = open_shards(folder, index)
    for k, info in enumerate(index.shards):
        try:
            arrays = shards.read(k)
        except DatasetError as error:
            yield from error.problems
        else:
            if shards.describe_shard(k, arrays) != info:
                yield describe_damage(f"{folder}: shard {k}")


def _find_wrong_counts(folder: Path, index: Index) -> Iterator[str]:
    for split in index.splits:
        labels = np.asarray(Dataset(folder, index, split).labels)
        counts = np.bincount(labels, minlength=len(index.classes)).tolist()
        expected = [info.rows.get(split, 0) for info in index.classes]
        expected += [0] * (len(counts) - len(expected))
        wrong = [
            f"{found} of class {label} (expected {wanted})"
            for label, (found, wanted) in enumerate(zip(counts, expected, strict=True))
            if found != wanted
        ]
        if wrong:
            yield (
                f"{folder}: rows of split '{split}' do not match {INDEX_NAME}: {show_some(wrong)}"
                " (make the dataset again, with --force)"
            )
