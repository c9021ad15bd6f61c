"""Where shards are made: one file for each place, and the table of them.

A task is a function of a shard number that may safely be run again. Numbers are taken one by one as
workers get free, and results come in the order in which they are finished.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from glyphgen.executors.processes import run_in_processes
from glyphgen.executors.serial import run_serially

__all__ = ["EXECUTORS", "run_shards"]

R = TypeVar("R")


EXECUTORS: Mapping[str, Callable[..., Iterator[tuple[int, Any]]]] = {
    "serial": run_serially,
    "processes": run_in_processes,
}
"""Where shards can be made; each is called as ``run_shards`` is."""


def run_shards(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    workers: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[tuple[int, R]]:
    """Run ``task`` for each shard number: in this process for one worker, in others for more.

    Args:
        task: Called with a shard number. For more than one worker it has to be picklable, as have
            its results and its errors.
        numbers: Of the shards.
        workers: 1 or more.
        initializer: Called in each worker before its first task.
        initargs: What it is called with.

    Returns:
        Each number with the result of its task, in the order in which they are finished.

    Raises:
        WorkerError: Processes died while they made shards; all other shards are finished.
        Exception: What a task has raised; what else was under way is stopped.
    """
    run = EXECUTORS["serial" if workers == 1 else "processes"]
    return run(task, numbers, workers=workers, initializer=initializer, initargs=initargs)
