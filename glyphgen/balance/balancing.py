"""A prepared balance -> a dataset on disk: the steps of ``glyphgen balance``."""

import dataclasses
import os
from pathlib import Path

from glyphgen.balance.prepared_balance import PreparedBalance
from glyphgen.choices import MAKERS
from glyphgen.dataset.index import Index, ShardInfo, SourceInfo
from glyphgen.dataset.integrity import verify_shards
from glyphgen.errors import DatasetError
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.files.writing import disk_errors
from glyphgen.production import (
    DatasetSpec,
    Estimate,
    Produced,
    check_places,
    describe_run,
    estimate_making,
    produce_dataset,
)
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json
from glyphgen.version import VERSION

__all__ = ["balance_dataset", "estimate_balance"]

_LIBRARIES = ("numpy", "h5py", "opencv-python-headless", "albumentations")


def estimate_balance(prepared: PreparedBalance, out: str | os.PathLike[str]) -> Estimate:
    """Make a few hundred rows in memory, and return what all of them would take."""
    with make_temporary_folder() as work:
        maker = prepared.make_job(work).open()
        # The middle of train has as many copies as the whole.
        return estimate_making(out, prepared.layout, maker, range(prepared.plan.n_train))


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
    with disk_errors(folder, "read"):
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
