"""A trained network on images that it was not trained on: what it predicts, and how well."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import Checkpoint, ModelInfo, read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.examples import read_images
from glyphgen.baseline.folding import fold_sizes, fold_twins, list_alike_forms
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.metrics import Predictions, measure_predictions
from glyphgen.baseline.misread import name_files, write_misread
from glyphgen.baseline.reframing import reframe
from glyphgen.baseline.seen_images import count_seen
from glyphgen.baseline.training_figures import PredictedImages, draw_predictions
from glyphgen.choices import MODEL_FRAMINGS, check_choice
from glyphgen.dataset.reader import Dataset, describe_pages, load
from glyphgen.errors import SourceError, TrainingError
from glyphgen.exchange.stored import StoredArray, choose_array, find_arrays
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.progress import SILENT, Reporter
from glyphgen.report.label_fonts import find_label_fonts
from glyphgen.text import show_bytes, show_some, show_text

_VIEWS_OF_HANDS = 16
_MOST_BYTES = 2 << 30  # of an array of an .npz, which is held in memory

__all__ = ["Evaluated", "draw_evaluation", "evaluate_model", "read_array"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What ``evaluate_model`` found.

    Attributes:
        metrics: Every figure; ``n`` images are of classes that the model knows.
        checkpoint: The network.
        images: These images as the network saw them, and what it predicted.
        files: Of each image, see ``name_files``.
    """

    metrics: dict[str, Any]
    checkpoint: Checkpoint
    images: PredictedImages
    files: Sequence[str]

    def write_misread(self, path: str | os.PathLike[str]) -> int:
        """Write the misread images as CSV, and return how many they are."""
        images = self.images
        return write_misread(Path(path), images.predictions, images.labels, images.rows, self.files)


def draw_evaluation(folder: str | os.PathLike[str], evaluated: Evaluated) -> None:
    """Draw the confusion matrix, the confused pairs and the highest losses of an evaluation."""
    draw_predictions(Path(folder), evaluated.images, evaluated.checkpoint.network.cpu())


@dataclass(frozen=True, slots=True, kw_only=True)
class _LabeledImages:
    """Images and their classes, in a class table of their own.

    Attributes:
        load_images: Positions -> images, ink 255, of one size.
        forms: Of each class.
        names: Of each class.
        labels: int64 (n,), the class of each image.
        twins: Groups of forms that are drawn alike there.
        rows: int64 (n,), of each image where they lie.
        split: Which these are; ``all`` of an .npz, or of a dataset without a test split.
        dataset: Where they lie; None in an .npz.
    """

    load_images: Callable[[NDArray[np.int64]], NDArray[np.uint8]]
    forms: Sequence[Sequence[str]]
    names: Sequence[str]
    labels: NDArray[np.int64]
    twins: tuple[tuple[str, ...], ...]
    rows: NDArray[np.int64]
    split: str
    dataset: Dataset | None = None


def evaluate_model(
    model: str | os.PathLike[str],
    dataset: AnyPlace,
    *,
    framing: str = "as-is",
    split: str | None = None,
    views: int | None = None,
    label_font: str | os.PathLike[str] | None = None,
    reporter: Reporter = SILENT,
) -> Evaluated:
    """Measure how well a network predicts the classes of a dataset.

    Classes are matched by their forms, so by code point. Where images are framed by their ink, small
    and large kana count as twins.

    Args:
        model: The file, or the folder of a training.
        dataset: A dataset's folder, or an ``.npz`` with ``images`` uint8 (n, H, W), ink 255, and
            ``codepoints`` uint32 (n,).
        framing: A key of ``choices.MODEL_FRAMINGS``; see ``reframe``.
        split: Of the dataset; ``test`` without it if there is one, else all rows.
        views: How often each image is looked at, 1 or more; see ``predict_classes``. Without it 16 times
            where images are framed by their ink, for these are of other people's hands, and else once.
        label_font: A font for the labels in figures; see ``find_label_fonts``.
        reporter: Is told how many images are done.

    Raises:
        ChoiceError: The framing is unknown.
        TrainingError: The model or the images cannot be used.
        DatasetError: The dataset is missing or unfinished.
    """
    check_choice(framing, MODEL_FRAMINGS, "framing")
    if views is None:
        views = _VIEWS_OF_HANDS if framing == "ink" else 1
    if views < 1:
        raise TrainingError(f"views: found {views}, expected 1 or more")
    checkpoint, path = read_checkpoint(model), parse_place(dataset)
    info, device = checkpoint.info, choose_device()
    given = _open_images(path, split)
    targets = _match_classes(info, given)[given.labels]
    rows = np.flatnonzero(targets >= 0)
    if not len(rows):
        raise TrainingError(
            f"{path}: none of its {len(given.names)} classes is known to {checkpoint.path}, whose"
            f" classes are {show_some(info.labels)}"
        )

    def load_images(positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        return reframe(
            given.load_images(rows[positions]),
            height=info.height,
            width=info.width,
            framing=framing,
            ink_share=info.ink_share,
        )

    network, order = checkpoint.network.to(device), np.arange(len(rows))
    predictions = predict_classes(
        network,
        lambda part: load_images(order[part]),
        targets[rows],
        device,
        views=views,
        reporter=reporter,
    )
    settings = {
        "model": str(checkpoint.path),
        "dataset": str(path),
        "split": given.split,
        "framing": framing,
        "views": views,
    }
    images = PredictedImages(
        labels=info.labels,
        predictions=predictions,
        load_images=load_images,
        rows=given.rows[rows],
        fonts=find_label_fonts(given.dataset, info.labels, label_font),
    )
    files = (
        name_files(given.dataset, images.rows) if given.dataset else [path.name] * len(images.rows)
    )
    metrics = _measure(info, given, targets, predictions, by_sizes=framing == "ink")
    return Evaluated(metrics=metrics | settings, checkpoint=checkpoint, images=images, files=files)


def _measure(
    info: ModelInfo,
    given: _LabeledImages,
    targets: NDArray[np.int64],
    predictions: Predictions,
    *,
    by_sizes: bool,
) -> dict[str, Any]:
    """Return the figures of predictions.

    Args:
        info: The network's classes.
        given: What it read.
        targets: int64 (n,), the network's class of each image; -1 where it has none.
        predictions: Of the images that have one.
        by_sizes: Count small and large kana as twins.
    """
    twins = (*info.twins, *given.twins)
    sizes_folded = fold_sizes(info.forms, twins)
    folded = sizes_folded if by_sizes else fold_twins(info.forms, twins)
    metrics = measure_predictions(predictions, info.labels, folded, sizes_folded=sizes_folded)
    unknown = Counter(given.labels[targets < 0].tolist())
    metrics |= {
        "unknown_classes": [{"label": given.names[k], "n": n} for k, n in sorted(unknown.items())],
        "n_unknown": unknown.total(),
        "top1_of_all": metrics["top1"] * metrics["n"] / len(targets),
        "folded_groups": _show_groups(info, folded),
    }
    if info.adapted:
        rows = np.flatnonzero(targets >= 0)
        metrics["adapted"] = {
            "n": info.adapted.n,
            "fingerprint": info.adapted.fingerprint,
            "method": info.adapted.method,
            "n_among_these": count_seen(info.adapted, given.load_images, rows),
        }
    return metrics


def _open_images(place: Place, split: str | None) -> _LabeledImages:
    if isinstance(place, Path) and place.suffix == ".npz":
        return _open_npz(place)
    return _open_dataset(place, split)


def _match_classes(info: ModelInfo, given: _LabeledImages) -> NDArray[np.int64]:
    """Return the model's class of each class of the images; -1 where it has none."""
    class_of = {label: k for k, label in enumerate(info.labels)}
    class_of |= {form: k for k, forms in enumerate(info.forms) for form in forms}
    return np.array(
        [
            next((class_of[form] for form in (*forms, name) if form in class_of), -1)
            for forms, name in zip(given.forms, given.names, strict=True)
        ],
        dtype=np.int64,
    )


def _show_groups(info: ModelInfo, folded: NDArray[np.int64]) -> list[list[str]]:
    groups: dict[int, list[str]] = {}
    for k, first in enumerate(folded.tolist()):
        groups.setdefault(first, []).append(info.labels[k])
    return [group for group in groups.values() if len(group) > 1]


def _open_dataset(folder: Place, split: str | None) -> _LabeledImages:
    dataset = load(folder)
    if pages := describe_pages(dataset):
        raise TrainingError(pages)
    splits = dataset.index.splits
    if split is not None and split not in splits:
        raise TrainingError(
            f"{folder}: has no split '{split}', expected one of {', '.join(splits) or 'none'}"
        )
    first, end = splits.get(split or "test", (0, len(dataset)))
    rows = np.arange(first, end)
    return _LabeledImages(
        load_images=lambda positions: read_images(dataset, rows[positions]),
        forms=[info.forms for info in dataset.classes],
        names=[info.label for info in dataset.classes],
        labels=np.asarray(dataset.labels[first:end]).astype(np.int64),
        twins=list_alike_forms(folder),
        rows=rows,
        split=split or ("test" if "test" in splits else "all"),
        dataset=dataset,
    )


def read_array(array: StoredArray) -> NDArray[Any]:
    """Read an array of a file whole.

    Raises:
        TrainingError: It is too large to be held in memory, or empty.
    """
    if array.n_bytes > _MOST_BYTES:
        raise TrainingError(
            f"{array.place}: {show_bytes(array.n_bytes)}, expected at most {show_bytes(_MOST_BYTES)}"
            " (import it, and evaluate the dataset)"
        )
    if not array.shape or 0 in array.shape:
        raise TrainingError(f"{array.place}: holds nothing, expected one value an image or more")
    values, first = np.empty(array.shape, array.dtype), 0
    for block in array.read_blocks():
        values[first : first + len(block)] = block
        first += len(block)
    return values


def _open_npz(path: Path) -> _LabeledImages:
    try:
        arrays = find_arrays(path)
        images, codepoints = (
            read_array(choose_array(arrays, name, path)) for name in ("images", "codepoints")
        )
    except SourceError as error:
        raise TrainingError(f"{error} (expected an .npz with images and codepoints)") from error
    if images.dtype != np.uint8 or images.ndim != 3 or codepoints.shape != images.shape[:1]:
        raise TrainingError(
            f"{path}: holds images {images.dtype} {images.shape} and codepoints {codepoints.shape},"
            " expected uint8 (n, height, width) and (n,)"
        )
    if codepoints.dtype.kind not in "iu" or not ((codepoints >= 0) & (codepoints < 0x110000)).all():
        raise TrainingError(
            f"{path}: holds codepoints that are none, expected integers to 0x10FFFF"
        )
    distinct, labels = np.unique(codepoints.astype(np.int64), return_inverse=True)
    names = [chr(codepoint) for codepoint in distinct.tolist()]
    return _LabeledImages(
        load_images=lambda positions: images[positions],
        forms=[(name,) for name in names],
        names=[show_text(name) if not name.isprintable() else name for name in names],
        labels=labels.astype(np.int64),
        twins=(),
        rows=np.arange(len(images)),
        split="all",
    )
