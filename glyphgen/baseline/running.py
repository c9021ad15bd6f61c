"""The whole of ``train-baseline`` as a list of steps: rows, network, loop, test, files."""

import csv
import dataclasses
import io
import json
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.checkpoint import (
    CHECKPOINT_NAME,
    Identity,
    read_tensors,
    show_identity,
    write_tensors,
)
from glyphgen.baseline.devices import choose_device, describe_device
from glyphgen.baseline.examples import Batches, Division, divide_rows, read_images
from glyphgen.baseline.folding import find_twins, fold_classes
from glyphgen.baseline.metrics import Readings, measure_readings
from glyphgen.baseline.models import make_model
from glyphgen.baseline.onnx_file import export_onnx
from glyphgen.baseline.recognizing import read_with
from glyphgen.baseline.reframing import measure_ink_share
from glyphgen.baseline.training import Part, Trainer, Training, find_learning_rate
from glyphgen.baseline.training_figures import Drawn, draw_readings, draw_training
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import TrainingError
from glyphgen.files.writing import write_bytes
from glyphgen.version import VERSION

__all__ = ["Trained", "train_baseline"]

_STATE_NAME = "unfinished.safetensors"
_MOST_VAL = 4000  # rows that are read after each part
_MEASURED = 2000  # rows that the share of ink is measured on


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What ``train_baseline`` made.

    Attributes:
        folder: Where it lies.
        metrics: What metrics.json holds.
        parts: What was reported on the way.
    """

    folder: Path
    metrics: dict[str, Any]
    parts: tuple[Part, ...]


def train_baseline(
    dataset_folder: Path,
    out: Path,
    training: Training,
    *,
    find_lr: bool = False,
    resume: bool = False,
    force: bool = False,
    say: Callable[[str], None] | None = None,
    watch: Callable[[Part], None] | None = None,
) -> Trained:
    """Train a network on a dataset, test it, and write all that was found.

    Args:
        dataset_folder: Of a complete dataset.
        out: Folder for the model, its figures and numbers; made when absent.
        training: How to train.
        find_lr: Look for the learning rate first, and take that.
        resume: Go on with an interrupted training.
        force: Replace what an earlier training left in ``out``.
        say: Called with what the user has to know before the work.
        watch: Called after each part of the training.

    Raises:
        DatasetError: The dataset is missing or unfinished.
        TrainingError: It cannot be trained on, the folder is in the way, the GPU is too small.
    """
    say = say or (lambda _: None)
    dataset = load(dataset_folder)
    division = divide_rows(dataset)
    _claim_run(out, resume=resume, force=force)
    device = choose_device()
    batches = Batches(dataset, division.train, training.batch_size, training.seed, device)
    for warning in division.warnings:
        say(warning)
    image = dataset.index.image

    def make() -> nn.Module:
        torch.manual_seed(training.seed)
        return make_model(
            training.model,
            len(dataset.classes),
            image.height,
            image.width,
            pretrained=training.pretrained,
        )

    if find_lr:
        rate = find_learning_rate(make, batches, device)
        training = dataclasses.replace(training, learning_rate=rate)
        say(f"learning rate {rate:.2g}")
    network = make()
    n_weights = sum(parameter.numel() for parameter in network.parameters())
    say(
        f"{training.model}, {n_weights:,} weights, learns from {len(division.train):,} images of"
        f" {len(dataset.classes):,} classes on {describe_device(device)}"
    )
    val = division.val[:_MOST_VAL]
    trainer = Trainer(
        network, batches, training, device, lambda kept: _read_rows(kept, dataset, val, device)
    )
    order = _describe_order(dataset, training)
    if resume:
        _resume(out, trainer, order)
    for part in trainer.run():
        tensors, page = trainer.dump_state()
        write_tensors(out / _STATE_NAME, tensors, {"format_version": 1, "order": order} | page)
        if watch:
            watch(part)
    return _finish(out, dataset, division, trainer, training, device)


def _claim_run(out: Path, *, resume: bool, force: bool) -> None:
    finished, unfinished = (out / CHECKPOINT_NAME).exists(), (out / _STATE_NAME).exists()
    if resume and not unfinished:
        raise TrainingError(
            f"{out}: holds no unfinished training to go on with (leave out --resume)"
        )
    if not (resume or force) and (finished or unfinished):
        what = "an unfinished training (--resume goes on with it" if unfinished else "a model ("
        joint = ", " if unfinished else ""
        raise TrainingError(
            f"{out}: holds {what}{joint}--force replaces it, --out DIR takes another folder)"
        )
    out.mkdir(parents=True, exist_ok=True)
    if force:
        (out / _STATE_NAME).unlink(missing_ok=True)
        (out / CHECKPOINT_NAME).unlink(missing_ok=True)


def _describe_order(dataset: Dataset, training: Training) -> dict[str, Any]:
    """Return what two trainings have to agree in, for one to go on where the other stopped."""
    return asdict(training) | {
        "content_key": dataset.index.content_key,
        "glyphgen": VERSION,
    }


def _resume(out: Path, trainer: Trainer, order: dict[str, Any]) -> None:
    tensors, page = read_tensors(out / _STATE_NAME)
    found = page.get("order", {})
    other = sorted(key for key in order if found.get(key) != order[key])
    if other:
        raise TrainingError(
            f"{out}: its unfinished training differs in {', '.join(other)}"
            " (give the same options and dataset, or --force to start again)"
        )
    trainer.load_state(tensors, page)


def _read_rows(
    network: nn.Module, dataset: Dataset, rows: NDArray[np.int64], device: torch.device
) -> Readings:
    truth = np.asarray(dataset.labels[rows]).astype(np.int64)
    return read_with(network, lambda part: read_images(dataset, rows[part]), truth, device)


def _finish(
    out: Path,
    dataset: Dataset,
    division: Division,
    trainer: Trainer,
    training: Training,
    device: torch.device,
) -> Trained:
    """Test the network on rows that nothing was decided by, and write everything down."""
    network, index = trainer.network, dataset.index
    twins = find_twins(dataset.folder)
    sample = read_images(dataset, division.train[:_MEASURED])
    identity = Identity(
        model=training.model,
        labels=tuple(info.label for info in index.classes),
        forms=tuple(info.forms for info in index.classes),
        height=index.image.height,
        width=index.image.width,
        ink_share=measure_ink_share(sample),
        twins=twins,
        dataset=index.name,
        content_key=index.content_key,
    )
    readings = _read_rows(network, dataset, division.test, device)
    metrics = measure_readings(
        readings,
        identity.labels,
        fold_classes(identity.forms, twins),
        _find_faces(dataset, division),
    )
    parts = tuple(trainer.state.parts)
    network.cpu()
    drawn = Drawn(
        identity=identity,
        readings=readings,
        take=lambda positions: read_images(dataset, division.test[positions]),
    )
    draw_training(out / "figures", parts)
    draw_readings(out / "figures", drawn, network)
    export_onnx(out / "model.onnx", network, identity)
    _write_json(out / "metrics.json", metrics)
    _write_json(
        out / "train.json", _describe_training(dataset, division, trainer, training, device)
    )
    write_bytes(out / "history.csv", _show_history(parts).encode())
    write_tensors(out / CHECKPOINT_NAME, network.state_dict(), show_identity(identity))
    (out / _STATE_NAME).unlink(missing_ok=True)
    return Trained(folder=out, metrics=metrics, parts=parts)


def _find_faces(dataset: Dataset, division: Division) -> dict[str, NDArray[np.bool_]] | None:
    """Return which test rows each face has drawn, if none of these faces was learnt from."""
    faces = np.asarray(dataset.samples)["face"]
    if not dataset.index.faces or np.isin(faces[division.test], faces[division.train]).any():
        return None
    return {info.file: faces[division.test] == k for k, info in enumerate(dataset.index.faces)}


def _describe_training(
    dataset: Dataset,
    division: Division,
    trainer: Trainer,
    training: Training,
    device: torch.device,
) -> dict[str, Any]:
    state = trainer.state
    return {
        "dataset": dataset.index.name,
        "content_key": dataset.index.content_key,
        "settings": asdict(training),
        "rows": {
            "train": len(division.train),
            "val": len(division.val),
            "test": len(division.test),
        },
        "warnings": list(division.warnings),
        "steps": state.step,
        "seconds": round(state.seconds, 1),
        "images_per_second": round(state.parts[-1].images / state.seconds),
        "share_of_time_in_network": round(1 - state.waited / state.seconds, 4),
        "device": describe_device(device),
        "versions": {
            "glyphgen": VERSION,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
        "parts": [asdict(part) for part in state.parts],
    }


def _show_history(parts: tuple[Part, ...]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [spec.name for spec in dataclasses.fields(Part)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(part) for part in parts)
    return text.getvalue()


def _write_json(path: Path, page: dict[str, Any]) -> None:
    write_bytes(path, f"{json.dumps(page, ensure_ascii=False, indent=2)}\n".encode())
