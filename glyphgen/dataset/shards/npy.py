"""Format npy: one file for each array of the whole dataset; a shard is a slice of each.

While the dataset is made, the files lie in its work folder at full size: a file that is cut short would
load without an error, with zeros where rows are missing. They are written in slices, in place, which only a
local folder can: in a store they lie in pieces, see ``raw``.
"""

import io
import math
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from glyphgen.dataset.claim import find_work_folder
from glyphgen.dataset.index import INDEX_NAME
from glyphgen.dataset.shards.contract import Arrays, Layout, Shards, describe_damage, read_errors
from glyphgen.errors import DatasetError
from glyphgen.files.listed import ListedFile
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.files.writing import (
    committed,
    disk_errors,
    flush_to_disk,
    read_items,
    sync,
    write_at,
)

__all__ = ["NpyShards"]

_MAGIC = b"\x93NUMPY\x01\x00"  # format version 1.0: two bytes with the header's length follow
_PREFIX_LENGTH = len(_MAGIC) + 2


class NpyShards(Shards):
    """images.npy, labels.npy and samples.npy, in a local folder."""

    IN_STORES = False
    folder: Path

    def __init__(self, folder: Path, layout: Layout) -> None:
        super().__init__(folder, layout)
        self._starts: dict[
            str, int
        ] = {}  # of the rows in each file that this process has written to

    def prepare(self) -> None:
        """Make the three files at full size, without any rows yet, or take up what is there."""
        for name in _dump_headers(self.layout):
            work, place = self._work_file(name), self._file(name)
            if self._is_whole(work, name):
                continue
            if self._is_whole(place, name):  # the dataset was finished, or nearly
                with disk_errors(place):
                    place.replace(work)
            else:
                self._write_empty(work, name)

    def read(self, k: int) -> Arrays:
        """Read the slices of a shard."""
        rows = self.layout.find_rows(k)
        arrays = []
        for name, (shape, dtype) in self.layout.describe_arrays(len(rows)).items():
            path = self._find_file(name)
            with read_errors(path), self._opened(path) as file:
                self._find_start(file, path, name)  # the file is read up to there
                offset = rows.start * self._count_row_bytes(name)
                items = read_items(file, dtype, int(np.prod(shape)), offset)
            arrays.append(items.reshape(shape))
        return Arrays(*arrays)

    @property
    def parts(self) -> tuple[range, ...]:
        """One part: each array is one file."""
        return (range(self.layout.n_rows),)

    def map(self, part: int) -> Arrays:
        """Map the three files."""
        rows = self.parts[part]
        arrays = []
        for name, (shape, dtype) in self.layout.describe_arrays(len(rows)).items():
            path = self._file(name)
            with read_errors(path), self._opened(path) as file:
                start = self._find_start(file, path, name)
                arrays.append(np.asarray(np.memmap(file, dtype, "r", start, shape)))
        return Arrays(*arrays)

    def _write_arrays(self, k: int, arrays: Arrays) -> None:
        rows = self.layout.find_rows(k)
        for name, array in arrays._asdict().items():
            path = self._work_file(name)
            with disk_errors(self._file(name)):
                if name not in self._starts:
                    with read_errors(path), self._opened(path) as file:
                        self._starts[name] = self._find_start(file, path, name)
                offset = self._starts[name] + rows.start * self._count_row_bytes(name)
                descriptor = os.open(path, os.O_WRONLY)
                try:
                    write_at(descriptor, array, offset)
                    if name == "images":
                        flush_to_disk(descriptor)
                finally:
                    os.close(descriptor)

    def finish(self) -> None:
        """Give the three files their names."""
        for name in _dump_headers(self.layout):
            work, place = self._work_file(name), self._file(name)
            with disk_errors(place):
                sync(work)
                work.replace(place)
                sync(self.folder)

    def name_files(self) -> tuple[str, ...]:
        """Return the names of the three files."""
        return tuple(f"{name}.npy" for name in Arrays._fields)

    def find_changed(self) -> list[int]:
        """Return all shards where one of the three files may have changed, else none."""
        listed = self.store.list_files()
        files = [listed.get(self._file(name).name) for name in _dump_headers(self.layout)]
        index = listed.get(INDEX_NAME, ListedFile(0, None))
        if all(file and file.is_older(index) for file in files) and all(
            self._is_whole(self._file(name), name) for name in _dump_headers(self.layout)
        ):
            return []
        return list(range(self.layout.n_shards))

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _work_file(self, name: str) -> Path:
        return find_work_folder(self.folder) / f"{name}.npy"

    def _find_file(self, name: str) -> Path:
        work = self._work_file(name)
        return work if work.exists() else self._file(name)

    def _opened(self, path: Path) -> io.BufferedReader:
        return open_regular(path, ARRAY, within=self.folder)

    def _write_empty(self, path: Path, name: str) -> None:
        header = _dump_headers(self.layout)[name]
        with committed(path) as temporary:
            temporary.write_bytes(header)
            n_bytes = len(header) + self.layout.n_rows * self._count_row_bytes(name)
            os.truncate(temporary, n_bytes)  # sparse: costs no blocks

    def _count_row_bytes(self, name: str) -> int:
        shape, dtype = self.layout.describe_arrays(1)[name]
        return math.prod(shape) * dtype.itemsize

    def _is_whole(self, path: Path, name: str) -> bool:
        try:
            with read_errors(path), self._opened(path) as file:
                self._find_start(file, path, name)
        except DatasetError:
            return False
        return True

    def _find_start(self, file: io.BufferedReader, path: Path, name: str) -> int:
        """Return where the rows begin in a file, after checking its header and size.

        Raises:
            DatasetError: They are others.
        """
        wanted = _dump_headers(self.layout)[name]
        prefix = file.read(_PREFIX_LENGTH)
        length = int.from_bytes(prefix[len(_MAGIC) :], "little")
        header = prefix[: len(_MAGIC)] + file.read(length)
        start = _PREFIX_LENGTH + length
        n_bytes = start + self.layout.n_rows * self._count_row_bytes(name)
        # How much a header is padded may differ between versions of NumPy.
        if (
            header.rstrip() != (wanted[: len(_MAGIC)] + wanted[_PREFIX_LENGTH:]).rstrip()
            or os.fstat(file.fileno()).st_size != n_bytes
        ):
            raise DatasetError(describe_damage(f"{path}:"))
        return start


@lru_cache(maxsize=4)
def _dump_headers(layout: Layout) -> Mapping[str, bytes]:
    """Return what each file begins with: magic, header length, and a literal, padded."""
    arrays = layout.describe_arrays(layout.n_rows)
    return {name: _dump_header(shape, dtype) for name, (shape, dtype) in arrays.items()}


def _dump_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    header = io.BytesIO()
    fields = {
        "descr": npy_format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    npy_format.write_array_header_1_0(header, fields)
    return header.getvalue()
