"""Which source row each row of a balanced dataset comes from.

The training rows run through the classes, N times. A class with more than N originals gives N of
them, without replacement; one with fewer gives each once, and copies that take its originals in
equal turns. Held-out rows follow as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Rows
from glyphgen.files.writing import write_array
from glyphgen.streams import Stage, order_by_words

__all__ = ["BalancePlan", "RowOrigins", "write_order"]

Ints = NDArray[np.int64]

_LABELS_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOrigins:
    """Where n training rows come from.

    Attributes:
        class_index: int64 (n,).
        position: int64 (n,), the number of the row within its class, 0 to N - 1.
        source_row: int64 (n,), the original that it is, or is a copy of.
        copy: int64 (n,), the number of the copy within its class; -1 for an original.
    """

    class_index: Ints
    position: Ints
    source_row: Ints
    copy: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePlan:
    """The rows of a balanced dataset.

    Attributes:
        per_class: Training rows of each class.
        seed: 0 to 2**64 - 1.
        n_originals: int64 (C,), training rows of each class of the source.
        held_out: The source's rows of each split but ``train``, in order.
    """

    per_class: int
    seed: int
    n_originals: Ints
    held_out: Mapping[str, tuple[int, int]]

    @property
    def n_train(self) -> int:
        """Training rows."""
        return self.per_class * len(self.n_originals)

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return self.n_train + sum(end - first for first, end in self.held_out.values())

    @property
    def splits(self) -> dict[str, tuple[int, int]]:
        """First row and row after the last of each split."""
        splits, row = {"train": (0, self.n_train)}, self.n_train
        for name, (first, end) in self.held_out.items():
            splits[name] = (row, row + end - first)
            row += end - first
        return splits

    @property
    def n_copies(self) -> Ints:
        """Copies of each class: int64 (C,)."""
        return np.maximum(self.per_class - self.n_originals, 0)

    def order_rows(self, grouped: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return the source's training rows in the orders in which they are taken: (2, n).

        Args:
            grouped: (n,), the rows class by class, those of each in order.

        Returns:
            Class by class: rows that are taken as they are, from the first on, in the source's order, so
            that it is read from one end to the other; and rows as they are copied, by lot.
        """
        ordered = np.stack([grouped, grouped])
        starts = np.cumsum(self.n_originals) - self.n_originals
        for k, (start, n) in enumerate(
            zip(starts.tolist(), self.n_originals.tolist(), strict=True)
        ):
            by_lot = grouped[start : start + n][order_by_words(self.seed, Stage.BALANCE, n, k)]
            ordered[1, start : start + n] = by_lot
            if n > self.per_class:
                ordered[0, start : start + self.per_class] = np.sort(by_lot[: self.per_class])
        return ordered

    def find_origins(self, rows: range, ordered: NDArray[np.uint32]) -> RowOrigins:
        """Return where consecutive training rows come from.

        Args:
            rows: Of the balanced dataset.
            ordered: As ``order_rows`` gives them.
        """
        row = np.arange(rows.start, rows.stop)
        class_index, turn = row % len(self.n_originals), row // len(self.n_originals)
        position = self._spread(turn, class_index)
        n_originals = self.n_originals[class_index]
        start = (np.cumsum(self.n_originals) - self.n_originals)[class_index]
        copy = np.maximum(position - n_originals, -1)
        is_copy = copy >= 0
        taken = np.where(is_copy, copy % np.maximum(n_originals, 1), position)
        source_row = ordered[is_copy.astype(np.intp), start + taken].astype(np.int64)
        return RowOrigins(
            class_index=class_index, position=position, source_row=source_row, copy=copy
        )

    def _spread(self, turn: Ints, class_index: Ints) -> Ints:
        """Spread originals and copies evenly over the rows of a class: a permutation of 0 to N - 1."""
        n = self.per_class
        step = max(1, round(n * 0.618_033_988_75))  # the golden ratio leaves no stretch empty
        while np.gcd(step, n) != 1:
            step += 1
        spread: Ints = (turn * step + class_index) % n
        return spread


def write_order(path: Path, labels: Rows, first: int, end: int, plan: BalancePlan) -> None:
    """Write the rows of a split in the orders that a plan takes them in: ``.npy`` of uint32, (2, n).

    Args:
        path: The file, eight bytes for each row; they are in memory before they are written.
        labels: Of the whole dataset; sliced.
        first, end: Rows of the split.
        plan: What takes them.

    Raises:
        DatasetError: The disk refused.
    """
    # Not through a map: a disk that is full would end the process without a word.
    n_originals = plan.n_originals
    grouped = np.empty(int(n_originals.sum()), np.uint32)
    following = np.concatenate([[0], np.cumsum(n_originals)])[:-1]
    for start in range(first, end, _LABELS_AT_ONCE):
        some = np.asarray(labels[start : min(start + _LABELS_AT_ONCE, end)]).astype(np.int64)
        order = np.argsort(some, kind="stable")
        counts = np.bincount(some, minlength=len(n_originals))
        before = np.repeat(np.concatenate([[0], np.cumsum(counts)])[:-1], counts)
        place = following[some[order]] + np.arange(len(some)) - before
        grouped[place] = order + start
        following += counts
    write_array(path, plan.order_rows(grouped), durable=False)
