"""Balances a dataset and reports on it, as a user does: whole commands, with their memory."""

import shutil
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.launch import launch
from benchmarks.measure import Measured, Unavailable
from benchmarks.renders import N_CLASSES, choose_folder
from glyphgen.balance import balance_dataset, prepare_balance
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

__all__ = ["BALANCE", "REPORT", "measure_datasets", "measure_report_of_many"]

BALANCE = "balance to disk, all cores"
REPORT = "report on a dataset"

_RECIPE = Path(__file__).with_name("kana.toml")
_GLYPHGEN = (sys.executable, "-m", "glyphgen")
_PER_CLASS = 50  # originals of each of 169 classes
_READ_BYTES = 16 << 20  # at once, as the report does


def measure_datasets(parent: Path, workers: int, per_class: int) -> list[Measured]:
    """Render a few originals, balance them to many, and report on the result.

    Args:
        parent: Folder on the disk that is measured.
        workers: Processes that balance.
        per_class: Rows of each class after balancing.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        recipe = read_recipe(_RECIPE, [f"render.per_class={_PER_CLASS}"])
        source = render_dataset(recipe, folder / "source", workers=workers).folder
        balancing = prepare_balance(source, per_class)
        balanced = balance_dataset(balancing, folder / "balanced", workers=workers)
        again = ["--per-class", str(per_class), "--out", str(folder / "again"), "--quiet"]
        _, balance_bytes = launch([*_GLYPHGEN, "balance", str(source), *again])
        page = ["-o", str(folder / "report.html")]
        seconds, report_bytes = launch([*_GLYPHGEN, "report", str(folder / "balanced"), *page])
        return [
            Measured(
                what=BALANCE,
                rate=balanced.images_per_second,
                note=f"{balanced.n_made:,} images of {_PER_CLASS} originals a class;"
                f" {balance_bytes / 1e6:.0f} MB in the largest process",
            ),
            Measured(
                what=REPORT,
                rate=balanced.n_rows / seconds,
                is_compared=False,
                note=f"{balanced.n_rows:,} images in {seconds:.1f} s;"
                f" {report_bytes / 1e6:.0f} MB in the largest process",
            ),
        ]
    finally:
        shutil.rmtree(folder)


def measure_report_of_many(parent: Path, workers: int, per_class: int) -> Measured:
    """Report on as many rows as balancing the kana to 10,000 makes, beside a plain read of the images.

    Args:
        parent: Folder on the disk that is measured.
        workers: Processes that render.
        per_class: Rows of each of 169 classes.
    """
    what = "report on many images"
    try:
        chosen = choose_folder("disk", parent, short=1, long=per_class)
    except Unavailable as error:
        return Measured(what=what, is_compared=False, note=str(error))
    with chosen.opened() as folder:
        recipe = read_recipe(_RECIPE, [f"render.per_class={chosen.long}"])
        many = render_dataset(recipe, folder / "many", workers=workers).folder
        start = time.perf_counter()
        with (many / "images.npy").open("rb", buffering=0) as images:
            block = bytearray(_READ_BYTES)
            while images.readinto(block):
                pass
        plain = time.perf_counter() - start
        page = ["-o", str(folder / "report.html")]
        seconds, peak_bytes = launch([*_GLYPHGEN, "report", str(many), *page])
    n_rows = chosen.long * N_CLASSES
    return Measured(
        what=what,
        rate=n_rows / seconds,
        is_compared=False,
        note=f"{n_rows:,} images in {seconds:.1f} s, {seconds / plain:.1f} times as long as a plain"
        f" read of them; {peak_bytes / 1e6:.0f} MB in the largest process",
    )
