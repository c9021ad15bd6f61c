"""Notes of finished shards: empty files in the work folder, each named by its shard and hash.

So one listing reads them all, and a power cut cannot tear one.
"""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.claim import KEPT_INDEX, WORK
from glyphgen.dataset.index import read_index
from glyphgen.dataset.shard_table import DIGEST_LENGTH
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.files.store import open_store
from glyphgen.files.writing import disk_errors

__all__ = ["NOTED", "map_notes", "put_note", "read_notes", "remove_note"]

NOTED = np.dtype([("blake3", f"S{DIGEST_LENGTH}"), ("sha256", f"S{DIGEST_LENGTH}")])
"""What is noted of a shard: the hash of its arrays, of one of two kinds; neither where nothing is noted."""

_NAME = re.compile(rf"shard-(\d{{5,}})-([0-9a-f]{{{DIGEST_LENGTH}}})")


def put_note(folder: Place, k: int, blake3: str) -> None:
    """Note that shard ``k`` is there, with a hash.

    Raises:
        DatasetError: The disk refused.
    """
    # Not durable: after a power cut a lost note costs no more than making its shard again, while to
    # sync each would make the workers wait for the disk.
    open_store(folder).put(_name_note(k, blake3), durable=False)


def remove_note(folder: Place, k: int, blake3: str) -> None:
    """Take a note back.

    Raises:
        DatasetError: The disk refused.
    """
    open_store(folder).delete(_name_note(k, blake3))


def read_notes(folder: Place, n_shards: int) -> NDArray[np.void]:
    """Return what is noted of each shard of an unfinished dataset: (n_shards,) of ``NOTED``.

    A dataset that was opened again has its old index in place of a note for each shard.

    Raises:
        DatasetError: The place cannot be listed.
    """
    noted = np.zeros(n_shards, NOTED)
    store = open_store(folder)
    names = store.list(WORK)
    if KEPT_INDEX.rpartition("/")[2] in names:
        try:
            for k, info in enumerate(read_index(folder / WORK).shards[:n_shards]):
                noted[k] = info.blake3, info.sha256
        except DatasetError:  # cut short by a power cut
            noted[:] = np.zeros((), NOTED)
    for name in names:
        if (found := _NAME.fullmatch(name)) and int(found[1]) < n_shards:
            noted[int(found[1])] = found[2], ""
    return noted


def map_notes(path: Path) -> NDArray[np.void]:
    """Map what ``read_notes`` has returned from the file that it was written into.

    Raises:
        DatasetError: It cannot be read.
    """
    with disk_errors(path, "read"), open_regular(path, ARRAY) as file:
        return np.asarray(np.memmap(file, NOTED, "r"))


def _name_note(k: int, blake3: str) -> str:
    return f"{WORK}/shard-{k:05d}-{blake3}"
