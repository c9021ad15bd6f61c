"""A lock on a file: one process has it, on one machine or on several that share a disk, until it ends.

The lock is the system's (flock), so it is gone when its owner is, also by kill -9: nothing is ever stale.
What lies in the file only tells who the owner is. NFS carries the lock from host to host.

Source: flock(2), "Details for NFS".
"""

import errno
import fcntl
import json
import os
import platform
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["LOCK_NAME", "LockedError", "hold_lock", "is_free"]

LOCK_NAME = ".lock"
"""The file, in a folder that one process has for itself, that is locked."""

_UNKNOWN = "another process"
_MOST_TRIES = 100  # against processes that have the lock for a moment, one after the other
_LONGEST = 2000  # bytes of the owner's description that are read
_LONGEST_COMMAND = 200
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # what a file system without them says


class LockedError(Exception):
    """Another process has the lock; ``owner`` says which, in words."""

    def __init__(self, owner: str) -> None:
        super().__init__(owner)
        self.owner = owner


@contextmanager
def hold_lock(path: Path) -> Iterator[bool]:
    """Have the lock of a file inside the block; the file is made, and gone at the end.

    Gives whether the file system knows locks. Where it does not, nobody is kept out.

    Raises:
        LockedError: Another process has it.
        OSError: The file cannot be made.
    """
    descriptor, is_locked = _take(path)
    try:
        yield is_locked
    finally:
        # In this order: whoever opens the file from now on makes a new one, and whoever waits for this
        # one finds that it is gone.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            os.close(descriptor)


def is_free(path: Path) -> bool:
    """Return whether nobody has the lock of a file, which need not exist."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return _lock(descriptor)
    except (LockedError, OSError):
        return False
    finally:
        os.close(descriptor)


def _take(path: Path) -> tuple[int, bool]:
    """Return the open lock file, and whether it is locked."""
    for _ in range(_MOST_TRIES):
        # Never through a link: what is written would land in the file that it names.
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o666)
        try:
            is_locked = _lock(descriptor)
            if _is_at(path, descriptor):
                _write_owner(descriptor)
                return descriptor, is_locked
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its owner has removed it between our two calls
    raise LockedError(_UNKNOWN)


def _lock(descriptor: int) -> bool:
    try:
        # Not lockf: its locks are lost when any other descriptor of the file is closed.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(_read_owner(descriptor)) from None
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        raise
    return True


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_owner(descriptor: int) -> None:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv else ""
    owner = {
        "process": os.getpid(),
        "host": platform.node(),
        "command": command[:_LONGEST_COMMAND],
    }
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(owner).encode(), 0)


def _read_owner(descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, _LONGEST, 0))
        return f"process {owner['process']} on {owner['host']} ({owner['command']})"
    except (OSError, ValueError, LookupError, TypeError):
        return _UNKNOWN  # it has not written its name yet
