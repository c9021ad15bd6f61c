"""A training folder -> the sections of a page."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from glyphgen.files.opening import PICTURE
from glyphgen.report.blocks import Block, Section, charts, facts, large_image, table, text
from glyphgen.report.charts import (
    Chart,
    make_bar_chart,
    make_calibration_chart,
    make_line_chart,
)
from glyphgen.report.training_files import (
    MetricsPage,
    TrainPage,
    read_history,
    read_metrics,
    read_of_training,
    read_train,
)
from glyphgen.text import show_codepoints

__all__ = ["chart_history", "is_training", "make_training_sections", "make_training_subtitle"]

_FIGURES = {
    "lr": "The search for the learning rate: the loss at each, and the one that was taken",
    "confusion": "Confusion matrix",
    "confused": "Confused pairs: two misread images, an example of the actual class, one of the predicted",
    "highest-loss": "The images of highest loss: misread, actual class, predicted class",
    "activation": "Class activation maps: where the network saw the class that it predicted (HiResCAM)",
}


def is_training(folder: Path) -> bool:
    """Return whether a folder holds what a training leaves."""
    return (folder / "metrics.json").exists() and not (folder / "index.json").exists()


def make_training_subtitle(folder: Path) -> str:
    """Return what a training is, in one line."""
    metrics, train = read_metrics(folder), read_train(folder)
    source = f"fresh images of {train['dataset']}" if "stream" in train else train["dataset"]
    return (
        f"{train['options']['model']} trained on {source}, measured on {metrics['n']:,} images"
        f" of {_name_measured(metrics)}:"
        f" top-1 {metrics['top1']:.2%}, twins folded {metrics['top1_twins_folded']:.2%}"
    )


def _name_measured(metrics: MetricsPage) -> str:
    """Return which images the figures are of."""
    measured_on = metrics.get("measured_on", "test")
    return measured_on if measured_on == "test" else f"{measured_on}, for want of a test split"


def make_training_sections(folder: Path) -> list[Section]:
    """Return the sections of a training's page.

    Raises:
        ReportError: Its numbers cannot be read.
    """
    metrics, train = read_metrics(folder), read_train(folder)
    return [
        Section(id="figures", title="Figures", blocks=tuple(_describe_metrics(metrics, train))),
        Section(id="curves", title="Curves", blocks=tuple(_describe_history(folder))),
        Section(id="classes", title="By class", blocks=tuple(_describe_classes(metrics))),
        Section(id="faces", title="By face", blocks=tuple(_describe_faces(metrics))),
        Section(
            id="calibration", title="Calibration", blocks=tuple(_describe_calibration(metrics))
        ),
        Section(id="misread", title="Misread", blocks=tuple(_show_figures(folder))),
    ]


def _show_share(share: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{share:.2%} ({low:.2%} to {high:.2%})"


def _describe_metrics(metrics: MetricsPage, train: TrainPage) -> list[Block]:
    folded = _show_share(metrics["top1_twins_folded"], metrics["top1_twins_folded_interval"])
    entries: list[tuple[str, object]] = [
        ("top-1, with its 95 % interval", _show_share(metrics["top1"], metrics["top1_interval"])),
        ("top-1, twins folded", folded),
        ("top-5", _show_share(metrics["top5"], metrics["top5_interval"])),
        ("macro precision", f"{metrics['macro_precision']:.4f}"),
        ("macro recall", f"{metrics['macro_recall']:.4f}"),
        ("macro F1", f"{metrics['macro_f1']:.4f}"),
        (f"images of {_name_measured(metrics)}", f"{metrics['n']:,}"),
        ("training images", f"{train['rows']['train']:,}"),
        ("seconds", f"{train['seconds']:,}"),
        ("images a second", f"{train['images_per_second']:,}"),
        ("time in the network", f"{train['share_of_time_in_network']:.1%}"),
        ("device", train["device"]),
    ]
    parts = [
        (
            name,
            f"{part['n']:,}" + ("" if part["n"] == part["rows"] else f" of {part['rows']:,}"),
            f"{part['top1']:.2%}",
            f"{part['macro_precision']:.4f}",
            f"{part['macro_recall']:.4f}",
            f"{part['macro_f1']:.4f}",
            f"{part['mean_loss']:.4f}",
        )
        for name, part in metrics.get("parts", {}).items()
    ]
    columns = ["part", "images", "top-1", "precision", "recall", "F1", "loss"]
    shown = [
        table("Each part of the dataset, its images as they are", columns, parts, [*range(1, 7)])
    ]
    return [
        facts(entries),
        *(shown if parts else []),
        *(text(words, warn=True) for words in train["warnings"]),
    ]


def _describe_history(folder: Path) -> list[Block]:
    rows = [asdict(row) for row in read_history(folder)]
    if not rows:
        return []
    return [
        charts(chart_history(rows)),
        text(
            "What is told of train is of images that were varied, just before the network learned from"
            " them. So the train loss, with smoothed labels, is often above the val loss, which is that of"
            " images as they are, with plain labels, and of the weights that are kept."
        ),
    ]


def chart_history(rows: Sequence[Mapping[str, float]]) -> list[Chart]:
    """Return loss and accuracy by epoch.

    Args:
        rows: Of history.csv, one or more.
    """

    def chart(name: str, title: str, labels: Mapping[str, str]) -> Chart:
        series = [(label, [row[key] for row in rows]) for key, label in labels.items()]
        return make_line_chart(name, title, [row["epoch"] for row in rows], series)

    learnt = {"train_top1": "top-1", "train_precision": "precision", "train_recall": "recall"}
    told = all(math.isfinite(row.get(key, math.nan)) for row in rows for key in learnt)
    return [
        chart("loss", "Loss by epoch", {"train_loss": "train", "val_loss": "val"}),
        *([chart("train-accuracy", "Of the train rows, by epoch", learnt)] if told else []),
        chart(
            "accuracy",
            "Of the val rows, by epoch",
            {"val_top1": "top-1", "val_precision": "precision", "val_recall": "recall"},
        ),
    ]


def _describe_classes(metrics: MetricsPage) -> list[Block]:
    worst = sorted(metrics["per_class"], key=lambda entry: entry["recall"])
    rows = [
        (
            _name_class(e["label"]),
            f"{e['n']:,}",
            f"{e['recall']:.2%}",
            f"{e['precision']:.2%}",
            f"{e['f1']:.4f}",
        )
        for e in worst[:40]
    ]
    title = "Recall of each class, the worst first"
    confused = [
        (*(_name_class(c[key]) for key in ("actual", "predicted")), f"{c['n']:,}")
        for c in metrics["confused"][:40]
    ]
    return [
        charts([make_bar_chart("recall", title, [entry["recall"] for entry in worst])]),
        table(
            "Worst classes", ["class", "images", "recall", "precision", "F1"], rows, [1, 2, 3, 4]
        ),
        table("Confused pairs", ["actual", "predicted", "images"], confused, [2]),
    ]


def _name_class(label: str) -> str:
    """Return a label with its code points, where it is no longer than a cluster of characters."""
    return f"{label}  {show_codepoints(label)}" if len(label) <= 4 else label


def _describe_faces(metrics: MetricsPage) -> list[Block]:
    faces = sorted(metrics.get("per_face", {}).items(), key=lambda entry: entry[1]["top1"])
    rows = [
        (name, f"{of['n']:,}", f"{of['top1']:.2%}", f"{of['top1_twins_folded']:.2%}")
        for name, of in faces
    ]
    if not rows:
        return []
    return [
        text("Faces that the network has never seen."),
        table("Each face", ["face", "images", "top-1", "twins folded"], rows, [1, 2, 3]),
    ]


def _describe_calibration(metrics: MetricsPage) -> list[Block]:
    calibration = metrics.get("calibration")
    if not calibration or not calibration["bins"]:
        return []
    rows = [
        (f"{entry['confidence']:.1%}", f"{entry['accuracy']:.1%}", f"{entry['n']:,}")
        for entry in calibration["bins"]
    ]
    return [
        text(
            "Confidence of the network, and its accuracy where it is that confident. The expected"
            f" calibration error is {calibration['expected_error']:.1%}."
        ),
        charts(
            [
                make_calibration_chart(
                    "calibration",
                    "Accuracy by confidence; below the dashed line the network is too confident",
                    [of_bin["confidence"] for of_bin in calibration["bins"]],
                    [of_bin["accuracy"] for of_bin in calibration["bins"]],
                )
            ]
        ),
        table("Each bin", ["confidence", "accuracy", "images"], rows, [0, 1, 2]),
    ]


def _show_figures(folder: Path) -> list[Block]:
    blocks = []
    for name, title in _FIGURES.items():
        path = folder / "figures" / f"{name}.png"
        if path.exists():
            src = (
                "data:image/png;base64,"
                + base64.b64encode(read_of_training(path, PICTURE)).decode()
            )
            blocks.append(large_image(src, title))
    return blocks
