"""Exports a dataset in each format, on one core: images a second of the process's own time."""

import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Measured
from glyphgen.errors import MachineError
from glyphgen.exchange.exporting import export_dataset
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

__all__ = ["GOALS", "measure_exports", "name_export"]

GOALS = {"folder": 15_000, "webdataset": 30_000, "parquet": 30_000}
"""Images a second that are aimed for."""

_RECIPE = Path(__file__).with_name("kana.toml")
_FORMATS = ("folder", "npz", "idx", "webdataset", "parquet", "tfrecord", "lmdb")


def name_export(target_format: str) -> str:
    """Return what the row of a format measures."""
    return f"export {target_format}, one core"


def measure_exports(parent: Path, per_class: int) -> list[Measured]:
    """Export a dataset in each format.

    Args:
        parent: Folder on the disk that is measured.
        per_class: Rows of each of 169 classes.
    """
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    try:
        recipe = read_recipe(_RECIPE, [f"render.per_class={per_class}"])
        source = render_dataset(recipe, folder / "source").folder
        return [_measure(name, source, folder / name) for name in _FORMATS]
    finally:
        shutil.rmtree(folder)


def _measure(target_format: str, source: Path, out: Path) -> Measured:
    what = name_export(target_format)
    start = time.process_time()
    try:
        exported = export_dataset(target_format, source, out)
    except MachineError as error:
        return Measured(what=what, is_compared=False, note=str(error))
    rate = exported.n_rows / (time.process_time() - start)
    wall = f"{exported.images_per_second:,.0f} a second with the time to write"
    return Measured(what=what, rate=rate, is_compared=False, note=wall)
