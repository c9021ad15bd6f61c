"""The reader: a dataset on disk as memory-mapped arrays."""

import operator
import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glyphgen.choices import check_choice
from glyphgen.dataset.annotations import ANNOTATION_DTYPE, ANNOTATIONS_NAME, read_annotations
from glyphgen.dataset.index import ClassInfo, Index, find_digest, read_index
from glyphgen.dataset.shards import Arrays, FetchedShards, Shards, open_parts
from glyphgen.files.address import AnyPlace, parse_place
from glyphgen.images.polarity import to_ink
from glyphgen.text import show_count

if TYPE_CHECKING:
    from glyphgen.images.sheets import Picture

__all__ = ["Dataset", "InkRows", "Rows", "Transform", "describe_pages", "load"]

_MOST_OPEN = 512  # parts mapped at once; each keeps a file open, and 1,024 is a common limit
_EXPECTED = "expected a slice, integers or booleans"
_ROWS_AT_ONCE = 256  # read together by whoever iterates

_Several = slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]

Transform = Callable[[NDArray[np.uint8]], Any]
"""Makes of one image, uint8 (H, W), what a network takes, as those of torchvision do."""


def load(
    folder: AnyPlace,
    split: str | None = None,
    *,
    transform: Transform | None = None,
) -> "Dataset":
    """Open a dataset; nothing but its index.json is read until it is asked for.

    Of a dataset in a store the shards that are asked for are copied into the user's cache, each checked by
    its hash.

    Args:
        folder: Of the dataset, or its address in a store: ``s3://bucket/kana``.
        split: ``train``, ``val`` or ``test``; all rows without it.
        transform: Applied to each image that is asked for, on its own.

    Raises:
        DatasetError: The folder is missing or unfinished.
        ChoiceError: The dataset has no such split.
    """
    return Dataset(folder, read_index(parse_place(folder)), split, transform=transform)


def describe_pages(dataset: "Dataset") -> str:
    """Return what to do with pages where images of one class each are wanted; empty if it has none."""
    if not dataset.has_boxes:
        return ""
    return (
        f"{dataset.folder}: pages with boxes, expected images of one class each (`glyphgen export coco"
        f" {dataset.folder} --out DIR` and `glyphgen import coco DIR/annotations-train.json --crops"
        " word` make a dataset of what is in the boxes)"
    )


class Dataset:
    """Labeled images of one dataset, or of one split of it.

    ``dataset[i]`` is ``(image, label)``; a slice, integers or booleans give ``(images, labels)``. It is a
    map-style dataset as PyTorch wants it, it can be iterated over, and it can be pickled if its
    transform can.

    Attributes:
        folder: Where it lies.
        index: What its index.json says.
        split: The split, None for all rows.
        transform: Applied to each image of ``dataset[...]``; several images are a list then.
        images: uint8 (n, H, W), as they lie on disk: ``index.image.polarity`` says which is ink.
        ink: uint8 (n, H, W), the same images with ink 255 on paper 0, whatever lies on disk.
        labels: uint32 (n,), positions in ``classes``.
        samples: Structured (n,): how each row was drawn.

    Raises:
        ChoiceError: The dataset has no such split.
    """

    def __init__(
        self,
        folder: AnyPlace,
        index: Index,
        split: str | None = None,
        *,
        transform: Transform | None = None,
    ) -> None:
        self.folder: Path | Any = parse_place(folder)  # Any: an Address, of which few have to think
        self.index = index
        self.split = split
        self.transform = transform
        rows = range(index.n_rows)
        if split is not None:
            rows = range(*index.splits[check_choice(split, index.splits, f"{folder}: split")])
        parts = self._parts = _Parts(open_parts(self.folder, index))
        self._boxes: NDArray[Any] | None = None
        self.images = Rows(parts, "images", rows)
        self.ink = InkRows(parts, "images", rows, index.image.polarity)
        self.labels = Rows(parts, "labels", rows)
        self.samples = Rows(parts, "samples", rows)

    def unmap(self) -> None:
        """Let go of the mapped files, which are mapped again when they are needed.

        Whoever reads all of a large dataset in any order calls this now and then: every page that was
        looked at counts as memory of the process while it is mapped.
        """
        self._parts.unmap()

    @property
    def digest(self) -> str:
        """SHA-256 of index.json, which names the hashes of all else: equal datasets have equal ones."""
        return find_digest(self.folder)

    def boxes(self, row: int) -> NDArray[Any]:
        """Return the boxes on an image: structured (n,), see ``ANNOTATION_DTYPE``; none where it has none.

        Args:
            row: Of this split.

        Raises:
            IndexError: There is no such row.
            DamagedError: The file of boxes is none.
        """
        if not 0 <= row < len(self):
            raise IndexError(f"row {row}, expected 0 to {len(self) - 1}")
        if self._boxes is None:
            found = read_annotations(self.folder, self.index.files)
            self._boxes = np.zeros(0, ANNOTATION_DTYPE) if found is None else found
        first = self.index.splits[self.split][0] if self.split is not None else 0
        own = np.searchsorted(self._boxes["row"], [first + row, first + row + 1])
        return np.asarray(self._boxes[own[0] : own[1]])

    @property
    def has_boxes(self) -> bool:
        """Whether it is a dataset of pages: images with boxes on them."""
        return ANNOTATIONS_NAME in self.index.files

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes, in the order of their labels."""
        return self.index.classes

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Position in ``classes`` of each class, by its name."""
        return {info.label: info.index for info in self.classes}

    @property
    def targets(self) -> NDArray[np.int64]:
        """The labels of all rows, read into memory: int64 (n,)."""
        return np.asarray(self.labels, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, wanted: int | np.integer[Any]) -> tuple[Any, int]: ...
    @overload
    def __getitem__(self, wanted: _Several) -> tuple[Any, NDArray[np.uint32]]: ...
    def __getitem__(self, wanted: int | np.integer[Any] | _Several) -> tuple[Any, Any]:
        images, labels = self.images[wanted], self.labels[wanted]
        if not np.ndim(labels):
            return self._apply_transform(images), int(labels)
        if self.transform is not None:
            images = [self._apply_transform(image) for image in images]
        return images, labels

    def __getitems__(self, wanted: list[int]) -> list[tuple[Any, int]]:
        """Return several ``(image, label)`` pairs at once, as PyTorch's fetcher asks for them."""
        images, labels = self[wanted]
        return list(zip(images, labels.tolist(), strict=True))

    def __iter__(self) -> Iterator[tuple[Any, int]]:
        for first in range(0, len(self), _ROWS_AT_ONCE):
            images, labels = self[first : first + _ROWS_AT_ONCE]
            yield from zip(images, labels.tolist(), strict=True)

    def _apply_transform(self, image: NDArray[np.uint8]) -> Any:
        # A copy: PyTorch warns of arrays that cannot be written, such as the views of a mapped file.
        return image if self.transform is None else self.transform(image.copy())

    def show(self, n: int = 64, columns: int = 16) -> "Picture":
        """Return the first images as one picture, ink dark or light as on disk.

        Args:
            n: How many.
            columns: In a row.
        """
        from glyphgen.images.sheets import make_picture

        return make_picture(self.images[:n], columns)

    def _repr_html_(self) -> str:
        """Return a small sheet and the facts, as notebooks show them."""
        from html import escape

        from glyphgen.images.png import make_data_uri

        picture = make_data_uri(np.asarray(self.show()))
        return f'<p>{escape(repr(self))}</p><img src="{picture}" alt="the first images">'

    def __repr__(self) -> str:
        image = self.index.image
        split = f", split '{self.split}'" if self.split is not None else ""
        size = f"{image.height}x{image.width}"
        return (
            f"<Dataset '{self.folder}'{split}: {show_count(len(self), 'image')} of {size},"
            f" {show_count(len(self.classes), 'class', 'classes')}, {self.index.format}>"
        )


class _Parts:
    """The mapped parts of a dataset, opened when they are first needed.

    Args:
        shards: Of a complete dataset.
    """

    def __init__(self, shards: Shards | FetchedShards) -> None:
        self.shards = shards
        self.rows = shards.parts
        self.first_rows = [rows.start for rows in self.rows]
        self._map = lru_cache(maxsize=_MOST_OPEN)(lambda part, _process: shards.map(part))

    def map(self, part: int) -> Arrays:
        """Return the arrays of a part."""
        return self._map(part, os.getpid())  # an open HDF5 file must not be used across a fork

    def unmap(self) -> None:
        """Unmap all parts."""
        self._map.cache_clear()

    def __reduce__(self) -> tuple[type["_Parts"], tuple[Shards | FetchedShards]]:
        return _Parts, (self.shards,)


class Rows:
    """One array of a dataset, indexed along its first axis as NumPy does it.

    An integer gives one row; a slice, integers or booleans give an array. It is a read-only view of
    the file where the rows lie together in it and a copy otherwise. ``np.asarray`` reads all rows.

    Args:
        parts: Where the rows are.
        name: ``images``, ``labels`` or ``samples``.
        rows: Those of the dataset that are shown.
    """

    def __init__(self, parts: _Parts, name: str, rows: range) -> None:
        self._parts = parts
        self._name = name
        self._rows = rows
        layout = parts.shards.layout
        self.shape, self.dtype = layout.describe_arrays(len(rows))[name]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, wanted: SupportsIndex | _Several) -> Any:
        if isinstance(wanted, slice):
            return self._read_slice(self._rows[wanted])
        chosen = _check_rows(wanted)
        if isinstance(chosen, np.ndarray):
            return self._read_rows(self._find_rows(chosen))
        if not -len(self) <= chosen < len(self):
            raise IndexError(f"row {chosen} is out of range for {len(self)} rows")
        return self._read_row(self._rows[chosen])

    def __iter__(self) -> Iterator[Any]:
        for first in range(0, len(self), _ROWS_AT_ONCE):
            yield from self[first : first + _ROWS_AT_ONCE]

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[:], dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<Rows '{self._name}': {self.dtype} {self.shape}>"

    def _open(self, part: int) -> NDArray[Any]:
        array: NDArray[Any] = getattr(self._parts.map(part), self._name)
        return array

    def _find_part(self, row: int) -> int:
        return bisect_right(self._parts.first_rows, row) - 1

    def _read_row(self, row: int) -> Any:
        part = self._find_part(row)
        return self._open(part)[row - self._parts.first_rows[part]]

    def _read_slice(self, rows: range) -> NDArray[Any]:
        if rows.step < 0:
            return self._read_slice(rows[::-1])[::-1]
        if not rows:
            return self._make_empty((0,))
        pieces = []
        first, last = (self._find_part(row) for row in (rows[0], rows[-1]))
        for part in range(first, last + 1):
            held = self._parts.rows[part]
            inside = rows[bisect_left(rows, held.start) : bisect_left(rows, held.stop)]
            if inside:
                bounds = slice(inside[0] - held.start, inside[-1] - held.start + 1, rows.step)
                pieces.append(self._open(part)[bounds])
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces)

    def _read_rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        first_rows = self._parts.first_rows
        if len(first_rows) == 1 and rows.size:
            return np.asarray(self._open(0)[rows])
        found = self._make_empty(rows.shape)
        parts = np.searchsorted(first_rows, rows, side="right") - 1
        for part in np.unique(parts).tolist():
            here = parts == part
            found[here] = self._open(part)[rows[here] - first_rows[part]]
        return found

    def _find_rows(self, wanted: NDArray[Any]) -> NDArray[np.int64]:
        """Return the dataset's rows that integers or booleans choose: int64, any shape."""
        n = len(self)
        if wanted.dtype == np.bool_:
            if wanted.shape != (n,):
                raise IndexError(f"booleans have shape {wanted.shape}, expected {(n,)}")
            return np.flatnonzero(wanted) + self._rows.start
        for extreme in (wanted.min(), wanted.max()) if wanted.size else ():
            if not -n <= extreme < n:
                raise IndexError(f"row {extreme} is out of range for {n} rows")
        positions = wanted.astype(np.int64)
        return np.where(positions < 0, positions + n, positions) + self._rows.start

    def _make_empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.empty((*shape, *self.shape[1:]), self.dtype)


class InkRows(Rows):
    """The images of a dataset with ink 255 on paper 0, indexed as ``Rows`` are.

    Args:
        parts, name, rows: As for ``Rows``.
        polarity: Of the images on disk.
    """

    def __init__(self, parts: _Parts, name: str, rows: range, polarity: str) -> None:
        super().__init__(parts, name, rows)
        self._polarity = polarity

    def __getitem__(self, wanted: SupportsIndex | _Several) -> Any:
        return to_ink(super().__getitem__(wanted), self._polarity)


def _check_rows(wanted: object) -> int | NDArray[Any]:
    """Return what chooses rows as an integer, or as an array of integers or booleans.

    Raises:
        IndexError: It is something else, such as the tuple of ``images[0, 1]``.
    """
    if isinstance(wanted, tuple):
        raise IndexError(f"{len(wanted)} indices, expected one: the rows (images[rows][:, y, x])")
    if isinstance(wanted, int) and not isinstance(wanted, bool):
        return wanted
    kind = type(wanted).__name__
    if hasattr(wanted, "__array__") or (
        isinstance(wanted, Sequence) and not isinstance(wanted, str)
    ):
        try:
            array = np.asarray(wanted)
        except ValueError:  # lists of several lengths
            raise IndexError(f"rows are chosen by an uneven {kind}, {_EXPECTED}") from None
        if isinstance(wanted, Sequence) and not array.size:
            array = array.astype(np.int64)
        if array.dtype != np.bool_ and not np.issubdtype(array.dtype, np.integer):
            raise IndexError(f"rows are chosen by {array.dtype}, {_EXPECTED}")
        return array if array.ndim or array.dtype == np.bool_ else int(array)
    if hasattr(wanted, "__index__") and not isinstance(wanted, bool):
        return operator.index(wanted)
    raise IndexError(f"rows are chosen by {kind}, {_EXPECTED}")
