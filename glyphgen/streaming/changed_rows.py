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
from glyphgen.streaming.image_source import OpenedByThread, hash_source
from glyphgen.streams import Stage, order_by_words

__all__ = ["ChangedRows"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Planned:
    rows: Ints
    values: NDArray[Any] | None


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
        self._starts = np.cumsum(self._n_rows) - self._n_rows
        self.has_images = self._n_rows > 0
        shown = [step.model_dump(mode="json") for step in self._steps]
        self.key = hash_source("dataset", dataset.digest, split, seed, shown)
        self._ordered: NDArray[np.uint32] | None = None
        self._opened: OpenedByThread[Augmenter | None] = OpenedByThread()
        self._opened.get(self._open)  # raises what is wrong with the steps

    def plan(self, class_index: Ints, nth: Ints) -> _Planned:
        """Return which row each image is a copy of, and how it is changed."""
        augmenter = self._opened.get(self._open)
        at = self._starts[class_index] + nth % self._n_rows[class_index]
        values = augmenter.draw_values(class_index, nth) if augmenter else None
        return _Planned(self._order_rows()[at].astype(np.int64), values)

    def draw(self, planned: _Planned, part: slice, out: NDArray[np.uint8]) -> None:
        """Read rows, and change them."""
        out[:] = self._rows.images[planned.rows[part]]
        augmenter = self._opened.get(self._open)
        if augmenter and planned.values is not None:
            to_ink(out, self.polarity, out)
            augmenter.apply(out, planned.values[part], out)
            from_ink(out, self.polarity, out)

    def _open(self) -> Augmenter | None:
        if not self._steps:
            return None
        return make_augmenter(self._steps, seed=self.seed, height=self.height, width=self.width)

    def _order_rows(self) -> NDArray[np.uint32]:
        """Return the rows of the split, class after class, each class in the order of its copies."""
        if self._ordered is None:
            ordered = np.argsort(np.asarray(self._rows.labels), kind="stable").astype(np.uint32)
            for k, (start, n) in enumerate(zip(self._starts, self._n_rows.tolist(), strict=True)):
                own = ordered[start : start + n]
                own[:] = own[order_by_words(self.seed, Stage.BALANCE, n, k)]
            self._ordered = ordered
        return self._ordered

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what takes room: another process orders the rows again."""
        return self.__dict__ | {"_ordered": None}
