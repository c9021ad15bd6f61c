"""The rows of a balanced dataset: originals, changed copies of them, or newly drawn samples."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import AugmentStep, make_augmenter
from glyphgen.augment.grain import GrainStep
from glyphgen.augment.noise import NoiseStep
from glyphgen.balance.row_plan import BalancePlan, RowOrigins
from glyphgen.dataset.reader import load
from glyphgen.files.address import Place
from glyphgen.files.writing import disk_errors
from glyphgen.images.polarity import from_ink, to_ink
from glyphgen.render.drawing import RenderJob, draw_placements, find_sample_dtype, open_augmenter

__all__ = ["BalanceJob", "find_sample_fields"]

_ROWS_AT_ONCE = 4096
_REPLACED = ("source_row", "source")  # they tell of the source's own sources
# Noise is drawn for a class and a number. Copies are numbered from 0 and originals from here, so that
# no original gets the noise of a copy.
_FIRST_ORIGINAL = 1 << 31


def find_sample_fields(
    source: np.dtype[np.void], added: np.dtype[np.void] | None
) -> np.dtype[np.void]:
    """Return the type of a balanced dataset's samples.

    Args:
        source: Of the source's samples; its own augmentation is found through ``source_row``.
        added: Of what augmenting adds, if anything is augmented.
    """
    kept = [
        (name, kind)
        for name, kind, *_ in source.descr
        if name not in _REPLACED and not (added is not None and name.startswith("augment_"))
    ]
    more = added.descr if added is not None else []
    return np.dtype([*kept, ("source_row", "<i8"), *more])


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceJob:
    """What a worker needs to make any row.

    Attributes:
        plan: Where rows come from.
        source: Folder of the source.
        order_file: See ``write_order``.
        steps: What copies are changed by; empty where they are drawn anew.
        noise_originals: Whether originals get the noise of the steps.
        render: What draws new samples in place of copies.
    """

    plan: BalancePlan
    source: Place
    order_file: Path
    steps: tuple[AugmentStep, ...]
    noise_originals: bool
    render: RenderJob | None

    def open(self) -> "_BalancedRowMaker":
        """Return what makes the rows."""
        return _BalancedRowMaker(self)


class _BalancedRowMaker:
    def __init__(self, job: BalanceJob) -> None:
        self._plan = job.plan
        self._dataset = load(job.source)
        self._polarity = self._dataset.index.image.polarity
        with disk_errors(job.order_file, "read"):
            self._ordered = np.asarray(np.load(job.order_file, mmap_mode="r"))
        height, width = self._dataset.images.shape[1:]
        noise = [step for step in job.steps if isinstance(step, NoiseStep | GrainStep)]
        make = partial(make_augmenter, seed=job.plan.seed, height=height, width=width)
        self._augmenter = make(job.steps) if job.steps else None
        self._noise = make(noise) if noise and job.noise_originals else None
        self._drawer = _SampleDrawer(job.render) if job.render else None

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            part = slice(start, min(start + _ROWS_AT_ONCE, len(rows)))
            self._make(rows[part], images[part], samples[part])

    def _make(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        n_train = max(0, min(rows.stop, self._plan.n_train) - rows.start)
        if n_train:
            self._make_train(rows[:n_train], images[:n_train], samples[:n_train])
        for first, new, n in self._find_held_out(rows[n_train:]):
            at = slice(new - rows.start, new - rows.start + n)
            source_row = np.arange(first, first + n)
            images[at] = self._dataset.images[first : first + n]
            self._copy_samples(samples[at], source_row)

    def _find_held_out(self, rows: range) -> list[tuple[int, int, int]]:
        """Return the runs of held-out rows: first source row, first new row, how many."""
        runs = []
        for name, (first, _) in self._plan.held_out.items():
            start, end = self._plan.splits[name]
            low, high = max(rows.start, start), min(rows.stop, end)
            if low < high:
                runs.append((first + low - start, low, high - low))
        return runs

    def _make_train(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        origins = self._plan.find_origins(rows, self._ordered)
        original = np.flatnonzero(origins.copy < 0)
        copied = np.flatnonzero(origins.copy >= 0)
        read = original if self._drawer else np.arange(len(rows))
        in_order = read[np.argsort(origins.source_row[read], kind="stable")]
        images[in_order] = self._dataset.images[origins.source_row[in_order]]
        self._copy_samples(samples, origins.source_row)
        samples["sample"] = origins.position
        self._change(
            origins, original, images, samples, self._noise, origins.position + _FIRST_ORIGINAL
        )
        if self._drawer:
            self._drawer.draw(origins, copied, images, samples)
        else:
            self._change(origins, copied, images, samples, self._augmenter, origins.copy)

    def _copy_samples(self, samples: NDArray[Any], source_row: NDArray[np.int64]) -> None:
        found = self._dataset.samples[source_row]
        if self._augmenter is not None:
            for name in self._augmenter.dtype.names or ():
                samples[name] = self._augmenter.neutral[name]
        names = [
            name
            for name in found.dtype.names or ()
            if name in (samples.dtype.names or ())
            and not (self._augmenter is not None and name.startswith("augment_"))
        ]
        for name in names:
            samples[name] = found[name]
        samples["source_row"] = source_row

    def _change(
        self,
        origins: RowOrigins,
        at: NDArray[np.int64],
        images: NDArray[np.uint8],
        samples: NDArray[Any],
        augmenter: Any,
        number: NDArray[np.int64],
    ) -> None:
        """Augment some of the images in place, and keep the values."""
        if augmenter is None or not len(at):
            return
        values = augmenter.draw_values(origins.class_index[at], number[at])
        ink = to_ink(images[at], self._polarity)
        images[at] = from_ink(augmenter.apply(ink, values, ink), self._polarity)
        for name in values.dtype.names or ():
            samples[name][at] = values[name]


class _SampleDrawer:
    """Draws samples of the source's recipe that no row of the source holds."""

    def __init__(self, job: RenderJob) -> None:
        self._plan = job.plan
        self._renderer = job.open_engine()
        self._augmenter = open_augmenter(job.plan.recipe)
        self._dtype = find_sample_dtype(job.plan.recipe)

    def draw(
        self,
        origins: RowOrigins,
        at: NDArray[np.int64],
        images: NDArray[np.uint8],
        samples: NDArray[Any],
    ) -> None:
        """Draw the rows at ``at``; each has the number that it has in the recipe."""
        if not len(at):
            return
        placements = self._plan.draw_more(origins.class_index[at], origins.copy[at])
        drawn = np.empty((len(at), *images.shape[1:]), dtype=np.uint8)
        values = np.empty(len(at), dtype=self._dtype)
        draw_placements(self._renderer, self._augmenter, placements, drawn, values)
        images[at] = from_ink(drawn, self._plan.recipe.image.polarity)
        for name in samples.dtype.names or ():
            if name in (values.dtype.names or ()):
                samples[name][at] = values[name]
        samples["sample"][at] = origins.position[at]
