"""How well classes were predicted: accuracy with intervals, macro means, confusions, calibration."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MacroScores",
    "Predictions",
    "count_confused",
    "measure_macro",
    "measure_part",
    "measure_predictions",
    "wilson_interval",
]

Floats = NDArray[np.float64]

_Z = 1.959963984540054  # 95 %
_MOST_PAIRS = 50
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What a network predicted for n images.

    Attributes:
        targets: int64 (n,), the true class of each image; -1 where the network does not know it.
        top_classes: int64 (n, k), the k most probable classes, best first.
        probabilities: float32 (n, k), of each of them.
        losses: float32 (n,), the cross-entropy of each image.
    """

    targets: NDArray[np.int64]
    top_classes: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    losses: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each image: int64 (n,)."""
        return self.top_classes[:, 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class MacroScores:
    """Means over the classes that occur among the targets; each class weighs the same.

    Attributes:
        precision, recall, f1: 0 to 1; a class that is never predicted has precision 0.
    """

    precision: float
    recall: float
    f1: float


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", Journal
        of the American Statistical Association 22 (1927).
    """
    if not n:
        return (0.0, 1.0)
    share, squared = hits / n, _Z * _Z
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * np.sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    return (max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def measure_predictions(
    predictions: Predictions,
    labels: Sequence[str],
    folded: NDArray[np.int64],
    faces: Mapping[str, NDArray[np.bool_]] | None = None,
    sizes_folded: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return every figure, as metrics.json holds it.

    Args:
        predictions: For images whose class the network knows.
        labels: Of the classes.
        folded: int64 (classes,), the first class that each one cannot be told from.
        faces: Which images each face has drawn; without it there are no figures by face.
        sizes_folded: As ``folded``, where classes that differ in size alone are one, too.

    Returns:
        ``n``, ``top1``, ``top5``, ``top1_twins_folded`` and, where it differs from that,
        ``top1_sizes_folded`` with their intervals, macro precision,
        recall and F1 with and without folded twins, per class, per face, the most confused pairs,
        calibration.
    """
    targets, predicted = predictions.targets, predictions.predicted
    hits = targets == predicted
    hits_folded = folded[targets] == folded[predicted]
    n = len(targets)
    page: dict[str, Any] = {
        "n": n,
        **_measure_share("top1", hits),
        **_measure_share("top5", (predictions.top_classes[:, :5] == targets[:, None]).any(axis=1)),
        **_measure_share("top1_twins_folded", hits_folded),
        **_show_macro(targets, predicted),
        "twins_folded": _show_macro(folded[targets], folded[predicted]),
        "mean_loss": float(predictions.losses.mean()) if n else 0.0,
        "calibration": _measure_calibration(predictions.probabilities[:, 0], hits),
        "per_class": _show_classes(targets, predicted, labels),
        "confused": [
            {"actual": labels[actual], "predicted": labels[wrong], "n": count}
            for actual, wrong, count in count_confused(predictions)[:_MOST_PAIRS]
        ],
    }
    if sizes_folded is not None and (sizes_folded != folded).any():
        page |= _measure_share(
            "top1_sizes_folded", sizes_folded[targets] == sizes_folded[predicted]
        )
    if faces:
        page["per_face"] = {
            name: {"n": int(of_face.sum())}
            | _measure_share("top1", hits[of_face])
            | _measure_share("top1_twins_folded", hits_folded[of_face])
            for name, of_face in faces.items()
            if of_face.any()
        }
    return page


def measure_part(predictions: Predictions) -> dict[str, Any]:
    """Return the figures of one part of a dataset: n, top-1 and its interval, macro means, mean loss."""
    targets, predicted = predictions.targets, predictions.predicted
    return {
        "n": len(targets),
        **_measure_share("top1", targets == predicted),
        **_show_macro(targets, predicted),
        "mean_loss": float(predictions.losses.mean()) if len(targets) else 0.0,
    }


def measure_macro(targets: NDArray[np.int64], predicted: NDArray[np.int64]) -> MacroScores:
    """Return macro precision, recall and F1 of predicted classes (n,); all 0 without images."""
    support, precision, recall, f1 = _measure_classes(targets, predicted, 0)
    there = support > 0
    means = [float(of[there].mean()) if there.any() else 0.0 for of in (precision, recall, f1)]
    return MacroScores(precision=means[0], recall=means[1], f1=means[2])


def count_confused(predictions: Predictions) -> list[tuple[int, int, int]]:
    """Return actual class, predicted class and number of images, the most frequent mistakes first."""
    targets, predicted = predictions.targets, predictions.predicted
    wrong = targets != predicted
    pairs, counts = np.unique(
        np.stack([targets[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    order = np.argsort(-counts, kind="stable")
    return [
        (actual, other, count)
        for (actual, other), count in zip(
            pairs[order].tolist(), counts[order].tolist(), strict=True
        )
    ]


def _measure_share(name: str, hits: NDArray[np.bool_]) -> dict[str, Any]:
    n, n_hits = len(hits), int(hits.sum())
    interval = list(wilson_interval(n_hits, n))
    return {name: n_hits / n if n else 0.0, f"{name}_interval": interval}


def _measure_classes(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> tuple[NDArray[np.int64], Floats, Floats, Floats]:
    """Return support, precision, recall and F1 of each class that occurs, of n_classes at least."""
    n_classes = max(n_classes, *(int(of.max(initial=-1)) + 1 for of in (targets, predicted)))
    support, n_predicted, n_hits = (
        np.bincount(of, minlength=n_classes)
        for of in (targets, predicted, targets[targets == predicted])
    )
    precision, recall, f1 = (
        n_hits / np.maximum(of, 1) for of in (n_predicted, support, (n_predicted + support) / 2)
    )
    return support, precision, recall, f1


def _show_macro(targets: NDArray[np.int64], predicted: NDArray[np.int64]) -> dict[str, float]:
    scores = asdict(measure_macro(targets, predicted))
    return {f"macro_{name}": score for name, score in scores.items()}


def _show_classes(
    targets: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[str]
) -> list[dict[str, Any]]:
    columns = _measure_classes(targets, predicted, len(labels))
    return [
        {"label": label, "n": n, "precision": precision, "recall": recall, "f1": f1}
        for label, n, precision, recall, f1 in zip(
            labels, *(column.tolist() for column in columns), strict=True
        )
    ]


def _measure_calibration(
    confidence: NDArray[np.float32], hits: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return accuracy by confidence, and the expected calibration error.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, section 2.
    """
    bin_of = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    error = 0.0
    for k in range(_BINS):
        here = bin_of == k
        if here.any():
            mean, accuracy = float(confidence[here].mean()), float(hits[here].mean())
            bins.append({"n": int(here.sum()), "confidence": mean, "accuracy": accuracy})
            error += here.mean() * abs(mean - accuracy)
    return {"expected_error": float(error), "bins": bins}
