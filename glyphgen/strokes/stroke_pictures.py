"""SVG files in the form of KanjiVG -> polylines (fontTools' parser of paths is used here)."""

from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import FontError
from glyphgen.text import show_foreign

__all__ = ["parse_strokes"]

Floats = NDArray[np.float64]

_ASCENDER = 0.88  # of the em, as fonts of kanji have it: where the top of the picture is
_CHORDS = 24  # of each curve
_MOST_EM = 4.0  # that a point may be away
_MOST_STROKES = 200
_WHAT = "expected an SVG file in the form of KanjiVG, with one <path> for each stroke"


def parse_strokes(path: Path, data: bytes) -> list[Floats]:
    """Return the strokes of one file in their order: (n, 2) each, in em, x right, y up.

    Raises:
        FontError: It is no such file, or declares entities, or holds a number that is none.
    """
    paths, box = _read_elements(path, data)
    if not paths:
        raise FontError(f"{path}: holds no stroke, {_WHAT}")
    if len(paths) > _MOST_STROKES:
        raise FontError(f"{path}: holds {len(paths):,} strokes, expected at most {_MOST_STROKES}")
    left, top, _, height = _read_box(path, box)
    strokes = []
    for number, drawn in enumerate(paths, start=1):
        curves = [
            (curve - [left, top]) / height * [1, -1] + [0, _ASCENDER]
            for curve in _read_curves(path, number, drawn)
        ]
        if not all((np.abs(curve) <= _MOST_EM).all() for curve in curves):  # nor is it true of NaN
            raise FontError(
                f"{path}: stroke {number} has a point that is no number, or far outside of the picture,"
                f" expected points within {show_foreign(box)} (mend the file, or leave it out)"
            )
        traced = [curves[0]]
        for controls in curves[1:]:
            traced.append(_sample(np.concatenate([traced[-1][-1:], controls])))
        strokes.append(np.concatenate(traced))
    return strokes


def _read_elements(path: Path, data: bytes) -> tuple[list[str], str]:
    """Return the paths of a file, and its view box."""
    paths: list[str] = []
    boxes: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "svg":
            boxes.append(attributes.get("viewBox", ""))
        elif name == "path":
            paths.append(attributes.get("d", ""))

    def refuse(*_: Any) -> None:
        raise FontError(f"{path}: declares an entity, {_WHAT}, without entities")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise FontError(f"{path}: is not XML ({error}), {_WHAT}") from None
    if not boxes:
        raise FontError(f"{path}: has no <svg>, {_WHAT}")
    return paths, boxes[0]


def _read_box(path: Path, box: str) -> tuple[float, float, float, float]:
    try:
        left, top, width, height = (float(number) for number in box.replace(",", " ").split())
        if width > 0 and height > 0:
            return left, top, width, height
    except ValueError:
        pass
    raise FontError(
        f"{path}: found viewBox '{show_foreign(box)}', expected four numbers, as \"0 0 109 109\""
    )


def _read_curves(path: Path, number: int, drawn: str) -> list[Floats]:
    """Return where a path begins, and the points of each of its curves from there on."""
    from fontTools.pens.recordingPen import RecordingPen
    from fontTools.svgLib.path.parser import parse_path

    pen = RecordingPen()
    try:
        parse_path(drawn, pen)
        points = [np.array(at, dtype=np.float64) for _, at in pen.value if at]
    except (ValueError, TypeError, IndexError, KeyError, AssertionError) as error:
        raise FontError(
            f"{path}: stroke {number} cannot be read ({type(error).__name__}: {error}), {_WHAT}"
        ) from None
    names = [name for name, at in pen.value if at]
    if names[:1] != ["moveTo"] or "moveTo" in names[1:] or len(names) < 2:
        raise FontError(f"{path}: stroke {number} is not one line of a pen, {_WHAT}")
    return points


def _sample(curve: Floats) -> Floats:
    """Return points on a Bezier curve after its start: (k, 2)."""
    n = 1 if len(curve) == 2 else _CHORDS
    t = (np.arange(1, n + 1) / n)[:, None]
    points = [np.broadcast_to(point, (n, 2)) for point in curve]
    while len(points) > 1:
        points = [a + (b - a) * t for a, b in pairwise(points)]
    return points[0]
