"""Datasets and trainings -> one HTML page that needs nothing else; knows no torch and draws no glyph."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphgen.errors import ReportError

__all__ = ["Reported", "make_report"]

_PER_CLASS = {200: 8, 1000: 4, 1 << 30: 2}  # samples of each class, for so many classes at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What ``make_report`` wrote.

    Attributes:
        path: The page.
        n_bytes: Its size.
        summary: Its main figures.
        figures: The figures that were written as files, too.
    """

    path: Path
    n_bytes: int
    summary: dict[str, Any]
    figures: tuple[Path, ...]


def make_report(places: tuple[Path, ...], out: Path, *, figures: Path | None = None) -> Reported:
    """Write one page about a dataset, a training, or two datasets side by side.

    Args:
        places: Folders: one of a dataset or of a training, or two of datasets.
        out: The HTML file.
        figures: A folder for each figure as PNG and SVG, of one dataset.

    Raises:
        ReportError: These cannot be told of on a page, or the extra is not installed.
        DatasetError: A dataset is missing or unfinished.
    """
    from glyphgen.dataset.reader import load
    from glyphgen.files.writing import write_bytes
    from glyphgen.report.blocks import check_extra, render_page
    from glyphgen.report.comparison import compare_datasets
    from glyphgen.report.dataset_page import make_sections, make_subtitle
    from glyphgen.report.figures import draw_figures
    from glyphgen.report.statistics import measure_dataset
    from glyphgen.report.training_page import (
        is_training,
        make_training_sections,
        make_training_subtitle,
    )

    check_extra()
    written: tuple[Path, ...] = ()
    if len(places) == 1 and is_training(places[0]):
        page = render_page(
            places[0].name, make_training_subtitle(places[0]), make_training_sections(places[0])
        )
        summary: dict[str, Any] = {"training": str(places[0])}
    elif len(places) == 1:
        dataset = load(places[0])
        found = measure_dataset(dataset)
        per_class = next(k for most, k in _PER_CLASS.items() if len(dataset.classes) <= most)
        sections, sprites, width = make_sections(dataset, found, per_class=per_class)
        page = render_page(dataset.index.name, make_subtitle(dataset), sections, sprites, width)
        summary = {
            "dataset": str(places[0]),
            "rows": len(dataset),
            "classes": len(dataset.classes),
            "smallest_class": int(found.total.min()),
            "largest_class": int(found.total.max()),
            "duplicates": found.n_duplicates,
            "touches_frame": float(found.shapes.touches.mean()),
        }
        if figures:
            written = draw_figures(figures, dataset, found)
    elif len(places) == 2:
        datasets = load(places[0]), load(places[1])
        measured = measure_dataset(datasets[0]), measure_dataset(datasets[1])
        names = _tell_apart(datasets[0].index.name, datasets[1].index.name)
        sections = compare_datasets(datasets, measured, names)
        title = f"{names[0]} and {names[1]}"
        page = render_page(title, "Does the one look like the other?", sections)
        summary = {"datasets": [str(place) for place in places]}
        summary["differences"] = sections[0].blocks[0]["lines"]
    else:
        raise ReportError(
            f"report: {len(places)} folders, expected one, or two datasets to compare"
        )
    content = page.encode()
    write_bytes(out, content)
    return Reported(path=out, n_bytes=len(content), summary=summary, figures=written)


def _tell_apart(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first != second else (f"{first} (first)", f"{second} (second)")
