"""Shapes words with one face, as runs over its glyphs; draws nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from glyphgen.bidi import find_direction, split_directions
from glyphgen.fonts import Face
from glyphgen.outlines.cell_store import expand_spans, list_starts
from glyphgen.outlines.contours import ContourPen
from glyphgen.outlines.harfbuzz import (
    CIRCLE,
    FORMS_PER_REPORT,
    SEGMENT_EM,
    VERTICAL,
    Shaped,
    draw_glyphs,
    make_part,
    open_font,
    read_features,
)
from glyphgen.outlines.outline_store import N_DIRECTIONS, OutlineStore
from glyphgen.outlines.pieces import measure_contours
from glyphgen.outlines.run_store import RunStore
from glyphgen.outlines.shape import cross_tangents, find_box, list_directions
from glyphgen.partition import join_groups

__all__ = ["read_face_runs"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_Glyph = tuple[int, int, float, float]

# Features that join letters or change them by their neighbors, without which they are spelled out.
_JOINING = ("calt", "clig", "liga", "dlig", "hlig")
_MARK_EM = 0.36  # ink that is no longer than this each way is a dot or another mark
_NO_SCRIPT = ("Zyyy", "Zinh", "Zzzz")
_LETTERS_IN_LATIN = ("Latn", "Grek", "Cyrl")  # whose ligatures keep the letters, if not their dots
_INVISIBLE = "\u200c\u200d \u00a0\u3000"


@dataclass(frozen=True, slots=True)
class _Run:
    """One form as a face draws it, in font units.

    Of each glyph its number, the first of the form's characters that it stands for, and its place. A run
    from top to bottom has a drop in place of an advance; its glyphs stand about x = 0.
    """

    glyphs: tuple[_Glyph, ...]
    advance: float
    drop: float
    n_missing: int
    n_circles: int
    n_lost: int
    is_character: bool


class _Shaper:
    """Shapes texts with a font.

    Args:
        font: Whose glyphs.
        language: BCP 47 tag.
        features: What each OpenType feature is set to.
    """

    def __init__(self, font: hb.Font, language: str, features: Mapping[str, int]) -> None:
        self._font, self._language = font, language or "und"
        self._features = dict(features)
        self._plain = self._features | dict.fromkeys(_JOINING, 0)
        self._circle = font.get_nominal_glyph(ord(CIRCLE))
        self._draw = cache(partial(draw_glyphs, font, segment=None))
        self._count_marks = cache(self._count_marks_of)

    def shape(self, form: str, *, is_vertical: bool) -> _Run:
        """Return the run of a form: words from left to right, or from top to bottom."""
        glyphs: list[_Glyph] = []
        x, y, n_lost = 0.0, 0.0, 0
        spans = split_directions(form, find_direction(form))
        features = VERTICAL | self._features if is_vertical else self._features
        if is_vertical and len(form) > 1:
            spans = [(form, "ttb", 0)]
        for text, direction, start in spans:
            parts = _split_scripts(text, start)
            for part, script, first in parts[::-1] if direction == "rtl" else parts:
                own, advance, drop = self._shape_part(part, direction, script, features)
                n_lost += self._count_lost(own, part, direction, script)
                glyphs += ((glyph, first + char, x + dx, dy - y) for glyph, char, dx, dy in own)
                x, y = x + advance, y + drop
        missing = [char for char in form if char not in "\u200c\u200d"]
        return _Run(
            glyphs=tuple(glyphs),
            advance=x,
            drop=y,
            n_missing=sum(self._font.get_nominal_glyph(ord(char)) is None for char in missing),
            n_circles=sum(one[0] == self._circle for one in glyphs) if CIRCLE not in form else 0,
            n_lost=n_lost,
            is_character=len(form) == 1,
        )

    def _shape_part(
        self, text: str, direction: str, script: str, features: dict[str, int]
    ) -> tuple[list[_Glyph], float, float]:
        """Return the glyphs of a part, and how far it goes right and down."""
        buffer = hb.Buffer()
        buffer.add_str(text)
        buffer.guess_segment_properties()
        if script:
            buffer.script = script
        buffer.direction = direction
        buffer.language = self._language
        hb.shape(self._font, buffer, features)
        glyphs: list[_Glyph] = []
        x = y = 0.0
        for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
            glyphs.append(
                (info.codepoint, info.cluster, x + position.x_offset, y + position.y_offset)
            )
            x, y = x + position.x_advance, y + position.y_advance
        return glyphs, x, -y

    def _count_lost(self, glyphs: list[_Glyph], text: str, direction: str, script: str) -> int:
        """Return how many marks the letters of a part lose by being joined."""
        if script in _LETTERS_IN_LATIN or not text.strip(_INVISIBLE):
            return 0
        plain, _, _ = self._shape_part(text, direction, script, self._plain)
        if [one[0] for one in plain] == [one[0] for one in glyphs]:
            return 0
        # A joined body may be larger than a mark where the letter's own is not: contours have to be fewer.
        joined, spelled = (
            np.sum([self._count_marks(glyph[0]) for glyph in part], axis=0)
            for part in (glyphs, plain)
        )
        return max(int((spelled - joined).min()), 0)

    def _count_marks_of(self, glyph: int) -> tuple[int, int]:
        """Return how many dots and other small marks a glyph draws, and how many outer contours."""
        pen = self._draw(((glyph, 0.0, 0.0),))
        if not pen.ends:
            return 0, 0
        points, ends = np.array(pen.points), np.array(pen.ends)
        starts = np.concatenate([[0], ends[:-1] + 1])
        has_ink = measure_contours(points, ends, np.array([len(ends)], dtype=np.int32)) > 0
        box = find_box(points, starts)[has_ink]
        longer = (box[:, 2:] - box[:, :2]).max(axis=1)
        return int((longer <= _MARK_EM * self._font.face.upem).sum()), len(box)


@cache
def _find_script(char: str) -> str:
    """Return the ISO 15924 code of a character's script; empty where it has none of its own."""
    buffer = hb.Buffer()
    buffer.add_str(char)
    buffer.guess_segment_properties()
    script = buffer.script or ""
    return "" if script in _NO_SCRIPT else script


def _split_scripts(text: str, first: int) -> list[tuple[str, str, int]]:
    """Return the parts of a text that are of one script each; what has none goes with what is before it.

    Of each its script and the place where it begins, where the text begins at ``first``.
    """
    parts: list[tuple[str, str, int]] = []
    for place, char in enumerate(text, start=first):
        script = _find_script(char)
        if parts and (not script or not parts[-1][1] or script == parts[-1][1]):
            before, known, start = parts[-1]
            parts[-1] = before + char, known or script, start
        else:
            parts.append((char, script, place))
    return parts


def read_face_runs(
    face: Face,
    forms: Sequence[str],
    wobble_grid: int,
    language: str,
    features: Sequence[str] = (),
    n_vertical: int = 0,
    *,
    report: Callable[[int], None] = lambda _: None,
) -> RunStore:
    """Shape every form with one face.

    Args:
        face: To be read.
        forms: The texts to shape.
        wobble_grid: Nodes a side of the bending; 0 where nothing is bent.
        language: BCP 47 tag of the language that the forms are written in.
        features: OpenType features to turn on or off, as HarfBuzz writes them.
        n_vertical: How many of the forms, from the first on, stand in vertical lines.
        report: Is told now and then how many forms are read.

    Returns:
        A store without padding, to be joined with those of other faces.

    Raises:
        UnreadableFontError: HarfBuzz finds no outlines in the file, or the file is another one now.
    """
    font = open_font(face)
    shaper = _Shaper(font, language, read_features(features, face))
    runs = []
    for number, form in enumerate(forms):
        if number % FORMS_PER_REPORT == 0:
            report(number)
        runs.append(shaper.shape(form, is_vertical=number < n_vertical))
    numbers = {glyph[0]: 0 for run in runs for glyph in run.glyphs} or {0: 0}
    numbers = {glyph: k for k, glyph in enumerate(sorted(numbers))}
    segment = SEGMENT_EM * font.face.upem if wobble_grid else None
    pens = [draw_glyphs(font, [(glyph, 0.0, 0.0)], segment) for glyph in numbers]
    glyphs = make_part(font, pens, [Shaped(0.0, 0, 0, 0, like_notdef=False)] * len(pens), 0)
    return _lay_runs(font, runs, numbers, pens, glyphs, wobble_grid)


def _lay_runs(
    font: hb.Font,
    runs: Sequence[_Run],
    numbers: Mapping[int, int],
    pens: Sequence[ContourPen],
    glyphs: OutlineStore,
    wobble_grid: int,
) -> RunStore:
    """Return the store of one face: its runs over the outlines of their glyphs."""
    upem = font.face.upem
    n_items = np.array([len(run.glyphs) for run in runs], dtype=np.int32)
    items = np.array([item for run in runs for item in run.glyphs], dtype=np.float64).reshape(-1, 4)
    glyph = np.array([numbers[int(number)] for number in items[:, 0]], dtype=np.int64)
    at = items[:, 2:] / upem
    of_run = np.repeat(np.arange(len(runs)), n_items)
    box, hull = _enclose(glyphs, glyph, at, of_run, len(runs))
    links, pieces, n_pieces = _link_pieces(glyphs, pens, upem, glyph, at, n_items)
    center, line = _set_lines(font, runs)

    def sum_items(counts: NDArray[np.int32]) -> NDArray[np.int32]:
        return np.bincount(of_run, counts[glyph], minlength=len(runs)).astype(np.int32)

    n_links = sum_items(glyphs.n_pieces)
    n_notdef = np.bincount(of_run, items[:, 0] == 0, minlength=len(runs))
    return RunStore(
        glyphs=glyphs,
        first_glyph=np.zeros(1, dtype=np.int64),
        item_glyph=glyph.astype(np.int32),
        item_char=items[:, 1].astype(np.int16),
        item_x=at[:, 0].astype(np.float32),
        item_y=at[:, 1].astype(np.float32),
        item_start=list_starts(n_items),
        link=links,
        link_start=list_starts(n_links),
        piece_x=pieces[:, 0].astype(np.float32),
        piece_y=pieces[:, 1].astype(np.float32),
        piece_start=list_starts(n_pieces),
        n_items=n_items,
        n_links=n_links,
        n_points=sum_items(glyphs.n_points),
        n_contours=sum_items(glyphs.n_contours),
        n_outer=sum_items(glyphs.n_outer),
        n_pieces=n_pieces,
        box=box.astype(np.float32),
        hull_x=hull[:, :, 0].T.astype(np.float32),
        hull_y=hull[:, :, 1].T.astype(np.float32),
        center=center.astype(np.float32),
        line=line.astype(np.float32),
        n_missing=np.array([run.n_missing for run in runs], dtype=np.int32),
        n_notdef=n_notdef.astype(np.int32),
        n_circles=np.array([run.n_circles for run in runs], dtype=np.int32),
        n_lost=np.array([run.n_lost for run in runs], dtype=np.int32),
        wobble_grid=np.array([wobble_grid], dtype=np.int32),
    )


def _set_lines(font: hb.Font, runs: Sequence[_Run]) -> tuple[Floats, Floats]:
    """Return the middle of each run's line of type, and its width and height: (n, 2) each, in em."""
    upem, extents = font.face.upem, font.get_font_extents("ltr")
    middle = (extents.ascender + extents.descender) / 2 / upem
    advance = np.array([run.advance / upem for run in runs])
    drop = np.array([run.drop / upem for run in runs])
    is_vertical = drop > 0
    is_square = np.array([run.is_character for run in runs]) | is_vertical
    center = np.stack([advance / 2, np.where(is_vertical, -drop / 2, middle)], axis=1)
    width = np.where(is_square, 1.0, np.maximum(advance, 1e-3))
    return center, np.stack([width, np.where(is_vertical, drop, 1.0)], axis=1)


def _enclose(
    glyphs: OutlineStore, glyph: Ints, at: Floats, of_run: Ints, n_runs: int
) -> tuple[Floats, Floats]:
    """Return box (n, 4) and hull (n, directions, 2) of the ink of every run; zeros without ink."""
    box, hull = np.zeros((n_runs, 4)), np.zeros((n_runs, N_DIRECTIONS, 2))
    inked = np.flatnonzero(glyphs.n_points[glyph] > 0)
    if not len(inked):
        return box, hull
    drawn, starts = np.unique(of_run[inked], return_index=True)
    glyph, at = glyph[inked], at[inked]
    boxes = glyphs.box[glyph].astype(np.float64) + np.tile(at, 2)
    box[drawn, :2] = np.minimum.reduceat(boxes[:, :2], starts)
    box[drawn, 2:] = np.maximum.reduceat(boxes[:, 2:], starts)
    cos, sin = list_directions(N_DIRECTIONS)
    # A corner of a hull lies on the tangent of its own direction.
    own = glyphs.hull_x.T.astype(np.float64) * cos + glyphs.hull_y.T.astype(np.float64) * sin
    reach = own[glyph] + at[:, :1] * cos + at[:, 1:] * sin
    hull[drawn] = cross_tangents(np.maximum.reduceat(reach, starts))
    return box, hull


def _link_pieces(
    glyphs: OutlineStore,
    pens: Sequence[ContourPen],
    upem: int,
    glyph: Ints,
    at: Floats,
    n_items: NDArray[np.int32],
) -> tuple[NDArray[np.uint16], Floats, NDArray[np.int32]]:
    """Return which piece of its run each piece of an item is, and the center of every run's pieces.

    Pieces of neighboring glyphs whose boxes meet are one: joined letters move together.
    """
    of_glyph = _box_pieces(glyphs, pens, upem)
    n_each = glyphs.n_pieces[glyph]
    piece = expand_spans(glyphs.piece_start[glyph], n_each)
    boxes = of_glyph[piece] + np.tile(np.repeat(at, n_each, axis=0), (1, 2))
    item = np.repeat(np.arange(len(glyph)), n_each)
    run_ends = np.cumsum(n_items)
    of_run = np.searchsorted(run_ends, item, side="right")
    cuts = np.searchsorted(of_run, np.arange(len(n_items) + 1))
    links = np.zeros(len(piece), dtype=np.uint16)
    centers, n_pieces = [np.zeros((0, 2))], np.zeros(len(n_items), dtype=np.int32)
    known: dict[bytes, tuple[Ints, Floats]] = {}
    for run, (first, last) in enumerate(pairwise(cuts.tolist())):
        own = boxes[first:last]
        key = own.tobytes() + item[first:last].tobytes()
        if key not in known:
            known[key] = _join_pieces(own, item[first:last])
        links[first:last], center = known[key]
        centers.append(center)
        n_pieces[run] = len(center)
    return links, np.concatenate(centers), n_pieces


def _join_pieces(boxes: Floats, item: Ints) -> tuple[Ints, Floats]:
    """Return the number of each piece among those of its run, and their centers."""
    n = len(boxes)
    if not n:
        return np.zeros(0, dtype=np.int64), np.zeros((0, 2))
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    meet = ((low <= boxes[:, 2:]) & (boxes[:, :2] <= high)).all(axis=2)
    meet &= np.abs(item[:, None] - item) == 1
    joined = join_groups(n, np.argwhere(np.triu(meet)).tolist())
    _, number = np.unique(joined, return_inverse=True)
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(number.max() + 1))
    low_ends = np.minimum.reduceat(boxes[order, :2], starts)
    high_ends = np.maximum.reduceat(boxes[order, 2:], starts)
    return number, (low_ends + high_ends) / 2


def _box_pieces(glyphs: OutlineStore, pens: Sequence[ContourPen], upem: int) -> Floats:
    """Return the box of the points of every piece of every glyph: (P, 4)."""
    boxes = np.zeros((len(glyphs.piece_x), 4))
    for k, pen in enumerate(pens):
        if not pen.points:
            continue
        points = np.array(pen.points) / upem
        span = slice(glyphs.point_start[k], glyphs.point_start[k] + glyphs.n_points[k])
        piece = glyphs.piece[span]
        for number in range(int(glyphs.n_pieces[k])):
            own = points[piece == number]
            boxes[glyphs.piece_start[k] + number] = [*own.min(axis=0), *own.max(axis=0)]
    return boxes
