"""The rows of a dataset without an end: copy after copy of each class's rows, all changed otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import DEFAULT_STEPS, Augmenter, AugmentStep, make_augmenter
from glyphgen.choices import MAKERS, check_choice
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import DatasetError
from glyphgen.images.polarity import from_ink, to_ink
from glyphgen.streaming.image_source import hash_source
from glyphgen.streams import Stage, order_by_words

__all__ = ["ChangedRows"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Planned:
    rows: Ints
    values: NDArray[Any] | None


@dataclass(frozen=True, slots=True)
class _Opened:
    ordered: NDArray[np.uint32]  # rows of the split, class after class, each class in its order
    starts: Ints
    augmenter: Augmenter | None


class ChangedRows:
    """Copies of a dataset's rows, as ``glyphgen balance`` makes them: see ``ImageSource``.

    The nth image of a class is the nth copy that balancing with this seed makes.

    Args:
        dataset: All of it.
        split: Whose rows; all where the dataset has no splits.
        seed: Of the choice and of all changes.
        steps: What copies are changed by; ``DEFAULT_STEPS`` without it. Rows come as they are, and again
            and again, of an empty one.

    Raises:
        ChoiceError: The dataset has no such split.
        DatasetError: Its rows are copies already.
    """

    def __init__(
        self,
        dataset: Dataset,
        split: str = "train",
        seed: int = 0,
        steps: Sequence[AugmentStep] | None = None,
    ) -> None:
        index = dataset.index
        if MAKERS[index.made_by].has_copies:
            raise DatasetError(
                f"{dataset.folder}: made by `glyphgen {index.made_by}`, its copies are not originals"
                f" (stream its source '{index.sources[0].name}' instead)"
            )
        check_choice(split, index.splits or ("train",), f"{dataset.folder}: split")
        self._rows = load(dataset.folder, split if index.splits else None)
        self.seed = seed
        self._steps = tuple(DEFAULT_STEPS if steps is None else steps)
        self.name = index.name
        self.labels = tuple(info.label for info in index.classes)
        image = index.image
        self.height, self.width, self.polarity = image.height, image.width, image.polarity
        self._n_rows = np.bincount(np.asarray(self._rows.labels), minlength=len(self.labels))
        self.has_images = self._n_rows > 0
        shown = [step.model_dump(mode="json") for step in self._steps]
        self.key = hash_source("dataset", dataset.digest, split, seed, shown)
        self._opened: _Opened | None = None
        self._open()  # raises what is wrong with the steps

    def plan(self, class_index: Ints, nth: Ints) -> _Planned:
        """Return which row each image is a copy of, and how it is changed."""
        opened = self._open()
        at = opened.starts[class_index] + nth % self._n_rows[class_index]
        values = opened.augmenter.draw_values(class_index, nth) if opened.augmenter else None
        return _Planned(opened.ordered[at].astype(np.int64), values)

    def draw(self, planned: _Planned, part: slice, out: NDArray[np.uint8]) -> None:
        """Read rows, and change them."""
        out[:] = self._rows.images[planned.rows[part]]
        augmenter = self._open().augmenter
        if augmenter and planned.values is not None:
            to_ink(out, self.polarity, out)
            augmenter.apply(out, planned.values[part], out)
            from_ink(out, self.polarity, out)

    def _open(self) -> _Opened:
        if self._opened is None:
            labels = np.asarray(self._rows.labels)
            starts = np.cumsum(self._n_rows) - self._n_rows
            ordered = np.argsort(labels, kind="stable").astype(np.uint32)
            for k, n in enumerate(self._n_rows.tolist()):
                own = ordered[starts[k] : starts[k] + n]
                own[:] = own[order_by_words(self.seed, Stage.BALANCE, n, k)]
            augmenter = None
            if self._steps:
                augmenter = make_augmenter(
                    self._steps, seed=self.seed, height=self.height, width=self.width
                )
            self._opened = _Opened(ordered, starts, augmenter)
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what each process opens for itself."""
        return self.__dict__ | {"_opened": None}
