"""Training on a stream: fresh images in every epoch, measured on rows that it never shows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import FONTS
from listening import Listener
from tiny_datasets import make_dataset

from glyphgen.baseline.examples import StreamBatches, split_measured_rows
from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.training_data import open_data
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.cli import cli
from glyphgen.dataset.reader import load
from glyphgen.errors import TrainingError
from glyphgen.recipe import Recipe, dump_recipe, read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.report.training_page import make_training_subtitle

SMALL = (
    *("classes.sets=[]", 'classes.text="017"', "image.height=16", "image.width=16"),
    "render.per_class=96",
)
NO_SPLIT = ('split.by="none"', "split.val_faces=[]", "split.test_faces=[]")
QUICK = TrainingOptions(epochs=12, batch_size=16)


@pytest.fixture(scope="module")
def digits() -> Recipe:
    """0, 1 and 7 at 16 x 16 in eight faces: 72 samples of each in train, 12 in val, 12 in test."""
    return read_recipe("digits", SMALL)


@pytest.fixture(scope="module")
def dataset(digits: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_dataset(digits, tmp_path_factory.mktemp("data") / "digits").folder


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_network_learns_from_a_stream_and_says_so(
    digits: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = dump_recipe(digits).replace("../fonts", str(FONTS))
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    words = ["train-baseline", "--stream", "small.toml", "--epochs", "12", "--batch-size", "16"]
    done = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert json.loads(done.stdout)["run"] == "runs/digits-stream-cnn"
    run = tmp_path / "runs" / "digits-stream-cnn"
    metrics, train = read_json(run / "metrics.json"), read_json(run / "train.json")
    assert metrics["top1"] > 0.9
    assert (metrics["trained_on"], metrics["measured_on"]) == ("stream", "test")
    assert metrics["n"] == 3 * 12
    assert len(metrics["per_face"]) == 1  # of those that are never streamed
    assert train["dataset"] == "digits"
    assert train["rows"] == {"train": 156 * 16, "val": 36, "test": 36}
    assert (train["stream"]["images"], train["stream"]["recipe"]) == (156 * 16, "digits")
    parts = {name: part["rows"] for name, part in metrics["parts"].items()}
    assert parts == {"train": 216, "val": 36, "test": 36}
    told = next(line for line in done.stderr.splitlines() if line.startswith("cnn"))
    assert "fresh images of 3 classes of 'digits'" in told
    assert told.endswith(": 2,496 images, 11.56 times 216")
    assert (run / "figures" / "confusion.png").exists()
    assert make_training_subtitle(run).startswith(
        "cnn trained on fresh images of digits, measured on 36 images of"
    )


def test_epochs_are_other_images_and_none_is_measured(digits: Recipe) -> None:
    with open_data(None, digits, QUICK) as data:
        batches = data.open_batches(QUICK, torch.device("cpu"))
        assert isinstance(batches, StreamBatches)
        assert batches.n_batches == 13
        shown = [
            image.tobytes()
            for number in range(3)
            for images, _ in batches.epoch(number)
            for image in images.numpy()
        ]
        assert len(set(shown)) == len(shown) == 3 * 13 * 16
        again = next(batches.epoch(1, 4))[0].numpy()
        assert again[0].tobytes() == shown[(13 + 4) * 16]
        rows = data.dataset.images[:]
        assert not {image.tobytes() for image in rows} & set(shown)
        images, labels = data.read_train(np.arange(40))
        assert [image.tobytes() for image in images] == shown[:40]
        assert labels.shape == (40,)


def test_the_rows_that_are_measured_are_those_of_the_recipes_dataset(
    digits: Recipe, dataset: Path
) -> None:
    with open_data(None, digits, QUICK) as data:
        own, whole = data.dataset, load(dataset)
        assert own.index.splits == {"val": (0, 36), "test": (36, 72)}
        for name in ("val", "test"):
            mine, wanted = load(own.folder, name), load(dataset, name)
            assert np.array_equal(mine.images[:], wanted.images[:])
            assert np.array_equal(mine.samples[:], wanted.samples[:])
        folder = own.folder
        unseen = data.find_unseen_faces()
        assert unseen is not None
        assert sum(int(rows.sum()) for rows in unseen.values()) == 36
        assert data.content_key == whole.index.content_key
    assert not folder.exists()
    with open_data(dataset, digits, QUICK) as data:
        assert data.dataset.folder == dataset
        assert (len(data.split.val), len(data.split.test), data.n_train) == (36, 36, 216)
        assert data.warnings == split_measured_rows(load(dataset)).warnings == ()


def test_without_held_out_faces_other_images_of_the_same_are_measured() -> None:
    recipe = read_recipe("digits", (*SMALL, *NO_SPLIT, 'image.polarity="black-on-white"'))
    with open_data(None, recipe, QUICK) as data:
        assert data.find_unseen_faces() is None
        [warning] = data.warnings
        assert warning == (
            "digits: has no test split; 3,000 other images of faces that are trained on are measured"
            ' (split.by = "face" measures unseen faces)'
        )
        [(images, _)] = [
            batch
            for _, batch in zip(
                range(1), data.open_batches(QUICK, torch.device("cpu")).epoch(0), strict=False
            )
        ]
        assert float(images.float().mean()) < 60  # ink is 255, whatever the recipe wants on disk
        measured = {image.tobytes() for image in data.dataset.ink[:]}
        shown = {image.tobytes() for image in data.read_train(np.arange(2000))[0]}
        assert len(measured) == 6000
        assert not measured & shown


def test_a_training_goes_on_with_the_same_stream_alone(digits: Recipe, tmp_path: Path) -> None:
    class Stop(Listener):
        def message(self, line: str) -> None:
            super().message(line)
            if "val top-1" in line and sum("val top-1" in line for line in self.lines) == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_baseline(None, tmp_path / "run", QUICK, stream=digits, reporter=Stop())
    other = read_recipe("digits", (*SMALL, "seed=1"))
    with pytest.raises(
        TrainingError, match=r"its unfinished training differs in content_key, stream "
    ):
        train_baseline(None, tmp_path / "run", QUICK, stream=other, resume=True)
    go_on = Stop()
    with pytest.raises(KeyboardInterrupt):
        train_baseline(None, tmp_path / "run", QUICK, stream=digits, resume=True, reporter=go_on)
    entries = [line for line in go_on.lines if "val top-1" in line]
    assert "epoch 3.00" in entries[0]


def find_problem(dataset: Path | None, recipe: Recipe | None) -> str:
    with pytest.raises(TrainingError) as caught, open_data(dataset, recipe, QUICK):
        pass
    return str(caught.value)


def test_a_dataset_that_does_not_fit_the_stream_is_told(digits: Recipe, tmp_path: Path) -> None:
    few = (*SMALL, "render.per_class=8")
    kana = tmp_path / "kana"
    make_dataset(kana, "npy")
    assert find_problem(kana, digits) == (
        f"{kana}: its 2 classes are not the 3 of 'digits', 'あ' (U+3042) for '0' (U+0030)"
        " (give a dataset of the same classes, or none)"
    )
    larger = tmp_path / "larger"
    render_dataset(read_recipe("digits", (*few, "image.width=20")), larger)
    assert find_problem(larger, digits) == (
        f"{larger}: its images are 16x20, expected 16x16 as 'digits' draws them"
    )
    whole = tmp_path / "whole"
    render_dataset(read_recipe("digits", (*few, *NO_SPLIT)), whole)
    assert find_problem(whole, digits) == (
        f"{whole}: has no rows of val or test, expected some that the stream never shows"
        " (leave it out: they are made)"
    )
    assert find_problem(None, None) == ("training: found neither a dataset nor a recipe to stream")
    render_dataset(read_recipe("digits", few), tmp_path / "few")
    with open_data(tmp_path / "few", digits, QUICK) as data:
        assert data.warnings == (
            f"{tmp_path / 'few'}: made of another recipe than 'digits' is now: its rows may be like those"
            " of the stream (leave it out, or render it again)",
        )
