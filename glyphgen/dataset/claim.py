"""The folder of a dataset: who works there, which dataset it holds, whether the disk has room for it."""

import enum
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from glyphgen.dataset.index import INDEX_NAME, read_index
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.locking import LOCK_NAME, LockedError, hold_lock
from glyphgen.files.store import open_store
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.files.writing import disk_errors, make_folder
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import show_bytes, show_some

__all__ = [
    "KEPT_INDEX",
    "WORK",
    "Claim",
    "check_claim",
    "check_space",
    "claim_alone",
    "claim_folder",
    "empty_folder",
    "find_free_bytes",
    "find_work_folder",
    "has_finished_shards",
    "hold_folder",
    "list_contents",
    "open_work_folder",
    "read_claim",
    "remove_work_folder",
    "write_claim",
]

WORK = ".work"
"""The folder, within a dataset's, of what is not finished; gone when the dataset is complete."""

KEPT_INDEX = f"{WORK}/{INDEX_NAME}"
"""The index.json that a dataset had before it was opened again to be mended."""

_CLAIMS = f"{WORK}/claims"
_WAYS_OUT = "--force replaces it, --out DIR takes another folder"


class Claim(enum.Enum):
    """What a claimed folder holds."""

    NEW = "new"  # nothing yet
    UNFINISHED = "unfinished"  # perhaps some shards of this very dataset
    COMPLETE = "complete"  # this very dataset, with its index.json; its shards are not checked


def find_work_folder(folder: Path) -> Path:
    """Return the path of a dataset's work folder."""
    return folder / WORK


@contextmanager
def open_work_folder(folder: Place) -> Iterator[Path]:
    """Give a folder for files of the workers: that of a claimed dataset, of a store a temporary one.

    Raises:
        MachineError: It cannot be made.
    """
    if isinstance(folder, Path):
        yield find_work_folder(folder)
        return
    with make_temporary_folder() as work:
        yield work


def has_finished_shards(folder: Place, last: str = INDEX_NAME) -> bool:
    """Return whether some shards in a folder are finished, or all, as its ``last`` file tells."""
    store = open_store(folder)
    return store.exists(last) or any(
        name.startswith(("shard-", INDEX_NAME)) for name in store.list(WORK)
    )


@contextmanager
def hold_folder(folder: Place, reporter: Reporter = SILENT) -> Iterator[None]:
    """Have a dataset's folder for this process alone; it is made, and gone at the end where it is empty.

    Whatever changes a dataset's folder stands in this block. Two processes that write the same shards
    write equal bytes, but in a local folder one removes what the other still maps, and puts in place what
    is not whole. In a store, which has no locks, they do each other no harm.

    Args:
        folder: With its parents.
        reporter: Is warned where the file system has no locks.

    Raises:
        DatasetError: Another process works there, or the folder cannot be made.
    """
    with ExitStack() as stack:
        if not isinstance(folder, Path):
            yield
            return
        with disk_errors(folder):
            was_there = folder.exists()
            is_read_only = (folder / INDEX_NAME).exists() and not os.access(folder, os.W_OK)
        if not is_read_only:
            make_folder(folder)
            if not was_there:
                stack.callback(_remove_empty, folder)
            if not _take_lock(folder, stack):
                reporter.warning(
                    f"{folder}: its file system has no locks: nothing keeps a second process from"
                    " writing there"
                )
        yield


def _take_lock(folder: Path, stack: ExitStack) -> bool:
    try:
        with disk_errors(folder):
            return stack.enter_context(hold_lock(folder / LOCK_NAME))
    except LockedError as error:
        raise DatasetError(
            f"{folder}: {error.owner} works there"
            " (wait until it has ended, or --out DIR takes another folder)"
        ) from None


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def claim_folder(folder: Place, content_key: str, *, force: bool = False) -> Claim:
    """Make ``folder`` the place of one dataset, or find how far that dataset has come.

    Args:
        folder: In the hands of this process alone, see ``hold_folder``; of a store, perhaps of several.
        content_key: Hash of all that the dataset's bytes depend on.
        force: Empty the folder first, whatever it holds.

    Raises:
        DatasetError: The folder holds something else, or ``force`` would empty a folder that holds
            the home folder, the current folder or a Git repository.
    """
    store = open_store(folder)
    if force and list_contents(folder):
        empty_folder(folder)
    # In this order: another driver of a store claims before it puts anything, and puts index.json before it
    # removes its claim.
    contents = [name for name in store.list() if name not in {LOCK_NAME, WORK}]
    is_claimed = bool(read_claim(folder))
    if store.exists(INDEX_NAME):
        _check_owner(folder, "a dataset", read_index(folder).content_key, content_key)
        remove_work_folder(folder)
        return Claim.COMPLETE
    if is_claimed:
        check_claim(folder, content_key)
        store.sweep()
        store.sweep(WORK)
        return Claim.UNFINISHED
    if contents:
        raise DatasetError(f"{folder}: holds something else: {show_some(contents)} ({_WAYS_OUT})")
    with claim_alone(folder, content_key):
        check_claim(folder, content_key)
    return Claim.NEW


def write_claim(folder: Place, content_key: str) -> None:
    """Write down whose the folder is, before anything else is written into it.

    Raises:
        DatasetError: The disk refused.
    """
    claim = json.dumps({"content_key": content_key})
    open_store(folder).put(_name_claim(content_key), claim.encode())


@contextmanager
def claim_alone(folder: Place, content_key: str) -> Iterator[None]:
    """Write a claim, look in the block whether another has one, too, and take it back where that raises.

    Of two that come at once to a folder of a store each writes a claim before it looks for others, so
    that one of them at least sees both.

    Raises:
        DatasetError: The disk refused, or what the block raises.
    """
    write_claim(folder, content_key)
    try:
        yield
    except DatasetError:
        open_store(folder).delete(_name_claim(content_key))
        raise


def check_claim(folder: Place, content_key: str) -> None:
    """Check that a folder is one dataset's alone, as long as it is unfinished.

    Raises:
        DatasetError: Another has claimed it, or nobody has.
    """
    claimed = read_claim(folder)
    if claimed != content_key and not open_store(folder).exists(INDEX_NAME):
        _check_owner(folder, "an unfinished dataset", claimed, content_key)


def remove_work_folder(folder: Place) -> None:
    """Remove what is only needed while a dataset is made; the last step, after index.json.

    Raises:
        DatasetError: The disk refused.
    """
    open_store(folder).delete(WORK)


def check_space(folder: Place, n_bytes: int) -> None:
    """Check that there is room for ``n_bytes`` more in ``folder``, which need not exist yet.

    Raises:
        DatasetError: It has not.
    """
    free = find_free_bytes(folder)
    if free is not None and n_bytes > free:
        raise DatasetError(
            f"{folder}: needs {show_bytes(n_bytes)}, its disk has {show_bytes(free)} free"
            " (make room, or --out DIR on another disk)"
        )


def find_free_bytes(folder: Place) -> int | None:
    """Return how much room the disk of a folder has, which need not exist yet; None of a store."""
    if not isinstance(folder, Path):
        return None
    with disk_errors(folder, "read"):
        places = (folder, *folder.absolute().parents)
        return shutil.disk_usage(next(place for place in places if place.exists())).free


def list_contents(folder: Place) -> list[str]:
    """Return the names in a folder, sorted, but for the lock and a work folder that nobody has claimed."""
    store = open_store(folder)
    passed_over = {LOCK_NAME} if read_claim(folder) else {LOCK_NAME, WORK}
    return [name for name in store.list() if name not in passed_over]


def read_claim(folder: Place) -> str:
    """Return whose an unfinished folder is, as ``write_claim`` wrote it down; empty where nobody did."""
    claims = open_store(folder).list(_CLAIMS)
    return " and ".join(
        name for name in claims if not name.startswith(".")
    )  # but for unfinished files


def _name_claim(content_key: str) -> str:
    return f"{_CLAIMS}/{content_key}"


def _check_owner(folder: Place, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise DatasetError(f"{folder}: holds {what} of another recipe ({_WAYS_OUT})")


def empty_folder(folder: Place) -> None:
    """Remove all that a folder holds.

    Raises:
        DatasetError: It holds the home folder, the current folder or a Git repository, or the disk refused.
    """
    _check_may_be_emptied(folder)
    store = open_store(folder)
    store.delete(INDEX_NAME, durable=True)  # first: what is left is no dataset then
    for name in store.list():
        if name != LOCK_NAME:
            store.delete(name)


def _check_may_be_emptied(folder: Place) -> None:
    if not isinstance(folder, Path):
        return
    with disk_errors(folder, "read"):
        kept = _find_kept(folder.resolve())
    if kept:
        raise DatasetError(
            f"{folder}: holds {kept}, which --force does not remove"
            " (--out DIR takes another folder)"
        )


def _find_kept(place: Path) -> str:
    """Return what a folder holds that nobody means to remove, in words; empty where there is nothing."""
    if _has_home(place):
        return "your home folder"
    if Path.cwd().resolve().is_relative_to(place):
        return "the current folder"
    return "a Git repository" if next(place.rglob(".git"), None) else ""


def _has_home(place: Path) -> bool:
    try:
        return Path.home().resolve().is_relative_to(place)
    except RuntimeError:  # the user has none
        return False
