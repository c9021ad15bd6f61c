"""The files that a training leaves, read against their schemas; docs/training.md tells what they hold."""

import csv
import io
import math
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import NotRequired, TypeVar

from typing_extensions import TypedDict

from glyphgen.errors import ReportError
from glyphgen.files.opening import PAGE, TABLE, FileKind, describe_unread, read_regular
from glyphgen.files.pages import PageError, parse_page

__all__ = [
    "HistoryRow",
    "MetricsPage",
    "TrainPage",
    "read_history",
    "read_metrics",
    "read_of_training",
    "read_train",
]

Page = TypeVar("Page")


class ClassScores(TypedDict):
    """How well one class was read."""

    label: str
    n: int
    recall: float
    precision: float
    f1: float


class ConfusedPair(TypedDict):
    """How often one class was taken for another."""

    actual: str
    predicted: str
    n: int


class CalibrationBin(TypedDict):
    """Images of which the network was about equally confident."""

    n: int
    confidence: float
    accuracy: float


class Calibration(TypedDict):
    """Confidence and accuracy."""

    expected_error: float
    bins: list[CalibrationBin]


class FaceScores(TypedDict):
    """How well the images of one face were read."""

    n: int
    top1: float
    top1_twins_folded: float


class PartScores(TypedDict):
    """How well one part of the dataset was read."""

    n: int
    rows: int
    top1: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    mean_loss: float


class MetricsPage(TypedDict):
    """What a report needs of metrics.json."""

    n: int
    top1: float
    top1_interval: tuple[float, float]
    top1_twins_folded: float
    top1_twins_folded_interval: tuple[float, float]
    top5: float
    top5_interval: tuple[float, float]
    macro_precision: float
    macro_recall: float
    macro_f1: float
    per_class: list[ClassScores]
    confused: list[ConfusedPair]
    measured_on: NotRequired[str]
    parts: NotRequired[dict[str, PartScores]]
    calibration: NotRequired[Calibration]
    per_face: NotRequired[dict[str, FaceScores]]


class TrainedRows(TypedDict):
    """How many rows a network was trained on."""

    train: int


class TrainedOptions(TypedDict):
    """How a network was trained."""

    model: str


class StreamedImages(TypedDict):
    """What a network was trained on in place of rows."""

    recipe: str
    images: int


class TrainPage(TypedDict):
    """What a report needs of train.json."""

    dataset: str
    options: TrainedOptions
    rows: TrainedRows
    seconds: float
    images_per_second: float
    share_of_time_in_network: float
    device: str
    warnings: list[str]
    stream: NotRequired[StreamedImages]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """What a report needs of a row of history.csv; older ones do not tell how train was read."""

    epoch: float
    train_loss: float
    val_loss: float
    val_top1: float
    val_precision: float
    val_recall: float
    train_top1: float = math.nan
    train_precision: float = math.nan
    train_recall: float = math.nan


def read_metrics(folder: Path) -> MetricsPage:
    """Read the metrics.json of a training.

    Raises:
        ReportError: It cannot be read, or is not what a training writes.
    """
    return _read_page(folder / "metrics.json", MetricsPage)


def read_train(folder: Path) -> TrainPage:
    """Read the train.json of a training.

    Raises:
        ReportError: It cannot be read, or is not what a training writes.
    """
    return _read_page(folder / "train.json", TrainPage)


def read_history(folder: Path) -> list[HistoryRow]:
    """Read the history.csv of a training; no rows where there is none.

    Raises:
        ReportError: It cannot be read, or is not what a training writes.
    """
    path = folder / "history.csv"
    if not path.exists():
        return []
    rows = []
    try:
        text = read_of_training(path, TABLE).decode()
        for number, row in enumerate(csv.DictReader(io.StringIO(text, newline="")), start=2):
            values = {
                field.name: float(row[field.name] or "nan")
                for field in fields(HistoryRow)
                if field.name in row or field.default is MISSING
            }
            wrong = [name for name, value in values.items() if not math.isfinite(value)]
            if wrong:
                raise ReportError(f"{path}:{number}: {', '.join(wrong)}: expected a number")
            rows.append(HistoryRow(**values))
    except KeyError as error:
        raise ReportError(f"{path}: has no column {error}") from None
    except (ValueError, csv.Error) as error:  # not UTF-8, or no numbers
        raise ReportError(f"{path}: not a table of numbers: {error}") from None
    return rows


def read_of_training(path: Path, kind: FileKind) -> bytes:
    """Return the content of a file of a training's folder, or of the figures in it.

    Raises:
        ReportError: It cannot be read, or lies elsewhere.
    """
    home = path.parent.parent if path.parent.name == "figures" else path.parent
    try:
        return read_regular(path, kind, within=home)
    except OSError as error:
        raise ReportError(f"{path}: {describe_unread(error)}") from error


def _read_page(path: Path, record: type[Page]) -> Page:
    try:
        return parse_page(read_of_training(path, PAGE), record)
    except PageError as error:
        raise ReportError(f"{path}: {error} (train again, with --force)") from None
