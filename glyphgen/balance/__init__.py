"""A dataset -> a dataset with N training rows of every class; knows nothing of fonts."""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import AugmentStep
from glyphgen.balance.balancing import PreparedBalance, prepare_balance
from glyphgen.balance.making import BalanceJob
from glyphgen.balance.plan import group_rows
from glyphgen.dataset.index import Index, ShardInfo, SourceInfo
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.reader import load
from glyphgen.errors import DatasetError, GlyphgenError
from glyphgen.production import (
    Produced,
    Target,
    Watch,
    describe_run,
    dump_json,
    produce_dataset,
)
from glyphgen.render.drawing import make_render_job
from glyphgen.version import VERSION

__all__ = [
    "Balanced",
    "Estimate",
    "PreparedBalance",
    "Remake",
    "balance_dataset",
    "estimate",
    "prepare_balance",
    "remaking_rows",
]

Remake = Callable[[range], tuple[NDArray[np.uint8], NDArray[np.void]]]
"""Makes consecutive rows anew: images as they lie on disk, and samples."""

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


def estimate(balancing: PreparedBalance, out: Path) -> Estimate:
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
    balancing: PreparedBalance,
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
    summary = balancing.summarize()
    produced = produce_dataset(
        Target(
            folder=out,
            format=balancing.format,
            layout=balancing.layout,
            sha256=balancing.sha256,
            work_bytes=4 * int(balancing.plan.n_originals.sum()),
        ),
        lambda work: _make_job(balancing, work),
        lambda shards: _make_index(balancing, shards),
        lambda produced: {
            **_copy_pages(source),
            "balance.json": dump_json(summary),
            "run.json": dump_json(
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


def _make_job(balancing: PreparedBalance, work: Path) -> BalanceJob:
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
        fresh=make_render_job(balancing.prepared, work) if balancing.prepared else None,
    )


def _copy_pages(source: Path) -> dict[str, bytes]:
    names = ("recipe.toml", "gate.json")
    return {name: (source / name).read_bytes() for name in names if (source / name).exists()}


def _make_index(balancing: PreparedBalance, shards: tuple[ShardInfo, ...]) -> Index:
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
        name=index.name, kind="dataset", sha256=index.content_key, rows=index.n_rows
    )
    return dataclasses.replace(
        index,
        name=f"{index.name}-balanced",
        made_by="balance",
        format=balancing.format,
        compression=layout.compression,
        sample_fields=layout.sample_fields,
        classes=classes,
        splits=plan.splits,
        shards=shards,
        seed=plan.seed,
        content_key=balancing.sha256,
        sources=(source,),
        settings=balancing.settings,
        versions={**index.versions, "glyphgen": VERSION},
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
    if balancing.sha256 != index.content_key:
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


def _recall_balancing(source: Path, index: Index) -> PreparedBalance:
    """Return the balancing that a dataset was made by, with another look at its source."""
    from pydantic import TypeAdapter

    settings = index.settings
    steps: tuple[AugmentStep, ...] = TypeAdapter(tuple[AugmentStep, ...]).validate_python(
        settings["steps"], strict=False
    )
    return prepare_balance(
        source,
        settings["per_class"],
        by=settings["by"],
        steps=steps,
        seed=index.seed,
        noise_originals=settings["noise_originals"],
        format=index.format,
    )
