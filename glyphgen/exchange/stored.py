"""Arrays as other people store them: .npy, members of .npz, IDX, gzipped or not; knows no labels.

What is not compressed is mapped where it lies; what is compressed is read once from end to end, in
blocks, and mapped from a work file.

Source: NEP 1 (the .npy format); LeCun et al., "The MNIST database" (the IDX file format).
"""

import dataclasses
import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import SourceError, show_some
from glyphgen.exchange.source import Images, Look, Size, look_at
from glyphgen.storage.commit import committed
from glyphgen.storage.index import SourceInfo

__all__ = [
    "ArrayImages",
    "StoredArray",
    "check_as_many",
    "check_images",
    "choose_array",
    "describe_file",
    "find_arrays",
    "find_idx",
    "look_through",
    "read_errors",
    "read_values",
]

_BLOCK_BYTES = 16 << 20  # read at once
_LOOKED_AT = 1000  # images of a file that are asked for their polarity
_AGAIN = "download or save it again"
_IDX_UINT8 = 0x08


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
        fortran: The first index varies fastest.
    """

    path: Path
    member: str = ""
    gzipped: bool = False
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False

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
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def map(self) -> NDArray[Any]:
        """Map the values of an array that is not packed, read-only."""
        order: Any = "F" if self.fortran else "C"
        with read_errors(self.path):
            return np.asarray(
                np.memmap(self.path, self.dtype, "r", self.offset, self.shape, order=order)
            )

    def read_blocks(self) -> Iterator[NDArray[Any]]:
        """Read the values of a packed array in order, some rows at a time, to the last byte.

        Raises:
            SourceError: The file is damaged, or holds fewer or more values than it says.
        """
        row_bytes = self.n_bytes // self.shape[0]
        n_at_once = max(1, _BLOCK_BYTES // max(1, row_bytes))
        with read_errors(self.path), self._opened() as stream:
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
        if self.gzipped:
            with gzip.open(self.path) as stream:
                yield stream
        else:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as stream:
                yield stream


@contextmanager
def read_errors(path: Path) -> Iterator[None]:
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
        reason = error.strerror or str(error)
        raise SourceError(f"{path}: cannot be read: {reason} (check the path)") from None


def find_arrays(path: Path) -> dict[str, StoredArray]:
    """Find the arrays of a .npy or .npz file, by name; that of a .npy has the name ``arr_0``.

    Raises:
        SourceError: It is no such file, is cut short, or holds Python objects.
    """
    with read_errors(path):
        if not path.stat().st_size:
            raise SourceError(f"{path}: empty, expected a NumPy array ({_AGAIN})")
        with path.open("rb") as stream:
            start = stream.read(6)
            if start == b"\x93NUMPY":
                stream.seek(0)
                array = _read_npy_header(stream, path)
                _check_length(array)
                return {"arr_0": array}
        if start[:2] != b"PK":
            raise SourceError(f"{path}: not a .npy or .npz file ({_AGAIN})")
        found = {}
        with zipfile.ZipFile(path) as archive:
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
    except (ValueError, SyntaxError, TypeError):
        raise SourceError(f"{place}: its header is no NumPy header ({_AGAIN})") from None
    if dtype.hasobject:
        raise SourceError(
            f"{place}: holds Python objects, which are never loaded, expected numbers"
            " (stack the images into one uint8 array and save that)"
        )
    fortran = bool(fortran) and len(shape) > 1
    if member and fortran:
        raise SourceError(
            f"{place}: is in Fortran order, expected C order (save np.ascontiguousarray of it)"
        )
    return StoredArray(
        path=path, member=member, offset=stream.tell(), shape=shape, dtype=dtype, fortran=fortran
    )


def find_idx(path: Path, n_dims: int) -> StoredArray:
    """Find the array of an IDX file, gzipped or not.

    Raises:
        SourceError: It is no IDX file of bytes with so many dimensions, or cut short.
    """
    with read_errors(path):
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else path.open("rb") as stream:
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
    with read_errors(path), path.open("rb") as stream:
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
    if not array.shape[0]:
        raise SourceError(f"{array.place}: holds no labels, expected one an image")
    if array.is_packed:
        return np.concatenate([block.astype(np.int64) for block in array.read_blocks()])
    return array.map().astype(np.int64)


def check_images(array: StoredArray) -> StoredArray:
    """Return an array of images in the shape (n, H, W).

    Raises:
        SourceError: It is of another shape or type, or holds no image.
    """
    shape = array.shape
    if len(shape) == 4 and 1 in (shape[1], shape[3]):
        shape = (shape[0], *shape[2:]) if shape[1] == 1 else shape[:3]
    if len(shape) != 3:
        raise SourceError(
            f"{array.place}: shape {array.shape}, expected (n, height, width) of grey images"
        )
    if array.dtype.kind == "f":
        raise SourceError(f"{array.place}: {_describe_floats(array)}")
    if array.dtype != np.uint8:
        raise SourceError(
            f"{array.place}: {array.dtype}, expected uint8: 0 to 255"
            " (scale them, and save images.astype('uint8'))"
        )
    if not array.n_bytes:
        raise SourceError(f"{array.place}: holds no images, expected one or more")
    return dataclasses.replace(array, shape=shape)


def check_as_many(images: StoredArray, labels: StoredArray) -> None:
    """Check that there is one label an image, before any is read.

    Raises:
        SourceError: There is not.
    """
    if labels.shape != images.shape[:1]:
        n = f"{labels.shape[0]:,} labels" if len(labels.shape) == 1 else f"shape {labels.shape}"
        raise SourceError(
            f"{labels.place}: has {n}, expected one label for each of the"
            f" {images.shape[0]:,} images of {images.path.name}"
        )


def _describe_floats(array: StoredArray) -> str:
    blocks: Iterator[NDArray[Any]] = array.read_blocks() if array.is_packed else _cut(array)
    n_nan, low, high = 0, np.inf, -np.inf
    for block in blocks:
        n_nan += int(np.isnan(block).sum())
        numbers = block[~np.isnan(block)]
        if numbers.size:
            low, high = min(low, float(numbers.min())), max(high, float(numbers.max()))
    if n_nan:
        return (
            f"{array.dtype} with {n_nan:,} NaN, expected uint8: 0 to 255"
            " (find out what the NaN stand for before they become ink)"
        )
    scaled = "images * 255" if high <= 1 else "images"
    return (
        f"{array.dtype} from {low:g} to {high:g}, expected uint8: 0 to 255"
        f" (save ({scaled}).round().astype('uint8'))"
    )


def _cut(array: StoredArray) -> Iterator[NDArray[Any]]:
    values = array.map()
    n_at_once = max(1, _BLOCK_BYTES * array.shape[0] // max(1, array.n_bytes))
    for first in range(0, array.shape[0], n_at_once):
        yield values[first : first + n_at_once]


def look_through(array: StoredArray) -> Look:
    """Read a packed array to its end, to know that it is whole, and look at images all over it.

    Raises:
        SourceError: It is damaged or cut short.
    """
    step = -(-array.shape[0] // _LOOKED_AT)
    look = Look(white_on_black=0, black_on_white=0)
    if not array.is_packed:
        return look_at(array.map()[::step])
    row = 0
    for block in array.read_blocks():
        look += look_at(block[-row % step :: step])
        row += len(block)
    return look


class ArrayImages(Images):
    """The images of some arrays, one after the other.

    Args:
        arrays: Each (n, H, W).
        transposed: Rows and columns are exchanged, as in EMNIST.
    """

    def __init__(self, arrays: tuple[StoredArray, ...], *, transposed: bool = False) -> None:
        self._arrays = arrays
        self._transposed = transposed
        self._ends = np.cumsum([array.shape[0] for array in arrays])
        self._maps: dict[int, NDArray[np.uint8]] = {}

    @property
    def sizes(self) -> dict[Size, int]:
        """How many images have each size."""
        sizes: dict[Size, int] = {}
        for n, height, width in (array.shape for array in self._arrays):
            size = (width, height) if self._transposed else (height, width)
            sizes[size] = sizes.get(size, 0) + n
        return sizes

    @property
    def work_bytes(self) -> int:
        """Room for what is packed."""
        return sum(array.n_bytes for array in self._arrays if array.is_packed)

    def settle(self, work_folder: Path) -> "ArrayImages":
        """Unpack what is packed into work files."""
        settled = tuple(
            _unpack(array, work_folder / f"images-{k}.bin") if array.is_packed else array
            for k, array in enumerate(self._arrays)
        )
        return ArrayImages(settled, transposed=self._transposed)

    def read(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        """Read some images."""
        number = np.searchsorted(self._ends, rows, side="right")
        firsts = self._ends - [array.shape[0] for array in self._arrays]
        for k in np.unique(number).tolist():
            if k not in self._maps:
                self._maps[k] = self._arrays[k].map()
        images = [
            self._maps[k][row]
            for k, row in zip(number.tolist(), (rows - firsts[number]).tolist(), strict=True)
        ]
        return [image.T for image in images] if self._transposed else images

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self._arrays, self._transposed)


def _reopen(arrays: tuple[StoredArray, ...], transposed: bool) -> ArrayImages:
    return ArrayImages(arrays, transposed=transposed)


def _unpack(array: StoredArray, path: Path) -> StoredArray:
    with committed(path, durable=False) as temporary, temporary.open("wb") as file:
        for block in array.read_blocks():
            file.write(block.data)
    return StoredArray(path=path, offset=0, shape=array.shape, dtype=array.dtype)


def choose_array(arrays: dict[str, StoredArray], name: str, path: Path) -> StoredArray:
    """Return the array of a name.

    Raises:
        SourceError: There is none.
    """
    if name not in arrays:
        raise SourceError(f"{path}: holds {show_some(arrays)}, expected {name}")
    return arrays[name]
