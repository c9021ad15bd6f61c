"""One process that reads fonts, seen from outside: its pipes, its end, and whose fault that was."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from glyphgen.errors import MachineError, WorkerError
from glyphgen.files.temporary import temporary_errors

__all__ = [
    "CRAMPED",
    "OUT_OF_MEMORY",
    "Answer",
    "DeadError",
    "ReaderProcess",
    "check_machine",
    "describe_death",
]

OUT_OF_MEMORY = 77  # exit code of a process that has met its limit
CRAMPED = 78  # and of one that has met a limit of the user's below it

Answer = dict[str, Any]

_LONGEST_ANSWER = 8 << 20
_PACKAGE = Path(__file__).parent.parent
_SENT_BY_OTHERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class DeadError(Exception):
    """A worker has died, or had to be ended: ``code`` is its exit code, None where it hung."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def check_machine(path: Path, death: DeadError, memory_bytes: int) -> None:
    """Check that no font can be blamed for what did not come from one.

    Raises:
        MachineError: Somebody else has ended the process, or leaves it too little memory.
    """
    if death.code == CRAMPED:
        raise MachineError(
            "fonts: `ulimit -v` leaves too little memory to the process that reads them,"
            f" expected {memory_bytes >> 20:,} MiB (raise it, or leave it unlimited)"
        )
    if death.code is not None and -death.code in _SENT_BY_OTHERS:
        raise MachineError(
            f"{path}: the process that read this font was ended from outside"
            f" ({signal.Signals(-death.code).name}), often by the system for want of memory"
            " (make room in memory, and run the command again)"
        )


def describe_death(death: DeadError, memory_bytes: int, cpu_s: float) -> str:
    """Return what a font did to its reader, which died of it."""
    if death.code is None or death.code == -signal.SIGXCPU:
        return f"takes more than {cpu_s:g} s to read"
    if death.code == OUT_OF_MEMORY:
        return f"takes more than {memory_bytes >> 20:,} MiB of memory to read"
    if death.code < 0:
        return f"crashes its reader ({signal.Signals(-death.code).name})"
    return f"ends its reader with exit code {death.code}"


class ReaderProcess:
    """One process, and the pipes to it."""

    def __init__(self, log: Path) -> None:
        path = os.pathsep.join(filter(None, (str(_PACKAGE.parent), os.environ.get("PYTHONPATH"))))
        with temporary_errors(log.parent):
            errors = log.open("wb")
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "glyphgen.outlines.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Threads that wait for large matrices take address space, and there are none here.
                env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # so that what it has started ends with it
            )
        except OSError as error:
            raise MachineError(
                f"fonts: the process that reads them cannot be started: {error.strerror}"
            ) from error
        finally:
            errors.close()
        self._log = log
        self._rest = b""
        self._is_ready = False
        self._is_ended = False
        self._ending = threading.Lock()

    def ask(self, task: Answer, wall_s: float, count: Callable[[int], None]) -> Answer:
        """Return the answer to a task.

        Args:
            task: What to do.
            wall_s: How long to wait.
            count: Is told now and then how many forms of the task are done.

        Raises:
            DeadError: There is none, nor will there be.
            WorkerError: The process cannot even start.
        """
        if not self._is_ready:
            self._wait_until_ready()
        line = json.dumps(task).encode() + b"\n"
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise DeadError(self._process.wait()) from None
        return self._read_answer(wall_s, count)

    def end(self) -> None:
        """End the process, and whatever it has started."""
        with self._ending:
            if self._is_ended:
                return  # its number may be another process's now
            self._is_ended = True
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Close the pipes, once nobody waits for an answer."""
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    def _wait_until_ready(self) -> None:
        try:
            self._read_answer(120.0)
        except DeadError as death:
            with temporary_errors(self._log):
                log = self._log.read_text(errors="replace")
            said = log.strip().splitlines() or [str(death.code)]
            raise WorkerError(
                f"fonts: the process that reads them does not start: {said[-1]}"
            ) from death
        self._is_ready = True

    def _read_answer(self, wall_s: float, count: Callable[[int], None] = lambda _: None) -> Answer:
        assert self._process.stdout is not None
        pipe, deadline = self._process.stdout.fileno(), time.monotonic() + wall_s
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        while True:
            line, is_whole, rest = self._rest.partition(b"\n")
            if is_whole:
                self._rest = rest
                answer: Answer = json.loads(line)
                if "done" not in answer:
                    return answer
                count(answer["done"])
                continue
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise DeadError(None)
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                raise DeadError(self._process.wait())
            self._rest += chunk
            if len(self._rest) > _LONGEST_ANSWER:
                raise DeadError(None)
