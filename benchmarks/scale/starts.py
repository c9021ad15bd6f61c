"""What is spent once: by the driver before the first shard and after the last, and by each worker."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.scale.stores import serve_store
from benchmarks.scale.subject import (
    Effort,
    find_children_cpu,
    open_subject,
    prepare_subject,
    tick,
)
from glyphgen.dataset.claim import find_work_folder
from glyphgen.executors import run_shards
from glyphgen.render.rendering import render_prepared
from glyphgen.shard_making import make_shard, open_job
from glyphgen.shipping import ShippedJob, open_shipped, ship_job

__all__ = ["measure_starts"]


def measure_starts(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return what each part of a start takes.

    Args:
        folder: On the disk that is measured.
        quick: A smaller recipe.
    """
    rounds = 1 if quick else 2
    settings = () if quick else ("render.per_class=1", "output.rows_per_shard=1000")  # two shards
    prepare_subject(quick=quick, settings=settings)  # asks the gate, where nobody has before
    preparing: list[float] = []
    starting: list[float] = []
    rendering: list[Effort] = []
    opening: list[Effort] = []
    for _ in range(rounds):
        before, helped = tick(), find_children_cpu()
        prepared = prepare_subject(quick=quick, settings=settings)
        preparing.append(tick(before).cpu + find_children_cpu() - helped)
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as made:
            before = tick()
            render_prepared(prepared, Path(made) / "one")
            rendering.append(tick(before))
        with (
            tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as made,
            open_subject(prepared, Path(made)) as layout,
        ):
            job = find_work_folder(Path(made)) / "job"
            job_bytes = sum(path.stat().st_size for path in job.rglob("*") if path.is_file())
            before = tick()
            make_shard(0)
            one = tick(before)
            before = tick()
            open_shipped(ShippedJob(job))
            opening.append(tick(before))
            starting.append(_start_workers(ShippedJob(job)) - one.cpu)
            if len(starting) == rounds:
                shipping, fetching = _ship(job)
    return {
        "prepare_cpu_s": statistics.median(preparing),
        "prepare_cold_cpu_s": _prepare_cold(quick),
        "render_one_cpu_s": max(0.0, _middle(rendering).cpu - one.cpu * layout.n_shards),
        "render_one_wait_s": _middle(rendering).waited,
        "worker_cpu_s": statistics.median(starting),
        "open_cpu_s": _middle(opening).cpu,
        "faces": len(prepared.faces),
        "classes": len(prepared.table),
        "job_bytes": job_bytes,
        "ship_cpu_s": shipping.cpu,
        "fetch_cpu_s": fetching.cpu,
    }


def _middle(efforts: list[Effort]) -> Effort:
    return sorted(efforts, key=lambda effort: effort.cpu)[len(efforts) // 2]


def _prepare_cold(quick: bool) -> float:
    """Return the processor time of working a recipe out on a machine that has never seen its fonts."""
    program = (
        "from benchmarks.scale.subject import prepare_subject\n"
        f"prepare_subject(quick={quick}, settings=())"
    )
    with tempfile.TemporaryDirectory() as cache:
        before = find_children_cpu()
        subprocess.run(
            [sys.executable, "-c", program], env=os.environ | {"XDG_CACHE_HOME": cache}, check=True
        )
        return find_children_cpu() - before


def _start_workers(shipped: ShippedJob) -> float:
    """Return the processor time of a new worker until it has made its first shard."""
    before = find_children_cpu()
    list(run_shards(make_shard, range(2), workers=2, initializer=open_job, initargs=(shipped,)))
    return (find_children_cpu() - before) / 2


def _ship(job: Path) -> tuple[Effort, Effort]:
    """Ship a job through a store; return what the driver and a worker spend."""
    with serve_store() as store:
        before = tick()
        shipped = ship_job(job, store.place("shipped"))
        shipping = tick(before)
        before = tick()
        open_shipped(shipped)
        return shipping, tick(before)
