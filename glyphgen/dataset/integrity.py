"""Whether a dataset's files are what its index.json says, and index.json what was written."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np

from glyphgen.dataset.index import INDEX_NAME, Index, is_index_sealed, read_index
from glyphgen.dataset.run_page import RUN_NAME, read_run_page
from glyphgen.dataset.shards import Shards, describe_damage, open_shards
from glyphgen.errors import DatasetError
from glyphgen.files.address import Address, Place
from glyphgen.files.opening import ARRAY, PAGE, describe_unread
from glyphgen.files.store import open_store
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.text import show_some

__all__ = ["verify_files", "verify_run_page", "verify_shards"]

_AT_ONCE = 8  # shards of a store that are read together; they are in memory
_AGAIN = "make the dataset again, with --force"


def verify_files(
    folder: Place, *, only: Sequence[int] | None = None, reporter: Reporter = SILENT
) -> list[str]:
    """Read every file of a dataset but run.json again, and compare it with index.json.

    Args:
        folder: Of the dataset.
        only: Numbers of the shards that are read, where it is not all.
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
    return problems + verify_shards(folder, only=only, reporter=reporter)


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


def verify_shards(
    folder: Place, *, only: Sequence[int] | None = None, reporter: Reporter = SILENT
) -> list[str]:
    """Read every shard again and compare its hash, and all counts of classes, with index.json.

    Args:
        folder: Of the dataset.
        only: Numbers of the shards that are read, where it is not all; then no classes are counted.
        reporter: Is told how many shards are read.

    Returns:
        One line for each thing that is wrong; none if all is right.

    Raises:
        DatasetError: There is no index.json to compare with.
    """
    index = read_index(folder)
    shards = open_shards(folder, index)
    # Several shards may lie in one damaged file: it is named once.
    problems: dict[str, None] = {}
    counts = {name: Counter[int]() for name in index.splits}
    look = _look_ahead if isinstance(folder, Address) else map
    wanted = range(len(index.shards)) if only is None else only
    numbers = track(wanted, step="read", unit="shards", reporter=reporter)
    for looked in look(partial(_look_at_shard, shards, index), numbers):
        problems |= dict.fromkeys(looked.problems)
        for name, found in looked.counts.items():
            counts[name].update(found)
    if problems or only is not None:
        return list(problems)
    return list(_find_wrong_counts(folder, index, counts))


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was found in a shard: what is wrong with it, or its rows of each label in each split."""

    problems: tuple[str, ...] = ()
    counts: Mapping[str, Mapping[int, int]] = field(default_factory=dict)


def _look_at_shard(shards: Shards, index: Index, k: int) -> _Looked:
    info = index.shards[k]
    try:
        arrays = shards.read(k)
    except DatasetError as error:
        return _Looked(error.problems)
    if not shards.is_whole(k, arrays, info):
        return _Looked((describe_damage(f"{shards.folder}: shard {k}"),))
    counts = {}
    for name, (first, end) in index.splits.items():
        inside = slice(max(first - info.first_row, 0), max(end - info.first_row, 0))
        labels, n_found = np.unique(arrays.labels[inside], return_counts=True)
        counts[name] = dict(zip(labels.tolist(), n_found.tolist(), strict=True))
    return _Looked(counts=counts)


def _look_ahead(look: Callable[[int], _Looked], numbers: Iterator[int]) -> Iterator[_Looked]:
    """Yield what ``look`` finds in each shard, in order; several travel at once."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = deque(pool.submit(look, number) for number in islice(numbers, _AT_ONCE))
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(look, number) for number in islice(numbers, 1))


def _find_wrong_counts(
    folder: Place, index: Index, found: Mapping[str, Mapping[int, int]]
) -> Iterator[str]:
    for split, counts in found.items():
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
