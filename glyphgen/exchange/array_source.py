"""Images that lie in stored arrays, one array for each split, with their labels."""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.dataset.index import SourceInfo
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import check_labels
from glyphgen.exchange.source import (
    ImageFindings,
    ImportSource,
    Size,
    SourceClass,
    SourceImages,
    examine_images,
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
from glyphgen.progress import Progress, Reporter

__all__ = ["ArrayImages", "ArrayPair", "check_images", "make_array_source", "read_class_index"]

_NO_IMAGE: NDArray[np.uint8] = np.zeros((0, 0), dtype=np.uint8)
_VOTERS = 1000  # images of a file whose polarity is looked at

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayPair:
    """The images and the labels of a split; ``split`` is "" where the source makes none."""

    split: str
    images: StoredArray
    labels: StoredArray

    def read_labels(self) -> Ints:
        """Return the labels, after a check that there is one for each image.

        Raises:
            SourceError: There is not, they are no whole numbers, or the file is damaged.
        """
        n_labels = self.labels.shape[0] if self.labels.shape else 0
        if self.labels.shape not in ((n_labels,), (n_labels, 1)):
            n = f"shape {self.labels.shape}"
        elif n_labels == self.images.shape[0]:
            return read_values(dataclasses.replace(self.labels, shape=(n_labels,)))
        else:
            n = f"{n_labels:,} labels"
        raise SourceError(
            f"{self.labels.place}: has {n}, expected one label for each of the"
            f" {self.images.shape[0]:,} images of {self.images.path.name}"
        )


def read_class_index(
    pairs: Sequence[ArrayPair], n_classes: int, *, among: str, first_label: int = 0
) -> list[Ints]:
    """Return the class of each image of each pair: its label less the first one.

    Raises:
        SourceError: A label is of no class, or labels cannot be read.
    """
    indices = []
    for pair in pairs:
        indices.append(pair.read_labels() - first_label)
        check_labels(pair.labels.place, indices[-1], n_classes, among)
    return indices


def make_array_source(
    pairs: Sequence[ArrayPair],
    classes: tuple[SourceClass, ...],
    class_index: Sequence[Ints],
    *,
    name: str,
    kind: str,
    class_map: Path | None,
    transposed: bool = False,
    notes: tuple[str, ...] = (),
    polarity: str | None = None,
    reporter: Reporter,
) -> ImportSource:
    """Read every image of some arrays once, and return them as a source.

    Args:
        pairs: Of the splits, whose images were checked.
        classes: What the labels stand for, in order.
        class_index: Of each image of each pair.
        name: Of the source.
        kind: Name of the format.
        class_map: The file that the classes were read from.
        transposed: Rows and columns of the images are exchanged.
        notes: What the user has to know of how it is read.
        polarity: Of the images, where the source tells it.
        reporter: Is told how many images are read.

    Raises:
        SourceError: An array is damaged.
    """
    findings = ImageFindings()
    for pair in pairs:
        findings += _examine_array(pair.images, reporter)
    splits = [SPLITS.index(pair.split) if pair.split else 0 for pair in pairs]
    images = ArrayImages(tuple(pair.images for pair in pairs), transposed=transposed)
    return ImportSource(
        name=name,
        files=tuple(_describe_files(pairs, kind, class_map)),
        classes=classes,
        class_index=np.concatenate(class_index).astype(np.uint32),
        split=np.repeat(np.array(splits, np.uint8), [len(index) for index in class_index]),
        own_splits=tuple(pair.split for pair in pairs if pair.split),
        images=images,
        sizes=images.sizes,
        findings=findings,
        notes=notes,
        polarity=polarity,
    )


def _describe_files(
    pairs: Sequence[ArrayPair], kind: str, class_map: Path | None
) -> Iterator[SourceInfo]:
    for pair in pairs:
        yield describe_file(pair.images.path, kind, pair.images.shape[0])
        if pair.labels.path != pair.images.path:
            yield describe_file(pair.labels.path, kind, 0)
    if class_map:
        yield describe_file(class_map, "class map", 0)


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
    if array.dtype.kind not in "buif":
        raise SourceError(f"{array.place}: {array.dtype}, expected uint8: 0 to 255")
    if array.dtype != np.uint8:
        raise SourceError(f"{array.place}: {_describe_numbers(array)}")
    return dataclasses.replace(array, shape=shape)


def _describe_numbers(array: StoredArray) -> str:
    """Return what numbers images are that are no uint8, and how to make them uint8."""
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
    described = f"{array.dtype} from {low:g} to {high:g}, expected uint8: 0 to 255"
    if not 0 < high - low < np.inf:
        return described
    # Negative numbers, too, may be ink and paper, as in -1 to 1.
    above = f"(images + {-low:g})" if low < 0 else "images"
    full = high - min(low, 0)
    factor = "255" if full == 1 else f"(255 / {full:g})"
    scaled = above if 128 <= full <= 255 else f"{above} * {factor}"
    return f"{described} (save ({scaled}).round().astype('uint8'))"


def _examine_array(array: StoredArray, reporter: Reporter) -> ImageFindings:
    """Look at all images of an array, and read it to its end, to know that it is whole.

    Raises:
        SourceError: It is damaged or cut short.
    """
    n = array.shape[0]
    where = array.member.removesuffix(".npy") or array.path.name
    found, row = ImageFindings(), 0
    for block in array.read_blocks():
        names = [f"image {k} of {where}" for k in range(row, row + len(block))]
        found += examine_images(block, names, step=-(-n // _VOTERS), first=row)
        row += len(block)
        reporter.progress(Progress(step="read images", done=row, total=n, unit="images"))
    return found


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
