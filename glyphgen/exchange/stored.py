"""Arrays as other people store them: .npy, members of .npz, IDX, gzipped or not; read and written.

What is compressed is read from end to end, in blocks, and once more into a work file. What is written is
not compressed, and goes to the disk block by block.

Source: NEP 1 (the .npy format); LeCun et al., "The MNIST database" (the IDX file format).
"""

import gzip
import hashlib
import io
import math
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.index import SourceInfo
from glyphgen.errors import SourceError
from glyphgen.files.opening import ARRAY, describe_unread, open_regular
from glyphgen.files.writing import committed, make_folder
from glyphgen.text import show_bytes, show_some

__all__ = [
    "ArrayBlocks",
    "StoredArray",
    "choose_array",
    "describe_file",
    "find_arrays",
    "find_idx",
    "read_pairs",
    "read_values",
    "source_errors",
    "write_npy",
    "write_npz",
]

_BLOCK_BYTES = 16 << 20  # of an array, read at once
_AGAIN = "download or save it again"
_IDX_UINT8 = 0x08
_MOST_ROW_BYTES = 1 << 28
_MOST_LABELS = 1 << 26  # they are in memory, 8 bytes each


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArray:
    """Where an array lies and what it is; nothing of it is in memory.

    Attributes:
        path: Of the file.
        member: Of a zip archive; empty where the file is none.
        gzipped: The file is.
        offset: Bytes before the first value, after unpacking.
        shape: Of the array.
        dtype: Of its values.
    """

    path: Path
    member: str = ""
    gzipped: bool = False
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def place(self) -> str:
        """The file, and the array in it where it may hold several."""
        return f"{self.path}: {self.member.removesuffix('.npy')}" if self.member else str(self.path)

    @property
    def is_packed(self) -> bool:
        """Its bytes do not lie in the file as they are."""
        return bool(self.member) or self.gzipped

    @property
    def n_bytes(self) -> int:
        """Size of its values."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read_blocks(self) -> Iterator[NDArray[Any]]:
        """Read the values in order, some rows at a time, to the last byte.

        Raises:
            SourceError: The file is damaged, or holds fewer or more values than it says.
        """
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        n_at_once = max(1, _BLOCK_BYTES // max(1, row_bytes))
        with source_errors(self.path), self._opened() as stream:
            stream.read(self.offset)
            for first in range(0, self.shape[0], n_at_once):
                n = min(n_at_once, self.shape[0] - first)
                data = stream.read(n * row_bytes)
                if len(data) < n * row_bytes:
                    raise EOFError
                yield np.frombuffer(data, self.dtype).reshape(n, *self.shape[1:])
            if stream.read(1):  # this also makes the checksum of a zip or gzip be compared
                raise SourceError(f"{self.place}: holds more than its header says ({_AGAIN})")

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes] | gzip.GzipFile]:
        if self.member:
            with (
                open_regular(self.path, ARRAY) as file,
                zipfile.ZipFile(file) as archive,
                archive.open(self.member) as stream,
            ):
                yield stream
        else:
            with open_regular(self.path, ARRAY) as file:
                yield gzip.GzipFile(fileobj=file) if self.gzipped else file


@contextmanager
def source_errors(path: Path) -> Iterator[None]:
    """Turn what is wrong with a file that is read inside the block into one line.

    Raises:
        SourceError: It is missing, cut short, damaged, or cannot be read.
    """
    try:
        yield
    except EOFError:
        raise SourceError(f"{path}: cut short ({_AGAIN})") from None
    except (gzip.BadGzipFile, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
        raise SourceError(f"{path}: damaged: {error} ({_AGAIN})") from None
    except OSError as error:
        raise SourceError(f"{path}: {describe_unread(error)} (check the path)") from None


def find_arrays(path: Path) -> dict[str, StoredArray]:
    """Find the arrays of a .npy or .npz file, by name; that of a .npy has the name ``arr_0``.

    Raises:
        SourceError: It is no such file, is cut short, or holds Python objects.
    """
    with source_errors(path):
        if not path.stat().st_size:
            raise SourceError(f"{path}: empty, expected a NumPy array ({_AGAIN})")
        with open_regular(path, ARRAY) as stream:
            start = stream.read(6)
            if start == b"\x93NUMPY":
                stream.seek(0)
                array = _read_npy_header(stream, path)
                _check_length(array)
                return {"arr_0": array}
        if start[:2] != b"PK":
            raise SourceError(f"{path}: not a .npy or .npz file ({_AGAIN})")
        found = {}
        with open_regular(path, ARRAY) as file, zipfile.ZipFile(file) as archive:
            for member in archive.namelist():
                if member.endswith(".npy"):
                    with archive.open(member) as packed:
                        array = _read_npy_header(packed, path, member)
                    found[member.removesuffix(".npy")] = array
    if not found:
        raise SourceError(f"{path}: holds no array, expected a .npz file of NumPy")
    return found


def _read_npy_header(stream: IO[bytes], path: Path, member: str = "") -> StoredArray:
    place = f"{path}: {member.removesuffix('.npy')}" if member else str(path)
    try:
        version = np.lib.format.read_magic(stream)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(stream)
    except (ValueError, SyntaxError, TypeError, TokenError):
        raise SourceError(f"{place}: its header is no NumPy header ({_AGAIN})") from None
    if any(length < 0 for length in shape):
        raise SourceError(f"{place}: its header is no NumPy header ({_AGAIN})")
    if dtype.hasobject:
        raise SourceError(
            f"{place}: holds Python objects, which are never loaded, expected numbers"
            " (stack the images into one uint8 array and save that)"
        )
    _check_row(place, math.prod(shape[1:]) * dtype.itemsize)
    if fortran and len(shape) > 1:
        raise SourceError(
            f"{place}: is in Fortran order, expected C order (save np.ascontiguousarray of it)"
        )
    return StoredArray(path=path, member=member, offset=stream.tell(), shape=shape, dtype=dtype)


def _check_row(place: str, n_bytes: int) -> None:
    """Check what a header says of a row, before memory for one is taken."""
    if n_bytes > _MOST_ROW_BYTES:
        raise SourceError(
            f"{place}: says that one image has {show_bytes(n_bytes)},"
            f" expected at most {show_bytes(_MOST_ROW_BYTES)} ({_AGAIN})"
        )


def find_idx(path: Path, n_dims: int) -> StoredArray:
    """Find the array of an IDX file, gzipped or not.

    Raises:
        SourceError: It is no IDX file of bytes with so many dimensions, or cut short.
    """
    with source_errors(path):
        with open_regular(path, ARRAY) as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = gzip.GzipFile(fileobj=raw) if gzipped else raw
            start = stream.read(4 + 4 * n_dims)
        if not start:
            raise SourceError(f"{path}: empty, expected an IDX file ({_AGAIN})")
        magic = bytes((0, 0, _IDX_UINT8, n_dims))
        if start[:4] != magic:
            raise SourceError(
                f"{path}: begins with {start[:4].hex(' ')}, expected {magic.hex(' ')}:"
                f" an IDX file of bytes with {n_dims} dimension{'s' * (n_dims > 1)}"
            )
        if len(start) < 4 + 4 * n_dims:
            raise EOFError
    shape = tuple(np.frombuffer(start, ">u4", offset=4).tolist())
    _check_row(str(path), math.prod(shape[1:]))
    array = StoredArray(
        path=path, gzipped=gzipped, offset=len(start), shape=shape, dtype=np.dtype(np.uint8)
    )
    if not gzipped:
        _check_length(array)
    return array


def _check_length(array: StoredArray) -> None:
    found, expected = array.path.stat().st_size, array.offset + array.n_bytes
    if found != expected:
        raise SourceError(
            f"{array.path}: has {found:,} bytes, its header says {expected:,} ({_AGAIN})"
        )


def describe_file(path: Path, kind: str, rows: int) -> SourceInfo:
    """Return a file as index.json names it.

    Raises:
        SourceError: It cannot be read.
    """
    with source_errors(path), open_regular(path, ARRAY) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return SourceInfo(name=path.name, kind=kind, sha256=digest, rows=rows)


def read_values(array: StoredArray) -> NDArray[np.int64]:
    """Read labels: one whole number a row.

    Raises:
        SourceError: They are something else, or the file is damaged.
    """
    if array.dtype.kind not in "iu" or len(array.shape) != 1:
        raise SourceError(
            f"{array.place}: {array.dtype} of shape {array.shape}, expected whole numbers of shape"
            " (n,): one label an image"
        )
    if array.shape[0] > _MOST_LABELS:
        raise SourceError(
            f"{array.place}: {array.shape[0]:,} labels, expected at most {_MOST_LABELS:,}"
        )
    if not array.shape[0]:
        raise SourceError(f"{array.place}: holds no labels, expected one an image")
    return np.concatenate([block.astype(np.int64) for block in array.read_blocks()])


def read_pairs(images: StoredArray, labels: StoredArray) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield each image with its label, some of them in memory at once.

    Raises:
        SourceError: An array is damaged.
    """
    pixels = (image for block in images.read_blocks() for image in block)
    values = (value for block in labels.read_blocks() for value in block.tolist())
    return zip(pixels, values, strict=True)


def choose_array(arrays: dict[str, StoredArray], name: str, path: Path) -> StoredArray:
    """Return the array of a name.

    Raises:
        SourceError: There is none.
    """
    if name not in arrays:
        raise SourceError(f"{path}: holds {show_some(arrays)}, expected {name}")
    return arrays[name]


# --- Writing


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayBlocks:
    """An array that is to be written, block by block.

    Attributes:
        shape: Of the whole.
        dtype: Of its values.
        blocks: Contiguous, along the first axis.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    blocks: Iterable[NDArray[Any]]

    def dump(self) -> Iterator[bytes | memoryview]:
        """Yield the content of a .npy file."""
        header = io.BytesIO()
        about = {"descr": self.dtype.str, "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(header, about)
        yield header.getvalue()
        for block in self.blocks:
            yield block.astype(self.dtype, copy=False).reshape(-1).view(np.uint8).data


def write_npy(path: Path, array: ArrayBlocks) -> None:
    """Write a .npy file, whole or absent.

    Raises:
        DatasetError: The disk refused.
    """
    make_folder(path.parent)
    with committed(path) as temporary, temporary.open("wb") as file:
        for block in array.dump():
            file.write(block)


def write_npz(path: Path, arrays: Mapping[str, ArrayBlocks]) -> None:
    """Write a .npz file, whole or absent, as ``numpy.savez`` does; equal arrays are equal bytes.

    Raises:
        DatasetError: The disk refused.
    """
    make_folder(path.parent)
    with committed(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                for block in array.dump():
                    member.write(block)
