"""The reader: a dataset on disk as memory-mapped arrays; knows no format and writes nothing."""

import operator
import os
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glyphgen.dataset.index import ClassInfo, Index, read_index
from glyphgen.dataset.shards import Arrays, Shards, open_shards
from glyphgen.errors import DatasetError

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Dataset", "Rows", "load"]

_MOST_OPEN = 512  # parts mapped at once; each keeps a file open, and 1,024 is a common limit

_Several = slice | Sequence[int] | NDArray[np.integer[Any]] | NDArray[np.bool_]


def load(folder: str | os.PathLike[str], split: str | None = None) -> "Dataset":
    """Open a dataset; nothing but its index.json is read until it is asked for.

    Args:
        folder: Of the dataset.
        split: ``train``, ``val`` or ``test``; all rows without it.

    Raises:
        DatasetError: The folder is missing or unfinished, or has no such split.
    """
    folder = Path(folder)
    index = read_index(folder)
    if split is not None and split not in index.splits:
        raise DatasetError(
            f"{folder}: has no split '{split}', expected one of {', '.join(index.splits)}"
        )
    return Dataset(folder, index, split)


class Dataset:
    """Labelled images of one dataset, or of one split of it.

    ``dataset[i]`` is ``(image, label)``; a slice, integers or booleans give ``(images, labels)``.
    It can be pickled, and it is a map-style dataset as PyTorch wants it.

    Attributes:
        folder: Where it lies.
        index: What its index.json says.
        split: The split, None for all rows.
        images: uint8 (n, H, W), as they lie on disk: ``index.image.polarity`` says which is ink.
        labels: uint32 (n,), positions in ``classes``.
        samples: Structured (n,): how each row was drawn.
    """

    def __init__(self, folder: Path, index: Index, split: str | None) -> None:
        self.folder = folder
        self.index = index
        self.split = split
        parts = self._parts = _Parts(open_shards(folder, index))
        rows = range(*index.splits[split]) if split is not None else range(index.n_rows)
        self.images = Rows(parts, "images", rows)
        self.labels = Rows(parts, "labels", rows)
        self.samples = Rows(parts, "samples", rows)

    def unmap(self) -> None:
        """Let go of the mapped files, which are mapped again when they are needed.

        Whoever reads all of a large dataset in any order calls this now and then: every page that was
        looked at counts as memory of the process while it is mapped.
        """
        self._parts.unmap()

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes, in the order of their labels."""
        return self.index.classes

    def __len__(self) -> int:
        return len(self.labels)

    @overload
    def __getitem__(self, wanted: int | np.integer[Any]) -> tuple[NDArray[np.uint8], int]: ...
    @overload
    def __getitem__(self, wanted: _Several) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]: ...
    def __getitem__(self, wanted: int | np.integer[Any] | _Several) -> tuple[Any, Any]:
        labels = self.labels[wanted]
        return self.images[wanted], labels if np.ndim(labels) else int(labels)

    def __getitems__(self, wanted: list[int]) -> list[tuple[NDArray[np.uint8], int]]:
        """Return several ``(image, label)`` pairs at once, as PyTorch's fetcher asks for them."""
        images, labels = self[wanted]
        return list(zip(images, labels.tolist(), strict=True))

    def show(self, n: int = 64, columns: int = 16) -> "Image.Image":
        """Return the first images as one picture, ink dark or light as on disk.

        Args:
            n: How many.
            columns: In a row.
        """
        from glyphgen.images.png import make_picture

        return make_picture(self.images[:n], columns)

    def _repr_html_(self) -> str:
        """Return a small sheet and the facts, as notebooks show them."""
        from html import escape

        from glyphgen.images.png import encode_png

        picture = encode_png(np.asarray(self.show(min(64, len(self)))))
        return f'<p>{escape(repr(self))}</p><img src="{picture}" alt="the first images">'

    def __repr__(self) -> str:
        image = self.index.image
        split = f", split '{self.split}'" if self.split is not None else ""
        size = f"{image.height}x{image.width}"
        return (
            f"<Dataset '{self.folder}'{split}: {len(self):,} images of {size},"
            f" {len(self.classes):,} classes, {self.index.format}>"
        )


class _Parts:
    """The mapped parts of a dataset, opened when they are first needed.

    Args:
        shards: Of a complete dataset.
    """

    def __init__(self, shards: Shards) -> None:
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

    def __reduce__(self) -> tuple[type["_Parts"], tuple[Shards]]:
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
        if isinstance(wanted, Sequence) or (isinstance(wanted, np.ndarray) and wanted.ndim):
            return self._read_rows(self._find_rows(np.asarray(wanted)))
        return self._read_row(self._rows[operator.index(wanted)])

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self[:], dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        return f"<Rows '{self._name}': {self.dtype} {self.shape}>"

    def _open(self, part: int) -> NDArray[Any]:
        array: NDArray[Any] = getattr(self._parts.map(part), self._name)
        return array

    def _read_row(self, row: int) -> Any:
        part = bisect_right(self._parts.first_rows, row) - 1
        return self._open(part)[row - self._parts.first_rows[part]]

    def _read_slice(self, rows: range) -> NDArray[Any]:
        if rows.step < 0:
            return self._read_slice(rows[::-1])[::-1]
        pieces = []
        for part, held in enumerate(self._parts.rows):
            inside = rows[bisect_left(rows, held.start) : bisect_left(rows, held.stop)]
            if inside:
                bounds = slice(inside[0] - held.start, inside[-1] - held.start + 1, rows.step)
                pieces.append(self._open(part)[bounds])
        if len(pieces) == 1:
            return pieces[0]
        return np.concatenate(pieces) if pieces else self._make_empty((0,))

    def _read_rows(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        found = self._make_empty(rows.shape)
        parts = np.searchsorted(self._parts.first_rows, rows, side="right") - 1
        for part in np.unique(parts).tolist():
            here = parts == part
            found[here] = self._open(part)[rows[here] - self._parts.first_rows[part]]
        return found

    def _find_rows(self, wanted: NDArray[Any]) -> NDArray[np.int64]:
        """Return the dataset's rows that integers or booleans choose: int64, any shape."""
        n = len(self)
        if wanted.dtype == np.bool_:
            if wanted.shape != (n,):
                raise IndexError(f"booleans have shape {wanted.shape}, expected {(n,)}")
            return np.flatnonzero(wanted) + self._rows.start
        if wanted.size and not np.issubdtype(wanted.dtype, np.integer):
            raise IndexError(f"rows are chosen by {wanted.dtype}, expected integers or booleans")
        for extreme in (wanted.min(), wanted.max()) if wanted.size else ():
            if not -n <= extreme < n:
                raise IndexError(f"row {extreme} is out of range for {n} rows")
        positions = wanted.astype(np.int64)
        return np.where(positions < 0, positions + n, positions) + self._rows.start

    def _make_empty(self, shape: tuple[int, ...]) -> NDArray[Any]:
        return np.empty((*shape, *self.shape[1:]), self.dtype)
