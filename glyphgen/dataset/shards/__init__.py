"""Shards, consecutive rows as one unit, and the table of formats; knows nothing of drawing."""

from pathlib import Path

from glyphgen.dataset.claim import write_claim
from glyphgen.dataset.index import INDEX_NAME, Index, read_index
from glyphgen.dataset.shards.contract import (
    Arrays,
    Layout,
    Shards,
    describe_damage,
    hash_arrays,
    write_note,
)
from glyphgen.dataset.shards.hdf5 import Hdf5Shards
from glyphgen.dataset.shards.npy import NpyShards
from glyphgen.errors import DatasetError
from glyphgen.files.writing import disk_errors, sync

__all__ = [
    "FORMATS",
    "Arrays",
    "Layout",
    "Shards",
    "describe_damage",
    "hash_arrays",
    "open_shards",
    "reopen_dataset",
]

FORMATS: dict[str, type[Shards]] = {
    "npy": NpyShards,
    "hdf5": Hdf5Shards,
}


def open_shards(folder: Path, index: Index) -> Shards:
    """Return the shards of a complete dataset.

    Raises:
        DatasetError: Its format is not in ``FORMATS``, or NumPy has no such type of a sample field.
    """
    if index.format not in FORMATS:
        raise DatasetError(
            f"{folder / INDEX_NAME}: format is '{index.format}', expected {' or '.join(FORMATS)}"
        )
    try:
        layout = Layout.from_index(index)
    except TypeError as error:
        raise DatasetError(f"{folder / INDEX_NAME}: sample_fields: {error}") from error
    return FORMATS[index.format](folder, layout)


def reopen_dataset(folder: Path) -> None:
    """Make a complete dataset an unfinished one, so that its damaged shards can be made again.

    Raises:
        DatasetError: It is not complete, or the disk refused.
    """
    index = read_index(folder)
    write_claim(folder, index.content_key)
    for k, info in enumerate(index.shards):
        write_note(folder, k, info)
    with disk_errors(folder):
        (folder / INDEX_NAME).unlink()
        sync(folder)
