"""Whether a dataset is what its index says and what it was made of.

Every file is read and hashed again. Then the dataset is worked out again, from its recipe and fonts or from
the dataset that was balanced: index.json and all pages are compared whole, the gate is asked again, and
some rows are made again. Of an import the sources are not read again; its index.json proves itself.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import MAKERS
from glyphgen.dataset.index import INDEX_NAME, Index, find_digest, hash_index
from glyphgen.dataset.integrity import verify_files, verify_run_page
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import DamagedError, GlyphgenError, MachineError
from glyphgen.files.address import AnyPlace, Place
from glyphgen.files.opening import describe_unread
from glyphgen.files.store import open_store
from glyphgen.production import Remade
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.settings import show_value
from glyphgen.shard_making import RowMaker
from glyphgen.text import show_some

__all__ = ["Verified", "verify_dataset"]

_REMADE = 1000  # rows that are made again, in runs spread over the dataset
_RUN = 50
_AGAIN = "make the dataset again, with --force"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What ``verify_dataset`` found.

    Attributes:
        problems: One line for each thing that is wrong.
        n_rows: Rows that were read and hashed.
        n_redrawn: Rows that were made again and compared.
        unproven: Why no row could be made again; empty where rows were, or something is wrong.
        digest: SHA-256 of index.json, which names the hashes of all else: of the whole dataset.
    """

    problems: tuple[str, ...]
    n_rows: int
    n_redrawn: int
    unproven: str
    digest: str


def verify_dataset(folder: AnyPlace, *, expect: str = "", reporter: Reporter = SILENT) -> Verified:
    """Check a dataset.

    Args:
        folder: Of the dataset.
        expect: The digest that it has to have; any without one.
        reporter: Is told how many shards are read, and how many rows are made again.

    Raises:
        DatasetError: There is no complete dataset in the folder.
        MachineError: The machine refuses what making rows again takes.
    """
    dataset = load(folder)
    place, digest = dataset.folder, find_digest(dataset.folder)
    problems = [*verify_run_page(place), *verify_files(place, reporter=reporter)]
    if expect and digest != expect.lower():
        problems.insert(
            0,
            f"{place / INDEX_NAME}: its digest is {digest}, expected {expect.lower()}"
            " (it is another dataset, or was changed)",
        )
    n_redrawn, unproven = 0, ""
    if not problems:
        runs = _choose_rows(len(dataset))
        try:
            maker = MAKERS[dataset.index.made_by]
            with maker.remake.load()(dataset, runs, reporter) as remade:
                problems = list(_compare(dataset, remade, runs, maker.shows, reporter))
            unproven = "" if problems else remade.unproven
            n_redrawn = 0 if problems or unproven else sum(map(len, runs))
        except DamagedError as error:
            problems = list(error.problems)
        except MachineError:
            raise
        except GlyphgenError as error:
            unproven = str(error)
    return Verified(
        problems=tuple(problems),
        n_rows=len(dataset),
        n_redrawn=n_redrawn,
        unproven=unproven,
        digest=digest,
    )


def _choose_rows(n_rows: int) -> list[range]:
    if n_rows <= _REMADE:
        return [range(n_rows)]
    starts = np.linspace(0, n_rows - _RUN, _REMADE // _RUN).astype(int).tolist()
    return [range(start, start + _RUN) for start in starts]


def _compare(
    dataset: Dataset, remade: Remade, runs: list[range], shows: str, reporter: Reporter
) -> Iterator[str]:
    """Yield a problem for whatever is not as it is made again."""
    yield from remade.problems
    yield from _compare_pages(dataset.folder, remade.pages)
    differences = list(_compare_index(dataset, remade.index))
    yield from differences
    if remade.rows is None or differences:  # then there may be other rows
        return
    for run in track(runs, step="make rows again", unit="runs", reporter=reporter):
        yield from _compare_rows(dataset, remade.rows, run, shows)


def _compare_pages(folder: Place, pages: Mapping[str, bytes]) -> Iterator[str]:
    for name, content in pages.items():
        try:
            found = open_store(folder).get_range(name)
        except OSError as error:
            yield f"{folder / name}: {describe_unread(error)} ({_AGAIN})"
        else:
            if found != content:
                yield f"{folder / name}: is not what it would be, made again ({_AGAIN})"


def _compare_index(dataset: Dataset, made: Index) -> Iterator[str]:
    """Yield a problem where index.json is not, to the last byte, what it would be."""
    found, path = dataset.index, dataset.folder / INDEX_NAME
    made = dataclasses.replace(made, format_version=found.format_version)
    if found.versions.keys() == made.versions.keys():  # other versions may make equal rows
        made = dataclasses.replace(made, versions=found.versions)
    if found.format_version == 2:
        made = dataclasses.replace(made, files={})
    if differences := [*islice(_list_differences(asdict(found), asdict(made)), 4)]:
        yield f"{path}: {show_some(differences)} ({_AGAIN})"
    elif found.format_version > 2 and find_digest(dataset.folder) != hash_index(made):
        yield f"{path}: holds more than an index ({_AGAIN})"


def _list_differences(found: Any, made: Any, key: str = "") -> Iterator[str]:
    """Yield the keys at which two pages differ, and what stands there."""
    if isinstance(found, dict) and isinstance(made, dict):
        for name in dict.fromkeys([*found, *made]):
            yield from _list_differences(found.get(name), made.get(name), f"{key}.{name}")
    elif isinstance(found, tuple) and isinstance(made, tuple) and len(found) == len(made):
        for number, pair in enumerate(zip(found, made, strict=True)):
            yield from _list_differences(*pair, f"{key}.{number}")
    elif found != made:
        yield f"{key.removeprefix('.')} is {show_value(found)}, expected {show_value(made)}"


def _compare_rows(dataset: Dataset, row_maker: RowMaker, run: range, shows: str) -> Iterator[str]:
    """Yield a problem for the first row of a run that differs."""
    rows = slice(run.start, run.stop)
    stored_images, stored_samples = dataset.images[rows], dataset.samples[rows]
    images, samples = np.empty_like(stored_images), np.empty_like(stored_samples)
    row_maker.make_rows(run, images, samples)
    differ = (images != stored_images).any(axis=(1, 2))
    # By their bytes: a value that is not known is NaN, which differs from itself.
    differ |= (_view_bytes(samples) != _view_bytes(stored_samples)).any(axis=1)
    differ |= samples["class_index"] != dataset.labels[rows]
    for row in np.flatnonzero(differ)[:1]:
        yield (f"{dataset.folder}: row {run.start + row} is not what {shows} ({_AGAIN})")


def _view_bytes(samples: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the bytes of each sample: (n, bytes)."""
    return np.ascontiguousarray(samples).view(np.uint8).reshape(len(samples), -1)
