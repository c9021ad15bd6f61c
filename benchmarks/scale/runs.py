"""Whole runs on this machine with 1, 2 and 4 workers, which the model has to predict."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.scale.subject import prepare_subject, prepare_tiny, tick
from glyphgen.render.indexing import make_layout
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.rendering import render_prepared

__all__ = ["WORKERS", "measure_runs"]

WORKERS = (1, 2, 4)

_SPIN_S = 1.0
_SPIN = f"""
import sys, time
start = float(sys.argv[1])
while time.time() < start:
    time.sleep(0.001)
cpu, n = time.process_time(), 0
while time.time() < start + {_SPIN_S}:
    sum(range(20_000))
    n += 1
print(n, time.process_time() - cpu)
"""
_LEAD_S = 0.5  # in which all processes start


def measure_runs(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return the seconds of runs of usual and of tiny shards, and what cores there were meanwhile.

    Args:
        folder: On the disk that is measured.
        quick: Fewer and smaller shards.
    """
    rounds = 1 if quick else 3
    settings = () if quick else ("render.per_class=200",)
    kinds = {
        "usual": prepare_subject(quick=quick, settings=settings),
        "tiny": prepare_tiny(20 if quick else 1000),
    }
    spins: dict[int, list[tuple[float, float]]] = {n: [] for n in WORKERS}
    seconds: dict[tuple[str, int], list[float]] = {(k, n): [] for k in kinds for n in WORKERS}
    for name, prepared in kinds.items():
        _run(folder, prepared, 2)  # opens what all runs need
        for _ in range(rounds):
            for n in WORKERS:
                spins[n].append(_spin(n))
                seconds[name, n].append(_run(folder, prepared, n))
    layouts = {name: make_layout(prepared) for name, prepared in kinds.items()}
    alone = statistics.median(best for _, best in spins[1])
    return {
        "cores": {
            str(n): statistics.median(loops for loops, _ in found) / alone
            for n, found in spins.items()
        },
        "kinds": {
            name: {
                "shards": layout.n_shards,
                "rows": layout.n_rows,
                "rows_per_shard": layout.rows_per_shard,
                "seconds": {str(n): seconds[name, n] for n in WORKERS},
            }
            for name, layout in layouts.items()
        },
    }


def _run(parent: Path, prepared: PreparedRender, workers: int) -> float:
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=parent) as made:
        before = tick()
        render_prepared(prepared, Path(made) / "made", workers=workers)
        return tick(before).wall


def _spin(n: int) -> tuple[float, float]:
    """Return the loops that so many busy processes do in a second, and the best of a second of a core."""
    start = time.time() + _LEAD_S
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _SPIN, str(start)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(n)
    ]
    done = [process.communicate()[0].split() for process in running]
    best = max(int(loops) / float(cpu) for loops, cpu in done)
    return sum(int(loops) for loops, _ in done) / _SPIN_S, best
