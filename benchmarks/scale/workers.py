"""What a worker spends on a shard, by its rows and by its format, and how much shards differ."""

import cProfile
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scale.subject import Effort, open_subject, prepare_subject, tick
from glyphgen.shard_making import make_shard

__all__ = ["DEFAULT_ROWS", "measure_workers"]

DEFAULT_ROWS = 8192  # of a shard of images of 64 x 64, where the recipe does not say
_SIZES = (256, 1024, 4096, DEFAULT_ROWS, 32_768)
_FORMATS = {"npy": ("npy", "none"), "hdf5": ("hdf5", "none"), "gzip": ("hdf5", "gzip")}
_ROWS = 8 * DEFAULT_ROWS  # of a run
_FEWER = {"gzip": 4 * DEFAULT_ROWS}
_STEPS = {
    "draw": "make_rows",
    "hash": "hash_arrays",
    "write": "_write_arrays",
    "note": "write_note",
    "look for an earlier one": "find_done",
}


def measure_workers(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return seconds and bytes of shards, each made by this process alone.

    Args:
        folder: On the disk that is measured.
        quick: A few tiny shards.
    """
    sizes = (8, 16, 32) if quick else _SIZES
    rounds = 1 if quick else 2
    runs = [("npy", rows) for rows in sizes] + [(name, sizes[-2]) for name in ("hdf5", "gzip")]
    efforts: dict[tuple[str, int], list[Effort]] = {run: [] for run in runs}
    n_bytes: dict[str, float] = {}
    for _ in range(rounds):
        for name, rows in runs:
            made, stored = _make_some(folder, name, rows, quick=quick)
            efforts[name, rows] += made
            n_bytes[name] = stored
    typical = {run: statistics.median(e.cpu for e in made) for run, made in efforts.items()}
    per_row, fixed = np.polyfit(
        sizes, [typical["npy", rows] for rows in sizes], 1, w=1 / np.array(sizes)
    )
    usual = efforts["npy", sizes[-2]]
    middle = typical["npy", sizes[-2]]
    return {
        "rows_per_shard": sizes[-2],
        "row_bytes": n_bytes["npy"],
        "cpu_s_by_rows": {str(rows): typical["npy", rows] for rows in sizes},
        "cpu_s_fixed": max(0.0, fixed),
        "cpu_s_per_row": per_row,
        "disk_wait_s": statistics.median(e.waited for e in usual),
        "spread": sorted(round(e.cpu / middle, 4) for e in usual),
        "formats": {
            name: {"cpu_s": typical[name, sizes[-2]], "row_bytes": n_bytes[name]}
            for name in _FORMATS
        },
        "steps_s": _profile(folder, sizes[-2], quick=quick),
    }


def _make_some(parent: Path, name: str, rows: int, *, quick: bool) -> tuple[list[Effort], float]:
    """Make shards of a format; return what each took, and the bytes of a row on the disk."""
    format, compression = _FORMATS[name]
    settings = (
        f"output.rows_per_shard={rows}",
        f"output.format={format}",
        f"output.compression={compression}",
    )
    prepared = prepare_subject(quick=quick, settings=settings)
    efforts = []
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=parent) as made,
        open_subject(prepared, Path(made)) as layout,
    ):
        n_shards = (256 if quick else _FEWER.get(name, _ROWS)) // rows
        make_shard(n_shards)  # the first one touches memory and opens libraries
        for k in range(n_shards):
            before = tick()
            make_shard(k)
            efforts.append(tick(before))
        if name == "npy":
            return efforts, float(layout.row_bytes)
        stored = sum(path.stat().st_size for path in Path(made).rglob("*.h5"))
        return efforts, stored / rows / (n_shards + 1)


def _profile(parent: Path, rows: int, *, quick: bool) -> dict[str, float]:
    """Return the processor seconds of each step of a shard."""
    prepared = prepare_subject(quick=quick, settings=(f"output.rows_per_shard={rows}",))
    with (
        tempfile.TemporaryDirectory(prefix=".bench-", dir=parent) as made,
        open_subject(prepared, Path(made)) as layout,
    ):
        n = min(layout.n_shards - 1, 12)
        make_shard(n)
        profile = cProfile.Profile(time.process_time)
        profile.enable()
        for k in range(n):
            make_shard(k)
        profile.disable()
    found: dict[str, float] = {}
    for (_, _, function), (*_, cumulative, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        found[function] = max(found.get(function, 0.0), cumulative / n)
    steps = {step: found.get(function, 0.0) for step, function in _STEPS.items()}
    return steps | {"whole": found["make_shard"]}
