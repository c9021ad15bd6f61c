"""A dataset's rows, or a stream, as batches of tensors, made ready ahead by a thread.

Consecutive rows run through the classes, so every stretch of them is balanced. An epoch takes stretches
in random order and shuffles the rows of several stretches together: reading stays sequential, and the
order is a function of seed and epoch alone.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from glyphgen.ahead import make_ahead
from glyphgen.dataset.reader import Dataset, describe_pages
from glyphgen.errors import TrainingError
from glyphgen.images.polarity import to_ink
from glyphgen.streaming import BatchStream
from glyphgen.text import show_count, show_some

__all__ = [
    "Batches",
    "RowSplit",
    "StreamBatches",
    "read_images",
    "split_measured_rows",
    "split_rows",
]

_STRETCH_BATCHES = 8  # batches of consecutive rows
_SHUFFLED_STRETCHES = 16  # stretches that are shuffled together
_PREFETCHED = 4  # batches that wait for the network
_TEST_ONE_OF = 10  # one sample of so many is held out where the dataset has no test split
_VAL_ONE_OF = (
    50,
    10,
)  # and one of so many of the rest, where it has no val split


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
class RowSplit:
    """The rows of a dataset for training, validation and test: int64 each, ascending.

    Attributes:
        train: The network is trained on them.
        val: They are measured after each epoch.
        test: They are measured at the end; nothing is decided by them.
        measured_on: What these are: ``test``, or ``val`` where there is no test split, or ``held-out rows``
            where there is neither.
        warnings: What the user has to know about the split.
    """

    train: NDArray[np.int64]
    val: NDArray[np.int64]
    test: NDArray[np.int64]
    measured_on: str
    warnings: tuple[str, ...]


def split_rows(dataset: Dataset) -> RowSplit:
    """Return the splits of a dataset; without a test split val is measured, without both training rows.

    Args:
        dataset: All of it.

    Raises:
        TrainingError: It is one of pages, it has one class, a class has too few rows to train on and to
            hold out, the test split is empty, or rows made of one source row are in both train and test.
    """
    folder, splits = dataset.folder, dataset.index.splits
    _check_classified(dataset)
    rows = {name: np.arange(first, end) for name, (first, end) in splits.items()}
    train = rows.get("train", np.arange(len(dataset)))
    test = rows.get("test", np.zeros(0, dtype=np.int64))
    if "test" in splits and not len(test):
        raise TrainingError(
            f"{folder}: its test split is empty (render it with split.test, or without a split)"
        )
    warnings, measured_on = [], "test"
    keys = _find_keys(dataset)
    val = rows.get("val", np.zeros(0, dtype=np.int64))
    if not len(test) and len(val):
        measured_on, test = "val", val
        warnings.append(_describe_val(dataset, len(val)))
    elif not len(test):
        measured_on = "held-out rows"
        warnings.append(
            f"{folder}: has no test split; every {_TEST_ONE_OF}th sample is held out, of faces"
            ' that are trained on (split.by = "face" measures unseen faces)'
        )
        train, test = _hold_out(train, keys, _TEST_ONE_OF)
    if not len(val):
        train, val = _hold_out_val(train, keys)
    _check_classes(dataset, train, test)
    _check_sources(dataset, train, np.concatenate([val, test]))
    return RowSplit(
        train=train, val=val, test=test, measured_on=measured_on, warnings=tuple(warnings)
    )


def split_measured_rows(dataset: Dataset) -> RowSplit:
    """Return the splits of a dataset of which no row is trained on: of a stream's val and test.

    Raises:
        TrainingError: It has one class, or neither a val nor a test split.
    """
    _check_classified(dataset)
    rows = {name: np.arange(first, end) for name, (first, end) in dataset.index.splits.items()}
    nothing, warnings, measured_on = np.zeros(0, dtype=np.int64), [], "test"
    val, test = rows.get("val", nothing), rows.get("test", nothing)
    if not len(val) and not len(test):
        raise TrainingError(
            f"{dataset.folder}: has no rows of val or test, expected some that the stream never shows"
            " (leave it out: they are made)"
        )
    if not len(test):
        measured_on, test = "val", val
        warnings.append(_describe_val(dataset, len(val)))
    elif not len(val):
        test, val = _hold_out_val(test, _find_keys(dataset))
    return RowSplit(
        train=nothing, val=val, test=test, measured_on=measured_on, warnings=tuple(warnings)
    )


def _check_classified(dataset: Dataset) -> None:
    if pages := describe_pages(dataset):
        raise TrainingError(pages)
    if len(dataset.classes) < 2:
        raise TrainingError(f"{dataset.folder}: has one class, expected two or more to tell apart")


def _describe_val(dataset: Dataset, n: int) -> str:
    return (
        f"{dataset.folder}: has no test split; the figures are those of its val split,"
        f" {show_count(n, 'image')}, which was watched while the network learned"
    )


def _find_keys(dataset: Dataset) -> NDArray[np.int64]:
    """Return a number for each row, the same for rows that are made of one source row."""
    samples = np.asarray(dataset.samples)
    sources = _find_sources(samples)
    return np.where(sources >= 0, sources, samples["sample"].astype(np.int64))


def _find_sources(samples: NDArray[np.void]) -> NDArray[np.int64]:
    """Return a number for the source row of each row; -1 for a row that was drawn."""
    source_row: NDArray[np.int64] = samples["source_row"]
    if "source" not in (samples.dtype.names or ()):
        return source_row
    # In a merged dataset rows are counted from 0 in each source.
    return source_row + (samples["source"].astype(np.int64) << 44)


def _hold_out(
    rows: NDArray[np.int64], keys: NDArray[np.int64], one_of: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows that stay, and one of so many keys that is held out."""
    is_out = keys[rows] % one_of == one_of - 1
    return rows[~is_out], rows[is_out]


def _hold_out_val(
    train: NDArray[np.int64], keys: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    for one_of in _VAL_ONE_OF:
        rest, val = _hold_out(train, keys + 1, one_of)
        if len(val) and len(rest):
            return rest, val
    return train, train


def _check_classes(dataset: Dataset, train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    n_classes = len(dataset.classes)
    labels = np.asarray(dataset.labels)
    few = np.flatnonzero(np.bincount(labels[train], minlength=n_classes) < 2)
    if len(few):
        names = show_some(f"'{dataset.classes[k].label}'" for k in few)
        raise TrainingError(
            f"{dataset.folder}: {names} of {n_classes} classes have fewer than two rows to train on"
            " (render more of them, or `glyphgen balance`)"
        )
    if not len(test):
        raise TrainingError(
            f"{dataset.folder}: has too few rows to hold any out for the test, expected"
            f" {_TEST_ONE_OF} samples of each class or more"
        )


def _check_sources(dataset: Dataset, train: NDArray[np.int64], others: NDArray[np.int64]) -> None:
    source_row = _find_sources(np.asarray(dataset.samples))
    shared = np.intersect1d(source_row[train], source_row[others])
    shared = shared[shared >= 0]
    if len(shared):
        raise TrainingError(
            f"{dataset.folder}: images of {len(shared):,} source rows are in both train and test, the"
            f" first is of row {shared[0]} (balance after splitting, as `glyphgen balance` does)"
        )


class Batches:
    """Shuffled batches of a dataset, on a device.

    Args:
        dataset: All of it.
        rows: Those that are trained on.
        size: Images of a batch, where there are so many rows.
        seed: Of the order.
        device: Where the batches go. On a GPU all images lie there from the start if they fit.

    Attributes:
        size: Images of a batch.
        n_batches: Of an epoch; the rest of the rows is left out, another rest in each epoch.
        waited_s: Seconds that ``epoch`` has waited for images.
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
        batches = make_ahead([self._read(number, first)], _PREFETCHED)
        while True:
            started = time.perf_counter()
            batch = next(batches, None)
            self.waited_s += time.perf_counter() - started
            if batch is None:
                return
            yield batch

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
        """Yield positions in ``rows``, as many at once as are shuffled together."""
        rng = np.random.Generator(np.random.Philox(key=[self._seed, number]))
        n_used = self.n_batches * self.size
        start = int(rng.integers(0, len(self._rows) - n_used + 1))
        end, length = start + n_used, self.size * _STRETCH_BATCHES
        starts = rng.permutation(np.arange(start, end, length)).tolist()
        for k in range(0, len(starts), _SHUFFLED_STRETCHES):
            together = starts[k : k + _SHUFFLED_STRETCHES]
            yield rng.permutation(
                np.concatenate([np.arange(at, min(at + length, end)) for at in together])
            )

    def _fetch(self, positions: NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = self._rows[positions]
        labels = torch.from_numpy(self._labels[rows]).to(self._device)
        if self._resident is not None:
            return self._resident[torch.from_numpy(rows).to(self._device)], labels
        in_order = np.argsort(rows, kind="stable")
        images = np.empty((len(rows), *self._dataset.images.shape[1:]), dtype=np.uint8)
        images[in_order] = read_images(self._dataset, rows[in_order])
        return torch.from_numpy(images)[:, None].to(self._device), labels


class StreamBatches(Batches):
    """Batches of a stream, on a device: fresh images in every epoch.

    Args:
        stream: Of which epoch e has the batches from e * ``n_batches`` on.
        n_images: Of an epoch.
        device: Where the batches go.
    """

    def __init__(self, stream: BatchStream, n_images: int, device: torch.device) -> None:
        self.size = stream.batch_size
        self.n_batches = max(1, n_images // self.size)
        self.waited_s = 0.0
        self._stream = stream
        self._device = device

    def _read(self, number: int, first: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        start = number * self.n_batches
        for images, labels in self._stream.list_batches(
            range(start + first, start + self.n_batches)
        ):
            ink = to_ink(images, self._stream.polarity, images)
            yield (
                torch.from_numpy(ink)[:, None].to(self._device),
                torch.from_numpy(labels).to(self._device),
            )


def _keep_on_device(dataset: Dataset, device: torch.device) -> torch.Tensor | None:
    if device.type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    if int(np.prod(dataset.images.shape)) > free // 2:
        return None
    return torch.from_numpy(read_images(dataset, np.arange(len(dataset))).copy())[:, None].to(
        device
    )
