"""A network and images -> what it read; knows no dataset and decides nothing."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.devices import computing
from glyphgen.baseline.metrics import Readings

__all__ = ["read_with"]

_AT_ONCE = 512
_MOST_LIKELY = 5


def read_with(
    network: nn.Module,
    take: Callable[[slice], NDArray[np.uint8]],
    truth: NDArray[np.int64],
    device: torch.device,
) -> Readings:
    """Let a network read images.

    Args:
        network: Put into its reading mode, and left there.
        take: Returns the images of a slice: uint8 (n, H, W), ink 255.
        truth: int64 (n,), the class of each image; all images are read.
        device: Where the network is.
    """
    network.eval()
    order, probability, loss = [], [], []
    for start in range(0, len(truth), _AT_ONCE):
        part = slice(start, min(start + _AT_ONCE, len(truth)))
        images = torch.from_numpy(np.array(take(part)))[:, None].to(device)
        with torch.inference_mode(), computing(device):
            logits = network(images.float().div_(255).to(memory_format=torch.channels_last))
        log_share = torch.log_softmax(logits.float().cpu(), dim=1)
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
