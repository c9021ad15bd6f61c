"""Images that lie in stored arrays, one after the other; knows no labels and no file format."""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import SourceError
from glyphgen.exchange.source import Images, PolarityVote, Size, vote_polarity
from glyphgen.exchange.stored import BLOCK_BYTES, StoredArray, read_errors
from glyphgen.files.writing import committed
from glyphgen.images.decoding import MOST_PIXELS

__all__ = ["ArrayImages", "check_as_many", "check_images", "look_through"]

_NO_IMAGE: NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)
_LOOKED_AT = 1000  # images of a file that are asked for their polarity


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
            f"{array.place}: shape {array.shape}, expected (n, height, width) of gray images"
        )
    if not array.n_bytes:
        raise SourceError(f"{array.place}: holds no images, expected one or more")
    if shape[1] * shape[2] > MOST_PIXELS:
        raise SourceError(
            f"{array.place}: images of {shape[1]}x{shape[2]}, expected at most {MOST_PIXELS:,} pixels"
        )
    if array.dtype.kind == "f":
        raise SourceError(f"{array.place}: {_describe_floats(array)}")
    if array.dtype != np.uint8:
        raise SourceError(
            f"{array.place}: {array.dtype}, expected uint8: 0 to 255"
            " (scale them, and save images.astype('uint8'))"
        )
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
    n_at_once = max(1, BLOCK_BYTES * array.shape[0] // max(1, array.n_bytes))
    for first in range(0, array.shape[0], n_at_once):
        yield values[first : first + n_at_once]


def look_through(array: StoredArray) -> PolarityVote:
    """Read a packed array to its end, to know that it is whole, and look at images all over it.

    Raises:
        SourceError: It is damaged or cut short.
    """
    step = -(-array.shape[0] // _LOOKED_AT)
    look = PolarityVote(white_on_black=0, black_on_white=0)
    if not array.is_packed:
        return vote_polarity(array.map()[::step])
    row = 0
    for block in array.read_blocks():
        look += vote_polarity(block[-row % step :: step])
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
        images: list[NDArray[np.uint8]] = [_NO_IMAGE] * len(rows)
        for k in np.unique(number).tolist():
            at = np.flatnonzero(number == k)
            block = _read_rows(self._arrays[k], (rows[at] - firsts[k]).tolist())
            for place, image in zip(at.tolist(), block, strict=True):
                images[place] = image.T if self._transposed else image
        return images


def _read_rows(array: StoredArray, rows: list[int]) -> NDArray[np.uint8]:
    # Not through a map: every page that was ever looked at would stay in the memory of the worker.
    block = np.empty((len(rows), *array.shape[1:]), dtype=np.uint8)
    n_bytes = block[0].nbytes
    with read_errors(array.path), array.path.open("rb", buffering=0) as file:
        for image, row in zip(block, rows, strict=True):
            if os.preadv(file.fileno(), [image], array.offset + row * n_bytes) < n_bytes:
                raise EOFError
    return block


def _unpack(array: StoredArray, path: Path) -> StoredArray:
    with committed(path, durable=False) as temporary, temporary.open("wb") as file:
        for block in array.read_blocks():
            file.write(block.data)
    return StoredArray(path=path, offset=0, shape=array.shape, dtype=array.dtype)
