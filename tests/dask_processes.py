"""A Dask scheduler and its workers, each a process of its own, on a free port."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from object_server import find_port

TESTS = Path(__file__).parent
SOON_S = 180  # for what is sure to happen; a test fails when it has passed


class Cluster:
    """A scheduler and its workers, each a process of its own.

    Args:
        folder: The current one of all of them, which is not the driver's.
        allowed_failures: How many workers a task may kill before Dask gives it up.
        env: What they have in their environment besides what is here.
    """

    def __init__(
        self, folder: Path, allowed_failures: str = "3", env: Mapping[str, str] | None = None
    ) -> None:
        self._stack = ExitStack()
        self._folder = folder
        self._allowed_failures = allowed_failures
        self._env = dict(env or {})
        self.port = find_port()
        self.executor = f"dask://127.0.0.1:{self.port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start it, or another one in its place."""
        self.scheduler = self._start(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            str(self.port),
            "--no-dashboard",
            "--dashboard-address",
            "127.0.0.1:0",
            "--no-show",
            DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES=self._allowed_failures,
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as caller:
            return caller.connect_ex(("127.0.0.1", self.port)) == 0

    def add_worker(self, *options: str, nanny: bool = False, **env: str) -> subprocess.Popen[bytes]:
        worker = self._start(
            "worker",
            f"tcp://127.0.0.1:{self.port}",
            "--nthreads",
            "1",
            "--no-dashboard",
            "--nanny" if nanny else "--no-nanny",
            "--death-timeout",
            "30",
            *options,
            **env,
        )
        self.workers.append(worker)
        return worker

    def wait_for_workers(self) -> None:
        import distributed

        library: Any = distributed
        address = f"tcp://127.0.0.1:{self.port}"
        with library.Client(address, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=SOON_S)

    def _start(self, kind: str, *options: str, **env: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + kind, *options],
            cwd=self._folder,
            env=os.environ
            | {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
            | self._env
            | env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._stack.callback(process.wait)
        self._stack.callback(kill_group, process)
        return process

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def kill_group(process: subprocess.Popen[Any]) -> None:
    """Kill a process that leads its session, and all in it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
