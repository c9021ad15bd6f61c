"""Where shards are made: in this process or in several; knows nothing of what a shard is.

A task is a function of a shard number that may safely be run again. Numbers are taken one by one as
workers get free, and results come in the order in which they are finished.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from glyphgen.errors import WorkerError

__all__ = ["run_in_processes", "run_serially", "run_shards"]

R = TypeVar("R")
Results = Iterator[tuple[int, R]]
_OpenPool = Callable[[int], AbstractContextManager[ProcessPoolExecutor]]

_IN_FLIGHT_PER_WORKER = 2  # one that runs and one that waits: no worker idles, memory stays flat


def run_shards(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    workers: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Results[R]:
    """Run ``task`` for each shard number: here for one worker, in processes for more.

    Args:
        task: Called with a shard number. For more than one worker it has to be picklable, as have
            its results and its errors.
        numbers: Of the shards.
        workers: 1 or more.
        initializer: Called in each worker before its first task.
        initargs: What it is called with.

    Yields:
        Each number with the result of its task, in the order in which they are finished.

    Raises:
        WorkerError: Processes died of some shards; all other shards are finished.
        Exception: What a task has raised; what else was under way is stopped.
    """
    if workers == 1:
        return run_serially(task, numbers, initializer=initializer, initargs=initargs)
    return run_in_processes(
        task, numbers, workers=workers, initializer=initializer, initargs=initargs
    )


def run_serially(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Results[R]:
    """Run ``task`` in this process; see ``run_shards``."""
    if initializer:
        initializer(*initargs)
    for number in numbers:
        yield number, task(number)


def run_in_processes(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    workers: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Results[R]:
    """Run ``task`` in processes of this machine; see ``run_shards``.

    When a process dies, every number that was under way is a suspect. Each is run again alone; one
    that kills its process again is crashed, and the rest goes on in new processes.
    """
    open_pool = partial(_open_pool, initializer=initializer, initargs=initargs)
    waiting = iter(numbers)
    crashed: list[str] = []
    while suspects := (yield from _run_together(open_pool, task, waiting, workers)):
        crashed += yield from _run_alone(open_pool, task, suspects)
    if crashed:
        raise WorkerError(*crashed)


def _run_together(
    open_pool: _OpenPool, task: Callable[[int], R], waiting: Iterator[int], workers: int
) -> Generator[tuple[int, R], None, list[int]]:
    """Run until no number is waiting or a process dies; return what was under way then."""
    suspects: list[int] = []
    under_way: dict[Future[R], int] = {}
    with open_pool(workers) as pool:
        while True:
            n_free = 0 if suspects else workers * _IN_FLIGHT_PER_WORKER - len(under_way)
            for number in islice(waiting, n_free):
                try:
                    under_way[_submit(pool, task, number)] = number
                except BrokenProcessPool:
                    suspects.append(number)
                    break
            if not under_way:
                return suspects
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                number = under_way.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(number)
                else:
                    yield number, result


def _run_alone(
    open_pool: _OpenPool, task: Callable[[int], R], suspects: list[int]
) -> Generator[tuple[int, R], None, list[str]]:
    """Run one number after the other; return a line for each that kills its process."""
    crashed = []
    waiting = deque(suspects)
    while waiting:
        with open_pool(1) as pool:
            while waiting:
                number = waiting.popleft()
                try:
                    result = _submit(pool, task, number).result()
                except BrokenProcessPool:
                    crashed.append(f"shard {number}: {_describe_death(pool)}")
                    break
                yield number, result
    return crashed


@contextmanager
def _open_pool(
    workers: int, *, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> Iterator[ProcessPoolExecutor]:
    """Give processes that end with the block, at once if it ends with an error or Ctrl-C."""
    # No max_tasks_per_child: it can hang (github.com/python/cpython/issues/115634).
    pool = ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=_start_worker,
        initargs=(initializer, initargs),
    )
    try:
        yield pool
    except BaseException:
        for process in _find_processes(pool):
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, task: Callable[[int], R], number: int) -> Future[R]:
    # This may start a process. It inherits that SIGINT is held back, so that Ctrl-C, which goes to
    # all processes of a terminal, is the business of this one alone.
    held_back = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(_run_task, task, number)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)


def _find_processes(pool: ProcessPoolExecutor) -> list[BaseProcess]:
    return list(pool._processes.values())  # Python 3.14 has pool.kill_workers() for what we do


def _describe_death(pool: ProcessPoolExecutor) -> str:
    """Return how the one process of a broken pool came to its end, and what to do."""
    [process] = _find_processes(pool)
    pool.shutdown()
    code = process.exitcode or 0
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    advice = "run the same command again, with fewer --workers if memory is short"
    return f"its process died though it ran alone: {how} ({advice})"


# What follows runs in the workers.

_before_first_task: list[Callable[[], object]] = []


def _start_worker(initializer: Callable[..., object] | None, initargs: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer:
        # Not called here: the pool would break, and the error would be seen on stderr alone.
        _before_first_task.append(partial(initializer, *initargs))


def _run_task(task: Callable[[int], R], number: int) -> R:
    while _before_first_task:
        _before_first_task[0]()
        _before_first_task.pop()
    return task(number)


def _end_with_parent() -> None:
    """End this process when its parent has, even by kill -9: the queue of tasks stays open then."""
    parent = parent_process()
    if parent:
        parent.join()
        os._exit(1)
