"""Whether a dataset's files are what its index.json says, and index.json what was written."""

import hashlib
from collections.abc import Iterator

import numpy as np

from glyphgen.dataset.index import INDEX_NAME, Index, is_index_sealed, read_index
from glyphgen.dataset.reader import Dataset
from glyphgen.dataset.run_page import RUN_NAME, read_run_page
from glyphgen.dataset.shards import describe_damage, open_shards
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.opening import ARRAY, PAGE, describe_unread
from glyphgen.files.store import open_store
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.text import show_some

__all__ = ["verify_files", "verify_run_page", "verify_shards"]

_AGAIN = "make the dataset again, with --force"


def verify_files(folder: Place, *, reporter: Reporter = SILENT) -> list[str]:
    """Read every file of a dataset but run.json again, and compare it with index.json.

    Args:
        folder: Of the dataset.
        reporter: Is told how many shards are read.

    Returns:
        One line for each thing that is wrong; none if all is right.

    Raises:
        DatasetError: There is no index.json to compare with.
    """
    index = read_index(folder)
    problems = list(_find_damaged_pages(folder, index))
    if not is_index_sealed(folder):
        problems.insert(0, f"{folder / INDEX_NAME}: does not match its checksum ({_AGAIN})")
    return problems + verify_shards(folder, reporter=reporter)


def _find_damaged_pages(folder: Place, index: Index) -> Iterator[str]:
    for name, sha256 in index.files.items():
        path = folder / name
        try:
            if "/" in name or name in {"", "..", RUN_NAME}:
                yield (
                    f"{folder / INDEX_NAME}: files: found '{name}', expected names of files"
                    f" ({_AGAIN})"
                )
            elif _hash_file(folder, name) != sha256:
                yield f"{path}: does not match {INDEX_NAME} ({_AGAIN})"
        except FileNotFoundError:
            yield f"{path}: missing ({_AGAIN})"
        except OSError as error:
            yield f"{path}: {describe_unread(error)} ({_AGAIN})"


def _hash_file(folder: Place, name: str) -> str:
    kind = ARRAY if name.endswith(".npy") else PAGE
    with open_store(folder).open(name, kind) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_run_page(folder: Place) -> list[str]:
    """Read a dataset's run.json, which no other command needs whole, and return what is wrong."""
    path = folder / RUN_NAME
    try:
        page = read_run_page(folder)
    except DatasetError as error:
        return list(error.problems)
    is_sealed = page.checksum or read_index(folder).format_version == 2
    return [] if is_sealed else [f"{path}: does not match its checksum ({_AGAIN})"]


def verify_shards(folder: Place, *, reporter: Reporter = SILENT) -> list[str]:
    """Read every shard again and compare its hash, and its counts of classes, with index.json.

    Args:
        folder: Of the dataset.
        reporter: Is told how many shards are read.

    Returns:
        One line for each thing that is wrong; none if all is right.

    Raises:
        DatasetError: There is no index.json to compare with.
    """
    index = read_index(folder)
    # Several shards may lie in one damaged file: it is named once.
    problems = list(dict.fromkeys(_find_damage(folder, index, reporter)))
    return problems or list(_find_wrong_counts(folder, index))


def _find_damage(folder: Place, index: Index, reporter: Reporter) -> Iterator[str]:
    shards = open_shards(folder, index)
    tracked = track(index.shards, step="read", unit="shards", reporter=reporter)
    for k, info in enumerate(tracked):
        try:
            arrays = shards.read(k)
        except DatasetError as error:
            yield from error.problems
        else:
            if not shards.is_whole(k, arrays, info):
                yield describe_damage(f"{folder}: shard {k}")


def _find_wrong_counts(folder: Place, index: Index) -> Iterator[str]:
    for split in index.splits:
        labels = np.asarray(Dataset(folder, index, split).labels)
        labels_found, n_found = np.unique(labels, return_counts=True)
        counts = dict(zip(labels_found.tolist(), n_found.tolist(), strict=True))
        expected = {info.index: info.rows.get(split, 0) for info in index.classes}
        wrong = [
            f"{counts.get(label, 0)} of class {label} (expected {expected.get(label, 0)})"
            for label in sorted({*counts, *expected})
            if counts.get(label, 0) != expected.get(label, 0)
        ]
        if wrong:
            yield (
                f"{folder}: rows of split '{split}' do not match {INDEX_NAME}: {show_some(wrong)}"
                " (make the dataset again, with --force)"
            )
