"""Shards are made by the workers of a Dask cluster, and what Dask waits for in silence is told.

Dask says nothing when a scheduler has no workers, "cancelled" when the scheduler dies, and takes workers
of any version. It blames every task that a dying worker held: who is blamed is tried once more alone.
"""

import logging
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from contextlib import contextmanager
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from glyphgen.errors import MachineError, WorkerError
from glyphgen.text import show_count, show_some
from glyphgen.version import VERSION

__all__ = ["run_on_dask"]

R = TypeVar("R")

_CONNECT_S = 5
_LOOK_S = 2.0  # between looks at how many workers there are
_NO_WORKERS_S = 60  # Dask's own limit is none
_IN_FLIGHT_PER_THREAD = 2  # one that runs and one that waits: memory stays flat
_RETRIES = 3  # of a task that raises: another machine may have the room that one lacks
_LOGGED = 10  # messages that Dask keeps in memory; without it a thousand
_AGAIN = "run the same command again to resume"


def run_on_dask(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    executor: str,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
    name_shard: Callable[[int], str],
) -> Iterator[tuple[int, R]]:
    """Run ``task`` on a cluster; see ``run_shards``.

    Args:
        task, numbers, initializer, initargs, name_shard: As for ``run_shards``.
        executor: ``dask:N`` starts N workers on this machine, ``dask://host:port`` has a scheduler.

    Raises:
        MachineError: The library is not installed.
        WorkerError: No scheduler or no worker is there, or a worker is of another version; or shards
            have killed their workers, and all others are finished.
        Exception: What a task has raised several times.
    """
    with _open_client(executor) as client:
        run = _Run(client, executor, pickle.dumps((task, initializer, initargs)), name_shard)
        run.find_workers()
        waiting, blamed, crashed = iter(numbers), [], []
        while run.submit(islice(waiting, run.n_free)):
            number, result, killed = run.wait()
            if killed:
                blamed.append(number)
            else:
                yield number, result
        for suspect in blamed:
            run.submit([suspect])
            number, result, killed = run.wait()
            if killed:
                crashed.append(f"{name_shard(number)}: {killed}")
            else:
                yield number, result
        if crashed:
            raise WorkerError(*crashed)


@contextmanager
def _open_client(executor: str) -> Iterator[Any]:
    """Connect to a scheduler, or start one with its workers on this machine; both end with the block."""
    try:
        import distributed
        from dask import config
    except ImportError:
        raise MachineError(
            "executor: the library distributed is not installed (pip install 'glyphgen[dask]')"
        ) from None
    library: Any = distributed  # which has few types
    place = executor.removeprefix("dask:")
    cluster: Any = None
    client: Any = None
    levels = _silence_logs()
    try:
        if place.isdecimal():
            cluster = library.LocalCluster(
                n_workers=int(place),
                threads_per_worker=1,
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
            raise WorkerError(
                f"{executor}: no scheduler answers there within {_CONNECT_S} s"
                " (start one with `dask scheduler`, or check the address)"
            ) from error
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
        self._under_way: dict[Future[Any], int] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._n_threads = 0
        self._seen = self._looked = time.monotonic()

    @property
    def n_free(self) -> int:
        """How many more tasks the workers can take."""
        wanted = max(1, self._n_threads * _IN_FLIGHT_PER_THREAD)
        return max(0, wanted - len(self._under_way))  # workers may have gone

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

    def submit(self, numbers: Iterable[int]) -> int:
        """Send tasks; return how many are under way then."""
        for number in numbers:
            with self._scheduler_errors():
                future = self._pool.submit(_run_task, VERSION, self._token, self._call, number)
            self._under_way[future] = number
            future.add_done_callback(self._done.put)
        return len(self._under_way)

    def wait(self) -> tuple[int, Any, str]:
        """Wait for a task; return its number, its result, and how it has killed its workers.

        Raises:
            WorkerError: The scheduler or all workers are lost, or a worker is of another version.
            Exception: What the task has raised.
        """
        from distributed import KilledWorker

        future = self._wait()
        number = self._under_way.pop(future)
        try:
            with self._scheduler_errors():
                result = future.result()
        except KilledWorker as error:
            killed = (
                f"its worker died {show_count(error.allowed_failures + 1, 'time')} though it ran"
                f" alone, the last was {error.last_worker.address} (run the same command again, with"
                " more memory for each worker if it is short)"
            )
            return number, None, killed
        except ImportError as error:
            raise WorkerError(_describe_other(f"of {self._executor}", error)) from error
        if isinstance(result, _Refusal):
            raise WorkerError(_describe_other(result.worker, result.version))
        return number, result, ""

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
            waiting = show_some(map(self._name_shard, self._under_way.values()))
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


_one_at_a_time = threading.Lock()  # a worker may have several threads, its memory is for one shard
_opened: list[tuple[str, Callable[[int], object]]] = []  # one at most: token and task of a run


def _find_version() -> str:
    return VERSION


def _run_task(version: str, token: str, call: bytes, number: int) -> object:
    if version != VERSION:
        from distributed import get_worker

        return _Refusal(get_worker().address, VERSION)
    with _one_at_a_time:
        if not _opened or _opened[0][0] != token:
            _opened.clear()
            task, initializer, initargs = pickle.loads(call)
            if initializer:
                initializer(*initargs)
            _opened.append((token, task))
        return _opened[0][1](number)
