"""What balancing a dataset means, worked out before a row is made; makes nothing."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import DEFAULT_STEPS, AugmentStep, make_augmenter
from glyphgen.balance.making import find_sample_fields
from glyphgen.balance.plan import BalancePlan
from glyphgen.dataset.reader import Dataset, load
from glyphgen.dataset.shards import Layout
from glyphgen.errors import DatasetError
from glyphgen.production import choose_rows_per_shard
from glyphgen.render.drawing import find_sample_dtype
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_some
from glyphgen.version import VERSION

__all__ = ["PreparedBalance", "prepare_balance"]

_FEW = 10  # originals below which copies teach little


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBalance:
    """All that is known of a balanced dataset before a row is made.

    Attributes:
        source: The dataset that is balanced.
        plan: Where rows come from.
        steps: What copies are changed by.
        noise_originals: Whether originals get the noise of the steps.
        prepared: Of the source's recipe, where new samples are drawn in place of copies.
        layout: Of the arrays.
        format: A key of ``choices.STORAGE_FORMATS``.
    """

    source: Dataset
    plan: BalancePlan
    steps: tuple[AugmentStep, ...]
    noise_originals: bool
    prepared: PreparedRender | None
    layout: Layout
    format: str

    @property
    def sha256(self) -> str:
        """Hash of all that the dataset's bytes depend on, but for no path."""
        index = self.source.index
        page = [
            VERSION,
            self.settings,
            self.format,
            index.content_key,
            [shard.sha256 for shard in index.shards],
        ]
        return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked, as index.json holds it."""
        return {
            "per_class": self.plan.per_class,
            "by": "render" if self.prepared else "augment",
            "noise_originals": self.noise_originals,
            "steps": [step.model_dump(mode="json") for step in self.steps],
        }

    def describe(self) -> str:
        """Return the plan in one line."""
        plan, index = self.plan, self.source.index
        n_copies = int(plan.n_copies.sum())
        kept = plan.n_train - n_copies
        held_out = "".join(
            f", {end - first:,} of {name}" for name, (first, end) in plan.held_out.items()
        )
        held_out += " as they are" if held_out else ""
        what = "new samples" if self.prepared else "copies"
        return (
            f"{len(index.classes):,} classes x {plan.per_class:,} = {plan.n_train:,} images:"
            f" {kept:,} originals and {n_copies:,} {what}{held_out}"
        )

    def summarize(self) -> dict[str, Any]:
        """Return what balance.json holds: originals and copies of every class."""
        originals = np.minimum(self.plan.n_originals, self.plan.per_class).tolist()
        copies = self.plan.n_copies.tolist()
        classes = [
            {
                "label": info.label,
                "originals": kept,
                "left_out": int(found) - kept,
                "copies": more,
                "copies_per_original": round(more / kept, 2),
            }
            for info, found, kept, more in zip(
                self.source.classes, self.plan.n_originals, originals, copies, strict=True
            )
        ]
        return {"settings": self.settings, "warnings": list(self.warn()), "classes": classes}

    def warn(self) -> tuple[str, ...]:
        """Return what the user has to know: classes that live on few originals."""
        if self.prepared:
            return ()
        few = np.flatnonzero((self.plan.n_originals < _FEW) & (self.plan.n_copies > 0))
        few = few[np.argsort(self.plan.n_originals[few], kind="stable")]
        if not len(few):
            return ()
        shown = show_some(
            f"'{self.source.classes[k].label}' ({self.plan.n_originals[k]})" for k in few.tolist()
        )
        return (
            f"{len(few)} classes live on fewer than {_FEW} originals: {shown};"
            " their copies are much alike",
        )


def prepare_balance(
    source: Path,
    per_class: int,
    *,
    by: str = "augment",
    steps: Sequence[AugmentStep] | None = None,
    seed: int = 0,
    noise_originals: bool = True,
    format: str | None = None,
) -> PreparedBalance:
    """Look at a dataset, and say what balancing it is.

    Args:
        source: Folder of a complete dataset.
        per_class: Training rows of each class, 1 or more.
        by: ``augment`` changes copies of originals, ``render`` draws new samples of the recipe.
        steps: What copies are changed by; ``DEFAULT_STEPS`` without it.
        seed: Of the choice and of all changes.
        noise_originals: Whether originals get the noise of the steps, so that noise does not tell a
            class with few originals from one with many.
        format: A key of ``choices.STORAGE_FORMATS``; the source's without it.

    Raises:
        DatasetError: The source cannot be balanced: the line says why.
        GlyphgenError: Its recipe or fonts are not there any more, for ``render``.
    """
    dataset = load(source)
    index = dataset.index
    if per_class < 1:
        raise DatasetError(
            f"{source}: {per_class} rows of each class, expected 1 or more (--per-class)"
        )
    if index.made_by == "balance":
        raise DatasetError(
            f"{source}: made by `glyphgen balance`, its copies are not originals"
            f" (balance its source '{index.sources[0].name}' instead)"
        )
    n_originals = _count_originals(source, dataset)
    held_out = {name: rows for name, rows in index.splits.items() if name != "train"}
    plan = BalancePlan(per_class=per_class, seed=seed, n_originals=n_originals, held_out=held_out)
    prepared = _recall(source) if by == "render" else None
    chosen = () if prepared else tuple(DEFAULT_STEPS if steps is None else steps)
    height, width = dataset.images.shape[1:]
    added = make_augmenter(chosen, seed=seed, height=height, width=width).dtype if chosen else None
    if prepared:
        sample_dtype = find_sample_fields(find_sample_dtype(prepared.recipe), None)
    else:
        sample_dtype = find_sample_fields(dataset.samples.dtype, added)
    return PreparedBalance(
        source=dataset,
        plan=plan,
        steps=chosen,
        noise_originals=noise_originals and not prepared,
        prepared=prepared,
        layout=Layout(
            n_rows=plan.n_rows,
            height=height,
            width=width,
            sample_dtype=sample_dtype,
            rows_per_shard=choose_rows_per_shard(height, width),
        ),
        format=format or index.format,
    )


def _count_originals(source: Path, dataset: Dataset) -> NDArray[np.int64]:
    classes, splits = dataset.classes, dataset.index.splits
    if splits and "train" not in splits:
        raise DatasetError(
            f"{source}: has no train split, expected rows to balance"
            f" (it has {', '.join(splits)} alone)"
        )
    if splits:
        n_originals = np.array([info.rows.get("train", 0) for info in classes], dtype=np.int64)
    else:
        n_originals = np.bincount(np.asarray(dataset.labels), minlength=len(classes))
    without = np.flatnonzero(n_originals == 0)
    if len(without):
        shown = show_some(f"'{classes[k].label}'" for k in without.tolist())
        raise DatasetError(
            f"{source}: {shown} of {len(classes)} classes have no row in train,"
            " expected an original or more (add images, or leave the class out)"
        )
    return n_originals.astype(np.int64)


def _recall(source: Path) -> PreparedRender:
    prepared = recall_render(source)
    if prepared.recipe.render.mode == "grid":
        raise DatasetError(
            f"{source}: made from a grid, which has no more samples than its combinations"
            ' (--by augment, or render.mode = "random" in its recipe)'
        )
    return prepared
