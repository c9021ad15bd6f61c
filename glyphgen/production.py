"""Rows -> a dataset on disk: claimed, made by workers, committed as one; knows nothing of what rows are.

Every command that makes a dataset says what is made (an ``Target``), how rows come about (a ``Job``,
opened once in each worker) and what index.json tells of it; all else is the same for all of them.
"""

import json
import os
import pickle
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.claim import (
    Claim,
    check_space,
    claim_folder,
    find_work_folder,
    remove_work_folder,
)
from glyphgen.dataset.index import Index, ShardInfo, write_index
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.shards import Layout, Shards, make_shards, reopen_dataset
from glyphgen.errors import DatasetError
from glyphgen.executors.processes import run_shards
from glyphgen.files.store import open_store
from glyphgen.files.writing import write_bytes

__all__ = [
    "Job",
    "Produced",
    "Progress",
    "RowMaker",
    "Target",
    "Watch",
    "choose_rows_per_shard",
    "describe_run",
    "dump_json",
    "produce_dataset",
]

_SHARD_BYTES = 32 << 20  # of images: the arrays of a worker stay small, and a crash costs little


class RowMaker(Protocol):
    """Makes rows, in one worker."""

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[np.void]) -> None:
        """Make some rows; equal rows are equal bytes, wherever and whenever they are made.

        Args:
            rows: Consecutive rows of the dataset.
            images: uint8 (n, H, W), filled, as they lie on disk.
            samples: (n,) of the layout's dtype, filled; ``class_index`` is the label.
        """


class Job(Protocol):
    """What a worker needs to make any row: small, and it can be pickled."""

    def open(self) -> RowMaker:
        """Return what makes the rows, once in each worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A dataset that is to be made.

    Attributes:
        folder: Where; made when absent. What is there of the same dataset is kept.
        format: A key of ``choices.STORAGE_FORMATS``.
        layout: Of its arrays.
        sha256: Of all that its bytes depend on.
        work_bytes: Room that the job takes in the work folder.
    """

    folder: Path
    format: str
    layout: Layout
    sha256: str
    work_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """Room on the disk that making it takes."""
        return self.layout.n_rows * self.layout.row_bytes + self.work_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a dataset has come: rows and shards that are there, and all of them."""

    n_rows: int
    of_rows: int
    n_shards: int
    of_shards: int


Watch = Callable[[Progress], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What ``produce_dataset`` did.

    Attributes:
        folder: Where the dataset lies.
        n_rows: Its rows.
        n_made: Rows that were made now; the others were there already.
        seconds: For making and writing the shards.
    """

    folder: Path
    n_rows: int
    n_made: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Rows made and written in a second; 0 where none was made."""
        return self.n_made / self.seconds if self.n_made else 0.0


def choose_rows_per_shard(height: int, width: int) -> int:
    """Return how many rows make a shard of images of this size, where nobody says another number."""
    return max(1, _SHARD_BYTES // (height * width))


def produce_dataset(
    order: Target,
    make_job: Callable[[Path], Job],
    make_index: Callable[[tuple[ShardInfo, ...]], Index],
    make_pages: Callable[[Produced], Mapping[str, bytes]],
    *,
    workers: int = 1,
    force: bool = False,
    watch: Watch | None = None,
) -> Produced:
    """Make a dataset, or finish it, or mend its damaged shards.

    Args:
        order: What to make.
        make_job: Called with the work folder, where the job may keep files for the workers.
        make_index: Called with every shard.
        make_pages: Returns the content of the files that lie beside the arrays, by their names.
        workers: Processes that make rows.
        force: Replace whatever the folder holds.
        watch: Called before the first shard and after each one.

    Raises:
        GlyphgenError: The folder, the disk, the job or a worker failed; finished shards stay, and
            the same call goes on from them.
    """
    folder, layout = order.folder, order.layout
    shards = make_shards(folder, order.format, layout)
    watch = watch or _watch_nothing
    claim = claim_folder(folder, order.sha256, force=force)
    if claim is Claim.COMPLETE:
        if not verify_shards(folder):
            watch(_count_done(layout, layout.n_shards, layout.n_rows))
            return Produced(folder=folder, n_rows=layout.n_rows, n_made=0, seconds=0.0)
        reopen_dataset(folder)
    if claim is Claim.NEW:
        _check_disk(order)
    shards.prepare()
    started = time.perf_counter()
    n_made = _make_shards(make_job(find_work_folder(folder)), shards, workers, watch)
    infos = shards.finish()
    produced = Produced(
        folder=folder,
        n_rows=layout.n_rows,
        n_made=n_made,
        seconds=time.perf_counter() - started,
    )
    for name, content in make_pages(produced).items():
        open_store(folder).put(name, content)
    write_index(folder, make_index(infos))
    remove_work_folder(folder)
    return produced


def _watch_nothing(done: Progress) -> None:
    pass


def _count_done(layout: Layout, n_shards: int, n_rows: int) -> Progress:
    return Progress(
        n_rows=n_rows, of_rows=layout.n_rows, n_shards=n_shards, of_shards=layout.n_shards
    )


def _check_disk(order: Target) -> None:
    try:
        check_space(order.folder, order.n_bytes)
    except DatasetError:
        remove_work_folder(order.folder)
        order.folder.rmdir()
        raise


def _make_shards(job: Job, shards: Shards, workers: int, watch: Watch) -> int:
    """Make every shard that is not there yet; return how many rows were made."""
    # Through a file: a new process reads its arguments from a pipe, and the pipe's writer waits for
    # ever if the process dies before it has read more than fits.
    job_file = find_work_folder(shards.folder) / "job.pickle"
    write_bytes(job_file, pickle.dumps((job, shards)), durable=False)
    n_done = n_made = 0
    watch(_count_done(shards.layout, 0, 0))
    numbers = range(shards.layout.n_shards)
    workers = min(workers, len(numbers))
    results = run_shards(
        _make_shard, numbers, workers=workers, initializer=_open_job, initargs=(job_file,)
    )
    for n_shards, (number, was_made) in enumerate(results, start=1):
        n_rows = len(shards.layout.find_rows(number))
        n_done += n_rows
        n_made += n_rows * was_made
        watch(_count_done(shards.layout, n_shards, n_done))
    return n_made


class _Worker:
    """Makes shards one after the other, in the same memory."""

    def __init__(self, job: Job, shards: Shards) -> None:
        layout = shards.layout
        n = min(layout.rows_per_shard, layout.n_rows)
        self._shards = shards
        self._maker = job.open()
        # First touch of fresh memory costs more than the drawing: these are used again and again.
        self._images = np.empty((n, layout.height, layout.width), dtype=np.uint8)
        self._samples = np.empty(n, dtype=layout.sample_dtype)

    def make_shard(self, k: int) -> bool:
        """Make shard k unless it is there already; return whether it was made."""
        if self._shards.find_done(k):
            return False
        rows = self._shards.layout.find_rows(k)
        images, samples = self._images[: len(rows)], self._samples[: len(rows)]
        self._maker.make_rows(rows, images, samples)
        self._shards.write(k, images, samples["class_index"].copy(), samples)
        return True


_workers: list[_Worker] = []  # one at most: of this process


def _open_job(job_file: Path) -> None:
    _workers[:] = [_Worker(*pickle.loads(job_file.read_bytes()))]


def _make_shard(k: int) -> bool:
    return _workers[0].make_shard(k)


def describe_run(produced: Produced, workers: int, libraries: Iterable[str]) -> dict[str, Any]:
    """Return what may differ between runs that make equal datasets, as run.json holds it."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(produced.seconds, 3),
        "rows_made": produced.n_made,
        "images_per_second": round(produced.images_per_second),
        "workers": workers,
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }


def dump_json(page: Mapping[str, Any]) -> bytes:
    """Return a page that lies beside a dataset's arrays, as JSON."""
    return f"{json.dumps(page, ensure_ascii=False, indent=2)}\n".encode()
