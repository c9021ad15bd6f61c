"""A few of the kills that `python tests/faults/kills.py` goes on with, and some by the command line."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dask_processes import wait_until
from kills import World, count_notes, draw_trial
from object_server import BUCKET

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("kills")) as found:
        yield found


def run_glyphgen(world: World, *arguments: str) -> "subprocess.Popen[str]":
    program = Path(sys.executable).parent / "glyphgen"
    return subprocess.Popen(
        [program, *arguments],
        cwd=world.home,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def find_end(driver: "subprocess.Popen[str]") -> str:
    """Return the digest that a driver says in the end."""
    _, stderr = driver.communicate()
    found = re.search("^digest ([0-9a-f]{64})$", stderr, re.M)
    assert found, stderr
    assert driver.returncode == 0
    return found[1]


def test_a_scheduler_and_four_workers_of_which_two_are_killed_make_what_one_process_makes(
    world: World,
) -> None:
    cluster = world.mend_cluster()
    cluster.wait_for_workers()
    assert len(cluster.workers) == 4
    place = f"s3://{BUCKET}/shown"
    render = ("render", "tiny.toml", "--set", "output.rows_per_shard=5")
    with run_glyphgen(world, *render, "--out", place, "--executor", cluster.executor) as there:
        wait_until(lambda: count_notes(place) >= 20)
        for worker in cluster.workers[:2]:
            os.killpg(worker.pid, signal.SIGKILL)
        assert there.poll() is None
        there_digest = find_end(there)
    with run_glyphgen(world, *render, "--out", "shown", "--workers", "1") as here:
        digest = find_end(here)
    assert there_digest == digest
    with run_glyphgen(world, "verify", place, "--expect", digest) as verify:
        assert verify.wait() == 0


@pytest.mark.parametrize(
    ("number", "drawn"),
    [
        (0, "render to npy into a folder, dask: driver killed at 29% of the shards + 28 ms"),
        (59, "render to npy into S3, dask: scheduler killed at 79% of the shards + 44 ms"),
    ],
)
def test_whoever_is_killed_the_next_run_makes_the_same(
    world: World, number: int, drawn: str
) -> None:
    world.n_workers = 2
    trial = draw_trial(3, number)
    assert str(trial) == drawn
    found = world.try_kill(trial)
    assert found.problem == ""
    assert found.n_done is not None
    assert found.first.code == (1 if trial.victim == "scheduler" else -signal.SIGKILL)
