"""The contract of a storage format: shards that a crash leaves whole or absent.

A shard counts as made when its note, whose name holds its hash, lies in the work folder and the arrays,
on disk or in a store, have that hash. Any number of processes may write different shards of one
dataset at once; two that write the same shard do no harm, for they write equal bytes.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from glyphgen.dataset.index import INDEX_NAME, Index
from glyphgen.dataset.shard_table import ShardInfo, name_shard_file
from glyphgen.dataset.shards.notes import put_note, read_notes, remove_note
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.listed import ListedFile
from glyphgen.files.opening import RefusedFileError, describe_unread
from glyphgen.files.store import Store, open_store

__all__ = [
    "Arrays",
    "Layout",
    "Shards",
    "describe_damage",
    "hash_arrays",
    "hash_shard_bytes",
    "read_errors",
]


class Arrays(NamedTuple):
    """Some rows of a dataset.

    Attributes:
        images: uint8 (n, H, W), as they lie on disk: the recipe's polarity is applied already.
        labels: uint32 (n,).
        samples: Structured (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint32]
    samples: NDArray[np.void]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The shapes of a dataset's arrays, and how its rows are cut into shards.

    Attributes:
        n_rows: Of the whole dataset.
        height: Of an image, in pixels.
        width: Of an image, in pixels.
        sample_dtype: Of ``samples``: named numbers without gaps between them.
        rows_per_shard: Of every shard but the last, which may have fewer.
        compression: ``none`` or ``gzip`` (of the images, in HDF5).
    """

    n_rows: int
    height: int
    width: int
    sample_dtype: np.dtype[np.void]
    rows_per_shard: int
    compression: str = "none"

    @classmethod
    def from_index(cls, index: Index) -> Self:
        """Return the layout of a complete dataset."""
        return cls(
            n_rows=index.n_rows,
            height=index.image.height,
            width=index.image.width,
            sample_dtype=_make_dtype(index.sample_fields),
            rows_per_shard=index.shards[0].rows,
            compression=index.compression,
        )

    @property
    def sample_fields(self) -> tuple[tuple[str, str], ...]:
        """Name and NumPy type of each field of ``samples``, as index.json keeps them."""
        return tuple((name, self.sample_dtype[name].str) for name in self.sample_dtype.names or ())

    @property
    def n_shards(self) -> int:
        """Number of shards."""
        return -(-self.n_rows // self.rows_per_shard)

    @property
    def row_bytes(self) -> int:
        """Size of one image with its label and sample, uncompressed."""
        return self.height * self.width + 4 + self.sample_dtype.itemsize

    def split_content(self, content: NDArray[np.uint8], n: int) -> Arrays:
        """Return the arrays of ``n`` rows that lie one after the other, in the order of ``Arrays``.

        Args:
            content: Their bytes, of which the arrays are views.
            n: Number of rows.
        """
        arrays, first = [], 0
        for shape, dtype in self.describe_arrays(n).values():
            end = first + int(np.prod(shape)) * dtype.itemsize
            arrays.append(content[first:end].view(dtype).reshape(shape))
            first = end
        return Arrays(*arrays)

    def find_rows(self, k: int) -> range:
        """Return the rows of shard ``k``."""
        first = k * self.rows_per_shard
        return range(first, min(first + self.rows_per_shard, self.n_rows))

    def describe_arrays(self, n: int) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Return shape and dtype of each array of ``n`` rows, in the order of ``Arrays``."""
        return {
            "images": ((n, self.height, self.width), np.dtype(np.uint8)),
            "labels": ((n,), np.dtype(np.uint32)),
            "samples": ((n,), self.sample_dtype),
        }


def _make_dtype(sample_fields: Sequence[tuple[str, str]]) -> np.dtype[np.void]:
    """Return the type of samples that index.json tells.

    Raises:
        TypeError: NumPy has no such type, or it is that of something else than numbers.
    """
    try:
        dtype = np.dtype(list(sample_fields))
    except ValueError as error:  # two fields of one name
        raise TypeError(str(error)) from None
    if dtype.names != tuple(name for name, _ in sample_fields):
        raise TypeError("a field without a name")
    for name, kind in sample_fields:
        if dtype[name].str != kind or dtype[name].kind not in "biuf":
            raise TypeError(f"{name} is '{kind}', expected a number such as '<f4'")
    if not sample_fields:
        raise TypeError("none, expected one or more")
    return dtype


def hash_arrays(arrays: Arrays) -> str:
    """Return the BLAKE3 of the bytes of images, labels and samples, in this order."""
    return _hash(arrays, blake3())


def _hash(arrays: Arrays, digest: Any) -> str:
    for array in arrays:
        digest.update(array.reshape(-1).view(np.uint8).data)
    return str(digest.hexdigest())


def hash_shard_bytes(content: NDArray[np.uint8], info: ShardInfo) -> str:
    """Return the hash of the bytes of a shard's arrays, of the kind that its entry has."""
    digest: Any = blake3() if info.blake3 else hashlib.sha256()
    digest.update(content.data)
    return str(digest.hexdigest())


def describe_damage(place: str) -> str:
    """Return the line for a shard or a file that is not what index.json says."""
    return f"{place} does not match {INDEX_NAME} (run the command that made it, with --mend)"


class Shards(ABC):
    """The shards of one dataset in one format, to write and to read; small enough to be pickled.

    Args:
        folder: The dataset's, claimed.
        layout: What its arrays are.
    """

    FILE = "images.npy"
    """What index.json says of the file of a shard's images; ``*`` stands for its number."""

    IN_STORES = True
    """Whether its files can lie in a store, each put in one step."""

    def __init__(self, folder: Place, layout: Layout) -> None:
        self.folder = folder
        self.layout = layout

    @property
    def store(self) -> Store:
        """Where the files lie."""
        return open_store(self.folder)

    @abstractmethod
    def prepare(self) -> None:
        """Make the folder ready for ``write``: once, in one process, also before resuming.

        Raises:
            DatasetError: The disk refused.
        """

    def write(
        self,
        k: int,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint32],
        samples: NDArray[np.void],
    ) -> ShardInfo:
        """Write shard ``k``; it counts as made once this has returned, and not before.

        Args:
            k: 0 to ``layout.n_shards`` - 1.
            images: uint8 (n, H, W), with the recipe's polarity applied.
            labels: uint32 (n,).
            samples: ``layout.sample_dtype`` (n,).

        Raises:
            DatasetError: The disk refused.
            ValueError: An array has another shape or dtype than the layout says.
        """
        arrays, info = self.check(k, images, labels, samples)
        self.commit(k, arrays, info)
        return info

    def check(
        self,
        k: int,
        images: NDArray[np.uint8],
        labels: NDArray[np.uint32],
        samples: NDArray[np.void],
    ) -> tuple[Arrays, ShardInfo]:
        """Return what ``commit`` takes; arguments and errors as for ``write``."""
        arrays = Arrays(*map(np.ascontiguousarray, (images, labels, samples)))
        n = len(self.layout.find_rows(k))
        for name, wanted in self.layout.describe_arrays(n).items():
            array: NDArray[Any] = getattr(arrays, name)
            if (array.shape, array.dtype) != wanted:
                raise ValueError(f"{name} is {(array.shape, array.dtype)}, expected {wanted}")
        return arrays, self.describe_shard(k, arrays)

    def commit(self, k: int, arrays: Arrays, info: ShardInfo) -> None:
        """Write shard ``k`` and then its note; arrays and errors as for ``write``."""
        self._write_arrays(k, arrays)
        put_note(self.folder, k, info.blake3)

    def read_notes(self) -> NDArray[np.void]:
        """Return what is noted of each shard, for ``find_done``: (``layout.n_shards``,) of ``NOTED``.

        Raises:
            DatasetError: The place cannot be listed.
        """
        return read_notes(self.folder, self.layout.n_shards)

    def describe_shard(self, k: int, arrays: Arrays) -> ShardInfo:
        """Return the entry of shard ``k`` in index.json, for these arrays."""
        return self._describe(k, blake3=hash_arrays(arrays))

    def _describe(self, k: int, **digest: str) -> ShardInfo:
        rows = self.layout.find_rows(k)
        return ShardInfo(
            file=self._name_file(k),
            first_row=rows.start,
            rows=len(rows),
            bytes=len(rows) * self.layout.row_bytes,
            **digest,
        )

    def is_whole(self, k: int, arrays: Arrays, info: ShardInfo) -> bool:
        """Return whether these arrays of shard ``k`` are what its entry says, of whatever format."""
        if info.blake3:
            return self.describe_shard(k, arrays) == info
        return self._describe(k, sha256=_hash(arrays, hashlib.sha256())) == info

    def find_done(self, k: int, noted: NDArray[np.void]) -> ShardInfo | None:
        """Return shard ``k`` if what is there has the hash that is noted, None if it has to be made.

        Args:
            k: 0 to ``layout.n_shards`` - 1.
            noted: As ``read_notes`` returns it.
        """
        blake3, sha256 = noted[k].item()
        if not (blake3 or sha256):
            return None
        info = self._describe(k, blake3=blake3.decode(), sha256=sha256.decode())
        try:
            arrays = self.read(k)
            is_whole = self.is_whole(k, arrays, info)
        except DatasetError:
            is_whole = False
        if not is_whole:
            if blake3:
                remove_note(self.folder, k, info.blake3)  # it would stand for a put that may fail
            return None
        if not blake3:  # a dataset of an older glyphgen is mended
            info = self.describe_shard(k, arrays)
            put_note(self.folder, k, info.blake3)
        return info

    def find_changed(self) -> list[int]:
        """Return the shards of a complete dataset that may have changed since, by what a listing tells.

        That is each whose file is missing, has another size, or was not written before index.json.
        Nothing is read: a byte that changes on its own, as on a failing disk, is seen by ``verify``.

        Raises:
            DatasetError: The place cannot be listed.
        """
        listed = self.store.list_files()
        index = listed.get(INDEX_NAME, ListedFile(0, None))
        return [k for k in range(self.layout.n_shards) if self._may_have_changed(k, listed, index)]

    def _may_have_changed(
        self, k: int, listed: Mapping[str, ListedFile], index: ListedFile
    ) -> bool:
        found, n_bytes = listed.get(self._name_part(k)), self._count_part_bytes(k)
        return not (found and n_bytes in {None, found.n_bytes} and found.is_older(index))

    def _name_part(self, k: int) -> str:
        """Return the name of the one file that holds a shard."""
        return self._name_file(k)

    def _count_part_bytes(self, k: int) -> int | None:
        """Return the size of that file; None where it depends on the rows."""
        return len(self.layout.find_rows(k)) * self.layout.row_bytes

    @abstractmethod
    def read(self, k: int) -> Arrays:
        """Read shard ``k`` into memory, unchecked but for its shapes.

        Raises:
            DatasetError: It is missing or damaged, or the disk refused.
        """

    @property
    @abstractmethod
    def parts(self) -> tuple[range, ...]:
        """The intervals of rows that can be mapped at once, in order."""

    @abstractmethod
    def map(self, part: int) -> Arrays:
        """Map a part into memory, read-only: nothing is read before it is looked at.

        Raises:
            DatasetError: It is missing or damaged.
        """

    @abstractmethod
    def finish(self) -> None:
        """Put all arrays in place, on the disk for good; only index.json is to be written after.

        Raises:
            DatasetError: The disk refused.
        """

    @abstractmethod
    def _write_arrays(self, k: int, arrays: Arrays) -> None:
        """Write the arrays of a shard."""

    def name_files(self) -> tuple[str, ...]:
        """Return the names of the files that hold the arrays."""
        return tuple(map(self._name_file, range(self.layout.n_shards)))

    def _name_file(self, k: int) -> str:
        """Return the name of the file that holds the images of a shard, as index.json has it."""
        return name_shard_file(self.FILE, k)


@contextmanager
def read_errors(path: Place) -> Iterator[None]:
    """Turn what the operating system says inside the block into one line about ``path``.

    Raises:
        DatasetError: For every OSError.
    """
    try:
        yield
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing (run the command that made it again)") from None
    except RefusedFileError as error:
        raise DatasetError(f"{path}: {describe_unread(error)}") from None
    except OSError as error:
        raise DatasetError(f"{path}: {describe_unread(error)} (check the disk)") from error
