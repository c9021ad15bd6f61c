"""Rows -> a shard, in one worker; a shard of a store travels while its worker makes the next ones."""

import os
import pickle
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.shards import Shards
from glyphgen.files.writing import disk_errors, write_bytes

__all__ = ["RowJob", "RowMaker", "flush_shards", "make_shard", "open_job", "write_job"]

_PUTS_AT_ONCE = 4  # shards that travel at once, and are in memory


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
    """Makes shards one after the other, in the same memory.

    A shard of a store travels while the next ones are made: it is told as made before it is there.
    """

    def __init__(self, job: RowJob, shards: Shards) -> None:
        layout = shards.layout
        n = min(layout.rows_per_shard, layout.n_rows)
        self._shards = shards
        self._maker = job.open()
        is_local = isinstance(shards.folder, Path)
        self._pool = None if is_local else ThreadPoolExecutor(_PUTS_AT_ONCE)
        self._puts: deque[Future[None]] = deque()
        # First touch of fresh memory costs more than the drawing: these are used again and again.
        self._buffers = deque(
            (
                np.empty((n, layout.height, layout.width), dtype=np.uint8),
                np.empty(n, dtype=layout.sample_dtype),
            )
            for _ in range(1 if is_local else 1 + _PUTS_AT_ONCE)
        )

    def make_shard(self, k: int) -> tuple[str, bool]:
        """Make shard k unless it is there already; return its hash, and whether it was made."""
        if done := self._shards.find_done(k):
            return done.blake3, False
        rows = self._shards.layout.find_rows(k)
        whole_images, whole_samples = self._buffers[0]
        images, samples = whole_images[: len(rows)], whole_samples[: len(rows)]
        self._maker.make_rows(rows, images, samples)
        arrays, info = self._shards.check(k, images, samples["class_index"].copy(), samples)
        if self._pool is None:
            self._shards.commit(k, arrays, info)
        else:
            self._puts.append(self._pool.submit(self._shards.commit, k, arrays, info))
            self._buffers.rotate(-1)
            self.flush(_PUTS_AT_ONCE)
        return info.blake3, True

    def flush(self, n_left: int = 0) -> None:
        """Wait until no more than ``n_left`` shards travel.

        Raises:
            GlyphgenError: One of them could not be put.
        """
        while len(self._puts) > n_left:
            self._puts.popleft().result()


_workers: list[_Worker] = []  # one at most: of this process


def write_job(path: Path, job: RowJob, shards: Shards) -> None:
    """Write what ``open_job`` opens, and forget what an earlier dataset has left in this process.

    Through a file: a new process reads its arguments from a pipe, and the pipe's writer waits for ever if
    the process dies before it has read more than fits.

    Raises:
        DatasetError: The disk refused.
    """
    _workers.clear()
    write_bytes(path, pickle.dumps((job, shards)), durable=False)


def open_job(job_file: Path) -> None:
    """Open what a file of ``write_job`` holds, in the process that is going to make shards."""
    with disk_errors(job_file, "read"):
        content = job_file.read_bytes()
    _workers[:] = [_Worker(*pickle.loads(content))]


def make_shard(k: int) -> tuple[int, str, bool]:
    """Make a shard; return the process that did, its hash, and whether it was not there already."""
    return os.getpid(), *_workers[0].make_shard(k)


def flush_shards() -> None:
    """Wait for the shards of this process that travel.

    Raises:
        GlyphgenError: One of them could not be put.
    """
    for worker in _workers:
        worker.flush()
