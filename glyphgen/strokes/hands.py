"""Sources and laws -> what each hand writes of every form: outlines, and the lines in them."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        lengths: int32 (F,), characters of each form.
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
    low, high = hand.pen
    pen = (low + high) / 2 + (high - low) / 2 * hand.habit * of_hand[PEN]
    spread = (high - low) / 2 * (1 - hand.habit)
    careful = draw_care(
        np.stack([list_laws(hand, part, pen, spread) for part in (hand.habit, 1 - hand.habit)]),
        np.repeat(of_hand[CARE], 2),
    )
    form, char, of_form = _choose_ways(known, stream, number)
    lines = known.lines
    stroke = expand_spans(lines.first_stroke[char], lines.n_strokes[char].astype(np.int32))
    cell = np.repeat(form, lines.n_strokes[char])
    nth = stroke - np.repeat(lines.first_stroke[char], lines.n_strokes[char])
    at_form = np.repeat(np.arange(len(form)), lines.n_strokes[char])
    numbers = of_form[at_form, OF_WHOLE + nth % _MOST_STROKES]
    way = _choose_corners(hand, numbers[:, _CORNERS], lines.turns[stroke])
    n_lines = lines.n_lines[stroke, way]
    line = expand_spans(lines.first_line[stroke, way], n_lines.astype(np.int32))
    of_line = np.repeat(np.arange(len(stroke)), n_lines)
    x, y = lines.x[line].copy(), lines.y[line].copy()
    center = lines.center[stroke].copy()
    whole = of_form[:, :OF_WHOLE].reshape(len(form), OF_WHOLE * N_NUMBERS)
    nodes, lean = whole[:, NODES] * careful[0, LAWS.index("warp")], _make_lean(hand, of_hand)
    box = lines.box[char]
    _bend_whole(x, y, box[at_form[of_line]], lean, nodes[at_form[of_line]])
    _bend_whole(center[:, :1], center[:, 1:], box[at_form], lean, nodes[at_form])
    n_strokes = lines.n_strokes[char].astype(np.float64)
    about = lines.length[stroke][of_line], center[of_line, 0], center[of_line, 1]
    laws = np.repeat(careful[:1], len(line), axis=0)
    flags, own = lines.flags[line], numbers[of_line]
    move_lines(x, y, (flags, *about), n_strokes[at_form[of_line]], own, laws)
    written = _Written(
        n_forms=len(known.forms),
        cell=cell[of_line],
        stroke=nth[of_line],
        piece=known.piece[stroke][of_line],
        x=x,
        y=y,
        flags=flags,
        about=about,
        n_strokes=_count(form, lines.n_strokes[char], len(known.forms)),
        laws=careful[1],
    )
    return written.make_store(known.forms, wobble_grid)


def _draw(stream: Stream, number: int, samples: Ints) -> Floats:
    """Return random numbers from -1 to 1 of a hand, in blocks: (n, blocks, 16)."""
    words = stream.draw(np.full(len(samples), number, dtype=np.int64), samples.astype(np.int64))
    numbers = (split_words(words, bits=16).astype(np.float64) - 32768.0) / 32768.0
    return numbers.reshape(len(samples), _FORM_WORDS * 4 // N_NUMBERS, N_NUMBERS)


def _count(at: Ints, counts: Ints, n: int) -> NDArray[np.int32]:
    counted = np.zeros(n, dtype=np.int32)
    counted[at] = counts
    return counted


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
    """The lines that one hand writes on average, S of them, and what is known of its forms.

    Attributes:
        cell, stroke, piece: int64 (S,).
        about: Length and center of each line's stroke.
        n_strokes: (forms,).
        laws: Of the hand's rows.
    """

    n_forms: int
    cell: Ints
    stroke: Ints
    piece: Ints
    x: Floats
    y: Floats
    flags: Ints
    about: tuple[Floats, Floats, Floats]
    n_strokes: NDArray[np.int32]
    laws: Floats

    def make_store(self, forms: Sequence[str], wobble_grid: int) -> StrokeStore:
        """Return the store of one face, without padding."""
        n, n_lines = self.n_forms, np.bincount(self.cell, minlength=self.n_forms).astype(np.int32)
        drawn = self._draw_mean()
        each = drawn[0].shape[1]
        points = np.stack([part.ravel() for part in drawn], axis=1)
        counts = n_lines * np.int32(each)
        ends = np.arange(1, len(self.x) + 1) * each - 1
        arrays = _measure(points, counts, n_lines, ends, wobble_grid)
        piece, n_pieces, centers = place_pieces(points, self.piece, ends, n_lines)
        box = np.repeat(arrays["box"], n_lines, axis=0).astype(np.float64)
        lined = np.stack([self.x.ravel(), self.y.ravel()], axis=1)
        of_line = np.full(len(self.x), N_POINTS, dtype=np.int64)
        bend = bend_shares(lined, of_line, box, wobble_grid)
        zeros = np.zeros(n, dtype=np.int32)
        return StrokeStore(
            **arrays,
            piece=piece,
            piece_x=centers[:, 0].astype(np.float32),
            piece_y=centers[:, 1].astype(np.float32),
            piece_start=list_starts(n_pieces),
            n_pieces=n_pieces,
            advance=np.ones(n, dtype=np.float32),
            middle=np.full(1, _MIDDLE_Y, dtype=np.float32),
            n_missing=np.where(n_lines > 0, 0, [len(form) for form in forms]).astype(np.int32),
            n_notdef=zeros,
            n_circles=zeros,
            like_notdef=zeros.astype(np.bool_),
            line_x=self.x.astype(np.float32),
            line_y=self.y.astype(np.float32),
            line_bend=bend.reshape(len(self.x), N_POINTS * wobble_grid**2),
            line_flags=self.flags.astype(np.uint8),
            line_stroke=self.stroke.astype(np.uint16),
            line_piece=self.piece.astype(np.uint16),
            line_length=self.about[0].astype(np.float32),
            line_center_x=self.about[1].astype(np.float32),
            line_center_y=self.about[2].astype(np.float32),
            line_start=list_starts(n_lines),
            n_lines=n_lines,
            n_strokes=self.n_strokes,
            laws=self.laws[None],
        )

    def _draw_mean(self) -> tuple[Floats, Floats]:
        """Return the contours of all lines as no row moves them, a little coarser."""
        n = len(self.x)
        radius = find_radius(
            np.full(n, self.laws[LAWS.index("pen")]),
            self.flags,
            self.n_strokes[self.cell].astype(np.float64),
            np.zeros((n, N_NUMBERS)),
            np.repeat(self.laws[None], n, axis=0),
        )
        return draw_contours(self.x[:, _SKETCHED], self.y[:, _SKETCHED], radius[:, _SKETCHED])


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
