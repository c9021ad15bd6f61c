"""Where shards are made: one file for each place.

A task is a function of a shard number that may safely be run again. Numbers are taken one by one as
workers get free, and results come in the order in which they are finished.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from glyphgen.choices import is_dask
from glyphgen.errors import DatasetError
from glyphgen.executors.dask_cluster import check_cluster, run_on_dask
from glyphgen.executors.processes import run_in_processes
from glyphgen.executors.serial import run_serially
from glyphgen.files.address import Place
from glyphgen.files.store import open_store

__all__ = ["limit_workers", "run_shards"]

R = TypeVar("R")


def limit_workers(place: Place, workers: int, executor: str) -> int:
    """Return how many processes may write to a place: one alone where no other process sees it.

    Raises:
        DatasetError: The workers of a cluster would not see it.
        GlyphgenError: There is no such cluster.
    """
    if open_store(place).is_shared:
        if is_dask(executor):
            check_cluster(executor)
        return workers
    if is_dask(executor):
        raise DatasetError(
            f"{place}: is seen by this process alone, expected a place that all workers see"
        )
    return 1


def run_shards(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    workers: int,
    executor: str = "processes",
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    name_shard: Callable[[int], str] = "shard {}".format,
    threads: int = 1,
) -> Iterator[tuple[int, R]]:
    """Run ``task`` for each shard number: in this process for one worker, in others for more.

    Args:
        task: Called with a shard number; on Dask by several threads at once, where workers have them.
            But for one worker of this machine it has to be picklable, as have its results and its errors.
        numbers: Of the shards.
        workers: 1 or more; of a Dask cluster all work.
        executor: As ``check_executor`` takes it.
        initializer: Called in each worker before its first task.
        initargs: What it is called with.
        name_shard: Returns what messages call a shard.
        threads: Of each process of ``dask:N``: more than 1 where tasks wait for a store.

    Returns:
        Each number with the result of its task, in the order in which they are finished.

    Raises:
        WorkerError: Processes died while they made shards; all other shards are finished. Or workers
            of a cluster cannot be reached.
        Exception: What a task has raised; what else was under way is stopped.
    """
    given: dict[str, Any] = {"initializer": initializer, "initargs": initargs}
    if is_dask(executor):
        return run_on_dask(
            task, numbers, executor=executor, name_shard=name_shard, threads=threads, **given
        )
    if workers == 1:
        return run_serially(task, numbers, **given)
    return run_in_processes(task, numbers, workers=workers, name_shard=name_shard, **given)
