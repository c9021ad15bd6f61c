"""Runs a command, then says on stdout how long it took and how much memory its processes had.

A process of its own, and small: a command started from one that holds much memory seems to have held
as much itself.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

__all__ = ["launch"]


def launch(command: Sequence[str]) -> tuple[float, int]:
    """Run a command, and return its seconds, and the bytes of memory of its largest process."""
    done = subprocess.run([sys.executable, __file__, *command], check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    return found["seconds"], found["peak_bytes"]


if __name__ == "__main__":
    start = time.perf_counter()
    subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - start
    # Of the largest of all processes below this one, in kB (macOS: in bytes).
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak_bytes = peak if sys.platform == "darwin" else peak * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes}))
