"""Which row of which source each row of a new dataset is; knows nothing of images."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.source import Source
from glyphgen.streams import Stage, order_by_words

__all__ = ["LEFT_OUT", "RowOrder", "cut_splits"]

LEFT_OUT = len(SPLITS)
"""In place of a split: the row is not in the new dataset."""

Ints = NDArray[np.int64]


class RowOrder:
    """The rows of a new dataset: splits one after the other, and in each of them classes in turns.

    Args:
        class_index: uint32 (n,), the class of each row of the sources, one source after the other.
        split: uint8 (n,), the position in ``SPLITS`` of each, or ``LEFT_OUT``.
        source_of: uint16 (n,), the source of each: where several have rows of a class, they take turns
            in proportion to their rows.

    Attributes:
        rows: int64 (n,), the source row that each row is.
        sample: uint32 (n,), its number within its class.
        splits: First row and row after the last of each split that has rows.
    """

    def __init__(
        self,
        class_index: NDArray[np.uint32],
        split: NDArray[np.uint8],
        source_of: NDArray[np.uint16],
    ) -> None:
        mixed = np.lexsort((source_of, split, class_index))
        nth, count = _count_within(mixed, class_index, split, source_of)
        turn = (2 * nth + 1) / (2 * count)
        by_class = mixed[np.lexsort((turn, split[mixed], class_index[mixed]))]
        sample, _ = _count_within(by_class, class_index)
        nth, _ = _count_within(by_class, class_index, split)
        interleaved = np.lexsort((class_index[by_class], nth, split[by_class]))
        ends = np.cumsum([0, *np.bincount(split, minlength=len(SPLITS))[: len(SPLITS)]]).tolist()
        kept = interleaved[: ends[-1]]  # what is left out comes last
        self.rows: Ints = by_class[kept]
        self.sample = sample[kept].astype(np.uint32)
        self.splits = {
            name: (first, end)
            for name, first, end in zip(SPLITS, ends, ends[1:], strict=False)
            if end > first
        }


def _count_within(order: Ints, *keys: NDArray[np.unsignedinteger]) -> tuple[Ints, Ints]:
    """Return for each of the ordered rows its number among those of equal keys, and how many."""
    new = np.ones(len(order), dtype=bool)
    new[1:] = False
    for key in keys:
        ordered = key[order]
        new[1:] |= ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(new)
    counts = np.diff([*starts.tolist(), len(order)])
    return np.arange(len(order)) - np.repeat(starts, counts), np.repeat(counts, counts)


def cut_splits(source: Source, shares: Mapping[str, float], seed: int) -> NDArray[np.uint8]:
    """Move shares of each class's train rows to val and test, chosen by the seed.

    Returns:
        uint8 (n,), the position in ``SPLITS`` of each row.

    Raises:
        SourceError: The source has such a split of its own, or a share is none.
    """
    own = [name for name in shares if name in source.own_splits]
    if own:
        raise SourceError(
            f"{source.name}: has its own split {' and '.join(own)}, expected --split only for others"
        )
    if any(not 0 < share < 1 for share in shares.values()) or sum(shares.values()) >= 1:
        text = ",".join(f"{name}={share:g}" for name, share in shares.items())
        raise SourceError(
            f"--split {text}: expected shares above 0 that leave some for train, such as"
            " val=0.1,test=0.1"
        )
    split = source.split.copy()
    train = np.flatnonzero(split == 0)
    if not len(train):
        raise SourceError(
            f"{source.name}: has no train rows, expected some for --split to share out"
        )
    by_class = train[np.argsort(source.class_index[train], kind="stable")]
    classes, counts = np.unique(source.class_index[train], return_counts=True)
    firsts = np.cumsum(counts) - counts
    for class_index, first, n in zip(
        classes.tolist(), firsts.tolist(), counts.tolist(), strict=True
    ):
        order = by_class[first + order_by_words(seed, Stage.SHARE, n, class_index)]
        taken = 0
        for name, share in shares.items():
            wanted = min(round(n * share), n - 1 - taken)  # one at least stays for train
            split[order[taken : taken + wanted]] = SPLITS.index(name)
            taken += wanted
    return split
