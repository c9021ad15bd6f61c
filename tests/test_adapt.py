"""Adapting a trained network to images without labels: what is changed, kept, refused and said."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from glyphgen.baseline import adapting
from glyphgen.baseline.adapting import adapt_model
from glyphgen.baseline.checkpoint import CHECKPOINT_NAME, read_checkpoint
from glyphgen.baseline.evaluating import evaluate_model
from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.seen_images import hash_image
from glyphgen.baseline.self_training import (
    Opinion,
    SelfTraining,
    choose_sure,
    move_statistics,
)
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.baseline.unlabeled import read_unlabeled
from glyphgen.cli.talk import describe_metrics
from glyphgen.dataset.reader import load
from glyphgen.errors import DatasetError, TrainingError
from glyphgen.progress import Progress
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.report import make_report

QUICK = SelfTraining(epochs=2, views=2, minutes=60)  # no clock ends it
SMALL = ["image.height=16", "image.width=16", "classes.sets=[]", 'classes.text="017"']


class Listener:
    """Keeps what a reporter is told."""

    def __init__(self, interrupt_at: str = "") -> None:
        self.messages: list[str] = []
        self.warnings: list[str] = []
        self._interrupt_at = interrupt_at

    def message(self, line: str) -> None:
        self.messages.append(line)

    def warning(self, line: str) -> None:
        self.warnings.append(line)

    def progress(self, progress: Progress) -> None:
        if progress.step == self._interrupt_at:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0, 1 and 7 in eight faces at 16 x 16."""
    folder = tmp_path_factory.mktemp("data") / "digits"
    return render_dataset(read_recipe("digits", [*SMALL, "render.per_class=100"]), folder).folder


@pytest.fixture(scope="module")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = TrainingOptions(epochs=6, batch_size=16)
    return train_baseline(digits, tmp_path_factory.mktemp("runs") / "digits", options).folder


@pytest.fixture(scope="module")
def faint(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The train rows of the digits in faint, blurred ink, with labels that are all wrong."""
    dataset = load(digits)
    images = dataset.ink[:150]
    soft = images // 4 + np.roll(images, 1, axis=2) // 4
    path = tmp_path_factory.mktemp("scans") / "faint.npz"
    np.savez(path, images=soft.astype(np.uint8), codepoints=np.full(150, ord("0"), np.uint32))
    return path


@pytest.fixture(scope="module")
def adapted(trained: Path, faint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapt_model(trained, faint, tmp_path_factory.mktemp("runs") / "faint", QUICK).folder


def run_cli(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "glyphgen", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def read_json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_an_adapted_run_is_told_apart_everywhere(
    adapted: Path, trained: Path, faint: Path, digits: Path, tmp_path: Path
) -> None:
    info = read_checkpoint(adapted).info.adapted
    assert info is not None
    assert (info.n, info.framing) == (150, "as-is")
    assert info.describe().startswith("adapted on 150 unlabeled images (")
    page = read_json(adapted / "metrics.json")
    assert page["adapted"]["says"] == info.describe()
    assert page["adapted"]["fingerprint"] == info.fingerprint
    assert [stage["method"] for stage in page["stages"]] == ["none", "statistics", "self-training"]
    assert read_json(adapted / "train.json")["adapted"] == page["adapted"]
    metrics = evaluate_model(adapted, digits).metrics
    assert metrics["adapted"]["n"] == 150
    assert metrics["adapted"]["n_among_these"] == 0
    assert evaluate_model(adapted, faint).metrics["adapted"]["n_among_these"] == 150
    assert "adapted" not in evaluate_model(trained, faint).metrics
    html = make_report(adapted, tmp_path / "run.html").path.read_text()
    assert "adapted on 150 unlabeled images" in html


def test_the_commands_say_what_a_network_was_adapted_to(
    trained: Path, faint: Path, tmp_path: Path
) -> None:
    scans, out = tmp_path / "scans", tmp_path / "adapted"
    scans.mkdir()
    with np.load(faint) as arrays:
        for k, image in enumerate(arrays["images"][:40]):
            Image.fromarray(255 - image).resize((32, 32)).save(scans / f"{k}.png")
    (scans / "broken.png").write_bytes(b"nothing")
    done = run_cli("adapt", trained, scans, "--out", out, "--epochs", "0")
    assert done.stdout == f"{out}\n"
    assert "broken.png" in done.stderr
    assert "adapted on 40 unlabeled images (" in done.stderr
    assert read_checkpoint(out).info.adapted
    said = "adapted on 40 unlabeled images"
    assert describe_metrics(evaluate_model(out, faint).metrics).endswith(f"; {said}")
    read = run_cli("predict", out, scans / "0.png", "--json")
    assert said in read.stderr
    assert json.loads(read.stdout)["adapted_on_unlabeled_images"] == 40


def test_the_same_seed_gives_the_same_network(
    adapted: Path, trained: Path, faint: Path, tmp_path: Path
) -> None:
    again = adapt_model(trained, faint, tmp_path / "again", QUICK).folder
    assert (again / CHECKPOINT_NAME).read_bytes() == (adapted / CHECKPOINT_NAME).read_bytes()
    before = (trained / CHECKPOINT_NAME).read_bytes()
    assert before != (adapted / CHECKPOINT_NAME).read_bytes()


def test_labels_are_not_looked_at_and_that_is_said(digits: Path, trained: Path) -> None:
    listener = Listener()
    given = read_unlabeled(digits, read_checkpoint(trained).info, reporter=listener)
    assert len(given.images) == 300
    assert listener.messages == [f"{digits}: its labels are not used"]


def test_images_that_cannot_be_adapted_to(trained: Path, adapted: Path, tmp_path: Path) -> None:
    def save(images: NDArray[Any]) -> Path:
        np.save(tmp_path / "images.npy", images)
        return tmp_path / "images.npy"

    def refuse(run: Path, images: Path, message: str) -> None:
        with pytest.raises(TrainingError) as caught:
            adapt_model(run, images, tmp_path / "out", QUICK)
        assert message in str(caught.value)
        assert not (tmp_path / "out").exists()

    few = save(np.zeros((3, 20, 20), np.uint8))
    refuse(trained, few, f"{few}: 3 images, expected 32 or more")
    refuse(adapted, few, "adapted on 150 unlabeled images")
    refuse(
        trained, save(np.zeros((40, 20, 20), np.float32)), "holds float32 (40, 20, 20), expected"
    )
    refuse(trained, save(np.full((40, 20, 20), 250, np.uint8)), "light paper, expected ink 255")


def test_a_run_is_whole_or_absent(trained: Path, faint: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        adapt_model(trained, faint, tmp_path / "out", QUICK, reporter=Listener("adapt"))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_where_the_writing_fails(
    trained: Path, faint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise DatasetError("disk full")

    monkeypatch.setattr(adapting, "write_tensors", fail)
    with pytest.raises(DatasetError):
        adapt_model(trained, faint, tmp_path / "out", SelfTraining(epochs=0))
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_in_use_stay(trained: Path, faint: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="expected another folder"):
        adapt_model(trained, faint, trained, QUICK, force=True)
    other = tmp_path / "mine"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    with pytest.raises(TrainingError, match="holds no run"):
        adapt_model(trained, faint, other, QUICK, force=True)
    assert (other / "letter.txt").read_text() == "mine"


def test_what_makes_it_read_worse_is_not_kept_and_that_is_said(
    trained: Path, faint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoil(network: torch.nn.Module, *_: Any, **__: Any) -> torch.nn.Module:
        with torch.no_grad():
            for weights in network.parameters():
                weights.zero_()
        return network

    monkeypatch.setattr(adapting, "train_on_opinions", spoil)
    listener = Listener()
    made = adapt_model(trained, faint, tmp_path / "out", QUICK, reporter=listener)
    assert made.metrics["adapted"]["method"] in ("statistics", "none")
    assert any(line.startswith("self-training: ") for line in listener.warnings)
    assert evaluate_model(made.folder, faint).metrics["n"] == 150


def test_many_images_weigh_more_and_one_class_of_them_less(trained: Path) -> None:
    images = torch.zeros((192, 1, 16, 16), dtype=torch.uint8)
    network = read_checkpoint(trained).network
    assert move_statistics(network, images) == pytest.approx(0.4 * 0.75)
    assert move_statistics(network, images[:64], coverage=0.5) == pytest.approx(0.4 / 3)


def test_statistics_go_to_those_of_the_images(trained: Path) -> None:
    images = torch.full((64, 1, 16, 16), 255, dtype=torch.uint8)
    network = read_checkpoint(trained).network
    first, norm = list(network.modules())[3:5]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    assert norm.running_mean is not None
    before = norm.running_mean.clone()
    with torch.inference_mode():
        full = first(torch.ones((1, 1, 16, 16))).mean(dim=(0, 2, 3))
    weight = move_statistics(network, images)
    # Views of a page full of ink have paper at their edges: about as much ink is meant.
    moved = (norm.running_mean - before) / weight
    likeness = torch.nn.functional.cosine_similarity(moved, full - before, dim=0)
    assert float(likeness) > 0.9
    assert 0.4 < float(moved.norm() / (full - before).norm()) < 1.6


def test_each_class_gives_its_surest_images() -> None:
    shares = torch.tensor([[0.98, 0.02], [0.9, 0.1], [0.45, 0.55], [0.1, 0.9], [0.4, 0.6]])
    opinion = Opinion(log_probabilities=shares.log(), agreement=torch.ones(5))
    assert choose_sure(opinion, 0.5).tolist() == [0, 3, 4]
    doubted = Opinion(log_probabilities=shares.log(), agreement=torch.tensor([1, 1, 1, 0.3, 0.3]))
    assert choose_sure(doubted, 0.5).tolist() == [0, 2]


def test_an_image_is_known_in_either_polarity() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert hash_image(image) == hash_image(255 - image)
    assert hash_image(image) != hash_image(image.reshape(4, 3))
