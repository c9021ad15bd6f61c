"""Whether a proven cell still shows its character at the ends of what a recipe varies.

A cell is drawn at some corners of the recipe's ranges; a fixed value is a range of one. Each drawing is
compared with the exemplars of the recipe's classes twice: as it is, and with its rotation, shear and
stretch undone, for which a reader allows a little. Where another class is nearer than the own one, and
nearer than it is to the upright cell, the ranges are drawn in for this cell: to a half, a quarter, or
nothing of them. Where even nothing of them is no upright cell, it may show another character still: it is
lost.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from math import log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.evidence import Evidence, Reference
from glyphgen.gate.shapes import SHAPE_SIDE, describe_shapes
from glyphgen.gate.shipped import load_shipped
from glyphgen.progress import SILENT, Reporter, track

__all__ = ["Changes", "Judge", "VariedDrawings", "excuse", "find_changes", "no_changes"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_SHARES = (1.0, 0.5, 0.25)  # of the ranges, that are tried one after the other
_ROOM = 0.35  # of a logarithm of distances, by which another class has to be nearer
_MORE = 0.15  # likewise, than it is to the upright cell
# 0.3 at a rotation of 15 degrees, at a shear of 20, and where the width is a third more.
_EXCUSE, _USUAL_ROTATION, _USUAL_SHEAR, _USUAL_STRETCH = 0.3, 15.0, 20.0, 0.3
# At the first corners every cell is looked at, at the others those that came so near to another class.
_FIRST, _NEAR = 2, 0.5
_CELLS = 1024  # that are drawn at once


def excuse(rotation_deg: float, shear_deg: float, stretch: float) -> float:
    """Return how much farther a form may be for what a reader undoes, as a logarithm of distances."""
    rotation, shear = rotation_deg / _USUAL_ROTATION, shear_deg / _USUAL_SHEAR
    return _EXCUSE * (rotation**2 + shear**2 + (log(stretch) / _USUAL_STRETCH) ** 2)


class VariedDrawings(Protocol):
    """Draws cells at the corners of a recipe's ranges.

    Attributes:
        n_corners: How many there are; 0 where the recipe leaves every shape as it is.
        varies: Whether corners differ, and shares.
        is_still: Whether nothing of the ranges leaves every shape as it is.
    """

    n_corners: int
    varies: bool
    is_still: bool

    def draw_corner(
        self, cells: Ints, share: float, corner: int, side: int, *, undo: bool
    ) -> NDArray[np.uint8]:
        """Draw cells, each until its ink fills the picture: uint8 (n, side, side).

        Args:
            cells: (n,).
            share: Of the ranges, 0 to 1.
            corner: 0 to ``n_corners`` - 1.
            side: Of the pictures, in pixels.
            undo: Leave rotation, shear and stretch out.
        """

    def find_excuse(self, share: float, corner: int) -> float:
        """Return how much farther a form may be for what is left out, as a logarithm of distances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What the ranges of a recipe make of F * C cells.

    Attributes:
        share: float32 (F, C), of the ranges that a cell keeps its character in: 1 for most.
        shows: (F, C), the form that it comes nearer to beyond; empty where there is none.
        margin: float32 (F, C), by how much nearer, as a logarithm of distances; 0 where there is none.
        is_lost: bool (F, C), cells that come nearer to it even at nothing of the ranges.
    """

    share: Floats
    shows: NDArray[np.str_]
    margin: Floats
    is_lost: NDArray[np.bool_]

    def keep(self, cells: NDArray[np.bool_]) -> "Changes":
        """Return the changes of some cells (F, C) alone."""
        return Changes(
            share=np.where(cells, self.share, np.float32(1)),
            shows=np.where(cells, self.shows, ""),
            margin=np.where(cells, self.margin, np.float32(0)),
            is_lost=cells & self.is_lost,
        )

    def take_forms(self, forms: Sequence[int]) -> "Changes":
        """Return the changes of the same cells with the forms in another order."""
        return Changes(**{f.name: getattr(self, f.name)[:, forms] for f in fields(self)})


def no_changes(shape: tuple[int, int]) -> Changes:
    """Return what ranges make of cells (F, C) that keep their characters."""
    return Changes(
        share=np.ones(shape, dtype=np.float32),
        shows=np.full(shape, "", dtype=np.dtype("U32")),
        margin=np.zeros(shape, dtype=np.float32),
        is_lost=np.zeros(shape, dtype=np.bool_),
    )


def find_changes(
    evidence: Evidence,
    admitted: NDArray[np.bool_],
    form_class: Ints,
    drawings: VariedDrawings,
    *,
    reporter: Reporter = SILENT,
) -> Changes:
    """Find in how much of the recipe's ranges each cell keeps its character.

    Args:
        evidence: On F * C cells.
        admitted: bool (F, C); others are not asked.
        form_class: (C,), the class of each form: what one class draws is no change.
        drawings: Of the cells.
        reporter: Is told how far the work is.
    """
    changes = no_changes(admitted.shape)
    if drawings.n_corners:
        for reference in evidence.references:
            known = admitted & (reference.position >= 0)
            known &= np.isfinite(reference.vectors[:, :, 0])
            cells = np.flatnonzero(known)
            judge = Judge(reference, form_class)
            batches = [cells[start : start + _CELLS] for start in range(0, len(cells), _CELLS)]
            for batch in track(batches, step="vary cells", unit="batches", reporter=reporter):
                _draw_in(changes, judge, batch, drawings)
    return changes


def _draw_in(changes: Changes, judge: "Judge", cells: Ints, drawings: VariedDrawings) -> None:
    """Find the share of some cells, those that keep their characters at the corners being done."""
    share, shows, margin = changes.share.ravel(), changes.shows.ravel(), changes.margin.ravel()
    is_lost = changes.is_lost.ravel()
    shares = [*(_SHARES if drawings.varies else ()), *(() if drawings.is_still else (0.0,))]
    upright = judge.measure_upright(cells)
    limit = judge.find_limit(cells, upright)
    for tried, following in zip(shares, (*shares[1:], 0.0), strict=True):
        changed = np.zeros(len(cells), dtype=np.bool_)
        nearest = np.full(len(cells), -np.inf, dtype=np.float32)
        for corner in range(drawings.n_corners):
            is_open = ~changed & ((corner < _FIRST) | (nearest > limit - _NEAR))
            rows = np.flatnonzero(is_open)
            if not len(rows):
                break
            by, alternative = _weigh_corner(
                judge, cells[rows], limit[rows], drawings, (tried, corner)
            )
            nearest[rows] = np.maximum(nearest[rows], by)
            found = by > limit[rows]
            rows = rows[found]
            changed[rows] = True
            if tried == shares[0]:
                shows[cells[rows]], margin[cells[rows]] = alternative[found], by[found]
        cells, upright, limit = cells[changed], upright[changed], limit[changed]
        share[cells], is_lost[cells] = following, not tried


def _weigh_corner(
    judge: "Judge", cells: Ints, limit: Floats, drawings: VariedDrawings, at: tuple[float, int]
) -> tuple[Floats, NDArray[np.str_]]:
    """Return by how much another class is nearer at a share and corner, and its form: (n,)."""
    varied = judge.measure(cells, drawings.draw_corner(cells, *at, SHAPE_SIDE, undo=False))
    by, alternative = judge.weigh(cells, varied)
    # Only where it is nearer does it matter what a reader excuses.
    rows = np.flatnonzero(by > limit)
    if len(rows):
        undone = judge.measure(
            cells[rows], drawings.draw_corner(cells[rows], *at, SHAPE_SIDE, undo=True)
        )
        excused = np.minimum(varied[rows], undone + np.float32(drawings.find_excuse(*at)))
        by[rows], alternative[rows] = judge.weigh(cells[rows], excused)
    return by, alternative


class Judge:
    """Compares drawings of cells with the exemplars of a recipe's own forms.

    Args:
        reference: What the cells are compared with.
        form_class: (C,), the class of each form.
    """

    def __init__(self, reference: Reference, form_class: Ints) -> None:
        own = np.flatnonzero(reference.position >= 0)
        positions = np.sort(reference.position[own])
        self.exemplars = reference.exemplars.take_forms(positions)
        self.metric = load_shipped().metric
        self.position = np.full(len(form_class), -1)
        self.position[own] = np.searchsorted(positions, reference.position[own])
        self.classes = np.empty(len(positions), dtype=np.int64)
        self.classes[self.position[own]] = form_class[own]
        self.typefaces, self.places = reference.typefaces, reference.places
        self.vectors = reference.vectors

    def measure_upright(self, cells: Ints) -> Floats:
        """Return the distances (n, N) of cells as they are."""
        face, form = np.divmod(cells, len(self.position))
        return self.exemplars.examples.measure_distances(
            self.vectors[face, form], self.typefaces[face]
        )

    def find_limit(self, cells: Ints, upright: Floats) -> Floats:
        """Return by how much another class may be nearer (n,), for what it is to the upright cells."""
        limit: Floats = np.maximum(_ROOM, self.weigh(cells, upright)[0] + _MORE)
        return limit

    def measure(self, cells: Ints, ink: NDArray[np.uint8]) -> Floats:
        """Return the distances (n, N) of pictures (n, SHAPE_SIDE, SHAPE_SIDE) of cells."""
        face, form = np.divmod(cells, len(self.position))
        vectors = self.metric.measure(describe_shapes(ink), self.places[face, form])
        return self.exemplars.examples.measure_distances(vectors, self.typefaces[face])

    def weigh(self, cells: Ints, distances: Floats) -> tuple[Floats, NDArray[np.str_]]:
        """Return by how much another class is nearer than honest typefaces are, and its form: (n,)."""
        own = self.position[cells % len(self.position)]
        row = np.arange(len(cells))
        base = distances[row, own]
        nearer = np.where(np.isfinite(base), base, -np.inf)[:, None] - distances
        nearer -= self.exemplars.tolerance[own]
        nearer[self.classes[own][:, None] == self.classes] = -np.inf
        best = nearer.argmax(axis=1)
        return nearer[row, best], np.array(self.exemplars.forms, dtype=np.dtype("U32"))[best]
