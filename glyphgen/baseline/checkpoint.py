"""A trained network on disk: safetensors with all that predicting takes; nothing is unpickled."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glyphgen.baseline.models import make_model
from glyphgen.errors import TrainingError
from glyphgen.files.writing import write_bytes
from glyphgen.text import format_json
from glyphgen.version import VERSION

__all__ = [
    "CHECKPOINT_NAME",
    "Checkpoint",
    "ModelInfo",
    "read_checkpoint",
    "read_tensors",
    "write_tensors",
]

CHECKPOINT_NAME = "model.safetensors"
_FORMAT_VERSION = 1
_KEY = "glyphgen"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What lies beside the weights of a network.

    Attributes:
        model: A name that ``make_model`` takes.
        labels: Of the classes, in the order of the logits.
        forms: Of each class.
        height, width: Of its images, in pixels.
        ink_share: Of the frame's height or width that the ink took in training, at the median.
        twins: Groups of forms that were drawn alike in training.
        dataset: Its name.
        content_key: Of all that the dataset's bytes depended on.
        glyphgen: Version that trained it.
        format_version: Of this record.
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
    """A trained network.

    Attributes:
        path: Its file.
        info: What lies beside its weights.
        network: With its weights, in evaluation mode, on the processor.
    """

    path: Path
    info: ModelInfo
    network: nn.Module


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any]
) -> None:
    """Write tensors and metadata, as JSON, as one safetensors file.

    Raises:
        DatasetError: The disk refused.
    """
    from safetensors.torch import save

    # Plain copies: layers may share memory, and channels-last is how they lie, not what they are.
    plain = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    text = format_json(metadata, sort_keys=True)
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
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: not a whole safetensors file: {error} (train the model again)"
        ) from error
    try:
        metadata = json.loads(header[_KEY])
        version = metadata["format_version"]
    except (ValueError, LookupError, TypeError):
        raise TrainingError(
            f"{path}: has no metadata of glyphgen, expected a model that `train-baseline` wrote"
        ) from None
    if version != _FORMAT_VERSION:
        raise TrainingError(
            f"{path}: format_version is {version}, expected {_FORMAT_VERSION}"
            " (another glyphgen wrote it: train the model again)"
        )
    return tensors, metadata


def read_checkpoint(model: str | os.PathLike[str]) -> Checkpoint:
    """Read a trained network.

    Args:
        model: The file, or the folder that training wrote.

    Raises:
        TrainingError: It is missing, damaged, from another version, or its tensors are not those of
            its model.
    """
    path = Path(model) / CHECKPOINT_NAME if Path(model).is_dir() else Path(model)
    tensors, metadata = read_tensors(path)
    info = _check_info(path, metadata)
    network = make_model(info.model, len(info.labels), info.height, info.width)
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        first = str(error).splitlines()[-1].strip()
        raise TrainingError(
            f"{path}: its tensors are not those of '{info.model}' for"
            f" {len(info.labels)} classes: {first} (train the model again)"
        ) from error
    return Checkpoint(path=path, info=info, network=network.eval())


def _check_info(path: Path, metadata: Mapping[str, Any]) -> ModelInfo:
    from pydantic import TypeAdapter, ValidationError

    try:
        info = TypeAdapter(ModelInfo).validate_python(metadata)
    except ValidationError as error:
        keys: Sequence[str] = [".".join(map(str, problem["loc"])) for problem in error.errors()]
        raise TrainingError(
            f"{path}: its metadata cannot be used: {', '.join(keys)} (train the model again)"
        ) from error
    if len(info.labels) != len(info.forms) or len(info.labels) < 2:
        raise TrainingError(f"{path}: its class table has gaps (train the model again)")
    return info
