"""Shards are made by the workers of a Dask cluster, and what Dask waits for in silence is told.

Dask says nothing when a scheduler has no workers, "cancelled" when the scheduler dies, and takes workers
of any version. It blames every task that a dying worker held: who is blamed is tried once more alone.
A task costs it six milliseconds of processor time, so quick shards share one.
"""

import logging
import math
import pickle
import socket
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from glyphgen.errors import MachineError, WorkerError
from glyphgen.text import show_count, show_some
from glyphgen.version import VERSION

__all__ = ["TASK_S", "check_cluster", "run_on_dask"]

TASK_S = 0.5
"""Seconds that a task of several shards takes: what a dying worker loses, and how often a bar moves."""

R = TypeVar("R")

_CONNECT_S = 5
_LOOK_S = 2.0  # between looks at how many workers there are
_NO_WORKERS_S = 60  # Dask's own limit is none
_IN_FLIGHT_PER_THREAD = 2  # one that runs and one that waits: memory stays flat
_SHARES = 2  # of what waits, for each thread: the last tasks end together
_RETRIES = 3  # of a task that raises: another machine may have the room that one lacks
_LOGGED = 10  # messages that Dask keeps in memory; without it a thousand
# Of a cluster on this machine, whose cores all work for us: Dask looks at itself less often, and memory
# that a shard has freed stays with its worker, which needs it for the next one (Dask gives it back).
_LOCAL = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MALLOC_MMAP_THRESHOLD_": 32 << 20,
        "MALLOC_TRIM_THRESHOLD_": 256 << 20,
    },
}
_AGAIN = "run the same command again to resume"


def run_on_dask(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    executor: str,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    name_shard: Callable[[int], str],
    threads: int = 1,
) -> Iterator[tuple[int, R]]:
    """Run ``task`` on a cluster; see ``run_shards``.

    Args:
        task, numbers, initializer, initargs, name_shard, threads: As for ``run_shards``.
        executor: ``dask:N`` starts N workers on this machine, ``dask://host:port`` has a scheduler.

    Raises:
        MachineError: The library is not installed.
        WorkerError: No scheduler or no worker is there, or a worker is of another version; or shards
            have killed their workers, and all others are finished.
        Exception: What a task has raised several times.
    """
    with _open_client(executor, threads) as client:
        run = _Run(client, executor, pickle.dumps((task, initializer, initargs)), name_shard)
        run.find_workers()
        waiting = deque(numbers)
        blamed: list[int] = []
        crashed: list[str] = []
        while run.fill(waiting):
            task_numbers, results, killed = run.wait()
            blamed += task_numbers if killed else ()
            yield from zip(task_numbers, results, strict=not killed)
        for suspect in blamed:
            run.submit([suspect])
            task_numbers, results, killed = run.wait()
            crashed += [f"{name_shard(suspect)}: {killed}"] if killed else ()
            yield from zip(task_numbers, results, strict=not killed)
        if crashed:
            raise WorkerError(*crashed)


def check_cluster(executor: str) -> None:
    """Check what can be known of a cluster at once, before what is to be made there is worked out.

    Raises:
        MachineError: The library is not installed.
        WorkerError: Nothing listens where the scheduler should.
    """
    _import_distributed()
    place = executor.removeprefix("dask://")
    if place == executor:
        return  # of this machine, and not there yet
    host, _, port = place.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        raise _tell_no_scheduler(executor) from error


def _tell_no_scheduler(executor: str) -> WorkerError:
    return WorkerError(
        f"{executor}: no scheduler answers there within {_CONNECT_S} s"
        " (start one with `dask scheduler`, or check the address)"
    )


def _import_distributed() -> Any:  # which has few types
    try:
        import distributed
    except ImportError:
        raise MachineError(
            "executor: the library distributed is not installed (pip install 'glyphgen[dask]')"
        ) from None
    return distributed


@contextmanager
def _open_client(executor: str, threads: int) -> Iterator[Any]:
    """Connect to a scheduler, or start one with its workers on this machine; both end with the block."""
    library = _import_distributed()
    from dask import config

    place = executor.removeprefix("dask:")
    cluster: Any = None
    client: Any = None
    levels = _silence_logs()
    try:
        if place.isdecimal():
            with config.set(_LOCAL):
                cluster = library.LocalCluster(
                    n_workers=int(place),
                    threads_per_worker=threads,
                    host="127.0.0.1",
                    dashboard_address="127.0.0.1:0",  # None would be the usual port
                    silence_logs=logging.CRITICAL,
                )
            place = cluster.scheduler_address
        else:
            place = f"tcp:{place}"
        try:
            with config.set({"distributed.admin.low-level-log-length": _LOGGED}):
                client = library.Client(place, timeout=_CONNECT_S, set_as_default=False)
        except OSError as error:
            raise _tell_no_scheduler(executor) from error
        yield client
    finally:
        if client:
            client.close(timeout=_CONNECT_S)
        if cluster:
            cluster.close(timeout=_CONNECT_S)
        for logger, level in levels.items():
            logger.setLevel(level)


def _silence_logs() -> dict[logging.Logger, int]:
    """Silence what Dask and its loop of events log; return the levels before. We tell it in one line."""
    names = [
        name
        for name in logging.root.manager.loggerDict
        if name.partition(".")[0] in {"asyncio", "distributed", "tornado"}
    ]
    levels = {logger: logger.level for logger in map(logging.getLogger, names)}
    for logger in levels:  # each, for Dask gives many of them a level of their own
        logger.setLevel(logging.CRITICAL + 1)
    return levels


class _Run:
    """Tasks that are under way on a cluster."""

    def __init__(
        self, client: Any, executor: str, call: bytes, name_shard: Callable[[int], str]
    ) -> None:
        self._client = client
        self._executor = executor
        self._call = call
        self._name_shard = name_shard
        self._token = uuid.uuid4().hex
        self._pool: Executor = client.get_executor(pure=False, retries=_RETRIES)
        self._under_way: dict[Future[Any], Sequence[int]] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._n_threads = 0
        self._n_together = 1  # shards of the next task
        self._seen = self._looked = time.monotonic()

    def find_workers(self) -> None:
        """Wait for a worker, and check all that are there.

        Raises:
            WorkerError: None comes, or one is of another version.
        """
        self._look()
        while self._n_threads == 0:
            time.sleep(0.1)
            self._look()
        found = self._client.run(_find_version, on_error="return")
        problems = [
            _describe_other(worker, version)
            for worker, version in found.items()
            if version != VERSION
        ]
        if problems:
            raise WorkerError(*problems)

    def fill(self, waiting: deque[int]) -> bool:
        """Take what waits until the workers have enough to do; return whether tasks are under way."""
        n_threads = max(1, self._n_threads)  # workers may have gone
        while waiting and len(self._under_way) < n_threads * _IN_FLIGHT_PER_THREAD:
            share = math.ceil(len(waiting) / (n_threads * _SHARES))
            self.submit([waiting.popleft() for _ in range(min(self._n_together, share))])
        return bool(self._under_way)

    def submit(self, numbers: Sequence[int]) -> None:
        """Send shards as one task."""
        with self._scheduler_errors():
            future = self._pool.submit(_run_task, VERSION, self._token, self._call, numbers)
        self._under_way[future] = numbers
        future.add_done_callback(self._done.put)

    def wait(self) -> tuple[Sequence[int], Sequence[Any], str]:
        """Wait for a task; return its shards, their results, and how it has killed its workers.

        Raises:
            WorkerError: The scheduler or all workers are lost, or a worker is of another version.
            Exception: What the task has raised.
        """
        from distributed import KilledWorker

        future = self._wait()
        numbers = self._under_way.pop(future)
        try:
            with self._scheduler_errors():
                done = future.result()
        except KilledWorker as error:
            killed = (
                f"its worker died {show_count(error.allowed_failures + 1, 'time')} though it ran"
                f" alone, the last was {error.last_worker.address} (run the same command again, with"
                " more memory for each worker if it is short)"
            )
            return numbers, (), killed
        except ImportError as error:
            raise WorkerError(_describe_other(f"of {self._executor}", error)) from error
        if isinstance(done, _Refusal):
            raise WorkerError(_describe_other(done.worker, done.version))
        results, seconds = done
        fitting = int(TASK_S * len(numbers) / max(seconds, 1e-6))
        self._n_together = min(max(1, fitting), 2 * len(numbers))  # one quick task proves little
        return numbers, results, ""

    def _wait(self) -> Future[Any]:
        while True:
            if time.monotonic() - self._looked >= _LOOK_S:
                self._look()
            try:
                return self._done.get(timeout=_LOOK_S)
            except Empty:
                pass

    def _look(self) -> None:
        """Look how many workers there are."""
        from dask import config

        with self._scheduler_errors():
            self._n_threads = sum(self._client.nthreads().values())
        self._looked = time.monotonic()
        if self._n_threads:
            self._seen = self._looked
            return
        limit = float(config.get("glyphgen.no-workers-timeout", _NO_WORKERS_S))
        if self._looked - self._seen >= limit:
            numbers = chain.from_iterable(self._under_way.values())
            waiting = show_some(map(self._name_shard, numbers))
            raise WorkerError(
                f"{self._executor}: has had no workers for {limit:g} s"
                f"{f', {waiting} wait' if waiting else ''} (start some with `dask worker"
                f" {self._executor.replace('dask:', 'tcp:')}`, and {_AGAIN})"
            )

    @contextmanager
    def _scheduler_errors(self) -> Iterator[None]:
        try:
            yield
        except (CancelledError, TimeoutError, OSError) as error:
            if isinstance(error, CancelledError) or self._client.status != "running":
                raise WorkerError(
                    f"{self._executor}: the scheduler is lost (start it, and {_AGAIN})"
                ) from error
            raise


def _describe_other(worker: str, version: object) -> str:
    has = f"has glyphgen {version}" if isinstance(version, str) else f"has no glyphgen: {version}"
    return f"worker {worker}: {has}, expected {VERSION} as here (install that there)"


# What follows runs in the workers.


class _Refusal:
    """What a worker of another version returns; raised, it would be tried again elsewhere."""

    def __init__(self, worker: str, version: str) -> None:
        self.worker = worker
        self.version = version


class _Opened:
    """What a process is open for: the tasks of one run at a time, in all of its threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._token = ""
        self._task: Any = None
        self._n_running = 0

    @contextmanager
    def open(self, token: str, call: bytes) -> Iterator[Callable[[int], object]]:
        """Give the task of a run; another run waits until the block, in all threads, has ended."""
        with self._changed:
            self._changed.wait_for(lambda: self._n_running == 0 or self._token == token)
            if self._token != token:
                self._token = ""  # of nobody, should what follows raise
                self._task, initializer, initargs = pickle.loads(call)
                if initializer:
                    initializer(*initargs)
                self._token = token
            task = self._task
            self._n_running += 1
        try:
            yield task
        finally:
            with self._changed:
                self._n_running -= 1
                self._changed.notify_all()


_opened = _Opened()


def _find_version() -> str:
    return VERSION


def _run_task(version: str, token: str, call: bytes, numbers: Sequence[int]) -> object:
    """Make shards; return their results, and the seconds that they took."""
    if version != VERSION:
        from distributed import get_worker

        return _Refusal(get_worker().address, VERSION)
    with _opened.open(token, call) as task:
        started = time.perf_counter()
        results = [task(number) for number in numbers]
        return results, time.perf_counter() - started
