"""Augmentation of every batch while a network is trained, as tensor operations."""

import torch
from torch.nn import functional

__all__ = ["vary"]

# Nothing grows or shrinks as a whole: in a frame that keeps sizes, size tells ゃ from や.
_TURN = 0.12  # radians, about 7 degrees
_SHEAR = 0.15
_SHIFT = 0.03  # of half the frame: one pixel of 64
_BEND = 0.2  # of half the frame, where it is strongest
_NODES = 5  # along each side of the lattice that bends
_EDGE = 0.7  # of a pixel, by which strokes grow or thin
_NOISE = 0.04  # of full ink


def vary(
    images: torch.Tensor, generator: torch.Generator, *, variation: str = "strong"
) -> torch.Tensor:
    """Turn, shear and shift every image a little, and add noise; ``strong`` also bends and thickens.

    To bend, the nodes of a lattice move, each on its own, and what lies between them follows
    smoothly; some images are bent strongly and others hardly at all.

    Args:
        images: float (n, 1, H, W), 0 to 1.
        generator: Of all random numbers; on the processor.
        variation: A key of ``choices.VARIATIONS``: ``strong``, for writers and typefaces unlike those
            of the training, or ``light``, which leaves the shape and thickness of strokes alone: in
            one typeface they may be all that tells ャ from ヤ in another size.

    Returns:
        The same shape, on the same device.
    """
    n, device = len(images), images.device
    turn, shear, across, down = (torch.rand((4, n), generator=generator) * 2 - 1).unbind()
    turn, shear, one = turn * _TURN, shear * _SHEAR, torch.ones(n)
    theta = torch.stack(
        [*(one, shear - turn, across * _SHIFT), *(turn, one, down * _SHIFT)], dim=1
    ).reshape(n, 2, 3)
    grid = functional.affine_grid(theta.to(device), list(images.shape), align_corners=False)
    if variation == "strong":
        grid = grid + _bend(images, generator)
    moved = functional.grid_sample(images, grid, align_corners=False)
    if variation == "strong":
        moved = _move_edges(moved, generator)
    level = torch.rand((n, 1, 1, 1), generator=generator) * _NOISE
    noise = torch.randn(images.shape, generator=generator) * level
    return (moved + noise.to(device)).clamp_(0.0, 1.0)


def _bend(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return how far each pixel is moved, as a share of half the frame: (n, H, W, 2)."""
    n = len(images)
    strength = torch.rand((n, 1, 1, 1), generator=generator) * _BEND
    nodes = torch.rand((n, 2, _NODES, _NODES), generator=generator) * 2 - 1
    # The lattice travels to the images' device, not what is made of it there.
    lattice = (nodes * strength).to(images.device)
    bend = functional.interpolate(
        lattice, size=images.shape[2:], mode="bicubic", align_corners=True
    )
    return bend.permute(0, 2, 3, 1)


def _move_edges(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Thicken some images and thin others, up to a part of a pixel."""
    edge = (torch.rand((len(images), 1, 1, 1), generator=generator) * 2 - 1) * _EDGE
    edge = edge.to(images.device)
    other = torch.where(edge > 0, _widen(images), -_widen(-images))
    return images.lerp(other, edge.abs())


def _widen(images: torch.Tensor) -> torch.Tensor:
    """Return the largest of each pixel and its eight neighbors: rows first, ten times as fast."""
    framed = functional.pad(images, (1, 1, 1, 1))
    rows = torch.maximum(torch.maximum(framed[..., :-2], framed[..., 1:-1]), framed[..., 2:])
    return torch.maximum(torch.maximum(rows[..., :-2, :], rows[..., 1:-1, :]), rows[..., 2:, :])
