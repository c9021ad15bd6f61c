"""A prepared balance -> a dataset on disk: the steps of ``glyphgen balance``."""

import dataclasses
from collections.abc import Sequence

from glyphgen.balance.prepared_balance import PreparedBalance
from glyphgen.choices import MAKERS, check_executor
from glyphgen.dataset.index import Index, SourceInfo
from glyphgen.dataset.integrity import verify_files
from glyphgen.dataset.run_page import RUN_NAME
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.errors import DatasetError
from glyphgen.files.address import AnyPlace, parse_place
from glyphgen.files.opening import describe_unread
from glyphgen.files.pages import dump_sealed
from glyphgen.files.store import open_store
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.production import (
    DatasetSpec,
    Estimate,
    Produced,
    check_places,
    count_workers,
    describe_run,
    estimate_making,
    produce_dataset,
)
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json
from glyphgen.version import VERSION

__all__ = ["balance_dataset", "describe_balanced", "estimate_balance", "list_pages"]

_LIBRARIES = ("numpy", "h5py", "opencv-python-headless", "albumentations")


def estimate_balance(prepared: PreparedBalance, out: AnyPlace) -> Estimate:
    """Make a few hundred rows in memory, and return what all of them would take."""
    with make_temporary_folder() as work:
        maker = prepared.make_job(work).open()
        # The middle of train has as many copies as the whole.
        return estimate_making(out, prepared.layout, maker, range(prepared.plan.n_train))


def balance_dataset(
    prepared: PreparedBalance,
    out: AnyPlace,
    *,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make the balanced dataset, or finish it, or mend its damaged shards.

    The source is read and hashed first, and never written to.

    Args:
        prepared: What to make.
        out: Folder of the new dataset; made when absent.
        workers: Processes that make rows.
        executor: Where: see ``check_executor``.
        force: Replace whatever the folder holds.
        mend: Read all of a complete dataset, as after ``verify`` has found damage in it.
        reporter: Is told how far the work is.

    Raises:
        DatasetError: The source is damaged, or ``out`` lies in it or holds it.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    executor = check_executor(executor)
    source, folder = prepared.source.folder, parse_place(out)
    check_places(folder, [source])
    if problems := verify_files(source, reporter=reporter):
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
        lambda shards: describe_balanced(prepared, shards),
        lambda produced: {
            **list_pages(prepared),
            RUN_NAME: dump_sealed(
                describe_run(produced, count_workers(workers, executor), _LIBRARIES)
                | {"source": str(source.resolve())}
            ),
        },
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def list_pages(prepared: PreparedBalance) -> dict[str, bytes]:
    """Return the content of the files beside the arrays that follow from a source and the options.

    The pages of the source that also tell what the balanced rows show are among them.
    """
    folder = prepared.source.folder
    names = MAKERS[prepared.source.index.made_by].pages
    try:
        kept = {
            name: open_store(folder).get_range(name)
            for name in names
            if open_store(folder).exists(name)
        }
    except OSError as error:
        raise DatasetError(f"{folder}: {' or '.join(names)}: {describe_unread(error)}") from error
    return {**kept, "balance.json": dump_json(prepared.summarize())}


def describe_balanced(prepared: PreparedBalance, shards: Sequence[ShardInfo]) -> Index:
    """Return the index of a balanced dataset whose shards are made."""
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
        name=index.name,
        kind="dataset",
        sha256=index.content_key,
        rows=index.n_rows,
        unknown=index.n_without_face if index.faces else 0,  # all, where none is named
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
