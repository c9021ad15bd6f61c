"""Two datasets side by side: does the one look like the other, and where not."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.images.fitting import shrink_images
from glyphgen.images.png import make_strip
from glyphgen.report.blocks import (
    Block,
    Section,
    charts,
    facts,
    gallery,
    legend,
    numbered_list,
    table,
    text,
)
from glyphgen.report.dataset_charts import chart_ink
from glyphgen.report.dataset_page import describe_class
from glyphgen.report.statistics import Statistics

__all__ = ["compare_datasets"]

Difference = tuple[float, str]  # how large, about in standard deviations, and in words

_SHOWN = 40  # shared classes whose means stand side by side
_SIDE = 48


def compare_datasets(
    datasets: tuple[Dataset, Dataset], found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> tuple[list[Section], list[str]]:
    """Return the sections of a page that compares two datasets, and their differences in words."""
    differences = _find_differences(datasets, found, names)
    sections = [
        Section(
            id="differences",
            title="Differences",
            blocks=(numbered_list(differences),),
        ),
        Section(id="facts", title="Facts", blocks=tuple(_describe_facts(datasets, names))),
        Section(id="ink", title="Ink", blocks=tuple(_describe_ink(found, names))),
        Section(
            id="classes", title="Classes", blocks=tuple(_describe_classes(datasets, found, names))
        ),
    ]
    return sections, differences


def _find_differences(
    datasets: tuple[Dataset, Dataset], found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> list[str]:
    """Return the differences in words, the largest first."""
    differences = sorted(
        (
            *_compare_shapes(found, names),
            *_compare_balance(found, names),
            *_compare_tables(datasets, names),
        ),
        key=lambda entry: -entry[0],
    )
    return [words[0].upper() + words[1:] for _, words in differences] or [
        f"Nothing that was measured tells {names[0]} from {names[1]}."
    ]


def _compare_shapes(
    found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> Iterator[Difference]:
    a, b = names
    for what, key, unit in (
        ("ink density", "density", "of the frame"),
        ("the ink's longer side", "box", "of the frame"),
        ("stroke width", "stroke", "of the height"),
    ):
        first, second = (getattr(of.shapes, key) for of in found)
        spread = float(np.sqrt((first.var() + second.var()) / 2)) or 1e-9
        low, high = float(np.median(first)), float(np.median(second))
        distance = abs(low - high) / spread
        if distance > 0.2:
            words = f"{what} is {low:.1%} {unit} in {a}, {high:.1%} in {b} (medians)"
            yield distance, f"{words}: {distance:.1f} standard deviations apart."
    touches = [float(of.shapes.touches.mean()) for of in found]
    if abs(touches[0] - touches[1]) > 0.01:
        words = f"Ink touches the frame in {touches[0]:.0%} of {a}, {touches[1]:.0%} of {b}."
        yield 5 * abs(touches[0] - touches[1]), words


def _compare_balance(
    found: tuple[Statistics, Statistics], names: tuple[str, str]
) -> Iterator[Difference]:
    ratios = [of.total.max() / max(of.total.min(), 1) for of in found]
    if max(ratios) / min(ratios) > 1.5:
        yield (
            float(np.log(max(ratios) / min(ratios))),
            f"The largest class has {ratios[0]:.1f} times the rows of the smallest in {names[0]},"
            f" {ratios[1]:.1f} times in {names[1]}.",
        )


def _compare_tables(
    datasets: tuple[Dataset, Dataset], names: tuple[str, str]
) -> Iterator[Difference]:
    tables = [_find_classes(dataset) for dataset in datasets]
    for own, other in ((0, 1), (1, 0)):
        missing = [form for form in tables[own] if form not in tables[other]]
        if missing:
            shown = " ".join(missing[:12]) + (" ..." if len(missing) > 12 else "")
            words = f"{len(missing)} classes of {names[own]} are not in {names[other]}: {shown}"
            yield len(missing) / len(tables[own]), words


def _find_classes(dataset: Dataset) -> dict[str, int]:
    found: dict[str, int] = {}
    for k, info in enumerate(dataset.classes):
        for form in info.forms or (info.label,):
            found.setdefault(form, k)
    return found


def _describe_facts(datasets: tuple[Dataset, Dataset], names: tuple[str, str]) -> list[Block]:
    return [
        facts(
            [
                (name, f"{len(dataset):,} rows, {len(dataset.classes):,} classes")
                for name, dataset in zip(names, datasets, strict=True)
            ]
        ),
        table(
            "Side by side",
            ["", *names],
            [
                ("image", *(f"{d.index.image.height} x {d.index.image.width}" for d in datasets)),
                ("made by", *(f"glyphgen {d.index.made_by}" for d in datasets)),
                ("polarity on disk", *(d.index.image.polarity for d in datasets)),
                ("faces", *(len(d.index.faces) or "unknown" for d in datasets)),
                ("splits", *(", ".join(d.index.splits) or "none" for d in datasets)),
            ],
        ),
    ]


def _describe_ink(found: tuple[Statistics, Statistics], names: tuple[str, str]) -> list[Block]:
    rows = [len(of.shape_rows) for of in found]
    return [
        text(f"Measured on {rows[0]:,} and {rows[1]:,} rows."),
        legend(*names),
        charts(chart_ink((name, of.shapes) for name, of in zip(names, found, strict=True))),
    ]


def _describe_classes(
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
        gallery(shown),
    ]


def _compare_pairs(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the correlation of each image of one stack with that of the other: (n,), -1 to 1."""
    flat = [stack.reshape(len(stack), -1).astype(np.float64) for stack in (one, other)]
    apart = [stack - stack.mean(axis=1, keepdims=True) for stack in flat]
    product = (apart[0] * apart[1]).sum(axis=1)
    norms = np.linalg.norm(apart[0], axis=1) * np.linalg.norm(apart[1], axis=1)
    correlation: NDArray[np.float64] = product / np.maximum(norms, 1e-9)
    return correlation
