"""A trained network and images without labels -> another run, whose network is adapted to them."""

import copy
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glyphgen.baseline.checkpoint import (
    CHECKPOINT_NAME,
    Adaptation,
    Checkpoint,
    read_checkpoint,
    write_tensors,
)
from glyphgen.baseline.descent import move_network
from glyphgen.baseline.devices import choose_device, describe_device, explain_memory_errors
from glyphgen.baseline.onnx_file import export_onnx
from glyphgen.baseline.seen_images import make_fingerprint
from glyphgen.baseline.self_training import (
    Opinion,
    SelfTraining,
    form_opinion,
    move_statistics,
    train_on_opinions,
)
from glyphgen.baseline.unlabeled import Unlabeled, read_unlabeled
from glyphgen.choices import MODEL_FRAMINGS, check_choice
from glyphgen.errors import TrainingError
from glyphgen.files.writing import disk_errors, name_temporary, sync, write_bytes
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json, show_count
from glyphgen.version import VERSION

__all__ = ["LEAST_IMAGES", "Adapted", "adapt_model"]

LEAST_IMAGES = 32
"""The statistics of a layer are means over the images: those of fewer are chance, as is what judges."""

_DEFAULT_OPTIONS = SelfTraining()
_JUDGING_VIEWS, _JUDGING_SEED = 6, 77
_HELD_OUT = 5  # one image of so many is not learnt from, and tells how well the others were
_LEAST_HELD_OUT = 20  # where there are fewer, all images tell
_LEAST_CLASSES = 0.85  # of the classes that were read before
_LEAST_KEPT = 0.95  # of what was surely read before has to be read the same
_SURE = 0.8
_LOST_AGREEMENT = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapted:
    """What ``adapt_model`` made.

    Attributes:
        folder: Of the new run.
        metrics: What its metrics.json holds.
    """

    folder: Path
    metrics: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """A network on its way, and what it holds of the images that judge it."""

    method: str
    network: nn.Module
    opinion: Opinion

    def show(self) -> dict[str, Any]:
        """Return its figures: how sure it is of the images, and among how many classes they are spread."""
        return {
            "method": self.method,
            "agreement_of_views": float(self.opinion.agreement.mean()),
            "mean_confidence": float(self.opinion.confidence.mean()),
            "n_classes_read": round(self.opinion.count_classes(), 2),
        }


def adapt_model(
    run: str | os.PathLike[str],
    images: str | os.PathLike[str],
    out: str | os.PathLike[str],
    options: SelfTraining = _DEFAULT_OPTIONS,
    *,
    framing: str | None = None,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Adapted:
    """Adapt a trained network to images without labels, and write it as another run.

    Args:
        run: The folder of a training, or its ``model.safetensors``; left as it is.
        images: See ``read_unlabeled``.
        out: Folder of the new run, which is whole or absent.
        options: Of the self-training.
        framing: See ``read_unlabeled``.
        force: Replace what is in ``out``.
        reporter: Is told how far it is, and what was kept.

    Raises:
        ChoiceError: The framing is unknown.
        TrainingError: The model or the images cannot be used, or ``out`` is in use.
        DatasetError: The disk refused.
    """
    if framing is not None:
        check_choice(framing, MODEL_FRAMINGS, "framing")
    started = time.monotonic()
    folder, checkpoint = Path(out), read_checkpoint(run)
    _check_free(folder, Path(run), force=force)
    if checkpoint.info.adapted:
        raise TrainingError(
            f"{checkpoint.path}: {checkpoint.info.adapted.describe()} already, expected a network as it was"
            " trained (adapt that one)"
        )
    given = read_unlabeled(images, checkpoint.info, framing=framing, reporter=reporter)
    n = len(given.images)
    if n < LEAST_IMAGES:
        raise TrainingError(
            f"{os.fspath(images)}: {show_count(n, 'image')}, expected {LEAST_IMAGES} or more: what fewer"
            " say of a hand or a scanner is chance (add images, or use the network as it is)"
        )
    stages = _adapt(checkpoint.network, given, options, reporter)
    kept, reasons = _judge(stages)
    for reason in reasons:
        reporter.warning(reason)
    adaptation = Adaptation(
        n=n,
        fingerprint=make_fingerprint(given.hashes),
        images="".join(sorted(given.hashes)),
        framing=given.framing,
        method=kept.method,
    )
    metrics = {
        "adapted": _show(adaptation),
        "images": os.fspath(images),
        "model": str(checkpoint.path),
        "stages": [stage.show() for stage in stages],
        "warnings": reasons,
    }
    about = {
        "options": asdict(options) | {"model": checkpoint.info.model},
        "dataset": checkpoint.info.dataset,
        "seconds": round(time.monotonic() - started, 1),
        "device": describe_device(choose_device()),
        "versions": {
            "glyphgen": VERSION,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    reporter.message(adaptation.describe())
    _write_run(folder, checkpoint, kept.network.cpu(), adaptation, metrics, about, force=force)
    return Adapted(folder=folder, metrics=metrics)


def _adapt(
    network: nn.Module, given: Unlabeled, options: SelfTraining, reporter: Reporter
) -> list[_Stage]:
    """Return the network as it was, with other statistics, and after its self-training."""
    device = choose_device()
    images = torch.from_numpy(given.images)[:, None].to(device)
    judging = torch.arange(len(images)) % _HELD_OUT == _HELD_OUT - 1
    if int(judging.sum()) < _LEAST_HELD_OUT:
        learnt, judges = images, images
    else:
        learnt, judges = images[~judging], images[judging]

    def judge(method: str, adapted: nn.Module) -> _Stage:
        opinion = form_opinion(
            adapted,
            judges,
            views=_JUDGING_VIEWS,
            seed=_JUDGING_SEED,
            step="judge",
            reporter=reporter,
        )
        return _Stage(method=method, network=adapted, opinion=opinion)

    with explain_memory_errors(len(images)):
        first = judge("none", move_network(network, device))
        moved = copy.deepcopy(first.network)
        coverage = min(
            1.0, first.opinion.count_classes() / first.opinion.log_probabilities.shape[1]
        )
        move_statistics(moved, learnt, coverage=coverage)
        second = judge("statistics", moved)
        if not options.epochs:
            return [first, second]
        base = first if _find_fault(first, second) else second
        trained = train_on_opinions(base.network, learnt, options, reporter=reporter)
        return [first, second, judge("self-training", trained)]


def _judge(stages: list[_Stage]) -> tuple[_Stage, list[str]]:
    """Return the last stage that reads no worse than those before it, and why others are not kept."""
    kept, reasons = stages[0], []
    for stage in stages[1:]:
        if fault := _find_fault(kept, stage):
            reasons.append(f"{stage.method}: {fault}; not kept")
        else:
            kept = stage
    return kept, reasons


def _find_fault(before: _Stage, after: _Stage) -> str:
    """Return why a network may read worse than before, as far as images without labels tell; "" without."""
    one, other = before.opinion, after.opinion
    agreements = [float(opinion.agreement.mean()) for opinion in (one, other)]
    if agreements[1] < agreements[0] - _LOST_AGREEMENT:
        return f"its views of one image agree less, {agreements[1]:.1%} after {agreements[0]:.1%}"
    if other.count_classes() < _LEAST_CLASSES * one.count_classes():
        return (
            f"it reads {other.count_classes():.1f} classes where it read {one.count_classes():.1f}"
        )
    sure = one.confidence * one.agreement >= _SURE
    same = float((one.classes == other.classes)[sure].float().mean()) if bool(sure.any()) else 1.0
    if same < _LEAST_KEPT:
        return f"it reads {1 - same:.1%} otherwise of what was surely read"
    return ""


def _show(adaptation: Adaptation) -> dict[str, Any]:
    page = asdict(adaptation)
    del page["images"]  # model.safetensors has them
    return page | {"says": adaptation.describe()}


def _check_free(folder: Path, run: Path, *, force: bool) -> None:
    source = run if run.is_dir() else run.parent
    if folder.resolve() == source.resolve():
        raise TrainingError(
            f"--out: found {folder}, the network that is adapted, expected another folder"
        )
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / CHECKPOINT_NAME).exists():
        raise TrainingError(f"{folder}: holds no run, expected a folder that is new (--out DIR)")
    if not force:
        raise TrainingError(
            f"{folder}: holds a model (--force replaces it, --out DIR takes another folder)"
        )


def _write_run(
    folder: Path,
    checkpoint: Checkpoint,
    network: nn.Module,
    adaptation: Adaptation,
    metrics: dict[str, Any],
    about: dict[str, Any],
    *,
    force: bool,
) -> None:
    info = replace(checkpoint.info, adapted=adaptation)
    with _committed_folder(folder, force=force) as new:
        export_onnx(new / "model.onnx", network, info)
        write_bytes(new / "metrics.json", dump_json(metrics))
        write_bytes(new / "train.json", dump_json({"adapted": metrics["adapted"], **about}))
        write_tensors(new / CHECKPOINT_NAME, network.state_dict(), asdict(info))


@contextmanager
def _committed_folder(folder: Path, *, force: bool) -> Iterator[Path]:
    """Give a folder that becomes ``folder`` at the end of the block, and is gone if the block fails."""
    new = name_temporary(folder)
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir()
        try:
            yield new
            if force and folder.exists():
                shutil.rmtree(folder)
            new.replace(folder)
            sync(folder.parent)
        finally:
            shutil.rmtree(new, ignore_errors=True)
