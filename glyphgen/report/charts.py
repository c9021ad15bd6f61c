"""Small charts as inline SVG, colored by the page's own style; knows no dataset."""

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

__all__ = ["draw_bars", "draw_histogram", "draw_lines"]

_WIDTH, _HEIGHT = 320, 120
_LEFT, _BOTTOM, _TOP = 34, 18, 6
_BINS = 32


def draw_histogram(
    series: Sequence[tuple[str, NDArray[np.float64]]], title: str, unit: str = ""
) -> str:
    """Return how values are spread; one series, or two over each other.

    Args:
        series: Name and values of each.
        title: What the values are.
        unit: Of them.
    """
    joined = np.concatenate([values for _, values in series])
    if not len(joined):
        return ""
    low, high = float(joined.min()), float(joined.max())
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    shares = [np.histogram(values, edges)[0] / max(len(values), 1) for _, values in series]
    top = max(float(share.max()) for share in shares) or 1.0
    plot_width, plot_height = _WIDTH - _LEFT - 6, _HEIGHT - _BOTTOM - _TOP
    bars = []
    for number, share in enumerate(shares):
        step = plot_width / _BINS
        for k, value in enumerate(share.tolist()):
            height = plot_height * value / top
            bars.append(
                f'<rect class="s{number}" x="{_LEFT + k * step:.1f}"'
                f' y="{_TOP + plot_height - height:.1f}" width="{step:.1f}" height="{height:.1f}"/>'
            )
    labels = (
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{low:.3g}</text>'
        f'<text x="{_WIDTH - 6}" y="{_HEIGHT - 4}" text-anchor="end">{high:.3g} {escape(unit)}</text>'
        f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{top:.0%}</text>'
    )
    return _wrap("".join(bars) + labels, title)


def draw_bars(values: Sequence[float], title: str) -> str:
    """Return one thin bar for each value, in the order given; as wide as the page."""
    n = max(len(values), 1)
    top = max([*values, 1])
    height = 100
    bars = "".join(
        f'<rect class="s0" x="{k * 1000 / n:.2f}" y="{height - height * value / top:.2f}"'
        f' width="{max(1000 / n * 0.9, 0.3):.2f}" height="{height * value / top:.2f}"/>'
        for k, value in enumerate(values)
    )
    return (
        f'<svg class="wide" viewBox="0 0 1000 {height}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(title)}">{bars}</svg>'
    )


def draw_lines(
    xs: Sequence[float], series: Sequence[tuple[str, Sequence[float]]], title: str
) -> str:
    """Return a line for each series over the same x, with its last value."""
    values = [value for _, of in series for value in of]
    low, high = min(values), max(values)
    high = high if high > low else low + 1e-9
    plot_width, plot_height = _WIDTH - _LEFT - 84, _HEIGHT - _BOTTOM - _TOP
    span = (max(xs) - min(xs)) or 1.0
    parts = []
    ends = [_TOP + plot_height * (1 - (of[-1] - low) / (high - low)) for _, of in series]
    label_y = _spread(ends)
    for number, (name, of) in enumerate(series):
        points = [
            (
                _LEFT + plot_width * (x - min(xs)) / span,
                _TOP + plot_height * (1 - (value - low) / (high - low)),
            )
            for x, value in zip(xs, of, strict=True)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="l{number}" points="{path}"/>')
        parts += [f'<circle class="p{number}" cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in points]
        x = points[-1][0]
        parts.append(
            f'<text class="t{number}" x="{x + 5:.1f}" y="{label_y[number]:.1f}">'
            f"{escape(name)} {of[-1]:.3g}</text>"
        )
    parts.append(f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{min(xs):.3g}</text>')
    parts.append(
        f'<text x="{_LEFT + plot_width}" y="{_HEIGHT - 4}" text-anchor="end">{max(xs):.3g}</text>'
    )
    parts.append(f'<text x="{_LEFT - 4}" y="{_TOP + 8}" text-anchor="end">{high:.3g}</text>')
    low_y = _HEIGHT - _BOTTOM
    parts.append(f'<text x="{_LEFT - 4}" y="{low_y}" text-anchor="end">{low:.3g}</text>')
    return _wrap("".join(parts), title)


def _spread(places: Sequence[float]) -> list[float]:
    """Return where labels go that would stand at ``places``, so that none covers another."""
    free = list(places)
    last = float("-inf")
    for k in sorted(range(len(places)), key=lambda k: places[k]):
        free[k] = last = max(places[k] + 3, last + 11)
    return free


def _wrap(content: str, title: str) -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - 6}" y1="{_HEIGHT - _BOTTOM}"'
        f' y2="{_HEIGHT - _BOTTOM}"/>{content}</svg></figure>'
    )
