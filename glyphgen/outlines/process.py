"""Reads fonts in processes of their own, within limits.

A font that crashes its reader, swells it or never comes to an end costs that process alone: its face
is reported, and the others are read by the next process. What the machine does (no room, no memory, no
process, a kill from outside) is never reported of a face, which may be left out: it ends the reading.
"""

import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TypedDict, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from glyphgen.cpus import count_cpus
from glyphgen.errors import FontError, MachineError, WorkerError
from glyphgen.files.temporary import make_temporary_folder, temporary_errors
from glyphgen.fonts import Face, FaceRequest, KnownFaces
from glyphgen.outlines.child import (
    Answer,
    DeadError,
    ReaderProcess,
    check_machine,
    describe_death,
)
from glyphgen.outlines.outline_store import OutlineStore, join_stores
from glyphgen.outlines.run_store import RunStore, join_runs
from glyphgen.progress import SILENT, Progress, Reporter

__all__ = ["FontReader", "Limits", "ReadOutlines", "ReadRuns", "Shaping", "UnreadFace"]

T = TypeVar("T")

_Count = Callable[[int], None]

_REPORT_S = 0.2
_FACES_PER_PROCESS = 4  # fewer are read sooner than a process starts


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRuns:
    """What was shaped.

    Attributes:
        faces: Those that could be read, F.
        store: Their runs.
        unread: The others.
    """

    faces: tuple[Face, ...]
    store: RunStore
    unread: tuple[UnreadFace, ...]


class Shaping(TypedDict, total=False):
    """How forms are shaped; what is left out is as for plain characters in horizontal lines.

    Attributes:
        wobble_grid: Nodes a side of the bending; 0 where nothing is bent.
        language: BCP 47 tag of the language that the forms are written in.
        features: OpenType features to turn on or off, as HarfBuzz writes them.
        n_vertical: How many of the forms, from the first on, are drawn as vertical lines have them.
    """

    wobble_grid: int
    language: str
    features: Sequence[str]
    n_vertical: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is read of every face; see ``Shaping``."""

    forms: tuple[str, ...]
    wobble_grid: int = 0
    language: str = ""
    features: Sequence[str] = ()
    n_vertical: int = 0


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
        self._stack = ExitStack()
        self._workers: list[ReaderProcess] = []
        self._idle: list[ReaderProcess] = []
        self._is_closed = False
        self._lock = threading.Lock()  # of what is above: threads wait for one process each

    def __enter__(self) -> "FontReader":
        self._folder = self._stack.enter_context(make_temporary_folder())
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
        self._stack.close()

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
            FontError: For every missing file, index out of range, unknown axis and unknown feature, all
                at once; or no face can be read.
            MachineError: The machine has no room, memory or process for it.
        """
        answers = self._ask_all(requests, self._ask_face, "read fonts", "faces")
        wrong = [answer for answer in answers if not answer.get("may_skip", True)]
        if wrong or problems or not any("face" in answer for answer in answers):
            unreadable = (line for answer in answers for line in answer.get("problems", ()))
            raise FontError(*problems, *unreadable)
        faces: dict[tuple[Path, int, tuple[tuple[str, float], ...], str], Face] = {}
        for request, answer in zip(requests, answers, strict=True):
            if "face" in answer:
                face = replace(answer["face"], hand=request.hand)
                key = face.path.resolve(), face.index, face.axes, face.alternate
                faces.setdefault(key, face)
        return tuple(faces.values()), _list_unread(requests, answers)

    def read_outlines(
        self, faces: Sequence[Face], forms: Sequence[str], **shaping: Unpack[Shaping]
    ) -> ReadOutlines:
        """Read the outline of every form in every face.

        Args:
            faces: As ``read_faces`` gives them.
            forms: The texts to shape, in the order of the class table.
            shaping: How; see ``Shaping``.

        Raises:
            FontError: No face can be read.
            MachineError: The machine has no room, memory or process for it.
        """
        job = _Job(forms=tuple(forms), **shaping)
        read, unread, contents = self._read_forms("outlines", faces, job)
        cells, missing = [], []
        for content in contents:
            store, end = OutlineStore.parse(content)
            cells.append(store)
            missing.append(OutlineStore.parse(content, end)[0])
        return ReadOutlines(
            faces=read, store=join_stores(cells), missing=join_stores(missing), unread=unread
        )

    def read_runs(
        self, faces: Sequence[Face], forms: Sequence[str], **shaping: Unpack[Shaping]
    ) -> ReadRuns:
        """Shape every form, words among them, with every face; see ``read_outlines``."""
        job = _Job(forms=tuple(forms), **shaping)
        read, unread, contents = self._read_forms("runs", faces, job)
        parts = [RunStore.parse(content)[0] for content in contents]
        return ReadRuns(faces=read, store=join_runs(parts), unread=unread)

    def _read_forms(
        self, kind: str, faces: Sequence[Face], job: "_Job"
    ) -> tuple[tuple[Face, ...], tuple[UnreadFace, ...], list[NDArray[np.uint8]]]:
        """Return the faces that could be read, the others, and what was written of the former."""
        home = self._folder
        with temporary_errors(home):
            (home / "job.json").write_text(json.dumps(asdict(job)), encoding="ascii")
        ask = partial(self._ask_forms, kind=kind, n_forms=len(job.forms))
        answers = self._ask_all(
            list(enumerate(faces)), ask, f"read {kind}", "cells", n_each=len(job.forms)
        )
        unread = _list_unread(faces, answers)
        read = [k for k, answer in enumerate(answers) if "problems" not in answer]
        if not read:
            raise FontError(*(line for face in unread for line in face.problems))
        with temporary_errors(home):
            contents = [np.frombuffer((home / f"{k}.{kind}").read_bytes(), np.uint8) for k in read]
        return tuple(faces[k] for k in read), unread, contents

    def _ask_face(self, request: FaceRequest, count: _Count) -> Answer:
        task = asdict(request) | {"path": str(request.path), "sanitize": self._sanitize}
        known = self._known.find(request) if self._known else None
        if known:
            return {"face": known}
        answer = self._ask(request.path, {"kind": "face", **task}, self._limits.cpu_s, count)
        if "face" in answer:
            answer["face"] = Face.from_page(answer["face"])
            if self._known:
                self._known.add(request, answer["face"])
        return answer

    def _ask_forms(
        self, numbered: tuple[int, Face], count: _Count, *, kind: str, n_forms: int
    ) -> Answer:
        number, face = numbered
        task = {
            "kind": kind,
            "face": face.to_page(),
            "job": f"{self._folder}/job.json",
            "out": f"{self._folder}/{number}.{kind}",
        }
        cpu_s = self._limits.cpu_s + self._limits.cpu_s_per_form * n_forms
        return self._ask(face.path, task, cpu_s, count)

    def _ask_all(
        self,
        items: Sequence[T],
        ask: Callable[[T, _Count], Answer],
        step: str,
        unit: str,
        n_each: int = 1,
    ) -> list[Answer]:
        """Ask about every item, which is so many units; the answers come in the order of the items."""
        done = [0] * len(items)
        most = -(-len(items) // _FACES_PER_PROCESS)
        with ThreadPoolExecutor(max(1, min(most, count_cpus()))) as pool:
            try:
                asked = {
                    pool.submit(ask, item, partial(done.__setitem__, k)): k
                    for k, item in enumerate(items)
                }
                waiting = set(asked)
                while True:
                    self._reporter.progress(
                        Progress(step=step, done=sum(done), total=n_each * len(items), unit=unit)
                    )
                    if not waiting:
                        return [answer.result() for answer in asked]
                    finished, waiting = wait(waiting, _REPORT_S, return_when=FIRST_COMPLETED)
                    for answer in finished:
                        answer.result()  # what is wrong with the machine ends all at once
                        done[asked[answer]] = n_each
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self._end_all()
                raise

    def _ask(self, path: Path, task: Answer, cpu_s: float, count: _Count) -> Answer:
        memory_bytes = self._limits.memory_bytes
        task |= {"memory_bytes": memory_bytes, "cpu_s": cpu_s}
        worker = self._find_worker()
        try:
            answer = worker.ask(task, self._limits.wall_s(cpu_s), count)
        except DeadError as death:
            worker.end()
            check_machine(path, death, memory_bytes)
            why = describe_death(death, memory_bytes, cpu_s)
            return {"problems": [f"{path}: {why} (mend the font, or leave it out)"]}
        if "machine" in answer:
            raise MachineError(*answer["machine"])
        self._idle.append(worker)
        return answer

    def _find_worker(self) -> "ReaderProcess":
        with self._lock:
            if self._is_closed:
                raise WorkerError("fonts: their reader is closed")
            if self._idle:
                return self._idle.pop()
            self._workers.append(ReaderProcess(self._folder / f"{len(self._workers)}.log"))
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
