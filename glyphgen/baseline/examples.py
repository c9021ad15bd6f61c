"""A dataset's rows as batches of tensors, read ahead by a thread; knows no network.

Rows run through the classes, so any stretch of them is balanced. An epoch takes stretches in a drawn
order, puts some of them together and shuffles those: reading stays sequential, no batch is like
another, and the order is a function of seed and epoch alone.
"""

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import TrainingError
from glyphgen.text import show_some

__all__ = ["Batches", "Division", "divide_rows", "read_images"]

_STRETCH = 8  # batches that lie together on disk
_TOGETHER = 16  # stretches that are shuffled with each other
_AHEAD = 4  # batches that wait for the network
_HELD_OUT = 10  # one sample of so many is held out where the dataset has no test split
_PEEKED = (50, 10)  # and one of so many of what is left, where it has no val split


def read_images(dataset: Dataset, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return the images of some rows, ink 255: uint8 (n, H, W)."""
    consecutive = (
        len(rows) and rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all())
    )
    images: NDArray[np.uint8] = dataset.ink[
        slice(int(rows[0]), int(rows[-1]) + 1) if consecutive else rows
    ]
    return images


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Which rows are for what.

    Attributes:
        train: Rows that the network learns from: int64, ascending.
        val: Rows that the report after each epoch is made of.
        test: Rows that nothing is decided by.
        warnings: What the user has to know about them.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    warnings: tuple[str, ...]


def divide_rows(dataset: Dataset) -> Division:
    """Say which rows of a dataset are learnt from and which are not.

    Args:
        dataset: All of it.

    Raises:
        TrainingError: It has one class, a class has too few rows to learn from and to be held out,
            the test split is empty, or rows of one source stand on both sides.
    """
    folder, splits = dataset.folder, dataset.index.splits
    if len(dataset.classes) < 2:
        raise TrainingError(f"{folder}: has one class, expected two or more to tell apart")
    rows = {name: np.arange(first, end) for name, (first, end) in splits.items()}
    train = rows.get("train", np.arange(len(dataset)))
    test = rows.get("test", np.zeros(0, dtype=np.int64))
    if "test" in splits and not len(test):
        raise TrainingError(
            f"{folder}: its test split is empty (render it with split.test, or without a split)"
        )
    warnings = []
    keys = _find_keys(dataset)
    if not len(test):
        warnings.append(
            f"{folder}: has no test split; every {_HELD_OUT}th sample is held out, whose siblings of"
            ' the same face are learnt from (split.by = "face" tells more)'
        )
        train, test = _hold_out(train, keys, _HELD_OUT)
    val = rows.get("val", np.zeros(0, dtype=np.int64))
    if not len(val):
        train, val = _peek(train, keys)
    _check_classes(dataset, train, test)
    _check_sources(dataset, train, np.concatenate([val, test]))
    return Division(train=train, val=val, test=test, warnings=tuple(warnings))


def _find_keys(dataset: Dataset) -> NDArray[np.int64]:
    """Return a number for each row; rows of one source have the same."""
    samples = np.asarray(dataset.samples)
    sources = _find_sources(samples)
    return np.where(sources >= 0, sources, samples["sample"].astype(np.int64))


def _find_sources(samples: NDArray[np.void]) -> NDArray[np.int64]:
    """Return a number for the source row of each row; -1 for a row that was drawn."""
    source_row: NDArray[np.int64] = samples["source_row"]
    if "source" not in (samples.dtype.names or ()):
        return source_row
    # Imported rows are counted anew in each file.
    return source_row + (samples["source"].astype(np.int64) << 44)


def _hold_out(
    rows: NDArray[np.int64], keys: NDArray[np.int64], one_of: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    out = keys[rows] % one_of == one_of - 1
    return rows[~out], rows[out]


def _peek(
    train: NDArray[np.int64], keys: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take a few rows for the report out of those that are learnt from."""
    for one_of in _PEEKED:
        rest, peeked = _hold_out(train, keys + 1, one_of)
        if len(peeked) and len(rest):
            return rest, peeked
    return train, train


def _check_classes(dataset: Dataset, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    n_classes = len(dataset.classes)
    labels = np.asarray(dataset.labels)
    few = np.flatnonzero(np.bincount(labels[train], minlength=n_classes) < 2)
    if len(few):
        names = show_some(f"'{dataset.classes[k].label}'" for k in few)
        raise TrainingError(
            f"{dataset.folder}: {names} of {n_classes} classes have fewer than two rows to learn from"
            " (render more of them, or `glyphgen balance`)"
        )
    if not len(test):
        raise TrainingError(
            f"{dataset.folder}: has too few rows to hold any out for the test, expected"
            f" {_HELD_OUT} samples of each class or more"
        )


def _check_sources(dataset: Dataset, train: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    source_row = _find_sources(np.asarray(dataset.samples))
    shared = np.intersect1d(source_row[train], source_row[others])
    shared = shared[shared >= 0]
    if len(shared):
        raise TrainingError(
            f"{dataset.folder}: {len(shared):,} source rows stand on both sides of train and test,"
            " the first is row"
            f" {shared[0]} (balance after splitting, as `glyphgen balance` does)"
        )


class Batches:
    """Batches of one epoch after the other.

    Args:
        dataset: All of it.
        rows: Those that are learnt from.
        size: Of a batch.
        seed: Of the order.
        device: Where the batches go. On a GPU all images lie there from the start if they fit.
    """

    def __init__(
        self, dataset: Dataset, rows: NDArray[np.int64], size: int, seed: int, device: torch.device
    ) -> None:
        self.size = min(size, len(rows))
        self.n_batches = len(rows) // self.size
        self.waited_s = 0.0
        self._dataset = dataset
        self._rows = rows
        self._labels = np.asarray(dataset.labels).astype(np.int64)
        self._seed = seed
        self._device = device
        self._resident = _keep_on_device(dataset, device)

    def epoch(self, number: int, first: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yield the batches of an epoch from ``first`` on: uint8 (n, 1, H, W), int64 (n,)."""
        ready: queue.Queue[tuple[torch.Tensor, torch.Tensor] | BaseException | None] = queue.Queue(
            _AHEAD
        )
        stopped = threading.Event()

        def put(item: tuple[torch.Tensor, torch.Tensor] | BaseException | None) -> None:
            while not stopped.is_set():
                with suppress(queue.Full):
                    ready.put(item, timeout=0.1)
                    return

        def read_ahead() -> None:
            try:
                for batch in self._read(number, first):
                    put(batch)
                    if stopped.is_set():
                        return
                put(None)
            except BaseException as error:  # noqa: BLE001 - raised again where the batch is asked for
                put(error)

        threading.Thread(target=read_ahead, daemon=True).start()
        try:
            while True:
                asked = time.perf_counter()
                item = ready.get()
                self.waited_s += time.perf_counter() - asked
                if item is None:
                    return
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            stopped.set()

    def _read(self, number: int, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        done = 0
        for positions in self._order(number):
            n = len(positions) // self.size
            if done + n > first:
                images, labels = self._fetch(positions)
                for k in range(max(first - done, 0), n):
                    part = slice(k * self.size, (k + 1) * self.size)
                    yield images[part], labels[part]
            done += n

    def _order(self, number: int) -> Iterator[NDArray[np.int64]]:
        """Yield the positions of an epoch, as many at once as are shuffled with each other."""
        chance = np.random.Generator(np.random.Philox(key=[self._seed, number]))
        n_used = self.n_batches * self.size
        # Another remainder is left out each time.
        start = int(chance.integers(0, len(self._rows) - n_used + 1))
        stretch = self.size * _STRETCH
        stretches = chance.permutation(np.arange(start, start + n_used, stretch))
        held: list[NDArray[np.int64]] = []
        n_held = 0
        for k, at in enumerate(stretches.tolist()):
            held.append(np.arange(at, min(at + stretch, start + n_used)))
            n_held += 1
            if n_held == _TOGETHER or k == len(stretches) - 1:
                yield chance.permutation(np.concatenate(held))
                held, n_held = [], 0

    def _fetch(self, positions: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self._rows[positions]
        labels = torch.from_numpy(self._labels[rows]).to(self._device)
        if self._resident is not None:
            return self._resident[torch.from_numpy(rows).to(self._device)], labels
        in_order = np.argsort(rows, kind="stable")
        images = np.empty((len(rows), *self._dataset.images.shape[1:]), dtype=np.uint8)
        images[in_order] = read_images(self._dataset, rows[in_order])
        return torch.from_numpy(images)[:, None].to(self._device), labels


def _keep_on_device(dataset: Dataset, device: torch.device) -> torch.Tensor | None:
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    if int(np.prod(dataset.images.shape)) > free // 2:
        return None
    return torch.from_numpy(read_images(dataset, np.arange(len(dataset))).copy())[:, None].to(
        device
    )
