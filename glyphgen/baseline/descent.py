"""One step of gradient descent, and what makes it."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from glyphgen.baseline.devices import mixed_precision
from glyphgen.baseline.layers import list_layer_groups
from glyphgen.baseline.training_options import TrainingOptions

__all__ = ["descend", "make_optimizer", "move_network"]

_LABEL_SMOOTHING = 0.1
_WEIGHT_DECAY = 0.02


def make_optimizer(network: nn.Module, options: TrainingOptions) -> torch.optim.Optimizer:
    """Return the optimizer of a network; each of its groups has its ``share`` of the learning rate.

    Where the rate is a pair, the shares of the groups of layers lie between its ends as powers do.
    """
    low, high = options.rates
    groups = list_layer_groups(network) if low < high else [list(network.parameters())]
    shares = np.geomspace(low / high, 1.0, len(groups)).tolist() if low < high else [1.0]
    entries = [
        {"params": group, "share": share} for group, share in zip(groups, shares, strict=True)
    ]
    if options.optimizer == "adam":
        return torch.optim.Adam(entries, lr=high, amsgrad=options.amsgrad)
    return torch.optim.AdamW(entries, lr=high, weight_decay=_WEIGHT_DECAY, amsgrad=options.amsgrad)


def descend(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    learning_rate: float,
    device: torch.device,
    momentum: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Make one step of gradient descent.

    Args:
        network: That learns.
        optimizer: See ``make_optimizer``.
        images: float (n, 1, H, W), 0 to 1.
        labels: int64 (n,).
        learning_rate: Of the last layers.
        device: Where all is.
        momentum: Of the step; as it is without it.

    Returns:
        The loss, and the predicted classes, int64 (n,).
    """
    for group in optimizer.param_groups:
        group["lr"] = learning_rate * group["share"]
        if momentum is not None:
            group["betas"] = (momentum, group["betas"][1])
    with mixed_precision(device):
        logits = network(images.to(memory_format=torch.channels_last))
    loss = functional.cross_entropy(logits.float(), labels, label_smoothing=_LABEL_SMOOTHING)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach(), logits.detach().argmax(dim=1)


def move_network(network: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device, with its weights in the order that convolutions read fastest."""
    moved: nn.Module = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved
