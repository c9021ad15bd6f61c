"""The whole of ``train-baseline``: rows, network, training, test, files."""

import csv
import dataclasses
import io
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline import UNFINISHED_NAME
from glyphgen.baseline.checkpoint import CHECKPOINT_NAME, ModelInfo, read_tensors, write_tensors
from glyphgen.baseline.devices import choose_device, describe_device
from glyphgen.baseline.examples import Batches, read_images
from glyphgen.baseline.folding import fold_sizes, fold_twins, list_alike_forms
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.metrics import Predictions, measure_part, measure_predictions
from glyphgen.baseline.misread import name_files, write_misread
from glyphgen.baseline.onnx_file import export_onnx
from glyphgen.baseline.rate_search import find_learning_rate
from glyphgen.baseline.reframing import measure_ink_share
from glyphgen.baseline.starting import NetworkMaker, prepare_start
from glyphgen.baseline.training import HistoryEntry, Trainer, TrainingState
from glyphgen.baseline.training_data import TrainingData, open_data
from glyphgen.baseline.training_figures import (
    PredictedImages,
    draw_history,
    draw_predictions,
    draw_rate_search,
)
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.errors import TrainingError
from glyphgen.files.address import AnyPlace
from glyphgen.files.pages import PageError, parse_json, parse_page
from glyphgen.files.writing import write_bytes
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe
from glyphgen.report.label_fonts import LabelFonts, find_label_fonts
from glyphgen.text import dump_json, format_json, show_count
from glyphgen.version import VERSION

__all__ = ["Trained", "train_baseline"]

_DEFAULT_OPTIONS = TrainingOptions()
_MOST_VAL = 4000  # rows that are measured for an entry of the history
_ANEW = "--force starts again"
_MOST_MEASURED = 2000  # rows that the share of ink is measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What ``train_baseline`` made.

    Attributes:
        folder: Where it lies.
        metrics: What metrics.json holds.
        history: What was measured on the way, one entry or more.
    """

    folder: Path
    metrics: dict[str, Any]
    history: tuple[HistoryEntry, ...]


def train_baseline(
    dataset: AnyPlace | None,
    out: str | os.PathLike[str],
    options: TrainingOptions = _DEFAULT_OPTIONS,
    *,
    stream: str | os.PathLike[str] | Recipe | None = None,
    find_lr: bool = False,
    resume: bool = False,
    force: bool = False,
    label_font: str | os.PathLike[str] | None = None,
    reporter: Reporter = SILENT,
) -> Trained:
    """Train a network on a dataset, test it, and write model, metrics and figures.

    Args:
        dataset: Folder of a complete dataset. With a stream its val and test rows alone are measured; None
            measures rows of the recipe, made in a temporary folder.
        out: Folder for the model, its figures and numbers; made when absent.
        options: How to train. With a stream an epoch has as many images as the recipe's train split.
        stream: A recipe, or its name or file: fresh images of it are trained on, in every epoch others.
        find_lr: Look for the highest learning rate first, and take that; figures/lr.png shows the search.
        resume: Go on with an interrupted training.
        force: Replace what an earlier training left in ``out``.
        label_font: A font for the labels in figures; see ``find_label_fonts``.
        reporter: Is told what is trained, how far it is, and of each entry of the history, when its
            checkpoint is written.

    Raises:
        DatasetError: The dataset is missing or unfinished.
        TrainingError: It cannot be trained on, the folder is in use, the GPU is too small, or the weights
            to start from cannot be used.
        ReportError: ``label_font`` is no font for the labels.
    """
    with open_data(dataset, stream, options, reporter) as data:
        return _train(
            data,
            Path(out),
            options,
            find_lr=find_lr,
            resume=resume,
            force=force,
            label_font=label_font,
            reporter=reporter,
        )


def _train(
    data: TrainingData,
    out: Path,
    options: TrainingOptions,
    *,
    find_lr: bool,
    resume: bool,
    force: bool,
    label_font: str | os.PathLike[str] | None,
    reporter: Reporter,
) -> Trained:
    labels = tuple(info.label for info in data.dataset.classes)
    image = data.dataset.index.image
    fonts = find_label_fonts(data.dataset, labels, label_font)
    maker = prepare_start(options, labels, image.height, image.width)
    network = maker.make()
    _claim_run(out, resume=resume, force=force)
    run = _Run(data=data, maker=maker, device=choose_device())
    for warning in data.warnings:
        reporter.warning(warning)
    batches = data.open_batches(options, run.device)
    if taken := maker.describe(network):
        reporter.message(taken)
    if find_lr:
        search = find_learning_rate(maker.make, batches, options, run.device)
        options = _take_rate(options, search.taken)
        draw_rate_search(out / "figures", search)
        reporter.message(f"learning rate {search.taken:.2g}, see {out / 'figures' / 'lr.png'}")
    reporter.message(run.describe(options, network, batches))
    val = data.split.val[:_MOST_VAL]
    trainer = Trainer(
        network,
        batches,
        options,
        run.device,
        lambda kept: run.predict(kept, val, "validate", reporter),
        reporter,
    )
    key = _list_options(options) | {"content_key": data.content_key, "glyphgen": VERSION}
    if data.stream is not None:
        key["stream"] = data.stream.key
    if resume:
        _load_unfinished(out, trainer, key)
    for entry in trainer.run():
        tensors, state = trainer.dump_state()
        write_tensors(out / UNFINISHED_NAME, tensors, {"format_version": 1, "key": key} | state)
        reporter.message(_describe_entry(entry))
    return _finish(out, run, trainer, options, fonts, reporter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """A training and its test, and where they run."""

    data: TrainingData
    maker: NetworkMaker
    device: torch.device

    def describe(self, options: TrainingOptions, network: nn.Module, batches: Batches) -> str:
        n_weights = sum(parameter.numel() for parameter in network.parameters())
        n_train = self.data.n_train
        n_images = options.count_steps(batches.n_batches) * batches.size
        if n_images:
            length = f"{n_images:,} images, {n_images / n_train:.2f} times its training rows"
        else:
            length = f"{options.minutes:g} minutes"
        classes = show_count(len(self.data.dataset.classes), "class", "classes")
        shown = f"{n_train:,} training images of {classes}"
        if self.data.stream is not None:
            shown = f"fresh images of {classes} of '{self.data.name}'"
            length = length.replace("times its training rows", f"times {n_train:,}")
        return (
            f"{options.model}, {n_weights:,} weights, {shown},"
            f" on {describe_device(self.device)}: {length}"
        )

    def predict(
        self, network: nn.Module, rows: NDArray[np.int64], step: str, reporter: Reporter
    ) -> Predictions:
        dataset = self.data.dataset
        return predict_classes(
            network,
            lambda part: read_images(dataset, rows[part]),
            np.asarray(dataset.labels[rows]).astype(np.int64),
            self.device,
            step=step,
            reporter=reporter,
        )

    def predict_train(
        self, network: nn.Module, rows: NDArray[np.int64], reporter: Reporter
    ) -> Predictions:
        images, targets = self.data.read_train(rows)
        return predict_classes(
            network,
            lambda part: images[part],
            targets,
            self.device,
            step="measure train",
            reporter=reporter,
        )


def _take_rate(options: TrainingOptions, rate: float) -> TrainingOptions:
    """Return the options with another highest learning rate, and the others in proportion."""
    low, high = options.rates
    pair = (low / high * rate, rate)
    return dataclasses.replace(options, learning_rate=pair if low < high else rate)


def _list_options(options: TrainingOptions) -> dict[str, Any]:
    """Return the options as JSON has them."""
    page: dict[str, Any] = parse_json(format_json(asdict(options)).encode())
    return page


def _claim_run(out: Path, *, resume: bool, force: bool) -> None:
    finished, unfinished = (out / CHECKPOINT_NAME).exists(), (out / UNFINISHED_NAME).exists()
    if resume and not unfinished:
        raise TrainingError(
            f"{out}: holds no unfinished training to go on with (leave out --resume)"
        )
    if not (resume or force) and (finished or unfinished):
        what = "an unfinished training (--resume goes on with it, " if unfinished else "a model ("
        raise TrainingError(
            f"{out}: holds {what}--force replaces it, --out DIR takes another folder)"
        )
    out.mkdir(parents=True, exist_ok=True)
    if force:
        (out / UNFINISHED_NAME).unlink(missing_ok=True)
        (out / CHECKPOINT_NAME).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unfinished:
    """What lies beside the tensors of an unfinished training; see ``TrainingState``."""

    key: dict[str, Any]
    step: int
    seconds: float
    waited_s: float
    history: tuple[HistoryEntry, ...]


def _load_unfinished(out: Path, trainer: Trainer, key: dict[str, Any]) -> None:
    path = out / UNFINISHED_NAME
    tensors, metadata = read_tensors(path)
    try:
        found = parse_page(metadata, _Unfinished)
    except PageError as error:
        raise TrainingError(f"{path}: its metadata cannot be used: {error} ({_ANEW})") from None
    different = sorted(name for name in key if found.key.get(name) != key[name])
    if different:
        raise TrainingError(
            f"{out}: its unfinished training differs in {', '.join(different)}"
            " (give the same options and dataset, or --force to start again)"
        )
    state = TrainingState(
        step=found.step,
        seconds=found.seconds,
        waited_s=found.waited_s,
        history=list(found.history),
    )
    try:
        trainer.load_state(tensors, state)
    except (RuntimeError, LookupError, ValueError, TypeError) as error:
        said = str(error).splitlines()[-1].strip()
        raise TrainingError(f"{path}: its tensors cannot be used: {said} ({_ANEW})") from error


def _describe_entry(entry: HistoryEntry) -> str:
    return (
        f"{entry.progress:4.0%}  {entry.images:,} images, epoch {entry.epoch:.2f},"
        f" loss {entry.train_loss:.3f}, val loss {entry.val_loss:.3f},"
        f" val top-1 {entry.val_top1:.2%}"
    )


def _finish(
    out: Path,
    run: _Run,
    trainer: Trainer,
    options: TrainingOptions,
    fonts: LabelFonts,
    reporter: Reporter,
) -> Trained:
    """Test the network, and write everything."""
    network, dataset, test = trainer.network, run.data.dataset, run.data.split.test
    info = _describe_model(run, options)
    predictions = run.predict(network, test, "test", reporter)
    metrics = measure_predictions(
        predictions,
        info.labels,
        fold_twins(info.forms, info.twins),
        run.data.find_unseen_faces(),
        fold_sizes(info.forms, info.twins),
    )
    metrics["measured_on"] = run.data.split.measured_on
    metrics["trained_on"] = "rows" if run.data.stream is None else "stream"
    metrics["parts"] = _measure_parts(run, network, predictions, reporter)
    network.cpu()
    images = PredictedImages(
        labels=info.labels,
        predictions=predictions,
        load_images=lambda positions: read_images(dataset, test[positions]),
        rows=test,
        fonts=fonts,
    )
    history = tuple(trainer.state.history)
    draw_history(out / "figures", history)
    draw_predictions(out / "figures", images, network)
    files = name_files(dataset, test)
    write_misread(out / "misread.csv", predictions, info.labels, test, files)
    export_onnx(out / "model.onnx", network, info)
    _write_json(out / "metrics.json", metrics)
    _write_json(out / "train.json", _describe_training(run, trainer, options))
    write_bytes(out / "history.csv", _show_history(history).encode())
    write_tensors(out / CHECKPOINT_NAME, network.state_dict(), asdict(info))
    (out / UNFINISHED_NAME).unlink(missing_ok=True)
    return Trained(folder=out, metrics=metrics, history=history)


def _measure_parts(
    run: _Run, network: nn.Module, measured: Predictions, reporter: Reporter
) -> dict[str, Any]:
    """Return how well each part of the dataset is read: its images as they are, spread over its rows."""
    split, parts = run.data.split, {}
    for name, n in (("train", run.data.n_train), ("val", len(split.val))):
        some = np.linspace(0, n - 1, min(n, _MOST_VAL)).astype(np.int64)
        parts[name] = (
            run.predict_train(network, some, reporter)
            if name == "train"
            else run.predict(network, split.val[some], "measure val", reporter)
        )
    if split.measured_on != "val":
        parts[split.measured_on] = measured
    totals = {"train": run.data.n_train, "val": len(split.val), split.measured_on: len(split.test)}
    return {
        name: measure_part(predictions) | {"rows": totals[name]}
        for name, predictions in parts.items()
    }


def _describe_model(run: _Run, options: TrainingOptions) -> ModelInfo:
    data, index = run.data, run.data.dataset.index
    sample, _ = data.read_train(np.arange(min(data.n_train, _MOST_MEASURED)))
    return ModelInfo(
        model=options.model,
        labels=tuple(info.label for info in index.classes),
        forms=tuple(info.forms for info in index.classes),
        height=index.image.height,
        width=index.image.width,
        ink_share=measure_ink_share(sample),
        twins=list_alike_forms(data.dataset.folder),
        dataset=data.name,
        content_key=data.content_key,
        image_size=run.maker.given.image_size,
        mean=run.maker.given.mean,
        std=run.maker.given.std,
    )


def _describe_training(run: _Run, trainer: Trainer, options: TrainingOptions) -> dict[str, Any]:
    state, data, split = trainer.state, run.data, run.data.split
    rows = {"train": data.n_train, "val": len(split.val), "test": len(split.test)}
    streamed: dict[str, Any] = {}
    if data.stream is not None:
        rows["train"] = state.step * data.stream.batch_size
        streamed["stream"] = {"recipe": data.name, "key": data.stream.key, "images": rows["train"]}
    return {
        "dataset": data.name,
        "content_key": data.content_key,
        **streamed,
        "options": _list_options(options),
        "measured_on": split.measured_on,
        "rows": rows,
        "warnings": list(data.warnings),
        "steps": state.step,
        "seconds": round(state.seconds, 1),
        "images_per_second": round(state.history[-1].images / state.seconds),
        "share_of_time_in_network": round(1 - state.waited_s / state.seconds, 4),
        "device": describe_device(run.device),
        "versions": {
            "glyphgen": VERSION,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def _show_history(history: Sequence[HistoryEntry]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [spec.name for spec in dataclasses.fields(HistoryEntry)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(map(asdict, history))
    return text.getvalue()


def _write_json(path: Path, page: dict[str, Any]) -> None:
    write_bytes(path, dump_json(page))
