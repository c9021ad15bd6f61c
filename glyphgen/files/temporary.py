"""Folders for temporary files; those that killed processes have left are removed by the next one."""

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from glyphgen.errors import MachineError
from glyphgen.files.locking import LOCK_NAME, hold_lock, is_free

__all__ = ["make_temporary_folder", "temporary_errors"]

_PREFIX = "glyphgen-temporary-"  # of folders that are locked for as long as they are used
_NEW_PREFIX = ".glyphgen-new-"  # of those that are not locked yet
_ABANDONED_S = 60  # age at which one of the latter belongs to a process that was killed


@contextmanager
def temporary_errors(folder: Path) -> Iterator[None]:
    """Turn what the operating system says of a folder for temporary files into one line.

    Raises:
        MachineError: For every OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        said = error.strerror or os.strerror(errno.ENOSPC)  # NumPy keeps the reason to itself
        raise MachineError(
            f"{folder}: temporary files cannot be kept there for now: {said}"
            " (make room, or let TMPDIR name another folder)"
        ) from error


@contextmanager
def make_temporary_folder() -> Iterator[Path]:
    """Give a new folder, which is removed at the end of the block.

    Raises:
        MachineError: It cannot be made.
    """
    with ExitStack() as stack:
        with temporary_errors(Path(os.environ.get("TMPDIR", "/tmp"))):
            _remove_abandoned(Path(tempfile.gettempdir()))
            new = Path(tempfile.mkdtemp(prefix=_NEW_PREFIX))
            stack.callback(shutil.rmtree, new, ignore_errors=True)
            stack.enter_context(hold_lock(new / LOCK_NAME))
            folder = new.with_name(_PREFIX + new.name.removeprefix(_NEW_PREFIX))
            new.rename(folder)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _remove_abandoned(place: Path) -> None:
    """Remove the folders of this user whose processes have ended, on whatever host they ran."""
    for prefix in (_PREFIX, _NEW_PREFIX):
        for folder in place.glob(f"{prefix}*"):
            with suppress(OSError):  # another process removes it at this moment
                status = folder.stat(follow_symlinks=False)
                is_ours = status.st_uid == os.getuid() and stat.S_ISDIR(status.st_mode)
                is_old = prefix == _PREFIX or status.st_mtime < time.time() - _ABANDONED_S
                if is_ours and is_old and is_free(folder / LOCK_NAME):
                    shutil.rmtree(folder, ignore_errors=True)
