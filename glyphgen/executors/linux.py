"""What Linux offers to leave nothing behind when a process is killed; elsewhere nothing happens here."""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import process
from pathlib import Path

__all__ = ["kill_with_parent", "own_semaphores"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_SEMAPHORES = Path("/dev/shm")  # where the C library keeps those that have a name
_PREFIX = "glyphgen"


def kill_with_parent(parent: int) -> None:
    """Let the kernel kill this process at the moment when its parent ends.

    Args:
        parent: Its process number: where it has ended already, this process ends, too.

    Source: prctl(2), PR_SET_PDEATHSIG.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


@contextmanager
def own_semaphores() -> Iterator[None]:
    """Give the semaphores of pools that are made in the block a name that tells whose they are.

    Python removes them at the end, but not where its processes are killed all at once; then they stay
    in memory. Those that dead processes have left are removed before the block.
    """
    if sys.platform != "linux":
        yield
        return
    namespace = _find_namespace()  # process numbers of another container are no numbers of ours
    _remove_abandoned(f"sem.{_PREFIX}-{namespace}-")
    settings = process.current_process()._config  # type: ignore[attr-defined]
    before = settings["semprefix"]
    settings["semprefix"] = f"/{_PREFIX}-{namespace}-{os.getpid()}"
    try:
        yield
    finally:
        settings["semprefix"] = before


def _find_namespace() -> int:
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0


def _remove_abandoned(prefix: str) -> None:
    for path in _SEMAPHORES.glob(f"{prefix}*"):
        number = path.name.removeprefix(prefix).partition("-")[0]
        if number.isdecimal() and not Path("/proc", number).exists():
            with suppress(OSError):  # another user's
                path.unlink()
