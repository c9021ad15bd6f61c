"""The default network as plain arrays, batch normalization folded in: for other programs."""

import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.checkpoint import ModelInfo, read_checkpoint
from glyphgen.baseline.models import Cnn
from glyphgen.errors import TrainingError

__all__ = ["FoldedCnn", "FoldedConvolution", "read_folded_cnn"]

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedConvolution:
    """A convolution with a bias, then max(0, x); as much paper about the image as half its kernel.

    Attributes:
        weights: float32 (out, in, kernel, kernel).
        bias: float32 (out,).
        stride: In both directions.
    """

    weights: Floats
    bias: Floats
    stride: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedCnn:
    """Convolutions, an average pool and a linear layer.

    Attributes:
        info: Labels, image size, and what else lies beside the weights.
        convolutions: In order.
        pool_kernel, pool_stride: Height and width.
        head: float32 (classes, features), of the pool's output, channels first.
        head_bias: float32 (classes,).
    """

    info: ModelInfo
    convolutions: tuple[FoldedConvolution, ...]
    pool_kernel: tuple[int, int]
    pool_stride: tuple[int, int]
    head: Floats
    head_bias: Floats


def read_folded_cnn(run: str | os.PathLike[str]) -> FoldedCnn:
    """Read a trained network.

    Args:
        run: The folder of a training, or its ``model.safetensors``.

    Raises:
        TrainingError: The model cannot be used, or is another than ``cnn``.
    """
    checkpoint = read_checkpoint(run)
    network = checkpoint.network.eval()
    if not isinstance(network, Cnn):
        raise TrainingError(
            f"{run}: model '{checkpoint.info.model}', expected 'cnn' (no other is written so)"
        )
    kernel, stride = network.pool.kernel_size, network.pool.stride
    if not isinstance(kernel, tuple) or not isinstance(stride, tuple):
        raise TypeError(kernel, stride)
    return FoldedCnn(
        info=checkpoint.info,
        convolutions=tuple(_fold(block) for block in network.features),
        pool_kernel=(kernel[0], kernel[1]),
        pool_stride=(stride[0], stride[1]),
        head=_to_array(network.head.weight),
        head_bias=_to_array(network.head.bias),
    )


def _fold(block: nn.Module) -> FoldedConvolution:
    convolution, norm, _ = block.children()
    if not isinstance(convolution, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
        raise TypeError(block)
    if norm.running_var is None or norm.running_mean is None:
        raise TypeError(norm)
    with torch.inference_mode():
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return FoldedConvolution(
            weights=_to_array(convolution.weight * scale[:, None, None, None]),
            bias=_to_array(norm.bias - norm.running_mean * scale),
            stride=convolution.stride[0],
        )


def _to_array(tensor: torch.Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float32)
