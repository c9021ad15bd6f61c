"""How many rows each class has in each split, as a section of a dataset's page."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.report.blocks import Block, bars, table, text
from glyphgen.report.dataset_charts import list_splits
from glyphgen.report.statistics import Statistics

__all__ = ["describe_support"]


def describe_support(found: Statistics, labels: Sequence[str]) -> list[Block]:
    """Return the rows of each class and split, and how they compare.

    Args:
        found: Of the dataset.
        labels: Of its classes, safe to show.
    """
    total = found.total
    order = np.argsort(-total, kind="stable")
    least = order[::-1][:5].tolist()
    largest, smallest = int(total.max()), int(total.min())
    shown = ", ".join(
        f"{labels[k]} {total[k]:,} ({total[k] / max(total.sum(), 1):.2%})" for k in least
    )
    even = smallest == largest
    words = (
        f"Every class has {largest:,} rows."
        if even
        else f"The largest class has {largest:,} rows, the smallest {smallest:,}:"
        + (f" {largest / smallest:.1f} times as many." if smallest else " none.")
    )
    blocks = [text(words)]
    if not even:
        blocks.append(text(f"Smallest: {shown}."))
    if len(found.counts) > 1:
        rows = []
        for name, counts in found.counts.items():
            n = int(counts.sum())
            rows.append(
                (
                    name,
                    f"{n:,}",
                    f"{n / max(int(total.sum()), 1):.1%}",
                    f"{counts.min():,}",
                    f"{counts.max():,}",
                )
            )
        columns = ["split", "rows", "share", "smallest class", "largest class"]
        blocks.append(table("Splits", columns, rows, [1, 2, 3, 4]))
        blocks.append(text(_compare_splits(found, labels)))
    blocks.append(bars(list_splits(found), _list_support(found, labels, order)))
    return blocks


def _list_support(
    found: Statistics, labels: Sequence[str], order: NDArray[np.int64]
) -> Iterator[tuple[str, list[tuple[int, float]]]]:
    """Yield the label of each class, and of each split its rows and their share."""
    counts = [found.counts[name] for name in list_splits(found)]
    shares = [of / max(of.sum(), 1) for of in counts]
    for k in order.tolist():
        pairs = [(int(n[k]), float(share[k])) for n, share in zip(counts, shares, strict=True)]
        yield labels[k], pairs


def _compare_splits(found: Statistics, labels: Sequence[str]) -> str:
    if not {"train", "test"} <= set(found.counts):
        return "There is no pair of train and test to compare."
    train, test = (
        found.counts[name] / max(found.counts[name].sum(), 1) for name in ("train", "test")
    )
    ratio = np.divide(test, train, out=np.ones_like(test), where=train > 0)
    worst = int(np.argmax(np.abs(np.log(np.maximum(ratio, 1e-6)))))
    if 0.95 < ratio[worst] < 1.05:
        return "Train and test have the classes in the same proportions."
    label = labels[worst]
    return f"Train and test differ most in {label}: {train[worst]:.2%} of train, {test[worst]:.2%} of test."
