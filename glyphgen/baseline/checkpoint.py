"""A trained network on disk: safetensors with all that reading images takes; nothing is unpickled."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glyphgen.baseline.models import make_model
from glyphgen.errors import TrainingError
from glyphgen.files.writing import write_bytes
from glyphgen.version import VERSION

__all__ = [
    "CHECKPOINT_NAME",
    "Checkpoint",
    "Identity",
    "read_checkpoint",
    "read_tensors",
    "write_tensors",
]

CHECKPOINT_NAME = "model.safetensors"
_FORMAT_VERSION = 1
_KEY = "glyphgen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a network is, beside its weights.

    Attributes:
        model: A name that ``make_model`` knows.
        labels: Of the classes, in the order of the logits.
        forms: Of each class.
        height, width: Of the images that it reads, in pixels.
        ink_share: Of the frame's height or width that the ink took, at the median, in training.
        twins: Groups of forms that were drawn alike in training.
        dataset: Its name.
        content_key: Of all that the dataset's bytes depended on.
        glyphgen: Version that trained it.
        format_version: Of this page.
    """

    model: str
    labels: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]
    height: int
    width: int
    ink_share: float
    twins: tuple[tuple[str, ...], ...]
    dataset: str
    content_key: str
    glyphgen: str = VERSION
    format_version: int = _FORMAT_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A network that can read.

    Attributes:
        path: Where it lies.
        identity: What it is.
        network: With its weights, ready to read.
    """

    path: Path
    identity: Identity
    network: nn.Module


def write_tensors(path: Path, tensors: Mapping[str, torch.Tensor], page: Mapping[str, Any]) -> None:
    """Write tensors and a page about them as one safetensors file.

    Raises:
        DatasetError: The disk refused.
    """
    from safetensors.torch import save

    # Plain copies: layers may share memory, and channels-last is how they lie, not what they are.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = json.dumps(page, ensure_ascii=False, sort_keys=True)
    write_bytes(path, save(plain, metadata={_KEY: text}))


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what ``write_tensors`` wrote.

    Raises:
        TrainingError: The file is missing, damaged, or not from glyphgen.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise TrainingError(
            f"{path}: no such file, expected a model (see `glyphgen train-baseline`)"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: not a whole safetensors file: {error} (train the model again)"
        ) from error
    try:
        page = json.loads(metadata[_KEY])
        version = page["format_version"]
    except (ValueError, LookupError, TypeError):
        raise TrainingError(
            f"{path}: has no word of glyphgen in it, expected a model that `train-baseline` wrote"
        ) from None
    if version != _FORMAT_VERSION:
        raise TrainingError(
            f"{path}: format_version is {version}, expected {_FORMAT_VERSION}"
            " (another glyphgen wrote it: train the model again)"
        )
    return tensors, page


def read_checkpoint(place: Path) -> Checkpoint:
    """Read a trained network.

    Args:
        place: The file, or the folder that training wrote.

    Raises:
        TrainingError: It is missing, damaged, from another version, or its tensors are not those of
            its model.
    """
    path = place / CHECKPOINT_NAME if place.is_dir() else place
    tensors, page = read_tensors(path)
    identity = _read_identity(path, page)
    network = make_model(identity.model, len(identity.labels), identity.height, identity.width)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise TrainingError(
            f"{path}: its tensors are not those of '{identity.model}' for"
            f" {len(identity.labels)} classes: {first} (train the model again)"
        ) from error
    return Checkpoint(path=path, identity=identity, network=network.eval())


def show_identity(identity: Identity) -> dict[str, Any]:
    """Return the page that lies with the weights."""
    return asdict(identity)


def _read_identity(path: Path, page: Mapping[str, Any]) -> Identity:
    from pydantic import TypeAdapter, ValidationError

    try:
        identity = TypeAdapter(Identity).validate_python(page)
    except ValidationError as error:
        keys: Sequence[str] = [".".join(map(str, problem["loc"])) for problem in error.errors()]
        raise TrainingError(
            f"{path}: what it says of itself cannot be used: {', '.join(keys)} (train the model again)"
        ) from error
    if len(identity.labels) != len(identity.forms) or len(identity.labels) < 2:
        raise TrainingError(f"{path}: its class table has gaps (train the model again)")
    return identity
