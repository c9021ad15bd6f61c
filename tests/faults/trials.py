"""Faults at every system call: what each does to a command, and whether the next run puts it right.

`python tests/faults/trials.py` runs all of them and prints the table of docs/reliability.md.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from power import cut_power

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

# As in shim.c: kinds of faults, and of calls.
EIO, ENOSPC, EMFILE, ENOMEM, SHORT, FULL, KILL_BEFORE, KILL_AFTER, POWER = range(1, 10)
NAMES_LOST = 100  # POWER, and names are lost, too
OPEN, READ, WRITE, SYNC, NAME, MAP, MAKE = (1 << k for k in range(7))
KINDS = {
    EIO: ("input/output error", OPEN | READ | WRITE | SYNC | NAME),
    ENOSPC: ("disk full once", WRITE | MAKE),
    EMFILE: ("too many open files", OPEN),
    ENOMEM: ("no memory to map", MAP),
    SHORT: ("half of it read or written", READ | WRITE),
    FULL: ("disk full from then on", WRITE | MAKE),
    KILL_BEFORE: ("killed before the call", 127),
    KILL_AFTER: ("killed after the call", 127),
    POWER: ("power cut, bytes lost", 127),
    NAMES_LOST: ("power cut, bytes and names lost", 127),
}
KILLS = (KILL_BEFORE, KILL_AFTER, POWER, NAMES_LOST)
KILLED = -9
# `place: what is wrong`, and not the last resort of main(), which has no place of its own.
_CLEAR = re.compile(r"(?!glyphgen: )[^\n]+: [^\n]+\n")
_PLAN = struct.Struct("<7Q")  # struct plan of shim.c
_LOG, _JOURNAL = 1, 2

RECIPE = """
classes.text = "01"
fonts.files = ["fonts/*.ttf"]
image.height = 12
image.width = 12
render.per_class = 12
output.rows_per_shard = 8
"""


class Call(NamedTuple):
    """A system call of a run without faults."""

    number: int
    what: int
    name: str
    path: str


class Outcome(NamedTuple):
    """How a run ended."""

    code: int
    stderr: str
    fired: bool


@dataclass(frozen=True)
class Scenario:
    """A command, and what lies there before it.

    Attributes:
        arguments: Of the command.
        prepare: Brings a folder, which holds recipe and fonts, into the state before the command.
        keeps_cache: Whether the user's cache is that of an earlier run, or empty.
    """

    arguments: tuple[str, ...]
    prepare: Callable[["Laboratory", Path], None] = lambda laboratory, base: None
    keeps_cache: bool = True


def find_compiler() -> str | None:
    return shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")


def hash_dataset(folder: Path) -> dict[str, str]:
    """Return the hashes of all that has to be equal in equal datasets; run.json tells of the run."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "run.json"
    }


class Laboratory:
    """A folder in which commands run with faults, one at a time.

    Args:
        home: An empty folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.base = home / "base"  # all below it is watched
        self._notes = home / "notes"
        self._notes.mkdir()
        self._plan = home / "plan"
        self._templates: dict[str, Path] = {}
        self._references: dict[str, dict[str, str]] = {}
        self._calls: dict[str, list[Call]] = {}
        self._plan.write_bytes(bytes(_PLAN.size))
        library = home / "shim.so"
        compiler = find_compiler()
        assert compiler
        subprocess.run(
            [compiler, "-O1", "-shared", "-fPIC", "-o", library, HERE / "shim.c", "-ldl"],
            check=True,
        )
        self._environment = {
            **os.environ,
            "LD_PRELOAD": str(library),
            "FAULTS_PLAN": str(self._plan),
            "FAULTS_ROOT": str(self.base),
            "FAULTS_NOTES": str(self._notes),
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(self.base / "cache"),
            "TMPDIR": str(self.base / "tmp"),
            "OMP_NUM_THREADS": "1",
        }
        self._launchers: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> "Laboratory":
        self._launchers = {name: self._start_launcher() for name in ("first", "second")}
        return self

    def __exit__(self, *_: object) -> None:
        for launcher in self._launchers.values():
            launcher.communicate()

    def _start_launcher(self) -> "subprocess.Popen[str]":
        launcher = subprocess.Popen(
            [sys.executable, HERE / "launcher.py"],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert launcher.stdout
        assert launcher.stdout.readline() == "ready\n"
        return launcher

    def run(
        self, arguments: Iterable[str], *, at: int = 0, kind: int = 0, notes: int = 0
    ) -> Outcome:
        """Run a command in ``base``, with a fault at a call."""
        self._plan.write_bytes(_PLAN.pack(0, at, kind, 0, 0, 0, notes))
        self._start("first", arguments)
        return self._wait("first")

    def run_two(
        self, first: Iterable[str], second: Iterable[str], *, at: int = 0, kind: int = 0
    ) -> tuple[Outcome, Outcome]:
        """Run two commands at the same time; the fault is for the one that comes to its call."""
        self._plan.write_bytes(_PLAN.pack(0, at, kind, 0, 0, 0, 0))
        self._start("first", first)
        self._start("second", second)
        return self._wait("first"), self._wait("second")

    def _start(self, launcher: str, arguments: Iterable[str]) -> None:
        trial = {
            "arguments": [*arguments],
            "folder": str(self.base),
            "stdout": str(self.home / f"stdout-{launcher}"),
            "stderr": str(self.home / f"stderr-{launcher}"),
        }
        stdin = self._launchers[launcher].stdin
        assert stdin
        stdin.write(json.dumps(trial) + "\n")
        stdin.flush()

    def _wait(self, launcher: str) -> Outcome:
        stdout = self._launchers[launcher].stdout
        assert stdout
        code = int(stdout.readline())
        fired = _PLAN.unpack(self._plan.read_bytes())[3]
        stderr = (self.home / f"stderr-{launcher}").read_text(encoding="utf-8", errors="replace")
        return Outcome(code, stderr, bool(fired))

    def run_well(self, *arguments: str) -> None:
        outcome = self.run(arguments)
        assert outcome.code == 0, outcome.stderr

    def restore(self, name: str) -> None:
        """Bring ``base`` into the state before a scenario's command."""
        if name not in self._templates:
            self._make_template(name)
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.copytree(self._templates[name], self.base, symlinks=True)

    def _make_template(self, name: str) -> None:
        scenario = SCENARIOS[name]
        shutil.rmtree(self.base, ignore_errors=True)
        for folder in ("fonts", "tmp", "cache"):
            (self.base / folder).mkdir(parents=True)
        for font in ("GochiHand_400Regular.ttf", "Caveat_400Regular.ttf"):
            shutil.copy(ROOT / "fonts" / "latin" / font, self.base / "fonts")
        (self.base / "tiny.toml").write_text(RECIPE, encoding="utf-8")
        if scenario.keeps_cache:
            self.run_well("render", "tiny.toml", "--out", "out", "--quiet")
            shutil.rmtree(self.base / "out")
        scenario.prepare(self, self.base)
        template = self.home / f"template-{name}"
        shutil.copytree(self.base, template)
        self._templates[name] = template
        self._forget_notes()
        outcome = self.run(scenario.arguments, notes=_LOG)
        assert outcome.code == 0, outcome.stderr
        self._references[name] = hash_dataset(self.base / "out")
        self._calls[name] = [
            Call(int(number), int(what), called, path.strip())
            for number, _, what, called, path in (
                line.split(" ", 4) for line in (self._notes / "log").read_text().splitlines()
            )
        ]

    def list_calls(self, name: str) -> list[Call]:
        """List the calls of a scenario's command without faults."""
        self.restore(name)
        return self._calls[name]

    def try_fault(self, name: str, at: int, kind: int) -> "Trial":
        """Run a scenario's command with a fault, and again without."""
        self.restore(name)
        is_cut = kind in (POWER, NAMES_LOST)
        arguments = SCENARIOS[name].arguments
        outcome = self.run(
            arguments,
            at=at,
            kind=POWER if is_cut else kind,
            notes=_JOURNAL if is_cut else 0,
        )
        if is_cut and outcome.fired:
            cut_power(self.base, self._notes, names_stay=kind == POWER)
        self._forget_notes()
        problem = self._find_wrong_end(name, outcome)
        if outcome.fired and not problem:
            problem = self._find_wrong_rerun(name)
        return Trial(outcome, problem)

    def try_cut_after_end(self, name: str) -> tuple[dict[str, str], dict[str, str]]:
        """Run a command to its end, and cut the power; return what is there and what has to be."""
        self.restore(name)
        outcome = self.run(SCENARIOS[name].arguments, notes=_JOURNAL)
        assert outcome.code == 0, outcome.stderr
        cut_power(self.base, self._notes, names_stay=False)
        self._forget_notes()
        expected = self._references[name]
        found = hash_dataset(self.base / "out")
        return {file: found[file] for file in found if file in expected}, expected

    def _forget_notes(self) -> None:
        for path in self._notes.iterdir():
            if path.name in ("journal", "log"):  # which the launchers hold open
                os.truncate(path, 0)
            else:
                path.unlink()

    def _find_wrong_end(self, name: str, outcome: Outcome) -> str:
        """Return what is wrong with the end of a run, in words."""
        out, expected = self.base / "out", self._references[name]
        is_complete = (out / "index.json").exists() and name not in NOT_NEW
        if is_complete or outcome.code == 0:
            found = hash_dataset(out)
            found.pop(".lock", None)  # may stay where it cannot be removed: nobody holds it
            missing = expected.keys() - found.keys()
            if missing or any(found[file] != expected[file] for file in expected):
                return (
                    f"an index.json beside what it does not describe: {_compare(found, expected)}"
                )
        if outcome.code in (0, KILLED):
            return "" if outcome.code or found == expected else f"left: {_compare(found, expected)}"
        if "Traceback" in outcome.stderr:
            return "traceback: " + outcome.stderr[-900:]
        if outcome.code == 1 and _CLEAR.fullmatch(outcome.stderr):
            return ""
        return f"exit {outcome.code}, not one clear line: {outcome.stderr[-500:]!r}"

    def _find_wrong_rerun(self, name: str) -> str:
        again = self.run(SCENARIOS[name].arguments)
        if again.code != 0:
            return f"the next run ends with {again.code}: {again.stderr[-900:]}"
        found, expected = hash_dataset(self.base / "out"), self._references[name]
        if found != expected:
            return f"the next run makes another dataset: {_compare(found, expected)}"
        left = [path.name for path in (self.base / "tmp").glob("glyphgen-*")]
        return f"left behind for the next run: {left}" if left else ""


class Trial(NamedTuple):
    """What a fault did, and what is wrong about that; nothing where all is right."""

    outcome: Outcome
    problem: str


def _compare(found: dict[str, str], expected: dict[str, str]) -> str:
    differing = sorted(k for k in {*found, *expected} if found.get(k) != expected.get(k))
    return ", ".join(differing)


def _make_pictures(laboratory: Laboratory, base: Path) -> None:
    for label in "01":
        (base / "pictures" / label).mkdir(parents=True)
        for k in range(5):
            pixels = np.zeros((12, 12), np.uint8)
            pixels[2 : 6 + k, 3 + int(label) : 6] = 255
            Image.fromarray(pixels).save(base / "pictures" / label / f"{k}.png")


def _make_source(laboratory: Laboratory, base: Path) -> None:
    laboratory.run_well("render", "tiny.toml", "--out", "source", "--quiet")


def _make_two_sources(laboratory: Laboratory, base: Path) -> None:
    _make_source(laboratory, base)
    laboratory.run_well("render", "tiny.toml", "--out", "second", "--seed", "7", "--quiet")


def _make_half(laboratory: Laboratory, base: Path) -> None:
    render = SCENARIOS["render to npy"].arguments
    laboratory.run(render)
    shutil.rmtree(base / "out")
    at = 10
    while not list((base / "out").glob(".work/shard-00001-*")):
        shutil.rmtree(base / "out", ignore_errors=True)
        laboratory.run(render, at=at, kind=KILL_AFTER)
        at += 10
        assert at < 5000
    for left in (base / "tmp").iterdir():
        shutil.rmtree(left)


def _make_another(laboratory: Laboratory, base: Path) -> None:
    laboratory.run_well("render", "tiny.toml", "--out", "out", "--seed", "9", "--quiet")


def _make_damaged(laboratory: Laboratory, base: Path) -> None:
    laboratory.run_well("render", "tiny.toml", "--out", "out", "--quiet")
    with (base / "out" / "images.npy").open("r+b") as file:
        file.seek(128 + 1000)
        byte = file.read(1)
        file.seek(128 + 1000)
        file.write(bytes([byte[0] ^ 255]))


_TO_OUT = ("--out", "out", "--workers", "1", "--quiet")
_RENDER = ("render", "tiny.toml", *_TO_OUT)
SCENARIOS = {
    "render to npy": Scenario(_RENDER),
    "render to hdf5": Scenario((*_RENDER, "--format", "hdf5")),
    "render, nothing in the cache": Scenario(_RENDER, keeps_cache=False),
    "balance": Scenario(("balance", "source", "--per-class", "20", *_TO_OUT), _make_source),
    "import": Scenario(("import", "folder", "pictures", *_TO_OUT), _make_pictures),
    "merge": Scenario(("merge", "source", "second", *_TO_OUT), _make_two_sources),
    "resume": Scenario(_RENDER, _make_half),
    "render --force": Scenario((*_RENDER, "--force"), _make_another),
    "render, a shard damaged": Scenario(_RENDER, _make_damaged),
}
NOT_NEW = ("render --force", "render, a shard damaged")
"""Those in which an index.json of before may be there."""


def plan_trials(
    calls: Sequence[Call], every: int = 1, *, one_kind: bool = True
) -> Iterator[tuple[int, int]]:
    """Return calls and kinds of faults.

    Args:
        calls: Of a run without faults.
        every: Every n-th of them is taken.
        one_kind: For each call one kind, the next in turn that fits it; else all that fit.
    """
    turns = itertools.cycle(KINDS)
    for call in calls[::every]:
        if one_kind:
            yield call.number, next(kind for kind in turns if KINDS[kind][1] & call.what)
        else:
            yield from ((call.number, k) for k, (_, fits) in KINDS.items() if fits & call.what)


@contextmanager
def open_laboratory() -> Iterator[Laboratory]:
    with (
        tempfile.TemporaryDirectory(prefix="faults-") as home,
        Laboratory(Path(home)) as laboratory,
    ):
        yield laboratory


COLUMNS = ("command", "calls", "faults", "harmless", "one line", "killed", "wrong")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try every n-th call only")
    parser.add_argument(
        "--one-kind", action="store_true", help="one fault a call, and not all that fit"
    )
    parser.add_argument(
        "--only", choices=SCENARIOS, action="append", help="a command; may be repeated"
    )
    options = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |\n|---" + "|--:" * (len(COLUMNS) - 1) + "|", flush=True)
    n_wrong = 0
    with open_laboratory() as laboratory:
        for name in options.only or SCENARIOS:
            n_wrong += _try_scenario(laboratory, name, options.every, one_kind=options.one_kind)
    return min(n_wrong, 1)


def _try_scenario(laboratory: Laboratory, name: str, every: int, *, one_kind: bool) -> int:
    calls = laboratory.list_calls(name)
    ends: Counter[str] = Counter()
    for at, kind in plan_trials(calls, every, one_kind=one_kind):
        outcome, problem = laboratory.try_fault(name, at, kind)
        ends["faults"] += 1
        ends[{0: "harmless", 1: "one line"}.get(outcome.code, "killed")] += not problem
        if problem:
            call = calls[at - 1]
            place = call.path.removeprefix(str(laboratory.base))
            print(f"{name}: {KINDS[kind][0]} at {at}, {call.name} {place}: {problem}",
                  file=sys.stderr, flush=True)  # fmt: skip
            ends["wrong"] += 1
    counts = [len(calls), *(ends[column] for column in COLUMNS[2:])]
    print(f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + " |", flush=True)
    return ends["wrong"]


if __name__ == "__main__":
    sys.exit(main())
