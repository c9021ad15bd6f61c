"""Shards: consecutive rows that are made, hashed and committed as one unit."""

from glyphgen.choices import STORAGE_FORMATS
from glyphgen.dataset.claim import KEPT_INDEX, write_claim
from glyphgen.dataset.index import INDEX_NAME, Index, read_index
from glyphgen.dataset.shards.contract import (
    Arrays,
    Layout,
    Shards,
    describe_damage,
    hash_arrays,
)
from glyphgen.dataset.shards.fetched_shards import FetchedShards
from glyphgen.dataset.shards.notes import map_notes
from glyphgen.dataset.shards.raw import RawShards
from glyphgen.errors import DatasetError
from glyphgen.files.address import Address, Place
from glyphgen.files.store import open_store

__all__ = [
    "Arrays",
    "FetchedShards",
    "Layout",
    "Shards",
    "describe_damage",
    "hash_arrays",
    "make_shards",
    "map_notes",
    "open_parts",
    "open_shards",
    "reopen_dataset",
]


def make_shards(folder: Place, format: str, layout: Layout) -> Shards:
    """Return the shards of a dataset that is to be made; ``format`` is a key of ``STORAGE_FORMATS``."""
    kind: type[Shards] = STORAGE_FORMATS[format].load()
    if isinstance(folder, Address) and not kind.IN_STORES:
        kind = RawShards
    return kind(folder, layout)


def open_parts(folder: Place, index: Index) -> Shards | FetchedShards:
    """Return what maps the rows of a complete dataset; errors as for ``open_shards``."""
    shards = open_shards(folder, index)
    return FetchedShards(shards, index.shards) if isinstance(folder, Address) else shards


def open_shards(folder: Place, index: Index) -> Shards:
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


def reopen_dataset(folder: Place) -> None:
    """Make a complete dataset an unfinished one, so that its damaged shards can be made again.

    Raises:
        DatasetError: It is not complete, or the disk refused.
    """
    store = open_store(folder)
    write_claim(folder, read_index(folder).content_key)
    store.put(KEPT_INDEX, store.get_range(INDEX_NAME))  # in place of a note for each shard
    store.delete(INDEX_NAME, durable=True)
