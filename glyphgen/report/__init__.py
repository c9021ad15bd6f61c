"""Datasets and trainings -> one HTML page that needs nothing else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from glyphgen.errors import ReportError
from glyphgen.files.address import Address, AnyPlace, parse_place
from glyphgen.progress import SILENT, Reporter

if TYPE_CHECKING:
    from glyphgen.dataset.reader import Dataset
    from glyphgen.report.statistics import Statistics

__all__ = ["Reported", "check_report_extra", "make_report"]

_PER_CLASS = {200: 8, 1000: 4, 1 << 30: 2}  # samples of each class, for so many classes at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What ``make_report`` wrote.

    Attributes:
        path: The page.
        n_bytes: Its size.
        summary: Its main figures.
        figures: The charts that were written as files, too.
    """

    path: Path
    n_bytes: int
    summary: dict[str, Any]
    figures: tuple[Path, ...]


def check_report_extra() -> None:
    """Check that what pages need is installed.

    Raises:
        ReportError: It is not; the line names the extra.
    """
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ReportError(
            f"report: {', '.join(missing)} not installed, expected the extra 'report'"
            " (pip install 'glyphgen[report]')"
        )


def make_report(
    places: AnyPlace | Sequence[AnyPlace],
    out: str | os.PathLike[str],
    *,
    figures: str | os.PathLike[str] | None = None,
    label_font: str | os.PathLike[str] | None = None,
    reporter: Reporter = SILENT,
) -> Reported:
    """Write one page about a dataset, a training, or two datasets side by side.

    Args:
        places: A folder, or several: one of a dataset or of a training, or two of datasets.
        out: The HTML file.
        figures: A folder for each chart of a dataset as PNG and SVG.
        label_font: A font for the labels in these charts; see ``find_label_fonts``.
        reporter: Is told how many rows are measured.

    Raises:
        ReportError: There is no page about these, or the extra is not installed.
        DatasetError: A dataset is missing or unfinished.
    """
    check_report_extra()
    from glyphgen.dataset.reader import load
    from glyphgen.files.writing import write_bytes
    from glyphgen.report.statistics import measure_dataset
    from glyphgen.report.training_page import is_training

    folders = [
        parse_place(place)
        for place in ([places] if isinstance(places, str | os.PathLike | Address) else places)
    ]
    written: tuple[Path, ...] = ()
    if len(folders) == 1 and isinstance(folders[0], Path) and is_training(folders[0]):
        page, summary = _show_training(folders[0])
    elif len(folders) == 1:
        dataset = load(folders[0])
        stats = measure_dataset(dataset, reporter=reporter)
        page, summary = _show_dataset(dataset, stats)
        if figures:
            written = _save_charts(Path(figures), dataset, stats, label_font)
    elif len(folders) == 2:
        page, summary = _show_comparison(load(folders[0]), load(folders[1]), reporter)
    else:
        raise ReportError(
            f"report: {len(folders)} folders, expected one, or two datasets to compare"
        )
    content = page.encode()
    write_bytes(Path(out), content)
    return Reported(path=Path(out), n_bytes=len(content), summary=summary, figures=written)


def _show_training(folder: Path) -> tuple[str, dict[str, Any]]:
    from glyphgen.report.adapted_page import (
        is_adapted,
        make_adapted_sections,
        make_adapted_subtitle,
    )
    from glyphgen.report.blocks import render_page
    from glyphgen.report.training_page import make_training_sections, make_training_subtitle

    if is_adapted(folder):
        subtitle, sections = make_adapted_subtitle(folder), make_adapted_sections(folder)
    else:
        subtitle, sections = make_training_subtitle(folder), make_training_sections(folder)
    page = render_page(folder.name, subtitle, sections)
    return page, {"training": str(folder)}


def _show_dataset(dataset: "Dataset", stats: "Statistics") -> tuple[str, dict[str, Any]]:
    from glyphgen.report.blocks import render_page
    from glyphgen.report.dataset_page import make_sections, make_subtitle

    per_class = next(k for most, k in _PER_CLASS.items() if len(dataset.classes) <= most)
    sections, sprites, width = make_sections(dataset, stats, per_class=per_class)
    page = render_page(dataset.index.name, make_subtitle(dataset), sections, sprites, width)
    return page, {
        "dataset": str(dataset.folder),
        "rows": len(dataset),
        "classes": len(dataset.classes),
        "smallest_class": int(stats.total.min()),
        "largest_class": int(stats.total.max()),
        "duplicates": stats.n_duplicates,
        "touches_frame": float(stats.shapes.touches.mean()),
    }


def _show_comparison(
    first: "Dataset", second: "Dataset", reporter: Reporter
) -> tuple[str, dict[str, Any]]:
    from glyphgen.report.blocks import render_page
    from glyphgen.report.comparison import compare_datasets
    from glyphgen.report.statistics import measure_dataset

    names = first.index.name, second.index.name
    if names[0] == names[1]:
        names = f"{names[0]} (first)", f"{names[1]} (second)"
    stats = measure_dataset(first, reporter=reporter), measure_dataset(second, reporter=reporter)
    sections, differences = compare_datasets((first, second), stats, names)
    page = render_page(" and ".join(names), "Does the one look like the other?", sections)
    return page, {
        "datasets": [str(first.folder), str(second.folder)],
        "differences": differences,
    }


def _save_charts(
    folder: Path,
    dataset: "Dataset",
    stats: "Statistics",
    label_font: str | os.PathLike[str] | None,
) -> tuple[Path, ...]:
    import numpy as np

    from glyphgen.report.charts import save_chart
    from glyphgen.report.dataset_charts import chart_classes, chart_ink, chart_values
    from glyphgen.report.label_fonts import find_label_fonts

    labels = [info.label for info in dataset.classes]
    fonts = find_label_fonts(dataset, labels, label_font)
    unnamed = [k for k, label in enumerate(labels) if fonts.find(label) is None]
    rows = dict(zip(*np.unique(np.asarray(dataset.labels), return_index=True), strict=True))
    pictures = {k: dataset.ink[int(rows[k])] for k in unnamed if k in rows}
    ink = chart_ink([("", stats.shapes)], dataset.index.image.height)
    charts = [*chart_classes(stats, labels, fonts, pictures), *ink, *chart_values(stats)]
    return tuple(path for chart in charts for path in save_chart(folder, chart))
