"""Outlines -> polygons without holes: curves become chords, and a cut leads from each hole to its edge."""

from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import MachineError
from glyphgen.outlines.outline_store import OutlineStore
from glyphgen.outlines.pieces import list_edges

__all__ = ["GlyphPolygons"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SAG_PX = 0.05  # between a curve and its chords
_MOST_CHORDS = 16
_STEPS = 1 << 20  # of an em: polygons are united in whole numbers


class GlyphPolygons:
    """The ink of glyphs as polygons, each worked out when it is first asked for.

    Args:
        glyphs: The outlines.

    Raises:
        MachineError: The library that unites contours is not installed.
    """

    def __init__(self, glyphs: OutlineStore) -> None:
        _import_clipper()
        self._glyphs = glyphs
        self._found: dict[tuple[int, int], tuple[Floats, ...]] = {}
        self._sag: dict[int, float] = {}

    def find(self, glyph: int, size_px: float) -> tuple[Floats, ...]:
        """Return polygons that together cover the ink of a glyph, (k, 2) each, in em.

        No two overlap. A hole is a part of the polygon around it: a cut leads there and back.

        Args:
            glyph: Which.
            size_px: The em size at which they will be looked at: chords stay a twentieth of a pixel from
                their curves.
        """
        if not self._glyphs.n_points[glyph]:
            return ()
        if glyph not in self._sag:
            self._sag[glyph] = self._measure_sag(glyph)
        n_chords = ceil(sqrt(self._sag[glyph] * size_px / _SAG_PX))
        key = glyph, min(max(n_chords, 1), _MOST_CHORDS)
        if key not in self._found:
            self._found[key] = self._make(*key)
        return self._found[key]

    def _cut(self, glyph: int) -> tuple[Floats, NDArray[np.uint8], NDArray[np.int64]]:
        """Return points (n, 2), tags and the last point of each contour."""
        glyphs = self._glyphs
        first, n = int(glyphs.point_start[glyph]), int(glyphs.n_points[glyph])
        contour, n_contours = int(glyphs.contour_start[glyph]), int(glyphs.n_contours[glyph])
        span = slice(first, first + n)
        points = np.stack([glyphs.x[span], glyphs.y[span]], axis=1).astype(np.float64)
        ends = glyphs.contour_end[contour : contour + n_contours].astype(np.int64)
        return points, glyphs.tag[span], ends

    def _measure_sag(self, glyph: int) -> float:
        """Return how far a curve runs from the straight line between its ends, in em, at most."""
        edges, _, _ = list_edges(*self._cut(glyph), n_chords=4)
        curves = edges[
            (edges[:, 1] != edges[:, 2]).any(axis=1)
        ]  # of a line all but one are its end
        t = np.linspace(0.0, 1.0, 5)[None, :, None]
        apart = curves - (curves[:, :1] * (1 - t) + curves[:, -1:] * t)
        return float(np.sqrt((apart**2).sum(axis=2)).max(initial=0.0))

    def _make(self, glyph: int, n_chords: int) -> tuple[Floats, ...]:
        points, tags, ends = self._cut(glyph)
        edges, owner, at = list_edges(points, tags, ends, n_chords=n_chords)
        order = np.argsort(at, kind="stable")
        edges, owner = edges[order], owner[order]
        return _unite([edges[owner == k, :-1].reshape(-1, 2) for k in range(len(ends))])


def _import_clipper() -> Any:
    try:
        import pyclipper
    except ImportError:
        raise MachineError(
            "polygons: the library pyclipper is not installed (pip install 'glyphgen[polygons]')"
        ) from None
    return pyclipper


def _unite(contours: list[Floats]) -> tuple[Floats, ...]:
    """Return polygons that cover what contours wind about, as fonts fill them."""
    pyclipper = _import_clipper()
    clipper = pyclipper.Pyclipper()
    paths = [np.rint(contour * _STEPS).astype(np.int64).tolist() for contour in contours]
    try:
        clipper.AddPaths(paths, pyclipper.PT_SUBJECT, True)  # closed
    except pyclipper.ClipperException:  # none of them has an inside
        return ()
    filled = pyclipper.PFT_NONZERO
    waiting = [clipper.Execute2(pyclipper.CT_UNION, filled, filled)]
    found = []
    while waiting:
        for outer in waiting.pop().Childs:
            holes = [np.array(hole.Contour) for hole in outer.Childs]
            found.append(_cut_to_holes(np.array(outer.Contour), holes) / _STEPS)
            waiting += outer.Childs
    return tuple(found)


def _cut_to_holes(outer: Ints, holes: list[Ints]) -> Ints:
    """Return one polygon that runs around, and through cuts of no width around each of its holes."""
    for hole in holes:
        apart = ((outer[:, None] - hole[None]) ** 2).sum(axis=2)
        k, j = np.unravel_index(int(apart.argmin()), apart.shape)
        around = np.roll(hole, -int(j), axis=0)
        outer = np.concatenate([outer[: k + 1], around, around[:1], outer[k:]])
    return outer
