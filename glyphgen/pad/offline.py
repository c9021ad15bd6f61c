"""A trained network -> one page that reads drawings in any browser, without a server."""

import base64
import html
import json
import os
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.folded_cnn import read_folded_cnn
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
        TrainingError: The model cannot be used, or is of a kind that the page cannot run.
        DatasetError: The disk refused.
    """
    cnn = read_folded_cnn(run)
    page = {
        "name": cnn.info.dataset,
        "labels": cnn.info.labels,
        "side": SIDE_PX,
        "height": cnn.info.height,
        "width": cnn.info.width,
        "ink_share": cnn.info.ink_share,
        "blocks": [
            {
                "kernel": block.weights.shape[-1],
                "stride": block.stride,
                "out": len(block.bias),
                "weights": _pack(block.weights),
                "bias": _pack(block.bias),
            }
            for block in cnn.convolutions
        ],
        "pool": {"kernel": cnn.pool_kernel, "stride": cnn.pool_stride},
        "head": {"weights": _pack(cnn.head), "bias": _pack(cnn.head_bias)},
    }
    text, code = (_read(name).decode() for name in ("page.html", "network.js"))
    before, script, after = text.partition(_SCRIPT)
    data = html.escape(json.dumps(page, ensure_ascii=False), quote=False)
    network = f'<template id="network">{data}</template>\n<script>\n{code}</script>\n'
    write_bytes(Path(out), (before + network + script + after).encode(), durable=False)


def _read(name: str) -> bytes:
    return files("glyphgen.pad").joinpath(name).read_bytes()


def _pack(numbers: NDArray[np.float32]) -> str:
    return base64.b64encode(numbers.astype("<f4").tobytes()).decode()
