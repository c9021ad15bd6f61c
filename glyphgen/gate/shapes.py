"""What a cell looks like, as numbers: directions of edges over a grid, and where the ink stands.

The picture of a cell is scaled to its ink, so that shape alone counts; size and place of the ink stay
apart, in em. A shape that is mirrored or turned is another order of the same numbers.

What the gate decides is part of a dataset, so it has to be the same on every machine. Libraries of linear
algebra add in an order of their own: here they add in double precision, and the sums are rounded.

Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SHAPE_SIDE",
    "TURNS",
    "describe_places",
    "describe_shapes",
    "fit_places",
    "measure_fit",
    "turn_shapes",
]

SHAPE_SIDE = 48  # pixels of the pictures
_GRID = 7  # places along each side
_DIRECTIONS = 8
_SHARPNESS = 0.7  # an edge counts for directions within acos(0.7), 46 degrees, of its own
_BATCH = 128  # pictures whose edges are in memory at once

Floats = NDArray[np.float32]

TURNS = ("mirrored", "upside down", "turned half around", "turned left", "turned right")
"""What may have been done to a whole drawing."""


def describe_shapes(ink: NDArray[np.uint8]) -> Floats:
    """Return (n, 392) numbers of length 1 for pictures (n, SHAPE_SIDE, SHAPE_SIDE); 0 for blank ones."""
    pooling = _make_pooling()
    shapes = np.empty((len(ink), _DIRECTIONS * _GRID * _GRID), dtype=np.float32)
    for start in range(0, len(ink), _BATCH):
        edges = _find_edges(ink[start : start + _BATCH])
        pooled = (pooling.T @ (edges @ pooling)).reshape(len(edges), -1)
        # The root keeps long strokes from hiding short ones.
        pooled = np.sqrt(pooled)
        length = np.sqrt(np.einsum("ij,ij->i", pooled, pooled))[:, None]
        shapes[start : start + _BATCH] = pooled / np.maximum(length, 1e-6)
    return shapes


def _find_edges(ink: NDArray[np.uint8]) -> Floats:
    """Return how strong the edges are in each direction: (n, 8, SHAPE_SIDE, SHAPE_SIDE)."""
    padded = np.pad(ink.astype(np.float32), ((0, 0), (2, 2), (2, 2)))
    across = padded[:, :, :-2] + 2 * padded[:, :, 1:-1] + padded[:, :, 2:]
    blurred = across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]
    x = blurred[:, 1:-1, 2:] - blurred[:, 1:-1, :-2]
    y = blurred[:, 2:, 1:-1] - blurred[:, :-2, 1:-1]
    least = np.sqrt(x * x + y * y) * np.float32(_SHARPNESS)
    edges = np.empty((len(ink), _DIRECTIONS, *x.shape[1:]), dtype=np.float32)
    half = np.float32(np.sqrt(0.5))
    for k, along in enumerate((x, (x + y) * half, y, (y - x) * half)):
        np.subtract(along, least, out=edges[:, k])
        np.subtract(-along, least, out=edges[:, k + 4])
    return np.maximum(edges, 0.0, out=edges)


def _make_pooling() -> NDArray[np.float64]:
    """Return the share (SHAPE_SIDE, 7) that each pixel of a line has in each place of the grid."""
    width = SHAPE_SIDE / _GRID
    centers = (np.arange(_GRID) + 0.5) * width
    pixels = np.arange(SHAPE_SIDE) + 0.5
    share: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.abs(pixels[:, None] - centers) / width)
    return share


def turn_shapes(shapes: Floats, turn: str) -> Floats:
    """Return the shapes (n, 392) of the same drawings, mirrored or turned: a member of ``TURNS``."""
    grid = shapes.reshape(len(shapes), _DIRECTIONS, _GRID, _GRID)
    directions = np.arange(_DIRECTIONS)
    match turn:
        case "mirrored":
            turned = grid[:, (4 - directions) % 8][:, :, :, ::-1]
        case "upside down":
            turned = grid[:, -directions % 8][:, :, ::-1]
        case "turned half around":
            turned = grid[:, (directions + 4) % 8][:, :, ::-1, ::-1]
        case "turned left":
            turned = np.rot90(grid, 1, axes=(2, 3))[:, (directions + 2) % 8]
        case _:
            turned = np.rot90(grid, -1, axes=(2, 3))[:, (directions - 2) % 8]
    return turned.reshape(len(shapes), -1)


def describe_places(box: Floats) -> Floats:
    """Return bottom, top, width and height (n, 4) of boxes (n, 4): left, bottom, right, top, in em."""
    left, bottom, right, top = box.T
    return np.stack([bottom, top, right - left, top - bottom], axis=1)


def measure_fit(places: Floats, typical: Floats) -> tuple[np.float32, np.float32]:
    """Return by which factor a face is smaller than most, and how far it then stands lower, in em.

    A face may be large or small, or stand high or low: that tells nothing of its characters. What is left
    is how they stand to each other, as small kana to large ones.

    Args:
        places: (n, 4), of cells of one face and block.
        typical: (n, 4), the usual places of the same forms.
    """
    scale = np.float32(np.median(typical[:, 3] / np.maximum(places[:, 3], 1e-3)))
    return scale, np.float32(np.median(typical[:, 0] - places[:, 0] * scale))


def fit_places(places: Floats, scale: np.float32, raised: np.float32) -> Floats:
    """Return places (n, 4) as they would be, had the face the size and baseline of most others."""
    return places * scale + np.array([raised, raised, 0.0, 0.0], dtype=np.float32)
