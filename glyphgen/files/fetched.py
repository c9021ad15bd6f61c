"""Copies of what lies in stores, in the user's cache: each is named by its hash, and checked.

A copy is hashed when a process first opens it, and again when its file has changed since. Where the disk
gets full, the copies that were opened longest ago make room.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import DamagedError, DatasetError, MachineError
from glyphgen.files.address import Place
from glyphgen.files.cache import find_cache_folder
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.files.store import open_store
from glyphgen.files.writing import TEMPORARY, make_folder, write_bytes

__all__ = ["open_fetched", "open_local"]

_DIGEST = re.compile("[0-9a-f]{64}")
_KEPT_FREE = 20  # one part of so many of the disk is left to others

_checked: dict[str, tuple[int, ...]] = {}  # what the files were when this process hashed them


def open_local(folder: Place, name: str, files: Mapping[str, str]) -> BufferedReader:
    """Open a file of a dataset that can be mapped: itself, or the copy of what lies in a store.

    Args:
        folder: Of the dataset.
        name: Of the file.
        files: SHA-256 of each, by its name.

    Raises:
        FileNotFoundError: There is none.
        OSError: It cannot be read.
        DamagedError: What is in the store has another hash.
    """
    if isinstance(folder, Path):
        return open_regular(folder / name, ARRAY, within=folder)
    if name not in files:
        raise FileNotFoundError(name)

    def fetch() -> Sequence[bytes]:
        content = open_store(folder).get_range(name, kind=ARRAY)
        if hashlib.sha256(content).hexdigest() != files[name]:
            raise DamagedError(
                f"{folder / name}: does not match index.json (make the dataset again, with --force)"
            )
        return [content]

    return open_fetched(
        files[name], lambda file: hashlib.file_digest(file, "sha256").hexdigest(), fetch
    )


def open_fetched(
    digest: str,
    hash_file: Callable[[BufferedReader], str],
    fetch: Callable[[], Sequence[bytes | NDArray[np.generic]]],
) -> BufferedReader:
    """Open the copy of a content, and fetch it where there is none or it is damaged.

    Args:
        digest: Hash of the content: 64 hexadecimal digits.
        hash_file: Returns the hash of an open file.
        fetch: Returns the parts of the content, checked, one after the other.

    Raises:
        DamagedError: The digest is none.
        MachineError: The cache cannot be written.
        GlyphgenError: What ``fetch`` raises.
    """
    if not _DIGEST.fullmatch(digest):
        raise DamagedError(f"{digest!r}: no hash, expected 64 hexadecimal digits")
    folder = find_cache_folder("fetched")
    if folder is None:
        raise MachineError("cache: no place for it is known (let XDG_CACHE_HOME name a folder)")
    path = folder / digest[:2] / digest
    with suppress(OSError):
        file = open_regular(path, ARRAY)
        if _is_right(file, digest, hash_file):
            with suppress(OSError):  # others may share the cache and let nobody write
                os.utime(path, ns=(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns))
            return file
        file.close()
    _write(path, fetch())
    file = open_regular(path, ARRAY)
    _checked[digest] = _describe(file)
    return file


def _is_right(
    file: BufferedReader, digest: str, hash_file: Callable[[BufferedReader], str]
) -> bool:
    found = _describe(file)
    if _checked.get(digest) != found:
        if hash_file(file) != digest:
            return False
        _checked[digest] = found
    file.seek(0)
    return True


def _describe(file: BufferedReader) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _write(path: Path, parts: Sequence[bytes | NDArray[np.generic]]) -> None:
    n_bytes = sum(len(part) if isinstance(part, bytes) else part.nbytes for part in parts)
    try:
        make_folder(path.parent)
        _make_room(path.parent.parent, n_bytes)
        write_bytes(path, *parts, durable=False)
    except (DatasetError, OSError) as error:
        said = str(error.__cause__ or error)
        raise MachineError(
            f"{path.parent.parent}: copies of a store's files cannot be kept there: {said}"
            " (make room, or let XDG_CACHE_HOME name another folder)"
        ) from error


def _make_room(folder: Path, n_bytes: int) -> None:
    """Remove the copies that were opened longest ago until the disk has room for one more."""
    usage = shutil.disk_usage(folder)
    missing = n_bytes + usage.total // _KEPT_FREE - usage.free
    if missing <= 0:
        return
    copies = []
    for path in folder.glob("??/*"):
        with suppress(OSError):  # another process removes it at this moment
            copies.append((path.stat(), path))
    copies.sort(key=lambda copy: copy[0].st_atime)
    for status, path in copies:
        if missing <= 0:
            return
        if not path.name.endswith(TEMPORARY):
            path.unlink(missing_ok=True)
            missing -= status.st_size
