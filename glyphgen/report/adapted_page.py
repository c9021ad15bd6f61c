"""A run that was adapted to images without labels -> the sections of a page."""

from pathlib import Path

from typing_extensions import TypedDict

from glyphgen.errors import ReportError
from glyphgen.files.opening import PAGE
from glyphgen.files.pages import PageError, parse_page
from glyphgen.report.blocks import Section, facts, table, text
from glyphgen.report.training_files import read_of_training

__all__ = ["is_adapted", "make_adapted_sections", "make_adapted_subtitle"]


class _Adaptation(TypedDict):
    n: int
    fingerprint: str
    framing: str
    says: str


class _Stage(TypedDict):
    method: str
    agreement_of_views: float
    mean_confidence: float
    n_classes_read: float


class _Page(TypedDict):
    adapted: _Adaptation
    model: str
    stages: list[_Stage]
    warnings: list[str]


def is_adapted(folder: Path) -> bool:
    """Return whether the run of a folder was adapted to images without labels."""
    return b'"adapted"' in read_of_training(folder / "metrics.json", PAGE)


def make_adapted_subtitle(folder: Path) -> str:
    """Return what the run is, in one line."""
    page = _read(folder)
    return f"{page['model']}, {page['adapted']['says']}"


def make_adapted_sections(folder: Path) -> list[Section]:
    """Return the section of the run's page: how surely it reads before and after, and what was kept.

    Raises:
        ReportError: Its numbers cannot be read.
    """
    page = _read(folder)
    rows = [
        (
            "as it was trained" if stage["method"] == "none" else stage["method"],
            f"{stage['agreement_of_views']:.2%}",
            f"{stage['mean_confidence']:.2%}",
            f"{stage['n_classes_read']:.1f}",
        )
        for stage in page["stages"]
    ]
    columns = ["network", "views that agree", "confidence", "classes read"]
    title = "How surely it reads images that it did not learn from; how many are right nobody knows"
    blocks = (
        facts(
            [
                ("adapted", page["adapted"]["says"]),
                ("network before", page["model"]),
                ("framing", page["adapted"]["framing"]),
            ]
        ),
        table(title, columns, rows, [1, 2, 3]),
        *(text(words, warn=True) for words in page["warnings"]),
    )
    return [Section(id="figures", title="Figures", blocks=blocks)]


def _read(folder: Path) -> _Page:
    path = folder / "metrics.json"
    try:
        return parse_page(read_of_training(path, PAGE), _Page)
    except PageError as error:
        raise ReportError(f"{path}: {error} (adapt again, with --force)") from None
