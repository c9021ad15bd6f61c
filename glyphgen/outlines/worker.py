"""The process that reads fonts: takes tasks from stdin, one JSON line each, and answers on stdout.

A font is a program from a stranger. Whatever it does to its reader, it does here, within limits on
memory and time; the parent sees an answer, or a process that has died.
"""

import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from glyphgen.errors import FontError, MachineError, UnreadableFontError
from glyphgen.files.temporary import temporary_errors
from glyphgen.fonts import Face, read_face
from glyphgen.outlines.array_file import ArrayFile
from glyphgen.outlines.child import CRAMPED, OUT_OF_MEMORY
from glyphgen.outlines.harfbuzz import read_face_outlines
from glyphgen.outlines.run_reading import read_face_runs

__all__ = ["main"]

Report = Callable[[int], None]
"""Is told how many forms are done."""


def main() -> None:
    """Answer tasks until stdin ends."""
    # What a library prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        _limit(task["memory_bytes"], task["cpu_s"])
        try:
            answer = _TASKS[task["kind"]](task, partial(_report, answers))
        except MemoryError:  # nothing here can be trusted to go on
            os._exit(CRAMPED if _find_hard_limit() < task["memory_bytes"] else OUT_OF_MEMORY)
        except MachineError as error:
            answer = {"machine": error.problems}
        except OSError as error:
            answer = {"machine": [f"{error.filename or 'fonts'}: cannot be read: {error.strerror}"]}
        except FontError as error:
            may_skip = isinstance(error, UnreadableFontError)
            answer = {"problems": error.problems, "may_skip": may_skip}
        print(json.dumps(answer), file=answers, flush=True)


def _limit(memory_bytes: int, cpu_s: float) -> None:
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    last_s = math.ceil(used.ru_utime + used.ru_stime + cpu_s)
    for what, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, last_s),
        (resource.RLIMIT_CORE, 0),
    ):
        most = resource.getrlimit(what)[1]
        own = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(what, (own, most))


def _find_hard_limit() -> float:
    """Return how much memory the user's own limit leaves to a process, in bytes."""
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    return math.inf if most == resource.RLIM_INFINITY else most


def _report(answers: TextIO, n_forms: int) -> None:
    print(json.dumps({"done": n_forms}), file=answers, flush=True)


def _read_face(task: dict[str, Any], report: Report) -> dict[str, Any]:  # noqa: ARG001 - it is quick
    face = read_face(
        Path(task["path"]),
        task["index"],
        dict(task["axes"]),
        task["weight"],
        alternate=task["alternate"],
        sanitize=task["sanitize"],
    )
    return {"face": face.to_page()}


def _read_outlines(task: dict[str, Any], report: Report) -> dict[str, Any]:
    _write(task, read_face_outlines(*_read_job(task), report=report))
    return {}


def _read_runs(task: dict[str, Any], report: Report) -> dict[str, Any]:
    _write(task, [read_face_runs(*_read_job(task), report=report)])
    return {}


def _read_job(task: dict[str, Any]) -> tuple[Face, Sequence[str], int, str, Sequence[str], int]:
    path = Path(task["job"])
    with temporary_errors(path.parent):
        job = json.loads(path.read_bytes())
    keys = ("forms", "wobble_grid", "language", "features", "n_vertical")
    forms, wobble_grid, language, features, n_vertical = (job[key] for key in keys)
    return Face.from_page(task["face"]), forms, wobble_grid, language, features, n_vertical


def _write(task: dict[str, Any], stores: Sequence[ArrayFile]) -> None:
    out = Path(task["out"])
    with temporary_errors(out.parent), out.open("wb") as file:
        for store in stores:
            store.dump(file)


_TASKS: dict[str, Callable[[dict[str, Any], Report], dict[str, Any]]] = {
    "face": _read_face,
    "outlines": _read_outlines,
    "runs": _read_runs,
}

if __name__ == "__main__":
    main()
