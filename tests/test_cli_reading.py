"""``predict`` and ``evaluate`` as a user types them: which run is taken, what is read, what is told."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.cli import cli
from glyphgen.dataset.reader import load
from glyphgen.errors import ImageError, TrainingError
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

SMALL = ["image.height=16", "image.width=16", "render.per_class=100", "classes.sets=[]"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with datasets/digits, runs/new and an older runs/old."""
    folder = tmp_path_factory.mktemp("trained")
    recipe = read_recipe("digits", [*SMALL, 'classes.text="017"'])
    dataset = render_dataset(recipe, folder / "datasets" / "digits").folder
    options = TrainingOptions(epochs=8, batch_size=16)
    new = train_baseline(dataset, folder / "runs" / "new", options).folder
    old = folder / "runs" / "old"
    shutil.copytree(new, old)
    os.utime(old / "model.safetensors", (1, 1))
    zero = np.asarray(load(dataset).ink[0])
    (folder / "scans").mkdir()
    for name, image in (
        ("scans/a.png", 255 - zero),
        ("scans/b.png", zero),
        ("blank.png", np.full((20, 20), 200, np.uint8)),
        ("word.png", 255 - np.hstack([zero] * 4)),
    ):
        Image.fromarray(image).save(folder / name)
    return folder


@pytest.fixture(autouse=True)
def _in_the_folder(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


@pytest.mark.slow
def test_the_newest_run_reads_files_and_folders_and_is_named() -> None:
    done = call("predict", "word.png", "scans")
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "using runs/new",
        "warning: word.png: several characters? (one is expected: cut them apart)",
    ]
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["word.png", "scans/a.png", "scans/b.png"]
    assert lines[1].split(": ")[1] == lines[2].split(": ")[1]


def test_evaluate_writes_what_was_misread(tmp_path: Path) -> None:
    path = tmp_path / "more" / "misread.csv"
    done = call("evaluate", "runs/old", "datasets/digits", "--misread", str(path), "--json")
    metrics = json.loads(done.stdout)
    head, *rows = path.read_text("utf-8").splitlines()
    assert head == "row,file,actual,read,loss"
    assert len(rows) == metrics["n"] - round(metrics["top1"] * metrics["n"])
    assert done.stderr.splitlines()[0].startswith(f"{path}: {len(rows)} image")
    done = call("evaluate", "runs/old", "datasets/digits", "--label-font", "blank.png")
    assert str(done.exception).startswith("--label-font: blank.png: ")


@pytest.mark.parametrize("run", ["runs/old", "runs/old/model.safetensors"])
def test_a_run_that_comes_first_is_taken(run: str) -> None:
    done = call("predict", run, "scans/a.png", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    page = json.loads(done.stdout)
    assert (page["image"], page["warning"], len(page["guesses"])) == ("scans/a.png", "", 3)


def test_an_image_that_cannot_be_read_does_not_end_the_others() -> None:
    done = call("predict", "blank.png", "none.png", "scans/a.png")
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        "using runs/new",
        "blank.png: no ink, expected a character, dark on light paper or light on dark",
        "none.png: no such file",
    ]
    assert done.stdout.startswith("scans/a.png: ")


def test_what_cannot_be_meant_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = call("predict", "runs/old")
    assert done.exit_code == 2
    assert "IMAGES: found none beside the model runs/old" in done.stderr
    assert call("predict").exit_code == 2
    done = call("evaluate", "datasets/digits", "datasets/digits")
    assert done.exit_code == 2
    assert "DATASET: found 2, expected one, after MODEL" in done.stderr
    (tmp_path / "empty").mkdir()
    assert isinstance(call("predict", str(tmp_path / "empty")).exception, ImageError)
    assert isinstance(call("predict", "gone.safetensors", "blank.png").exception, TrainingError)
    monkeypatch.chdir(tmp_path)
    assert str(call("predict", "scan.png").exception) == (
        "runs: holds no trained model (name one, or run `glyphgen train-baseline` first)"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), ["using runs/new", "using datasets/digits"]),
        (("datasets/digits",), ["using runs/new"]),
        (("runs/old",), ["using datasets/digits"]),
        (("runs/old", "datasets/digits"), []),
    ],
)
def test_evaluate_takes_the_newest_of_what_is_not_named(
    arguments: tuple[str, ...], said: list[str]
) -> None:
    done = call("evaluate", *arguments, "--json")
    assert done.stderr.splitlines() == said
    metrics = json.loads(done.stdout)
    run = "old" if "runs/old" in arguments else "new"
    assert metrics["model"] == f"runs/{run}/model.safetensors"
    assert metrics["dataset"] == "datasets/digits"
