"""Reads fonts in processes of their own, within limits.

A font that crashes its reader, swells it or never comes to an end costs that process alone: its face
is reported, and the others are read by the next process.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from glyphgen.errors import FontError, WorkerError
from glyphgen.fonts import Face, FaceRequest, KnownFaces
from glyphgen.outlines.outline_store import OutlineStore, join_stores
from glyphgen.progress import SILENT, Reporter, track

__all__ = ["OUT_OF_MEMORY", "FontReader", "Limits", "ReadOutlines", "UnreadFace"]

OUT_OF_MEMORY = 77  # exit code of a process that has met its limit

T = TypeVar("T")
Answer = dict[str, Any]

_FACES_PER_PROCESS = 4  # fewer are read sooner than a process starts
_LONGEST_ANSWER = 8 << 20
_PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the reading of one face may cost.

    Time is counted on the processor, which is the same on a busy machine; the clock only ends what
    waits for something that never comes.

    Attributes:
        memory_bytes: Address space of the process: 6,000 bent kanji need 1.2 GiB.
        cpu_s: Seconds of the processor.
        cpu_s_per_form: Seconds more for each form; those of the bundled fonts take 0.0003.
    """

    memory_bytes: int = 4 << 30
    cpu_s: float = 2.0
    cpu_s_per_form: float = 0.02

    def wall_s(self, cpu_s: float) -> float:
        """Return how long to wait for so much time of the processor."""
        return 10.0 + 10.0 * cpu_s


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadFace:
    """A face that is left out, for its file cannot be read, or not safely.

    Attributes:
        path: Of the file.
        index: Position in a collection.
        problems: What is wrong, one line each, beginning with the path.
    """

    path: Path
    index: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOutlines:
    """What was read.

    Attributes:
        faces: Those that could be read, F.
        store: Their outlines.
        missing: The outline of each one's glyph 0: F cells.
        unread: The others.
    """

    faces: tuple[Face, ...]
    store: OutlineStore
    missing: OutlineStore
    unread: tuple[UnreadFace, ...]


class FontReader:
    """Reads faces and outlines in other processes; use it in a ``with`` block, which ends them.

    Args:
        sanitize: Ask the OpenType Sanitizer about every file first, where it is installed.
        limits: For each face.
        known: Faces of earlier runs, which need no reading; what is read is added to them.
        reporter: Is told how many faces are read.
    """

    def __init__(
        self,
        *,
        sanitize: bool = True,
        limits: Limits | None = None,
        known: KnownFaces | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        self._sanitize = sanitize
        self._reporter = reporter
        self._limits = limits or Limits()
        self._known = known
        self._folder = tempfile.TemporaryDirectory(prefix="glyphgen-")
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._is_closed = False
        self._lock = threading.Lock()  # of what is above: threads wait for one process each

    def __enter__(self) -> "FontReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_all()
        for worker in self._workers:
            worker.close()
        self._folder.cleanup()

    def read_faces(
        self, requests: Sequence[FaceRequest], problems: Sequence[str] = ()
    ) -> tuple[tuple[Face, ...], tuple[UnreadFace, ...]]:
        """Read names, license and hash of every face that is asked for; of equal ones the first.

        Args:
            requests: As ``find_requests`` gives them.
            problems: What is wrong already, to be raised with what else is.

        Returns:
            The faces, and those that cannot be read.

        Raises:
            FontError: For every missing file, index out of range and unknown axis, all at once; or
                no face can be read.
        """
        answers = self._ask_all(requests, self._ask_face, "read fonts")
        wrong = [answer for answer in answers if not answer.get("may_skip", True)]
        if wrong or problems or not any("face" in answer for answer in answers):
            unreadable = (line for answer in answers for line in answer.get("problems", ()))
            raise FontError(*problems, *unreadable)
        faces: dict[tuple[Path, int, tuple[tuple[str, float], ...]], Face] = {}
        for answer in answers:
            if "face" in answer:
                face = answer["face"]
                faces.setdefault((face.path.resolve(), face.index, face.axes), face)
        return tuple(faces.values()), _list_unread(requests, answers)

    def read_outlines(
        self,
        faces: Sequence[Face],
        forms: Sequence[str],
        *,
        wobble_grid: int = 0,
        language: str = "",
    ) -> ReadOutlines:
        """Read the outline of every form in every face.

        Args:
            faces: As ``read_faces`` gives them.
            forms: The texts to shape, in the order of the class table.
            wobble_grid: Nodes a side of the bending; 0 where nothing is bent.
            language: BCP 47 tag of the language that the forms are written in.

        Raises:
            FontError: No face can be read.
        """
        home = Path(self._folder.name)
        job = {"forms": list(forms), "wobble_grid": wobble_grid, "language": language}
        (home / "job.json").write_text(json.dumps(job), encoding="ascii")
        ask = partial(self._ask_outlines, n_forms=len(forms))
        answers = self._ask_all(list(enumerate(faces)), ask, "read outlines")
        unread = _list_unread(faces, answers)
        read = [k for k, answer in enumerate(answers) if "problems" not in answer]
        if not read:
            raise FontError(*(line for face in unread for line in face.problems))
        cells, missing = [], []
        for k in read:
            with (home / f"{k}.outlines").open("rb") as file:
                cells.append(OutlineStore.load(file))
                missing.append(OutlineStore.load(file))
        return ReadOutlines(
            faces=tuple(faces[k] for k in read),
            store=join_stores(cells),
            missing=join_stores(missing),
            unread=unread,
        )

    def _ask_face(self, request: FaceRequest) -> Answer:
        task = asdict(request) | {"path": str(request.path), "sanitize": self._sanitize}
        known = self._known.find(request) if self._known else None
        if known:
            return {"face": known}
        answer = self._ask(request.path, {"kind": "face", **task}, self._limits.cpu_s)
        if "face" in answer:
            answer["face"] = Face.from_page(answer["face"])
            if self._known:
                self._known.add(request, answer["face"])
        return answer

    def _ask_outlines(self, numbered: tuple[int, Face], *, n_forms: int) -> Answer:
        number, face = numbered
        task = {
            "kind": "outlines",
            "face": face.to_page(),
            "job": f"{self._folder.name}/job.json",
            "out": f"{self._folder.name}/{number}.outlines",
        }
        cpu_s = self._limits.cpu_s + self._limits.cpu_s_per_form * n_forms
        return self._ask(face.path, task, cpu_s)

    def _ask_all(self, items: Sequence[T], ask: Callable[[T], Answer], step: str) -> list[Answer]:
        """Ask about every item; the answers come in the order of the items."""
        most = -(-len(items) // _FACES_PER_PROCESS)
        with ThreadPoolExecutor(max(1, min(most, _count_cpus()))) as pool:
            try:
                answers = pool.map(ask, items)
                tracked = track(items, step=step, unit="faces", reporter=self._reporter)
                return [next(answers) for _ in tracked]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._end_all()
                raise

    def _ask(self, path: Path, task: Answer, cpu_s: float) -> Answer:
        memory_bytes = self._limits.memory_bytes
        task |= {"memory_bytes": memory_bytes, "cpu_s": cpu_s}
        worker = self._find_worker()
        try:
            answer = worker.ask(task, self._limits.wall_s(cpu_s))
        except _DeadError as death:
            worker.end()
            why = _describe_death(death, memory_bytes, cpu_s)
            return {"problems": [f"{path}: {why} (mend the font, or leave it out)"]}
        self._idle.append(worker)
        return answer

    def _find_worker(self) -> "_Worker":
        with self._lock:
            if self._is_closed:
                raise WorkerError("fonts: their reader is closed")
            if self._idle:
                return self._idle.pop()
            self._workers.append(_Worker(Path(self._folder.name) / f"{len(self._workers)}.log"))
            return self._workers[-1]

    def _end_all(self) -> None:
        with self._lock:
            self._is_closed = True
            for worker in self._workers:
                worker.end()


def _list_unread(
    asked: Sequence[FaceRequest | Face], answers: Sequence[Answer]
) -> tuple[UnreadFace, ...]:
    return tuple(
        UnreadFace(path=one.path, index=one.index, problems=tuple(answer["problems"]))
        for one, answer in zip(asked, answers, strict=True)
        if "problems" in answer
    )


def _count_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _DeadError(Exception):
    """A worker has died, or had to be ended: ``code`` is its exit code, None where it hung."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


def _describe_death(death: _DeadError, memory_bytes: int, cpu_s: float) -> str:
    if death.code is None or death.code == -signal.SIGXCPU:
        return f"takes more than {cpu_s:g} s to read"
    if death.code == OUT_OF_MEMORY:
        return f"takes more than {memory_bytes >> 20:,} MiB of memory to read"
    if death.code < 0:
        return f"crashes its reader ({signal.Signals(-death.code).name})"
    return f"ends its reader with exit code {death.code}"


class _Worker:
    """One process, and the pipes to it."""

    def __init__(self, log: Path) -> None:
        path = os.pathsep.join(filter(None, (str(_PACKAGE.parent), os.environ.get("PYTHONPATH"))))
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "glyphgen.outlines.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Threads that wait for large matrices take address space, and there are none here.
                env={**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"},
                start_new_session=True,  # so that what it has started ends with it
            )
        self._log = log
        self._is_ready = False
        self._is_ended = False
        self._ending = threading.Lock()

    def ask(self, task: Answer, wall_s: float) -> Answer:
        """Return the answer to a task.

        Raises:
            _DeadError: There is none, nor will there be.
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
            raise _DeadError(self._process.wait()) from None
        return self._read_answer(wall_s)

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
        except _DeadError as death:
            said = self._log.read_text(errors="replace").strip().splitlines() or [str(death.code)]
            raise WorkerError(
                f"fonts: the process that reads them does not start: {said[-1]}"
            ) from (death)
        self._is_ready = True

    def _read_answer(self, wall_s: float) -> Answer:
        assert self._process.stdout is not None
        pipe, deadline = self._process.stdout.fileno(), time.monotonic() + wall_s
        poll = select.poll()
        poll.register(pipe, select.POLLIN)
        line = b""
        while not line.endswith(b"\n"):
            if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
                raise _DeadError(None)
            chunk = os.read(pipe, 1 << 16)
            if not chunk:
                raise _DeadError(self._process.wait())
            line += chunk
            if len(line) > _LONGEST_ANSWER:
                raise _DeadError(None)
        answer: Answer = json.loads(line)
        return answer
