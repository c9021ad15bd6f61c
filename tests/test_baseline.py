"""Training on small real datasets: which rows are trained on, what comes out, and how it is measured."""

import csv
import dataclasses
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from glyphgen.baseline import check_training_extra, examples, training
from glyphgen.baseline.checkpoint import read_checkpoint, read_tensors, write_tensors
from glyphgen.baseline.evaluating import evaluate_model
from glyphgen.baseline.examples import Batches, split_rows
from glyphgen.baseline.folding import fold_sizes, fold_twins, list_alike_forms, pair_small_kana
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.metrics import (
    Predictions,
    count_confused,
    measure_macro,
    measure_predictions,
    wilson_interval,
)
from glyphgen.baseline.models import make_model
from glyphgen.baseline.predicting import Reader, find_images
from glyphgen.baseline.reframing import measure_ink_share, reframe
from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.schedules import warm_up
from glyphgen.baseline.training import average_weights
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.baseline.variation import vary
from glyphgen.choices import MODELS
from glyphgen.dataset.reader import load
from glyphgen.errors import ChoiceError, GlyphgenError, ImageError, TrainingError
from glyphgen.progress import Progress
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

CPU = torch.device("cpu")
QUICK = TrainingOptions(epochs=16, batch_size=16)


def render(folder: Path, *overrides: str) -> Path:
    small = ["image.height=16", "image.width=16", "render.per_class=100", "classes.sets=[]"]
    recipe = read_recipe("digits", [*small, 'classes.text="017"', *overrides])
    return render_dataset(recipe, folder).folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0, 1 and 7 in eight faces at 16 x 16; two faces are kept for val and test."""
    return render(tmp_path_factory.mktemp("data") / "digits")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits without a split."""
    no_split = ('split.by="none"', "split.val_faces=[]", "split.test_faces=[]")
    return render(tmp_path_factory.mktemp("data") / "whole", *no_split)


@pytest.fixture(scope="module")
def run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of a few seconds on the digits."""
    out = tmp_path_factory.mktemp("runs") / "digits-cnn"
    return train_baseline(digits, out, QUICK).folder


class Reported:
    """Keeps what it is told, and interrupts the work after so many entries of the history."""

    def __init__(self, interrupt_after: int = 0) -> None:
        self.lines: list[str] = []
        self.steps: list[Progress] = []
        self._interrupt_after = interrupt_after

    @property
    def entries(self) -> list[str]:
        return [line for line in self.lines if "val top-1" in line]

    def message(self, line: str) -> None:
        self.lines.append(line)
        if "val top-1" in line and len(self.entries) == self._interrupt_after:
            raise KeyboardInterrupt

    def warning(self, line: str) -> None:
        self.lines.append(f"warning: {line}")

    def progress(self, progress: Progress) -> None:
        self.steps.append(progress)


STEPS = ("train", "validate", "test")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# --- The training


@pytest.mark.slow
def test_a_run_learns_and_leaves_all_its_files(run: Path) -> None:
    metrics, trained = read_json(run / "metrics.json"), read_json(run / "train.json")
    assert metrics["top1"] > 0.9
    assert metrics["n"] == trained["rows"]["test"] == 36
    assert sorted(path.name for path in run.iterdir()) == [
        "figures",
        "history.csv",
        "metrics.json",
        "misread.csv",
        "model.onnx",
        "model.safetensors",
        "train.json",
    ]
    with (run / "history.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["epoch"]) for row in rows] == list(range(1, 17))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"])
    assert list(metrics["parts"]) == ["train", "val", "test"]
    assert metrics["parts"]["test"]["macro_recall"] == metrics["macro_recall"]
    assert [part["rows"] for part in metrics["parts"].values()] == list(trained["rows"].values())
    assert float(rows[-1]["train_recall"]) > float(rows[0]["train_recall"])
    shown = ("accuracy", "activation", "confused", "confusion", "highest-loss", "loss")
    for name in (*shown, "train-accuracy"):
        with Image.open(run / "figures" / f"{name}.png") as figure:
            assert min(figure.size) > 100


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    digits: Path, run: Path, tmp_path: Path
) -> None:
    again = train_baseline(digits, tmp_path / "again", QUICK).folder
    other = train_baseline(digits, tmp_path / "other", dataclasses.replace(QUICK, seed=1)).folder
    name = "model.safetensors"
    assert (again / name).read_bytes() == (run / name).read_bytes()
    assert (other / name).read_bytes() != (run / name).read_bytes()


@pytest.mark.slow
def test_a_training_that_was_interrupted_goes_on_to_the_same_weights(
    digits: Path, run: Path, tmp_path: Path
) -> None:
    out, reported = tmp_path / "run", Reported(interrupt_after=2)
    with pytest.raises(KeyboardInterrupt):
        train_baseline(digits, out, QUICK, reporter=reported)
    assert [path.name for path in out.iterdir()] == ["unfinished.safetensors"]
    train_baseline(str(digits), str(out), QUICK, resume=True, reporter=reported)
    numbers = range(1, 17)
    assert [line.partition(", loss")[0] for line in reported.entries] == [
        f"{k / 16:4.0%}  {224 * k:,} images, epoch {k}.00" for k in numbers
    ]
    steps = {name: [step for step in reported.steps if step.step == name] for name in STEPS}
    assert {(step.total, step.unit) for step in steps["train"]} == {(3584, "images")}
    assert len(steps["train"]) >= 16, "from the first step of each epoch on"
    assert all(step.detail.startswith("epoch ") for step in steps["train"])
    assert [step.done for step in steps["validate"]] == [0, 36] * 16
    assert [step.done for step in steps["test"]] == [0, 36]
    assert (out / "model.safetensors").read_bytes() == (run / "model.safetensors").read_bytes()
    assert not (out / "unfinished.safetensors").exists()


def test_a_run_is_not_replaced_and_not_mixed(digits: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        train_baseline(digits, run, QUICK)
    assert str(caught.value) == (
        f"{run}: holds a model (--force replaces it, --out DIR takes another folder)"
    )
    with pytest.raises(TrainingError) as caught:
        train_baseline(digits, tmp_path / "new", QUICK, resume=True)
    assert str(caught.value) == (
        f"{tmp_path}/new: holds no unfinished training to go on with (leave out --resume)"
    )
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_baseline(digits, out, QUICK, reporter=Reported(interrupt_after=1))
    with pytest.raises(TrainingError) as caught:
        train_baseline(digits, out, QUICK)
    assert str(caught.value) == (
        f"{out}: holds an unfinished training (--resume goes on with it,"
        " --force replaces it, --out DIR takes another folder)"
    )
    with pytest.raises(TrainingError) as caught:
        train_baseline(digits, out, dataclasses.replace(QUICK, seed=5), resume=True)
    assert str(caught.value) == (
        f"{out}: its unfinished training differs in seed"
        " (give the same options and dataset, or --force to start again)"
    )


def test_a_training_has_a_budget_of_images_whatever_the_size_of_its_dataset() -> None:
    assert TrainingOptions().count_steps(10) == 3125 == 400_000 // 128
    assert TrainingOptions().count_steps(13_203) == 3125, "no whole epoch of 1.7 million images"
    assert TrainingOptions(epochs=1).count_steps(13_203) == 13_203
    assert TrainingOptions(minutes=1).count_steps(13_203) == 0


@pytest.mark.slow
def test_what_a_training_costs_is_said_before_and_after_its_first_steps(
    digits: Path, tmp_path: Path
) -> None:
    reported = Reported()
    train_baseline(digits, tmp_path / "run", QUICK, reporter=reported)
    plan, cost, *_ = reported.lines
    assert re.fullmatch(
        r"cnn, [\d,]+ weights, 228 training images of 3 classes, on \d+ cores?, (b?float\d\d):"
        r" 3,584 images, 15\.72 times its training rows",
        plan,
    )
    assert re.fullmatch(
        r"(less than a second|about \d+ s) of training, at [\d,]+ images a second", cost
    )
    reported = Reported()
    minutes = TrainingOptions(minutes=1e-4, batch_size=32)
    train_baseline(digits, tmp_path / "short", minutes, reporter=reported)
    assert reported.lines[0].endswith(": 0.0001 minutes")


@pytest.mark.slow
def test_the_first_entry_of_a_long_training_comes_early(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.baseline.training._FIRST_ENTRY_IMAGES", 64)
    early = train_baseline(digits, tmp_path / "run", dataclasses.replace(QUICK, epochs=2))
    assert [entry.images for entry in early.history] == [64, 224, 448]
    monkeypatch.setattr("glyphgen.baseline.training._FIRST_ENTRY_IMAGES", 160)
    late = train_baseline(digits, tmp_path / "late", dataclasses.replace(QUICK, epochs=2))
    assert [entry.images for entry in late.history] == [224, 448], "soon after it is the next"


@pytest.mark.slow
def test_minutes_end_a_training(digits: Path, tmp_path: Path) -> None:
    quick = TrainingOptions(minutes=1e-4, batch_size=32)
    history = train_baseline(digits, tmp_path / "run", quick).history
    assert history[-1].progress == 1
    assert history[-1].images < 32 * 20


@pytest.mark.slow
def test_a_found_learning_rate_is_used_and_said(digits: Path, tmp_path: Path) -> None:
    reported = Reported()
    short = dataclasses.replace(QUICK, epochs=0.3)
    train_baseline(digits, tmp_path / "run", short, find_lr=True, reporter=reported)
    rate = read_json(tmp_path / "run" / "train.json")["options"]["learning_rate"]
    assert reported.lines[0] == (f"learning rate {rate:.2g}, see {tmp_path}/run/figures/lr.png")
    assert 1e-6 < rate <= 0.1


def test_the_learning_rate_rises_and_stays() -> None:
    shares = [warm_up(k / 1000) for k in range(1001)]
    assert shares[0] == pytest.approx(1 / 25)
    assert (np.diff(shares[:151]) > 0).all()
    assert shares[150:] == pytest.approx([1.0] * 851)


def test_the_kept_weights_look_back_on_a_share_of_the_training() -> None:
    average = torch.tensor(0.0)
    for step in range(1, 10_001):
        average = average_weights(average, torch.tensor(float(step)), step - 1)
        if step == 1:
            assert average == 1
    assert average == pytest.approx(10_000 * 10 / 11, rel=0.01)  # the mean of x**10 on (0, 1)


@pytest.mark.slow
def test_the_average_is_kept_and_tested_not_the_last_step(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = train_baseline(digits, tmp_path / "usual", QUICK)
    monkeypatch.setattr(training, "average_weights", lambda average, now, n_before: average)
    first = train_baseline(digits, tmp_path / "first", QUICK)  # keeps the weights of step one
    assert usual.metrics["top1"] > 0.5 > first.metrics["top1"]


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize(("height", "width"), [(16, 16), (28, 28), (48, 40), (64, 100)])
def test_every_model_reads_every_size(name: str, height: int, width: int) -> None:
    logits = make_model(name, 7, height, width)(torch.zeros(2, 1, height, width))
    assert logits.shape == (2, 7)


def test_models_that_cannot_be_made() -> None:
    with pytest.raises(ChoiceError) as unknown:
        make_model("resnet", 3, 64, 64)
    assert str(unknown.value) == "model: found 'resnet', expected one of cnn, kana2020, timm:NAME"
    with pytest.raises(TrainingError) as caught:
        make_model("cnn", 3, 64, 12)
    assert str(caught.value) == "--model: 'cnn' reads images of 16 x 16 or more, found 64 x 12"
    with pytest.raises(TrainingError) as caught:
        TrainingOptions(model="cnn", pretrained=True)
    assert str(caught.value) == "--pretrained: 'cnn' has no weights to start from (take timm:NAME)"


def test_a_timm_that_cannot_be_imported_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(TrainingError) as caught:
        make_model("timm:resnet18", 3, 64, 64)
    assert str(caught.value) == (
        "--model: timm cannot be imported: import of timm halted; None in sys.modules"
        " (pip install 'glyphgen[timm]', with the torchvision that belongs to this torch)"
    )


# --- Variation


def test_variation_is_all_from_the_generator_and_stays_between_paper_and_ink() -> None:
    images = torch.rand((8, 1, 40, 56), generator=torch.Generator().manual_seed(3))
    before = images.clone()
    one, again, other = (vary(images, torch.Generator().manual_seed(k)) for k in (1, 1, 2))
    assert one.shape == images.shape
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(images, before)
    assert one.min() >= 0
    assert one.max() <= 1


def test_variation_bends_and_moves_the_edge_but_keeps_the_size() -> None:
    """Four squares: their distances tell size and bend, their areas how thick they became."""
    image = torch.zeros((64, 64))
    corners = [(12, 12), (12, 46), (46, 12), (46, 46)]
    for y, x in corners:
        image[y : y + 6, x : x + 6] = 1.0
    n = 500
    varied = vary(image.expand(n, 1, 64, 64), torch.Generator().manual_seed(0))[:, 0]
    inked = torch.where(varied > 0.3, varied, 0.0)
    down, across = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    centers = []
    for top, left in [(0, 0), (0, 32), (32, 0), (32, 32)]:
        part = torch.zeros((64, 64))
        part[top : top + 32, left : left + 32] = 1
        ink = (inked * part).flatten(1)
        centers.append(torch.stack([(ink @ of.flatten()) / ink.sum(1) for of in (down, across)], 1))
    nw, ne, sw, se = centers
    diagonals = ((se - nw).norm(dim=1) * (ne - sw).norm(dim=1)).sqrt() / (34 * 2**0.5)
    assert diagonals.mean() == pytest.approx(1, abs=0.02)
    assert diagonals.std() < 0.06
    # A map without bends takes the square's corners to a parallelogram.
    bent = ((nw + se) - (ne + sw)).norm(dim=1)
    assert bent.mean() > 0.5
    assert bent.quantile(0.1) < bent.mean() / 2
    area = inked.sum(dim=(1, 2)) / image.sum()
    assert (area > 1.15).float().mean() > 0.1
    assert (area < 0.9).float().mean() > 0.1


def test_light_variation_leaves_shape_and_thickness_of_strokes_alone() -> None:
    """Turned, sheared and shifted, two squares keep the middle between them, and their areas."""
    image = torch.zeros((64, 64))
    image[12:20, 12:20] = image[44:52, 44:52] = image[12:20, 44:52] = image[44:52, 12:20] = 1.0
    n = 300
    generator = torch.Generator().manual_seed(0)
    varied = vary(image.expand(n, 1, 64, 64), generator, variation="light")[:, 0]
    inked = torch.where(varied > 0.3, varied, 0.0)
    area = inked.sum(dim=(1, 2)) / image.sum()
    assert area.min() > 0.9
    assert area.max() < 1.05
    corners = [inked[:, y : y + 32, x : x + 32] for y in (0, 32) for x in (0, 32)]
    down, across = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    centers = [
        torch.stack([(c * of).sum(dim=(1, 2)) / c.sum(dim=(1, 2)) for of in (down, across)], 1)
        for c in corners
    ]
    bent = ((centers[0] + centers[3]) - (centers[1] + centers[2])).norm(dim=1)
    assert bent.max() < 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variation": "wild"}, "variation: found 'wild', expected one of strong, light"),
        ({"model": "ccn"}, "model: found 'ccn', expected one of cnn, kana2020, timm:NAME"),
        ({"model": None}, "model: found None, expected one of cnn, kana2020, timm:NAME"),
        ({"epochs": 0}, "epochs: found 0, expected a number above 0"),
        ({"minutes": -1.5}, "minutes: found -1.5, expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: found nan, expected a number above 0"),
        ({"batch_size": 1}, "batch_size: found 1, expected 2 or more"),
        ({"seed": -1}, "seed: found -1, expected 0 or more"),
        ({"frozen_epochs": -1}, "frozen_epochs: found -1, expected 0 or more"),
        ({"epochs": 1, "minutes": 1}, "epochs and minutes: found together, expected one of them"),
        ({"images": 9, "epochs": 1}, "images and epochs: found together, expected one of them"),
        ({"images": 0}, "images: found 0, expected a number above 0"),
    ],
)
def test_options_are_checked_when_they_are_made(options: dict[str, Any], message: str) -> None:
    with pytest.raises(GlyphgenError) as caught:
        TrainingOptions(**options)
    assert str(caught.value).removesuffix(" (did you mean 'cnn'?)") == message


# --- What is learnt from


def test_rows_are_divided_as_the_dataset_says(digits: Path) -> None:
    dataset = load(digits)
    split = split_rows(dataset)
    for name in ("train", "val", "test"):
        first, end = dataset.index.splits[name]
        assert getattr(split, name).tolist() == list(range(first, end))
    assert split.warnings == ()


def test_without_a_split_samples_are_held_out_and_that_is_said(whole: Path) -> None:
    split = split_rows(load(whole))
    rows = [split.train, split.val, split.test]
    assert sorted(np.concatenate(rows).tolist()) == list(range(300))
    assert [len(of) for of in rows] == [264, 6, 30]
    assert split.warnings == (
        f"{whole}: has no test split; every 10th sample is held out, of faces that are trained on"
        ' (split.by = "face" measures unseen faces)',
    )


def test_rows_of_one_source_never_stand_on_both_sides(digits: Path, tmp_path: Path) -> None:
    """A dataset whose train rows 0 and 5 were made of what test row 270 was made of is refused."""
    folder = tmp_path / "leaky"
    shutil.copytree(digits, folder)
    samples = np.load(folder / "samples.npy")
    samples["source_row"][[0, 5, 270]] = 77
    np.save(folder / "samples.npy", samples)
    with pytest.raises(TrainingError) as caught:
        split_rows(load(folder))
    assert str(caught.value) == (
        f"{folder}: images of 1 source rows are in both train and test, the first is of row 77"
        " (balance after splitting, as `glyphgen balance` does)"
    )


def test_rows_of_equal_number_in_two_sources_are_not_one_source(
    digits: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "merged"
    shutil.copytree(digits, folder)
    samples = np.load(folder / "samples.npy")
    merged = np.zeros(len(samples), [*samples.dtype.descr, ("source", "<u2")])
    for name in samples.dtype.names or ():
        merged[name] = samples[name]
    merged["source_row"][[0, 5, 270]] = 77, 78, 77
    merged["source"][270] = 1
    np.save(folder / "samples.npy", merged)
    index = read_json(folder / "index.json")
    index["sample_fields"].append(["source", "<u2"])
    (folder / "index.json").write_text(json.dumps(index))
    assert len(split_rows(load(folder)).test) == 36
    merged["source"][0] = 1
    np.save(folder / "samples.npy", merged)
    with pytest.raises(TrainingError, match="images of 1 source rows are in both train and test"):
        split_rows(load(folder))


@pytest.mark.slow
def test_datasets_that_cannot_be_trained_on(tmp_path: Path) -> None:
    alone = render(tmp_path / "alone", 'classes.text="0"')
    with pytest.raises(TrainingError) as caught:
        split_rows(load(alone))
    assert str(caught.value) == f"{alone}: has one class, expected two or more to tell apart"
    few = render(
        tmp_path / "few",
        "render.per_class=1",
        'split.by="none"',
        "split.val_faces=[]",
        "split.test_faces=[]",
    )
    with pytest.raises(TrainingError) as caught:
        split_rows(load(few))
    assert str(caught.value) == (
        f"{few}: '0', '1', '7' of 3 classes have fewer than two rows to train on"
        " (render more of them, or `glyphgen balance`)"
    )


def test_an_epoch_shows_every_row_once_and_resumes_anywhere(digits: Path) -> None:
    dataset = load(digits)
    rows = split_rows(dataset).train
    batches = Batches(dataset, rows, 25, 3, CPU)
    assert batches.n_batches == len(rows) // 25
    whole = list(batches.epoch(0))
    assert all(images.shape == (25, 1, 16, 16) for images, _ in whole)
    shown = np.concatenate([images[:, 0].numpy() for images, _ in whole])
    everything = np.asarray(dataset.images[rows[0] : rows[-1] + 1])
    n_distinct = len(np.unique(shown.reshape(len(shown), -1), axis=0))
    assert n_distinct == len(np.unique(everything.reshape(len(rows), -1), axis=0)) - (
        len(rows) % 25
    )
    late = list(batches.epoch(0, 4))
    assert len(late) == len(whole) - 4
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(late, whole[4:], strict=True))
    other = next(batches.epoch(1))[0]
    assert not torch.equal(other, whole[0][0])


def test_a_failure_while_reading_ahead_reaches_the_training(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OSError("the disk is gone")

    dataset = load(digits)
    batches = Batches(dataset, split_rows(dataset).train, 32, 0, CPU)
    monkeypatch.setattr(examples, "read_images", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches.epoch(0))


def test_a_batch_holds_the_images_of_its_labels_with_ink_255(tmp_path: Path) -> None:
    folder = render(tmp_path / "black", 'image.polarity="black-on-white"')
    dataset = load(folder)
    rows = split_rows(dataset).train
    known = {
        (255 - np.asarray(dataset.images[int(row)])).tobytes(): int(dataset.labels[int(row)])
        for row in rows
    }
    for images, labels in Batches(dataset, rows, 32, 0, CPU).epoch(0):
        for image, label in zip(images[:, 0].numpy(), labels.tolist(), strict=True):
            assert known[image.tobytes()] == label


@pytest.mark.slow
def test_faces_are_measured_only_if_the_network_has_seen_none_of_them(
    run: Path, digits: Path, whole: Path, tmp_path: Path
) -> None:
    per_face = read_json(run / "metrics.json")["per_face"]
    faces = load(digits, "test").samples[:]["face"]
    assert {name: entry["n"] for name, entry in per_face.items()} == {
        load(digits).index.faces[k].file: int((faces == k).sum()) for k in np.unique(faces)
    }
    short = dataclasses.replace(QUICK, epochs=0.1)
    assert "per_face" not in train_baseline(whole, tmp_path / "run", short).metrics


# --- Metrics


def test_predictions_are_those_of_the_logits() -> None:
    """A network that takes three pixels for the logits of three classes."""
    images = np.array([[[0, 255, 51]], [[255, 0, 0]]], np.uint8)
    targets = np.array([2, -1])
    found = predict_classes(torch.nn.Flatten(), images.__getitem__, targets, CPU)
    exps = np.exp(np.array([[0.0, 1.0, 0.2], [1.0, 0.0, 0.0]]))
    shares = exps / exps.sum(axis=1, keepdims=True)
    assert found.top_classes[0].tolist() == [1, 2, 0]
    assert found.predicted.tolist() == [1, 0]
    np.testing.assert_allclose(found.probabilities, -np.sort(-shares, axis=1), rtol=1e-5)
    assert found.losses[0] == pytest.approx(-np.log(shares[0, 2]), rel=1e-5)
    none = predict_classes(torch.nn.Flatten(), images.__getitem__, targets[:0], CPU)
    assert none.predicted.shape == (0,)


def predict(targets: list[int], top_classes: list[list[int]]) -> Predictions:
    probabilities = np.tile(np.array([0.7, 0.2, 0.1], np.float32), (len(targets), 1))
    return Predictions(
        targets=np.array(targets),
        top_classes=np.array(top_classes),
        probabilities=probabilities,
        losses=np.ones(len(targets), np.float32),
    )


def test_figures_are_those_counted_by_hand() -> None:
    found = predict([0, 0, 1, 2], [[0, 1, 2], [1, 0, 2], [1, 2, 0], [1, 0, 2]])
    page = measure_predictions(found, ["a", "b", "c"], np.array([0, 0, 2]))
    assert page["n"] == 4
    assert page["top1"] == 0.5
    assert page["top5"] == 1.0
    assert page["top1_twins_folded"] == 0.75
    assert page["macro_precision"] == pytest.approx((1 + 1 / 3 + 0) / 3)
    assert page["macro_recall"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert page["macro_f1"] == pytest.approx((2 / 3 + 0.5 + 0) / 3)
    assert page["twins_folded"]["macro_recall"] == pytest.approx((1 + 0) / 2)
    assert page["per_class"][1] == {
        "label": "b",
        "n": 1,
        "precision": pytest.approx(1 / 3),
        "recall": 1.0,
        "f1": 0.5,
    }
    assert page["confused"] == [
        {"actual": "a", "predicted": "b", "n": 1},
        {"actual": "c", "predicted": "b", "n": 1},
    ]
    assert page["calibration"]["expected_error"] == pytest.approx(0.2, abs=1e-6)


@pytest.mark.parametrize(
    ("targets", "predicted", "scores"),
    [
        # The example of scikit-learn's precision_recall_fscore_support, average="macro".
        ([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1], (2 / 9, 1 / 3, 4 / 15)),
        # A class that never occurs does not count, but takes from the recall of those that do.
        ([0, 0, 1, 1], [0, 2, 1, 1], (1, 3 / 4, (2 / 3 + 1) / 2)),
        # A class that is never predicted has precision 0.
        ([0, 0, 1], [0, 0, 0], (1 / 3, 1 / 2, 2 / 5)),
        ([3], [3], (1, 1, 1)),
        ([], [], (0, 0, 0)),
    ],
)
def test_macro_scores_are_those_of_the_table(
    targets: list[int], predicted: list[int], scores: tuple[float, float, float]
) -> None:
    found = measure_macro(np.array(targets, np.int64), np.array(predicted, np.int64))
    assert (found.precision, found.recall, found.f1) == pytest.approx(scores)


def test_the_most_frequent_mistakes_come_first() -> None:
    found = predict([0, 1, 1, 2, 2, 2], [[0, 1, 2], [0, 1, 2], [2, 1, 0], *([[1, 0, 2]] * 3)])
    assert count_confused(found) == [(2, 1, 3), (1, 0, 1), (1, 2, 1)]


def test_wilsons_interval_is_that_of_the_books() -> None:
    # Brown, Cai, DasGupta, "Interval estimation for a binomial proportion" (2001) tabulate the form.
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 10)[0] == 0
    assert wilson_interval(10, 10)[1] == pytest.approx(1)


def test_twins_are_folded_and_chains_of_them_are_one() -> None:
    forms = [("へ",), ("ヘ",), ("つ",), ("っ", "ッ"), ("ツ",)]
    assert fold_twins(forms, [("へ", "ヘ"), ("x", "y")]).tolist() == [0, 0, 2, 3, 4]
    assert fold_twins(forms, [("つ", "っ"), ("ッ", "ツ")]).tolist() == [0, 1, 2, 2, 2]
    assert pair_small_kana("っつァゕA") == (("っ", "つ"), ("ァ", "ア"), ("ゕ", "か"))


def test_small_kana_are_folded_apart_from_twins() -> None:
    forms = [("っ",), ("つ",), ("へ",), ("ヘ",), ("A",)]
    groups = [("へ", "ヘ")]
    assert fold_twins(forms, groups).tolist() == [0, 1, 2, 2, 4]
    assert fold_sizes(forms, groups).tolist() == [0, 0, 2, 2, 4]
    targets = np.arange(5)
    predictions = Predictions(
        targets=targets,
        top_classes=np.array([[1], [1], [3], [3], [0]]),
        probabilities=np.ones((5, 1), np.float32),
        losses=np.zeros(5, np.float32),
    )
    folded, sizes = fold_twins(forms, groups), fold_sizes(forms, groups)
    metrics = measure_predictions(predictions, list("っつへヘA"), folded, sizes_folded=sizes)
    assert [metrics[f"top1{name}"] for name in ("", "_twins_folded", "_sizes_folded")] == [
        0.4,
        0.6,
        0.8,
    ]
    assert "top1_sizes_folded" not in measure_predictions(
        predictions, list("っつへヘA"), folded, sizes_folded=folded
    )


def test_measured_twins_are_read_from_the_dataset(tmp_path: Path) -> None:
    assert ("へ", "ヘ") in list_alike_forms(tmp_path)
    twins = {
        "forms": ["l", "I"],
        "distance": 0.01,
        "faces": 1,
        "faces_alike": 1,
        "one_class": False,
    }
    page = {"cells": 2, "admitted": 2, "coverage": {}, "unproven": {}, "twins": [twins]}
    page |= {key: [] for key in ("unread", "refused", "allowed")}
    (tmp_path / "gate.json").write_text(json.dumps(page))
    assert list_alike_forms(tmp_path)[0] == ("l", "I")


# --- Checkpoints


def test_a_checkpoint_reads_as_the_network_did(run: Path, digits: Path) -> None:
    info = read_checkpoint(run).info
    assert (info.labels, info.height, info.width) == (("0", "1", "7"), 16, 16)
    assert info.content_key == load(digits).index.content_key
    assert 0.3 < info.ink_share < 0.8
    metrics = evaluate_model(run, digits).metrics
    assert metrics["top1"] == read_json(run / "metrics.json")["top1"]


def test_checkpoints_that_cannot_be_used(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"

    def refused(start: str) -> None:
        with pytest.raises(TrainingError) as caught:
            read_checkpoint(path)
        assert str(caught.value).startswith(f"{path}: {start}")
        assert "\n" not in str(caught.value)

    refused("no such file, expected a model (see `glyphgen train-baseline`)")
    path.write_bytes(b"\x80\x04cos\nsystem\n")
    refused("not a whole safetensors file: ")
    whole = (run / "model.safetensors").read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused("not a whole safetensors file: ")
    tensors, metadata = read_tensors(run / "model.safetensors")
    page = json.loads(metadata)
    write_tensors(path, tensors, page | {"format_version": 99})
    refused("format_version is 99, expected 1 (another glyphgen wrote it: train the model again)")
    write_tensors(path, tensors, {"nothing": 1})
    refused("has no metadata of glyphgen, expected a model that `train-baseline` wrote")
    write_tensors(path, tensors, page | {"labels": ["0", "1"], "forms": [["0"], ["1"]]})
    refused(
        "its tensors are not those of 'cnn' for 2 classes: size mismatch for head.bias:"
        " found [3], expected [2] (train the model again)"
    )
    write_tensors(path, tensors, page | {"labels": ["0", "1"]})
    refused("its class table has gaps (train the model again)")
    write_tensors(path, tensors, page | {"height": "tall"})
    refused(
        "its metadata cannot be used: height: Input should be a valid integer (train the model again)"
    )
    write_tensors(path, tensors, page | {"height": 10**6, "ink_share": 1e300})
    refused(
        "its metadata cannot be used: height: Input should be less than or equal to 4096, ink_share:"
        " Input should be less than or equal to 1 (train the model again)"
    )
    million = [str(number) for number in range(10**6)]
    write_tensors(path, tensors, page | {"labels": million, "forms": [[name] for name in million]})
    refused(
        "its tensors are not those of 'cnn' for 1000000 classes: size mismatch for head.bias:"
        " found [3], expected [1000000] (train the model again)"
    )
    write_tensors(
        path, {name: value for name, value in tensors.items() if name != "head.bias"}, page
    )
    refused(
        "its tensors are not those of 'cnn' for 3 classes: no such tensor for head.bias:"
        " found None, expected [3] (train the model again)"
    )
    write_tensors(path, tensors | {"head.bias": tensors["head.bias"] * float("nan")}, page)
    refused("head.bias holds numbers that are not finite (train the model again)")
    path.unlink()
    os.mkfifo(path)
    refused("is a named pipe, expected a trained network")


def test_onnx_says_what_torch_says(run: Path, digits: Path) -> None:
    import onnxruntime

    images = np.asarray(load(digits, "test").images)[:, None].astype(np.float32) / 255
    session = onnxruntime.InferenceSession(run / "model.onnx", providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"images": images})
    with torch.inference_mode():
        expected = read_checkpoint(run).network(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)


# --- Evaluating and predicting


def write_npz(path: Path, dataset: Path, text: str) -> Path:
    part = load(dataset, "test")
    images = np.kron(np.asarray(part.images), np.ones((3, 3), np.uint8))
    names = np.array([ord(text[int(label)]) for label in part.labels[:]], np.uint32)
    np.savez(path, images=images, codepoints=names)
    return path


def test_images_of_another_size_are_read_and_unknown_classes_told(
    run: Path, digits: Path, tmp_path: Path
) -> None:
    place = write_npz(tmp_path / "foreign.npz", digits, "01ん")
    metrics = evaluate_model(run, place, framing="ink").metrics
    assert metrics["n"] == 24
    assert metrics["unknown_classes"] == [{"label": "ん", "n": 12}]
    assert metrics["n_unknown"] == 12
    assert metrics["top1"] > 0.7
    assert metrics["top1_of_all"] == pytest.approx(metrics["top1"] * 24 / 36)
    place = write_npz(tmp_path / "strange.npz", digits, "あいう")
    with pytest.raises(TrainingError) as caught:
        evaluate_model(run, place)
    assert str(caught.value) == (
        f"{place}: none of its 3 classes is known to {run}/model.safetensors, whose"
        " classes are 0, 1, 7"
    )


def test_several_views_are_one_opinion(run: Path, digits: Path) -> None:
    one, four = (evaluate_model(run, digits, views=n) for n in (1, 4))
    again = evaluate_model(run, digits, views=4)
    assert four.metrics["views"] == 4
    by_framing = {
        f: evaluate_model(run, digits, framing=f).metrics["views"] for f in ("as-is", "ink")
    }
    assert by_framing == {"as-is": 1, "ink": 16}
    assert (four.images.predictions.probabilities == again.images.predictions.probabilities).all()
    assert (four.images.predictions.probabilities != one.images.predictions.probabilities).any()
    assert four.metrics["top1"] >= one.metrics["top1"] - 0.1
    assert four.images.predictions.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-4)


def test_an_npz_that_cannot_be_read(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, images=np.zeros((2, 4, 4), np.float32), codepoints=np.zeros(3, np.uint32))
    with pytest.raises(TrainingError) as caught:
        evaluate_model(run, path)
    assert str(caught.value) == (
        f"{path}: holds images float32 (2, 4, 4) and codepoints (3,),"
        " expected uint8 (n, height, width) and (n,)"
    )
    np.savez(path, images=np.zeros((1, 4, 4), np.uint8), codepoints=np.array([0x110000]))
    with pytest.raises(TrainingError) as caught:
        evaluate_model(run, path)
    assert (
        str(caught.value)
        == f"{path}: holds codepoints that are none, expected integers to 0x10FFFF"
    )
    for damaged in (b"no zip", path.read_bytes()[:200]):
        path.write_bytes(damaged)
        with pytest.raises(TrainingError, match=r"expected an \.npz with images and codepoints"):
            evaluate_model(run, path)


def test_an_unknown_framing_is_refused_at_every_door(run: Path, digits: Path) -> None:
    for door in (
        lambda: evaluate_model(run, digits, framing="link"),
        lambda: Reader(run).read([], framing="link"),
    ):
        with pytest.raises(ChoiceError) as caught:
            door()
        assert str(caught.value) == (
            "framing: found 'link', expected one of ink, as-is (did you mean 'ink'?)"
        )
    with pytest.raises(TrainingError, match="views: found 0, expected 1 or more"):
        evaluate_model(run, digits, views=0)


def test_framing_by_ink_undoes_place_and_size() -> None:
    image = np.zeros((40, 60), np.uint8)
    image[5:15, 30:50] = 255
    [framed] = reframe([image], height=32, width=32, framing="ink", ink_share=0.5)
    assert (framed[12:20, 8:24] == 255).all()
    assert framed.sum() == 255 * 8 * 16
    assert measure_ink_share(framed[None]) == 0.5
    [whole] = reframe([image], height=20, width=30, framing="as-is", ink_share=0.5)
    assert whole.sum() == pytest.approx(image.sum() / 4, rel=0.05)
    [blank] = reframe([np.zeros((9, 9), np.uint8)], height=8, width=8, framing="ink", ink_share=1)
    assert not blank.any()


def test_files_are_read_whatever_their_polarity(run: Path, digits: Path, tmp_path: Path) -> None:
    part = load(digits, "test")
    sevens = [np.asarray(part.images[k]) for k in np.flatnonzero(np.asarray(part.labels) == 2)[:6]]
    paths = []
    for k, image in enumerate(sevens):
        paths.append(tmp_path / f"{k}.png")
        Image.fromarray(image if k % 2 else 255 - image).save(paths[-1])
    found = Reader(run).read([*paths, tmp_path / "nothing.png", Path(__file__)])
    assert sum(reading.label == "7" for reading in found[:6]) >= 5
    for reading in found[:6]:
        shares = [guess.probability for guess in reading.guesses]
        assert reading.probability == shares[0]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1, abs=1e-5)
    assert found[6].problem == f"{tmp_path}/nothing.png: no such file"
    assert found[7].problem == (
        f"{__file__}: not an image, expected PNG, JPEG, GIF, BMP, TIFF, WEBP or PPM"
    )


def test_a_character_is_read_from_every_kind_of_file(
    run: Path, digits: Path, tmp_path: Path
) -> None:
    part = load(digits, "test")
    seven = np.asarray(part.images[int(np.flatnonzero(part.targets == 2)[0])])
    dark = 255 - np.kron(seven, np.ones((3, 3), np.uint8))  # ink 0 on white
    clear = np.zeros((*dark.shape, 4), np.uint8)
    clear[..., 3] = 255 - dark
    white = clear.copy()
    white[..., :3] = 255
    turned = Image.Exif()
    turned[0x0112] = 6
    files: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "plain.png": (Image.fromarray(dark), {}),
        "dark-on-nothing.png": (Image.fromarray(clear), {}),
        "white-on-nothing.png": (Image.fromarray(white), {}),
        "sixteen.png": (Image.fromarray(dark.astype(np.uint16) * 257), {}),
        "turned.png": (
            Image.fromarray(dark).transpose(Image.Transpose.ROTATE_90),
            {"exif": turned},
        ),
        "a.gif": (Image.fromarray(dark), {}),
        "a.tif": (Image.fromarray(dark), {}),
        "a.webp": (Image.fromarray(dark).convert("RGB"), {"lossless": True}),
        "pencil.png": (Image.fromarray((200 + dark * (40 / 255)).round().astype(np.uint8)), {}),
    }
    for name, (image, options) in files.items():
        image.save(tmp_path / name, **options)
    plain, *others = Reader(run).read([tmp_path / name for name in files])
    assert plain.guesses[0].label == "7"
    for found in others:
        assert found.problem == ""
        for guess, expected in zip(found.guesses, plain.guesses, strict=True):
            assert guess.label == expected.label, found.name
            assert guess.probability == pytest.approx(expected.probability, abs=0.03), found.name


def test_what_cannot_be_read_is_told(run: Path, tmp_path: Path) -> None:
    blank, faint, bad = tmp_path / "blank.png", tmp_path / "faint.png", tmp_path / "bad.png"
    Image.new("L", (32, 32), 250).save(blank)
    noise = np.arange(1024, dtype=np.uint8).reshape(32, 32) % 16 + 200
    Image.fromarray(noise).save(faint)
    bad.write_bytes(faint.read_bytes()[: faint.stat().st_size // 2])
    no_ink = "no ink, expected a character, dark on light paper or light on dark"
    speck, dot = (np.full((64, 64), 255, np.uint8) for _ in range(2))
    speck[5:7, 5:7] = 0
    dot[30:34, 30:34] = 0
    for name, image in (("speck", speck), ("dot", dot)):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    assert len(Reader(run).read(tmp_path / "dot.png")[0].guesses) == 3
    for path, problem in (
        (tmp_path / "speck.png", "no ink but a speck, expected a character"),
        (blank, no_ink),
        (faint, no_ink),
        (bad, "damaged or cut short"),
        (tmp_path, "not a file"),
        (tmp_path / "none.png", "no such file"),
    ):
        [found] = Reader(run).read(path)
        assert (found.guesses, found.problem) == ((), f"{path}: {problem}")


def test_gray_paper_noise_and_shadow_change_no_reading(run: Path, digits: Path) -> None:
    part = load(digits, "test")
    inks = [np.kron(image, np.ones((5, 5), np.uint8)) for image in np.asarray(part.ink[:12])]
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:80, 0:80] / 80

    def photograph(ink: Any, paper: int, level: int, noise: float, shadow: float) -> Any:
        light = (paper + (level - paper) * (ink / 255.0)) * (1 - shadow * (x + y) / 2)
        return (light + rng.normal(0, noise, ink.shape)).clip(0, 255).round().astype(np.uint8)

    reader = Reader(run)
    clean = [reading.label for reading in reader.read([255 - ink for ink in inks])]
    assert set(clean) == {"0", "1", "7"}
    for paper, level, noise, shadow in (
        *((200, 60, 0.0, 0.0), (200, 60, 5.0, 0.0), (110, 30, 4.0, 0.0), (60, 200, 4.0, 0.0)),
        *((230, 60, 2.0, 0.4), (210, 150, 3.0, 0.0)),
    ):
        images = [photograph(ink, paper, level, noise, shadow) for ink in inks]
        found = [reading.label for reading in reader.read(images)]
        same = [a == b for a, b in zip(found, clean, strict=True)]
        assert sum(same) >= 11, (paper, level, noise, shadow)


def test_arrays_are_read_as_their_files_are(run: Path, digits: Path, tmp_path: Path) -> None:
    images = np.asarray(load(digits, "test").images[:3])
    paths = [tmp_path / f"{k}.png" for k in range(3)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image).save(path)
    reader = Reader(str(run))
    of_files, of_arrays = reader.read(map(str, paths)), reader.read(images)
    assert [reading.name for reading in of_arrays] == ["image 1", "image 2", "image 3"]
    assert [reading.name for reading in of_files] == list(map(str, paths))
    assert [reading.guesses for reading in of_files] == [reading.guesses for reading in of_arrays]
    assert reader.read(images[1])[0].label == of_arrays[1].label
    assert reader.read(images[1])[0].name == "image 1"
    blank = np.full((9, 9), 200, np.uint8)
    mixed = reader.read([blank, paths[1], images[:2], images[2].astype(float)])
    assert [bool(reading.problem) for reading in mixed] == [True, False, True, True]
    assert mixed[1].name == str(paths[1])
    assert mixed[1].probability == pytest.approx(of_files[1].probability, abs=1e-5)
    assert (mixed[0].label, mixed[0].probability) == ("", 0)
    assert mixed[2].problem == "image 3: uint8 (2, 16, 16), expected uint8 (height, width)"
    assert mixed[3].problem == "image 4: float64 (16, 16), expected uint8 (height, width)"


def test_many_images_keep_their_order(
    run: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.baseline.predicting._TOGETHER", 5)
    images = np.asarray(load(digits, "test").images[:12])
    together, alone = Reader(run).read(images), [Reader(run).read(image)[0] for image in images]
    assert [reading.label for reading in together] == [reading.label for reading in alone]
    assert together[11].name == "image 12"


def test_a_word_is_read_with_a_warning(run: Path, digits: Path) -> None:
    part = load(digits, "test")
    zero = np.asarray(part.ink[int(np.flatnonzero(part.targets == 0)[0])])
    one, three = Reader(run).read([zero, np.hstack([zero, zero, zero])])
    assert one.warning == ""
    assert three.warning == "several characters? (one is expected: cut them apart)"
    assert three.label in {"0", "1", "7"}


def test_folders_are_searched_for_images(tmp_path: Path) -> None:
    inner = tmp_path / "b"
    inner.mkdir()
    for path in (inner / "2.PNG", tmp_path / "c.png", tmp_path / "a.jpeg", tmp_path / "notes.txt"):
        path.touch()
    assert find_images(tmp_path) == [tmp_path / "a.jpeg", inner / "2.PNG", tmp_path / "c.png"]
    assert find_images(str(tmp_path / "notes.txt")) == [tmp_path / "notes.txt"]
    (inner / "2.PNG").unlink()
    with pytest.raises(ImageError) as caught:
        find_images(inner)
    assert str(caught.value).startswith(f"{inner}: a folder without images, expected .png, .jpg,")


def test_without_torch_the_line_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib import util

    monkeypatch.setattr(
        "glyphgen.baseline.find_spec",
        lambda name: None if name == "torch" else util.find_spec(name),
    )
    with pytest.raises(TrainingError) as caught:
        check_training_extra()
    assert str(caught.value) == (
        "training: torch not installed, expected the extra 'train' (pip install 'glyphgen[train]';"
        " without a GPU first pip install torch --index-url https://download.pytorch.org/whl/cpu)"
    )
