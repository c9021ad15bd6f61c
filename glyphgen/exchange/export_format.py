"""What a format that is exported has to say: how rows are cut into shards, written, and read back."""

import hashlib
import importlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from glyphgen.choices import FOLDER_NAMES, POLARITIES, check_choice
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import ChoiceError, MachineError
from glyphgen.exchange.stored import ArrayBlocks
from glyphgen.files.address import Place
from glyphgen.files.opening import ARRAY
from glyphgen.files.store import open_store
from glyphgen.files.writing import committed, make_folder
from glyphgen.images.polarity import from_ink, to_ink
from glyphgen.text import show_count, show_text

__all__ = [
    "ExportOptions",
    "ExportShard",
    "Exporter",
    "RowBlock",
    "WrittenFile",
    "cut_rows",
    "describe_written",
    "name_file",
    "name_hf_split",
    "require_library",
    "whole_splits",
    "write_blocks",
]

_MOST_SHARD_ROWS = 1 << 15
_SHARD_BYTES = 256 << 20  # of pixels
_BLOCK_BYTES = 8 << 20  # of pixels, in memory at once
_MOST_BLOCK_ROWS = 2048
_MAPPED_BYTES = 64 << 20  # of pixels, that are read before their files are unmapped


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How a dataset is written in another format.

    Attributes:
        splits: That are written; all without any.
        names: How folders of classes are named, a key of ``FOLDER_NAMES``.
        polarity: Of the images that are written, a key of ``POLARITIES``; that of the dataset without it.
        card: Write README.md and croissant.json, too.
        polygons: Segment characters on pages by polygons of their ink, in place of their boxes.

    Raises:
        ChoiceError: A word is not in its table.
    """

    splits: tuple[str, ...] = ()
    names: str = "label"
    polarity: str | None = None
    card: bool = True
    polygons: bool = False

    def __post_init__(self) -> None:
        check_choice(self.names, FOLDER_NAMES, "names")
        if self.polarity is not None:
            check_choice(self.polarity, POLARITIES, "polarity")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportShard:
    """Rows that are written as one unit.

    Attributes:
        name: Of the file, within the folder of the export; of the first of several.
        rows: Of the dataset, in the order in which they are read back.
        split: That they belong to; empty for several.
    """

    name: str
    rows: tuple[range, ...]
    split: str

    @property
    def n_rows(self) -> int:
        """How many rows it has."""
        return sum(map(len, self.rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenFile:
    """One file of an export.

    Attributes:
        name: Within its folder.
        bytes: Its size.
        sha256: Of its content.
    """

    name: str
    bytes: int
    sha256: str


RowBlock = tuple[range, NDArray[np.uint8], NDArray[np.uint32]]
"""Rows of the dataset, their images (n, H, W) as they are to be written, and their labels (n,)."""


class Exporter(ABC):
    """Writes a dataset in one format; a worker makes its own.

    Args:
        dataset: All of its rows.
        options: How.

    Attributes:
        format: Its key in ``EXPORT_FORMATS``.
        conventional_polarity: Of the images, where readers of the format take it for granted.
        libraries: Whose versions the bytes depend on.
        in_stores: Whether its files are few and large, so that each can be put into a store as one object.
        splits: First row and row after the last of each split that is written.
        polarity: Of the images that are written.

    Raises:
        ChoiceError: The dataset has no such split, or the format cannot say what it holds.
        MachineError: A library is not installed.
    """

    format: ClassVar[str]
    conventional_polarity: ClassVar[str] = ""
    libraries: ClassVar[tuple[str, ...]] = ("zlib-ng",)
    in_stores: ClassVar[bool] = True

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        self.dataset = dataset
        self.options = options
        self.polarity = options.polarity or dataset.index.image.polarity
        self.splits = self._choose_splits()
        if self.conventional_polarity and self.polarity != self.conventional_polarity:
            raise ChoiceError(
                f"{dataset.folder}: is {self.polarity}, which {self.format} cannot say: its readers expect"
                f" {self.conventional_polarity} (--polarity {self.conventional_polarity} turns it)"
            )

    def _choose_splits(self) -> dict[str, tuple[int, int]]:
        index = self.dataset.index
        for name in self.options.splits:
            check_choice(name, index.splits, f"{self.dataset.folder}: splits")
        chosen = {
            name: (first, end)
            for name, (first, end) in index.splits.items()
            if end > first and name in (self.options.splits or index.splits)
        }
        if not chosen:
            raise ChoiceError(f"{self.dataset.folder}: no rows in these splits, expected some")
        return chosen

    @property
    def n_rows(self) -> int:
        """How many rows are written."""
        return sum(end - first for first, end in self.splits.values())

    @property
    def n_bytes(self) -> int:
        """Room on the disk that is needed at least; 0 where images are packed, and nobody knows before."""
        return 0

    @abstractmethod
    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return the shards, which do not depend on how many processes write them."""

    @abstractmethod
    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write a shard; equal rows are equal bytes.

        Returns:
            Its files; none where there are too many of them to be listed.

        Raises:
            DatasetError: The disk refused.
        """

    @abstractmethod
    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read images (H, W) and labels, or names of classes, with the library of the format.

        Raises:
            MachineError: It is not installed.
            Exception: Whatever it raises on a file that is no good.
        """

    def make_pages(self) -> Mapping[str, bytes]:
        """Return files that lie beside the shards, by their names."""
        return {}

    def list_data_files(self) -> Mapping[str, str]:
        """Return patterns of the files of each split, where Hugging Face's datasets reads the format."""
        return {}

    def read_blocks(self, shard: ExportShard) -> Iterator[RowBlock]:
        """Yield the rows of a shard, some at a time."""
        image = self.dataset.index.image
        step = max(1, min(_MOST_BLOCK_ROWS, _BLOCK_BYTES // (image.height * image.width)))
        most_blocks = max(1, _MAPPED_BYTES // (step * image.height * image.width))
        for rows in shard.rows:
            for nth, first in enumerate(range(rows.start, rows.stop, step)):
                if nth % most_blocks == 0:
                    self.dataset.unmap()  # all that was read counts as memory while it is mapped
                block = range(first, min(first + step, rows.stop))
                images = self.dataset.images[block.start : block.stop]
                if self.polarity != image.polarity:
                    images = from_ink(to_ink(images, image.polarity), self.polarity)
                yield block, images, self.dataset.labels[block.start : block.stop]
        self.dataset.unmap()

    def blocks_of_images(self, shard: ExportShard) -> ArrayBlocks:
        """Return the images of a shard as an array that is to be written."""
        image = self.dataset.index.image
        return ArrayBlocks(
            shape=(shard.n_rows, image.height, image.width),
            dtype=np.dtype(np.uint8),
            blocks=(images for _, images, _ in self.read_blocks(shard)),
        )

    def blocks_of_labels(self, shard: ExportShard, dtype: DTypeLike) -> ArrayBlocks:
        """Return the labels of a shard as an array that is to be written."""
        return ArrayBlocks(
            shape=(shard.n_rows,),
            dtype=np.dtype(dtype),
            blocks=(self.dataset.labels[rows.start : rows.stop] for rows in shard.rows),
        )

    def find_difference(self, shard: ExportShard, out: Path) -> str:
        """Return what is first found to differ between a shard and the dataset; empty if nothing does."""
        found = self.read_back(shard, out)
        n_same = 0
        for rows, images, labels in self.read_blocks(shard):
            for row, image, label in zip(rows, images, labels.tolist(), strict=True):
                pair = next(found, None)
                if pair is None:
                    return f"holds {show_count(n_same, 'image')}, expected {shard.n_rows:,}"
                if pair[1] not in (label, self.dataset.classes[label].label):
                    expected = show_text(self.dataset.classes[label].label)
                    return f"row {row}: label {pair[1]}, expected {label}: {expected}"
                if pair[0].shape != image.shape or not np.array_equal(pair[0], image):
                    return f"row {row}: other pixels than in the dataset"
                n_same += 1
        more = sum(1 for _ in found)
        return f"holds {n_same + more:,} images, expected {n_same:,}" if more else ""


def cut_rows(exporter: Exporter) -> Iterator[tuple[str, int, int, range]]:
    """Cut the rows of each split into shards of one size.

    Yields:
        The split, the number of the shard in it, how many it has, and the rows.
    """
    image = exporter.dataset.index.image
    step = max(1, min(_MOST_SHARD_ROWS, _SHARD_BYTES // (image.height * image.width)))
    for split, (first, end) in exporter.splits.items():
        n = -(-(end - first) // step)
        for k in range(n):
            start = first + k * step
            yield split, k, n, range(start, min(start + step, end))


def whole_splits(exporter: Exporter, name: str) -> tuple[ExportShard, ...]:
    """Return each split as one shard; ``{split}`` in the name of its first file is that of the split."""
    return tuple(
        ExportShard(name=name.format(split=split), rows=(range(first, end),), split=split)
        for split, (first, end) in exporter.splits.items()
    )


def write_blocks(
    out: Path, name: str, blocks: Iterable[bytes | NDArray[np.generic]]
) -> WrittenFile:
    """Write a file of an export, block by block, whole or absent.

    Raises:
        DatasetError: The disk refused.
    """
    path = out / name
    make_folder(path.parent)
    with committed(path) as temporary, temporary.open("wb") as file:
        for block in blocks:
            file.write(block if isinstance(block, bytes) else block.reshape(-1).view(np.uint8).data)
    return describe_written(out, name)


def describe_written(out: Place, name: str) -> WrittenFile:
    """Return what is told of a file that is there.

    Raises:
        OSError: It cannot be read.
    """
    with open_store(out).open(name, ARRAY) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return WrittenFile(name=name, bytes=file.seek(0, os.SEEK_END), sha256=digest)


def name_file(exporter: Exporter) -> str:
    """Return the name of the dataset as a part of a file's name."""
    return re.sub(r"[^\w-]+", "-", exporter.dataset.index.name).strip("-") or "dataset"


def name_hf_split(name: str) -> str:
    """Return what Hugging Face calls a split."""
    return "validation" if name == "val" else name


def require_library(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a library that comes with an extra of glyphgen.

    Args:
        module: Its name.
        extra: Of ``pip install``.
        purpose: What it is needed for, as a message begins: ``export parquet``.

    Raises:
        MachineError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MachineError(
            f"{purpose}: the library {module.partition('.')[0]} is not installed"
            f" (pip install 'glyphgen[{extra}]')"
        ) from None
