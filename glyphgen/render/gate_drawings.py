"""Draws cells for the gate with the engine of a recipe, which may draw what no outline shows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import Engine, EngineInputs, make_engine
from glyphgen.errors import EngineError
from glyphgen.fonts import Face
from glyphgen.gate.thumbnails import fit_ink
from glyphgen.outlines import OutlineStore
from glyphgen.plan import SAMPLE_DTYPE, Placements
from glyphgen.progress import Reporter, track
from glyphgen.recipe import Recipe

__all__ = ["EngineDrawings"]

Ints = NDArray[np.int64]

_AT_ONCE = 64


class EngineDrawings:
    """What the recipe's engine makes of cells, upright.

    Args:
        recipe: Whose engine draws.
        store: The outlines of all cells.
        faces, forms: Cell = face * len(forms) + form.
        reporter: Is told how many cells are drawn.
    """

    def __init__(
        self,
        recipe: Recipe,
        store: OutlineStore,
        faces: Sequence[Face],
        forms: Sequence[str],
        reporter: Reporter,
    ) -> None:
        self._name, self._store = recipe.render.engine, store
        self._faces, self._forms, self._reporter = faces, forms, reporter

    def draw(self, cells: Ints, side: int) -> NDArray[np.uint8]:
        """Draw cells as ``gate.thumbnails.draw_cells`` does: uint8 (n, side, side).

        What the engine cannot draw is left all paper.

        Raises:
            EngineError: The engine is not installed, or refuses a font file.
        """
        inputs = EngineInputs(
            store=self._store,
            faces=self._faces,
            forms=self._forms,
            height=side,
            width=side,
            scatter=(0.0, 0.0, 0.0),
        )
        engine = make_engine(self._name, inputs)
        ink = np.zeros((len(cells), side, side), dtype=np.uint8)
        placements = _place_upright(self._store, cells, side)
        parts = [range(first, min(first + _AT_ONCE, len(cells))) for first in
                 range(0, len(cells), _AT_ONCE)]  # fmt: skip
        step = f"look at what {self._name} draws"
        for part in track(parts, step=step, unit="parts", reporter=self._reporter):
            _draw_each(engine, placements, np.arange(part.start, part.stop), ink)
        return ink


def _place_upright(store: OutlineStore, cells: Ints, side: int) -> Placements:
    px_per_em, middle = (values[cells] for values in fit_ink(store, side))
    matrix = np.zeros((len(cells), 2, 3))
    matrix[:, 0, 0], matrix[:, 1, 1] = px_per_em, -px_per_em
    matrix[:, 0, 2] = side / 2 - px_per_em * middle[:, 0]
    matrix[:, 1, 2] = side / 2 + px_per_em * middle[:, 1]
    return Placements(
        cell=cells,
        samples=np.zeros(len(cells), dtype=SAMPLE_DTYPE),
        matrix=matrix,
        wobble=np.zeros((len(cells), 0, 2), dtype=np.float32),
        scatter=np.zeros((len(cells), 0), dtype=np.uint64),
    )


def _draw_each(engine: Engine, placements: Placements, rows: Ints, ink: NDArray[np.uint8]) -> None:
    """Draw some rows of ``ink``; those that the engine cannot draw, one by one, stay paper."""
    drawn = np.zeros((len(rows), *ink.shape[1:]), dtype=np.uint8)
    try:
        engine.draw(placements.take(rows), drawn)
    except EngineError:
        drawn[:] = 0
        if len(rows) > 1:
            for row in rows:
                _draw_each(engine, placements, np.array([row]), ink)
            return
    ink[rows] = drawn
