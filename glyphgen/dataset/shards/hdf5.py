"""Format hdf5: one file for each shard, with /images, /labels and /samples.

Uncompressed arrays are contiguous, so that a reader can map them without HDF5. HDF5 itself only
makes the few kilobytes around them, in memory: the library writes no file, so a full disk cannot
catch it half way, which leaves it unable to close the file.

Source: HDF5 File Format Specification 3.0, IV.A.2.i (data layout message, contiguous storage).
"""

import io
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.shards.contract import Arrays, Layout, Shards, describe_damage, read_errors
from glyphgen.errors import DatasetError
from glyphgen.files.opening import ARRAY, open_regular

__all__ = ["Hdf5Shards", "make_compressed"]

# Clean 64x64 kana, one chunk each: 0.142 of the size in 41 us an image; level 4 0.137 in 49 us, level
# 9 0.126 in 378 us.
_GZIP_LEVEL = 1


class Hdf5Shards(Shards):
    """shard-00000.h5, shard-00001.h5 and so on."""

    FILE = "shard-*.h5"

    def prepare(self) -> None:
        """Do nothing: every file is made by the process that writes its shard."""

    def read(self, k: int) -> Arrays:
        """Read the file of a shard: without HDF5 where it is, around the arrays, what is written here."""
        if arrays := self._read_as_made(k):
            return arrays
        with self._opened(k) as file:
            return Arrays(*(file[name][()] for name in Arrays._fields))

    def _read_as_made(self, k: int) -> Arrays | None:
        n = len(self.layout.find_rows(k))
        if self.layout.compression != "none":
            return None
        frame, name = _make_frame(self.layout, n), self._name_file(k)
        with read_errors(self.folder / name), self.store.open(name, ARRAY) as file:
            if file.seek(0, os.SEEK_END) != frame.n_bytes:
                return None
            file.seek(0)
            content = np.frombuffer(file.read(), np.uint8)
        return frame.take_arrays(content) if len(content) == frame.n_bytes else None

    def _count_part_bytes(self, k: int) -> int | None:
        if self.layout.compression != "none":
            return None
        return _make_frame(self.layout, len(self.layout.find_rows(k))).n_bytes

    @property
    def parts(self) -> tuple[range, ...]:
        """One part for each shard."""
        return tuple(self.layout.find_rows(k) for k in range(self.layout.n_shards))

    def map(self, part: int) -> Arrays:
        """Map the file of a shard; compressed images are read when they are asked for.

        Of a store it is read into memory.
        """
        if not isinstance(self.folder, Path):
            return self.read(part)
        with self._opened(part) as file:
            offsets = {name: file[name].id.get_offset() for name in Arrays._fields}
        path = self.folder / self._name_file(part)
        with read_errors(path), open_regular(path, ARRAY, within=self.folder) as mapped:
            content = np.asarray(np.memmap(mapped, np.uint8, "r"))
        n = len(self.layout.find_rows(part))
        arrays: dict[str, Any] = {}
        for name, (shape, dtype) in self.layout.describe_arrays(n).items():
            first = offsets[name]
            if first is None:
                arrays[name] = _GzipImages(path, part)
            else:
                n_bytes = int(np.prod(shape)) * dtype.itemsize
                arrays[name] = content[first : first + n_bytes].view(dtype).reshape(shape)
        return Arrays(**arrays)

    def _write_arrays(self, k: int, arrays: Arrays) -> None:
        layout = self.layout
        if layout.compression == "none":
            parts = _make_frame(layout, len(arrays.images)).fill(arrays)
        else:
            parts = (make_compressed(layout, arrays),)
        self.store.put(self._name_file(k), *parts)

    def finish(self) -> None:
        """Do nothing: every file got its name when it was whole."""

    @contextmanager
    def _opened(self, k: int) -> Iterator[Any]:
        """Open the file of a shard and check what its arrays are."""
        import h5py

        path = self.folder / self._name_file(k)
        with read_errors(path):
            opened = self.store.open(self._name_file(k), ARRAY)
            n_bytes = opened.seek(0, os.SEEK_END)
        try:
            # A file of this machine by its name, which is faster. No lock: nobody writes a file that has
            # its name, and some network disks refuse locks.
            source = path if isinstance(path, Path) else opened
            with opened, h5py.File(source, "r", locking=False) as file:
                wanted = self.layout.describe_arrays(len(self.layout.find_rows(k)))
                if {name: (file[name].shape, file[name].dtype) for name in wanted} != wanted:
                    raise ValueError(path)
                for name in wanted:
                    _check_storage(file, name, self.layout.compression, n_bytes)
                yield file
        except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise DatasetError(describe_damage(f"{self.folder}: shard {k}")) from error


def _check_storage(file: Any, name: str, compression: str, n_bytes: int) -> None:
    """Check that an array lies in this very file, and is stored as ``_make_file`` does it.

    HDF5 follows links to other files, reads arrays from whatever file they name, and takes a chunk as
    large as its header says.

    Raises:
        ValueError: It is stored in another way.
    """
    import h5py

    array = file[name]
    is_own = isinstance(file.get(name, getlink=True), h5py.HardLink)
    if not is_own or array.is_virtual or array.external:
        raise ValueError(f"{name} lies in another file")
    if name == "images" and compression == "gzip":
        made = array.id.get_create_plist()
        filters = [made.get_filter(number)[0] for number in range(made.get_nfilters())]
        is_as_made = (array.chunks, filters) == ((1, *array.shape[1:]), [h5py.h5z.FILTER_DEFLATE])
    else:
        first = array.id.get_offset()
        is_as_made = first is not None and first + array.nbytes <= n_bytes
    if not is_as_made:
        raise ValueError(f"{name} is stored in another way")


class _GzipImages:
    """Compressed images of a shard, which are read through HDF5 when they are asked for."""

    def __init__(self, path: Path, k: int) -> None:
        import h5py

        self._place = f"{path.parent}: shard {k}"
        # A chunk is one image: a cache of chunks is of no use, and takes 1 MiB for each open shard.
        self._file = h5py.File(path, "r", locking=False, rdcc_nbytes=0)
        self._images = self._file["images"]

    def __getitem__(self, wanted: int | slice | NDArray[np.int64]) -> NDArray[np.uint8]:
        try:
            if isinstance(wanted, np.ndarray):  # ten times as fast as h5py's own lists of rows
                return np.stack([self._images[row] for row in wanted])
            images: NDArray[np.uint8] = self._images[wanted]
        except OSError as error:
            raise DatasetError(describe_damage(self._place)) from error
        return images


@dataclass(frozen=True, slots=True)
class _Frame:
    """What an HDF5 file of uncompressed arrays is but for their rows; the images end it.

    Attributes:
        head: uint8, what comes before the images, with zeros where the other arrays lie.
        places: Of each array: its first byte, shape and type.
        n_bytes: Size of the file.
    """

    head: NDArray[np.uint8]
    places: Mapping[str, tuple[int, tuple[int, ...], np.dtype[Any]]]
    n_bytes: int

    def fill(self, arrays: Arrays) -> tuple[NDArray[np.uint8], ...]:
        """Return the parts of a file, one after the other; the images are not copied."""
        head = self.head.copy()
        for name, array in arrays._asdict().items():
            if name != "images":
                first = self.places[name][0]
                head[first : first + array.nbytes] = array.view(np.uint8)
        return head, arrays.images

    def take_arrays(self, content: NDArray[np.uint8]) -> Arrays | None:
        """Return views of the arrays in a file of this size; None where it is another around them."""
        head = content[: len(self.head)].copy()
        arrays = {}
        for name, (first, shape, dtype) in self.places.items():
            end = first + math.prod(shape) * dtype.itemsize
            arrays[name] = content[first:end].view(dtype).reshape(shape)
            head[first:end] = 0
        return Arrays(**arrays) if np.array_equal(head, self.head) else None


@lru_cache(maxsize=4)
def _make_frame(layout: Layout, n: int) -> _Frame:
    """Return what surrounds ``n`` rows: HDF5 makes it once, and not for each shard."""
    shapes = layout.describe_arrays(n)
    content, offsets = _make_content(shapes)
    head = np.zeros(offsets["images"], np.uint8)
    head[: len(content)] = content
    places = {name: (offsets[name], *shapes[name]) for name in Arrays._fields}
    return _Frame(head, places, len(head) + math.prod(shapes["images"][0]))


def make_compressed(layout: Layout, arrays: Arrays) -> NDArray[np.uint8]:
    """Return the content of an HDF5 file with compressed images."""
    content, offsets = _make_content(layout.describe_arrays(len(arrays.images)), arrays.images)
    for name, first in offsets.items():
        array: NDArray[Any] = getattr(arrays, name)
        content[first : first + array.nbytes] = array.view(np.uint8)
    return content


def _make_content(
    shapes: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]],
    compressed: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], dict[str, int]]:
    """Return what HDF5 writes of arrays whose bytes it is not given, and where these belong.

    Args:
        shapes: Shape and type of each array, in the order of ``Arrays``.
        compressed: Images that are compressed, and so have no place to be filled.
    """
    import h5py

    memory, offsets = io.BytesIO(), {}
    with h5py.File(memory, "w") as file:
        # Images come last, so that nothing but they lies beyond the end of what HDF5 writes.
        for name, (shape, dtype) in reversed(list(shapes.items())):
            if name == "images" and compressed is not None:
                chunk = (1, *shape[1:])  # of one image, for random reads
                file.create_dataset(
                    name,
                    data=compressed,
                    chunks=chunk,
                    compression="gzip",
                    compression_opts=_GZIP_LEVEL,
                )
            else:
                dataset = file.create_dataset(name, shape, dtype, dcpl=_reserve_space())
                offsets[name] = dataset.id.get_offset()
    return np.frombuffer(memory.getbuffer(), np.uint8), offsets


def _reserve_space() -> Any:
    """Return the properties of a dataset whose place in the file is fixed, and left unwritten."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties
