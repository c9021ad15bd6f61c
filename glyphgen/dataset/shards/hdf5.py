"""Format hdf5: one file for each shard, with /images, /labels and /samples.

Uncompressed arrays are contiguous, so that a reader can map them without HDF5. HDF5 itself only
makes the few kilobytes around them, in memory: the library writes no file, so a full disk cannot
catch it half way, which leaves it unable to close the file.

Source: HDF5 File Format Specification 3.0, IV.A.2.i (data layout message, contiguous storage).
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.shards.contract import Arrays, Shards, describe_damage, read_errors
from glyphgen.errors import DatasetError
from glyphgen.files.opening import ARRAY, open_regular

__all__ = ["Hdf5Shards"]

# Clean 64x64 kana, one chunk each: 0.142 of the size in 41 us an image; level 4 0.137 in 49 us, level
# 9 0.126 in 378 us.
_GZIP_LEVEL = 1


class Hdf5Shards(Shards):
    """shard-00000.h5, shard-00001.h5 and so on."""

    FILE = "shard-*.h5"

    def prepare(self) -> None:
        """Do nothing: every file is made by the process that writes its shard."""

    def read(self, k: int) -> Arrays:
        """Read the file of a shard."""
        with self._opened(k) as file:
            return Arrays(*(file[name][()] for name in Arrays._fields))

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
        parts = _make_file(arrays, self.layout.compression)
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


def _make_file(arrays: Arrays, compression: str) -> tuple[NDArray[np.uint8], ...]:
    """Return the parts of an HDF5 file, one after the other; uncompressed images are not copied."""
    import h5py

    memory = io.BytesIO()
    offsets = {}
    with h5py.File(memory, "w") as file:
        # Images come last, so that nothing but they lies beyond the end of what HDF5 writes.
        for name, array in reversed(arrays._asdict().items()):
            if name == "images" and compression == "gzip":
                chunk = (1, *array.shape[1:])  # of one image, for random reads
                file.create_dataset(
                    name, data=array, chunks=chunk, compression="gzip", compression_opts=_GZIP_LEVEL
                )
            else:
                dataset = file.create_dataset(name, array.shape, array.dtype, dcpl=_reserve_space())
                offsets[name] = dataset.id.get_offset()
    content = np.frombuffer(memory.getbuffer(), np.uint8)
    first = offsets.pop("images", None)
    before = np.zeros(len(content) if first is None else first, np.uint8)
    before[: len(content)] = content
    for name, offset in offsets.items():
        small = getattr(arrays, name).view(np.uint8)
        before[offset : offset + len(small)] = small
    return (before,) if first is None else (before, arrays.images)


def _reserve_space() -> Any:
    """Return the properties of a dataset whose place in the file is fixed, and left unwritten."""
    import h5py

    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    return properties
