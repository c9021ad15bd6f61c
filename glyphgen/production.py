"""Rows -> a dataset on disk: the folder is claimed, workers make shards, index.json completes it.

Every command that makes a dataset gives a ``DatasetSpec`` (what to make), a ``RowJob`` (how to make
rows, opened once in each worker) and the content of index.json; all else is the same for all of them.
"""

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import check_executor, is_dask
from glyphgen.dataset.claim import (
    Claim,
    check_claim,
    check_space,
    claim_folder,
    find_free_bytes,
    hold_folder,
    open_work_folder,
    remove_work_folder,
)
from glyphgen.dataset.index import (
    INDEX_NAME,
    MOST_LISTED,
    Index,
    find_digest,
    hash_pages,
    read_index,
    write_index,
)
from glyphgen.dataset.integrity import verify_files
from glyphgen.dataset.shard_table import ShardInfo, ShardTable
from glyphgen.dataset.shards import Arrays, Layout, Shards, make_shards, reopen_dataset
from glyphgen.dataset.shards.hdf5 import make_compressed
from glyphgen.errors import DatasetError
from glyphgen.executors import limit_workers, run_shards
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.files.store import open_store
from glyphgen.files.writing import make_folder
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.shard_making import (
    PUTS_AT_ONCE,
    RowJob,
    RowMaker,
    flush_shards,
    make_shard,
    open_job,
    write_job,
)
from glyphgen.shipping import ShippedJob, ship_job
from glyphgen.text import show_bytes, show_count, show_duration

__all__ = [
    "DatasetSpec",
    "Estimate",
    "Produced",
    "Remade",
    "check_places",
    "choose_rows_per_shard",
    "count_workers",
    "describe_run",
    "estimate_making",
    "produce_dataset",
]

_SHARD_BYTES = 32 << 20  # of images: the arrays of a worker stay small, and a crash costs little
_TRIED = 512  # rows that are made to estimate the time


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """What a dataset would be, made again; its rows are made when they are asked for.

    Attributes:
        index: With the hashes of the shards that are there.
        pages: Content of files that lie beside the arrays, by their names.
        rows: What makes rows again; None where nothing can.
        problems: Lines about what else is wrong.
        unproven: Why nothing can make rows again; empty where something does.
    """

    index: Index
    pages: Mapping[str, bytes] = field(default_factory=dict)
    rows: RowMaker | None = None
    problems: Iterable[str] = ()
    unproven: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A dataset that is to be made.

    Attributes:
        folder: Where; made when absent. What is there of the same dataset is kept.
        format: A key of ``STORAGE_FORMATS``.
        layout: Shapes of its arrays, and how its rows are cut into shards.
        content_key: Hash of all that its bytes depend on.
        work_bytes: Room that the job takes in the work folder.
    """

    folder: Place
    format: str
    layout: Layout
    content_key: str
    work_bytes: int = 0

    @property
    def n_bytes(self) -> int:
        """Room on the disk that making it takes; what compressed images take, nobody knows before."""
        layout = self.layout
        unknown = layout.height * layout.width if layout.compression != "none" else 0
        return layout.n_rows * (layout.row_bytes - unknown) + self.work_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """What ``produce_dataset`` did.

    Attributes:
        folder: Where the dataset lies.
        n_rows: Its rows.
        n_made: Rows that were made now; the others were there already.
        seconds: For making and writing the shards.
        digest: SHA-256 of its index.json, and so of all that it names; empty before that is written.
        start_seconds: Of them until every worker had made its first shard; 0 where some made none.
        n_steady: Rows that were made after that.
        n_workers: Processes that made rows.
        is_read: Whether shards that were there were read and hashed, and not known by size and date.
    """

    folder: Path | Any  # an Address, of which few have to think
    n_rows: int
    n_made: int
    seconds: float
    digest: str = ""
    start_seconds: float = 0.0
    n_steady: int = 0
    n_workers: int = 0
    is_read: bool = True

    @property
    def images_per_second(self) -> float:
        """Rows made and written in a second once all workers had started; 0 where none was made.

        Where work ended before that, the start is counted, too.
        """
        if self.n_steady:
            return self.n_steady / (self.seconds - self.start_seconds)
        return self.n_made / self.seconds if self.n_made else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What making a dataset would take.

    Attributes:
        n_rows: Of the dataset.
        n_bytes: On disk, before compression.
        is_compressed: Whether it is less in the end.
        free_bytes: On the disk that it would lie on; None in a store.
        seconds: With one worker, without writing.
    """

    n_rows: int
    n_bytes: int
    is_compressed: bool
    free_bytes: int | None
    seconds: float

    def describe(self, workers: int) -> str:
        """Return it in one line: ``1,690,000 images, 7.0 GB (21.3 GB are free), about 1 minute``.

        Args:
            workers: That make rows; 0 where their number is not known.
        """
        free = "" if self.free_bytes is None else f" ({show_bytes(self.free_bytes)} are free)"
        return (
            f"{show_count(self.n_rows, 'image')}, {show_bytes(self.n_bytes)}"
            f"{' before compression' if self.is_compressed else ''}{free},"
            f" {show_duration(self.seconds / (workers or 1))}{'' if workers else ' of one worker'}"
            " and the time to write"
        )


def estimate_making(out: AnyPlace, layout: Layout, maker: RowMaker, typical: range) -> Estimate:
    """Make a few hundred rows in memory, and return what all of them would take.

    Args:
        out: Folder of the dataset; need not exist.
        layout: Of its arrays.
        maker: Makes the rows.
        typical: Rows, one or more, that take as long as others; the middle of them is made.
    """
    n = min(_TRIED, len(typical))
    first = typical.start + (len(typical) - n) // 2
    images = np.empty((n, layout.height, layout.width), dtype=np.uint8)
    samples = np.empty(n, dtype=layout.sample_dtype)
    warm = min(n, _TRIED // 16)  # the first rows load what all rows need
    maker.make_rows(range(first, first + warm), images[:warm], samples[:warm])
    started = time.perf_counter()
    maker.make_rows(range(first, first + n), images, samples)
    if layout.compression != "none":
        make_compressed(layout, Arrays(images, samples["class_index"].copy(), samples))
    return Estimate(
        n_rows=layout.n_rows,
        n_bytes=layout.n_rows * layout.row_bytes,
        is_compressed=layout.compression != "none",
        free_bytes=find_free_bytes(parse_place(out)),
        seconds=(time.perf_counter() - started) / n * layout.n_rows,
    )


def choose_rows_per_shard(height: int, width: int) -> int:
    """Return how many rows make a shard of images of this size, where nobody says another number."""
    return max(1, _SHARD_BYTES // (height * width))


def check_places(out: Place, sources: Iterable[Place]) -> None:
    """Check that making a dataset in a folder cannot touch what it is made from.

    Raises:
        DatasetError: One lies within the other.
    """
    place = out.resolve()
    for path in sources:
        source = path.resolve()
        if _is_within(place, source):
            raise DatasetError(
                f"{out}: lies in the source {path}, where nothing is written"
                " (--out DIR takes another folder)"
            )
        if _is_within(source, place):
            raise DatasetError(
                f"{out}: holds the source {path}, which would be written over"
                " (--out DIR takes another folder)"
            )


def _is_within(place: Place, other: Place) -> bool:
    if isinstance(place, Path):
        return isinstance(other, Path) and place.is_relative_to(other)
    return not isinstance(other, Path) and place.is_relative_to(other)


def produce_dataset(
    spec: DatasetSpec,
    make_job: Callable[[Path], RowJob],
    make_index: Callable[[Sequence[ShardInfo]], Index],
    make_pages: Callable[[Produced], Mapping[str, bytes]],
    *,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make a dataset, or finish it, or mend its damaged shards.

    Args:
        spec: What to make.
        make_job: Called with the work folder, where the job may keep files for the workers.
        make_index: Called with every shard.
        make_pages: Returns the content of the files that lie beside the arrays, by their names.
        workers: Processes that make rows.
        executor: Where: see ``check_executor``.
        force: Replace whatever the folder holds.
        mend: Read all of a complete dataset, also shards that have not changed by size and date.
        reporter: Is told how far the work is before the first shard and after each one.

    Raises:
        ChoiceError: There is no such executor.
        GlyphgenError: The folder, the disk, the job or a worker failed, or another process works in
            the folder; finished shards stay, and the same call goes on from them.
    """
    folder, layout = spec.folder, spec.layout
    shards = make_shards(folder, spec.format, layout)
    executor = check_executor(executor)
    workers = limit_workers(folder, workers, executor)
    with hold_folder(folder, reporter):
        claim = claim_folder(folder, spec.content_key, force=force)
        whole = np.zeros(layout.n_shards, dtype=bool)
        if claim is Claim.COMPLETE:
            is_known = not mend and _has_layout(folder, spec)
            changed = shards.find_changed() if is_known else None
            whole[:] = is_known
            whole[changed or []] = False
            if not _is_damaged(folder, make_index, changed, reporter):
                _report(reporter, layout, layout.n_shards, layout.n_rows)
                return Produced(
                    folder=folder,
                    n_rows=layout.n_rows,
                    n_made=0,
                    seconds=0.0,
                    digest=find_digest(folder),
                    is_read=mend,
                )
            reopen_dataset(folder)
        if claim is Claim.NEW:
            _check_disk(spec)
        shards.prepare()
        noted = shards.read_notes()
        whole &= noted["blake3"] != b""  # an older glyphgen knew another hash
        clock = _Clock(min(count_workers(workers, executor), layout.n_shards))
        with open_work_folder(folder) as work:
            place = work / "job"
            make_folder(place)
            content_key = spec.content_key if is_dask(executor) else ""
            write_job(place, make_job(place), shards, content_key, noted)
            shipped = ship_job(place, folder) if is_dask(executor) else ShippedJob(place)
            hashes = np.where(whole, noted["blake3"], b"")
            infos = _make_shards(shards, hashes, shipped, executor, clock, reporter)
        shards.finish()
        shards.store.sweep()  # what workers that were killed left
        produced = clock.stop(folder, layout.n_rows)
        check_claim(folder, spec.content_key)
        digest = _write_pages(folder, make_index(infos), make_pages(produced))
        remove_work_folder(folder)
        return replace(produced, digest=digest)


def _has_layout(folder: Place, spec: DatasetSpec) -> bool:
    index, layout = read_index(folder), spec.layout
    rows_per_shard = min(layout.rows_per_shard, layout.n_rows)
    wanted = spec.format, replace(layout, rows_per_shard=rows_per_shard)
    return (index.format, Layout.from_index(index)) == wanted


def _is_damaged(
    folder: Place,
    make_index: Callable[[Sequence[ShardInfo]], Index],
    changed: Sequence[int] | None,
    reporter: Reporter,
) -> bool:
    """Return whether a file of a complete dataset, index.json too, is not as it would be made.

    Args:
        folder: Of the dataset.
        make_index: As for ``produce_dataset``.
        changed: The shards that are read, where it is not all.
        reporter: Is told how many of them are.
    """
    if verify_files(folder, only=changed, reporter=reporter):
        return True
    found = read_index(folder)
    # Libraries of other versions make another index of equal rows, and an older glyphgen no hashes.
    made = replace(
        make_index(found.shards),
        files=found.files,
        versions=found.versions,
        format_version=found.format_version,
    )
    return made != found


def _write_pages(folder: Place, index: Index, pages: Mapping[str, bytes]) -> str:
    for name, content in pages.items():
        open_store(folder).put(name, content)
    return write_index(folder, replace(index, files=hash_pages(pages)))


def _report(reporter: Reporter, layout: Layout, n_shards: int, n_rows: int) -> None:
    reporter.progress(
        Progress(
            step="make",
            done=n_rows,
            total=layout.n_rows,
            unit="images",
            detail=f"{n_shards:,} of {layout.n_shards:,} shards",
        )
    )


def _check_disk(spec: DatasetSpec) -> None:
    try:
        check_space(spec.folder, spec.n_bytes)
    except DatasetError:
        remove_work_folder(spec.folder)
        raise


class _Clock:
    """Tells the steady part of the work from its start, which ends with each worker's first shard."""

    def __init__(self, workers: int) -> None:
        self.workers = workers  # 0 where nobody knows how many there will be
        self._started = time.perf_counter()
        self._seen: set[str] = set()
        self._n_made = self._n_steady = 0
        self._start_seconds = 0.0

    def count(self, worker: str, n_made: int) -> None:
        """Count the rows that a worker has made, none where the shard was there already."""
        self._n_made += n_made
        if len(self._seen) == self.workers > 0:
            self._n_steady += n_made
        elif n_made:
            self._seen.add(worker)
            if len(self._seen) == self.workers:
                self._start_seconds = time.perf_counter() - self._started

    def stop(self, folder: Place, n_rows: int) -> Produced:
        """Return what was done until now."""
        return Produced(
            folder=folder,
            n_rows=n_rows,
            n_made=self._n_made,
            seconds=time.perf_counter() - self._started,
            start_seconds=self._start_seconds,
            n_steady=self._n_steady,
            n_workers=len(self._seen),
        )


def _make_shards(
    shards: Shards,
    hashes: NDArray[np.bytes_],
    shipped: ShippedJob,
    executor: str,
    clock: _Clock,
    reporter: Reporter,
) -> Sequence[ShardInfo]:
    """Make every shard that is not there yet, and return all.

    Args:
        shards: Of the dataset.
        hashes: Of those that are known to be there, empty for others; filled.
        shipped: The job, for the workers.
        executor: As ``check_executor`` has returned it.
        clock: Is told what was made.
        reporter: Is told how far the work is.
    """
    layout = shards.layout
    kept = np.flatnonzero(hashes != b"").tolist()
    n_done = sum(len(layout.find_rows(k)) for k in kept)
    _report(reporter, layout, len(kept), n_done)
    made = np.zeros(layout.n_shards, dtype=bool)
    results = run_shards(
        make_shard,
        map(int, np.flatnonzero(hashes == b"")),
        workers=clock.workers,
        executor=executor,
        initializer=open_job,
        initargs=(shipped,),
        name_shard=partial(_name_shard, layout),
        threads=1 if isinstance(shards.folder, Path) else 1 + PUTS_AT_ONCE,
    )
    for n_shards, (k, (worker, blake3, was_made)) in enumerate(results, start=1 + len(kept)):
        hashes[k], made[k] = blake3, was_made
        n_rows = len(layout.find_rows(k))
        n_done += n_rows
        clock.count(worker, n_rows * was_made)
        _report(reporter, layout, n_shards, n_done)
    if not (isinstance(shards.folder, Path) or is_dask(executor)):
        _finish_puts(shards, hashes, made, shipped)
    table = ShardTable(
        file=shards.FILE,
        n_rows=layout.n_rows,
        rows_per_shard=min(layout.rows_per_shard, layout.n_rows),
        row_bytes=layout.row_bytes,
        blake3=hashes.tobytes().decode(),
    )
    return table if len(table) > MOST_LISTED else tuple(table)


def _finish_puts(
    shards: Shards, hashes: NDArray[np.bytes_], made: NDArray[np.bool_], shipped: ShippedJob
) -> None:
    """Wait for what travels to a store, and make again what a worker could not put before it ended."""
    flush_shards()
    if shards.store.exists(INDEX_NAME):  # another has finished the dataset, and removed all notes
        return
    lost = np.flatnonzero(made & (shards.read_notes()["blake3"] != hashes)).tolist()
    if lost:
        list(run_shards(make_shard, lost, workers=1, initializer=open_job, initargs=(shipped,)))
        flush_shards()


def _name_shard(layout: Layout, k: int) -> str:
    rows = layout.find_rows(k)
    return f"shard {k} (rows {rows.start:,} to {rows.stop - 1:,})"


def count_workers(workers: int, executor: str) -> int:
    """Return how many processes make rows; 0 where nobody knows.

    Args:
        workers: Of this machine, where it is this machine's processes that do.
        executor: As ``check_executor`` has returned it.
    """
    if not is_dask(executor):
        return workers
    number = executor.removeprefix("dask:")
    return int(number) if number.isdecimal() else 0


def describe_run(produced: Produced, workers: int, libraries: Iterable[str]) -> dict[str, Any]:
    """Return what may differ between runs that make equal datasets, as run.json holds it."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(produced.seconds, 3),
        "rows_made": produced.n_made,
        "images_per_second": round(produced.images_per_second),
        "workers": workers or produced.n_workers,
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in libraries},
    }
