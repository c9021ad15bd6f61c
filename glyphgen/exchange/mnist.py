"""MNIST and EMNIST: IDX files of images and labels, gzipped or not; read and written.

Source: LeCun et al., "The MNIST database"; Cohen et al., "EMNIST: an extension of MNIST to handwritten
letters", 2017 (its images lie with rows and columns exchanged).
"""

import re
import struct
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS, WHITE_ON_BLACK
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import ChoiceError, SourceError
from glyphgen.exchange.array_source import (
    ArrayPair,
    check_images,
    make_array_source,
    read_class_index,
)
from glyphgen.exchange.classmap import make_character, read_class_map
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    whole_splits,
    write_blocks,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource, SourceClass
from glyphgen.exchange.stored import find_idx, read_pairs, source_errors
from glyphgen.files.opening import TEXT, read_regular
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["IdxExporter", "open_mnist"]

_NAME = re.compile(r"(?P<stem>.*?)(?P<side>train|t10k|test|val)-(?P<what>images|labels)[-.]idx.*")
_SIDES = {"train": "train", "t10k": "test", "test": "test", "val": "val"}
_DIGITS = tuple(make_character(ord(digit)) for digit in "0123456789")


def open_mnist(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open MNIST, or what is stored like it.

    Args:
        paths: The folder that holds ``train-images-idx3-ubyte.gz`` and its fellows, or the files.
        options: May name a class map; without one an EMNIST mapping file beside the images is read, and
            without that the labels are the digits.
        reporter: Is told how many images are read.

    Raises:
        SourceError: A file is missing or is not what it is named.
    """
    files, stem = _find_files(paths)
    maps = sorted(files[next(iter(files))].parent.glob(f"{stem}mapping.txt")) if stem else []
    class_map = Path(options.class_map) if options.class_map else next(iter(maps), None)
    exported = None if class_map else read_class_page(files[next(iter(files))].parent)
    classes, first_label = _DIGITS, 0
    if exported:
        class_map, classes = exported.path, exported.classes
    elif options.class_map and class_map:
        classes = read_class_map(class_map)
    elif class_map:
        classes, first_label = _read_mapping(class_map)
    pairs = [
        ArrayPair(
            split=split,
            images=check_images(find_idx(files[split, "images"], 3)),
            labels=find_idx(files[split, "labels"], 1),
        )
        for split in SPLITS
        if (split, "images") in files
    ]
    transposed = stem.startswith("emnist")
    return make_array_source(
        pairs,
        classes,
        read_class_index(
            pairs,
            len(classes),
            among=class_map.name if class_map else "digits",
            first_label=first_label,
        ),
        name=stem.rstrip("-") or "mnist",
        kind="mnist",
        class_map=class_map,
        transposed=transposed,
        polarity=exported.polarity if exported else None,
        notes=(
            *(() if class_map else ("labels 0 to 9 are the digits (--class-map names others)",)),
            *(("rows and columns exchanged, as EMNIST has them",) if transposed else ()),
        ),
        reporter=reporter,
    )


def _find_files(paths: tuple[Path, ...]) -> tuple[dict[tuple[str, str], Path], str]:
    """Return the files by split and content, and what their names begin with."""
    files: dict[tuple[str, str], Path] = {}
    stems = set()
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: no such file or folder")
        for entry in sorted(path.iterdir()) if path.is_dir() else [path]:
            if match := _NAME.fullmatch(entry.name):
                key = (_SIDES[match["side"]], match["what"])
                # Both the .gz and the unpacked file may be there: they are one.
                files.setdefault(key, entry)
                stems.add(match["stem"])
    if not any(what == "images" for _, what in files):
        raise SourceError(
            f"{paths[0]}: holds no IDX images, expected such as train-images-idx3-ubyte.gz"
        )
    if len(stems) > 1:
        raise SourceError(
            f"{paths[0]}: holds {show_some(sorted(stem.rstrip('-') for stem in stems))},"
            " expected one dataset (name its files)"
        )
    for split, what in list(files):
        other = "labels" if what == "images" else "images"
        if (split, other) not in files:
            raise SourceError(
                f"{files[split, what]}: has no {other} beside it, expected images and labels"
            )
    return files, stems.pop()


def _read_mapping(path: Path) -> tuple[tuple[SourceClass, ...], int]:
    """Read an EMNIST mapping: on each line a label and the code points that it stands for.

    Returns:
        The classes in the order of their labels, and the first label.
    """
    with source_errors(path):
        lines = read_regular(path, TEXT).decode("utf-8", "replace").splitlines()
    try:
        entries = sorted(list(map(int, line.split())) for line in lines if line.strip())
        numbers = [label for label, *_ in entries]
        forms = [tuple(map(chr, codepoints)) for _, *codepoints in entries]
    except (ValueError, OverflowError):
        entries = []
    chars = [char for of_class in forms for char in of_class] if entries else []
    if (
        not entries
        or not all(forms)
        or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
        or len(set(chars)) < len(chars)
    ):
        raise SourceError(
            f"{path}: not a mapping, expected a label and its code points on each line, such as"
            " 10 65, labels without gaps and each code point once"
        )
    return tuple(SourceClass(label=of_class[0], forms=of_class) for of_class in forms), numbers[0]


# --- Writing


class IdxExporter(Exporter):
    """``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and their fellows; test is ``t10k``."""

    format = "idx"
    conventional_polarity = WHITE_ON_BLACK
    libraries = ()

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        n_classes = len(dataset.classes)
        if n_classes > 256:
            raise ChoiceError(
                f"{dataset.folder}: {n_classes:,} classes, and a label of idx is one byte, expected at most"
                " 256 (export npz or parquet)"
            )

    @property
    def n_bytes(self) -> int:
        """Pixels and labels."""
        image = self.dataset.index.image
        return self.n_rows * (image.height * image.width + 1)

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return each split."""
        return tuple(
            ExportShard(name=_name_idx(shard.split, 3), rows=shard.rows, split=shard.split)
            for shard in whole_splits(self, "")
        )

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write images and labels of a split."""
        images = self.blocks_of_images(shard)
        labels = self.blocks_of_labels(shard, np.uint8)
        return (
            write_blocks(out, shard.name, chain([_make_header(images.shape)], images.blocks)),
            write_blocks(
                out,
                _name_idx(shard.split, 1),
                (_make_header(labels.shape), *(block.astype(np.uint8) for block in labels.blocks)),
            ),
        )

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read both as the format is described."""
        images = find_idx(out / shard.name, 3)
        yield from read_pairs(images, find_idx(out / _name_idx(shard.split, 1), 1))


def _name_idx(split: str, n_dims: int) -> str:
    stem = "t10k" if split == "test" else split
    return f"{stem}-{'images' if n_dims == 3 else 'labels'}-idx{n_dims}-ubyte"


def _make_header(shape: tuple[int, ...]) -> bytes:
    return struct.pack(f">4B{len(shape)}I", 0, 0, 8, len(shape), *shape)
