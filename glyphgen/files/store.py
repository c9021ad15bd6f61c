"""Where the files of a dataset lie: the verbs of a store, and the local folder that speaks them.

A dataset's pages, claim, notes and shards go through a store, so that another kind of place is another
class and nothing else. What is mapped into memory, or written in slices (npy), needs a local folder: of
what lies elsewhere a copy is mapped, see ``fetched``.
"""

import os
import shutil
import stat
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.files.address import AnyPlace, parse_place
from glyphgen.files.listed import ListedFile
from glyphgen.files.object_store import ObjectStore
from glyphgen.files.opening import PAGE, FileKind, open_regular
from glyphgen.files.writing import disk_errors, make_folder, remove_temporaries, sync, write_bytes

__all__ = ["LocalStore", "Store", "open_store"]


class Store(Protocol):
    """Files by their names; a name is relative, with ``/`` between its parts.

    Of every method: where the place cannot be reached at all it raises ``StoreError``.

    Attributes:
        is_shared: Whether other processes see what is put here.
    """

    @property
    def is_shared(self) -> bool: ...  # noqa: D102

    def put(self, name: str, *parts: bytes | NDArray[np.generic], durable: bool = True) -> None:
        """Make or replace a file, which is whole or absent at every moment.

        Args:
            name: Of the file; what it lies in need not exist.
            parts: Its content, one after the other; arrays are contiguous.
            durable: Return when the file would outlive a power cut.

        Raises:
            DatasetError: The place refused; what was there before is there still.
        """

    def get_range(
        self, name: str, start: int = 0, end: int | None = None, *, kind: FileKind = PAGE
    ) -> bytes:
        """Return the bytes of a file from ``start`` to before ``end``; fewer where it ends earlier.

        Args:
            name: Of the file.
            start: First byte.
            end: The byte after the last.
            kind: What it is read as: how much of it is, without ``end``.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It cannot be read.
        """

    def open(self, name: str, kind: FileKind) -> BufferedReader | BytesIO:
        """Open a file for reading; of a local folder it is open, else read into memory.

        Raises:
            FileNotFoundError: There is no such file.
            OSError: It cannot be read, or is larger than its kind may be.
        """

    def list(self, name: str = "") -> tuple[str, ...]:
        """Return the names directly below ``name``, sorted; none where nothing is there.

        Raises:
            DatasetError: The place refused.
        """

    def list_files(self) -> Mapping[str, ListedFile]:
        """Return what a listing tells of the regular files that lie here, by their names.

        Raises:
            DatasetError: The place refused.
        """

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Delete a file, or all that lies below a name; what is absent is no error.

        Raises:
            DatasetError: The place refused.
        """

    def exists(self, name: str = "") -> bool:
        """Return whether there is a file of this name, or any below it; without one, the folder itself.

        Raises:
            DatasetError: The place refused.
        """

    def sweep(self, name: str = "") -> None:
        """Remove what killed processes left unfinished directly below a name, while nobody writes there.

        Raises:
            DatasetError: The place refused.
        """


class LocalStore:
    """A folder of this machine; made when something is put into it.

    Args:
        root: The folder.
    """

    is_shared = True

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, *parts: bytes | NDArray[np.generic], durable: bool = True) -> None:
        """Write under a temporary name, flush, rename, and flush the folder."""
        path = self._root / name
        make_folder(path.parent)
        write_bytes(path, *parts, durable=durable)

    def get_range(
        self, name: str, start: int = 0, end: int | None = None, *, kind: FileKind = PAGE
    ) -> bytes:
        """Read from the file, if it is a regular one within the folder."""
        with self.open(name, kind) as file:
            file.seek(start)
            return file.read(-1 if end is None else max(0, end - start))

    def open(self, name: str, kind: FileKind) -> BufferedReader:
        """Open the file, if it is a regular one within the folder."""
        return open_regular(self._root / name, kind, within=self._root)

    def list(self, name: str = "") -> tuple[str, ...]:
        """List the folder."""
        folder = self._root / name
        with disk_errors(folder, "read"):
            entries = folder.iterdir() if folder.exists() else ()
            return tuple(sorted(entry.name for entry in entries))

    def list_files(self) -> Mapping[str, ListedFile]:
        """List the folder; links are passed over."""
        found = {}
        with (
            disk_errors(self._root, "read"),
            suppress(FileNotFoundError),
            os.scandir(self._root) as entries,
        ):
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    found[entry.name] = ListedFile(status.st_size, status.st_mtime_ns)
        return found

    def delete(self, name: str, *, durable: bool = False) -> None:
        """Remove a file, a link or a folder; nothing that a link points to."""
        path = self._root / name
        with disk_errors(path):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            if durable:
                sync(path.parent)

    def exists(self, name: str = "") -> bool:
        """Look for the file or folder."""
        path = self._root / name
        with disk_errors(path, "read"):
            return path.exists() if name else path.is_dir()

    def sweep(self, name: str = "") -> None:
        """Remove temporary files."""
        with disk_errors(self._root):
            remove_temporaries(self._root / name)


def open_store(place: AnyPlace) -> Store:
    """Return the store of a dataset's folder, which need not exist.

    Raises:
        DatasetError: The place is an address that cannot be one of a dataset.
    """
    found = parse_place(place)
    return LocalStore(found) if isinstance(found, Path) else ObjectStore(found)
