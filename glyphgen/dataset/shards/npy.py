"""Format npy: one file for each array of the whole dataset; a shard is a slice of each.

While the dataset is made, the files lie in its work folder at full size: a file that is cut short would
load without an error, with zeros where rows are missing. They are written in slices, in place, which only a
local folder can: in a store they lie in pieces, see ``raw``.
"""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy_format

from glyphgen.dataset.claim import find_work_folder
from glyphgen.dataset.shards.contract import Arrays, Shards, describe_damage, read_errors
from glyphgen.errors import DatasetError
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

    def prepare(self) -> None:
        """Make the three files at full size, without any rows yet, or take up what is there."""
        for name in self._headers():
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
            offset = self._find_offset(path, name, rows.start)
            with read_errors(path), self._opened(path) as file:
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
            offset = self._find_offset(path, name, rows.start)
            with read_errors(path), self._opened(path) as file:
                arrays.append(np.asarray(np.memmap(file, dtype, "r", offset, shape)))
        return Arrays(*arrays)

    def _write_arrays(self, k: int, arrays: Arrays) -> None:
        rows = self.layout.find_rows(k)
        for name, array in arrays._asdict().items():
            path = self._work_file(name)
            with disk_errors(self._file(name)):
                descriptor = os.open(path, os.O_WRONLY)
                try:
                    write_at(descriptor, array, self._find_offset(path, name, rows.start))
                    if name == "images":
                        flush_to_disk(descriptor)
                finally:
                    os.close(descriptor)

    def finish(self) -> None:
        """Give the three files their names."""
        for name in self._headers():
            work, place = self._work_file(name), self._file(name)
            with disk_errors(place):
                sync(work)
                work.replace(place)
                sync(self.folder)

    def list_files(self) -> tuple[str, ...]:
        """Return the names of the three files."""
        return tuple(f"{name}.npy" for name in Arrays._fields)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def _work_file(self, name: str) -> Path:
        return find_work_folder(self.folder) / f"{name}.npy"

    def _find_file(self, name: str) -> Path:
        work = self._work_file(name)
        return work if work.exists() else self._file(name)

    def _opened(self, path: Path) -> io.BufferedReader:
        return open_regular(path, ARRAY, within=self.folder)

    def _headers(self) -> dict[str, bytes]:
        """Return what each file begins with: magic, header length, and a literal, padded."""
        return {
            name: _dump_header(shape, dtype)
            for name, (shape, dtype) in self.layout.describe_arrays(self.layout.n_rows).items()
        }

    def _write_empty(self, path: Path, name: str) -> None:
        header = self._headers()[name]
        with committed(path) as temporary:
            temporary.write_bytes(header)
            os.truncate(temporary, len(header) + self._count_bytes(name))  # sparse: costs no blocks

    def _count_bytes(self, name: str) -> int:
        shape, dtype = self.layout.describe_arrays(self.layout.n_rows)[name]
        return int(np.prod(shape)) * dtype.itemsize

    def _is_whole(self, path: Path, name: str) -> bool:
        try:
            self._find_offset(path, name, 0)
        except DatasetError:
            return False
        return True

    def _find_offset(self, path: Path, name: str, row: int) -> int:
        """Return where a row begins in a file, after checking the file's header and size."""
        wanted = self._headers()[name]
        with read_errors(path), self._opened(path) as file:
            prefix = file.read(_PREFIX_LENGTH)
            length = int.from_bytes(prefix[len(_MAGIC) :], "little")
            header = prefix[: len(_MAGIC)] + file.read(length)
            size = os.fstat(file.fileno()).st_size
        offset = _PREFIX_LENGTH + length
        n_bytes = self._count_bytes(name)
        # How much a header is padded may differ between versions of NumPy.
        if (
            header.rstrip() != (wanted[: len(_MAGIC)] + wanted[_PREFIX_LENGTH:]).rstrip()
            or size != offset + n_bytes
        ):
            raise DatasetError(describe_damage(f"{path}:"))
        return offset + row * (n_bytes // self.layout.n_rows)


def _dump_header(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    header = io.BytesIO()
    fields = {
        "descr": npy_format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    npy_format.write_array_header_1_0(header, fields)
    return header.getvalue()
