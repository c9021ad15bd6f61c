"""Balances a dataset and reports on it, as a user does: whole commands, with their memory."""

import resource
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measured
from glyphgen.balance import balance_dataset, draw_up_balancing
from glyphgen.generate import render_dataset
from glyphgen.recipe import read_recipe

__all__ = ["BALANCE", "REPORT", "measure_datasets"]

BALANCE = "balance to disk, all cores"
REPORT = "report on a dataset"

_PER_CLASS = 50  # originals of each of 169 classes


def measure_datasets(parent: Path, workers: int, per_class: int) -> list[Measured]:
    """Render a few originals, balance them to many, and report on the result.

    Args:
        parent: Folder on the disk that is measured.
        workers: Processes that balance.
        per_class: Rows of each class after balancing.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        recipe = read_recipe("kana", [f"render.per_class={_PER_CLASS}"])
        source = render_dataset(recipe, folder / "source", workers=workers).folder
        balancing = draw_up_balancing(source, per_class)
        balanced = balance_dataset(balancing, folder / "balanced", workers=workers)
        seconds, n_rows = _time_report(folder), balanced.n_rows
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        return [
            Measured(
                what=BALANCE,
                rate=balanced.images_per_second,
                note=f"{balanced.n_made:,} images, drawn from {_PER_CLASS} originals a class",
            ),
            Measured(
                what=REPORT,
                rate=n_rows / seconds,
                of_limit=False,
                note=f"{n_rows:,} images in {seconds:.1f} s; {peak:.0f} MB in this process",
            ),
        ]
    finally:
        shutil.rmtree(folder)


def _time_report(folder: Path) -> float:
    from glyphgen.report import make_report

    started = time.perf_counter()
    make_report((folder / "balanced",), folder / "report.html")
    return time.perf_counter() - started
