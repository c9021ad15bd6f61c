"""Small changes to every batch while a network learns, as tensor operations; knows no dataset."""

import torch
from torch.nn import functional

__all__ = ["vary"]

_TURN = 0.12  # radians, about 7 degrees
_SHEAR = 0.15
_SIZE = 0.06  # of the natural logarithm: a small kana must not grow into a large one
_ASPECT = 0.1  # of the natural logarithm: wider and lower, or the other way round
_SHIFT = 0.06  # of half the frame: two pixels of 64
_NOISE = 0.04  # of full ink


def vary(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turn, shear, scale, stretch and shift every image a little, and add noise.

    Args:
        images: float (n, 1, H, W), 0 to 1.
        generator: Where all chance comes from; on the processor.

    Returns:
        The same shape, on the same device.
    """
    n = len(images)
    draws = torch.rand((n, 6), generator=generator) * 2 - 1
    turn, shear = draws[:, 0] * _TURN, draws[:, 1] * _SHEAR
    size, aspect = torch.exp(draws[:, 2] * _SIZE), torch.exp(draws[:, 3] * _ASPECT)
    theta = torch.stack(
        [
            *(size * aspect, shear - turn, draws[:, 4] * _SHIFT),
            *(turn, size / aspect, draws[:, 5] * _SHIFT),
        ],
        dim=1,
    ).reshape(n, 2, 3)
    grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, align_corners=False)
    level = torch.rand((n, 1, 1, 1), generator=generator) * _NOISE
    noise = torch.randn(images.shape, generator=generator) * level
    return (moved + noise.to(images.device)).clamp_(0.0, 1.0)
