"""What a network is given of an image: its size, and the mean and spread of its levels."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

__all__ = ["AS_IT_IS", "NetworkInput", "PreparedNetwork"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInput:
    """What a network is given of an image of ink 1 on paper 0.

    Attributes:
        image_size: Side in pixels of the square that the image is scaled into, with its aspect; the rest
            is paper. 0 where the image stays as it is.
        mean, std: Of each channel: it gets the image less the mean, over the spread. Without them there is
            one channel, the image as it is.
    """

    image_size: int = 0
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def n_channels(self) -> int:
        """Of what the network is given."""
        return max(1, len(self.mean))

    def find_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of what the network is given of images of this size."""
        return (self.image_size, self.image_size) if self.image_size else (height, width)


AS_IT_IS = NetworkInput()
"""The image as it is."""


class PreparedNetwork(nn.Module):
    """A network that is given what ``NetworkInput`` says of each image.

    Args:
        network: What reads (n, channels, S, S).
        given: What it is given.
        height, width: Of the images.
    """

    def __init__(self, network: nn.Module, given: NetworkInput, height: int, width: int) -> None:
        super().__init__()
        self.network = network
        size = given.image_size
        scale = size / max(height, width) if size else 0.0
        for name, side in (("rows", height), ("columns", width)):
            matrix = _make_scaling(side, max(1, round(side * scale)), size) if size else None
            self.register_buffer(name, matrix, persistent=False)
        for name, values in (("mean", given.mean), ("std", given.std)):
            levels = torch.tensor(values).reshape(1, -1, 1, 1) if values else None
            self.register_buffer(name, levels, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits: (n, 1, H, W) -> (n, classes)."""
        logits: torch.Tensor = self.network(self.prepare(images))
        return logits

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """Return what the network is given: (n, 1, H, W) -> (n, channels, S, S)."""
        with torch.autocast(images.device.type, enabled=False):
            if isinstance(self.rows, torch.Tensor) and isinstance(self.columns, torch.Tensor):
                # Two products, which ONNX has, and which shrink without aliasing.
                images = self.rows @ images @ self.columns.T
            if isinstance(self.mean, torch.Tensor) and isinstance(self.std, torch.Tensor):
                images = (images - self.mean) / self.std
        return images


def _make_scaling(side: int, scaled: int, size: int) -> torch.Tensor:
    """Return what scales a side linearly and centers it among paper: (size, side)."""
    eye = torch.eye(side)[None, None]
    matrix = functional.interpolate(
        eye, size=(scaled, side), mode="bilinear", align_corners=False, antialias=True
    )[0, 0]
    before = (size - scaled) // 2
    return functional.pad(matrix, (0, 0, before, size - scaled - before))
