"""What commands say: progress on stderr, results on stdout; knows no command."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from glyphgen.choices import MAKERS
from glyphgen.errors import DatasetError, TrainingError
from glyphgen.text import format_json, show_count, show_foreign, show_lines

if TYPE_CHECKING:
    from rich.progress import Progress as ProgressBar

    from glyphgen.files.address import Place
    from glyphgen.production import Produced
    from glyphgen.progress import Progress, Reporter

__all__ = [
    "DATASETS",
    "RUNS",
    "choose_run",
    "describe_metrics",
    "describe_produced",
    "find_newest_dataset",
    "print_assembled",
    "print_json",
    "print_line",
    "print_path",
    "print_result",
    "print_table",
    "print_warnings",
    "say",
    "say_how_to_resume",
    "say_produced",
    "show_progress",
]

P = TypeVar("P", bound="Place")

DATASETS = Path("datasets")
RUNS = Path("runs")


@contextmanager
def show_progress(*, quiet: bool) -> "Iterator[Reporter]":
    """Give a reporter that shows lines, and a bar with speed and time left, on stderr."""
    from glyphgen.progress import SILENT

    if quiet:
        yield SILENT
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),  # moves also where a step has one unit, and that takes long
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield _StderrReporter(progress)


_SECONDS_PER_UPDATE = 0.05
_SECONDS_PER_LINE = 10.0


class _StderrReporter:
    """Prints lines, and draws how far a step has come as a bar; in a log as a line now and then."""

    def __init__(self, bars: "ProgressBar") -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}
        self._updated = self._printed = time.monotonic()

    def message(self, line: str) -> None:
        """Print a line."""
        say(line)

    def warning(self, line: str) -> None:
        """Print a line as a warning."""
        print_warnings([line])

    def progress(self, progress: "Progress") -> None:
        """Draw the bar of a step, and take it away at the step's end."""
        if self._bars.disable:
            self._print_line(progress)
            return
        is_done = 0 < progress.total <= progress.done
        is_new = progress.step not in self._tasks
        now = time.monotonic()
        if not (is_new or is_done) and now - self._updated < _SECONDS_PER_UPDATE:
            return
        self._updated = now
        if is_done and not is_new:
            self._bars.remove_task(self._tasks.pop(progress.step))
        if is_done:
            return
        if is_new:
            self._tasks[progress.step] = self._bars.add_task(
                _describe_step(progress), total=None, rate=""
            )
        task = self._tasks[progress.step]
        speed = next(each.speed for each in self._bars.tasks if each.id == task)
        self._bars.update(
            task,
            description=_describe_step(progress),
            completed=progress.done,
            total=progress.total or None,
            rate=f"{speed:,.0f} {progress.unit} a second" if speed else "",
        )

    def _print_line(self, progress: "Progress") -> None:
        if time.monotonic() - self._printed >= _SECONDS_PER_LINE:
            self._printed = time.monotonic()
            of_all = f" of {progress.total:,}" if progress.total else ""
            say(f"{_describe_step(progress)}: {progress.done:,}{of_all} {progress.unit}")


def _describe_step(progress: "Progress") -> str:
    described = f"{progress.step}, {progress.detail}" if progress.detail else progress.step
    return show_foreign(described)


@contextmanager
def say_how_to_resume(folder: "Place", last: str = "index.json") -> Iterator[None]:
    """Say on stderr what stays when the work inside the block is interrupted.

    Args:
        folder: That is written.
        last: The file in it that is written after all else.
    """
    try:
        yield
    except KeyboardInterrupt:  # or another signal that asks for the end
        from glyphgen.dataset.claim import has_finished_shards

        if has_finished_shards(folder, last):
            what, again = "finished shards stay", "to go on"
        else:
            what, again = "no shard was finished", "to begin anew"
        say(f"{folder}: interrupted; {what} (run the same command again {again})")
        raise


def describe_produced(produced: "Produced") -> str:
    """Return what was made, and how fast, in one line."""
    n_rows, n_made = produced.n_rows, produced.n_made
    if not n_made:
        were = "was" if n_rows == 1 else "were"
        how = "and every shard has its hash" if produced.is_read else "unchanged by size and date"
        return f"{show_count(n_rows, 'image')} {were} there already, {how}"
    kept = f", {n_rows - n_made:,} were there already" if n_made < n_rows else ""
    speed = f"{produced.images_per_second:,.0f} a second"
    if produced.n_steady:
        speed = f"{produced.start_seconds:.1f} s to start, then {speed}"
    return f"{show_count(n_made, 'image')} in {produced.seconds:.1f} s ({speed}){kept}"


def say_produced(produced: "Produced") -> None:
    """Say what was made, and by what digest it is known, in two lines on stderr."""
    say(describe_produced(produced))
    say(f"digest {produced.digest}")


def print_result(text: str, summary: dict[str, Any], *, as_json: bool) -> None:
    """Print the result on stdout, for people or as JSON."""
    if as_json:
        print_json(summary)
    else:
        print_path(text)


def print_line(line: str) -> None:
    """Print a line of the result on stdout."""
    click.echo(show_foreign(line))


def print_path(path: str | os.PathLike[str]) -> None:
    """Print a path on stdout: byte for byte where a program reads it, as it may be shown on a terminal."""
    text = os.fspath(path)
    as_bytes = text.encode("utf-8", "surrogateescape")
    click.echo(show_lines(text) if sys.stdout.isatty() else as_bytes)


def print_json(page: object, *, indent: int | None = None) -> None:
    """Print a result as JSON on stdout."""
    click.echo(format_json(page, indent=indent))


def print_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table on stdout; where nobody looks, as in a pipe, no column is narrowed.

    Its text comes from fonts and files: brackets are no markup, and nothing acts on the terminal.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    def show(value: object) -> Text:
        return Text(show_foreign(str(value)))

    table = Table()
    for column in columns:
        table.add_column(show(column))
    for row in rows:
        table.add_row(*map(show, row))
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def print_warnings(warnings: Iterable[str]) -> None:
    """Print warnings on stderr, one line each."""
    for warning in warnings:
        say(f"warning: {warning}")


def find_newest_dataset(*, without_copies: bool = False) -> Path:
    """Return the newest complete dataset under datasets/, and name it on stderr.

    Args:
        without_copies: Pass over datasets in which a row may be a copy of another.

    Raises:
        DatasetError: There is none.
    """
    complete = sorted(DATASETS.glob("*/index.json"), key=lambda path: path.stat().st_mtime)
    if without_copies:
        complete = [path for path in complete if _has_only_originals(path.parent)]
    if not complete:
        raise DatasetError(
            f"{DATASETS}: holds no complete dataset (name one, or run `glyphgen render` first)"
        )
    folder = complete[-1].parent
    say(f"using {folder}")
    return folder


def _has_only_originals(folder: Path) -> bool:
    """Return whether no row is a copy of another; say why a dataset cannot be read, and is passed over."""
    from glyphgen.dataset.index import read_index

    try:
        return not MAKERS[read_index(folder).made_by].has_copies
    except DatasetError as error:
        print_warnings(f"{problem}: passed over" for problem in error.problems)
        return False


def choose_run(places: Sequence[P]) -> tuple[Path, tuple[P, ...]]:
    """Return the trained network that arguments begin with, and the arguments after it.

    Where the first argument is no trained network, it is the newest one under runs/, which is named
    on stderr.

    Args:
        places: A trained network is a ``.safetensors`` file, or a folder that holds one.

    Raises:
        TrainingError: There is none.
    """
    from glyphgen.baseline.checkpoint import CHECKPOINT_NAME

    if places:
        first = places[0]
        if isinstance(first, Path) and (
            first.suffix == Path(CHECKPOINT_NAME).suffix or (first / CHECKPOINT_NAME).exists()
        ):
            return first, tuple(places[1:])
    runs = sorted(RUNS.glob(f"*/{CHECKPOINT_NAME}"), key=lambda path: path.stat().st_mtime)
    if not runs:
        raise TrainingError(
            f"{RUNS}: holds no trained model (name one, or run `glyphgen train-baseline` first)"
        )
    say(f"using {runs[-1].parent}")
    return runs[-1].parent, tuple(places)


def say(line: str) -> None:
    """Print a line on stderr."""
    click.echo(show_foreign(line), err=True)


def print_assembled(
    produced: "Produced", *, quiet: bool, as_json: bool, summary: dict[str, object]
) -> None:
    """Print what an import or a merge has made."""
    if not quiet:
        say_produced(produced)
    print_result(
        str(produced.folder),
        {
            "dataset": str(produced.folder),
            "digest": produced.digest,
            "rows": produced.n_rows,
            "rows_made": produced.n_made,
            **summary,
            "seconds": round(produced.seconds, 3),
            "images_per_second": round(produced.images_per_second),
        },
        as_json=as_json,
    )


def describe_metrics(metrics: dict[str, Any]) -> str:
    """Return how well a network reads, in one line."""
    if not metrics["n"]:
        return "no image is of a class that the model knows"
    low, high = metrics["top1_twins_folded_interval"]
    measured_on = metrics.get("measured_on", "test")
    of = "" if measured_on == "test" else f" of {measured_on}, for want of a test split"
    sizes = metrics.get("top1_sizes_folded")
    small = "" if sizes is None else f", small kana folded too {sizes:.2%}"
    return (
        f"{show_count(metrics['n'], 'image')}{of}: top-1 {metrics['top1']:.2%},"
        f" top-5 {metrics['top5']:.2%}, twins folded {metrics['top1_twins_folded']:.2%}"
        f" (95 %: {low:.2%} to {high:.2%}){small}, macro F1 {metrics['macro_f1']:.4f}"
        f"{_describe_adapted(metrics)}"
    )


def _describe_adapted(metrics: dict[str, Any]) -> str:
    if "adapted" not in metrics:
        return ""
    adapted = metrics["adapted"]
    among = f", {adapted['n_among_these']:,} of them these" if adapted["n_among_these"] else ""
    return f"; adapted on {show_count(adapted['n'], 'unlabeled image')}{among}"
