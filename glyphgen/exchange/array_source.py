"""Images that lie in stored arrays, one array for each split, with their labels."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import check_labels
from glyphgen.exchange.source import (
    ImportSource,
    PolarityVote,
    Size,
    SourceClass,
    SourceImages,
    vote_polarity,
)
from glyphgen.exchange.stored import (
    StoredArray,
    describe_file,
    read_values,
    source_errors,
)
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.files.writing import committed
from glyphgen.images.decoding import MOST_PIXELS

__all__ = [
    "ArrayImages",
    "ArrayPair",
    "check_as_many",
    "check_images",
    "make_array_source",
    "vote_on_array",
]

_NO_IMAGE: NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)
_VOTERS = 1000  # images of a file whose polarity is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPair:
    """The images and the labels of a split."""

    split: str
    images: StoredArray
    labels: StoredArray


def make_array_source(
    pairs: Sequence[ArrayPair],
    classes: tuple[SourceClass, ...],
    *,
    name: str,
    kind: str,
    class_map: Path | None,
    first_label: int = 0,
    transposed: bool = False,
    notes: tuple[str, ...] = (),
) -> ImportSource:
    """Check the arrays of a source that has one pair of files for each split.

    Args:
        pairs: Of the splits.
        classes: What the labels stand for, in order.
        name: Of the source.
        kind: Name of the format.
        class_map: The file that the classes were read from.
        first_label: The label of the first class.
        transposed: Rows and columns of the images are exchanged.
        notes: What the user has to know of how it is read.

    Raises:
        SourceError: An array is not what it should be, is damaged, or holds a label without a class.
    """
    arrays, labels, splits, files = [], [], [], []
    vote = PolarityVote()
    for pair in pairs:
        images = check_images(pair.images)
        check_as_many(images, pair.labels)
        found = read_values(pair.labels) - first_label
        among = class_map.name if class_map else "digits"
        check_labels(str(pair.labels.path), found, len(classes), among)
        vote += vote_on_array(images)
        arrays.append(images)
        labels.append(found.astype(np.uint32))
        splits.append(np.full(len(found), SPLITS.index(pair.split), dtype=np.uint8))
        files += [
            describe_file(images.path, kind, len(found)),
            describe_file(pair.labels.path, kind, 0),
        ]
    if class_map:
        files.append(describe_file(class_map, "class map", 0))
    source_images = ArrayImages(tuple(arrays), transposed=transposed)
    return ImportSource(
        name=name,
        files=tuple(files),
        classes=classes,
        class_index=np.concatenate(labels),
        split=np.concatenate(splits),
        own_splits=tuple(pair.split for pair in pairs),
        images=source_images,
        sizes=source_images.sizes,
        polarity_vote=vote,
        notes=notes,
    )


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
    n_nan, low, high = 0, np.inf, -np.inf
    for block in array.read_blocks():
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


def vote_on_array(array: StoredArray) -> PolarityVote:
    """Vote on images all over an array; a packed one is read to its end, to know that it is whole.

    Raises:
        SourceError: It is damaged or cut short.
    """
    step = -(-array.shape[0] // _VOTERS)
    vote = PolarityVote()
    if not array.is_packed:
        return vote_polarity(array.map()[::step])
    row = 0
    for block in array.read_blocks():
        vote += vote_polarity(block[-row % step :: step])
        row += len(block)
    return vote


class ArrayImages(SourceImages):
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

    def unpack(self, work_folder: Path) -> "ArrayImages":
        """Unpack what is packed into work files."""
        unpacked = tuple(
            _unpack(array, work_folder / f"images-{k}.bin") if array.is_packed else array
            for k, array in enumerate(self._arrays)
        )
        return ArrayImages(unpacked, transposed=self._transposed)

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
    with source_errors(array.path), open_regular(array.path, ARRAY) as file:
        for image, row in zip(block, rows, strict=True):
            if os.preadv(file.fileno(), [image], array.offset + row * n_bytes) < n_bytes:
                raise EOFError
    return block


def _unpack(array: StoredArray, path: Path) -> StoredArray:
    with committed(path, durable=False) as temporary, temporary.open("wb") as file:
        for block in array.read_blocks():
            file.write(block.data)
    return StoredArray(path=path, offset=0, shape=array.shape, dtype=array.dtype)
