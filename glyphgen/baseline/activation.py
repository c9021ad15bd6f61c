"""Where a network saw the class that it predicted."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from glyphgen.baseline.network_input import PreparedNetwork

__all__ = ["map_activation"]


def map_activation(
    network: nn.Module, images: NDArray[np.uint8], predicted: NDArray[np.int64]
) -> NDArray[np.float32] | None:
    """Return how much each place of an image speaks for its predicted class.

    It is HiResCAM at the last layer that still has places: the last convolution, or, in a transformer, the
    last layer whose patches take part in the logits. Where the head averages all places it equals Grad-CAM;
    where it tells quarters apart, as that of ``Cnn``, so does the map.

    Source: Draelos and Carin, "Use HiResCAM instead of Grad-CAM for faithful explanations of
        convolutional neural networks" (2020), section 3.

    Args:
        network: On the processor; put into evaluation mode.
        images: uint8 (n, H, W), ink 255.
        predicted: int64 (n,).

    Returns:
        float32 (n, H, W), 0 to 1; None for a network without such a layer.
    """
    network.eval()
    inner = network.network if isinstance(network, PreparedNetwork) else network
    tensors = torch.from_numpy(images.copy())[:, None].float().div_(255)
    with _recorded(inner) as recorded, torch.enable_grad():
        logits = network(tensors.requires_grad_())
        if not recorded:
            return None
        chosen = logits.gather(1, torch.from_numpy(predicted)[:, None]).sum()
        gradients = torch.autograd.grad(chosen, recorded, allow_unused=True)
    for output, gradient in reversed(list(zip(recorded, gradients, strict=True))):
        places, slopes = (_show_places(inner, of, len(images)) for of in (output, gradient))
        if places is not None and slopes is not None and bool(slopes.any()):
            return _weigh(network, places.detach(), slopes, images.shape[1:])
    return None


@contextmanager
def _recorded(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Give the outputs of all layers, in the order in which they are made."""
    outputs: list[torch.Tensor] = []

    def keep(module: nn.Module, _inputs: Any, output: Any) -> None:
        if (
            "Pool" not in type(module).__name__
            and isinstance(output, torch.Tensor)
            and output.requires_grad
            and output.ndim in (3, 4)
        ):
            outputs.append(output)

    handles = [module.register_forward_hook(keep) for module in network.modules()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def _show_places(network: nn.Module, output: torch.Tensor | None, n: int) -> torch.Tensor | None:
    """Return an output as (n, channels, rows, columns); None where it has no places.

    A transformer of timm gives (n, tokens, channels), of which the first tokens are of no place, or
    (n, rows, columns, channels); other networks give (n, channels, rows, columns).
    """
    if output is None or len(output) != n:
        return None
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    is_last = getattr(network, "output_fmt", "NCHW") == "NHWC"
    if grid is None or is_last:
        if output.ndim != 4:
            return None
        places = output.permute(0, 3, 1, 2) if is_last else output
        return places if min(places.shape[2:]) > 1 else None
    if output.ndim != 3:
        return None
    patches = output[:, int(getattr(network, "num_prefix_tokens", 0)) :]
    if patches.shape[1] != grid[0] * grid[1]:
        return None
    return patches.transpose(1, 2).reshape(n, -1, *grid)


def _weigh(
    network: nn.Module, output: torch.Tensor, gradient: torch.Tensor, size: tuple[int, ...]
) -> NDArray[np.float32]:
    heat = (gradient * output).sum(dim=1, keepdim=True).clamp(min=0)
    heat = heat / heat.amax(dim=(2, 3), keepdim=True).clamp(min=1e-6)
    height, width = size
    if isinstance(network, PreparedNetwork) and isinstance(network.rows, torch.Tensor):
        # The map is of the square that the image was scaled into.
        side = network.rows.shape[0]
        scale = side / max(height, width)
        inked = [max(1, round(of * scale)) for of in (height, width)]
        heat = functional.interpolate(heat, size=(side, side), mode="bilinear", align_corners=False)
        top, left = ((side - of) // 2 for of in inked)
        heat = heat[:, :, top : top + inked[0], left : left + inked[1]]
    large = functional.interpolate(heat, size=(height, width), mode="bilinear", align_corners=False)
    found: NDArray[np.float32] = large[:, 0].numpy()
    return found
