"""The models of timm, and their weights: from the cache, or from where timm's authors put them."""

import logging
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from torch import nn

from glyphgen.baseline.network_input import NetworkInput
from glyphgen.choices import TIMM
from glyphgen.errors import TrainingError

__all__ = ["fetch_pretrained", "find_timm_levels", "make_timm_model"]

_SECONDS = 5  # that a server may take to answer
_FILES = ("model.safetensors", "pytorch_model.bin")


def make_timm_model(
    name: str, n_classes: int, height: int, width: int, given: NetworkInput, pretrained: Path | None
) -> nn.Module:
    """Return a model of timm.

    Args:
        name: As timm has it.
        n_classes: 2 or more.
        height, width: Of what it is given.
        given: Whose channels it has.
        pretrained: The file of its weights, see ``fetch_pretrained``; untrained without it.

    Raises:
        TrainingError: timm cannot be imported, or has no such model.
    """
    timm = _import_timm()
    settings: dict[str, Any] = {"num_classes": n_classes, "in_chans": given.n_channels}
    if pretrained:
        settings |= {"pretrained": True, "pretrained_cfg_overlay": {"file": str(pretrained)}}
    try:
        try:  # a transformer has to know the size of images
            made: Any = timm.create_model(name, img_size=(height, width), **settings)
        except TypeError:
            made = timm.create_model(name, **settings)
    except (RuntimeError, ValueError, AssertionError, LookupError, OSError) as error:
        raise TrainingError(
            f"--model: timm cannot make '{name}': {_say_last(error)}"
            " (timm.list_models() names all models)"
        ) from error
    model: nn.Module = made
    return model


def find_timm_levels(name: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and spread of each channel that the weights of a model were trained with.

    Raises:
        TrainingError: timm cannot be imported.
    """
    config = _find_config(name)
    mean = getattr(config, "mean", None) or (0.485, 0.456, 0.406)  # of ImageNet
    std = getattr(config, "std", None) or (0.229, 0.224, 0.225)
    return tuple(mean), tuple(std)


def fetch_pretrained(name: str) -> Path:
    """Return the file of timm's weights of a model: from the cache, or downloaded into it.

    A server that does not answer at once is not asked again.

    Raises:
        TrainingError: timm has no weights of the model, or they cannot be had; the line tells how to give
            a file.
    """
    repo = getattr(_find_config(name), "hf_hub_id", None)
    if not repo:
        raise TrainingError(
            f"--pretrained: timm has no weights of '{name}' (timm.list_pretrained() names all that have;"
            " --weights FILE takes a file)"
        )
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
    except ImportError as error:
        raise TrainingError(
            f"--pretrained: huggingface_hub cannot be imported: {error} (pip install huggingface_hub)"
        ) from error
    for file in _FILES:
        cached = try_to_load_from_cache(repo, file)
        if isinstance(cached, str):
            return Path(cached)
    file = _find_served(name, repo)
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    try:
        return Path(hf_hub_download(repo, file))
    except Exception as error:
        raise _miss(name, repo, _say_last(error)) from error


def _find_served(name: str, repo: str) -> str:
    """Return the first of ``_FILES`` that the server has."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise _miss(name, repo, "HF_HUB_OFFLINE is set")
    why = ""
    for file in _FILES:
        address = f"{constants.ENDPOINT}/{repo}/resolve/main/{file}"
        request = urllib.request.Request(address, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=_SECONDS):
                return file
        except urllib.error.HTTPError as error:
            why = f"{constants.ENDPOINT} answers {error.code}"
        except OSError as error:  # no name, no route, no answer
            reason = getattr(error, "reason", error)
            raise _miss(name, repo, f"{constants.ENDPOINT}: {_say_last(reason)}") from None
    raise _miss(name, repo, why)


def _miss(name: str, repo: str, why: str) -> TrainingError:
    return TrainingError(
        f"--pretrained: the weights of '{TIMM}{name}' are neither in the cache nor to be had: {why}"
        f" (get {_FILES[0]} of https://huggingface.co/{repo} where there is a network, and give"
        f" --model {TIMM}{name} --weights FILE)"
    )


def _import_timm() -> Any:
    try:
        import timm
    except (ImportError, RuntimeError) as error:
        # A torchvision made for another torch says so by a RuntimeError.
        raise TrainingError(
            f"--model: timm cannot be imported: {_say_last(error)} (pip install 'glyphgen[timm]', with"
            " the torchvision that belongs to this torch)"
        ) from error
    return timm


def _find_config(name: str) -> Any:
    return _import_timm().models.get_pretrained_cfg(name)


def _say_last(error: object) -> str:
    """Return the last line of what an error says."""
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
