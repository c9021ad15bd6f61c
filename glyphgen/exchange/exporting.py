"""A dataset -> another format: shards are written by any number of processes, and read back when asked.

export.json is written last, so its presence means that the export is complete. Until then the folder has a
work folder, with a note for each shard that is finished: the same call goes on from them.
"""

import hashlib
import json
import posixpath
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glyphgen.choices import EXPORT_FORMATS, check_choice, check_executor, is_dask
from glyphgen.dataset.claim import (
    WORK,
    check_space,
    claim_alone,
    empty_folder,
    hold_folder,
    list_contents,
    read_claim,
    remove_work_folder,
)
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import ChoiceError, DatasetError, GlyphgenError, MachineError
from glyphgen.exchange.card import CardSubject, make_card_pages
from glyphgen.exchange.export_format import Exporter, ExportOptions, ExportShard, WrittenFile
from glyphgen.exchange.exported_pages import (
    CLASSES_NAME,
    EXPORT_NAME,
    ExportPage,
    dump_class_page,
    dump_export_page,
    read_export_page,
)
from glyphgen.exchange.placed_files import are_there, fetch_files, write_files
from glyphgen.executors import limit_workers, run_shards
from glyphgen.files.address import Address, AnyPlace, Place, parse_place
from glyphgen.files.pages import PageError, parse_page
from glyphgen.files.store import open_store
from glyphgen.production import check_places
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.text import dump_json, show_some
from glyphgen.version import VERSION

__all__ = ["Exported", "export_dataset", "open_exporter"]

_DEFAULTS = ExportOptions()
_WAYS_OUT = "--force replaces it, --out DIR takes another folder"

_Done = dict[int, tuple[WrittenFile, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What ``export_dataset`` did.

    Attributes:
        out: Where the export lies.
        n_rows: Its rows.
        n_written: Rows that were written now; the others were there already.
        seconds: For writing, without reading back.
        n_verified: Rows that were read back and are equal.
    """

    out: Path | Any  # an Address, of which few have to think
    n_rows: int
    n_written: int
    seconds: float
    n_verified: int = 0

    @property
    def images_per_second(self) -> float:
        """Rows written in a second; 0 where none was."""
        return self.n_written / self.seconds if self.n_written else 0.0


def open_exporter(target_format: str, dataset: Dataset, options: ExportOptions) -> Exporter:
    """Return what writes a dataset in a format.

    Raises:
        ChoiceError: There is no such format or split, the format does not take an option, or cannot say
            what the dataset holds.
        DatasetError: The dataset lacks what the format is about.
        MachineError: A library is not installed.
    """
    entry = EXPORT_FORMATS[check_choice(target_format, EXPORT_FORMATS, "target_format")]
    problems = []
    for option in ("splits", "names", "polarity", "polygons"):
        if getattr(options, option) != getattr(_DEFAULTS, option) and option not in entry.takes:
            takers = [name for name, other in EXPORT_FORMATS.items() if option in other.takes]
            problems.append(
                f"--{option}: not for {target_format}, expected only with {', '.join(takers)}"
            )
    if problems:
        raise ChoiceError(*problems)
    exporter: Exporter = entry.load()(dataset, options)
    return exporter


def export_dataset(
    target_format: str,
    dataset: AnyPlace,
    out: AnyPlace,
    *,
    options: ExportOptions = _DEFAULTS,
    workers: int = 1,
    executor: str = "processes",
    verify: bool = False,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> Exported:
    """Write a dataset in another format, or finish that.

    Args:
        target_format: A key of ``EXPORT_FORMATS``.
        dataset: Folder of a complete dataset.
        out: Folder to write, or address in a store; made when absent. Of some formats also a file, by its
            suffix.
        options: How.
        workers: Processes that write.
        executor: Where: see ``check_executor``.
        verify: Read all back with the library of the format, and compare pixels, labels and counts.
        force: Replace whatever ``out`` holds.
        reporter: Is told how far the work is.

    Raises:
        ChoiceError: There is no such format, split or executor, or the format cannot say what the
            dataset holds, or has too many files for a store.
        DatasetError: The dataset is missing or unfinished, the folder holds something else, the disk
            refused, or what is read back differs.
        MachineError: A library is not installed.
        WorkerError: A process died; finished shards stay.
    """
    executor = check_executor(executor)
    source, place = parse_place(dataset), parse_place(out)
    workers = limit_workers(place, workers, executor)
    if isinstance(place, Path) and is_dask(executor):
        place = place.absolute()  # workers have other current folders
    exporter = open_exporter(target_format, load(source), options)
    if isinstance(place, Address) and not exporter.in_stores:
        raise ChoiceError(
            f"{place}: lies in a store, which {target_format} has too many files for, expected a folder"
        )
    check_places(place, [source])
    if exporter.dataset.has_boxes and target_format != "coco":
        reporter.warning(f"{source}: its boxes are left out, which only coco has")
    plan = _Plan(target_format, source.resolve(), place, options)
    suffix = EXPORT_FORMATS[target_format].suffix
    if suffix and place.suffix == suffix:
        exported = _export_file(plan, exporter, force=force, reporter=reporter)
        plan = replace(plan, out=place.parent)
    else:
        exported = _export_folder(
            plan, exporter, workers=workers, executor=executor, force=force, reporter=reporter
        )
    if verify:
        _verify(plan, exporter, place, (workers, executor), reporter)
        exported = replace(exported, n_verified=exporter.n_rows)
    return exported


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a worker needs: small, and it can be pickled."""

    target_format: str
    dataset: Place
    out: Place
    options: ExportOptions

    def hash(self, exporter: Exporter) -> str:
        """Return the hash of all that the export's bytes depend on."""
        options = self.options
        page = [
            self.target_format,
            exporter.dataset.digest,
            [exporter.splits, options.names, exporter.polarity, options.card, options.polygons],
            _list_versions(exporter),
        ]
        return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()


def _list_versions(exporter: Exporter) -> dict[str, str]:
    return {"glyphgen": VERSION} | {name: version(name) for name in exporter.libraries}


def _export_file(plan: _Plan, exporter: Exporter, *, force: bool, reporter: Reporter) -> Exported:
    """Write the one file that holds all; nothing lies beside it."""
    if open_store(plan.out.parent).exists(plan.out.name) and not force:
        raise DatasetError(f"{plan.out}: is there already ({_WAYS_OUT.replace('DIR', 'FILE')})")
    check_space(plan.out.parent, exporter.n_bytes)
    started = time.perf_counter()
    (shard,) = exporter.list_shards()
    _report(reporter, exporter, "write", 0, 0)
    write_files(exporter, replace(shard, name=plan.out.name), plan.out.parent)
    _report(reporter, exporter, "write", exporter.n_rows, 1)
    return Exported(
        out=plan.out,
        n_rows=exporter.n_rows,
        n_written=exporter.n_rows,
        seconds=time.perf_counter() - started,
    )


def _export_folder(
    plan: _Plan,
    exporter: Exporter,
    *,
    workers: int,
    executor: str,
    force: bool,
    reporter: Reporter,
) -> Exported:
    out, shards = plan.out, exporter.list_shards()
    with hold_folder(out, reporter):
        started = time.perf_counter()
        key = plan.hash(exporter)
        is_complete, done = _claim(out, key, shards, force=force)
        n_kept = sum(shards[k].n_rows for k in done)
        if not (is_complete and len(done) == len(shards)):
            if not done:
                check_space(out, exporter.n_bytes)
            folders = {posixpath.dirname(shard.name) for shard in shards}
            _sweep(out, folders)
            _write_shards(plan, exporter, done, (workers, executor), reporter)
            _sweep(out, folders)  # what workers that were killed left
            pages = {
                CLASSES_NAME: dump_class_page(exporter.dataset.classes),
                **exporter.make_pages(),
                **(_make_card(exporter, done) if plan.options.card else {}),
            }
            for name, content in pages.items():
                open_store(out).put(name, content)
            open_store(out).put(EXPORT_NAME, dump_export_page(_make_page(exporter, key, done)))
        remove_work_folder(out)
        return Exported(
            out=out,
            n_rows=exporter.n_rows,
            n_written=exporter.n_rows - n_kept,
            seconds=time.perf_counter() - started,
        )


def _make_card(exporter: Exporter, done: _Done) -> dict[str, bytes]:
    return make_card_pages(
        CardSubject(
            dataset=exporter.dataset,
            splits={name: end - first for name, (first, end) in exporter.splits.items()},
            polarity=exporter.polarity,
            files=tuple(file for k in sorted(done) for file in done[k]),
            format=exporter.format,
            data_files=exporter.list_data_files(),
        )
    )


def _make_page(exporter: Exporter, key: str, done: _Done) -> ExportPage:
    index = exporter.dataset.index
    return ExportPage(
        content_key=key,
        format=exporter.format,
        dataset=index.name,
        digest=exporter.dataset.digest,
        polarity=exporter.polarity,
        height=index.image.height,
        width=index.image.width,
        splits={name: end - first for name, (first, end) in exporter.splits.items()},
        files=tuple(done[k] for k in sorted(done)),
        versions=_list_versions(exporter),
    )


def _sweep(out: Place, folders: Iterable[str]) -> None:
    for folder in folders:
        open_store(out).sweep(folder)


# --- Whose the folder is, and what is finished


def _claim(
    out: Place, key: str, shards: tuple[ExportShard, ...], *, force: bool
) -> tuple[bool, _Done]:
    """Make a folder the place of one export; return whether it is complete, and what is finished."""
    if force and list_contents(out):
        empty_folder(out)
    page = read_export_page(out)
    if page is not None:
        _check_key(out, "an export", page.content_key, key)
        found = dict(enumerate(page.files)) if len(page.files) == len(shards) else {}
        return True, {k: files for k, files in found.items() if are_there(out, files)}
    if claimed := read_claim(out):
        _check_key(out, "what is unfinished and", claimed, key)
        notes = {k: _read_note(out, k) for k in range(len(shards))}
        return False, {
            k: files for k, files in notes.items() if files is not None and are_there(out, files)
        }
    if contents := list_contents(out):
        raise DatasetError(f"{out}: holds something else: {show_some(contents)} ({_WAYS_OUT})")
    with claim_alone(out, key):
        _check_key(out, "what is unfinished and", read_claim(out), key)
    return False, {}


def _check_key(out: Place, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise DatasetError(
            f"{out}: holds {what} of another dataset, format, option or version ({_WAYS_OUT})"
        )


def _name_note(number: int) -> str:
    return f"{WORK}/shard-{number:06}.json"


def _read_note(out: Place, number: int) -> tuple[WrittenFile, ...] | None:
    try:
        return parse_page(open_store(out).get_range(_name_note(number)), _Note).files
    except (OSError, PageError):
        return None


@dataclass(frozen=True, slots=True)
class _Note:
    files: tuple[WrittenFile, ...]


# --- Writing


def _write_shards(
    plan: _Plan, exporter: Exporter, done: _Done, where: tuple[int, str], reporter: Reporter
) -> None:
    """Write the shards that are not finished, and add them to those that are."""
    shards = exporter.list_shards()
    missing = [k for k in range(len(shards)) if k not in done]
    n_rows = sum(shards[k].n_rows for k in done)
    workers, executor = where
    _report(reporter, exporter, "write", n_rows, len(done))
    results = run_shards(
        _write_shard,
        missing,
        workers=max(1, min(workers, len(missing))),
        executor=executor,
        initializer=_open_worker,
        initargs=(plan,),
    )
    for k, files in results:
        if is_dask(executor) and not are_there(plan.out, files):
            raise DatasetError(
                f"{plan.out}: a worker has written {files[0].name}, which is not there"
                " (--out takes a folder that all workers see)"
            )
        done[k] = files
        n_rows += shards[k].n_rows
        _report(reporter, exporter, "write", n_rows, len(done))


def _report(reporter: Reporter, exporter: Exporter, step: str, n_rows: int, n_shards: int) -> None:
    total = len(exporter.list_shards())
    detail = f"{n_shards:,} of {total:,} shards"
    reporter.progress(
        Progress(step=step, done=n_rows, total=exporter.n_rows, unit="images", detail=detail)
    )


_worker: list[tuple[Place, Exporter]] = []  # one at most: of this process
_one_at_a_time = threading.Lock()  # libraries of formats need not be for several threads


def _open_worker(plan: _Plan) -> None:
    exporter = open_exporter(plan.target_format, load(plan.dataset), plan.options)
    _worker[:] = [(plan.out, exporter)]


def _write_shard(k: int) -> tuple[WrittenFile, ...]:
    [(out, exporter)] = _worker
    with _one_at_a_time:
        files = write_files(exporter, exporter.list_shards()[k], out)
    note = {"files": [{"name": f.name, "bytes": f.bytes, "sha256": f.sha256} for f in files]}
    open_store(out).put(_name_note(k), dump_json(note))
    return files


# --- Reading back


def _verify(
    plan: _Plan, exporter: Exporter, place: Place, where: tuple[int, str], reporter: Reporter
) -> None:
    """Read every shard with the library of its format, and compare it with the dataset.

    Raises:
        DatasetError: Something differs, or cannot be read.
        MachineError: The library is not installed.
    """
    shards = exporter.list_shards()
    name = place.name if plan.out != place else ""
    problems = {}
    n_rows = 0
    workers, executor = where
    _report(reporter, exporter, "read back", 0, 0)
    results = run_shards(
        partial(_check_shard, name=name),
        range(len(shards)),
        workers=max(1, min(workers, len(shards))),
        executor=executor,
        initializer=_open_worker,
        initargs=(plan,),
    )
    for n_done, (k, problem) in enumerate(results, start=1):
        n_rows += shards[k].n_rows
        if problem:
            problems[k] = (
                f"{plan.out / (name or shards[k].name)}: {problem} (export again, with --force)"
            )
        _report(reporter, exporter, "read back", n_rows, n_done)
    if problems:
        raise DatasetError(*(problems[k] for k in sorted(problems)))


def _check_shard(k: int, name: str) -> str:
    """Return what is wrong with a shard; empty where nothing is."""
    [(out, exporter)] = _worker
    shard = exporter.list_shards()[k]
    try:
        with _one_at_a_time, fetch_files(out, k, name) as folder:
            return exporter.find_difference(replace(shard, name=name or shard.name), folder)
    except MachineError:
        raise
    except GlyphgenError as error:
        return error.problems[0]
    except Exception as error:  # noqa: BLE001 - of a library that reads what may be damaged
        said = " ".join(str(error).split())
        return f"cannot be read back: {said or type(error).__name__}"
