"""A trained network -> one page that reads drawings in any browser, without a server."""

import base64
import html
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from torch import nn

from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.models import Cnn
from glyphgen.errors import PadError
from glyphgen.files.writing import write_bytes
from glyphgen.pad.board import SIDE_PX

__all__ = ["write_offline_page"]

_SCRIPT = "<script>"  # the page's own, before which the network stands


def write_offline_page(run: str | os.PathLike[str], out: str | os.PathLike[str]) -> None:
    """Write the board's page with the network in it.

    Args:
        run: The folder of a training, or its ``model.safetensors``.
        out: The file; what is there is replaced.

    Raises:
        TrainingError: The model cannot be used.
        PadError: It is of a kind that the page cannot run.
        DatasetError: The disk refused.
    """
    checkpoint = read_checkpoint(run)
    info, network = checkpoint.info, checkpoint.network.eval()
    if not isinstance(network, Cnn):
        raise PadError(f"{run}: model '{info.model}', expected 'cnn': the page runs no other")
    page = {
        "name": info.dataset,
        "labels": info.labels,
        "side": SIDE_PX,
        "height": info.height,
        "width": info.width,
        "ink_share": info.ink_share,
        "blocks": [_fold(block) for block in network.features],
        "pool": {"kernel": network.pool.kernel_size, "stride": network.pool.stride},
        "head": {"weights": _pack(network.head.weight), "bias": _pack(network.head.bias)},
    }
    folder = files("glyphgen.pad")
    before, script, after = folder.joinpath("page.html").read_text("utf-8").partition(_SCRIPT)
    data = html.escape(json.dumps(page, ensure_ascii=False), quote=False)
    code = folder.joinpath("network.js").read_text("utf-8")
    network_part = f'<template id="network">{data}</template>\n<script>\n{code}</script>\n'
    write_bytes(Path(out), (before + network_part + script + after).encode(), durable=False)


def _fold(block: nn.Module) -> dict[str, Any]:
    """Return a convolution and the normalization behind it as one convolution with a bias."""
    convolution, norm, _ = block.children()
    if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        raise TypeError(block)
    if norm.running_var is None or norm.running_mean is None:
        raise TypeError(norm)
    with torch.inference_mode():
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weights = convolution.weight * scale[:, None, None, None]
        bias = norm.bias - norm.running_mean * scale
    return {
        "kernel": convolution.kernel_size[0],
        "stride": convolution.stride[0],
        "out": convolution.out_channels,
        "weights": _pack(weights),
        "bias": _pack(bias),
    }


def _pack(numbers: torch.Tensor) -> str:
    return base64.b64encode(numbers.detach().cpu().numpy().astype("<f4").tobytes()).decode()
