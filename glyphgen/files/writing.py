"""Files that are whole or absent, and disk errors in one line.

Source: Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014 (write under a temporary
name, fsync, rename, fsync the folder).
"""

import ctypes
import errno
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import DatasetError

__all__ = [
    "TEMPORARY",
    "committed",
    "disk_errors",
    "flush_to_disk",
    "make_folder",
    "name_temporary",
    "read_items",
    "remove_temporaries",
    "sync",
    "sync_many",
    "write_array",
    "write_at",
    "write_bytes",
    "write_unsafely",
]

TEMPORARY = ".tmp"
"""How the names of files and folders end that nobody has finished."""

_AGAIN = "then run the same command again: finished shards are kept"
_ADVICE = {
    errno.ENOSPC: f"make room, {_AGAIN}",
    errno.EDQUOT: f"make room in your quota, {_AGAIN}",
    errno.EFBIG: "raise `ulimit -f`, or --out DIR on a file system that takes larger files",
    errno.EACCES: "make it writable, or --out DIR",
    errno.EPERM: "make it writable, or --out DIR",
    errno.EROFS: "make it writable, or --out DIR",
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), f"raise `ulimit -n`, {_AGAIN}"),
}
_OTHER_ADVICE = f"check the disk, {_AGAIN}"


@contextmanager
def disk_errors(place: object, done: str = "written") -> Iterator[None]:
    """Turn what the operating system says inside the block into one line about ``place``.

    Every call that touches a dataset's folder stands in such a block, or in one of the functions here,
    which have it: an OSError that nobody expected is a traceback.

    Args:
        place: The file or folder that the user knows, as it is shown.
        done: What cannot be done to it.

    Raises:
        DatasetError: For every OSError: disk full, input/output error, no permission.
    """
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        advice = _ADVICE.get(error.errno or 0, _OTHER_ADVICE)
        raise DatasetError(f"{place}: cannot be {done}: {reason} ({advice})") from error


@contextmanager
def committed(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a temporary name beside ``path``; what the block wrote there becomes ``path``, whole.

    Args:
        path: Replaced in one step at the end of the block, and left as it is when the block fails.
        durable: Also outlive a power cut. Without it the file may then be empty or absent.

    Raises:
        DatasetError: The disk refused; nothing of the new file is left.
    """
    temporary = name_temporary(path)
    with disk_errors(path):
        try:
            yield temporary
            if durable:
                sync(temporary)
            temporary.replace(path)
            if durable:
                sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


def name_temporary(path: Path) -> Path:
    """Return a name beside ``path`` that no other process uses: ``.name.pid-random.tmp``."""
    unique = f"{os.getpid()}-{secrets.token_hex(4)}"  # several hosts may share the folder
    return path.with_name(f".{path.name}.{unique}{TEMPORARY}")


def write_bytes(path: Path, *parts: bytes | NDArray[np.generic], durable: bool = True) -> None:
    """Write a file that is whole or absent at every moment.

    Args:
        path: The file; what is there is replaced.
        parts: Its content, one after the other; arrays are contiguous.
        durable: As for ``committed``.

    Raises:
        DatasetError: The disk refused.
    """
    with committed(path, durable=durable) as temporary:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            offset = 0
            for part in parts:
                array = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else part
                write_at(descriptor, array, offset)
                offset += array.nbytes
            if durable:
                flush_to_disk(descriptor)
        finally:
            os.close(descriptor)


def write_unsafely(path: str | bytes, content: bytes) -> None:
    """Write a file under its name, at once: where the process is killed, a part of it is there.

    Of use for many small files of which something else tells that all are finished, after ``sync_many``.

    Raises:
        OSError: The disk refused.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o666)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
    finally:
        os.close(descriptor)


def write_array(path: Path, array: NDArray[Any], *, durable: bool = True) -> None:
    """Write an array as ``.npy``, a file that is whole or absent at every moment.

    Who has mapped an older file of this name keeps that one: nothing changes under a map.

    Args:
        path: The file; what is there is replaced.
        array: Is copied once.
        durable: As for ``committed``.

    Raises:
        DatasetError: The disk refused.
    """
    content = io.BytesIO()
    np.lib.format.write_array(content, array, allow_pickle=False)
    write_bytes(path, np.frombuffer(content.getbuffer(), np.uint8), durable=durable)


def read_items(
    file: Path | BinaryIO, dtype: np.dtype[Any], n: int, offset: int = 0
) -> NDArray[Any]:
    """Read items from the ``offset``-th byte of a file on: (n,).

    Raises:
        OSError: The file has fewer, or the disk failed on the way.
    """
    items = np.fromfile(file, dtype, n, offset=offset)
    if len(items) < n:  # NumPy keeps the reason to itself
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    return items


def make_folder(folder: Path) -> None:
    """Make a folder and those that it lies in, so that they outlive a power cut.

    Raises:
        DatasetError: A file is there, or the disk refused.
    """
    with disk_errors(folder):
        if not folder.is_dir():
            if folder.exists():
                raise DatasetError(
                    f"{folder}: is a file, expected a folder (--out DIR takes another folder)"
                )
            make_folder(folder.parent)
            folder.mkdir(exist_ok=True)
            sync(folder.parent)


def write_at(descriptor: int, array: NDArray[np.generic], offset: int) -> None:
    """Write the bytes of a contiguous array into an open file, ``offset`` bytes from its start."""
    # pwrite from the array that was drawn into: to touch fresh pages of a mapped file costs more
    # than to draw what goes into them, and no other process has to agree on a file position.
    left = array.reshape(-1).view(np.uint8).data
    while left:
        n = os.pwrite(descriptor, left, offset)
        left, offset = left[n:], offset + n


def flush_to_disk(descriptor: int) -> None:
    """Wait until what was written into an open file is on the disk, and let go of its memory.

    Pages that the system may use again at once are warm for the next shard. Where freed memory goes
    back to a host, as in many virtual machines, the first touch of fresh pages costs more than to draw
    what is written into them: on such a machine a render takes a fifth less time with this.
    """
    os.fdatasync(descriptor)
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)


def sync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_many(folder: Path) -> None:
    """Wait until the bytes and names of all files below a folder are on the disk.

    Of thousands of small files this takes a fraction of the time that a ``sync`` of each takes.

    Source: syncfs(2).
    """
    syncfs = getattr(ctypes.CDLL(None), "syncfs", None)
    if syncfs is None:  # not Linux
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if syncfs(descriptor):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
    finally:
        os.close(descriptor)


def remove_temporaries(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder, while nobody writes there."""
    for temporary in folder.glob(f".*{TEMPORARY}"):
        temporary.unlink(missing_ok=True)
