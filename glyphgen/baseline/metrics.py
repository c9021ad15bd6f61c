"""How well labels were read, in numbers that cannot flatter; knows no network and no files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Readings", "measure_readings", "wilson_interval"]

_Z = 1.959963984540054  # 95 %
_MOST_PAIRS = 50
_BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What a network read.

    Attributes:
        truth: int64 (n,), the class of each image; -1 where the network does not know it.
        order: int64 (n, k), the k classes it held for likeliest, best first.
        probability: float32 (n, k), of each of them.
        loss: float32 (n,), minus the logarithm of the probability of the truth.
    """

    truth: NDArray[np.int64]
    order: NDArray[np.int64]
    probability: NDArray[np.float32]
    loss: NDArray[np.float32]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The class that each image was read as."""
        return self.order[:, 0]


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


def measure_readings(
    readings: Readings,
    labels: Sequence[str],
    folded: NDArray[np.int64],
    faces: Mapping[str, NDArray[np.bool_]] | None = None,
) -> dict[str, Any]:
    """Return every figure, as metrics.json holds it.

    Args:
        readings: Of images whose class the network knows.
        labels: Of the classes.
        folded: For each class the first one that it cannot be told from.
        faces: Which images each face has drawn; without it there are no figures by face.

    Returns:
        ``n``, ``top1``, ``top5``, ``top1_twins_folded`` with their intervals, macro precision,
        recall and F1 plainly and folded, per class, per face, the most confused pairs, calibration.
    """
    truth, predicted = readings.truth, readings.predicted
    plain = truth == predicted
    twins = folded[truth] == folded[predicted]
    n = len(truth)
    page: dict[str, Any] = {
        "n": n,
        **_share("top1", plain),
        **_share("top5", (readings.order[:, :5] == truth[:, None]).any(axis=1)),
        **_share("top1_twins_folded", twins),
        **_measure_macro(truth, predicted, len(labels)),
        "twins_folded": _measure_macro(folded[truth], folded[predicted], len(labels)),
        "mean_loss": float(readings.loss.mean()) if n else 0.0,
        "calibration": _measure_calibration(readings.probability[:, 0], plain),
        "per_class": _measure_classes(truth, predicted, labels),
        "confused": _count_confused(truth, predicted, labels),
    }
    if faces:
        page["per_face"] = {
            name: {"n": int(drawn.sum())}
            | _share("top1", plain[drawn])
            | _share("top1_twins_folded", twins[drawn])
            for name, drawn in faces.items()
            if drawn.any()
        }
    return page


def _share(name: str, right: NDArray[np.bool_]) -> dict[str, Any]:
    n, hits = len(right), int(right.sum())
    return {name: hits / n if n else 0.0, f"{name}_interval": list(wilson_interval(hits, n))}


def _measure_macro(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], n_classes: int
) -> dict[str, float]:
    """Return the means over the classes that occur; one never read has precision 0."""
    from sklearn.metrics import precision_recall_fscore_support

    there = np.flatnonzero(np.bincount(truth, minlength=n_classes))
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=there, average="macro", zero_division=0.0
    )
    return {
        "macro_precision": float(precision),
        "macro_recall": float(recall),
        "macro_f1": float(f1),
    }


def _measure_classes(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[str]
) -> list[dict[str, Any]]:
    n_true, n_read = (np.bincount(of, minlength=len(labels)) for of in (truth, predicted))
    hits = np.bincount(truth[truth == predicted], minlength=len(labels))
    return [
        {
            "label": label,
            "n": int(n_true[k]),
            "precision": float(hits[k] / n_read[k]) if n_read[k] else 0.0,
            "recall": float(hits[k] / n_true[k]) if n_true[k] else 0.0,
            "f1": float(2 * hits[k] / (n_true[k] + n_read[k])) if n_true[k] + n_read[k] else 0.0,
        }
        for k, label in enumerate(labels)
    ]


def _count_confused(
    truth: NDArray[np.int64], predicted: NDArray[np.int64], labels: Sequence[str]
) -> list[dict[str, Any]]:
    wrong = truth != predicted
    pairs, counts = np.unique(
        np.stack([truth[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    most = np.argsort(-counts, kind="stable")[:_MOST_PAIRS]
    return [
        {"actual": labels[int(a)], "predicted": labels[int(b)], "n": int(count)}
        for (a, b), count in zip(pairs[most], counts[most], strict=True)
    ]


def _measure_calibration(
    probability: NDArray[np.float32], right: NDArray[np.bool_]
) -> dict[str, Any]:
    """Return how often the network is right when it says that it is sure to so many percent.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, section 2.
    """
    place = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    bins = []
    error = 0.0
    for k in range(_BINS):
        here = place == k
        if here.any():
            said, found = float(probability[here].mean()), float(right[here].mean())
            bins.append({"n": int(here.sum()), "confidence": said, "accuracy": found})
            error += here.mean() * abs(said - found)
    return {"expected_error": float(error), "bins": bins}
