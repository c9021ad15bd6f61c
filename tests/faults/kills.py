"""Kills drivers, schedulers, workers and nannies at random moments, and looks what the next run makes.

    python tests/faults/kills.py --times 50 --seed 1

A trial is a command that makes a dataset in a folder or in a store, in processes or on a Dask cluster. It
is drawn from the seed and its number, so that ``--first 20`` goes on where a run has ended. After the kill
the same command has to end with 0, and the dataset to have the bytes of an undisturbed one.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
import pytest

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
sys.path[:0] = [str(TESTS), str(ROOT)]

from dask_processes import Cluster, kill_group  # noqa: E402
from object_server import BUCKET, serve_objects, use_store  # noqa: E402

from glyphgen.dataset.reader import Dataset, load  # noqa: E402
from glyphgen.files.address import AnyPlace  # noqa: E402
from glyphgen.files.store import open_store  # noqa: E402
from glyphgen.verify import verify_dataset  # noqa: E402

RECIPE = """
classes.text = "0123456789"
fonts.files = ["fonts/*.ttf"]
image.height = 32
image.width = 32
render.per_class = 40
"""
_SHARD_BYTES = 10 << 10  # ten images: forty shards
_DRIVER = (
    f"from glyphgen import production; production._SHARD_BYTES = {_SHARD_BYTES}\n"
    "from glyphgen.cli import main; main()"
)
KINDS = {
    "render to npy": ("render", "tiny.toml", "--format", "npy"),
    "render to hdf5": ("render", "tiny.toml", "--format", "hdf5"),
    "balance": ("balance", "source", "--per-class", "40"),
    "merge": ("merge", "source", "second"),
}
PLACES = ("a folder", "S3")
VICTIMS = {
    "processes": ("driver", "one worker", "all workers"),
    "dask": ("driver", "scheduler", "one worker", "two workers", "nanny", "all workers", "all"),
}
N_SHARDS = 40  # of every kind
_HANGS_S = 180
_STARTS_S = 1.5  # a driver is at its shards after about that
_CLEAR = re.compile(r"(?!glyphgen: )[^\n]+: [^\n]+\n")


@dataclass(frozen=True)
class Trial:
    """What is killed, and when.

    Attributes:
        kind: A key of ``KINDS``.
        place: One of ``PLACES``.
        executor: A key of ``VICTIMS``.
        victim: Who is killed.
        part: Of the shards that are made when it happens; below 0 nothing is waited for but ``delay_s``.
        delay_s: That passes then.
    """

    kind: str
    place: str
    executor: str
    victim: str
    part: float
    delay_s: float

    def __str__(self) -> str:
        when = f"at {self.part:.0%} of the shards" if self.part >= 0 else "at the start"
        where = f"{self.kind} into {self.place}, {self.executor}"
        return f"{where}: {self.victim} killed {when} + {self.delay_s * 1000:.0f} ms"


def draw_trial(seed: int, number: int) -> Trial:
    """Return one of the endless trials of a seed."""
    draw = random.Random(f"{seed}/{number}")
    executor = draw.choice(("processes", "dask", "dask"))
    part = draw.uniform(-0.2, 1.1)
    return Trial(
        kind=draw.choice(tuple(KINDS)),
        place=draw.choice(PLACES),
        executor=executor,
        victim=draw.choice(VICTIMS[executor]),
        part=min(part, 1.0),
        delay_s=draw.uniform(0, 0.05 if part >= 0 else _STARTS_S),
    )


class Outcome(NamedTuple):
    """How a driver ended."""

    code: int
    stderr: str


class Found(NamedTuple):
    """What came of a trial.

    Attributes:
        n_done: Shards that were made at the kill; None where all was over before it.
        first: The end of the driver whose work was disturbed.
        problem: What is wrong; empty where nothing is.
    """

    n_done: int | None
    first: Outcome
    problem: str


class World:
    """Recipe, sources, a store and a cluster, in which trials follow each other.

    Args:
        home: An empty folder.
        n_workers: Of the cluster; one of them has a nanny.
    """

    def __init__(self, home: Path, n_workers: int = 4) -> None:
        self.home = home
        self.n_workers = n_workers
        self._stack = ExitStack()
        self._cluster: Cluster | None = None
        self._runs_on: Cluster | None = None  # of the trial
        self._nanny: subprocess.Popen[bytes] | None = None
        self._n_trials = 0

    def __enter__(self) -> "World":
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        use_store(self._stack.enter_context(serve_objects()).env, patch)
        (self.home / "fonts").mkdir()
        (self.home / "tmp").mkdir()
        patch.setenv("XDG_CACHE_HOME", str(self.home / "cache"))
        patch.setenv("TMPDIR", str(self.home / "tmp"))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.setenv("PYTHONPATH", str(ROOT))
        for font in ("GochiHand_400Regular.ttf", "Caveat_400Regular.ttf"):
            shutil.copy(ROOT / "fonts" / "latin" / font, self.home / "fonts")
        (self.home / "tiny.toml").write_text(RECIPE, encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def try_kill(self, trial: Trial) -> Found:
        """Disturb a command, run it again, and compare what it has made."""
        expected = self._find_expected(trial.kind, trial.place)
        name = f"trial-{self._n_trials}/out"
        self._n_trials += 1
        place = name if trial.place == "a folder" else f"s3://{BUCKET}/{name}"
        here: AnyPlace = self.home / name if trial.place == "a folder" else place
        command = [*KINDS[trial.kind], "--out", place, "--quiet"]
        self._runs_on = self.mend_cluster() if trial.executor == "dask" else None
        command += ["--executor", self._runs_on.executor] if self._runs_on else ["--workers", "2"]
        driver = self._start(command)
        n_done = self._wait_for_moment(trial, driver, here)
        if n_done is not None:
            self._kill(trial.victim, driver)
        if self._runs_on:
            self.mend_cluster()
        first = self._wait(driver)
        problem = _judge(trial, first) or self._compare(here, expected, is_whole=first.code == 0)
        if not problem:
            second = self._wait(self._start(command))
            problem = (
                f"the next run ends with {second.code}: {second.stderr}"
                if second.code
                else self._compare(here, expected, is_whole=True)
            )
        return Found(n_done, first, problem)

    def _find_expected(self, kind: str, place: str) -> dict[str, bytes]:
        """Return the files of an undisturbed dataset, made in a folder."""
        out = self.home / kind / "out"
        if not out.exists():
            self._make_sources(KINDS[kind])
            self._run_well(*KINDS[kind], "--out", str(out))
        files = read_dataset(out)
        return files if place == "a folder" else cut_arrays(files, load(out))

    def _make_sources(self, command: tuple[str, ...]) -> None:
        for name, per_class, seed in (("source", 40, 1), ("second", 10, 2)):
            if name in command and not (self.home / name).exists():
                given = ("--set", f"render.per_class={per_class}", "--seed", str(seed))
                self._run_well("render", "tiny.toml", *given, "--out", name)

    def _compare(self, place: AnyPlace, expected: dict[str, bytes], *, is_whole: bool) -> str:
        if not (is_whole or open_store(place).exists("index.json")):
            return ""
        found = read_dataset(place)
        names = sorted({*found, *expected})
        other = [name for name in names if found.get(name) != expected.get(name)]
        if other:
            return f"{'' if is_whole else 'an index.json stands beside '}other bytes: {other}"
        return "; ".join(verify_dataset(place).problems) if is_whole else ""

    # --- Programs

    def _run_well(self, *arguments: str) -> None:
        outcome = self._wait(self._start([*arguments, "--quiet"]))
        assert outcome.code == 0, outcome.stderr

    def _start(self, arguments: list[str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", _DRIVER, *arguments],
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _wait(self, driver: "subprocess.Popen[str]") -> Outcome:
        try:
            _, stderr = driver.communicate(timeout=_HANGS_S)
        except subprocess.TimeoutExpired:
            kill_group(driver)
            _, stderr = driver.communicate()
            return Outcome(999, f"hangs after: {stderr}")
        return Outcome(driver.returncode, stderr)

    def mend_cluster(self) -> Cluster:
        """Start what there is not, or not any more."""
        if self._cluster is None:
            self._cluster = self._stack.enter_context(Cluster(self.home / "tmp"))
        cluster = self._cluster
        if cluster.scheduler.poll() is not None:
            for worker in cluster.workers:  # they would come back by themselves, or end
                kill_group(worker)
                worker.wait()
            cluster.start_scheduler()
        cluster.workers[:] = [worker for worker in cluster.workers if worker.poll() is None]
        if self._nanny not in cluster.workers:
            self._nanny = cluster.add_worker(nanny=True)
        while len(cluster.workers) < self.n_workers:
            cluster.add_worker()
        return cluster

    # --- The moment

    def _wait_for_moment(
        self, trial: Trial, driver: "subprocess.Popen[str]", place: AnyPlace
    ) -> int | None:
        """Return how many shards are made; None where the driver has ended before."""
        deadline = time.monotonic() + _HANGS_S
        n_done = 0
        while trial.part >= 0 and driver.poll() is None and time.monotonic() < deadline:
            n_done = max(n_done, count_notes(place))
            if n_done >= trial.part * N_SHARDS and self._find_victims(trial.victim, driver):
                break
            time.sleep(0.01)
        time.sleep(trial.delay_s)
        return None if driver.poll() is not None else n_done

    def _find_victims(self, victim: str, driver: "subprocess.Popen[str]") -> list[int]:
        """Return process numbers, in the order in which they are killed."""
        if victim == "driver":
            return [driver.pid]
        if self._runs_on is None:
            workers = _find_children(driver.pid)
            return workers[:1] if victim == "one worker" else workers
        others = [worker.pid for worker in self._runs_on.workers if worker is not self._nanny]
        nanny = self._nanny.pid if self._nanny else 0
        workers = [*others, nanny, *_find_children(nanny)]
        return {
            "scheduler": [self._runs_on.scheduler.pid],
            "one worker": others[:1],
            "two workers": others[:2],
            "nanny": [nanny],
            "all workers": workers,
            "all": [driver.pid, self._runs_on.scheduler.pid, *workers],
        }[victim]

    def _kill(self, victim: str, driver: "subprocess.Popen[str]") -> None:
        for pid in self._find_victims(victim, driver):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)  # until all are seen to be dead


def _find_children(pid: int) -> list[int]:
    """Return the workers that a driver or a nanny has started."""
    with suppress(psutil.NoSuchProcess):
        return [
            child.pid
            for child in psutil.Process(pid).children(recursive=True)
            if any("spawn_main" in word for word in child.cmdline())
        ]
    return []


def count_notes(place: AnyPlace) -> int:
    return sum(name.startswith("shard-") for name in open_store(place).list(".work"))


def read_dataset(place: AnyPlace) -> dict[str, bytes]:
    """Return all files that equal datasets have equal."""
    store = open_store(place)
    return {name: store.get_range(name) for name in store.list() if name != "run.json"}


def cut_arrays(files: dict[str, bytes], dataset: Dataset) -> dict[str, bytes]:
    """Return the files of a folder as they are in a store: those of npy as one for each shard."""
    if "images.npy" not in files:
        return files
    pages = {name: content for name, content in files.items() if not name.endswith(".npy")}
    for k, shard in enumerate(dataset.index.shards):
        rows = slice(shard.first_row, shard.first_row + shard.rows)
        arrays = (dataset.images[rows], dataset.labels[rows], dataset.samples[rows])
        pages[f"shard-{k:05}.bin"] = b"".join(array.tobytes() for array in arrays)
    return pages


def _judge(trial: Trial, outcome: Outcome) -> str:
    """Return what is wrong with the end of the driver that was disturbed; empty where nothing is."""
    code, stderr = outcome
    if "Traceback" in stderr or (code == 1 and not _CLEAR.fullmatch(stderr)):
        return f"ends with {code}, and not with one line: {stderr}"
    killed = -int(signal.SIGKILL)
    allowed = {
        "driver": (0, killed),
        "all": (0, killed),
        "scheduler": (0, 1),
        "all workers": (0, 1),
    }.get(trial.victim, (0,))
    return "" if code in allowed else f"ends with {code}: {stderr}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="how many trials")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    options = parser.parse_args()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="kills-") as home, World(Path(home)) as world:
        for number in range(options.first, options.first + options.times):
            trial = draw_trial(options.seed, number)
            found = world.try_kill(trial)
            end = {0: "goes on", 1: "one line"}.get(found.first.code, "killed")
            end = "over before" if found.n_done is None else end
            counts["wrong" if found.problem else end] += 1
            print(f"{number}. {trial} ({found.n_done}): {found.problem or end}", flush=True)
    print(", ".join(f"{count} {end}" for end, count in counts.items()))
    return min(counts["wrong"], 1)


if __name__ == "__main__":
    sys.exit(main())
