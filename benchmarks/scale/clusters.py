"""What Dask adds to a shard, and two of its workers beside two processes of this machine, in turns."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil  # type: ignore[import-untyped]

from benchmarks.scale.subject import find_children_cpu, prepare_subject, tick
from glyphgen.executors import dask_cluster, run_shards
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.rendering import render_prepared

__all__ = ["measure_dask", "nothing"]

_N_TASKS = 1000
_N_WORKED = 400
_N_FIRST = 20  # which start the workers
_WORK_S = 0.02
_PLACES = {"processes": "processes", "dask": "dask:2"}
_ROOT = Path(__file__).parent.parent.parent


def nothing(number: int) -> int:
    """Be a shard that costs nothing."""
    return number


def _work(number: int) -> int:
    """Be a shard that takes a fixed time of a core."""
    until = time.process_time() + _WORK_S
    while time.process_time() < until:
        pass
    return number


def measure_dask(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return what Dask's client, scheduler and workers spend on a task, and whole renders in turns.

    Args:
        folder: On the disk that is measured.
        quick: Fewer tasks, and tiny shards.
    """
    n_tasks, rounds = (30, 1) if quick else (_N_TASKS, 3)
    before = find_children_cpu()
    list(run_shards(nothing, range(2), workers=2))
    process = (find_children_cpu() - before) / 2
    before, clock = find_children_cpu(), tick()
    list(run_shards(nothing, range(n_tasks), workers=2))
    handing = (find_children_cpu() - before - 2 * process) / n_tasks
    sending = tick(clock).cpu / n_tasks
    settings = () if quick else ("render.per_class=200",)
    prepared = prepare_subject(quick=quick, settings=settings)
    tasks: dict[str, list[float]] = {name: [] for name in _PLACES}
    renders: dict[str, list[float]] = {name: [] for name in _PLACES}
    for _ in range(rounds):
        for name, executor in _PLACES.items():
            tasks[name].append(_run_tasks(executor, n_tasks if quick else _N_WORKED))
            renders[name].append(_render(folder, prepared, executor))
    return {
        "tasks": _find_parts(n_tasks, alone=True),
        "shared": _find_parts(n_tasks, alone=False),
        "process_cpu_s": process,
        "process_task_cpu_s": max(0.0, handing),
        "process_driver_cpu_s": sending,
        "work_s": _WORK_S,
        "task_s": tasks,
        "shard_s": renders,
        "task_ratio": _compare(tasks),
        "shard_ratio": _compare(renders),
    }


def _compare(seconds: dict[str, list[float]]) -> float:
    """Return how many times as fast Dask is, by the median of the rounds."""
    pairs = zip(seconds["processes"], seconds["dask"], strict=True)
    return statistics.median(here / there for here, there in pairs)


def _run_tasks(executor: str, n: int) -> float:
    """Return the seconds of a task on two workers that have started."""
    results = run_shards(_work, range(n + _N_FIRST), workers=2, executor=executor)
    for _ in range(_N_FIRST):
        next(results)
    started = time.perf_counter()
    done = sum(1 for _ in results)
    return (time.perf_counter() - started) / done


def _render(folder: Path, prepared: PreparedRender, executor: str) -> float:
    """Return the seconds of a shard once all workers have started."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as made:
        done = render_prepared(prepared, Path(made) / "made", workers=2, executor=executor)
    seconds = done.seconds - done.start_seconds
    return seconds / (done.n_steady or done.n_rows) * done.n_rows / _count_shards(prepared)


def _count_shards(prepared: PreparedRender) -> int:
    from glyphgen.render.indexing import make_layout

    return make_layout(prepared).n_shards


def _find_parts(n: int, *, alone: bool) -> dict[str, float]:
    """Return the processor time of each process for a shard that costs nothing, and its memory.

    Args:
        n: Shards.
        alone: Each is a task of its own, as those that take their time are; else they share tasks.
    """
    task_s = 0.0 if alone else dask_cluster.TASK_S
    with (
        _start_cluster() as (executor, scheduler, workers),
        patch.object(dask_cluster, "TASK_S", task_s),
    ):
        list(run_shards(nothing, range(_N_FIRST), workers=1, executor=executor))
        clocks = [tick().cpu, _find_cpu(scheduler), sum(map(_find_cpu, workers))]
        before = tick()
        list(run_shards(nothing, range(n // 2), workers=1, executor=executor))
        rss = scheduler.memory_info().rss  # its logs have their full length by now
        list(run_shards(nothing, range(n - n // 2), workers=1, executor=executor))
        wall = tick(before).wall
        spent = [
            after - earlier
            for after, earlier in zip(
                (tick().cpu, _find_cpu(scheduler), sum(map(_find_cpu, workers))),
                clocks,
                strict=True,
            )
        ]
        client, scheduling, working = (seconds / n for seconds in spent)
        return {
            "wall_s": wall / n,
            "client_cpu_s": client,
            "scheduler_cpu_s": scheduling,
            "worker_cpu_s": working,
            "scheduler_bytes": scheduler.memory_info().rss,
            "scheduler_bytes_kept": (scheduler.memory_info().rss - rss) / (n - n // 2),
        }


def _find_cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


@contextmanager
def _start_cluster() -> Iterator[tuple[str, psutil.Process, list[psutil.Process]]]:
    """Start a scheduler and two workers, each a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    scheduler = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    scheduler += ["--dashboard-address", "127.0.0.1:0", "--no-show"]
    worker = [
        "worker",
        f"tcp://127.0.0.1:{port}",
        "--nthreads",
        "1",
        "--no-dashboard",
        "--no-nanny",
    ]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        started = []
        for options in (scheduler, worker, worker):
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{options[0]}", *options[1:]],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(_ROOT)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(psutil.Process(process.pid))
            if len(started) == 1:
                _wait_for(port)
        import distributed

        library: Any = distributed
        with library.Client(f"tcp://127.0.0.1:{port}", set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield f"dask://127.0.0.1:{port}", started[0], started[1:]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("the scheduler does not answer")
