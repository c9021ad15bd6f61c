"""How many rows each class has: bars with labels, counts and percents, in columns, for any number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray

from glyphgen.report.charts import SERIES, Chart, make_figure, styled
from glyphgen.report.label_fonts import shorten_label

__all__ = ["SupportBar", "make_support_chart"]

_A_COLUMN = 40  # classes
_COLUMN_INCH, _BAR_INCH = 2.6, 0.13
_LABEL, _TEXT = 0.26, 0.36  # of a column's width: for the labels, and for counts and percents
_LABEL_PT, _COUNT_PT = 9, 5.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportBar:
    """The rows of one class.

    Attributes:
        label: Its name.
        font: That writes it; None where the picture has to do.
        picture: uint8 (H, W), ink 255; None where there is none.
        counts: Rows in each split.
        shares: Of the rows of each split.
    """

    label: str
    font: FontProperties | None
    picture: NDArray[np.uint8] | None
    counts: tuple[int, ...]
    shares: tuple[float, ...]


@styled
def make_support_chart(
    name: str, title: str, splits: Sequence[str], entries: Sequence[SupportBar], most: float
) -> Chart:
    """Return a bar of each class and split, with its label, its rows and their percent of the split.

    Args:
        name: Of the chart's files.
        title: Of the chart.
        splits: Their names.
        entries: In the order of the bars, one or more.
        most: The share that is as long as there is room for.
    """
    n_columns = -(-len(entries) // _A_COLUMN)
    n_rows = -(-len(entries) // n_columns)
    height = n_rows * (_BAR_INCH * len(splits) + 0.06) + 0.5
    figure = make_figure(max(_COLUMN_INCH * n_columns, 3.4), height)
    grid = figure.subplots(1, n_columns, squeeze=False)[0]
    for column, axes in enumerate(grid):
        _draw_column(axes, entries[column * n_rows : (column + 1) * n_rows], n_rows, most)
    handles = [
        grid[0].barh([0], [0], color=color) for color, _ in zip(SERIES, splits, strict=False)
    ]
    figure.legend(handles, splits, loc="outside lower left", ncols=len(splits), borderpad=0)
    return Chart(name=name, title=title, figure=figure)


def _draw_column(axes: Any, entries: Sequence[SupportBar], n_rows: int, most: float) -> None:
    axes.set(xlim=(0, 1), ylim=(n_rows - 0.4, -0.6))
    axes.axis("off")
    n = len(entries[0].counts) if entries else 0
    widths = np.array([entry.shares for entry in entries]) * (1 - _LABEL - _TEXT) / most
    places = np.arange(len(entries))[:, None] + (np.arange(n) + 0.5) / max(n, 1) * 0.8 - 0.4
    for k in range(n):
        color = SERIES[k % len(SERIES)]
        axes.barh(places[:, k], widths[:, k], 0.72 / n, left=_LABEL, color=color)
    for row, entry in enumerate(entries):
        for k, (count, share) in enumerate(zip(entry.counts, entry.shares, strict=True)):
            at = (_LABEL + widths[row, k] + 0.015, places[row, k])
            _write(axes, at, f"{count:,} ({share:.2%})", fontsize=_COUNT_PT, va="center_baseline")
        _name(axes, entry, row)


def _write(axes: Any, at: tuple[float, float], words: str, **more: Any) -> None:
    """Write words that the layout does not have to measure: thousands would take minutes."""
    axes.text(*at, words, parse_math=False, **more).set_in_layout(False)


def _name(axes: Any, entry: SupportBar, row: int) -> None:
    if entry.font is not None:
        font = entry.font.copy()
        label = shorten_label(entry.label)
        font.set_size(_LABEL_PT * min(1.0, 6 / len(label)) if len(label) > 6 else _LABEL_PT)
        _write(axes, (_LABEL - 0.02, row), label, fontproperties=font, ha="right", va="center")
        return
    if entry.picture is None:
        return
    rgba = np.zeros((*entry.picture.shape, 4))
    rgba[..., 3] = entry.picture / max(float(entry.picture.max()), 1.0)
    zoom = min(12 / rgba.shape[0], 42 / rgba.shape[1])
    box = AnnotationBbox(
        OffsetImage(rgba, zoom=zoom),
        (_LABEL - 0.02, row),
        box_alignment=(1, 0.5),
        frameon=False,
        pad=0,
        annotation_clip=False,
    )
    box.set_in_layout(False)
    axes.add_artist(box)
