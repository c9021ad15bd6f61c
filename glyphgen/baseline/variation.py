"""Small changes to every batch while a network learns, as tensor operations; knows no dataset."""

import torch
from torch.nn import functional

__all__ = ["vary"]

_TURN = 0.15  # radians, about 9 degrees
_SHEAR = 0.15
_SCALE = 0.15  # of width and height, each for itself
_SHIFT = 0.08  # of half the frame: two and a half pixels of 64
_NOISE = 0.04  # of full ink


def vary(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn, shear, scale and shift every image a little, and add noise.

    Args:
        images: float (n, 1, H, W), 0 to 1.
        generator: Where all chance comes from; on the processor.

    Returns:
        The same shape, on the same device.
    """
    n = len(images)
    draws = torch.rand((n, 6), generator=generator) * 2 - 1
    turn, shear = draws[:, 0] * _TURN, draws[:, 1] * _SHEAR
    across, down = 1 + draws[:, 2] * _SCALE, 1 + draws[:, 3] * _SCALE
    theta = torch.stack(
        [across, shear - turn, draws[:, 4] * _SHIFT, turn, down, draws[:, 5] * _SHIFT], dim=1
    ).reshape(n, 2, 3)
    grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    level = torch.rand((n, 1, 1, 1), generator=generator) * _NOISE
    noise = torch.randn(images.shape, generator=generator) * level
    return (moved + noise.to(images.device)).clamp_(0.0, 1.0)
