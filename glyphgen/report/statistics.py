"""What is in a dataset, as numbers; it is read in blocks, so that memory stays small."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.streams import mix_words

__all__ = [
    "Shapes",
    "Statistics",
    "measure_dataset",
    "measure_shapes",
    "read_scattered",
]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]

_BLOCK_PIXELS = 1 << 24  # read at once: 16 MB of images
_PIECE_PIXELS = 1 << 22  # of scattered rows read at once; the system reads more around each
_MOST_SUMMED = 200_000  # rows that means are of, as many of each class, spread evenly,
_LEAST_SUMMED = 32  # but of each class no fewer
_MOST_SHAPES = 20_000  # rows that shapes are measured on, spread evenly
_INKED = 128  # of 255
_SMALL = 16  # pixels a side of the means that classes are compared by


@dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """How ink lies in n images.

    Attributes:
        density: Share of the frame that is ink.
        box: The longer side of the ink's box over the frame's side.
        stroke: Width of the strokes over the frame's height: twice the area over the edge.
        touches: Whether ink touches the frame.
    """

    density: Floats
    box: Floats
    stroke: Floats
    touches: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What is in a dataset of C classes.

    Attributes:
        counts: int64 (C,) for each split, or for ``all`` where there is none.
        mean: float32 (C, H, W), of the ink of each class on ``mean_rows``; 0 for a class without rows.
        variance: float32 (C, H, W), likewise.
        mean_rows: int64 (C,), the rows of each class, spread evenly, that mean and variance are of.
        nearest: int64 (C,), the class whose mean is most like it; -1 where there is none.
        distance: float64 (C,), to it: 0 where they are equal, about 1 where they share no ink.
        duplicates: For each group of equal images its rows, the largest groups first.
        n_duplicates: Rows that are equal to an earlier row.
        shapes: Of ``shape_rows``.
        shape_rows: int64, the rows that shapes were measured on.
        values: The values of each field of ``samples`` that varies, on the same rows.
    """

    counts: dict[str, NDArray[np.int64]]
    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    mean_rows: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distance: Floats
    duplicates: tuple[tuple[int, ...], ...]
    n_duplicates: int
    shapes: Shapes
    shape_rows: NDArray[np.int64]
    values: dict[str, Floats]

    @property
    def total(self) -> NDArray[np.int64]:
        """Rows of each class, in all splits."""
        total: NDArray[np.int64] = np.sum(list(self.counts.values()), axis=0)
        return total


def read_scattered(dataset: Dataset, rows: NDArray[np.int64]) -> Iterator[Bytes]:
    """Yield the ink of rows, ascending, a piece at a time; pages that were read are let go of."""
    n_pieces = -(-len(rows) * dataset.images[0].size // _PIECE_PIXELS) if len(rows) else 0
    for piece in np.array_split(rows, max(n_pieces, 1)):
        yield dataset.ink[piece]
        dataset.unmap()


def measure_dataset(dataset: Dataset, *, reporter: Reporter = SILENT) -> Statistics:
    """Measure a dataset: all rows for counts and duplicates, some for means, shapes and values."""
    labels = np.asarray(dataset.labels).astype(np.int64)
    counts = _count(dataset, labels)
    total = np.sum(list(counts.values()), axis=0)
    sums = _ClassSums((len(dataset.classes), *dataset.images.shape[1:]))
    keys = _read_through(dataset, labels, _spread(labels, total), sums, reporter)
    groups = _find_equal(dataset, keys)
    mean, variance = sums.finish()
    nearest, distance = _compare_means(mean, total)
    n = len(labels)
    rows = np.unique(np.linspace(0, max(n - 1, 0), min(n, _MOST_SHAPES)).round().astype(np.int64))
    return Statistics(
        counts=counts,
        mean=mean,
        variance=variance,
        mean_rows=sums.n_rows,
        nearest=nearest,
        distance=distance,
        duplicates=groups,
        n_duplicates=sum(len(group) - 1 for group in groups),
        shapes=_join_shapes([measure_shapes(ink) for ink in read_scattered(dataset, rows)]),
        shape_rows=rows,
        values=_find_values(dataset, rows),
    )


def _count(dataset: Dataset, labels: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    n_classes = len(dataset.classes)
    splits = dataset.index.splits or {"all": (0, len(labels))}
    return {
        name: np.bincount(labels[first:end], minlength=n_classes)
        for name, (first, end) in splits.items()
    }


def _blocks(dataset: Dataset) -> Iterator[slice]:
    height, width = dataset.images.shape[1:]
    size = max(1, _BLOCK_PIXELS // (height * width))
    for start in range(0, len(dataset), size):
        yield slice(start, min(start + size, len(dataset)))
        dataset.unmap()


def _spread(labels: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Choose the rows that means are of: all, or as many of each class, spread evenly: bool (n,)."""
    most = min(max(_MOST_SUMMED // len(total), _LEAST_SUMMED), 1 << 16)
    order = np.argsort(labels, kind="stable")
    n = np.maximum(total, 1)[labels[order]]
    place = np.arange(len(labels)) - (np.cumsum(total) - total)[labels[order]]
    taken = np.minimum(n, most)
    chosen = np.empty(len(labels), dtype=np.bool_)
    chosen[order] = (place * taken) % n < taken
    return chosen


def _read_through(
    dataset: Dataset,
    labels: NDArray[np.int64],
    chosen: NDArray[np.bool_],
    sums: "_ClassSums",
    reporter: Reporter,
) -> NDArray[np.uint64]:
    """Read every image once: add those that are chosen to the sums, and return a key of each: (n,)."""
    keys = np.empty(len(labels), dtype=np.uint64)
    progress = Progress(step="measure", done=0, total=len(labels), unit="images")
    for block in _blocks(dataset):
        reporter.progress(replace(progress, done=block.start))
        images = dataset.ink[block]
        keys[block] = _make_keys(images)
        rows = np.flatnonzero(chosen[block])
        sums.add(labels[block][rows], images, rows)
    reporter.progress(replace(progress, done=len(labels)))
    return keys


class _ClassSums:
    """Sums of the images of each class, and of their squares.

    Args:
        shape: (C, H, W).
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.n_rows = np.zeros(shape[0], dtype=np.int64)
        # Of the squares of 66,051 bytes the sum fits.
        self._sum, self._squares = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)

    def add(self, labels: NDArray[np.int64], images: Bytes, rows: NDArray[np.int64]) -> None:
        """Add some rows of images, of which ``labels`` are the classes."""
        order = np.argsort(labels, kind="stable")
        labels, rows = labels[order], rows[order]
        starts = np.flatnonzero(np.diff(labels, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(labels)], strict=True):
            own, label = images[rows[start:end]], labels[start]
            self._sum[label] += np.add.reduce(own, axis=0, dtype=np.uint32)
            squares = np.square(own, dtype=np.uint16)
            self._squares[label] += np.add.reduce(squares, axis=0, dtype=np.uint32)
        self.n_rows += np.bincount(labels, minlength=len(self.n_rows))

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return mean and variance of each class: float32 (C, H, W)."""
        mean, variance = (np.empty(self._sum.shape, dtype=np.float32) for _ in range(2))
        # One by one: in double precision all of thousands of classes are gigabytes.
        for k, n in enumerate(np.maximum(self.n_rows, 1).tolist()):
            mean[k] = exact = self._sum[k] / n
            variance[k] = np.maximum(self._squares[k] / n - exact * exact, 0)
        return mean, variance


def _make_keys(images: Bytes) -> NDArray[np.uint64]:
    """Return a number for each image (n, H, W), that equal images have in common, and seldom others."""
    flat = images.reshape(len(images), -1)
    if rest := -flat.shape[1] % 8:
        flat = np.pad(flat, ((0, 0), (0, rest)))
    words = np.ascontiguousarray(flat).view(np.uint64)
    chance = mix_words(np.zeros(1, dtype=np.uint64), use=0, n=words.shape[1])[0]
    keys: NDArray[np.uint64] = np.dot(words, chance | np.uint64(1))
    return keys


def _find_equal(dataset: Dataset, keys: NDArray[np.uint64]) -> tuple[tuple[int, ...], ...]:
    """Return the groups of equal images, the largest first, each in the order of its rows."""
    _, inverse, n_alike = np.unique(keys, return_inverse=True, return_counts=True)
    rows = np.flatnonzero(n_alike[inverse] > 1)
    seen: dict[bytes, list[int]] = {}
    numbers = iter(rows.tolist())
    for images in read_scattered(dataset, rows):
        for image in images:
            key = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=8).digest()
            seen.setdefault(key, []).append(next(numbers))
    groups = (tuple(group) for group in seen.values() if len(group) > 1)
    return tuple(sorted(groups, key=len, reverse=True))


def _compare_means(
    mean: NDArray[np.float32], counts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], Floats]:
    small = _shrink(mean).reshape(len(mean), -1).astype(np.float64)
    norm = np.sqrt((small * small).sum(axis=1))
    unit = small / np.maximum(norm, 1e-9)[:, None]
    likeness = unit @ unit.T
    there = (counts > 0) & (norm > 0)
    likeness[:, ~there] = -1
    np.fill_diagonal(likeness, -1)
    if there.sum() < 2:
        return np.full(len(mean), -1), np.ones(len(mean))
    nearest = likeness.argmax(axis=1)
    distance = np.sqrt(np.maximum(1 - likeness[np.arange(len(mean)), nearest], 0))
    return np.where(there, nearest, -1), np.where(there, distance, 1.0)


def _shrink(mean: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = mean.shape[1:]
    rows = np.linspace(0, height, min(_SMALL, height) + 1).astype(int)[:-1]
    columns = np.linspace(0, width, min(_SMALL, width) + 1).astype(int)[:-1]
    summed = np.add.reduceat(np.add.reduceat(mean, rows, axis=1), columns, axis=2)
    small: NDArray[np.float32] = summed
    return small


def measure_shapes(images: Bytes) -> Shapes:
    """Measure how ink lies in images.

    Args:
        images: uint8 (n, H, W), ink 255.
    """
    n, height, width = images.shape
    ink: NDArray[np.bool_] = np.greater_equal(images, _INKED)
    area = ink.sum(axis=(1, 2))
    edge = (ink[:, 1:] != ink[:, :-1]).sum(axis=(1, 2)) + (ink[:, :, 1:] != ink[:, :, :-1]).sum(
        axis=(1, 2)
    )
    # A curve crosses the lines between pixels 4 / pi times as often as it is long (Cauchy-Crofton).
    length = np.maximum(edge * np.pi / 4, 1)
    rows: NDArray[np.bool_] = np.logical_or.reduce(ink, axis=2)
    columns: NDArray[np.bool_] = np.logical_or.reduce(ink, axis=1)
    tall = height - rows.argmax(axis=1) - rows[:, ::-1].argmax(axis=1)
    wide = width - columns.argmax(axis=1) - columns[:, ::-1].argmax(axis=1)
    box = np.where(area > 0, np.maximum(tall / height, wide / width), 0.0)
    border = images[:, [0, -1]].max(axis=(1, 2)), images[:, :, [0, -1]].max(axis=(1, 2))
    return Shapes(
        density=area / (height * width),
        box=box,
        stroke=np.where(area > 0, 2 * area / length / height, 0.0),
        touches=(np.maximum(*border) >= _INKED) if n else np.zeros(0, bool),
    )


def _join_shapes(pieces: Sequence[Shapes]) -> Shapes:
    names = [spec.name for spec in fields(Shapes)]
    return Shapes(
        **{name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in names}
    )


def _find_values(dataset: Dataset, rows: NDArray[np.int64]) -> dict[str, Floats]:
    samples = dataset.samples[rows]
    found = {}
    for name in samples.dtype.names or ():
        kind = samples.dtype[name].kind
        values = samples[name].astype(np.float64)
        values = values[np.isfinite(values)]  # NaN where a dataset does not tell
        if kind == "f" and len(values) and values.min() < values.max():
            found[name] = values
    return found
