"""Prints how fast kana at 64 x 64 is drawn, side by side with what one would use instead."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks import augmenting, datasets, engines, exports, scenes, streaming
from benchmarks.machine import describe_machine, save_run
from benchmarks.many_classes import measure_kanji, measure_many_classes
from benchmarks.measure import Measured, Unavailable
from benchmarks.renders import (
    N_CLASSES,
    ROW_BYTES,
    PlainWrite,
    Render,
    choose_folder,
    kept_at_hand,
    measure_help,
)

_DATASETS = Path(__file__).parent.parent / "datasets"
_N_CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Length:
    """How long to measure."""

    drawing: int  # repeats
    reading: int
    augmenting: int
    rendering: int
    short: int  # images per class: 100,000 in all
    long: int  # 700,000 in all
    balanced: int
    reported: int


_FULL = _Length(
    drawing=15,
    reading=5,
    augmenting=7,
    rendering=3,
    short=592,
    long=4142,
    balanced=1000,
    reported=10_000,
)
_QUICK = _Length(
    drawing=3,
    reading=1,
    augmenting=2,
    rendering=1,
    short=100,
    long=600,
    balanced=200,
    reported=1000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Goal:
    """What we aim for, and what was measured.

    Attributes:
        what: Is compared.
        goal: At least, or at most.
        measured: None where a part of it was not measured.
        unit: Of both.
        at_most: Whether less is better.
    """

    what: str
    goal: float
    measured: float | None
    unit: str = "x"
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """Whether what was measured is no worse than the goal."""
        if self.measured is None:
            return False
        return self.measured <= self.goal if self.at_most else self.measured >= self.goal


@click.command()
@click.option("--quick", is_flag=True, help="Measure for a minute, less exactly.")
@click.option(
    "--disk",
    default=_DATASETS,
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to make datasets in, on a disk.",
)
@click.option(
    "--memory",
    default=Path("/dev/shm"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder to make datasets in, in memory.",
)
@click.option("--save", metavar="NAME", help="Add the run to benchmarks/results/NAME.json.")
def main(*, quick: bool, disk: Path, memory: Path, save: str | None) -> None:
    """Measure, and print two tables: what is how fast, and what we aim for."""
    length = _QUICK if quick else _FULL
    disk.mkdir(parents=True, exist_ok=True)
    with Console(stderr=True).status("") as status:
        status.update("drawing")
        rows = engines.measure_engines(length.drawing)
        status.update("reading outlines")
        rows.append(engines.measure_outlines(length.reading))
        status.update("drawing words and pages")
        rows += scenes.measure_scenes(length.reading)
        status.update("planning many classes")
        rows += [measure_many_classes(), measure_kanji()]
        status.update("augmenting")
        rows += augmenting.measure_augmenting(length.augmenting)
        status.update("streaming")
        rows += streaming.measure_streams(length.reading, disk)
        status.update("touching memory")
        with kept_at_hand(2 * length.long * N_CLASSES * ROW_BYTES):
            status.update("making datasets on the disk")
            on_disk = _measure_folder(rows, "disk", disk, (_N_CORES,), length)
            status.update("making datasets on the memory disk")
            in_memory = _measure_folder(rows, "memory disk", memory, (1, 2), length)
        status.update("balancing and reporting")
        rows += datasets.measure_datasets(disk, _N_CORES, length.balanced)
        rows.append(datasets.measure_report_of_many(disk, _N_CORES, length.reported))
        status.update("exporting")
        rows += exports.measure_exports(disk, length.balanced)
        status.update("asking for help")
        goals = _list_goals(rows, [*on_disk, *in_memory], measure_help(10))
    machine = describe_machine()
    console = Console(width=None if sys.stdout.isatty() else 120)
    console.print(_make_table(rows, length, machine))
    console.print(_make_goal_table(goals))
    if save:
        run = {
            "quick": quick,
            "machine": machine,
            "rows": [asdict(row) for row in rows],
            "goals": [asdict(goal) | {"reached": goal.reached} for goal in goals],
        }
        click.echo(save_run(save, run), err=True)


def _measure_folder(
    rows: list[Measured], name: str, parent: Path, workers: Sequence[int], length: _Length
) -> list[Render]:
    """Add the rows of one disk, and return its renders."""
    try:
        folder = choose_folder(name, parent, short=length.short, long=length.long)
    except Unavailable as error:
        rows.append(Measured(what=f"render, {name}", note=str(error)))
        return []
    renders = [
        Render(format=format_, folder=folder, workers=n)
        for format_ in ("npy", "hdf5")
        for n in workers
    ]
    runs: list[PlainWrite | Render] = [PlainWrite(folder=folder), *renders]
    for _ in range(length.rendering):
        for run in runs:
            run.run()
    rows += [run.row for run in runs]
    return renders


def _list_goals(rows: Sequence[Measured], made: Sequence[Render], help_s: float) -> list[_Goal]:
    rate = {row.what: row.rate for row in rows}
    freetype, affine = rate[engines.FREETYPE], rate[engines.AFFINE]
    everything = _divide(rate[engines.EVERYTHING], rate[engines.FREETYPE_BROKEN])
    render = {(render.format, render.folder.name, render.workers): render for render in made}

    def find(*key: object) -> float | None:
        return render[key].rate if key in render else None

    goals = [
        _Goal(what="affine / FreeType alone", goal=2.5, measured=_divide(affine, freetype)),
        _Goal(what="everything / FreeType alone", goal=3, measured=everything),
        _Goal(what="affine / Pillow", goal=12, measured=_divide(affine, rate[engines.PILLOW])),
        _Goal(what="affine / convert", goal=500, measured=_divide(affine, rate[engines.CONVERT])),
    ]
    pixels = _divide(rate[scenes.WORDS], rate[scenes.CHARACTERS])
    goals += [
        _Goal(what="words / single characters, pixels", goal=0.6, measured=pixels),
        _Goal(what="pages with 200 boxes", goal=15, measured=rate[scenes.FEW_BOXES], unit="/s"),
        _Goal(
            what="pages with 2,000 characters", goal=8, measured=rate[scenes.MANY_BOXES], unit="/s"
        ),
    ]
    augment = rate[augmenting.AUGMENT]
    for goal, other in ((20, augmenting.SCIPY), (8, augmenting.ALBUMENTATIONS)):
        what = f"augment / {other.split(',')[0]}"
        goals.append(_Goal(what=what, goal=goal, measured=_divide(augment, rate[other])))
    engine = augment * _N_CORES if augment else None
    what = "balance to disk / augment x cores"
    goals.append(_Goal(what=what, goal=0.75, measured=_divide(rate[datasets.BALANCE], engine)))
    one, two = rate[streaming.ONE_WORKER], rate[streaming.TWO_WORKERS]
    alone, drawing = rate[streaming.STREAM], rate[streaming.STREAM_ENGINE]
    goals += [
        _Goal(what="stream / vector engine", goal=0.8, measured=_divide(alone, drawing)),
        _Goal(what="stream of a recipe, one thread", goal=150_000, measured=alone, unit="/s"),
        _Goal(what="stream, two workers / one", goal=1.8, measured=_divide(two, one)),
        _Goal(
            what="stream, two threads / one",
            goal=1.8,
            measured=_divide(rate[streaming.TWO_THREADS], rate[streaming.ONE_THREAD]),
        ),
        _Goal(
            what="GlyphDataset, random batches of 256",
            goal=300_000,
            measured=rate[streaming.DATASET_BATCHES],
            unit="/s",
        ),
    ]
    written = rate.get("plain write, disk")
    drawn = affine * _N_CORES if affine else None
    lower = min(written, drawn) if written and drawn else None
    for name in ("npy", "hdf5"):
        goals += [
            _Goal(
                what=f"render, {name}, disk, all cores / lower of engine x cores and plain write",
                goal=0.8,
                measured=_divide(find(name, "disk", _N_CORES), lower),
            ),
            _Goal(
                what=f"render, {name}, memory disk, two workers / one",
                goal=1.8,
                measured=_divide(find(name, "memory disk", 2), find(name, "memory disk", 1)),
            ),
        ]
    for name, goal in exports.GOALS.items():
        what = exports.name_export(name)
        goals.append(_Goal(what=what, goal=goal, measured=rate.get(what), unit="/s"))
    for n_rows in sorted({n_rows for render in made for n_rows in render.peak_bytes}):
        peaks = [render.peak_bytes[n_rows] for render in made if n_rows in render.peak_bytes]
        what = f"memory of the largest process, {n_rows:,} images"
        goals.append(_Goal(what=what, goal=400, measured=max(peaks) / 1e6, unit="MB", at_most=True))
    what = "glyphgen --help, median of 10"
    goals.append(_Goal(what=what, goal=200, measured=help_s * 1e3, unit="ms", at_most=True))
    return goals


def _divide(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def _make_table(rows: Sequence[Measured], length: _Length, machine: dict[str, Any]) -> Table:
    freetype = next(row.rate for row in rows if row.what == engines.FREETYPE)
    table = Table(
        title=f"kana at 64 x 64 on {machine['cores']} cores of {machine['cpu']}",
        caption=f"best of {length.drawing} repeats while drawing, of {length.reading} while reading,"
        f" of {length.rendering} on disks, in turns",
    )
    table.add_column("what")
    table.add_column("images/s", justify="right")
    table.add_column("x FreeType", justify="right")
    table.add_column("note")
    for row in rows:
        ratio = _divide(row.rate, freetype) if row.is_compared else None
        table.add_row(
            row.what,
            f"{row.rate:,.0f}" if row.rate else "-",
            f"{ratio:.{2 if ratio > 0.1 else 4}f}" if ratio else "",
            row.note,
        )
    return table


def _make_goal_table(goals: Sequence[_Goal]) -> Table:
    table = Table(title="what we aim for")
    table.add_column("what")
    table.add_column("goal", justify="right")
    table.add_column("measured", justify="right")
    table.add_column("reached")
    for goal in goals:
        digits = 2 if goal.goal < 10 else 0
        measured = "-" if goal.measured is None else f"{goal.measured:.{digits}f} {goal.unit}"
        sign = "<" if goal.at_most else ">="
        table.add_row(
            goal.what,
            f"{sign} {goal.goal:g} {goal.unit}",
            measured,
            "not measured" if goal.measured is None else "yes" if goal.reached else "no",
        )
    return table


if __name__ == "__main__":
    main()
