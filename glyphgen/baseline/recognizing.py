"""A network and images -> what it read; knows no dataset and decides nothing."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.devices import computing
from glyphgen.baseline.metrics import Readings
from glyphgen.baseline.variation import vary

__all__ = ["read_with"]

_AT_ONCE = 512
_MOST_LIKELY = 5


def read_with(
    network: nn.Module,
    take: Callable[[slice], NDArray[np.uint8]],
    truth: NDArray[np.int64],
    device: torch.device,
    *,
    views: int = 1,
) -> Readings:
    """Let a network read images.

    Args:
        network: Put into its reading mode, and left there.
        take: Returns the images of a slice: uint8 (n, H, W), ink 255.
        truth: int64 (n,), the class of each image; all images are read.
        device: Where the network is.
        views: How often each image is looked at: once as it is, then turned and moved a little as in
            training; the network's opinions are averaged.
    """
    network.eval()
    order, probability, loss = [], [], []
    for start in range(0, len(truth), _AT_ONCE):
        part = slice(start, min(start + _AT_ONCE, len(truth)))
        images = torch.from_numpy(np.array(take(part)))[:, None].to(device)
        log_share = _look(network, images.float().div_(255), views, device).cpu()
        best = log_share.topk(min(_MOST_LIKELY, log_share.shape[1]), dim=1)
        order.append(best.indices.numpy())
        probability.append(best.values.exp().numpy())
        wanted = torch.from_numpy(truth[part]).clamp(min=0)
        loss.append(-log_share.gather(1, wanted[:, None])[:, 0].numpy())
    if not order:
        empty = np.zeros((0, 1))
        order, probability, loss = [empty.astype(np.int64)], [empty], [empty[:, 0]]
    return Readings(
        truth=truth,
        order=np.concatenate(order),
        probability=np.concatenate(probability).astype(np.float32),
        loss=np.concatenate(loss).astype(np.float32),
    )


def _look(
    network: nn.Module, images: torch.Tensor, views: int, device: torch.device
) -> torch.Tensor:
    """Return the logarithms of the probabilities: (n, classes)."""
    opinions = []
    with torch.inference_mode():
        for view in range(views):
            generator = torch.Generator().manual_seed(view)
            seen = vary(images, generator) if view else images
            with computing(device):
                logits = network(seen.to(memory_format=torch.channels_last))
            opinions.append(torch.log_softmax(logits.float(), dim=1))
        return torch.log_softmax(torch.stack(opinions).mean(dim=0), dim=1)
