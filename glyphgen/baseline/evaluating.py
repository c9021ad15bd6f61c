"""A trained network on images that it has never seen: what it reads, and how well."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import Checkpoint, Identity, read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.examples import read_images
from glyphgen.baseline.folding import find_twins, fold_classes, fold_small_kana
from glyphgen.baseline.metrics import Readings, measure_readings
from glyphgen.baseline.recognizing import read_with
from glyphgen.baseline.reframing import reframe
from glyphgen.baseline.training_figures import Drawn, draw_readings
from glyphgen.dataset.reader import load
from glyphgen.errors import TrainingError
from glyphgen.text import show_some, show_text

__all__ = ["Evaluated", "draw_evaluated", "evaluate_model"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What ``evaluate_model`` found.

    Attributes:
        metrics: Every figure; ``n`` images are of classes that the model knows.
        checkpoint: The network.
        drawn: What it read of these images, and the images as it saw them.
    """

    metrics: dict[str, Any]
    checkpoint: Checkpoint
    drawn: Drawn


def draw_evaluated(folder: Path, evaluated: Evaluated) -> None:
    """Draw the confusion matrix, the confused pairs and the highest losses of an evaluation."""
    draw_readings(folder, evaluated.drawn, evaluated.checkpoint.network.cpu())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Given:
    """Images to read.

    Attributes:
        take: Positions -> images, ink 255, of one size.
        forms: Of each class.
        names: Of each class.
        labels: int64 (n,), the class of each image.
        twins: Groups of forms that are drawn alike there.
    """

    take: Callable[[NDArray[np.int64]], NDArray[np.uint8]]
    forms: Sequence[Sequence[str]]
    names: Sequence[str]
    labels: NDArray[np.int64]
    twins: tuple[tuple[str, ...], ...]


def evaluate_model(
    model: Path, place: Path, *, framing: str = "as-is", split: str | None = None, views: int = 1
) -> Evaluated:
    """Let a network read a dataset, and compare.

    Classes are matched by their forms, so by code point. Where images are framed by their ink, small
    and large kana are one drawing, and count as twins.

    Args:
        model: The file, or the folder of a training.
        place: A dataset's folder, or an ``.npz`` with ``images`` uint8 (n, H, W), ink 255, and
            ``codepoints`` uint32 (n,).
        framing: ``ink`` or ``as-is``; see ``reframe``.
        views: How often each image is looked at; see ``read_with``.
        split: Of the dataset; ``test`` without it if there is one, else all rows.

    Raises:
        TrainingError: The model or the images cannot be used.
        DatasetError: The dataset is missing or unfinished.
    """
    checkpoint = read_checkpoint(model)
    identity = checkpoint.identity
    given = _open_npz(place) if place.suffix == ".npz" else _open_dataset(place, split)
    known = {form: k for k, forms in enumerate(identity.forms) for form in forms}
    known |= {label: k for k, label in enumerate(identity.labels) if label not in known}
    to_known = np.array(
        [
            next((known[form] for form in (*forms, name) if form in known), -1)
            for forms, name in zip(given.forms, given.names, strict=True)
        ],
        dtype=np.int64,
    )
    truth = to_known[given.labels]
    rows = np.flatnonzero(truth >= 0)
    if not len(rows):
        raise TrainingError(
            f"{place}: none of its {len(given.names)} classes is known to {checkpoint.path}, which"
            f" reads {show_some(identity.labels)}"
        )

    def take(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        return reframe(
            given.take(rows[positions]),
            height=identity.height,
            width=identity.width,
            framing=framing,
            ink_share=identity.ink_share,
        )

    readings = _read(checkpoint, take, truth[rows], views)
    forms = [form for of_class in identity.forms for form in of_class]
    small = fold_small_kana(forms) if framing == "ink" else ()
    folded = fold_classes(identity.forms, (*identity.twins, *given.twins, *small))
    metrics = measure_readings(readings, identity.labels, folded)
    unknown = Counter(given.labels[truth < 0].tolist())
    n_all = len(truth)
    metrics |= {
        "model": str(checkpoint.path),
        "dataset": str(place),
        "framing": framing,
        "views": views,
        "unknown_classes": [{"label": given.names[k], "n": n} for k, n in sorted(unknown.items())],
        "n_unknown": int(sum(unknown.values())),
        "top1_of_all": metrics["top1"] * metrics["n"] / n_all if n_all else 0.0,
        "folded_groups": _show_groups(identity, folded),
    }
    drawn = Drawn(identity=identity, readings=readings, take=take)
    return Evaluated(metrics=metrics, checkpoint=checkpoint, drawn=drawn)


def _show_groups(identity: Identity, folded: NDArray[np.int64]) -> list[list[str]]:
    groups: dict[int, list[str]] = {}
    for k, first in enumerate(folded.tolist()):
        groups.setdefault(first, []).append(identity.labels[k])
    return [group for group in groups.values() if len(group) > 1]


def _read(
    checkpoint: Checkpoint,
    take: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    truth: NDArray[np.int64],
    views: int,
) -> Readings:
    device = choose_device()
    positions = np.arange(len(truth))
    network = checkpoint.network.to(device)
    return read_with(network, lambda part: take(positions[part]), truth, device, views=views)


def _open_dataset(folder: Path, split: str | None) -> _Given:
    dataset = load(folder)
    splits = dataset.index.splits
    if split is not None and split not in splits:
        raise TrainingError(
            f"{folder}: has no split '{split}', expected one of {', '.join(splits) or 'none'}"
        )
    first, end = splits.get(split or "test", (0, len(dataset)))
    rows = np.arange(first, end)
    return _Given(
        take=lambda positions: read_images(dataset, rows[positions]),
        forms=[info.forms for info in dataset.classes],
        names=[info.label for info in dataset.classes],
        labels=np.asarray(dataset.labels[first:end]).astype(np.int64),
        twins=find_twins(folder),
    )


def _open_npz(path: Path) -> _Given:
    try:
        with np.load(path, allow_pickle=False) as file:
            images, codepoints = file["images"], file["codepoints"]
    except (OSError, ValueError, LookupError, EOFError) as error:
        raise TrainingError(
            f"{path}: cannot be read: {error} (expected an .npz with images and codepoints)"
        ) from error
    if images.dtype != np.uint8 or images.ndim != 3 or len(images) != len(codepoints):
        raise TrainingError(
            f"{path}: holds images {images.dtype} {images.shape} and {len(codepoints)} codepoints,"
            " expected uint8 (n, height, width) and n codepoints"
        )
    distinct, labels = np.unique(codepoints.astype(np.int64), return_inverse=True)
    names = [chr(codepoint) for codepoint in distinct.tolist()]
    return _Given(
        take=lambda positions: images[positions],
        forms=[(name,) for name in names],
        names=[show_text(name) if not name.isprintable() else name for name in names],
        labels=labels.astype(np.int64),
        twins=(),
    )
