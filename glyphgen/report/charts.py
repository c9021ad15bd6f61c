"""Charts as matplotlib figures: how they are drawn, put into a page, and written to files."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from glyphgen.files.writing import committed

__all__ = [
    "SERIES",
    "Chart",
    "dump_svg",
    "make_bar_chart",
    "make_calibration_chart",
    "make_figure",
    "make_histogram",
    "make_line_chart",
    "make_rate_chart",
    "save_chart",
    "save_png",
    "styled",
]

# In a page these become the page's own colors, which differ between its light and its dark theme.
_PAGE_COLORS = {
    "#0b5c8a": "var(--first)",
    "#b3450f": "var(--second)",
    "#5d5850": "var(--muted)",
    "#d9d4ca": "var(--line)",
}
_FIRST, _SECOND, _MUTED, _LINE = _PAGE_COLORS
_TO_PAGE = (
    (r"\A.*?<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r"<svg \1>"),
    (r"<metadata>.*?</metadata>|<style.*?</style>", ""),
    (r"<g id=\"[^\"]*\"", "<g"),  # such an id occurs in each figure of a page
    (r"'[^;\"]*sans-serif", "inherit"),
    (r"\s*\n\s*", "\n"),
    *_PAGE_COLORS.items(),
)
"""What is replaced in matplotlib's SVG, and by what, so that it suits a page."""

SERIES = (_FIRST, _SECOND, _MUTED)
"""Colors of series, in their order."""

styled = mpl.rc_context(
    {
        "axes.edgecolor": _LINE,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.size": 7,
        "legend.frameon": False,
        "svg.fonttype": "none",  # text stays text: a tenth of the bytes, and it can be read aloud
        "svg.hashsalt": "glyphgen",  # equal charts are equal bytes
        "text.color": _MUTED,
        "text.parse_math": False,
        "xtick.color": _LINE,
        "xtick.labelcolor": _MUTED,
        "ytick.color": _LINE,
        "ytick.labelcolor": _MUTED,
    }
)
"""Decorates what draws or writes charts; the caller's own settings of matplotlib stay."""

_DPI = 150
_BINS = 32
_MOST_GAPS = 400  # bars at most that have gaps between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart.

    Attributes:
        name: Of its files, without suffix.
        title: What it shows, in a line; the figure does not hold it.
        figure: Its drawing.
    """

    name: str
    title: str
    figure: Figure


@styled
def make_histogram(
    name: str, title: str, series: Sequence[tuple[str, NDArray[np.float64]]]
) -> Chart:
    """Return how values are spread, as shares of each series: one, or two over each other."""
    figure = make_figure(3.4, 1.3)
    axes = figure.subplots()
    joined = np.concatenate([values for _, values in series])
    edges = np.histogram_bin_edges(joined, _BINS)
    for (_, values), color in zip(series, SERIES, strict=False):
        shares = np.histogram(values, edges)[0] / max(len(values), 1)
        axes.stairs(shares, edges, fill=True, color=color, alpha=0.85 if len(series) == 1 else 0.6)
    top = axes.dataLim.y1
    axes.set_yticks([top], [f"{top:.0%}"])
    axes.locator_params(axis="x", nbins=6)
    return Chart(name=name, title=title, figure=figure)


@styled
def make_bar_chart(name: str, title: str, values: Sequence[float]) -> Chart:
    """Return one bar for each value, in the order given.

    Args:
        name: Of the chart's files.
        title: Of the chart.
        values: 0 or more.
    """
    figure, n = make_figure(6.4, 1.6), len(values)
    axes = figure.subplots()
    if n <= _MOST_GAPS:
        axes.bar(np.arange(n), values, width=0.9, color=_FIRST)
    else:
        axes.stairs(values, np.arange(n + 1) - 0.5, fill=True, color=_FIRST)  # one path
    axes.set(xticks=[], xlim=(-0.5, n - 0.5))
    axes.locator_params(axis="y", nbins=4)
    return Chart(name=name, title=title, figure=figure)


@styled
def make_line_chart(
    name: str, title: str, xs: Sequence[float], series: Sequence[tuple[str, Sequence[float]]]
) -> Chart:
    """Return a line for each series over the same x; the legend, above, says its last value."""
    figure = make_figure(3.4, 2.0)
    axes = figure.subplots()
    for (label, values), color in zip(series, SERIES, strict=False):
        of_series = f"{label} {values[-1]:.3g}"
        axes.plot(xs, values, "o-", markersize=2, linewidth=1.2, color=color, label=of_series)
    axes.locator_params(nbins=5)
    if len(set(xs)) == 1:
        axes.set_xticks(xs[:1], [f"{xs[0]:.2g}"])  # an axis about a single point repeats its ticks
    axes.set_ylim(0, 1.08 * max(axes.dataLim.y1, 1e-9))
    figure.legend(loc="outside upper left", ncols=len(series), borderpad=0)
    return Chart(name=name, title=title, figure=figure)


@styled
def make_calibration_chart(
    name: str, title: str, confidence: Sequence[float], accuracy: Sequence[float]
) -> Chart:
    """Return accuracy over confidence, both 0 to 1, and the diagonal on which they are equal."""
    figure = make_figure(3.4, 2.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], "--", linewidth=1, color=_MUTED, label="as confident as right")
    axes.plot(
        confidence, accuracy, "o-", markersize=3, linewidth=1.2, color=_FIRST, label="this network"
    )
    ticks = [0, 0.25, 0.5, 0.75, 1]
    names = [f"{tick:.0%}" for tick in ticks]
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_xticks(ticks, names)
    axes.set_yticks(ticks, names)
    axes.xaxis.label.set_color(_MUTED)
    axes.yaxis.label.set_color(_MUTED)
    figure.legend(loc="outside upper left", ncols=2, borderpad=0)
    return Chart(name=name, title=title, figure=figure)


@styled
def make_rate_chart(
    name: str, title: str, rates: Sequence[float], losses: Sequence[float], taken: float
) -> Chart:
    """Return the loss at each learning rate, ascending, with a point at the rate that was taken."""
    figure = make_figure(4.6, 2.6)
    axes = figure.subplots()
    axes.plot(rates, losses, linewidth=1.2, color=_FIRST)
    height = float(np.interp(np.log(taken), np.log(rates), losses)) if rates else 0.0
    axes.plot([taken], [height], "o", markersize=6, color=_SECOND)
    axes.annotate(
        f"{taken:.2g}", (taken, height), (6, 8), textcoords="offset points", color=_SECOND
    )
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss, smoothed")
    if rates:
        powers = np.arange(np.ceil(np.log10(rates[0]) - 1e-9), np.log10(rates[-1]) + 1e-9)
        axes.set_xticks(10.0**powers, [f"1e{power:.0f}" for power in powers])
        top = max(losses[: int(np.argmin(losses)) + 1])
        room = 0.15 * (top - min(losses)) + 0.01
        axes.set_ylim(
            min(losses) - room, top + room
        )  # where the loss grows again is of no interest
    axes.xaxis.label.set_color(_MUTED)
    axes.yaxis.label.set_color(_MUTED)
    return Chart(name=name, title=title, figure=figure)


@styled
def dump_svg(figure: Figure) -> str:
    """Return a figure as an ``svg`` element, in the colors and the typeface of the page around it."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    svg = stream.getvalue()
    for pattern, instead in _TO_PAGE:
        svg = re.sub(pattern, instead, svg, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", _round, svg)


def _round(tag: re.Match[str]) -> str:
    """Cut the numbers of a tag, not of text, to a hundredth of a point."""
    return re.sub(r"(\.\d\d)\d+", r"\1", tag.group())


@styled
def save_chart(folder: Path, chart: Chart) -> tuple[Path, Path]:
    """Write a chart with its title as PNG and SVG; return the files."""
    # A chart may be named after a field of a stranger's dataset.
    stem = folder / re.sub(r"\W+", "-", chart.name)
    chart.figure.suptitle(chart.title, fontsize=9)
    png, svg = stem.with_suffix(".png"), stem.with_suffix(".svg")
    save_png(png, chart.figure)
    with committed(svg) as temporary:
        chart.figure.savefig(temporary, format="svg", metadata={"Date": None})
    return png, svg


def save_png(path: Path, figure: Figure) -> None:
    """Write a figure as PNG; its folder is made when absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with committed(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)


def make_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches."""
    # Not pyplot: it keeps every figure, and looks for a screen.
    return Figure(figsize=(width, height), layout="constrained")
