"""A dataset -> a dataset with N training rows of every class; knows nothing of fonts."""

import dataclasses
import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import glyphgen
from glyphgen.augment import DEFAULT_STEPS, make_augmenter
from glyphgen.balance.making import BalanceJob, find_sample_fields
from glyphgen.balance.plan import BalancePlan, group_rows
from glyphgen.blueprint import Blueprint
from glyphgen.errors import DatasetError, GlyphgenError, show_some
from glyphgen.generate import find_sample_dtype, make_render_job, recall_blueprint
from glyphgen.produce import (
    Order,
    Produced,
    Watch,
    choose_rows_per_shard,
    describe_run,
    produce_dataset,
    show_page,
)
from glyphgen.recipe import AugmentStep
from glyphgen.storage.dataset import Dataset, load
from glyphgen.storage.index import Index, ShardInfo, SourceInfo
from glyphgen.storage.shards import Layout
from glyphgen.storage.verify import verify_shards

__all__ = [
    "Balanced",
    "Balancing",
    "Estimate",
    "Remake",
    "balance_dataset",
    "draw_up_balancing",
    "estimate",
    "remaking_rows",
]

Remake = Callable[[range], tuple[NDArray[np.uint8], NDArray[np.void]]]
"""Makes consecutive rows anew: images as they lie on disk, and samples."""

_FEW = 10  # originals below which copies teach little
_TRIED = 512  # rows that are made to estimate the time
_LIBRARIES = ("numpy", "h5py", "opencv-python-headless", "albumentations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Balanced(Produced):
    """What ``balance_dataset`` did.

    Attributes:
        summary: What balance.json holds.
    """

    summary: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What balancing would take.

    Attributes:
        n_rows: Of the new dataset.
        n_bytes: On disk.
        free_bytes: On the disk that it would lie on.
        seconds: With one worker, without writing.
    """

    n_rows: int
    n_bytes: int
    free_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancing:
    """All that is known of a balanced dataset before a row is made.

    Attributes:
        source: The dataset that is balanced.
        plan: Where rows come from.
        steps: What copies are changed by.
        noise_originals: Whether originals get the noise of the steps.
        blueprint: Of the source's recipe, where new samples are drawn in place of copies.
        layout: Of the arrays.
        format_name: A key of ``storage.shards.FORMATS``.
    """

    source: Dataset
    plan: BalancePlan
    steps: tuple[AugmentStep, ...]
    noise_originals: bool
    blueprint: Blueprint | None
    layout: Layout
    format_name: str

    @property
    def sha256(self) -> str:
        """Hash of all that the dataset's bytes depend on, but for no path."""
        index = self.source.index
        page = [
            glyphgen.__version__,
            self.settings,
            self.format_name,
            index.recipe_sha256,
            [shard.sha256 for shard in index.shards],
        ]
        return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """What was asked, as index.json holds it."""
        return {
            "per_class": self.plan.per_class,
            "by": "render" if self.blueprint else "augment",
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
        what = "new samples" if self.blueprint else "copies"
        return (
            f"{len(index.classes):,} classes x {plan.per_class:,} = {plan.n_train:,} images:"
            f" {kept:,} originals and {n_copies:,} {what}{held_out}"
        )

    def summarise(self) -> dict[str, Any]:
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
        if self.blueprint:
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


def draw_up_balancing(
    source: Path,
    per_class: int,
    *,
    by: str = "augment",
    steps: Sequence[AugmentStep] | None = None,
    seed: int = 0,
    noise_originals: bool = True,
    format_name: str | None = None,
) -> Balancing:
    """Look at a dataset, and say what balancing it is.

    Args:
        source: Folder of a complete dataset.
        per_class: Training rows of each class, 1 or more.
        by: ``augment`` changes copies of originals, ``render`` draws new samples of the recipe.
        steps: What copies are changed by; ``DEFAULT_STEPS`` without it.
        seed: Of the choice and of all changes.
        noise_originals: Whether originals get the noise of the steps, so that noise does not tell a
            class with few originals from one with many.
        format_name: A key of ``storage.shards.FORMATS``; the source's without it.

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
    blueprint = _recall(source) if by == "render" else None
    chosen = () if blueprint else tuple(DEFAULT_STEPS if steps is None else steps)
    height, width = dataset.images.shape[1:]
    added = make_augmenter(chosen, seed=seed, height=height, width=width).dtype if chosen else None
    if blueprint:
        sample_dtype = find_sample_fields(find_sample_dtype(blueprint.recipe), None)
    else:
        sample_dtype = find_sample_fields(dataset.samples.dtype, added)
    return Balancing(
        source=dataset,
        plan=plan,
        steps=chosen,
        noise_originals=noise_originals and not blueprint,
        blueprint=blueprint,
        layout=Layout(
            n_rows=plan.n_rows,
            height=height,
            width=width,
            sample_dtype=sample_dtype,
            rows_per_shard=choose_rows_per_shard(height, width),
        ),
        format_name=format_name or index.format,
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


def _recall(source: Path) -> Blueprint:
    blueprint = recall_blueprint(source)
    if blueprint.recipe.render.mode == "grid":
        raise DatasetError(
            f"{source}: made from a grid, which has no more samples than its combinations"
            ' (--by augment, or render.mode = "random" in its recipe)'
        )
    return blueprint


def estimate(balancing: Balancing, out: Path) -> Estimate:
    """Make a few hundred rows in memory, and say what all of them would take."""
    layout = balancing.layout
    n = min(_TRIED, balancing.plan.n_train)
    images = np.empty((n, layout.height, layout.width), dtype=np.uint8)
    samples = np.empty(n, dtype=layout.sample_dtype)
    # The middle has as many copies as the whole.
    first = (balancing.plan.n_train - n) // 2
    with TemporaryDirectory() as work:
        maker = _make_job(balancing, Path(work)).open()
        maker.make_rows(range(first, first + min(n, 32)), images[:32], samples[:32])
        started = time.perf_counter()
        maker.make_rows(range(first, first + n), images, samples)
        seconds = (time.perf_counter() - started) / n * layout.n_rows
    place = next(parent for parent in (out.absolute(), *out.absolute().parents) if parent.exists())
    return Estimate(
        n_rows=layout.n_rows,
        n_bytes=layout.n_rows * layout.row_bytes,
        free_bytes=shutil.disk_usage(place).free,
        seconds=seconds,
    )


def balance_dataset(
    balancing: Balancing,
    out: Path,
    *,
    workers: int = 1,
    force: bool = False,
    watch: Watch | None = None,
) -> Balanced:
    """Make the balanced dataset, or finish it, or mend its damaged shards.

    The source is read and hashed first, and never written to.

    Args:
        balancing: What to make.
        out: Folder; made when absent.
        workers: Processes that make rows.
        force: Replace whatever the folder holds.
        watch: Called before the first shard and after each one.

    Raises:
        DatasetError: The source is damaged, or ``out`` lies in it or holds it.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    source = balancing.source.folder
    _check_places(source, out)
    if problems := verify_shards(source):
        raise DatasetError(*problems)
    summary = balancing.summarise()
    produced = produce_dataset(
        Order(
            folder=out,
            format=balancing.format_name,
            layout=balancing.layout,
            sha256=balancing.sha256,
            work_bytes=4 * int(balancing.plan.n_originals.sum()),
        ),
        lambda work: _make_job(balancing, work),
        lambda shards: _make_index(balancing, shards),
        lambda produced: {
            **_copy_pages(source),
            "balance.json": show_page(summary),
            "run.json": show_page(
                describe_run(produced, workers, _LIBRARIES) | {"source": str(source.resolve())}
            ),
        },
        workers=workers,
        force=force,
        watch=watch,
    )
    return Balanced(
        folder=produced.folder,
        n_rows=produced.n_rows,
        n_made=produced.n_made,
        seconds=produced.seconds,
        summary=summary,
    )


def _check_places(source: Path, out: Path) -> None:
    here, there = source.resolve(), out.resolve()
    if there.is_relative_to(here) or here.is_relative_to(there):
        raise DatasetError(
            f"{out}: is, holds or lies in the dataset {source}, where nothing is written"
            " (--out DIR takes another folder)"
        )


def _make_job(balancing: Balancing, work: Path) -> BalanceJob:
    dataset, plan = balancing.source, balancing.plan
    grouped_file = work / "rows-by-class.npy"
    first, end = dataset.index.splits.get("train", (0, len(dataset)))
    group_rows(grouped_file, dataset.labels, first, end, plan.n_originals)
    return BalanceJob(
        plan=plan,
        source=dataset.folder,
        grouped_file=grouped_file,
        steps=balancing.steps,
        noise_originals=balancing.noise_originals,
        fresh=make_render_job(balancing.blueprint, work) if balancing.blueprint else None,
    )


def _copy_pages(source: Path) -> dict[str, bytes]:
    names = ("recipe.toml", "gate.json")
    return {name: (source / name).read_bytes() for name in names if (source / name).exists()}


def _make_index(balancing: Balancing, shards: tuple[ShardInfo, ...]) -> Index:
    index, plan, layout = balancing.source.index, balancing.plan, balancing.layout
    classes = tuple(
        dataclasses.replace(
            info,
            rows={
                name: plan.per_class if name == "train" else info.rows.get(name, 0)
                for name in plan.splits
            },
        )
        for info in index.classes
    )
    source = SourceInfo(
        name=index.name, kind="dataset", sha256=index.recipe_sha256, rows=index.n_rows
    )
    return dataclasses.replace(
        index,
        name=f"{index.name}-balanced",
        made_by="balance",
        format=balancing.format_name,
        compression=layout.compression,
        sample_fields=layout.sample_fields,
        classes=classes,
        splits=plan.splits,
        shards=shards,
        seed=plan.seed,
        recipe_sha256=balancing.sha256,
        sources=(source,),
        settings=balancing.settings,
        versions={**index.versions, "glyphgen": glyphgen.__version__},
    )


@contextmanager
def remaking_rows(folder: Path) -> Iterator[Remake]:
    """Give what makes rows of a balanced dataset again, where its source is as it was.

    Raises:
        GlyphgenError: The source is gone, or is another than the dataset was made of.
    """
    index = load(folder).index
    try:
        source = Path(json.loads((folder / "run.json").read_bytes())["source"])
    except (OSError, ValueError, LookupError, TypeError):
        raise GlyphgenError(f"{folder / 'run.json'}: does not tell where its source is") from None
    balancing = _recall_balancing(source, index)
    if balancing.sha256 != index.recipe_sha256:
        raise GlyphgenError(f"{folder}: its source or glyphgen has changed since it was made")
    layout = balancing.layout
    with TemporaryDirectory() as work:
        maker = _make_job(balancing, Path(work)).open()

        def remake(rows: range) -> tuple[NDArray[np.uint8], NDArray[np.void]]:
            images = np.empty((len(rows), layout.height, layout.width), dtype=np.uint8)
            samples = np.empty(len(rows), dtype=layout.sample_dtype)
            maker.make_rows(rows, images, samples)
            return images, samples

        yield remake


def _recall_balancing(source: Path, index: Index) -> Balancing:
    """Return the balancing that a dataset was made by, with another look at its source."""
    from pydantic import TypeAdapter

    settings = index.settings
    steps: tuple[AugmentStep, ...] = TypeAdapter(tuple[AugmentStep, ...]).validate_python(
        settings["steps"], strict=False
    )
    return draw_up_balancing(
        source,
        settings["per_class"],
        by=settings["by"],
        steps=steps,
        seed=index.seed,
        noise_originals=settings["noise_originals"],
        format_name=index.format,
    )
