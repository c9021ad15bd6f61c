"""What balancing a dataset means, worked out before a row is made."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import DEFAULT_STEPS, AugmentStep, make_augmenter
from glyphgen.balance.balanced_rows import BalanceJob, find_sample_fields
from glyphgen.balance.row_plan import BalancePlan, write_order
from glyphgen.choices import BALANCE_METHODS, MAKERS, STORAGE_FORMATS, check_choice, check_seed
from glyphgen.dataset.reader import Dataset, describe_pages, load
from glyphgen.dataset.shards import Layout
from glyphgen.errors import DatasetError
from glyphgen.files.address import AnyPlace, Place
from glyphgen.production import choose_rows_per_shard
from glyphgen.progress import SILENT, Reporter
from glyphgen.render.drawing import find_sample_dtype, make_render_job
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_count, show_some
from glyphgen.version import VERSION

__all__ = ["BalanceOptions", "PreparedBalance", "prepare_balance"]

_FEW = 10  # originals below which copies teach little


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceOptions:
    """How a dataset is balanced.

    Attributes:
        by: A key of ``BALANCE_METHODS``: ``augment`` changes copies of originals, ``render`` draws new
            samples of the source's recipe.
        steps: What copies are changed by; ``DEFAULT_STEPS`` without it.
        seed: Of the choice and of all changes, 0 to 2**64 - 1.
        noise_originals: Whether originals get the noise of the steps, so that noise does not tell a
            class with few originals from one with many.
        format: A key of ``STORAGE_FORMATS``; the source's without it.

    Raises:
        ChoiceError: A word is not in its table.
    """

    by: str = "augment"
    steps: Sequence[AugmentStep] | None = None
    seed: int = 0
    noise_originals: bool = True
    format: str | None = None

    def __post_init__(self) -> None:
        check_choice(self.by, BALANCE_METHODS, "by")
        if self.format is not None:
            check_choice(self.format, STORAGE_FORMATS, "format")
        check_seed(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedBalance:
    """All that is known of a balanced dataset before a row is made.

    Attributes:
        source: The dataset that is balanced.
        plan: Where rows come from.
        steps: What copies are changed by.
        noise_originals: Whether originals get the noise of the steps.
        render: The source's recipe worked out, where new samples are drawn in place of copies.
        layout: Of the arrays.
        format: A key of ``STORAGE_FORMATS``.
    """

    source: Dataset
    plan: BalancePlan
    steps: tuple[AugmentStep, ...]
    noise_originals: bool
    render: PreparedRender | None
    layout: Layout
    format: str

    @property
    def content_key(self) -> str:
        """Hash of all that the dataset's bytes depend on, but for no path."""
        index = self.source.index
        page = [
            VERSION,
            self.settings,
            self.format,
            index.content_key,
            [shard.digest for shard in index.shards],
        ]
        return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """The options, as index.json holds them."""
        return {
            "per_class": self.plan.per_class,
            "by": "render" if self.render else "augment",
            "noise_originals": self.noise_originals,
            "steps": [step.model_dump(mode="json") for step in self.steps],
        }

    def make_job(self, work_folder: Path) -> BalanceJob:
        """Return what workers need, with files that they map written to the work folder."""
        dataset, plan = self.source, self.plan
        order_file = work_folder / "rows-by-class.npy"
        first, end = dataset.index.splits.get("train", (0, len(dataset)))
        write_order(order_file, dataset.labels, first, end, plan)
        return BalanceJob(
            plan=plan,
            source=dataset.folder,
            order_file=order_file,
            steps=self.steps,
            noise_originals=self.noise_originals,
            render=make_render_job(self.render, work_folder) if self.render else None,
        )

    def describe(self) -> str:
        """Return the plan in one line."""
        plan, index = self.plan, self.source.index
        n_copies = int(plan.n_copies.sum())
        kept = plan.n_train - n_copies
        held_out = "".join(
            f", {end - first:,} of {name}" for name, (first, end) in plan.held_out.items()
        )
        held_out += " as they are" if held_out else ""
        what = show_count(n_copies, *(("new sample",) if self.render else ("copy", "copies")))
        return (
            f"{show_count(len(index.classes), 'class', 'classes')} x {plan.per_class:,} ="
            f" {show_count(plan.n_train, 'image')}: {show_count(kept, 'original')} and {what}{held_out}"
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
        return {
            "settings": self.settings,
            "warnings": list(self.list_warnings()),
            "classes": classes,
        }

    def list_warnings(self) -> tuple[str, ...]:
        """Return a line about the classes that have few originals, if there are any."""
        if self.render:
            return ()
        few = np.flatnonzero((self.plan.n_originals < _FEW) & (self.plan.n_copies > 0))
        few = few[np.argsort(self.plan.n_originals[few], kind="stable")]
        if not len(few):
            return ()
        shown = show_some(
            f"'{self.source.classes[k].label}' ({self.plan.n_originals[k]})" for k in few.tolist()
        )
        classes = show_count(len(few), "class lives", "classes live")
        return (f"{classes} on fewer than {_FEW} originals: {shown}; their copies are much alike",)


_DEFAULTS = BalanceOptions()


def prepare_balance(
    source: AnyPlace,
    per_class: int,
    *,
    options: BalanceOptions = _DEFAULTS,
    reporter: Reporter = SILENT,
) -> PreparedBalance:
    """Look at a dataset, and work out what balancing it is.

    Args:
        source: Folder of a complete dataset.
        per_class: Training rows of each class, 1 or more.
        options: How.
        reporter: Is told how far the source's fonts are read, for ``render``.

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
    if MAKERS[index.made_by].has_copies:
        raise DatasetError(
            f"{source}: made by `glyphgen {index.made_by}`, its copies are not originals"
            f" (balance its source '{index.sources[0].name}' instead)"
        )
    if pages := describe_pages(dataset):
        raise DatasetError(pages)
    plan = BalancePlan(
        per_class=per_class,
        seed=options.seed,
        n_originals=_count_originals(dataset),
        held_out={name: rows for name, rows in index.splits.items() if name != "train"},
    )
    render = _recall_render(dataset.folder, reporter) if options.by == "render" else None
    steps = () if render else tuple(DEFAULT_STEPS if options.steps is None else options.steps)
    height, width = dataset.images.shape[1:]
    fields, added = dataset.samples.dtype, None
    if render:
        fields = find_sample_dtype(render.recipe)
    elif steps:
        added = make_augmenter(steps, seed=options.seed, height=height, width=width).dtype
    return PreparedBalance(
        source=dataset,
        plan=plan,
        steps=steps,
        noise_originals=options.noise_originals and not render,
        render=render,
        layout=Layout(
            n_rows=plan.n_rows,
            height=height,
            width=width,
            sample_dtype=find_sample_fields(fields, added),
            rows_per_shard=choose_rows_per_shard(height, width),
        ),
        format=options.format or index.format,
    )


def _count_originals(dataset: Dataset) -> NDArray[np.int64]:
    source, classes, splits = dataset.folder, dataset.classes, dataset.index.splits
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


def _recall_render(source: Place, reporter: Reporter) -> PreparedRender:
    prepared = recall_render(source, reporter=reporter)
    if prepared.recipe.render.mode == "grid":
        raise DatasetError(
            f"{source}: made from a grid, which has no more samples than its combinations"
            ' (--by augment, or render.mode = "random" in its recipe)'
        )
    return prepared
