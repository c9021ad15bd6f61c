"""Sources and laws -> what each hand writes of every form: outlines, and the lines in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.geometry import make_linear_map
from glyphgen.outlines import N_DIRECTIONS
from glyphgen.outlines.cell_store import expand_spans, list_starts
from glyphgen.outlines.pieces import find_pieces, measure_contours, place_pieces
from glyphgen.outlines.shape import bend_shares, find_box, find_hull, find_normals
from glyphgen.progress import Reporter, track
from glyphgen.recipe import Hand, Recipe
from glyphgen.streams import Stage, Stream, split_words
from glyphgen.strokes.centre_lines import N_POINTS, CentreLines, make_lines
from glyphgen.strokes.laws import (
    CARE,
    LAWS,
    N_NUMBERS,
    NODES,
    OF_WHOLE,
    PEN,
    WAY,
    Lines,
    draw_care,
    find_radius,
    list_laws,
    move_lines,
    warp_lines,
)
from glyphgen.strokes.sources import StrokeSource, find_sources, list_hands
from glyphgen.strokes.stroke_store import StrokeStore
from glyphgen.strokes.written_rows import draw_contours, find_edge, list_rooms

__all__ = ["Hands", "find_hands"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MIDDLE_X, _MIDDLE_Y = 0.5, 0.38  # em, of the square that a character of KanjiVG stands in
_SKETCHED = np.array([0, 2, 4, 7, 9, 11])  # points of a line that the mean outline is drawn along
_PEN_UPRIGHT = 0.05  # em: by lines of this width it is told which strokes are one piece of ink
_OF_HAND = 0x110000  # sample number of what a hand does in all characters, beyond all code points
_FORM_WORDS = 256  # that each hand owns for a form
_MOST_STROKES = _FORM_WORDS * 4 // N_NUMBERS - OF_WHOLE
_SLANT, _BREADTH = 2, 3  # numbers of a hand, beside PEN and CARE
_CORNERS = N_NUMBERS - 1  # of a stroke's numbers: how it takes its corners


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """The hands of a recipe; none where it has no strokes.

    Attributes:
        faces: One for each hand.
    """

    recipe: Recipe
    sources: tuple[StrokeSource, ...]
    faces: tuple[Face, ...]

    def read(self, forms: Sequence[str], wobble_grid: int, reporter: Reporter) -> list[StrokeStore]:
        """Return what every hand writes of some forms, a store for each hand.

        Args:
            forms: The texts; those of more than one character no hand writes.
            wobble_grid: Nodes a side of the bending; 0 where nothing is bent.
            reporter: Is told how many hands are done.

        Raises:
            FontError: A file is no file of strokes.
        """
        strokes = self.recipe.strokes
        if strokes is None:
            return []
        known = [_read_source(source, forms) for source in self.sources]
        numbers = range(len(self.faces))
        return [
            _write(known[k // strokes.hands], strokes.hand, self.recipe.seed, k, wobble_grid)
            for k in track(numbers, step="write with hands", unit="hands", reporter=reporter)
        ]


def find_hands(recipe: Recipe, forms: Sequence[str]) -> Hands:
    """Return the hands of a recipe.

    Raises:
        RecipeError: A source is not there, or not installed.
        FontError: A file is no file of strokes.
    """
    sources = find_sources(recipe)
    n_hands = recipe.strokes.hands if recipe.strokes else 0
    return Hands(recipe=recipe, sources=sources, faces=list_hands(sources, n_hands, forms))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a source has of F forms.

    Attributes:
        forms: The forms.
        first, n_ways: int64 (F,), the characters of ``lines`` that are ways to write each.
        piece: int64 (T,), of each stroke within its character.
    """

    forms: tuple[str, ...]
    lines: CentreLines
    first: Ints
    n_ways: Ints
    piece: Ints


def _read_source(source: StrokeSource, forms: Sequence[str]) -> _Known:
    ways = [source.read(form) for form in forms]
    counts = np.array([len(of_form) for of_form in ways], dtype=np.int64)
    lines = make_lines([way for of_form in ways for way in of_form])
    return _Known(
        forms=tuple(forms),
        lines=lines,
        first=np.cumsum(counts) - counts,
        n_ways=counts,
        piece=_find_pieces(lines),
    )


def _find_pieces(lines: CentreLines) -> Ints:
    """Return the piece of ink of each stroke, within its character, when nothing moves it."""
    n_lines = lines.n_lines[:, 0]
    at = expand_spans(lines.first_line[:, 0], n_lines.astype(np.int32))
    radius = np.full((len(at), len(_SKETCHED)), _PEN_UPRIGHT / 2)
    x, y = draw_contours(lines.x[at][:, _SKETCHED], lines.y[at][:, _SKETCHED], radius)
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    ends = np.arange(1, len(x) + 1) * x.shape[1] - 1
    of_stroke = np.concatenate([[0], np.cumsum(n_lines)])
    stroke_ends = lines.first_stroke + lines.n_strokes
    counts = (of_stroke[stroke_ends] - of_stroke[lines.first_stroke]).astype(np.int32)
    tags = np.zeros(len(points), dtype=np.uint8)
    areas = measure_contours(points, ends, counts)
    pieces = find_pieces(points, tags, ends, counts, areas)
    found: Ints = pieces[of_stroke[:-1]]
    return found


def _write(known: _Known, hand: Hand, seed: int, number: int, wobble_grid: int) -> StrokeStore:
    """Return what one hand writes; it is a hand of its own by its number."""
    stream = Stream(seed, Stage.HAND, _FORM_WORDS)
    of_hand = _draw(stream, number, np.array([_OF_HAND]))[0, 0]
    laws, of_rows = _choose_laws(hand, of_hand)
    form, char, of_form = _choose_ways(known, stream, number)
    lines, n_strokes = known.lines, known.lines.n_strokes[char]
    stroke = expand_spans(lines.first_stroke[char], n_strokes.astype(np.int32))
    at = np.repeat(np.arange(len(form)), n_strokes)  # the form of each stroke, among those written
    nth = stroke - lines.first_stroke[char][at]
    numbers = of_form[at, OF_WHOLE + nth % _MOST_STROKES]
    corners = _choose_corners(hand, numbers[:, _CORNERS], lines.turns[stroke])
    n_lines = lines.n_lines[stroke, corners]
    line = expand_spans(lines.first_line[stroke, corners], n_lines.astype(np.int32))
    of_line = np.repeat(np.arange(len(stroke)), n_lines)
    x, y, center = lines.x[line], lines.y[line], lines.center[stroke]  # copies, to be moved
    whole = of_form[:, :OF_WHOLE].reshape(len(form), OF_WHOLE * N_NUMBERS)
    nodes, lean = whole[:, NODES] * laws[LAWS.index("warp")], _make_lean(hand, of_hand)
    for points, own in (((x, y), at[of_line]), ((center[:, :1], center[:, 1:]), at)):
        _bend_whole(*points, lines.box[char][own], lean, nodes[own])
    written = Lines(
        x=x,
        y=y,
        flags=lines.flags[line],
        length=lines.length[stroke][of_line],
        center_x=center[of_line, 0],
        center_y=center[of_line, 1],
        n_strokes=n_strokes.astype(np.float64)[at[of_line]],
        numbers=numbers[of_line],
        laws=np.repeat(laws[None], len(line), axis=0),
    )
    move_lines(written)
    return _Written(
        forms=known.forms,
        lines=written,
        cell=form[at[of_line]],
        stroke=nth[of_line],
        piece=known.piece[stroke][of_line],
        n_strokes=np.bincount(form, n_strokes, minlength=len(known.forms)).astype(np.int32),
        laws=of_rows,
    ).make_store(wobble_grid)


def _choose_laws(hand: Hand, of_hand: Floats) -> tuple[Floats, Floats]:
    """Return what a hand does in all that it writes, and what it does in each row besides."""
    low, high = hand.pen
    pen = (low + high) / 2 + (high - low) / 2 * hand.habit * of_hand[PEN]
    spread = (high - low) / 2 * (1 - hand.habit)
    laws = [list_laws(hand, part, pen, spread) for part in (hand.habit, 1 - hand.habit)]
    own, of_rows = draw_care(np.stack(laws), np.repeat(of_hand[CARE], 2))
    return own, of_rows


def _draw(stream: Stream, number: int, samples: Ints) -> Floats:
    """Return random numbers from -1 to 1 of a hand, in blocks: (n, blocks, 16)."""
    words = stream.draw(np.full(len(samples), number, dtype=np.int64), samples.astype(np.int64))
    numbers = (split_words(words, bits=16).astype(np.float64) - 32768.0) / 32768.0
    return numbers.reshape(len(samples), _FORM_WORDS * 4 // N_NUMBERS, N_NUMBERS)


def _choose_ways(known: _Known, stream: Stream, number: int) -> tuple[Ints, Ints, Floats]:
    """Return the forms that a hand writes, the way of each, and its numbers for them."""
    form = np.flatnonzero(known.n_ways)
    codes = np.array([ord(known.forms[k]) for k in form.tolist()], dtype=np.int64)
    of_form = _draw(stream, number, codes)
    n_ways = known.n_ways[form]
    way = ((of_form[:, 0, WAY] + 1) / 2 * n_ways).astype(np.int64)
    return form, known.first[form] + way, of_form


def _choose_corners(hand: Hand, numbers: Floats, turns: NDArray[np.bool_]) -> Ints:
    """Return in which of the ways each stroke takes its corners; see ``WAYS``."""
    whole = 1 - hand.trim
    rounded = whole * (1 - hand.loop) * hand.corner
    ends = np.array([rounded, rounded + whole * hand.loop, whole])
    way = np.array([1, 2, 0, 3])[np.searchsorted(ends, (numbers + 1) / 2, side="right")]
    return np.where(turns, way, 0)


def _make_lean(hand: Hand, of_hand: Floats) -> Floats:
    """Return the map by which a hand leans and stretches all that it writes: (2, 2)."""
    slant = np.array([of_hand[_SLANT] * hand.slant])
    stretch = np.array([1 + of_hand[_BREADTH] * hand.breadth])
    lean: Floats = make_linear_map(np.zeros(1), slant, stretch)[0]
    return lean


def _bend_whole(x: Floats, y: Floats, box: Floats, lean: Floats, nodes: Floats) -> None:
    """Lean and bend points (S, P) in place; see ``warp_lines``."""
    warp_lines(x, y, box, nodes)
    from_x, from_y = x - _MIDDLE_X, y - _MIDDLE_Y
    x[:] = lean[0, 0] * from_x + lean[0, 1] * from_y + _MIDDLE_X
    y[:] = lean[1, 0] * from_x + lean[1, 1] * from_y + _MIDDLE_Y


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """The S lines that one hand writes on average, and what is known of its forms.

    Attributes:
        cell, stroke, piece: int64 (S,).
        n_strokes: (forms,).
        laws: Of the hand's rows.
    """

    forms: tuple[str, ...]
    lines: Lines
    cell: Ints
    stroke: Ints
    piece: Ints
    n_strokes: NDArray[np.int32]
    laws: Floats

    def make_store(self, wobble_grid: int) -> StrokeStore:
        """Return the store of one face, without padding."""
        n = len(self.forms)
        n_lines = np.bincount(self.cell, minlength=n).astype(np.int32)
        points, each = self._draw_mean()
        ends = np.arange(1, len(self.cell) + 1) * each - 1
        arrays = _measure(points, n_lines * np.int32(each), n_lines, ends, wobble_grid)
        piece, n_pieces, centers = place_pieces(points, self.piece, ends, n_lines)
        zeros = np.zeros(n, dtype=np.int32)
        return StrokeStore(
            **arrays,
            **self._list_lines(np.repeat(arrays["box"], n_lines, axis=0), wobble_grid),
            piece=piece,
            piece_x=centers[:, 0].astype(np.float32),
            piece_y=centers[:, 1].astype(np.float32),
            piece_start=list_starts(n_pieces),
            n_pieces=n_pieces,
            advance=np.ones(n, dtype=np.float32),
            middle=np.full(1, _MIDDLE_Y, dtype=np.float32),
            n_missing=np.where(n_lines > 0, 0, [len(form) for form in self.forms]).astype(np.int32),
            n_notdef=zeros,
            n_circles=zeros,
            like_notdef=zeros.astype(np.bool_),
            line_start=list_starts(n_lines),
            n_lines=n_lines,
            n_strokes=self.n_strokes,
            laws=self.laws[None],
        )

    def _list_lines(self, box: NDArray[np.float32], wobble_grid: int) -> dict[str, NDArray[Any]]:
        """Return the arrays that have an entry for each line."""
        lines, n = self.lines, len(self.cell)
        points = np.stack([lines.x.ravel(), lines.y.ravel()], axis=1)
        counts = np.full(n, N_POINTS, dtype=np.int64)
        bend = bend_shares(points, counts, box.astype(np.float64), wobble_grid)
        return {
            "line_x": lines.x.astype(np.float32),
            "line_y": lines.y.astype(np.float32),
            "line_bend": bend.reshape(n, N_POINTS * wobble_grid**2),
            "line_flags": lines.flags.astype(np.uint8),
            "line_stroke": self.stroke.astype(np.uint16),
            "line_piece": self.piece.astype(np.uint16),
            "line_length": lines.length.astype(np.float32),
            "line_center_x": lines.center_x.astype(np.float32),
            "line_center_y": lines.center_y.astype(np.float32),
        }

    def _draw_mean(self) -> tuple[Floats, int]:
        """Return the contours of all lines as no row moves them, a little coarser, and points of each."""
        still = replace(self.lines, numbers=np.zeros_like(self.lines.numbers))
        pen = np.full(len(self.cell), self.laws[LAWS.index("pen")])
        lines = (self.lines.x, self.lines.y, find_radius(still, pen))
        x, y = draw_contours(*(line[:, _SKETCHED] for line in lines))
        return np.stack([x.ravel(), y.ravel()], axis=1), x.shape[1]


def _measure(
    points: Floats,
    counts: NDArray[np.int32],
    n_contours: NDArray[np.int32],
    ends: Ints,
    wobble_grid: int,
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a store that follow from contours of which all points are control points."""
    n = len(counts)
    drawn = np.flatnonzero(counts)
    starts = list_starts(counts)
    box, hull = np.zeros((n, 4)), np.zeros((n, N_DIRECTIONS, 2))
    normals = points
    if len(drawn):
        normals = find_normals(points, starts[drawn], ends)
        contours = points.reshape(len(ends), -1, 2)
        inked = np.stack([find_edge(contours[..., k]).ravel() for k in (0, 1)], axis=1)
        box[drawn] = find_box(inked, starts[drawn])
        room = list_rooms(box[drawn])
        corners = np.stack([room[:, [k, m]] for k in (0, 2) for m in (1, 3)], axis=1)
        hull[drawn] = find_hull(corners.reshape(-1, 2), np.arange(len(drawn)) * 4, N_DIRECTIONS)
    return {
        "x": points[:, 0].astype(np.float32),
        "y": points[:, 1].astype(np.float32),
        "normal_x": normals[:, 0].astype(np.float32),
        "normal_y": normals[:, 1].astype(np.float32),
        "bend": bend_shares(points, counts.astype(np.int64), box, wobble_grid),
        "tag": np.zeros(len(points), dtype=np.uint8),
        "contour_end": (ends - np.repeat(starts, n_contours)).astype(np.int16),
        "point_start": starts,
        "contour_start": list_starts(n_contours),
        "n_points": counts,
        "n_contours": n_contours,
        "n_outer": n_contours,
        "box": box.astype(np.float32),
        "hull_x": hull[:, :, 0].T.astype(np.float32),
        "hull_y": hull[:, :, 1].T.astype(np.float32),
    }
