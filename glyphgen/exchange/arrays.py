"""Images and labels as NumPy saves them, .npy or .npz, also for every split; .npz are written, too."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.array_source import (
    ArrayPair,
    check_images,
    make_array_source,
    read_class_index,
)
from glyphgen.exchange.classmap import make_classes_of_codepoints, read_class_map
from glyphgen.exchange.export_format import (
    Exporter,
    ExportShard,
    WrittenFile,
    describe_written,
    name_file,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.folder import SPLIT_NAMES
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource, SourceClass
from glyphgen.exchange.stored import ArrayBlocks, StoredArray, find_arrays, read_pairs, write_npz
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["NpzExporter", "open_arrays"]

_NAMES = "class_names"  # array of texts, beside those that glyphgen writes

_EXPECTED = (
    "expected one array of images (n, height, width) and one of labels (n,), or such a pair for each"
    " split, as x_train, y_train, x_test, y_test"
)


def open_arrays(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open arrays of images and of labels.

    Args:
        paths: One .npz that holds all, or the file of the images and that of the labels.
        options: Whether the labels are code points, as those of an array called ``codepoints`` are, or
            positions in a class map; without either they are words.
        reporter: Is told how many images are read.

    Raises:
        SourceError: They cannot be read, do not fit each other, or are not what they should be.
    """
    pairs = _find_pairs(paths)
    class_map = Path(options.class_map) if options.class_map else None
    exported = None if class_map or options.codepoints else read_class_page(paths[0].parent)
    if exported:
        classes = exported.classes
        class_index = read_class_index(pairs, len(classes), among=exported.path.name)
    elif class_map:
        classes = read_class_map(class_map)
        class_index = read_class_index(pairs, len(classes), among=class_map.name)
    else:
        labels = [pair.read_labels() for pair in pairs]
        is_codepoint = options.codepoints or all(
            "codepoints" in _split_name(pair.labels.member) for pair in pairs
        )
        classes, index = _make_classes(pairs[0].labels.place, labels, is_codepoint=is_codepoint)
        class_index = np.split(index, np.cumsum([len(own) for own in labels])[:-1])
    first = pairs[0].images.path
    return make_array_source(
        pairs,
        classes,
        class_index,
        name=first.name.removesuffix(".npz").removesuffix(".npy"),
        kind="arrays",
        class_map=exported.path if exported else class_map,
        polarity=exported.polarity if exported else None,
        reporter=reporter,
    )


def _make_classes(
    place: str, labels: list[NDArray[np.int64]], *, is_codepoint: bool
) -> tuple[tuple[SourceClass, ...], NDArray[np.int64]]:
    """Return the classes of labels that are code points or words, and each row's class."""
    values = np.concatenate(labels)
    if is_codepoint:
        return make_classes_of_codepoints(place, values)
    found, class_index = np.unique(values, return_inverse=True)
    classes = tuple(SourceClass(label=str(value), forms=()) for value in found.tolist())
    return classes, class_index


def _find_pairs(paths: tuple[Path, ...]) -> list[ArrayPair]:
    if len(paths) > 2:
        raise SourceError(f"{paths[2]}: one source too many, expected images and labels")
    if len(paths) == 2:
        first, second = (_find_one(path, paths) for path in paths)
        return [ArrayPair(split="", images=check_images(first), labels=second)]
    found = [array for array in find_arrays(paths[0]).values() if array.dtype.kind != "U"]
    by_split: dict[str, list[StoredArray]] = {}
    for array in found:
        by_split.setdefault(_find_split(array), []).append(array)
    pairs = []
    for split in ("", *SPLITS):
        arrays = by_split.get(split, [])
        images = [array for array in arrays if len(array.shape) >= 3]
        labels = [array for array in arrays if len(array.shape) < 3]
        if len(images) == len(labels) == 1:
            pairs.append(ArrayPair(split=split, images=check_images(images[0]), labels=labels[0]))
    if not pairs or 2 * len(pairs) < len(found):
        raise _refuse(paths, found)
    return pairs


def _find_one(path: Path, paths: tuple[Path, ...]) -> StoredArray:
    found = list(find_arrays(path).values())
    if len(found) != 1:
        raise _refuse(paths, found)
    return found[0]


def _refuse(paths: tuple[Path, ...], found: list[StoredArray]) -> SourceError:
    names = [f"{array.member.removesuffix('.npy') or 'an array'} {array.shape}" for array in found]
    return SourceError(f"{' '.join(map(str, paths))}: holds {show_some(names)}, {_EXPECTED}")


def _find_split(array: StoredArray) -> str:
    """Return the split that an array's name tells, "" without one."""
    return next(
        (SPLIT_NAMES[word] for word in _split_name(array.member) if word in SPLIT_NAMES), ""
    )


def _split_name(member: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", member.removesuffix(".npy").lower())


# --- Writing


class NpzExporter(Exporter):
    """One .npz with ``x_train``, ``y_train`` and so on for each split, and ``class_names``."""

    format = "npz"
    libraries = ()

    @property
    def n_bytes(self) -> int:
        """Pixels, and labels of eight bytes."""
        image = self.dataset.index.image
        return self.n_rows * (image.height * image.width + 8)

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return one, of all splits."""
        rows = tuple(range(*interval) for interval in self.splits.values())
        return (ExportShard(name=f"{name_file(self)}.npz", rows=rows, split=""),)

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write the archive."""
        arrays: dict[str, ArrayBlocks] = {}
        for split, rows in zip(self.splits, shard.rows, strict=True):
            part = ExportShard(name=shard.name, rows=(rows,), split=split)
            arrays[f"x_{split}"] = self.blocks_of_images(part)
            arrays[f"y_{split}"] = self.blocks_of_labels(part, np.int64)
        names = np.array([info.label for info in self.dataset.classes])
        arrays[_NAMES] = ArrayBlocks(shape=names.shape, dtype=names.dtype, blocks=(names,))
        write_npz(out / shard.name, arrays)
        return (describe_written(out, shard.name),)

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the archive as NumPy does."""
        arrays = find_arrays(out / shard.name)
        for split in self.splits:
            yield from read_pairs(arrays[f"x_{split}"], arrays[f"y_{split}"])
