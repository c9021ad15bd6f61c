"""Shards: consecutive rows that are made, hashed and committed as one unit."""

from pathlib import Path

from glyphgen.choices import STORAGE_FORMATS
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
from glyphgen.errors import DatasetError
from glyphgen.files.store import open_store

__all__ = [
    "Arrays",
    "Layout",
    "Shards",
    "describe_damage",
    "hash_arrays",
    "make_shards",
    "open_shards",
    "reopen_dataset",
]


def make_shards(folder: Path, format: str, layout: Layout) -> Shards:
    """Return the shards of a dataset that is to be made; ``format`` is a key of ``STORAGE_FORMATS``."""
    shards: Shards = STORAGE_FORMATS[format].load()(folder, layout)
    return shards


def open_shards(folder: Path, index: Index) -> Shards:
    """Return the shards of a complete dataset.

    Raises:
        DatasetError: Its format is not in ``STORAGE_FORMATS``, or NumPy has no such type of a sample field.
    """
    if index.format not in STORAGE_FORMATS:
        expected = " or ".join(STORAGE_FORMATS)
        raise DatasetError(
            f"{folder / INDEX_NAME}: format is '{index.format}', expected {expected}"
        )
    try:
        layout = Layout.from_index(index)
    except TypeError as error:
        raise DatasetError(f"{folder / INDEX_NAME}: sample_fields: {error}") from error
    return make_shards(folder, index.format, layout)


def reopen_dataset(folder: Path) -> None:
    """Make a complete dataset an unfinished one, so that its damaged shards can be made again.

    Raises:
        DatasetError: It is not complete, or the disk refused.
    """
    index = read_index(folder)
    write_claim(folder, index.content_key)
    for k, info in enumerate(index.shards):
        write_note(folder, k, info)
    open_store(folder).delete(INDEX_NAME, durable=True)
