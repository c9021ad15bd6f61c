"""What a training starts from: the weights of an earlier one, of a file, or of timm."""

import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glyphgen.baseline.checkpoint import CHECKPOINT_NAME, ModelInfo, read_checkpoint, read_weights
from glyphgen.baseline.layers import count_layers, find_head
from glyphgen.baseline.models import make_model
from glyphgen.baseline.network_input import AS_IT_IS, NetworkInput, PreparedNetwork
from glyphgen.baseline.timm_models import fetch_pretrained, find_timm_levels
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.choices import TIMM
from glyphgen.errors import TrainingError
from glyphgen.files.opening import MODEL, describe_unread, open_regular

__all__ = ["NetworkMaker", "find_model_of", "prepare_start"]

_SAFE = ".safetensors"
_NESTS = (
    "state_dict",
    "model",
    "model_state_dict",
    "net",
)  # keys that files of torch keep weights under
_PREFIXES = ("module.", "network.")
_COUNTER = ".num_batches_tracked"  # which some files lack


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkMaker:
    """Makes the network of a training, with the weights that it starts from.

    Attributes:
        options: Of the training.
        labels: Of its classes.
        height, width: Of its images.
        given: What the network is given of each image.
        place: Where the weights come from; "" where it starts from none.
        tensors: The weights; None where timm loads them.
        labels_there: Of the classes that they know; none of a file.
        pretrained: The file that timm loads.
    """

    options: TrainingOptions
    labels: tuple[str, ...]
    height: int
    width: int
    given: NetworkInput = AS_IT_IS
    place: str = ""
    tensors: Mapping[str, torch.Tensor] | None = None
    labels_there: tuple[str, ...] = ()
    pretrained: Path | None = None

    def make(self) -> nn.Module:
        """Return the network; the same at every call.

        Raises:
            TrainingError: The weights are those of another network.
        """
        torch.manual_seed(self.options.seed)
        network = make_model(
            self.options.model,
            len(self.labels),
            self.height,
            self.width,
            given=self.given,
            pretrained=self.pretrained,
        )
        if self.tensors is not None:
            inner = network.network if isinstance(network, PreparedNetwork) else network
            inner.load_state_dict(self._choose_tensors(inner), strict=False)
        return network

    def describe(self, network: nn.Module) -> str:
        """Return what was taken for a network that ``make`` gave, in one line; "" where nothing was."""
        if not self.place:
            return ""
        inner = network.network if isinstance(network, PreparedNetwork) else network
        names = set(inner.state_dict())
        n_layers, head = count_layers(inner, names), find_head(inner)
        n_taken = count_layers(inner, {name for name in names if not _is_under(name, head)})
        if self.tensors is not None and any(
            _is_under(name, head) for name in self._choose_tensors(inner)
        ):
            n_taken = n_layers
        new = "" if n_taken == n_layers else f"; new for {len(self.labels):,} classes: {head}"
        return f"{self.place}: weights of {n_taken} of {n_layers} layers taken{new}"

    def _choose_tensors(self, network: nn.Module) -> dict[str, torch.Tensor]:
        """Return those of the weights that a network takes: all, but for a head of other classes."""
        tensors, head = self.tensors or {}, find_head(network)
        expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
        for name in sorted({*tensors, *expected}):
            wanted = expected.get(name)
            found = tensors[name].shape if name in tensors else None
            if found != wanted and not _is_under(name, head) and not name.endswith(_COUNTER):
                raise TrainingError(
                    f"{self.place}: holds the weights of another network than '{self.options.model}':"
                    f" found {_show_tensor(name, found)}, expected {_show_tensor(name, wanted)}"
                    " (--model takes the network that they are of)"
                )
        keeps_head = self.labels_there == self.labels
        return {
            name: tensor
            for name, tensor in tensors.items()
            if name in expected and (keeps_head or not _is_under(name, head))
        }


def prepare_start(
    options: TrainingOptions, labels: tuple[str, ...], height: int, width: int
) -> NetworkMaker:
    """Find and read the weights that a training starts from.

    Args:
        options: Which weights, and of which model.
        labels: Of the classes of the training.
        height, width: Of its images.

    Raises:
        TrainingError: There are no such weights, or they cannot be had; or they are of another model.
    """
    size, name = options.image_size or 0, options.model.removeprefix(TIMM)
    start: dict[str, Any] = {}
    levels: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    if options.pretrained:
        start = {"place": options.model, "pretrained": fetch_pretrained(name)}
        levels = find_timm_levels(name)
    elif options.weights is not None:
        path = _find_file(options.weights)
        info = _read_info(path)
        if info is not None:
            start = _take_run(path, info, options)
            size, levels = size or info.image_size, (info.mean, info.std)
        else:
            start = {"place": str(path), "tensors": _read_tensors(path)}
            levels = find_timm_levels(name) if options.model.startswith(TIMM) else levels
    given = NetworkInput(image_size=size, mean=levels[0], std=levels[1])
    return NetworkMaker(
        options=options, labels=labels, height=height, width=width, given=given, **start
    )


def find_model_of(weights: str | os.PathLike[str] | None) -> str:
    """Return the model whose weights these are: that of a training, or of timm; else the default one.

    Raises:
        TrainingError: There are no such weights.
    """
    if weights is None:
        return "cnn"
    if os.fspath(weights).startswith(TIMM):
        return os.fspath(weights)
    info = _read_info(_find_file(weights))
    return info.model if info else "cnn"


def _find_file(weights: str | os.PathLike[str]) -> Path:
    path = Path(weights)
    if path.is_dir():
        path = path / CHECKPOINT_NAME
    if not path.exists():
        raise TrainingError(
            f"--weights: {path}: no such file, expected the folder of a training, a file of weights, or"
            f" {TIMM}NAME"
        )
    return path


def _read_info(path: Path) -> ModelInfo | None:
    """Return what lies beside the weights of a training; None in a file of another program."""
    if path.suffix != _SAFE:
        return None
    _, info = read_weights(path, with_tensors=False)
    return info


def _take_run(path: Path, info: ModelInfo, options: TrainingOptions) -> dict[str, Any]:
    if info.model != options.model:
        raise TrainingError(
            f"{path}: holds the weights of '{info.model}', expected those of '{options.model}'"
            f" (--model {info.model})"
        )
    network = read_checkpoint(path).network
    inner = network.network if isinstance(network, PreparedNetwork) else network
    return {
        "place": str(path),
        "tensors": inner.state_dict(),
        "labels_there": info.labels,
    }


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Return the weights in a file of another program: safetensors, or what torch.save writes."""
    if path.suffix == _SAFE:
        found, _ = read_weights(path)
    else:
        found = _read_pickled(path)
    for prefix in _PREFIXES:
        if found and all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    wrong = [name for name, tensor in found.items() if not torch.isfinite(tensor).all()]
    if wrong:
        raise TrainingError(f"{path}: {wrong[0]} holds numbers that are not finite")
    return found


def _read_pickled(path: Path) -> dict[str, torch.Tensor]:
    expected = "expected safetensors, or a dictionary of tensors that torch.save wrote"
    try:
        with open_regular(path, MODEL) as file:
            page = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise TrainingError(f"{path}: {describe_unread(error)}") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise TrainingError(f"{path}: no file of weights, {expected}") from error
    while isinstance(page, dict) and (nest := next((n for n in _NESTS if n in page), None)):
        page = page[nest]
    if not isinstance(page, dict) or not page:
        raise TrainingError(f"{path}: holds {type(page).__name__}, {expected}")
    found = {name: of for name, of in page.items() if isinstance(of, torch.Tensor)}
    if len(found) < len(page):
        raise TrainingError(f"{path}: holds more than tensors, {expected}")
    return found


def _is_under(name: str, head: str) -> bool:
    return name.startswith(f"{head}.")


def _show_tensor(name: str, shape: "torch.Size | None") -> str:
    return (
        f"no {name}"
        if shape is None
        else f"{name} of {' x '.join(map(str, shape)) or 'one number'}"
    )
