"""The charts of a dataset: rows of each class, how ink lies, and what was sampled."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from glyphgen.report.charts import Chart, make_bar_chart, make_histogram
from glyphgen.report.statistics import Shapes, Statistics

__all__ = ["chart_classes", "chart_ink", "chart_values"]


def chart_classes(stats: Statistics) -> Chart:
    """Return the rows of each class, the largest first, with mean images where there are few."""
    order = np.argsort(-stats.total, kind="stable")
    title = f"Rows of each of {len(order):,} classes, the largest first"
    return make_bar_chart("rows-by-class", title, stats.total[order].tolist(), stats.mean[order])


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
