"""Two datasets side by side: does the one look like the other, and where not; draws through others."""

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.images.fitting import shrink_images
from glyphgen.images.png import make_strip
from glyphgen.report.blocks import Block, Section, charts, facts, legend, lines, pairs, table, text
from glyphgen.report.charts import draw_histogram
from glyphgen.report.dataset_page import describe_class
from glyphgen.report.statistics import Statistics

__all__ = ["compare_datasets"]

_SHOWN = 40  # shared classes whose means stand side by side
_SIDE = 48


def compare_datasets(
    datasets: tuple[Dataset, Dataset], found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> list[Section]:
    """Return the sections of a page that compares two datasets."""
    return [
        Section(
            id="differences", title="Differences", blocks=(lines(_say(datasets, found, names)),)
        ),
        Section(id="facts", title="Facts", blocks=tuple(_tell_facts(datasets, names))),
        Section(id="ink", title="Ink", blocks=tuple(_tell_ink(found, names))),
        Section(id="classes", title="Classes", blocks=tuple(_tell_classes(datasets, found, names))),
    ]


def _say(
    datasets: tuple[Dataset, Dataset], found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> list[str]:
    """Return the differences in words, the largest first."""
    a, b = names
    told: list[tuple[float, str]] = []
    for what, key in (
        ("ink density", "density"),
        ("the ink's longer side", "box"),
        ("stroke width", "stroke"),
    ):
        first, second = (getattr(of.shapes, key) for of in found)
        spread = float(np.sqrt((first.var() + second.var()) / 2)) or 1e-9
        low, high = float(np.median(first)), float(np.median(second))
        distance = abs(low - high) / spread
        unit = "of the height" if key == "stroke" else "of the frame"
        words = f"{what} is {low:.1%} {unit} in {a}, {high:.1%} in {b} (medians)"
        if distance > 0.2:
            told.append((distance, f"{words}: {distance:.1f} standard deviations apart."))
    touches = [float(of.shapes.touches.mean()) for of in found]
    if abs(touches[0] - touches[1]) > 0.01:
        words = f"Ink touches the frame in {touches[0]:.0%} of {a}, {touches[1]:.0%} of {b}."
        told.append((5 * abs(touches[0] - touches[1]), words))
    ratios = [of.total.max() / max(of.total.min(), 1) for of in found]
    if max(ratios) / min(ratios) > 1.5:
        words = (
            f"The largest class has {ratios[0]:.1f} times the rows of the smallest in {a},"
            f" {ratios[1]:.1f} times in {b}."
        )
        told.append((float(np.log(max(ratios) / min(ratios))), words))
    tables = [_find_classes(dataset) for dataset in datasets]
    for own, other, name, rest in ((0, 1, a, b), (1, 0, b, a)):
        missing = [form for form in tables[own] if form not in tables[other]]
        if missing:
            shown = " ".join(missing[:12])
            words = f"{len(missing)} classes of {name} are not in {rest}: {shown}"
            told.append(
                (len(missing) / len(tables[own]), words + ("" if len(missing) <= 12 else " ..."))
            )
    told.sort(key=lambda entry: -entry[0])
    return [words[0].upper() + words[1:] for _, words in told] or [
        f"Nothing that was measured tells {a} from {b}."
    ]


def _find_classes(dataset: Dataset) -> dict[str, int]:
    found: dict[str, int] = {}
    for k, info in enumerate(dataset.classes):
        for form in info.forms or (info.label,):
            found.setdefault(form, k)
    return found


def _tell_facts(datasets: tuple[Dataset, Dataset], names: tuple[str, str]) -> list[Block]:
    return [
        facts(
            [
                (name, f"{len(dataset):,} rows, {len(dataset.classes):,} classes")
                for name, dataset in zip(names, datasets, strict=True)
            ]
        ),
        table(
            "Facts",
            ["", *names],
            [
                ("image", *(f"{d.index.image.height} x {d.index.image.width}" for d in datasets)),
                ("made by", *(f"glyphgen {d.index.made_by}" for d in datasets)),
                ("polarity on disk", *(d.index.image.polarity for d in datasets)),
                ("faces", *(len(d.index.faces) or "none" for d in datasets)),
                ("splits", *(", ".join(d.index.splits) or "none" for d in datasets)),
            ],
        ),
    ]


def _tell_ink(found: tuple[Statistics, Statistics], names: tuple[str, str]) -> list[Block]:
    def draw(key: str, title: str) -> str:
        series = [
            (name, getattr(of.shapes, key) * 100) for name, of in zip(names, found, strict=True)
        ]
        return draw_histogram(series, title, "%")

    rows = [len(of.shape_rows) for of in found]
    return [
        text(f"Measured on {rows[0]:,} and {rows[1]:,} rows."),
        legend(*names),
        charts(
            [
                draw("density", "Ink density, percent of the frame"),
                draw("box", "Longer side of the ink, percent of the frame"),
                draw("stroke", "Stroke width, percent of the height"),
            ]
        ),
    ]


def _tell_classes(
    datasets: tuple[Dataset, Dataset], found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> list[Block]:
    tables = [_find_classes(dataset) for dataset in datasets]
    shared = [form for form in tables[0] if form in tables[1]]
    if not shared:
        return [text("They share no class.", warn=True)]
    rows = [[tables[side][form] for form in shared] for side in (0, 1)]
    means = [
        shrink_images(of.mean[at].astype(np.uint8), _SIDE)
        for of, at in zip(found, rows, strict=True)
    ]
    size = np.minimum(means[0].shape[1:], means[1].shape[1:])
    means = [mean[:, : size[0], : size[1]] for mean in means]
    shown = []
    for k in np.argsort(_compare_pairs(*means), kind="stable")[:_SHOWN].tolist():
        label = describe_class(datasets[0].classes[tables[0][shared[k]]])[0]
        strip = make_strip([mean[k] for mean in means])
        counts = [int(of.total[at[k]]) for of, at in zip(found, rows, strict=True)]
        shown.append((strip, f"{label}  {counts[0]:,} / {counts[1]:,}", 96))
    first = "" if len(shown) == len(shared) else f", of the {len(shown)} that are least alike"
    return [
        text(
            f"{len(shared):,} classes are in both. Mean image of {names[0]}, then of {names[1]}, with"
            f" the rows of each{first}, the least alike first:"
        ),
        pairs(shown),
    ]


def _compare_pairs(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the correlation of each image of one stack with that of the other: (n,), -1 to 1."""
    flat = [stack.reshape(len(stack), -1).astype(np.float64) for stack in (one, other)]
    apart = [stack - stack.mean(axis=1, keepdims=True) for stack in flat]
    product = (apart[0] * apart[1]).sum(axis=1)
    norms = np.linalg.norm(apart[0], axis=1) * np.linalg.norm(apart[1], axis=1)
    correlation: NDArray[np.float64] = product / np.maximum(norms, 1e-9)
    return correlation
