"""Rows -> a shard, in one worker; a shard of a store travels while its worker makes the next ones."""

import os
import platform
import threading
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.claim import check_claim, read_claim
from glyphgen.dataset.shards import Layout, Shards, map_notes
from glyphgen.files.writing import write_bytes
from glyphgen.shipping import ShippedJob, dump_job, open_shipped

__all__ = [
    "PUTS_AT_ONCE",
    "RowJob",
    "RowMaker",
    "flush_shards",
    "make_shard",
    "open_job",
    "write_job",
]

PUTS_AT_ONCE = 4
"""Shards of a process that travel to a store at once, and are in memory, while another one is made."""

_NOTED = "noted"


class RowMaker(Protocol):
    """Makes rows, in one worker."""

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[np.void]) -> None:
        """Make some rows; equal rows are equal bytes, wherever and whenever they are made.

        Args:
            rows: Consecutive rows of the dataset.
            images: uint8 (n, H, W), filled, as they lie on disk.
            samples: (n,) of the layout's dtype, filled; ``class_index`` is the label.
        """


class RowJob(Protocol):
    """What a worker needs to make any row: small, and it can be pickled."""

    def open(self) -> RowMaker:
        """Return what makes the rows, once in each worker."""


class _Worker:
    """Makes shards one after the other, in the same memory; several threads may call it.

    A shard of a store travels while the next ones are made: it is told as made before it is there, but
    for a worker that may outlive its driver. There it travels in the thread that has called.

    Args:
        job: Makes the rows.
        shards: Where they go.
        content_key: Of the dataset, where a worker may outlive its driver; else empty.
        noted: The file of what is noted of each shard; None where nothing is.
    """

    def __init__(self, job: RowJob, shards: Shards, content_key: str, noted: Path | None) -> None:
        self._shards = shards
        self._maker = job.open()
        self._content_key = content_key
        self._noted = map_notes(noted) if noted else None
        puts_here = isinstance(shards.folder, Path) or bool(content_key)
        self._pool = None if puts_here else ThreadPoolExecutor(PUTS_AT_ONCE)
        self._puts: deque[Future[None]] = deque()
        self._making = threading.Lock()
        # First touch of fresh memory costs more than the drawing: what is free is used again.
        self._free: list[tuple[NDArray[np.uint8], NDArray[np.void]]] = []

    def make_shard(self, k: int) -> tuple[str, bool]:
        """Make shard k unless it is noted and has its hash; return the hash, and whether it was made."""
        if self._noted is not None and (done := self._shards.find_done(k, self._noted)):
            return done.blake3, False
        layout = self._shards.layout
        rows = layout.find_rows(k)
        with self._making:
            buffers = self._free.pop() if self._free else _make_buffers(layout)
            images, samples = buffers[0][: len(rows)], buffers[1][: len(rows)]
            self._maker.make_rows(rows, images, samples)
            arrays, info = self._shards.check(k, images, samples["class_index"].copy(), samples)

        def commit() -> None:
            if not self._content_key or self._may_commit():
                self._shards.commit(k, arrays, info)
            self._free.append(buffers)

        if self._pool is None:
            commit()
        else:
            self._puts.append(self._pool.submit(commit))
            self.flush(PUTS_AT_ONCE)
        return info.blake3, True

    def _may_commit(self) -> bool:
        """Return whether the dataset is unfinished: a shard may come late, and its driver be gone.

        Raises:
            DatasetError: The folder is another dataset's.
        """
        claimed = read_claim(self._shards.folder)
        if claimed != self._content_key:
            check_claim(self._shards.folder, self._content_key)
        return bool(claimed)

    def flush(self, n_left: int = 0) -> None:
        """Wait until no more than ``n_left`` shards travel.

        Raises:
            GlyphgenError: One of them could not be put.
        """
        while len(self._puts) > n_left:
            self._puts.popleft().result()


def _make_buffers(layout: Layout) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
    n = min(layout.rows_per_shard, layout.n_rows)
    return (
        np.empty((n, layout.height, layout.width), dtype=np.uint8),
        np.empty(n, dtype=layout.sample_dtype),
    )


_workers: list[_Worker] = []  # one at most: of this process


def write_job(
    folder: Path, job: RowJob, shards: Shards, content_key: str, noted: NDArray[np.void]
) -> None:
    """Write what ``open_job`` opens, and forget what an earlier dataset has left in this process.

    Args:
        folder: Of the job's files.
        job: Makes the rows.
        shards: Where they go.
        content_key: Of the dataset, where workers may outlive this process; else empty.
        noted: What is noted of each shard, as ``Shards.read_notes`` returns it.

    Raises:
        DatasetError: The disk refused.
    """
    _workers.clear()
    run = uuid.uuid4().hex  # so that no worker takes for this job what another run has left
    path = folder / _NOTED if noted.view(np.uint8).any() else None
    if path:
        write_bytes(path, noted, durable=False)
    dump_job(folder, (run, job, shards, content_key, path))


def open_job(shipped: ShippedJob) -> None:
    """Open what ``write_job`` has written, in the process that is going to make shards."""
    _, *parts = open_shipped(shipped)
    _workers[:] = [_Worker(*parts)]


def make_shard(k: int) -> tuple[str, str, bool]:
    """Make a shard; return the process that did, its hash, and whether it was not there already."""
    return f"{platform.node()}:{os.getpid()}", *_workers[0].make_shard(k)


def flush_shards() -> None:
    """Wait for the shards of this process that travel.

    Raises:
        GlyphgenError: One of them could not be put.
    """
    for worker in _workers:
        worker.flush()
