"""What commands say while they work: bars on a terminal, lines in a log; what Ctrl-C leaves."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result
from tiny_sources import write_tree

from glyphgen.cli import cli, talk

pytestmark = pytest.mark.slow

FEW = ("--per-class", "40", "--set", "image.height=16", "--set", "image.width=16")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset, a run, and pictures to import."""
    folder = tmp_path_factory.mktemp("work")
    os.chdir(folder)
    assert run("render", "digits", *FEW, "--quiet").exit_code == 0
    assert run("render", "digits", *FEW, "--seed", "2", "-o", "second", "--quiet").exit_code == 0
    short = ("--epochs", "0.5", "--batch-size", "16")
    assert run("train-baseline", "--quiet", *short).exit_code == 0
    write_tree(Path("pictures"), {"あ": 4})
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


RUN = "runs/digits-cnn"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "steps"),
    [
        (
            ["render", "digits", *FEW, "--seed", "1", "-o", "new"],
            ["read fonts: 0 of 8 faces", "make, 0 of 1 shards: 0 of 400 images"],
        ),
        (
            ["preview", "digits", "--set", "image.height=29"],
            ["read outlines: 1,408 of 1,408 cells"],
        ),
        (["fonts", "check", "digits"], ["read fonts: 8 of 8 faces"]),
        (["fonts", "list", "digits"], ["read fonts: 8 of 8 faces"]),
        (["fonts", "coverage", "digits"], ["read fonts: 8 of 8 faces"]),
        (["verify"], ["read: 0 of 1 shards", "examine cells: 0 of 80 cells"]),
        (["verify"], ["make rows again: 0 of 1 runs"]),
        (
            ["balance", "datasets/digits", "--per-class", "50", "-o", "even"],
            ["read: 0 of 1 shards", "make, 0 of 1 shards: 0 of 600 images"],
        ),
        (
            ["balance", "datasets/digits", "--per-class", "50", "--by", "render", "--dry-run"],
            ["examine cells: 80 of 80 cells"],
        ),
        (
            ["import", "folder", "pictures", "-o", "taken"],
            ["read pictures: 3 of 4 pictures", "make, 1 of 1 shards: 4 of 4 images"],
        ),
        (["merge", "datasets/digits", "second", "-o", "merged"], ["read: 1 of 1 shards"]),
        (["report", "datasets/digits"], ["measure: 0 of 400 images"]),
        (["report", "datasets/digits", "datasets/digits"], ["measure: 400 of 400 images"]),
        (["evaluate", RUN, "datasets/digits"], ["predict: 50 of 50 images"]),
        (
            ["train-baseline", "datasets/digits", "-o", "again", "--epochs", "0.01"],
            ["validate: 50 of 50 images", "test: 0 of 50 images"],
        ),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else None,
)
def test_every_command_that_may_take_long_shows_signs_of_life(
    command: list[str], steps: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talk, "_SECONDS_PER_LINE", 0.0)
    done = run(*command)
    assert done.exit_code == 0, done.output
    said = done.stderr.splitlines()
    assert [step for step in steps if step not in said] == [], done.stderr


def test_a_log_is_not_filled_with_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk, "_SECONDS_PER_LINE", 1e9)
    assert run("fonts", "check", "digits").stderr == ""


def test_a_terminal_shows_a_bar_and_its_speed() -> None:
    program = [str(Path(sys.executable).parent / "glyphgen"), "render", "digits", *FEW]
    small = ["--set", "output.rows_per_shard=1", "--per-class", "400", "--workers", "1"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*program, *small, "-o", "bar"], stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"make, [\d,]+ of 4,000 shards", shown)
    assert b"images a second" in shown
    assert b"read fonts" not in shown[shown.index(b"make, ") :], "what is done is taken away"
    assert re.search(rb"a second\)\r\ndigest [0-9a-f]{64}\s*$", shown), "the bar is gone at the end"


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # the other side is closed
        return b""


def _interrupt(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_nothing_is_promised_where_nothing_was_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glyphgen.render.rendering.prepare_render", _interrupt)
    done = run("render", "digits", "-o", "never")
    assert done.stderr.splitlines()[0] == (
        "never: interrupted; no shard was finished (run the same command again to begin anew)"
    )
    done = run("render", "digits")
    assert done.stderr.splitlines()[0] == (
        "datasets/digits: interrupted; finished shards stay (run the same command again to go on)"
    )


def test_a_checkpoint_is_promised_only_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("glyphgen.baseline.training_data.Batches", _interrupt)
    done = run("train-baseline", "datasets/digits", "-o", "never")
    assert done.stderr.splitlines()[0] == (
        "never: interrupted; no checkpoint was written (run the same command again to begin anew)"
    )
    Path("cut").mkdir()
    Path("cut/unfinished.safetensors").touch()
    done = run("train-baseline", "datasets/digits", "-o", "cut", "--force")
    assert done.stderr.splitlines()[0].startswith("cut: interrupted; no checkpoint was written")
    monkeypatch.setattr("glyphgen.baseline.training_data.split_rows", _interrupt)
    Path("cut/unfinished.safetensors").touch()
    done = run("train-baseline", "datasets/digits", "-o", "cut", "--resume")
    assert done.stderr.splitlines()[0] == (
        "cut: interrupted; the last checkpoint stays (run the same command with --resume to go on)"
    )
