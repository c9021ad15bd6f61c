"""Kuzushiji-49 and Kuzushiji-MNIST as they are handed out, read and written: .npz files and a class map.

Source: Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018;
github.com/rois-codh/kmnist.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import WHITE_ON_BLACK
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import ChoiceError, SourceError
from glyphgen.exchange.array_source import (
    ArrayPair,
    check_images,
    make_array_source,
    read_class_index,
)
from glyphgen.exchange.classmap import read_class_map
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    describe_written,
    name_file,
    whole_splits,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.stored import StoredArray, choose_array, find_arrays, read_pairs, write_npz
from glyphgen.progress import Reporter
from glyphgen.text import show_some, show_text

__all__ = ["K49Exporter", "open_k49"]

_SPLITS = ("train", "val", "test")  # the official files have no val


def open_k49(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open Kuzushiji-49 or KMNIST.

    Args:
        paths: The folder that holds ``*-train-imgs.npz``, ``*-train-labels.npz``, the same of test, and
            ``*_classmap.csv``; or the files themselves.
        options: May name another class map.
        reporter: Is told how many images are read.

    Raises:
        SourceError: A file is missing or is not what it is named.
    """
    files = _list_files(paths)
    prefix = _find_prefix(paths[0], files)
    splits = [split for split in _SPLITS if f"{prefix}-{split}-imgs.npz" in files]
    wanted = [f"{prefix}-{split}-labels.npz" for split in splits]
    if lacking := [name for name in wanted if name not in files]:
        raise SourceError(f"{paths[0]}: lacks {' and '.join(lacking)}, expected labels for images")
    class_map = (
        Path(options.class_map) if options.class_map else _find_class_map(paths[0], prefix, files)
    )
    pairs = [
        ArrayPair(
            split=split,
            images=check_images(_find_array(files[f"{prefix}-{split}-imgs.npz"])),
            labels=_find_array(files[f"{prefix}-{split}-labels.npz"]),
        )
        for split in splits
    ]
    exported = None if options.class_map else read_class_page(class_map.parent)
    classes = exported.classes if exported else read_class_map(class_map)
    return make_array_source(
        pairs,
        classes,
        read_class_index(pairs, len(classes), among=class_map.name),
        name=prefix,
        kind="k49",
        class_map=class_map,
        polarity=exported.polarity if exported else None,
        reporter=reporter,
    )


def _find_array(path: Path) -> StoredArray:
    return choose_array(find_arrays(path), "arr_0", path)


def _list_files(paths: tuple[Path, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            files |= {entry.name: entry for entry in sorted(path.iterdir())}
        elif path.exists():
            files[path.name] = path
        else:
            raise SourceError(f"{path}: no such file or folder")
    return files


def _find_prefix(place: Path, files: dict[str, Path]) -> str:
    prefixes = sorted(
        {
            name.removesuffix(f"-{split}-imgs.npz")
            for name in files
            for split in _SPLITS
            if name.endswith(f"-{split}-imgs.npz")
        }
    )
    if not prefixes:
        raise SourceError(f"{place}: holds no *-train-imgs.npz or *-test-imgs.npz")
    if len(prefixes) > 1:
        raise SourceError(
            f"{place}: holds {show_some(prefixes)}, expected one dataset (name its files)"
        )
    return prefixes[0]


def _find_class_map(place: Path, prefix: str, files: dict[str, Path]) -> Path:
    name = f"{prefix}_classmap.csv"
    beside = files[next(name for name in files if name.endswith("-imgs.npz"))].parent / name
    if name not in files and not beside.exists():
        raise SourceError(f"{place}: lacks {name} (--class-map FILE names another table)")
    return files.get(name, beside)


# --- Writing


class K49Exporter(Exporter):
    """``NAME-train-imgs.npz``, ``NAME-train-labels.npz`` and ``NAME_classmap.csv``."""

    format = "k49"
    conventional_polarity = WHITE_ON_BLACK
    libraries = ()

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        self._name = name_file(self)
        words = [info.label for info in dataset.classes if not _is_character(info.forms)]
        if words:
            raise ChoiceError(
                f"{dataset.folder}: {show_some(map(show_text, words))}: no character, and a class map"
                " of k49 has one code point for each class (export npz, which has any label)"
            )

    @property
    def n_bytes(self) -> int:
        """Pixels and labels."""
        image = self.dataset.index.image
        return self.n_rows * (image.height * image.width + 1)

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return each split."""
        return whole_splits(self, self._name + "-{split}-imgs.npz")

    def make_pages(self) -> Mapping[str, bytes]:
        """Return the class map."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["index", "codepoint", "char"])
        writer.writerows(
            (info.index, info.codepoints[0][0], info.forms[0]) for info in self.dataset.classes
        )
        return {f"{self._name}_classmap.csv": table.getvalue().encode()}

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write images and labels of a split."""
        labels_name = self._name_labels(shard)
        n_classes = len(self.dataset.classes)
        write_npz(out / shard.name, {"arr_0": self.blocks_of_images(shard)})
        labels = self.blocks_of_labels(shard, np.min_scalar_type(n_classes - 1))
        write_npz(out / labels_name, {"arr_0": labels})
        return describe_written(out, shard.name), describe_written(out, labels_name)

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read both as NumPy does."""
        images, labels = (
            _find_array(out / name) for name in (shard.name, self._name_labels(shard))
        )
        yield from read_pairs(images, labels)

    def _name_labels(self, shard: ExportShard) -> str:
        return f"{self._name}-{shard.split}-labels.npz"


def _is_character(forms: tuple[str, ...]) -> bool:
    return bool(forms) and len(forms[0]) == 1
