"""The one way to open a file that is read.

A file of a stranger may be a pipe, which is waited for without end, a device, which never ends, a link to a
secret, or larger than memory. So this is the rule: **what is read is opened here**, as a regular file,
within the limit of its kind, and, where it belongs to a folder, within that folder. Who maps a file, or
gives it to a library, opens it here and hands on the open file; a library that wants a name gets it after
``check_regular``. tests/test_architecture.py finds whoever opens a file by other means.

A limit is what can be held in memory without harm, many times what an honest file of that kind has.
"""

import os
import stat
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

__all__ = [
    "ARRAY",
    "CATALOG",
    "FONT",
    "LICENSE_TEXT",
    "MODEL",
    "MOST_SHARD_BYTES",
    "PAGE",
    "PICTURE",
    "RECIPE",
    "TABLE",
    "TEXT",
    "FileKind",
    "RefusedFileError",
    "check_regular",
    "describe_unread",
    "open_regular",
    "read_regular",
]


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is read as.

    Attributes:
        what: In words, as messages say what was expected.
        most_bytes: That are read.
    """

    what: str
    most_bytes: int


PAGE = FileKind("a page of JSON", 128 << 20)  # index.json of 20,902 classes: 12 MB
RECIPE = FileKind("a recipe", 4 << 20)
TEXT = FileKind("a text", 16 << 20)  # all of Unicode: 5 MB
TABLE = FileKind("a table", 64 << 20)
CATALOG = FileKind("a catalogue of fonts", 4 << 20)
LICENSE_TEXT = FileKind("the text of a license", 1 << 20)  # the longest: 35 kB
FONT = FileKind("a font file", 512 << 20)  # collections of Chinese, Japanese and Korean: 200 MB
PICTURE = FileKind("an image", 64 << 20)
MODEL = FileKind("a trained network", 4 << 30)
ARRAY = FileKind("an array", 1 << 50)  # mapped, or read in parts: never as a whole

MOST_SHARD_BYTES = 2 << 30
"""Of the images of a shard, which is held in memory as a whole."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class RefusedFileError(OSError):
    """A file that is there and is not opened; ``strerror`` says why, and what was expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(0, reason)


def open_regular(
    path: str | os.PathLike[str], kind: FileKind, *, within: str | os.PathLike[str] | None = None
) -> BufferedReader:
    """Open a file for reading, if it is a regular file, or a link to one.

    Args:
        path: Of the file.
        kind: What it is read as.
        within: A folder that it belongs to: a link that leads out of it is refused.

    Raises:
        RefusedFileError: It is something else, larger than its kind may be, or outside of the folder.
        OSError: It is missing, or cannot be read.
    """
    check_regular(path, kind, within=within)  # before: to open some devices does something
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check_status(os.fstat(descriptor), kind)  # after: it may have been exchanged
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_regular(
    path: str | os.PathLike[str], kind: FileKind, *, within: str | os.PathLike[str] | None = None
) -> bytes:
    """Return the content of a file; all else is as for ``open_regular``."""
    with open_regular(path, kind, within=within) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        content = file.read(n_bytes + 1)
    if len(content) > n_bytes:  # as what the kernel makes up, which has no size before it is read
        raise RefusedFileError(f"longer than its size says, expected {kind.what}")
    return content


def check_regular(
    path: str | os.PathLike[str], kind: FileKind, *, within: str | os.PathLike[str] | None = None
) -> None:
    """Check what ``open_regular`` checks, for a library that opens files by their names."""
    _check_status(Path(path).stat(), kind)
    if within is not None:
        real, folder = Path(os.path.realpath(path)), Path(os.path.realpath(within))
        if not real.is_relative_to(folder):
            raise RefusedFileError(f"a link that leads out of {within}, expected {kind.what} in it")


def describe_unread(error: OSError) -> str:
    """Return why a file was not read, as a message goes on after its place."""
    if isinstance(error, RefusedFileError):
        return f"is {error.strerror}"
    return f"cannot be read: {error.strerror or error}"


def _check_status(status: os.stat_result, kind: FileKind) -> None:
    found = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), None)
    if found:
        raise RefusedFileError(f"{found}, expected {kind.what}")
    _check_size(status.st_size, kind)


def _check_size(n_bytes: int, kind: FileKind) -> None:
    if n_bytes > kind.most_bytes:
        raise RefusedFileError(
            f"{n_bytes >> 20:,} MiB large, expected at most {kind.most_bytes >> 20:,} MiB of {kind.what}"
        )
