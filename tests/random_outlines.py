"""Outlines of every odd kind, to compare rasterizers with; ``make sanitize`` runs this file."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import find_reach, make_linear_map
from glyphgen.kernel.library import Kernel, open_kernel
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.cell_store import list_starts
from glyphgen.outlines.moving import Moves
from glyphgen.outlines.raster import Rasterizer
from glyphgen.outlines.scattering import scatter_pieces
from glyphgen.streams import Stage, Stream

Contour = Sequence[tuple[float, float, int]]
_TURNS = ((1,), (1,), (0,), (1, 2, 2))  # FreeType's tags: a corner, a quadratic, a cubic curve
_BY_POINT = ("x", "y", "normal_x", "normal_y", "piece", "bend", "tag")


def make_store(outlines: Sequence[Sequence[Contour]]) -> OutlineStore:
    """Return a store that holds outlines as contours of (x, y, tag)."""
    points = [[point for contour in contours for point in contour] for contours in outlines]
    n_points = np.array([len(outline) for outline in points], dtype=np.int32)
    n_contours = np.array([len(contours) for contours in outlines], dtype=np.int32)
    longest = int(n_points.max(initial=0))
    every = np.array([p for outline in points for p in outline] + [(0, 0, 0)] * longest)
    every = every.reshape(-1, 3)
    ends = [np.cumsum([len(contour) for contour in contours]) - 1 for contours in outlines]
    n = len(outlines)
    given: dict[str, NDArray[Any]] = {
        "x": every[:, 0].astype(np.float32),
        "y": every[:, 1].astype(np.float32),
        "tag": every[:, 2].astype(np.uint8),
        "contour_end": np.concatenate([*ends, []]).astype(np.int16),
        "n_points": n_points,
        "n_contours": n_contours,
        "point_start": np.cumsum(n_points, dtype=np.int64) - n_points,
        "contour_start": np.cumsum(n_contours, dtype=np.int64) - n_contours,
        "piece": np.zeros(len(every), dtype=np.uint16),
        "bend": np.zeros((len(every), 0), dtype=np.int16),
        "n_pieces": np.zeros(n, dtype=np.int32),
        "piece_start": np.zeros(n, dtype=np.int64),
        "middle": np.zeros(1, dtype=np.float32),
    }
    rest = {field.name: np.zeros(n, np.float32) for field in fields(OutlineStore)}
    return OutlineStore(**(rest | given))


def draw_store(
    store: OutlineStore, height: int, width: int, kernel: Kernel | None = None
) -> NDArray[np.uint8]:
    """Draw every outline of a store, its points as they are, in 64ths of a pixel."""
    cells = np.arange(store.n_cells)
    at = store.point_start[:, None] + np.arange(int(store.n_points.max(initial=0)))
    out = np.full((len(cells), height, width), 99, dtype=np.uint8)
    Rasterizer(kernel).fill(store, cells, store.x[at], store.y[at], out, cells)
    return out


def draw_outlines_of(
    rng: np.random.Generator, n: int, height: int, width: int
) -> list[list[list[tuple[float, float, int]]]]:
    """Return n outlines that FreeType takes, of a kind each: by their points, and by where these lie."""
    outlines = []
    for _ in range(n):
        contours = []
        for _ in range(rng.integers(1, 5)):
            tags = [int(rng.integers(2))]
            for turn in rng.integers(0, len(_TURNS), rng.integers(0, 9)):
                tags += _TURNS[turn]
            points = _place(rng, len(tags), height, width)
            contours.append(
                [(*point, tag) for point, tag in zip(points.tolist(), tags, strict=True)]
            )
        outlines.append(contours)
    return outlines


def _place(rng: np.random.Generator, n: int, height: int, width: int) -> NDArray[np.float64]:
    frame = np.array([width, height], dtype=np.float64) * 64
    points = rng.random((n, 2)) * frame
    axis = int(rng.integers(2))
    match rng.integers(12):
        case 0:  # on the corners of pixels
            points = np.round(points / 64) * 64
        case 1:  # on halves of pixels
            points = np.round(points / 32) * 32
        case 2:  # level and upright lines only
            k = np.arange(1, n)
            points[k, k % 2] = points[k - 1, k % 2]
        case 3:  # twice and three times the same point
            points = np.repeat(points, rng.integers(2, 4), axis=0)[:n]
        case 4:  # all in one spot, a few 64ths wide
            points = points[:1] + rng.integers(-2, 3, (n, 2))
        case 5:  # in part outside of the frame
            points += (points - frame / 2) * 2
        case 6:  # far outside of it
            points += (points - frame / 2) * 60
        case 7:  # nearly level or nearly upright
            points[:, axis] = points[0, axis] + rng.integers(-3, 4, n)
        case 8:  # off the frame on one side
            points[:, axis] += frame.max() * rng.choice([-1, 1])
    return points


def make_movable(rng: np.random.Generator, store: OutlineStore) -> tuple[OutlineStore, Moves]:
    """Return a store with normals, shares and pieces, and moves of all its outlines."""
    n, n_points, n_nodes = store.n_cells, len(store.x), int(rng.choice([0, 4, 9, 25]))
    shares = np.diff(np.sort(rng.integers(0, 1025, (n_points, max(n_nodes - 1, 0)))), axis=1)
    last = 1024 - shares.sum(axis=1, keepdims=True)
    shares = np.hstack([shares, np.zeros_like(last), last])[:, :n_nodes]
    n_pieces = rng.integers(1, 4, n).astype(np.int32)
    piece = np.zeros(n_points, dtype=np.uint16)
    piece[: store.n_points.sum()] = rng.integers(0, np.repeat(n_pieces, store.n_points))
    by_piece = bool(rng.integers(2))
    n_maps = n_pieces if by_piece else np.ones(n, dtype=np.int32)
    maps = np.tile(np.eye(2, 3), (n_maps.sum(), 1, 1)) + rng.normal(0, 0.1, (n_maps.sum(), 2, 3))
    movable = replace(
        store,
        normal_x=rng.normal(0, 1, n_points).astype(np.float32),
        normal_y=rng.normal(0, 1, n_points).astype(np.float32),
        bend=shares.astype(np.int16),
        piece=piece,
        n_pieces=n_pieces,
        piece_start=list_starts(n_pieces),
    )
    return movable, Moves(
        half_weight=(rng.normal(0, 20, n) * rng.integers(0, 2, n)).astype(np.float32),
        nodes=rng.integers(-4096, 4096, (n, n_nodes, 2)).astype(np.float32),
        bend_scale=(rng.random(n) / 50).astype(np.float32),
        maps=maps.astype(np.float32),
        first_map=list_starts(n_maps),
        by_piece=by_piece,
    )


def compare_numbers(rng: np.random.Generator, kernel: Kernel, store: OutlineStore) -> None:
    """Draw words, make maps, find reach and scatter pieces by NumPy and by a kernel."""
    n, by = store.n_cells, (kernel, Kernel())
    store = replace(
        store, piece_x=rng.random(9999, np.float32), piece_y=rng.random(9999, np.float32)
    )
    class_index, sample = rng.integers(0, 2**31, (2, n))
    seed, n_words = int(rng.integers(2**63)), int(rng.integers(1, 65))
    found, words = (
        Stream(seed, Stage.SCATTER, 64, kernel=k).draw(class_index, sample, n_words) for k in by
    )
    assert np.array_equal(found, words), f"{n_words} words: others"
    turn, shear, stretch = rng.uniform(-80, 80, (3, n))
    maps, linear = (make_linear_map(turn, shear, stretch, kernel=k) for k in by)
    assert np.array_equal(maps, linear)
    cells, (hull_x, hull_y) = rng.integers(0, n, n), rng.normal(size=(2, 32, n))
    reach, expected = (find_reach(hull_x, hull_y, cells, linear, turn, kernel=k) for k in by)
    assert np.array_equal(reach, expected)
    images, limits = rng.normal(0, 64, (n, 2, 3)), rng.uniform(0, 30, 3)
    pieces, by_numpy = (scatter_pieces(store, cells, images, words, limits, kernel=k) for k in by)
    assert np.array_equal(pieces, by_numpy)


def compare(rng: np.random.Generator, kernel: Kernel, seconds: float) -> Iterator[int]:
    """Draw outlines by FreeType and by a kernel for a time, and give how many were alike."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        height, width = (int(side) for side in rng.integers(1, 150, 2))
        store = make_store(draw_outlines_of(rng, 64, height, width))
        expected = draw_store(store, height, width, Kernel())
        found = draw_store(store, height, width, kernel)
        assert np.array_equal(found, expected), f"{height} x {width} pixels: other bytes"
        store, moves = make_movable(rng, store)
        cells = np.arange(store.n_cells)
        Rasterizer(Kernel()).draw(store, cells, moves, expected, cells)
        Rasterizer(kernel).draw(store, cells, moves, found, cells)
        assert np.array_equal(found, expected), f"{moves.nodes.shape[1]} nodes: other bytes"
        compare_numbers(rng, kernel, store)
        yield 2 * len(found)


def main() -> None:
    """Compare the library that is named with FreeType, for as many seconds as are named."""
    kernel = open_kernel(Path(sys.argv[1]))
    assert kernel.draw, kernel.reason
    n = sum(compare(np.random.default_rng(), kernel, float(sys.argv[2])))
    sys.stdout.write(f"{n:,} random outlines are drawn as FreeType draws them\n")


if __name__ == "__main__":
    main()
