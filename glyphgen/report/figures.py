"""The figures of a dataset as PNG and SVG files, for papers; classes are named by their images."""

from pathlib import Path
from typing import Any

import numpy as np

from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.dataset.reader import Dataset
from glyphgen.files.writing import committed
from glyphgen.images.polarity import from_ink
from glyphgen.report.statistics import Statistics

__all__ = ["draw_figures"]

_SHOWN = 40  # classes that are named by their mean image below a bar


def draw_figures(folder: Path, dataset: Dataset, found: Statistics) -> tuple[Path, ...]:
    """Write support, shapes and sampled values as PNG and SVG; return the files."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    figure = Figure(figsize=(10, 3), layout="constrained")
    _draw_support(figure.subplots(), found)
    written += _save(figure, folder / "support")
    figure = Figure(figsize=(10, 2.6), layout="constrained")
    axes = figure.subplots(1, 3)
    height = dataset.index.image.height
    for one, (values, title) in zip(
        axes,
        (
            (found.shapes.density * 100, "ink density, % of the frame"),
            (found.shapes.box * 100, "longer side of the ink, % of the frame"),
            (found.shapes.stroke * height, "stroke width, px"),
        ),
        strict=True,
    ):
        _draw_histogram(one, values, title)
    written += _save(figure, folder / "ink")
    if found.values:
        n_rows = -(-len(found.values) // 4)
        figure = Figure(figsize=(10, 2 * n_rows), layout="constrained")
        grid = figure.subplots(n_rows, 4, squeeze=False).ravel()
        for one in grid[len(found.values) :]:
            one.axis("off")
        for one, (name, values) in zip(grid, found.values.items(), strict=False):
            _draw_histogram(one, values, name.replace("_", " "))
        written += _save(figure, folder / "values")
    return tuple(written)


def _draw_support(axes: Any, found: Statistics) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    order = np.argsort(-found.total, kind="stable")
    axes.bar(np.arange(len(order)), found.total[order], width=0.9)
    axes.set(ylabel="rows", xticks=[], xlim=(-0.6, len(order) - 0.4))
    if len(order) > _SHOWN:
        axes.set_xlabel(f"{len(order):,} classes, the largest first")
        return
    for k, label in enumerate(order.tolist()):
        zoom = 0.6 * 560 / len(order) / found.mean.shape[1]
        picture = OffsetImage(
            from_ink(found.mean[label], BLACK_ON_WHITE), zoom=min(zoom, 0.6), cmap="gray"
        )
        box = AnnotationBbox(
            picture,
            (k, 0),
            (0, -14),
            boxcoords="offset points",
            frameon=False,
            pad=0,
            annotation_clip=False,
        )
        axes.add_artist(box)


def _draw_histogram(axes: Any, values: Any, title: str) -> None:
    axes.hist(values, bins=40)
    axes.set_title(title, fontsize=9)
    axes.set_yticks([])


def _save(figure: Any, stem: Path) -> list[Path]:
    paths = []
    for kind in ("png", "svg"):
        path = stem.with_suffix(f".{kind}")
        with committed(path) as temporary:
            figure.savefig(
                temporary, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None
            )
        paths.append(path)
    return paths
