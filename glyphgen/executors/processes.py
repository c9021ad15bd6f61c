"""Shards are made in processes of this machine; one that dies costs the shard that killed it, alone.

Ours and not ``pebble``: when a process is killed between two shards (as Linux does when memory runs
out), the pool of pebble 5.2 breaks and all waiting shards are lost; here they are made.
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

from glyphgen.errors import MachineError, WorkerError
from glyphgen.executors.linux import kill_with_parent, own_semaphores

__all__ = ["run_in_processes"]

R = TypeVar("R")
_OpenPool = Callable[[int], AbstractContextManager[ProcessPoolExecutor]]

_IN_FLIGHT_PER_WORKER = 2  # one that runs and one that waits: no worker idles, memory stays flat


def run_in_processes(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    workers: int,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    name_shard: Callable[[int], str],
) -> Iterator[tuple[int, R]]:
    """Run ``task`` in processes of this machine; see ``run_shards``.

    When a process dies, any shard that was under way may have killed it. Each of them is run again
    alone: if its process dies again, the shard has crashed. The others go on in new processes.
    """
    open_pool = partial(_open_pool, initializer=initializer, initargs=initargs)
    waiting = iter(numbers)
    crashed: list[str] = []
    while interrupted := (yield from _run_together(open_pool, task, waiting, workers)):
        crashed += yield from _run_alone(open_pool, task, interrupted, name_shard)
    if crashed:
        raise WorkerError(*crashed)


def _run_together(
    open_pool: _OpenPool, task: Callable[[int], R], waiting: Iterator[int], workers: int
) -> Generator[tuple[int, R], None, list[int]]:
    """Run until no shard is waiting or a process dies; return the shards that were under way then."""
    interrupted: list[int] = []
    under_way: dict[Future[R], int] = {}
    with open_pool(workers) as pool:
        while True:
            n_free = 0 if interrupted else workers * _IN_FLIGHT_PER_WORKER - len(under_way)
            for number in islice(waiting, n_free):
                try:
                    under_way[_submit(pool, task, number)] = number
                except BrokenProcessPool:
                    interrupted.append(number)
                    break
            if not under_way:
                return interrupted
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                number = under_way.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    interrupted.append(number)
                else:
                    yield number, result


def _run_alone(
    open_pool: _OpenPool,
    task: Callable[[int], R],
    interrupted: list[int],
    name_shard: Callable[[int], str],
) -> Generator[tuple[int, R], None, list[str]]:
    """Run one shard after the other, and return a line for each that crashes."""
    crashed = []
    waiting = deque(interrupted)
    while waiting:
        with open_pool(1) as pool:
            while waiting:
                number = waiting.popleft()
                try:
                    result = _submit(pool, task, number).result()
                except BrokenProcessPool:
                    crashed.append(f"{name_shard(number)}: {_describe_death(pool)}")
                    break
                yield number, result
    return crashed


@contextmanager
def _open_pool(
    workers: int, *, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> Iterator[ProcessPoolExecutor]:
    """Give processes that end with the block, at once if it ends with an error or Ctrl-C."""
    with _start_errors(), own_semaphores():
        # No max_tasks_per_child: it can hang (github.com/python/cpython/issues/115634).
        pool = ProcessPoolExecutor(
            workers,
            mp_context=get_context("spawn"),
            initializer=_start_worker,
            initargs=(os.getpid(), initializer, initargs),
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
        with _start_errors():
            return pool.submit(_run_task, task, number)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held_back)


@contextmanager
def _start_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"workers: a process cannot be started: {error.strerror}"
            " (run the same command again, with fewer --workers)"
        ) from error


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


def _start_worker(
    parent: int, initializer: Callable[..., object] | None, initargs: tuple[Any, ...]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The kernel is first, where it can: it kills in the midst of a native call. Nothing may be written
    # once the parent is gone, and with it the lock of the dataset's folder.
    kill_with_parent(parent)
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
