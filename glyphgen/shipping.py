"""A job goes to its workers: one pickle and the files beside it, each with its hash.

Paths in a job are put right where it is opened: those of its own files lie where the worker has them, and
no other is relative, for a worker may have another current folder.
"""

import atexit
import hashlib
import io
import pickle
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from glyphgen.dataset.claim import WORK
from glyphgen.errors import MachineError
from glyphgen.files.address import Address, Place
from glyphgen.files.opening import ARRAY, open_regular, read_regular
from glyphgen.files.store import open_store
from glyphgen.files.temporary import make_temporary_folder, temporary_errors
from glyphgen.files.writing import disk_errors, write_bytes

__all__ = ["ShippedJob", "dump_job", "open_shipped", "ship_job"]

_JOB = "job.pickle"


@dataclass(frozen=True, slots=True)
class ShippedJob:
    """Where workers find a job.

    Attributes:
        place: The folder of its files.
        files: SHA-256 of each, by its name; none where the job does not leave this machine.
    """

    place: Place
    files: Mapping[str, str] = field(default_factory=dict)


def dump_job(folder: Path, job: object) -> None:
    """Write a job into a folder, beside the files that it names.

    Through a file: a new process reads its arguments from a pipe, and the pipe's writer waits for ever if
    the process dies before it has read more than fits.

    Raises:
        DatasetError: The disk refused.
    """
    content = io.BytesIO()
    _Pickler(content, folder).dump(job)
    write_bytes(folder / _JOB, content.getvalue(), durable=False)


def ship_job(folder: Path, dataset: Place) -> ShippedJob:
    """Let the workers of other machines find a job: in the dataset's store, or in its folder.

    Args:
        folder: That the job was dumped into; within the dataset's folder where that is a local one.
        dataset: Its folder.

    Raises:
        GlyphgenError: The disk or the store refused.
    """
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    with disk_errors(folder, "read"):
        files = {name: _hash_file(folder, name) for name in names}
    if isinstance(dataset, Path):
        return ShippedJob(folder.absolute(), files)
    place = dataset / f"{WORK}/jobs/{files[_JOB]}"
    for name in files:
        with disk_errors(folder / name, "read"):
            content = read_regular(folder / name, ARRAY)
        open_store(place).put(name, content)
    return ShippedJob(place, files)


def open_shipped(shipped: ShippedJob) -> Any:
    """Return a job, in a worker; what came over the network is checked and lies here until the next one.

    Raises:
        MachineError: The files are not there, or not those that were shipped.
    """
    if isinstance(shipped.place, Path):
        folder = shipped.place
        if {name: _hash_seen(folder, name) for name in shipped.files} != shipped.files:
            raise MachineError(
                f"{folder}: {platform.node()} does not find there what the driver has written"
                " (--out takes a folder that all workers see, or an address in a store)"
            )
    else:
        folder = _fetch(shipped.place, shipped.files)
    with disk_errors(folder / _JOB, "read"):
        content = read_regular(folder / _JOB, ARRAY)
    return _Unpickler(io.BytesIO(content), folder).load()


_fetched = ExitStack()
atexit.register(_fetched.close)


def _fetch(place: Address, files: Mapping[str, str]) -> Path:
    _fetched.close()
    folder = _fetched.enter_context(make_temporary_folder())
    for name, digest in files.items():
        path = folder / name
        try:
            content = open_store(place).get_range(name, kind=ARRAY)
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != digest:
            raise MachineError(
                f"{place / name}: is not what the driver has put there (run the same command again)"
            )
        with temporary_errors(folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return folder


def _hash_seen(folder: Path, name: str) -> str:
    try:
        return _hash_file(folder, name)
    except OSError:
        return ""


def _hash_file(folder: Path, name: str) -> str:
    with open_regular(folder / name, ARRAY, within=folder) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def persistent_id(self, obj: object) -> tuple[bool, str] | None:
        if not isinstance(obj, Path):
            return None
        if obj.is_relative_to(self._folder):
            return True, str(obj.relative_to(self._folder))
        return False, str(obj.absolute())


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, folder: Path) -> None:
        super().__init__(file)
        self._folder = folder

    def persistent_load(self, pid: tuple[bool, str]) -> Path:
        is_own, path = pid
        return self._folder / path if is_own else Path(path)
