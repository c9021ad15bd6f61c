"""Runs the command line again and again in forked processes, with all modules loaded before.

A trial takes a tenth of a second so, and not one and a half. A JSON line on stdin is a trial: the
arguments, the folder to work in, the files for stdout and stderr. The exit code is a line on stdout.
"""

import gc
import importlib
import json
import mmap
import os
import pkgutil
import signal
import struct
import sys
import time

LONGEST_S = 120.0  # a trial that takes longer hangs
HANGS = 999
_MAIN_AT = 40  # struct plan of shim.c
_NOT_LOADED = (
    "glyphgen.baseline",
    "glyphgen.report",
    "glyphgen.__main__",
    "glyphgen.outlines.worker",
    "glyphgen.pad",
    "glyphgen.torch",
    "glyphgen.kernel.libkernel",  # a library, and no module
)


def load_all() -> None:
    import glyphgen

    for module in pkgutil.walk_packages(glyphgen.__path__, "glyphgen."):
        if not module.name.startswith(_NOT_LOADED):
            importlib.import_module(module.name)
    for name in (
        "h5py",
        "rich.progress",
        "PIL.PngImagePlugin",
        "numpy.random",
        "email.parser",
        "ots",
    ):
        importlib.import_module(name)
    from glyphgen.gate.shipped import load_shipped

    load_shipped()
    gc.freeze()  # what is here already is not looked at again, and its pages are not copied


def run(trial: dict[str, str | list[str]]) -> None:
    os.setsid()
    with open(os.environ["FAULTS_PLAN"], "r+b") as file:  # noqa: PTH123 - as plain as it can be
        plan = mmap.mmap(file.fileno(), 0)
    struct.pack_into("<Q", plan, _MAIN_AT, os.getpid())
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(str(trial[name]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
    os.chdir(str(trial["folder"]))
    sys.argv = ["glyphgen", *trial["arguments"]]
    from glyphgen.cli import main

    main()


def wait(pid: int) -> int:
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return HANGS


if __name__ == "__main__":
    load_all()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(json.loads(line))
        print(wait(child), flush=True)
