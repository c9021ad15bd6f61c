"""Metrics of several seeds -> a table in Markdown, with all that its numbers rest on."""

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.reading.rows import Row
from glyphgen.baseline.metrics import wilson_interval

__all__ = ["show_table"]

_HEAD = """\
What a network reads that learned from fonts alone: the mean over the seeds, the 95 % interval (Wilson) of
so many images at that mean, and the lowest and the highest seed.

| read | recipe | images | right | 95 % interval | seeds from, to | twins folded | settings |
|---|---|---:|---:|---|---|---:|---|
"""


def show_table(measured: Mapping[Row, Sequence[Mapping[str, Any]]]) -> str:
    """Return the table; a row for each that has metrics."""
    return _HEAD + "".join(_show_row(row, pages) for row, pages in measured.items() if pages)


def _show_row(row: Row, pages: Sequence[Mapping[str, Any]]) -> str:
    n = pages[0]["n"]
    shares = [page["top1"] for page in pages]
    mean = sum(shares) / len(shares)
    folded = sum(page["top1_twins_folded"] for page in pages) / len(pages)
    low, high = wilson_interval(round(mean * n), n)
    seeds = f"{len(pages)} seed{'s' * (len(pages) > 1)}"
    settings = (
        f"{row.budget:,} images, {seeds}, --views {row.views}, --framing {pages[0]['framing']}"
    )
    if "adapted" in pages[0]:
        settings += f", adapted on {pages[0]['adapted']['n']} unlabeled images"
    cells = (
        *(row.images, f"`{row.recipe}`", f"{n:,}", f"{mean:.1%}", f"{low:.1%} to {high:.1%}"),
        *(f"{min(shares):.1%}, {max(shares):.1%}", f"{folded:.1%}", settings),
    )
    return f"| {' | '.join(cells)} |\n"
