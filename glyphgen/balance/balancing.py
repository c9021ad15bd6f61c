"""A prepared balance -> a dataset on disk: the steps of ``glyphgen balance``."""

import dataclasses
import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from glyphgen.balance.prepared_balance import PreparedBalance
from glyphgen.choices import MAKERS
from glyphgen.dataset.index import Index, ShardInfo, SourceInfo
from glyphgen.dataset.integrity import verify_shards
from glyphgen.errors import DatasetError
from glyphgen.production import DatasetSpec, Produced, check_places, describe_run, produce_dataset
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json
from glyphgen.version import VERSION

__all__ = ["Estimate", "balance_dataset", "estimate_balance"]

_TRIED = 512  # rows that are made to estimate the time
_LIBRARIES = ("numpy", "h5py", "opencv-python-headless", "albumentations")


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


def estimate_balance(prepared: PreparedBalance, out: str | os.PathLike[str]) -> Estimate:
    """Make a few hundred rows in memory, and return what all of them would take."""
    layout, n_train = prepared.layout, prepared.plan.n_train
    n = min(_TRIED, n_train)
    images = np.empty((n, layout.height, layout.width), dtype=np.uint8)
    samples = np.empty(n, dtype=layout.sample_dtype)
    first = (n_train - n) // 2  # the middle has as many copies as the whole
    with TemporaryDirectory() as work:
        maker = prepared.make_job(Path(work)).open()
        maker.make_rows(range(first, first + min(n, 32)), images[:32], samples[:32])
        started = time.perf_counter()
        maker.make_rows(range(first, first + n), images, samples)
        seconds = (time.perf_counter() - started) / n * layout.n_rows
    place = Path(out).absolute()
    disk = next(folder for folder in (place, *place.parents) if folder.exists())
    return Estimate(
        n_rows=layout.n_rows,
        n_bytes=layout.n_rows * layout.row_bytes,
        free_bytes=shutil.disk_usage(disk).free,
        seconds=seconds,
    )


def balance_dataset(
    prepared: PreparedBalance,
    out: str | os.PathLike[str],
    *,
    workers: int = 1,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make the balanced dataset, or finish it, or mend its damaged shards.

    The source is read and hashed first, and never written to.

    Args:
        prepared: What to make.
        out: Folder of the new dataset; made when absent.
        workers: Processes that make rows.
        force: Replace whatever the folder holds.
        reporter: Is told how far the work is.

    Raises:
        DatasetError: The source is damaged, or ``out`` lies in it or holds it.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    source, folder = prepared.source.folder, Path(out)
    check_places(folder, [source])
    if problems := verify_shards(source, reporter=reporter):
        raise DatasetError(*problems)
    return produce_dataset(
        DatasetSpec(
            folder=folder,
            format=prepared.format,
            layout=prepared.layout,
            content_key=prepared.content_key,
            work_bytes=4 * int(prepared.plan.n_originals.sum()),
        ),
        prepared.make_job,
        lambda shards: _make_index(prepared, shards),
        lambda produced: {
            **_read_pages(prepared),
            "balance.json": dump_json(prepared.summarize()),
            "run.json": dump_json(
                describe_run(produced, workers, _LIBRARIES) | {"source": str(source.resolve())}
            ),
        },
        workers=workers,
        force=force,
        reporter=reporter,
    )


def _read_pages(prepared: PreparedBalance) -> dict[str, bytes]:
    """Return the pages of the source that also tell what the balanced rows show."""
    folder = prepared.source.folder
    names = MAKERS[prepared.source.index.made_by].pages
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def _make_index(prepared: PreparedBalance, shards: tuple[ShardInfo, ...]) -> Index:
    index, plan, layout = prepared.source.index, prepared.plan, prepared.layout
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
        format=prepared.format,
        compression=layout.compression,
        sample_fields=layout.sample_fields,
        classes=classes,
        splits=plan.splits,
        shards=shards,
        seed=plan.seed,
        content_key=prepared.content_key,
        sources=(source,),
        settings=prepared.settings,
        versions={**index.versions, "glyphgen": VERSION},
    )
