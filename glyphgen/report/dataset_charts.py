"""The charts of a dataset: rows of each class, how ink lies, and what was sampled."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.report.charts import Chart, make_histogram
from glyphgen.report.label_fonts import LabelFonts
from glyphgen.report.statistics import Shapes, Statistics
from glyphgen.report.support_chart import SupportBar, make_support_chart

__all__ = ["chart_classes", "chart_ink", "chart_values", "list_splits"]

_A_CHART = 200  # classes


def list_splits(stats: Statistics) -> list[str]:
    """Return the splits whose classes are counted, train and test first: those stand beside each other."""
    first = [name for name in ("train", "test") if name in stats.counts]
    return [*first, *(name for name in stats.counts if name not in first)]


def chart_classes(
    stats: Statistics,
    labels: Sequence[str],
    fonts: LabelFonts,
    pictures: Mapping[int, NDArray[np.uint8]],
) -> list[Chart]:
    """Return the rows of each class and split, the largest class first, on as many charts as it takes.

    Args:
        stats: Of the dataset.
        labels: Of its classes.
        fonts: For the labels.
        pictures: Of the classes that these cannot name, uint8 (H, W), ink 255.
    """
    order, splits = np.argsort(-stats.total, kind="stable"), list_splits(stats)
    shares = {name: stats.counts[name] / max(stats.counts[name].sum(), 1) for name in splits}
    most = max(float(share.max()) for share in shares.values()) or 1.0
    charts = []
    for start in range(0, len(order), _A_CHART):
        some = order[start : start + _A_CHART]
        several = f", {start + 1:,} to {start + len(some):,}" if len(order) > _A_CHART else ""
        title = f"Rows of each of {len(order):,} classes, the largest first{several}"
        number = f"-{start // _A_CHART + 1}" if len(order) > _A_CHART else ""
        entries = [
            SupportBar(
                label=labels[k],
                font=fonts.find(labels[k]),
                picture=pictures.get(k),
                counts=tuple(int(stats.counts[name][k]) for name in splits),
                shares=tuple(float(shares[name][k]) for name in splits),
            )
            for k in some.tolist()
        ]
        charts.append(make_support_chart(f"rows-by-class{number}", title, splits, entries, most))
    return charts


def chart_ink(datasets: Iterable[tuple[str, Shapes]], height: int | None = None) -> list[Chart]:
    """Return how ink lies in one dataset, or in two.

    Args:
        datasets: Name and shapes of each.
        height: Of the images, in pixels; with it strokes are measured in pixels.
    """
    datasets = list(datasets)

    def chart(name: str, title: str, key: str, scale: float = 100) -> Chart:
        series: list[tuple[str, NDArray[np.float64]]] = [
            (label, getattr(shapes, key) * scale) for label, shapes in datasets
        ]
        return make_histogram(name, title, series)

    return [
        chart("ink-density", "Ink density, percent of the frame", "density"),
        chart("ink-size", "Longer side of the ink, percent of the frame", "box"),
        chart("stroke-width", "Stroke width, pixels", "stroke", height)
        if height
        else chart("stroke-width", "Stroke width, percent of the height", "stroke"),
    ]


def chart_values(stats: Statistics) -> list[Chart]:
    """Return how each value that was sampled is spread."""
    return [
        make_histogram(f"value-{name}", name.replace("_", " "), [("", values)])
        for name, values in stats.values.items()
    ]
