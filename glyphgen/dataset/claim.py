"""The folder of a dataset: whose it is, and whether there is room; knows nothing of arrays."""

import enum
import json
import shutil
from pathlib import Path

from glyphgen.dataset.index import INDEX_NAME, read_index
from glyphgen.errors import DatasetError
from glyphgen.files.writing import disk_errors, remove_temporaries, write_bytes
from glyphgen.text import show_some

__all__ = [
    "Claim",
    "check_space",
    "claim_folder",
    "find_work_folder",
    "remove_work_folder",
    "write_claim",
]

_WORK = ".work"
_CLAIM = "claim.json"
_WAYS_OUT = "--force replaces it, --out DIR takes another folder"


class Claim(enum.Enum):
    """What a claimed folder holds."""

    NEW = "new"  # nothing yet
    UNFINISHED = "unfinished"  # perhaps some shards of this very dataset
    COMPLETE = "complete"  # this very dataset, with its index.json; its shards are not checked


def find_work_folder(folder: Path) -> Path:
    """Return where a dataset keeps what is not finished; gone when the dataset is complete."""
    return folder / _WORK


def claim_folder(folder: Path, content_key: str, *, force: bool = False) -> Claim:
    """Make ``folder`` the place of one dataset, or find how far that dataset has come.

    Args:
        folder: Made when it is absent, with its parents.
        content_key: Hash of all that the dataset's bytes depend on.
        force: Empty the folder first, whatever it holds.

    Raises:
        DatasetError: The folder holds something else, or ``force`` would empty a folder that holds
            the home folder, the current folder or a Git repository.
    """
    if folder.exists() and not folder.is_dir():
        raise DatasetError(
            f"{folder}: is a file, expected a folder (--out DIR takes another folder)"
        )
    if force and _list_contents(folder):
        _empty_folder(folder)
    if (folder / INDEX_NAME).exists():
        _check_owner(folder, "a dataset", read_index(folder).content_key, content_key)
        remove_work_folder(folder)
        return Claim.COMPLETE
    if (find_work_folder(folder) / _CLAIM).exists():
        _check_owner(folder, "an unfinished dataset", _read_claim(folder), content_key)
        with disk_errors(folder):
            remove_temporaries(folder)
            remove_temporaries(find_work_folder(folder))
        return Claim.UNFINISHED
    if contents := _list_contents(folder):
        raise DatasetError(f"{folder}: holds something else: {show_some(contents)} ({_WAYS_OUT})")
    write_claim(folder, content_key)
    return Claim.NEW


def write_claim(folder: Path, content_key: str) -> None:
    """Write down whose the folder is, before anything else is written into it.

    Raises:
        DatasetError: The disk refused.
    """
    work = find_work_folder(folder)
    with disk_errors(folder):
        work.mkdir(parents=True, exist_ok=True)
    write_bytes(work / _CLAIM, json.dumps({"content_key": content_key}).encode())


def remove_work_folder(folder: Path) -> None:
    """Remove what is only needed while a dataset is made; the last step, after index.json.

    Raises:
        DatasetError: The disk refused.
    """
    work = find_work_folder(folder)
    if work.exists():
        with disk_errors(work):
            shutil.rmtree(work)


def check_space(folder: Path, n_bytes: int) -> None:
    """Check that the disk has room for ``n_bytes`` more in ``folder``, which need not exist yet.

    Raises:
        DatasetError: It has not.
    """
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if n_bytes > free:
        raise DatasetError(
            f"{folder}: needs {_show_bytes(n_bytes)}, its disk has {_show_bytes(free)} free"
            " (make room, or --out DIR on another disk)"
        )


def _list_contents(folder: Path) -> list[str]:
    """Return the names in a folder, sorted, but for a work folder that nobody has claimed yet."""
    if not folder.exists():
        return []
    with disk_errors(folder):
        names = sorted(entry.name for entry in folder.iterdir())
    unclaimed = not (find_work_folder(folder) / _CLAIM).exists()
    return [name for name in names if not (name == _WORK and unclaimed)]


def _read_claim(folder: Path) -> str:
    try:
        return str(json.loads((find_work_folder(folder) / _CLAIM).read_bytes())["content_key"])
    except (OSError, ValueError, LookupError, TypeError):
        return "unreadable"


def _check_owner(folder: Path, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise DatasetError(f"{folder}: holds {what} of another recipe ({_WAYS_OUT})")


def _empty_folder(folder: Path) -> None:
    _check_may_be_emptied(folder)
    with disk_errors(folder):
        (folder / INDEX_NAME).unlink(missing_ok=True)  # first: what is left is no dataset then
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def _check_may_be_emptied(folder: Path) -> None:
    place = folder.resolve()
    if Path.home().resolve().is_relative_to(place):
        kept = "your home folder"
    elif Path.cwd().resolve().is_relative_to(place):
        kept = "the current folder"
    elif next(place.rglob(".git"), None):
        kept = "a Git repository"
    else:
        return
    raise DatasetError(
        f"{folder}: holds {kept}, which --force does not remove (--out DIR takes another folder)"
    )


def _show_bytes(n_bytes: int) -> str:
    """Return a size as people say it: ``2.9 GB``."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.{0 if unit == 'bytes' else 1}f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
