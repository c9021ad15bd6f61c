"""Shapes every form with every face and reads the outlines (HarfBuzz lives here); draws nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray

from glyphgen.bidi import find_direction
from glyphgen.errors import UnreadableFontError
from glyphgen.fonts import Face, read_font_file
from glyphgen.outlines.contours import ON, ContourPen, draw_functions
from glyphgen.outlines.outline_store import N_DIRECTIONS, OutlineStore
from glyphgen.outlines.pieces import find_pieces, measure_contours, place_pieces
from glyphgen.outlines.shape import (
    bend_shares,
    find_box,
    find_hull,
    find_normals,
    sample_curves,
)

__all__ = [
    "CIRCLE",
    "FORMS_PER_REPORT",
    "HARFBUZZ_VERSION",
    "SEGMENT_EM",
    "VERTICAL",
    "Shaped",
    "draw_glyphs",
    "make_part",
    "open_font",
    "read_face_outlines",
    "read_features",
]

HARFBUZZ_VERSION: str = hb.version_string()

# Longest straight segment that a wobble leaves whole. A quarter of the em is half the distance of the
# nodes of the default grid: shorter gains nothing to the eye, longer leaves corners.
SEGMENT_EM = 0.25

CIRCLE = "\u25cc"  # what HarfBuzz puts under a mark that has no letter

VERTICAL = {"vert": 1}  # for a character by itself, which has the place of a horizontal line

_DRAW = draw_functions()
FORMS_PER_REPORT = 500  # take about a fifth of a second


@dataclass(frozen=True, slots=True)
class Shaped:
    """What shaping says of one cell; fields as in ``OutlineStore``, the advance in font units."""

    advance: float
    n_missing: int
    n_notdef: int
    n_circles: int
    like_notdef: bool


def read_face_outlines(
    face: Face,
    forms: Sequence[str],
    wobble_grid: int,
    language: str,
    features: Sequence[str] = (),
    n_vertical: int = 0,
    *,
    report: Callable[[int], None] = lambda _: None,
) -> tuple[OutlineStore, OutlineStore]:
    """Read one face: the outline of every form, and of its glyph 0, which stands for what it lacks.

    Args:
        face: To be read.
        forms: The texts to shape.
        wobble_grid: Nodes a side of the bending; 0 where nothing is bent.
        language: BCP 47 tag of the language that the forms are written in.
        features: OpenType features to turn on or off, as HarfBuzz writes them.
        n_vertical: How many of the forms, from the first on, are drawn as vertical lines have them.
        report: Is told now and then how many forms are read.

    Returns:
        Two stores without padding, to be joined with those of other faces.

    Raises:
        UnreadableFontError: HarfBuzz finds no outlines in the file, or the file is another one now.
    """
    font = open_font(face)
    segment = SEGMENT_EM * font.face.upem if wobble_grid else None
    notdef = draw_glyphs(font, [(0, 0.0, 0.0)], segment)
    circle = font.get_nominal_glyph(ord(CIRCLE))
    settings = read_features(features, face)
    pens, shaped = [], []
    for number, form in enumerate(forms):
        if number % FORMS_PER_REPORT == 0:
            report(number)
        own = VERTICAL | settings if number < n_vertical else settings
        glyphs, advance = _shape(font, form, language, own)
        pen = draw_glyphs(font, glyphs, segment)
        n_missing = sum(font.get_nominal_glyph(ord(char)) is None for char in form)
        n_notdef = sum(glyph == 0 for glyph, _, _ in glyphs)
        n_circles = sum(glyph == circle for glyph, _, _ in glyphs) if CIRCLE not in form else 0
        pens.append(pen)
        shaped.append(Shaped(advance, n_missing, n_notdef, n_circles, _same_drawing(pen, notdef)))
    whole = notdef if segment is None else draw_glyphs(font, [(0, 0.0, 0.0)], None)
    missing = make_part(font, [whole], [Shaped(0.0, 0, 1, 0, like_notdef=True)], 0)
    return make_part(font, pens, shaped, wobble_grid), missing


def make_part(
    font: hb.Font, pens: Sequence[ContourPen], shaped: Sequence[Shaped], wobble_grid: int
) -> OutlineStore:
    """Return the store of one face, which has no padding yet."""
    upem, extents = font.face.upem, font.get_font_extents("ltr")
    return OutlineStore(
        **_measure(pens, upem, wobble_grid),
        advance=np.array([cell.advance / upem for cell in shaped], dtype=np.float32),
        middle=np.array([(extents.ascender + extents.descender) / 2 / upem], dtype=np.float32),
        n_missing=np.array([cell.n_missing for cell in shaped], dtype=np.int32),
        n_notdef=np.array([cell.n_notdef for cell in shaped], dtype=np.int32),
        n_circles=np.array([cell.n_circles for cell in shaped], dtype=np.int32),
        like_notdef=np.array([cell.like_notdef for cell in shaped], dtype=np.bool_),
    )


def open_font(face: Face) -> hb.Font:
    """Open a face at its place on its axes.

    Raises:
        UnreadableFontError: It holds no glyphs, or is another file than it was.
    """
    file = read_font_file(face.path)
    if file.sha256 != face.sha256:
        raise UnreadableFontError(
            f"{face.path}: has changed since its names were read (run the command again)"
        )
    font = hb.Font(hb.Face(hb.Blob(file.data), face.index))
    if font.face.glyph_count == 0:
        raise UnreadableFontError(
            f"{face.path}: holds no glyphs that can be read (expected a whole font file)"
        )
    if face.axes:
        font.set_variations(dict(face.axes))
    return font


def _shape(
    font: hb.Font, form: str, language: str, features: Mapping[str, int]
) -> tuple[list[tuple[int, float, float]], float]:
    """Return the glyphs of a form with where each stands, and the advance, in font units."""
    buffer = hb.Buffer()
    buffer.add_str(form)
    buffer.guess_segment_properties()
    # HarfBuzz guesses by the script, and takes scripts that were written both ways, as Old Hungarian, from
    # left to right.
    buffer.direction = find_direction(form, buffer.direction)
    buffer.language = language or "und"  # the guess is the language of the machine
    hb.shape(font, buffer, dict(features))
    glyphs, x = [], 0.0
    for info, position in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        glyphs.append((info.codepoint, x + position.x_offset, float(position.y_offset)))
        x += position.x_advance
    return glyphs, x


def read_features(features: Sequence[str], face: Face) -> dict[str, int]:
    """Return what each feature is set to: ``{"calt": 0, "ss01": 1}`` for "-calt" and "ss01".

    Args:
        features: As HarfBuzz writes them.
        face: Whose alternate is one more.
    """
    settings = {}
    for text in (*features, *([face.alternate] if face.alternate else ())):
        tag, _, value = text.lstrip("+-").partition("=")
        settings[tag] = int(value) if value else int(not text.startswith("-"))
    return settings


def draw_glyphs(
    font: hb.Font, glyphs: Sequence[tuple[int, float, float]], segment: float | None
) -> ContourPen:
    """Return the contours of glyphs, each with where it stands, in font units.

    Args:
        font: Whose glyphs.
        glyphs: Number, x and y of each.
        segment: As for ``ContourPen``.
    """
    pen = ContourPen(segment)
    for glyph, x, y in glyphs:
        pen.offset = (x, y)
        font.draw_glyph(glyph, _DRAW, pen)
    return pen


def _same_drawing(a: ContourPen, b: ContourPen) -> bool:
    """Tell whether two outlines with ink are equal but for where they stand."""
    if not a.ends or a.tags != b.tags or a.ends != b.ends:
        return False
    (ax, ay), (bx, by) = a.points[0], b.points[0]
    return [(x - ax, y - ay) for x, y in a.points] == [(x - bx, y - by) for x, y in b.points]


def _measure(pens: Sequence[ContourPen], upem: int, wobble_grid: int) -> dict[str, NDArray[Any]]:
    """Return the arrays of a store that follow from the contours of one face's cells."""
    n_points = np.array([len(pen.points) for pen in pens], dtype=np.int32)
    n_contours = np.array([len(pen.ends) for pen in pens], dtype=np.int32)
    drawn = np.flatnonzero(n_points)
    points = _flat([pen.points for pen in pens]) / upem
    starts = _starts(n_points)
    ends = np.concatenate(
        [start + _ints(pen.ends) for start, pen in zip(starts, pens, strict=True)]
    )
    box = np.zeros((len(pens), 4))
    hull = np.zeros((len(pens), N_DIRECTIONS, 2))
    normals = points
    if len(drawn):
        normals = find_normals(points, starts[drawn], ends)
        inked, inked_starts = _ink(points, pens, upem, drawn)
        box[drawn] = find_box(inked, inked_starts)
        hull[drawn] = find_hull(inked, inked_starts, N_DIRECTIONS)
    tags = np.concatenate([np.array(pen.tags, dtype=np.uint8) for pen in pens])
    areas = measure_contours(points, ends, n_contours)
    n_outer = np.bincount(
        np.repeat(np.arange(len(pens)), n_contours)[areas > 0], minlength=len(pens)
    )
    pieces = find_pieces(points, tags, ends, n_contours, areas)
    piece, n_pieces, centers = place_pieces(points, pieces, ends, n_contours)
    return {
        "x": points[:, 0].astype(np.float32),
        "y": points[:, 1].astype(np.float32),
        "normal_x": normals[:, 0].astype(np.float32),
        "normal_y": normals[:, 1].astype(np.float32),
        "piece": piece,
        "bend": bend_shares(points, n_points.astype(np.int64), box, wobble_grid),
        "tag": tags,
        "contour_end": np.concatenate([_ints(pen.ends) for pen in pens]).astype(np.int16),
        "point_start": starts,
        "contour_start": _starts(n_contours),
        "piece_start": _starts(n_pieces),
        "n_points": n_points,
        "n_contours": n_contours,
        "n_outer": n_outer.astype(np.int32),
        "n_pieces": n_pieces,
        "piece_x": centers[:, 0].astype(np.float32),
        "piece_y": centers[:, 1].astype(np.float32),
        "box": box.astype(np.float32),
        "hull_x": hull[:, :, 0].T.astype(np.float32),
        "hull_y": hull[:, :, 1].T.astype(np.float32),
    }


def _ink(
    points: NDArray[np.float64], pens: Sequence[ContourPen], upem: int, drawn: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return points on the edge of the ink in em, cell by cell, and where each drawn cell begins."""
    on = np.concatenate([pen.tags for pen in pens]).astype(np.int64) == ON
    cell_of_point = np.repeat(np.arange(len(pens)), [len(pen.points) for pen in pens])
    inked, cells = [points[on]], [cell_of_point[on]]
    for degree in (2, 3):
        curves = [curve for pen in pens for curve in pen.curves[degree + 1]]
        if curves:
            sampled = sample_curves(np.array(curves) / upem)
            per_cell = [len(pen.curves[degree + 1]) * sampled.shape[1] for pen in pens]
            inked.append(sampled.reshape(-1, 2))
            cells.append(np.repeat(np.arange(len(pens)), per_cell))
    cell = np.concatenate(cells)
    order = np.argsort(cell, kind="stable")
    return np.concatenate(inked)[order], np.searchsorted(cell[order], drawn)


def _starts(counts: Sequence[int] | NDArray[np.int32]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)[:-1]])


def _ints(numbers: Sequence[int]) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


def _flat(lists: Sequence[list[tuple[float, float]]]) -> NDArray[np.float64]:
    return np.array([point for points in lists for point in points], np.float64).reshape(-1, 2)
