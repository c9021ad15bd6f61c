"""Image folders: ``class-name/*.png``, also with train, valid and test above; read and written.

Source: torchvision's ImageFolder, whose classes are the folders in the order of their names.
"""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import SourceError
from glyphgen.exchange.class_folders import name_folders
from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    cut_rows,
    name_hf_split,
)
from glyphgen.exchange.exported_pages import (
    CLASSES_NAME,
    dump_class_page,
    read_class_page,
)
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.tree import PicturePlace, make_source, open_tree
from glyphgen.files.address import Place
from glyphgen.files.writing import disk_errors, make_folder, sync_many, write_unsafely
from glyphgen.images.decoding import decode_image, read_image_file
from glyphgen.images.png import encode_pngs
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["SPLIT_NAMES", "FolderExporter", "find_place", "open_folder", "require_one_path"]

SPLIT_NAMES = {name: name for name in SPLITS}
SPLIT_NAMES |= {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
"""How folders and arrays of a split are named, and which split it is."""

_DEEP = "in no class folder, expected class-name/picture or split/class-name/picture"


def open_folder(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open a folder of class folders.

    A folder is named after a character, ``U+3042``, or any word.

    Args:
        paths: Of the folder.
        options: May name a class map, whose indices are the names; or say that one ASCII character stands
            for itself.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: It holds no pictures in class folders, a class twice, or what is not in the class map.
    """
    path = require_one_path(paths)
    tree = open_tree(path)
    exported = None if options.class_map else read_class_page(path)
    source = make_source(
        tree,
        find_place=find_place,
        name_class=partial(name_class, has_ascii_characters=options.codepoints),
        kind="folder",
        name=path.resolve().name,
        class_map=Path(options.class_map) if options.class_map else None,
        exported=exported if exported and exported.by_folder else None,
        reporter=reporter,
    )
    if exported:
        return source
    unclear = [entry.label for entry in source.classes if not entry.forms and len(entry.label) == 1]
    note = (
        f"taken for words, not for characters: {show_some(unclear)} (--codepoints takes one ASCII"
        " character for itself, --class-map FILE names a table of indices)"
    )
    return dataclasses.replace(source, notes=(note,) if unclear else ())


AnyPath = TypeVar("AnyPath", bound=Place)


def require_one_path(paths: tuple[AnyPath, ...]) -> AnyPath:
    """Return the only path.

    Raises:
        SourceError: There are more.
    """
    if len(paths) > 1:
        raise SourceError(f"{paths[1]}: one source too many, expected only {paths[0]}")
    return paths[0]


def find_place(path: PurePosixPath) -> PicturePlace | str:
    """Return where ``class/picture`` or ``split/class/picture`` belongs."""
    match path.parts:
        case [folder, _]:
            return PicturePlace(split=None, folder=folder)
        case [split, folder, _] if split.lower() in SPLIT_NAMES:
            return PicturePlace(split=SPLITS.index(SPLIT_NAMES[split.lower()]), folder=folder)
    return _DEEP


# --- Writing


class FolderExporter(Exporter):
    """``train/class-name/00000123.png``, the number that of the row.

    A shard has no file of its own: its pictures are written under their names, again where a process was
    killed while it wrote them.
    """

    format = "folder"
    in_stores = False

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        self._folders = name_folders(dataset.classes, options.names)

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return intervals of rows."""
        return tuple(
            ExportShard(name=split, rows=(rows,), split=split)
            for split, _, _, rows in cut_rows(self)
        )

    def make_pages(self) -> Mapping[str, bytes]:
        """Return classes.json with the folder of each class."""
        return {CLASSES_NAME: dump_class_page(self.dataset.classes, self._folders)}

    def list_data_files(self) -> Mapping[str, str]:
        """Return the patterns; Hugging Face calls val ``validation``."""
        return {name_hf_split(name): f"{name}/**" for name in self.splits}

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write the pictures, and wait until they are on the disk."""
        folders = self._find_folders(shard, out)
        make_folder(out / shard.split)
        with disk_errors(out):
            for folder in set(folders):
                Path(os.fsdecode(folder)).mkdir(exist_ok=True)  # also those of classes without rows
            for rows, images, labels in self.read_blocks(shard):
                pictures = encode_pngs(images)
                for row, label, picture in zip(rows, labels.tolist(), pictures, strict=True):
                    write_unsafely(b"%b/%08d.png" % (folders[label], row), picture)
            sync_many(out)
        return ()

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the pictures by Pillow, as torchvision and Keras do; and those that are too many."""
        folders = self._find_folders(shard, out)
        [rows] = shard.rows
        for row, label in zip(
            rows, self.dataset.labels[rows.start : rows.stop].tolist(), strict=True
        ):
            path = Path(os.fsdecode(b"%b/%08d.png" % (folders[label], row)))
            yield decode_image(read_image_file(path)), label
        first, end = self.splits[shard.split]
        if rows.stop == end:
            n_found = sum(sum(1 for _ in os.scandir(f)) for f in folders if os.path.exists(f))  # noqa: PTH110 - bytes
            for _ in range(n_found - (end - first)):
                yield np.zeros((1, 1), np.uint8), 0

    def _find_folders(self, shard: ExportShard, out: Path) -> tuple[bytes, ...]:
        # As bytes: a locale of plain ASCII has no あ.
        place = os.fsencode(out / shard.split)
        return tuple(place + b"/" + name.encode() for name in self._folders)
