"""What index.json says of shards: an entry each, or of very many a table in columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, overload

from annotated_types import Interval

__all__ = ["DIGEST_LENGTH", "Count", "ShardInfo", "ShardTable", "name_shard_file"]

DIGEST_LENGTH = 64
"""Hexadecimal digits of a BLAKE3 or SHA-256."""

Count = Annotated[int, Interval(ge=0, le=1 << 48)]
_Positive = Annotated[int, Interval(ge=1, le=1 << 48)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardInfo:
    """Consecutive rows that were made and hashed as one unit.

    Attributes:
        file: The file that holds its images, relative to the dataset's folder.
        first_row: Position of its first row in the dataset.
        rows: Number of rows.
        bytes: Size of its three arrays, uncompressed.
        blake3: Of the bytes of images, labels and samples, in this order; the same in every format.
        sha256: Of the same, instead of it, where an older glyphgen made the shard.
    """

    file: str
    first_row: Count
    rows: Count
    bytes: Count
    blake3: str = ""
    sha256: str = ""

    @property
    def digest(self) -> str:
        """The hash of its arrays."""
        return self.blake3 or self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardTable(Sequence[ShardInfo]):
    """The entries of equal shards, of which the last may have fewer rows; each is made when asked for.

    Attributes:
        file: Of their images; ``*`` stands for the number of the shard, see ``name_shard_file``.
        n_rows: Of all shards.
        rows_per_shard: Of every shard but the last.
        row_bytes: Size of a row of the three arrays, uncompressed.
        blake3: Of all shards, one after the other.
    """

    file: str
    n_rows: _Positive
    rows_per_shard: _Positive
    row_bytes: _Positive
    blake3: str

    def __len__(self) -> int:
        return (self.n_rows + self.rows_per_shard - 1) // self.rows_per_shard

    @overload
    def __getitem__(self, wanted: int) -> ShardInfo: ...
    @overload
    def __getitem__(self, wanted: slice) -> tuple[ShardInfo, ...]: ...
    def __getitem__(self, wanted: int | slice) -> ShardInfo | tuple[ShardInfo, ...]:
        if isinstance(wanted, slice):
            return tuple(self[k] for k in range(len(self))[wanted])
        k = range(len(self))[wanted]
        first = k * self.rows_per_shard
        rows = min(self.rows_per_shard, self.n_rows - first)
        return ShardInfo(
            file=name_shard_file(self.file, k),
            first_row=first,
            rows=rows,
            bytes=rows * self.row_bytes,
            blake3=self.blake3[k * DIGEST_LENGTH : (k + 1) * DIGEST_LENGTH],
        )

    def find_misfits(self) -> Iterator[str]:
        """Yield what is wrong with it."""
        try:
            n_hashes = len(bytes.fromhex(self.blake3)) * 2 / DIGEST_LENGTH
        except ValueError:
            yield "shards.blake3: not hexadecimal"
            return
        if n_hashes != len(self):
            yield f"shards.blake3: holds {n_hashes:g} hashes, expected {len(self)}"


def name_shard_file(file: str, k: int) -> str:
    """Return the name of the file of shard ``k``: ``shard-*.h5`` becomes ``shard-00007.h5``."""
    return file.replace("*", f"{k:05d}")
