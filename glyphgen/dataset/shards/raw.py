"""Format npy in a store: one object for each shard, the bytes of its images, labels and samples.

They are the very bytes that the hash of a shard is of, so that the hash of the object is that hash; and
where a row lies in it, follows from the shapes.
"""

import numpy as np

from glyphgen.dataset.shards.contract import Arrays, Shards, describe_damage, read_errors
from glyphgen.errors import DatasetError
from glyphgen.files.opening import ARRAY

__all__ = ["RawShards"]


class RawShards(Shards):
    """shard-00000.bin, shard-00001.bin and so on; index.json says images.npy of them, as of a folder."""

    def prepare(self) -> None:
        """Do nothing: every object is put by the process that makes its shard."""

    def read(self, k: int) -> Arrays:
        """Read the object of a shard."""
        name, n = self._name_part(k), len(self.layout.find_rows(k))
        with read_errors(self.folder / name):
            content = self.store.get_range(name, kind=ARRAY)
        if len(content) != n * self.layout.row_bytes:
            raise DatasetError(describe_damage(f"{self.folder / name}:"))
        return self.layout.split_content(np.frombuffer(content, np.uint8), n)

    @property
    def parts(self) -> tuple[range, ...]:
        """One part for each shard."""
        return tuple(self.layout.find_rows(k) for k in range(self.layout.n_shards))

    def map(self, part: int) -> Arrays:
        """Read the object of a shard into memory."""
        return self.read(part)

    def finish(self) -> None:
        """Do nothing: every object is in its place."""

    def name_files(self) -> tuple[str, ...]:
        """Return the names of the objects."""
        return tuple(map(self._name_part, range(self.layout.n_shards)))

    def _write_arrays(self, k: int, arrays: Arrays) -> None:
        self.store.put(self._name_part(k), *arrays)

    def _name_part(self, k: int) -> str:
        return f"shard-{k:05d}.bin"
