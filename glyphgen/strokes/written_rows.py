"""Rows of written cells -> their outlines: lines moved by the laws of their hands, and drawn with a pen."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines import N_DIRECTIONS, OutlineStore
from glyphgen.outlines.cell_store import expand_spans, list_starts
from glyphgen.streams import split_words
from glyphgen.strokes.centre_lines import N_POINTS
from glyphgen.strokes.laws import (
    CARE,
    LAWS,
    N_NUMBERS,
    NODES,
    OF_WHOLE,
    PEN,
    Lines,
    draw_care,
    find_radius,
    join_lines,
    move_lines,
    warp_lines,
)
from glyphgen.strokes.stroke_store import StrokeStore

__all__ = ["N_STROKE_WORDS", "count_stroke_words", "draw_contours", "write_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

N_STROKE_WORDS = 128
"""That each sample owns: eight for the row, and four for each stroke; the 31st moves as the first."""

_WORDS_EACH = N_NUMBERS // 4
_THINNEST = 0.004  # em: a radius below which nothing would be left
_CAP = 4  # points about each end of a contour, of which two are corners
# What a row may take of the shorter side of the ink: at least of the longer one, and more than the mean.
_LEAST_ROOM, _MORE_ROOM = 0.75, 1.3


def count_stroke_words(store: StrokeStore) -> int:
    """Return how many words a row needs."""
    return min(_WORDS_EACH * (OF_WHOLE + int(store.n_strokes.max(initial=0))), N_STROKE_WORDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bends:
    """How n rows are bent and grown as a whole; see ``outlines.moving.Moves``."""

    half_weight: NDArray[np.float32]
    nodes: NDArray[np.float32]
    scale: NDArray[np.float32]


def write_rows(
    store: StrokeStore, cells: Ints, words: NDArray[np.uint64], bends: Bends
) -> OutlineStore:
    """Return the outlines that n rows show, one after the other.

    Each fills the box that the mean outline of its cell has in the longer direction, about the same center,
    and leaves in no direction the room that ``list_rooms`` tells.

    Args:
        store: Of the cells, all of which are written.
        cells: (n,).
        words: (n, W), as ``count_stroke_words`` tells.
        bends: Of the rows.
    """
    n_lines = store.n_lines[cells]
    line = expand_spans(store.line_start[cells], n_lines)
    row = np.repeat(np.arange(len(cells)), n_lines)
    lines, pen = _take_lines(store, cells, line, row, words, bends)
    move_lines(lines)
    radius = find_radius(lines, pen[row])
    radius += bends.half_weight[row].astype(np.float64)[:, None]
    np.maximum(radius, _THINNEST, out=radius)
    joint, joint_x, joint_y, joint_radius = join_lines(lines, radius, row)
    order = np.argsort(np.concatenate([row, row[joint]]), kind="stable")
    contours = [
        np.concatenate(parts)[order] if len(joint) else parts[0]
        for parts in ((lines.x, joint_x), (lines.y, joint_y), (radius, joint_radius))
    ]
    piece = np.concatenate([store.line_piece[line], store.line_piece[line[joint]]])[order]
    counts = n_lines + np.bincount(row[joint], minlength=len(cells)).astype(np.int32)
    x, y = draw_contours(*contours)
    _fit(store, cells, counts, x, y)
    return _make_store(store, cells, counts, x, y, piece)


def _take_lines(
    store: StrokeStore, cells: Ints, line: Ints, row: Ints, words: NDArray[np.uint64], bends: Bends
) -> tuple[Lines, Floats]:
    """Return the lines of n rows, bent as a whole and not yet moved, and the width of each row's pen."""
    n = len(cells)
    own = (split_words(words, bits=16).astype(np.float64) - 32768.0) / 32768.0
    own = own.reshape(n, -1, N_NUMBERS)
    whole = own[:, :OF_WHOLE].reshape(n, OF_WHOLE * N_NUMBERS)
    laws = draw_care(store.laws[cells // store.n_forms], whole[:, CARE])
    pen = laws[:, LAWS.index("pen")] + whole[:, PEN] * laws[:, LAWS.index("spread")]
    nodes = whole[:, NODES] * laws[:, LAWS.index("warp"), None]
    stroke = OF_WHOLE + store.line_stroke[line] % max(own.shape[1] - OF_WHOLE, 1)
    lines = Lines(
        x=store.line_x[line].astype(np.float64),
        y=store.line_y[line].astype(np.float64),
        flags=store.line_flags[line].astype(np.int64),
        length=store.line_length[line].astype(np.float64),
        center_x=store.line_center_x[line].astype(np.float64),
        center_y=store.line_center_y[line].astype(np.float64),
        n_strokes=store.n_strokes[cells].astype(np.float64)[row],
        numbers=own[row, stroke],
        laws=laws[row],
    )
    _bend(store, line, row, bends, lines.x, lines.y)
    warp_lines(lines.x, lines.y, store.box[cells].astype(np.float64)[row], nodes[row])
    return lines, pen


def _bend(store: StrokeStore, line: Ints, row: Ints, bends: Bends, x: Floats, y: Floats) -> None:
    """Bend lines as a whole, in place."""
    n_nodes = bends.nodes.shape[1]
    if not n_nodes:
        return
    shares = store.line_bend[line].reshape(len(line), n_nodes, N_POINTS)
    nodes = bends.nodes.astype(np.float64) * (bends.scale.astype(np.float64) / 1024)[:, None, None]
    for node in range(n_nodes):
        share = shares[:, node].astype(np.float64)
        x += share * nodes[row, node, 0, None]
        y += share * nodes[row, node, 1, None]


def draw_contours(x: Floats, y: Floats, radius: Floats) -> tuple[Floats, Floats]:
    """Return the closed contour of a pen that follows each line: (S, 2 P + 4) each.

    All its points are quadratic control points: the contour is smooth, and its ends are round.

    Args:
        x, y: (S, P), P points of each line.
        radius: (S, P), of the pen.
    """
    n_points = x.shape[1]
    way_x, way_y = (np.empty_like(x) for _ in "xy")  # that the pen goes, as long as its radius
    for way, at in ((way_x, x), (way_y, y)):
        np.subtract(at[:, 2:], at[:, :-2], out=way[:, 1:-1])
        np.subtract(at[:, 1], at[:, 0], out=way[:, 0])
        np.subtract(at[:, -1], at[:, -2], out=way[:, -1])
    length = way_x * way_x
    length += way_y * way_y
    np.sqrt(length, out=length)
    np.maximum(length, 1e-9, out=length)
    np.divide(radius, length, out=length)
    way_x *= length
    way_y *= length
    drawn = [np.empty((len(x), 2 * n_points + _CAP)) for _ in "xy"]
    for out, at, side, way in ((drawn[0], x, way_y, way_x), (drawn[1], y, -way_x, way_y)):
        np.add(at, side, out=out[:, 1 : 1 + n_points])
        np.subtract(at, side, out=out[:, n_points + 3 : -1][:, ::-1])
        out[:, n_points + 1] = out[:, n_points] + way[:, -1]
        out[:, n_points + 2] = out[:, n_points + 3] + way[:, -1]
        out[:, 0] = out[:, 1] - way[:, 0]
        out[:, -1] = out[:, -2] - way[:, 0]
    return drawn[0], drawn[1]


def find_edge(controls: Floats) -> Floats:
    """Return x or y of where the curves of contours (S, n) are nearest to their control points."""
    edge = controls * 0.75
    edge[:, 1:] += controls[:, :-1] * 0.125
    edge[:, 0] += controls[:, -1] * 0.125
    edge[:, :-1] += controls[:, 1:] * 0.125
    edge[:, -1] += controls[:, 0] * 0.125
    return edge


def list_rooms(box: Floats) -> Floats:
    """Return the boxes (n, 4) that rows keep to, of cells whose mean outlines have some boxes."""
    size = box[:, 2:] - box[:, :2]
    longer = size.max(axis=1, keepdims=True)
    half = np.maximum(_LEAST_ROOM * longer, np.minimum(longer, _MORE_ROOM * size)) / 2
    middle = (box[:, 2:] + box[:, :2]) / 2
    return np.concatenate([middle - half, middle + half], axis=1)


def _fit(store: StrokeStore, cells: Ints, counts: NDArray[np.int32], x: Floats, y: Floats) -> None:
    """Move the contours of each row, in place, to where its cell stands."""
    starts = list_starts(counts)
    edges = [find_edge(at) for at in (x, y)]
    low = np.stack([np.minimum.reduceat(at.min(axis=1), starts) for at in edges], axis=1)
    high = np.stack([np.maximum.reduceat(at.max(axis=1), starts) for at in edges], axis=1)
    box = store.box[cells].astype(np.float64)
    room = list_rooms(box)
    size = np.maximum(high - low, 1e-9)
    wanted = box[:, 2:] - box[:, :2]
    growth = np.minimum(
        wanted.max(axis=1) / size.max(axis=1), ((room[:, 2:] - room[:, :2]) / size).min(axis=1)
    )
    moved = (box[:, 2:] + box[:, :2]) / 2 - growth[:, None] * (high + low) / 2
    row = np.repeat(np.arange(len(cells)), counts)
    x *= growth[row, None]
    y *= growth[row, None]
    x += moved[row, 0, None]
    y += moved[row, 1, None]


def _make_store(
    store: StrokeStore,
    cells: Ints,
    counts: NDArray[np.int32],
    x: Floats,
    y: Floats,
    piece: NDArray[np.uint16],
) -> OutlineStore:
    """Return the contours of n rows as a store of n cells."""
    n, each = len(cells), x.shape[1]
    n_points = counts * np.int32(each)
    n_all, longest = x.size, int(n_points.max(initial=0))
    flat = np.zeros((2, n_all + longest), dtype=np.float32)
    flat[0, :n_all], flat[1, :n_all] = x.ravel(), y.ravel()
    nothing = np.zeros(n_all + longest, dtype=np.float32)
    within = np.arange(len(x)) - np.repeat(list_starts(counts), counts)
    n_pieces = store.n_pieces[cells]
    at = expand_spans(store.piece_start[cells], n_pieces)
    zeros = np.zeros(n, dtype=np.int32)
    return OutlineStore(
        x=flat[0],
        y=flat[1],
        normal_x=nothing,
        normal_y=nothing,
        piece=np.concatenate([np.repeat(piece, each), np.zeros(longest, dtype=np.uint16)]),
        bend=np.zeros((n_all + longest, 0), dtype=np.int16),
        tag=np.zeros(n_all, dtype=np.uint8),
        contour_end=((within + 1) * each - 1).astype(np.int16),
        point_start=list_starts(n_points),
        contour_start=list_starts(counts),
        piece_start=list_starts(n_pieces),
        n_points=n_points,
        n_contours=counts,
        n_outer=counts,
        n_pieces=n_pieces,
        piece_x=store.piece_x[at],
        piece_y=store.piece_y[at],
        box=store.box[cells],
        hull_x=np.zeros((N_DIRECTIONS, n), dtype=np.float32),
        hull_y=np.zeros((N_DIRECTIONS, n), dtype=np.float32),
        advance=np.zeros(n, dtype=np.float32),
        middle=np.zeros(1, dtype=np.float32),
        n_missing=zeros,
        n_notdef=zeros,
        n_circles=zeros,
        like_notdef=zeros.astype(np.bool_),
    )
