"""The folder of a dataset: which dataset it holds, and whether the disk has room for it."""

import enum
import json
import shutil
from pathlib import Path

from glyphgen.dataset.index import INDEX_NAME, read_index
from glyphgen.errors import DatasetError
from glyphgen.files.store import open_store
from glyphgen.files.writing import disk_errors, remove_temporaries
from glyphgen.text import show_bytes, show_some

__all__ = [
    "WORK",
    "Claim",
    "check_space",
    "claim_folder",
    "find_free_bytes",
    "find_work_folder",
    "has_finished_shards",
    "remove_work_folder",
    "write_claim",
]

WORK = ".work"
"""The folder, within a dataset's, of what is not finished; gone when the dataset is complete."""

_CLAIM = f"{WORK}/claim.json"
_WAYS_OUT = "--force replaces it, --out DIR takes another folder"


class Claim(enum.Enum):
    """What a claimed folder holds."""

    NEW = "new"  # nothing yet
    UNFINISHED = "unfinished"  # perhaps some shards of this very dataset
    COMPLETE = "complete"  # this very dataset, with its index.json; its shards are not checked


def find_work_folder(folder: Path) -> Path:
    """Return the path of a dataset's work folder."""
    return folder / WORK


def has_finished_shards(folder: Path) -> bool:
    """Return whether some of a dataset's shards are finished, or all of it."""
    return (folder / INDEX_NAME).exists() or any(find_work_folder(folder).glob("shard-*.json"))


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
    store = open_store(folder)
    if force and _list_contents(folder):
        _empty_folder(folder)
    if store.exists(INDEX_NAME):
        _check_owner(folder, "a dataset", read_index(folder).content_key, content_key)
        remove_work_folder(folder)
        return Claim.COMPLETE
    if store.exists(_CLAIM):
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
    open_store(folder).put(_CLAIM, json.dumps({"content_key": content_key}).encode())


def remove_work_folder(folder: Path) -> None:
    """Remove what is only needed while a dataset is made; the last step, after index.json.

    Raises:
        DatasetError: The disk refused.
    """
    open_store(folder).delete(WORK)


def check_space(folder: Path, n_bytes: int) -> None:
    """Check that the disk has room for ``n_bytes`` more in ``folder``, which need not exist yet.

    Raises:
        DatasetError: It has not.
    """
    free = find_free_bytes(folder)
    if n_bytes > free:
        raise DatasetError(
            f"{folder}: needs {show_bytes(n_bytes)}, its disk has {show_bytes(free)} free"
            " (make room, or --out DIR on another disk)"
        )


def find_free_bytes(folder: Path) -> int:
    """Return how much room the disk of a folder has, which need not exist yet."""
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    return shutil.disk_usage(place).free


def _list_contents(folder: Path) -> list[str]:
    """Return the names in a folder, sorted, but for a work folder that nobody has claimed yet."""
    store = open_store(folder)
    is_claimed = store.exists(_CLAIM)
    return [name for name in store.list() if name != WORK or is_claimed]


def _read_claim(folder: Path) -> str:
    try:
        return str(json.loads(open_store(folder).get_range(_CLAIM))["content_key"])
    except (OSError, ValueError, LookupError, TypeError):
        return "unreadable"


def _check_owner(folder: Path, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise DatasetError(f"{folder}: holds {what} of another recipe ({_WAYS_OUT})")


def _empty_folder(folder: Path) -> None:
    _check_may_be_emptied(folder)
    store = open_store(folder)
    store.delete(INDEX_NAME)  # first: what is left is no dataset then
    for name in store.list():
        store.delete(name)


def _check_may_be_emptied(folder: Path) -> None:
    place = folder.resolve()
    if _has_home(place):
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


def _has_home(place: Path) -> bool:
    try:
        return Path.home().resolve().is_relative_to(place)
    except RuntimeError:  # the user has none
        return False
