"""Shards of a store, mapped from copies in the user's cache: whole ones, each checked by its hash."""

from collections.abc import Sequence
from io import BufferedReader

import numpy as np

from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards.contract import Arrays, Shards, describe_damage, hash_shard_bytes
from glyphgen.errors import DamagedError
from glyphgen.files.fetched import open_fetched

__all__ = ["FetchedShards"]


class FetchedShards:
    """The shards of a complete dataset in a store, to be mapped one by one.

    A copy holds the bytes that the hash in index.json is of, whatever the format in the store.

    Args:
        shards: In the store.
        infos: What index.json says of them.
    """

    def __init__(self, shards: Shards, infos: Sequence[ShardInfo]) -> None:
        self._shards = shards
        self._infos = infos
        self.layout = shards.layout

    @property
    def parts(self) -> tuple[range, ...]:
        """One part for each shard."""
        return tuple(map(self.layout.find_rows, range(self.layout.n_shards)))

    def map(self, part: int) -> Arrays:
        """Map the copy of a shard, which is fetched where there is none.

        Raises:
            DatasetError: The shard is missing or damaged in the store.
            MachineError: The store cannot be reached, or the cache cannot be written.
        """
        info = self._infos[part]

        def fetch() -> Arrays:
            arrays = self._shards.read(part)
            if not self._shards.is_whole(part, arrays, info):
                raise DamagedError(describe_damage(f"{self._shards.folder}: shard {part}"))
            return arrays

        def hash_file(file: BufferedReader) -> str:
            return hash_shard_bytes(np.memmap(file, np.uint8, "r"), info)

        with open_fetched(info.digest, hash_file, fetch) as file:
            content = np.asarray(np.memmap(file, np.uint8, "r"))
        return self.layout.split_content(content, len(self.layout.find_rows(part)))
