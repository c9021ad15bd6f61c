"""Training that starts from weights: of another training, of a file, of timm; and how it then goes on."""

import json
import sys
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tiny_timm
import torch
from listening import Listener
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from glyphgen.baseline import timm_models
from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.descent import descend, make_optimizer
from glyphgen.baseline.evaluating import evaluate_model
from glyphgen.baseline.layers import find_head, list_layer_groups
from glyphgen.baseline.models import make_model
from glyphgen.baseline.network_input import NetworkInput, PreparedNetwork
from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.schedules import one_cycle
from glyphgen.baseline.starting import find_model_of, prepare_start
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.errors import TrainingError
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

CPU = torch.device("cpu")
LABELS = ("0", "1", "7")


def render(folder: Path, text: str, *overrides: str) -> Path:
    small = ["image.height=16", "image.width=16", "render.per_class=40", "classes.sets=[]"]
    recipe = read_recipe("digits", [*small, f'classes.text="{text}"', *overrides])
    return render_dataset(recipe, folder).folder


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("data") / "digits", "017")


@pytest.fixture(scope="module")
def run(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of one step on 0, 1 and 7."""
    out = tmp_path_factory.mktemp("runs") / "digits-cnn"
    return train_baseline(digits, out, TrainingOptions(epochs=0.1, batch_size=16)).folder


def start_of(weights: object, labels: tuple[str, ...] = LABELS, **options: Any) -> nn.Module:
    told = TrainingOptions(weights=str(weights), seed=3, **options)
    return prepare_start(told, labels, 16, 16).make()


def refusal(**options: Any) -> str:
    with pytest.raises(TrainingError) as caught:
        prepare_start(TrainingOptions(**options), LABELS, 16, 16).make()
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- Where weights come from


def test_a_training_of_other_classes_gives_all_layers_but_the_last(run: Path) -> None:
    before = read_checkpoint(run).network.state_dict()
    network = start_of(run, ("a", "b"))
    untrained = prepare_start(TrainingOptions(seed=3), ("a", "b"), 16, 16).make().state_dict()
    for name, tensor in network.state_dict().items():
        expected = untrained if name.startswith("head.") else before
        assert torch.equal(tensor, expected[name]), name
    maker = prepare_start(TrainingOptions(weights=run), ("a", "b"), 16, 16)
    assert maker.describe(network) == (
        f"{run}/model.safetensors: weights of 12 of 13 layers taken; new for 2 classes: head"
    )


def test_a_training_of_the_same_classes_gives_all_layers(run: Path) -> None:
    before = read_checkpoint(run).network.state_dict()
    network = start_of(run)
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    maker = prepare_start(TrainingOptions(weights=run), LABELS, 16, 16)
    assert maker.describe(network).endswith(": weights of 13 of 13 layers taken")
    assert prepare_start(TrainingOptions(), LABELS, 16, 16).describe(network) == ""


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_timm.install(monkeypatch)


@pytest.mark.parametrize("kind", ["safetensors", "pth", "nested pth"])
def test_a_file_of_weights_of_timm_keeps_its_three_channels(
    timm: None, tmp_path: Path, kind: str
) -> None:
    tensors = tiny_timm.create_model("tiny").state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(tensors, path)
    elif kind == "pth":
        torch.save(tensors, path)
    else:
        torch.save({"state_dict": {f"module.{k}": t for k, t in tensors.items()}}, path)
    network = start_of(path, model="timm:tiny", image_size=32)
    assert isinstance(network, PreparedNetwork)
    state = network.network.state_dict()
    assert state["fc.weight"].shape == (3, 8)
    assert all(torch.equal(state[k], t) for k, t in tensors.items() if not k.startswith("fc."))
    given = network.prepare(torch.zeros(1, 1, 16, 16))
    assert given.shape == (1, 3, 32, 32)
    levels = [-mean / std for mean, std in zip(tiny_timm.MEAN, tiny_timm.STD, strict=True)]
    assert given[0, :, 5, 5].tolist() == pytest.approx(levels)


def test_weights_that_cannot_be_taken_are_one_line(timm: None, run: Path, tmp_path: Path) -> None:
    wide, junk = tmp_path / "wide.safetensors", tmp_path / "junk.pth"
    save_file(tiny_timm.create_model("wide").state_dict(), wide)
    junk.write_bytes(b"no weights")
    assert refusal(model="timm:tiny", weights=wide) == (
        f"{wide}: holds the weights of another network than 'timm:tiny': found blocks.0.0.bias of 12,"
        " expected blocks.0.0.bias of 8 (--model takes the network that they are of)"
    )
    assert refusal(weights=wide).startswith(
        f"{wide}: holds the weights of another network than 'cnn': found blocks.0.0.bias of 12,"
        " expected no blocks.0.0.bias"
    )
    more = {**tiny_timm.create_model("tiny").state_dict(), "blocks.9.weight": torch.zeros(2, 3)}
    save_file(more, wide)
    assert "found blocks.9.weight of 2 x 3, expected no blocks.9.weight" in refusal(
        model="timm:tiny", weights=wide
    )
    assert refusal(model="timm:tiny", weights=run) == (
        f"{run}/model.safetensors: holds the weights of 'cnn', expected those of 'timm:tiny'"
        " (--model cnn)"
    )
    assert refusal(weights=tmp_path / "none") == (
        f"--weights: {tmp_path}/none: no such file, expected the folder of a training, a file of"
        " weights, or timm:NAME"
    )
    assert refusal(weights=junk) == (
        f"{junk}: no file of weights, expected safetensors, or a dictionary of tensors that torch.save"
        " wrote"
    )
    torch.save([1, 2], junk)
    assert refusal(weights=junk).startswith(f"{junk}: holds list, expected safetensors")
    torch.save({"fc.weight": torch.tensor([float("nan")])}, junk)
    assert refusal(weights=junk) == f"{junk}: fc.weight holds numbers that are not finite"


def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"weights": Path("x")}, path)
    assert refusal(weights=path).startswith(f"{path}: no file of weights")


def test_the_model_is_that_of_the_weights(timm: None, run: Path, tmp_path: Path) -> None:
    assert find_model_of(None) == "cnn"
    assert find_model_of(run) == "cnn"
    assert find_model_of("timm:tiny") == "timm:tiny"


# --- timm's own weights


def install_hub(monkeypatch: pytest.MonkeyPatch, cached: str | None = None) -> list[str]:
    """Let ``huggingface_hub`` know what is cached; return where it was asked for files."""
    asked: list[str] = []

    def download(repo: str, file: str) -> str:
        asked.append(f"{repo}/{file}")
        return f"/{file}"

    hub = ModuleType("huggingface_hub")
    vars(hub).update(
        constants=SimpleNamespace(HF_HUB_OFFLINE=False, ENDPOINT="https://hub.example"),
        try_to_load_from_cache=lambda repo, file: cached,
        hf_hub_download=download,
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return asked


def test_weights_that_cannot_be_downloaded_are_one_line_after_one_try(
    timm: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[Any] = []

    def fail(request: urllib.request.Request, timeout: float) -> Any:
        tries.append((request.full_url, timeout))
        raise urllib.error.URLError(OSError(-2, "Name or service not known"))

    asked = install_hub(monkeypatch)
    monkeypatch.setattr(urllib.request, "urlopen", fail)
    assert refusal(model="timm:tiny", pretrained=True) == (
        "--pretrained: the weights of 'timm:tiny' are neither in the cache nor to be had:"
        " https://hub.example: [Errno -2] Name or service not known (get model.safetensors of"
        " https://huggingface.co/timm/tiny where there is a network, and give --model timm:tiny"
        " --weights FILE)"
    )
    assert tries == [("https://hub.example/timm/tiny/resolve/main/model.safetensors", 5)]
    assert asked == []
    assert refusal(model="timm:wide", weights="timm:wide").startswith(
        "--pretrained: timm has no weights of 'wide'"
    )


def test_weights_in_the_cache_need_no_network(timm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    install_hub(monkeypatch, cached="/cache/tiny.safetensors")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: pytest.fail("asked"))
    assert timm_models.fetch_pretrained("tiny") == Path("/cache/tiny.safetensors")
    maker = prepare_start(TrainingOptions(model="timm:tiny", pretrained=True), LABELS, 16, 16)
    assert maker.describe(maker.make()) == (
        "timm:tiny: weights of 5 of 6 layers taken; new for 3 classes: fc"
    )
    assert maker.given.mean == tiny_timm.MEAN


# --- What the network is given


def test_images_are_scaled_into_a_square_with_paper_around() -> None:
    given = NetworkInput(image_size=40)
    prepared = PreparedNetwork(nn.Identity(), given, 10, 20)
    out = prepared.prepare(torch.ones(1, 1, 10, 20))[0, 0]
    assert out.shape == (40, 40)
    assert torch.allclose(out[10:30], torch.ones(20, 40))
    assert out[:10].sum() == out[30:].sum() == 0
    stripes = torch.zeros(1, 1, 64, 64)
    stripes[..., ::4] = 1
    small = PreparedNetwork(nn.Identity(), NetworkInput(image_size=16), 64, 64).prepare(stripes)
    assert small[..., 2:-2].sub(0.25).abs().max() < 0.02, "no aliasing"


def test_a_network_of_another_image_size_is_read_back_and_evaluates(
    digits: Path, tmp_path: Path
) -> None:
    options = TrainingOptions(epochs=0.1, batch_size=16, image_size=24)
    trained = train_baseline(digits, tmp_path / "run", options)
    checkpoint = read_checkpoint(tmp_path / "run")
    assert checkpoint.info.given == NetworkInput(image_size=24)
    again = evaluate_model(tmp_path / "run", digits, split="test").metrics
    assert again["top1"] == trained.metrics["top1"]
    more = prepare_start(TrainingOptions(weights=tmp_path / "run"), ("a", "b"), 16, 16)
    assert more.given.image_size == 24


# --- Layers and rates


def test_groups_go_from_the_input_to_the_head(timm: None) -> None:
    groups = list_layer_groups(make_model("timm:tiny", 3, 16, 16))
    assert [sum(p.numel() for p in group) for group in groups] == [80, 600, 600, 27]
    assert len(list_layer_groups(make_model("cnn", 3, 16, 16))) == 7
    assert find_head(make_model("cnn", 3, 16, 16)) == "head"
    assert find_head(make_model("kana2020", 3, 16, 16)) == "head.8"
    wrapped = make_model("timm:tiny", 3, 16, 16, given=NetworkInput(image_size=32))
    assert find_head(wrapped) == "network.fc"
    assert len(list_layer_groups(wrapped)) == 4


def test_rates_lie_between_the_two_as_powers_do(timm: None) -> None:
    options = TrainingOptions(
        model="timm:tiny", learning_rate=(1e-6, 1e-3), optimizer="adam", amsgrad=True
    )
    network = make_model("timm:tiny", 3, 16, 16)
    optimizer = make_optimizer(network, options)
    assert isinstance(optimizer, torch.optim.Adam)
    assert not isinstance(optimizer, torch.optim.AdamW)
    images, labels = torch.rand(4, 1, 16, 16), torch.tensor([0, 1, 2, 0])
    descend(network, optimizer, images, labels, 1e-3, CPU, momentum=0.85)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(
        [1e-6, 1e-5, 1e-4, 1e-3]
    )
    assert all(group["amsgrad"] for group in optimizer.param_groups)
    assert all(group["betas"] == (0.85, 0.999) for group in optimizer.param_groups)


def test_one_cycle_goes_up_and_down_to_nothing() -> None:
    shares, momenta = np.array([one_cycle(k / 1000) for k in range(1001)]).T
    assert shares[0] == pytest.approx(1 / 25)
    assert np.argmax(shares) == 300
    assert shares[300] == pytest.approx(1)
    assert shares[-1] == pytest.approx(1e-5)
    assert (np.diff(shares[300:]) < 0).all()
    assert (momenta[0], momenta[300], momenta[-1]) == pytest.approx((0.95, 0.85, 0.95))


@pytest.mark.slow
def test_frozen_layers_stay_as_they_were_and_then_learn(
    digits: Path, run: Path, tmp_path: Path
) -> None:
    def train(epochs: float, name: str, **more: Any) -> tuple[bool, bool]:
        options = TrainingOptions(
            epochs=epochs,
            batch_size=16,
            weights=run,
            frozen_epochs=1,
            schedule="one-cycle",
            **more,
        )
        train_baseline(digits, tmp_path / name, options)
        before, after = (read_checkpoint(of).network.state_dict() for of in (run, tmp_path / name))
        first, last = "features.0.0.weight", "head.weight"
        return torch.equal(before[first], after[first]), torch.equal(before[last], after[last])

    assert train(1, "frozen") == (True, False)
    assert train(1.5, "thawed") == (False, False)
    rates = [
        float(line.split(",")[5])
        for line in (tmp_path / "frozen" / "history.csv").read_text().splitlines()[1:]
    ]
    assert rates[-1] < 1e-3, "the last of five steps"
    assert train(1, "slow", frozen_rate=1e-9)[0]


@pytest.mark.slow
def test_a_training_with_rates_by_layer_is_resumed_to_the_same_weights(
    digits: Path, run: Path, tmp_path: Path
) -> None:
    options = TrainingOptions(
        epochs=4,
        batch_size=16,
        weights=run,
        learning_rate=(1e-4, 1e-2),
        schedule="one-cycle",
        optimizer="adam",
        amsgrad=True,
        frozen_epochs=1,
    )

    class Stop(Listener):
        def message(self, line: str) -> None:
            super().message(line)
            if "val top-1" in line and sum("val top-1" in said for said in self.lines) == 2:
                raise KeyboardInterrupt

    whole = train_baseline(digits, tmp_path / "whole", options).folder
    with pytest.raises(KeyboardInterrupt):
        train_baseline(digits, tmp_path / "again", options, reporter=Stop())
    again = train_baseline(digits, tmp_path / "again", options, resume=True).folder
    name = "model.safetensors"
    assert (again / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.slow
def test_a_search_for_the_rate_is_drawn_and_keeps_the_proportion(
    digits: Path, run: Path, tmp_path: Path
) -> None:
    listener = Listener()
    options = TrainingOptions(
        epochs=0.1, batch_size=16, weights=run, learning_rate=(1e-6, 1e-4), seed=1
    )
    out = train_baseline(digits, tmp_path / "run", options, find_lr=True, reporter=listener).folder
    low, high = json.loads((out / "train.json").read_text())["options"]["learning_rate"]
    assert high / low == pytest.approx(100)
    assert f"learning rate {high:.2g}, see {out}/figures/lr.png" in listener.lines
    with Image.open(out / "figures" / "lr.png") as figure:
        assert min(figure.size) > 300


# --- Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"learning_rate": (1e-3, 1e-4)},
            "learning_rate: found (0.001, 0.0001), expected two above 0, the lower one first",
        ),
        ({"schedule": "cosine"}, "schedule: found 'cosine', expected one of constant, one-cycle"),
        ({"optimizer": "sgd"}, "optimizer: found 'sgd', expected one of adamw, adam"),
        ({"image_size": 8}, "image_size: found 8, expected 16 to 1024 pixels"),
        (
            {"frozen_epochs": 1},
            "frozen_epochs: without weights nothing is worth keeping, expected --weights or"
            " --pretrained",
        ),
        ({"frozen_rate": 0}, "frozen_rate: found 0, expected a number above 0"),
        (
            {"model": "timm:a", "weights": "x", "pretrained": True},
            "weights and pretrained: found both, expected one of them",
        ),
        (
            {"weights": "timm:a"},
            "weights: found those of 'timm:a', expected those of 'cnn' (--model timm:a)",
        ),
    ],
)
def test_options_of_transfer_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011
        TrainingOptions(**options)
    assert str(caught.value) == message


# --- What the figures are of


def test_without_a_test_split_val_is_measured_and_that_is_said(tmp_path: Path) -> None:
    from glyphgen.cli.talk import describe_metrics
    from glyphgen.report.training_page import make_training_subtitle

    data = render(
        tmp_path / "data",
        "017",
        "split.test_faces=[]",
        'split.by="sample"',
        "split.val_faces=[]",
        "split.val=0.25",
        "split.test=0.0",
    )
    listener = Listener()
    trained = train_baseline(
        data, tmp_path / "run", TrainingOptions(epochs=0.1, batch_size=16), reporter=listener
    )
    assert trained.metrics["measured_on"] == "val"
    assert trained.metrics["n"] == 30
    assert listener.lines[0] == (
        f"warning: {data}: has no test split; the figures are those of its val split, 30 images, which"
        " was watched while the network learned"
    )
    assert describe_metrics(trained.metrics).startswith(
        "30 images of val, for want of a test split: top-1 "
    )
    assert "measured on 30 images of val, for want of a test split: top-1" in (
        make_training_subtitle(tmp_path / "run")
    )
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["measured_on"] == "val"
