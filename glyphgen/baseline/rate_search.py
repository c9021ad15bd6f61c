"""A good learning rate, found by trying: a rate that grows, and the loss at each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from glyphgen.baseline.descent import descend, make_optimizer, move_network
from glyphgen.baseline.examples import Batches
from glyphgen.baseline.training_options import TrainingOptions

__all__ = ["RateSearch", "find_learning_rate"]

_RATES = np.geomspace(1e-7, 1.0, 120)
_DIVERGED = 4  # times the lowest loss


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSearch:
    """What was found.

    Attributes:
        rates: That were tried, ascending.
        losses: At each, smoothed over the steps before.
        taken: A tenth of the rate at which the loss is lowest.
    """

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    taken: float


def find_learning_rate(
    make_network: Callable[[], nn.Module],
    batches: Batches,
    options: TrainingOptions,
    device: torch.device,
) -> RateSearch:
    """Try learning rates on a network that is thrown away.

    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.

    Args:
        make_network: Returns the network as the training starts with it.
        batches: Of the training.
        options: Whose optimizer is used, with the learning rates of layers in their proportion.
        device: Where.
    """
    network = move_network(make_network(), device).train()
    optimizer = make_optimizer(network, options)
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for rate, (images, labels) in zip(_RATES.tolist(), _repeat(batches), strict=False):
        loss, _ = descend(network, optimizer, images.float().div_(255), labels, rate, device)
        mean = 0.9 * mean + 0.1 * loss.item()
        smooth = mean / (1 - 0.9 ** (len(losses) + 1))
        if not np.isfinite(smooth) or (losses and smooth > _DIVERGED * min(losses)):
            break
        rates.append(rate)
        losses.append(smooth)
    taken = rates[int(np.argmin(losses))] / 10 if losses else float(_RATES[0])
    return RateSearch(rates=tuple(rates), losses=tuple(losses), taken=taken)


def _repeat(batches: Batches) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    number = 0
    while True:
        yield from batches.epoch(number)
        number += 1
