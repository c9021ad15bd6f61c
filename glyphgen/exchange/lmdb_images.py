"""LMDB as recognizers of text read it: ``image-000000001``, ``label-000000001``, ``num-samples``.

A folder for each split, with its ``data.mdb``. Labels are texts.

Source: create_lmdb_dataset.py of CRNN and of clovaai/deep-text-recognition-benchmark, which PARSeq, ABINet
and docTR's users keep to.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import SourceError
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    describe_written,
    require_library,
    whole_splits,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.packed_pictures import FoundPicture, find_files, make_picture_source
from glyphgen.exchange.source import ImportSource, SourceImages
from glyphgen.exchange.stored import source_errors
from glyphgen.files.opening import ARRAY, check_regular
from glyphgen.files.writing import committed, make_folder
from glyphgen.images.decoding import decode_image
from glyphgen.images.png import encode_pngs
from glyphgen.progress import Reporter

__all__ = ["LmdbExporter", "LmdbImages", "open_lmdb"]

_FILE = "data.mdb"
_MOST_RECORD_BYTES = (
    8192  # beside the pixels of an image: its label, keys, and what pages leave empty
)


class LmdbExporter(Exporter):
    """``train/data.mdb`` and so on."""

    format = "lmdb"
    libraries = ("zlib-ng", "lmdb")

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        self._lmdb = require_library("lmdb", "lmdb", "export lmdb")

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return each split: a database has one writer."""
        return whole_splits(self, "{split}/" + _FILE)

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write a database, keys in order."""
        image = self.dataset.index.image
        room = shard.n_rows * (2 * image.height * image.width + _MOST_RECORD_BYTES) + (1 << 24)
        make_folder((out / shard.name).parent)
        with committed(out / shard.name) as temporary, self._disk_errors():
            environment = self._lmdb.open(
                str(temporary), map_size=room, subdir=False, lock=False, sync=False
            )
            with environment:
                number = 0
                for _, images, _ in self.read_blocks(shard):
                    with environment.begin(write=True) as transaction:
                        for number, picture in enumerate(encode_pngs(images), number + 1):  # noqa: B020
                            transaction.put(b"image-%09d" % number, picture, append=True)
                self._write_labels(environment, shard)
        return (describe_written(out, shard.name),)

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except self._lmdb.Error as error:  # it keeps the number to itself
            full = os.strerror(errno.ENOSPC)
            raise OSError(errno.ENOSPC if full in str(error) else errno.EIO, str(error)) from error

    def _write_labels(self, environment: Any, shard: ExportShard) -> None:
        texts = [info.label.encode() for info in self.dataset.classes]
        [rows] = shard.rows
        with environment.begin(write=True) as transaction:
            labels = self.dataset.labels[rows.start : rows.stop].tolist()
            for number, label in enumerate(labels, 1):
                transaction.put(b"label-%09d" % number, texts[label], append=True)
            transaction.put(b"num-samples", b"%d" % shard.n_rows, append=True)

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the database through lmdb."""
        with _opened(out / shard.name) as transaction:
            for number in range(1, int(transaction.get(b"num-samples")) + 1):
                label = transaction.get(b"label-%09d" % number).decode()
                yield decode_image(transaction.get(b"image-%09d" % number)), label


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open a database for reading; nothing is written beside it."""
    lmdb = require_library("lmdb", "lmdb", "lmdb")
    check_regular(path, ARRAY)
    with (
        lmdb.open(
            str(path), readonly=True, subdir=False, lock=False, readahead=False, create=False
        ) as environment,
        environment.begin() as transaction,
    ):
        yield transaction


# --- Reading


class LmdbImages(SourceImages):
    """Pictures of databases, found by their numbers.

    Args:
        files: The databases.
        spans: int64 (n, 3): of each the number of its file, its number there, its size.
    """

    def __init__(self, files: tuple[Path, ...], spans: NDArray[np.int64]) -> None:
        self._files, self._spans = files, spans

    def read(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        """Decode some pictures."""
        images: dict[int, NDArray[np.uint8]] = {}
        spans = self._spans[rows]
        for number in np.unique(spans[:, 0]).tolist():
            path = self._files[number]
            with source_errors(path), _lmdb_errors(path), _opened(path) as transaction:
                for k in np.flatnonzero(spans[:, 0] == number).tolist():
                    picture = transaction.get(b"image-%09d" % spans[k, 1])
                    images[k] = decode_image(picture or b"")
        return [images[k] for k in range(len(rows))]


def open_lmdb(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open databases of images and texts.

    Args:
        paths: Of the files ``data.mdb``, or of a folder of them.
        options: None is used.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: A database is damaged, or holds something else.
        MachineError: lmdb is not installed.
    """
    require_library("lmdb", "lmdb", "import lmdb")
    files = find_files(paths, _FILE)
    exported = read_class_page(files[0].parent.parent) or read_class_page(files[0].parent)
    return make_picture_source(
        files,
        chain.from_iterable(_find_pictures(k, path) for k, path in enumerate(files)),
        kind="lmdb",
        name=paths[0].resolve().name.removesuffix(f"/{_FILE}"),
        exported=exported,
        make_images=LmdbImages,
        reporter=reporter,
    )


def _find_pictures(file: int, path: Path) -> Iterator[FoundPicture]:
    with source_errors(path), _lmdb_errors(path), _opened(path) as transaction:
        told = bytes(transaction.get(b"num-samples") or b"")
        if not told.isdigit():
            raise SourceError(
                f"{path}: has no num-samples, expected image-000000001, label-000000001"
            )
        for number in range(1, int(told) + 1):
            name = f"{path.parent.name}/{path.name}: image-{number:09}"
            picture = transaction.get(b"image-%09d" % number)
            label = transaction.get(b"label-%09d" % number)
            if picture is None or label is None:
                yield FoundPicture(name=name, file=file, fault="no image or no label")
            else:
                text = bytes(label).decode("utf-8", "replace")
                yield FoundPicture(name=name, label=text, file=file, offset=number, data=picture)


@contextmanager
def _lmdb_errors(path: Path) -> Iterator[None]:
    import lmdb

    try:
        yield
    except lmdb.Error as error:
        raise SourceError(f"{path}: damaged: {error} (download or save it again)") from None
