"""A trained network on disk: safetensors with all that predicting takes; nothing is unpickled."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import nn

from glyphgen.baseline.models import make_model
from glyphgen.baseline.network_input import NetworkInput
from glyphgen.errors import TrainingError
from glyphgen.files.opening import MODEL, check_regular, describe_unread
from glyphgen.files.pages import PageError, parse_json, parse_page
from glyphgen.files.writing import write_bytes
from glyphgen.text import format_json, show_count
from glyphgen.version import VERSION

__all__ = [
    "CHECKPOINT_NAME",
    "Adaptation",
    "Checkpoint",
    "ModelInfo",
    "read_checkpoint",
    "read_tensors",
    "read_weights",
    "write_tensors",
]

CHECKPOINT_NAME = "model.safetensors"
_FORMAT_VERSION = 1
_KEY = "glyphgen"
_LARGEST_SIDE = 4096  # of an image, as in recipes


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What a network was adapted to after its training.

    Attributes:
        n: Images, without their labels.
        fingerprint: Of all these images, whatever their order.
        images: The first digits of the hash of each image, one after the other; see ``hash_image``.
        framing: How they were framed.
        method: ``self-training``; or ``statistics``, where that alone made it read no worse; or ``none``.
    """

    n: Annotated[int, Interval(ge=1)]
    fingerprint: str
    images: str
    framing: str
    method: str

    def describe(self) -> str:
        """Return what a reader of any figure of the network has to know."""
        how = {
            "self-training": "statistics and self-training",
            "statistics": "statistics alone",
            "none": "without a change: none made it read more surely",
        }.get(self.method, self.method)
        images = show_count(self.n, "unlabeled image")
        return f"adapted on {images} ({how}; {self.fingerprint})"


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
        image_size, mean, std: What the network is given of an image; see ``NetworkInput``.
        adapted: What it was adapted to after the training; None where it was not.
        glyphgen: Version that trained it.
        format_version: Of this record.
    """

    model: str
    labels: tuple[str, ...]
    forms: tuple[tuple[str, ...], ...]
    height: Annotated[int, Interval(ge=1, le=_LARGEST_SIDE)]
    width: Annotated[int, Interval(ge=1, le=_LARGEST_SIDE)]
    ink_share: Annotated[float, Interval(gt=0, le=1)]
    twins: tuple[tuple[str, ...], ...]
    dataset: str
    content_key: str
    image_size: Annotated[int, Interval(ge=0, le=_LARGEST_SIDE)] = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    adapted: Adaptation | None = None
    glyphgen: str = VERSION
    format_version: int = _FORMAT_VERSION

    @property
    def given(self) -> NetworkInput:
        """What the network is given of an image."""
        return NetworkInput(image_size=self.image_size, mean=self.mean, std=self.std)

    def make_network(self) -> nn.Module:
        """Return an untrained network of this kind."""
        return make_model(self.model, len(self.labels), self.height, self.width, given=self.given)


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


def read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], bytes]:
    """Read what ``write_tensors`` wrote: tensors, and metadata as JSON.

    Raises:
        TrainingError: The file is missing, damaged, or not from glyphgen.
    """
    with _opened(path) as file:
        return _read_all(file), _read_metadata(path, file)


def read_weights(
    path: Path, *, with_tensors: bool = True
) -> tuple[dict[str, torch.Tensor], ModelInfo | None]:
    """Read a safetensors file of any program: tensors, and what glyphgen has written beside them.

    Args:
        path: The file.
        with_tensors: Without it there are none.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    with _opened(path) as file:
        info = None
        if _KEY in (file.metadata() or {}):
            info = _check_info(path, _read_metadata(path, file))
        return _read_all(file) if with_tensors else {}, info


def read_checkpoint(model: str | os.PathLike[str]) -> Checkpoint:
    """Read a trained network.

    Its metadata is looked at before its tensors, and the shapes of these before a network is made, so that
    no more memory is taken than the file is large.

    Args:
        model: The file, or the folder that training wrote.

    Raises:
        TrainingError: It is missing, damaged, from another version, its tensors are not those of
            its model, or they are no numbers.
    """
    path = Path(model) / CHECKPOINT_NAME if Path(model).is_dir() else Path(model)
    with _opened(path) as file:
        info = _check_info(path, _read_metadata(path, file))
        _check_shapes(path, file, info)
        tensors = _read_all(file)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise TrainingError(
                f"{path}: {name} holds numbers that are not finite (train the model again)"
            )
    network = info.make_network()
    network.load_state_dict(tensors)
    return Checkpoint(path=path, info=info, network=network.eval())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from safetensors import SafetensorError, safe_open

    try:
        check_regular(path, MODEL)
    except FileNotFoundError:
        raise TrainingError(
            f"{path}: no such file, expected a model (see `glyphgen train-baseline`)"
        ) from None
    except OSError as error:
        raise TrainingError(f"{path}: {describe_unread(error)}") from None
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise TrainingError(
            f"{path}: not a whole safetensors file: {error} (train the model again)"
        ) from error


def _read_all(file: Any) -> dict[str, torch.Tensor]:
    return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _read_metadata(path: Path, file: Any) -> bytes:
    content = (file.metadata() or {}).get(_KEY, "").encode("utf-8", "surrogatepass")
    try:
        version = parse_json(content)["format_version"]
    except (PageError, LookupError, TypeError):
        raise TrainingError(
            f"{path}: has no metadata of glyphgen, expected a model that `train-baseline` wrote"
        ) from None
    if type(version) is not int or version != _FORMAT_VERSION:
        raise TrainingError(
            f"{path}: format_version is {version}, expected {_FORMAT_VERSION}"
            " (another glyphgen wrote it: train the model again)"
        )
    return bytes(content)


def _check_info(path: Path, metadata: bytes) -> ModelInfo:
    try:
        info = parse_page(metadata, ModelInfo)
    except PageError as error:
        raise TrainingError(
            f"{path}: its metadata cannot be used: {error} (train the model again)"
        ) from None
    if len(info.labels) != len(info.forms) or len(info.labels) < 2:
        raise TrainingError(f"{path}: its class table has gaps (train the model again)")
    if len(info.mean) != len(info.std) or not all(value > 0 for value in info.std):
        raise TrainingError(f"{path}: mean and std do not fit each other (train the model again)")
    return info


def _check_shapes(path: Path, file: Any, info: ModelInfo) -> None:
    """Check that the tensors of a file are those of its network, before either is in memory."""
    with torch.device("meta"):
        network = info.make_network()
    expected = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    for name in sorted({*expected, *found}):
        if found.get(name) != expected.get(name):
            what = "size mismatch" if name in found and name in expected else "no such tensor"
            raise TrainingError(
                f"{path}: its tensors are not those of '{info.model}' for {len(info.labels)} classes:"
                f" {what} for {name}: found {found.get(name)}, expected {expected.get(name)}"
                " (train the model again)"
            )
