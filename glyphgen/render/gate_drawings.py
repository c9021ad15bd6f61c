"""Draws cells for the gate: with the engine of a recipe, and at the corners of its ranges."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import Engine, EngineInputs, make_engine
from glyphgen.errors import EngineError
from glyphgen.fonts import Face
from glyphgen.gate.changing import excuse
from glyphgen.gate.thumbnails import find_margin, fit_ink
from glyphgen.geometry import make_linear_map
from glyphgen.layout.framing import Framing
from glyphgen.outlines import OutlineStore
from glyphgen.plan import SAMPLE_DTYPE, Placements
from glyphgen.plan.ranges import VALUES, draw_in, draw_in_scatter, leaves_still, list_ranges
from glyphgen.progress import Reporter, track
from glyphgen.recipe import Recipe
from glyphgen.streams import join_words, mix_words, split_words
from glyphgen.strokes import StrokeStore, count_stroke_words

__all__ = ["CornerDrawings", "EngineDrawings"]

Ints = NDArray[np.int64]

_AT_ONCE = 64
# Each rotation is seen with so many settings of the others; more where weight, wobble or scatter vary,
# whose words are drawn anew at each corner.
_SETTINGS, _BENT_SETTINGS = 2, 4
_ROTATION_STEP = 20.0  # degrees, at most, between two rotations that are looked at
_CORNER_SIDE = 64  # pixels of the frame that a corner is first drawn in
_FAINT = 100  # what is paler in it belongs to an edge


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
    return Placements.of_matrices(cells, matrix)


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


class CornerDrawings:
    """Cells at the corners of what a recipe varies, drawn by the vector engine.

    Args:
        recipe: Whose ranges.
        store: The outlines of all cells.
        framing: Where they stand.
    """

    def __init__(self, recipe: Recipe, store: OutlineStore, framing: Framing) -> None:
        self._render, self._store, self._framing = recipe.render, store, framing
        self._inputs = EngineInputs.of_recipe(recipe, store, faces=(), forms=())
        low, high = list_ranges(recipe.render)
        varies = dict(zip(VALUES, (low != high).tolist(), strict=True))
        varies["wobble"] = recipe.render.wobble.amplitude[-1] > 0  # nodes are drawn by lot
        self._n_stroke_words = count_stroke_words(store) if isinstance(store, StrokeStore) else 0
        bends = varies["weight"] or varies["wobble"] or not recipe.render.scatter.is_neutral
        bends = bends or self._n_stroke_words > 0
        leans = varies["rotation"] or varies["shear"] or varies["stretch"]
        self.varies, self.is_still = bends or leans, leaves_still(recipe.render)
        k = VALUES.index("rotation")
        n_rotations = max(1 + self.varies, 1 + ceil((high[k] - low[k]) / _ROTATION_STEP))
        self._rotations = np.linspace(low[k], high[k], n_rotations)
        n_settings = _BENT_SETTINGS if bends else _SETTINGS if leans else int(not self.is_still)
        self.n_corners = n_rotations * n_settings

    def draw_corner(
        self, cells: Ints, share: float, corner: int, side: int, *, undo: bool
    ) -> NDArray[np.uint8]:
        """Draw cells at a corner; see ``gate.changing.VariedDrawings``."""
        values = self._list_values(corner, share)
        if undo:
            values |= {"rotation": 0.0, "shear": 0.0, "stretch": 1.0}
        scatter, wobble = self._choose_scatter(corner, share), self._choose_wobble(corner)
        strokes = self._choose_strokes(corner, share)
        return self._draw(cells, values, scatter, wobble, strokes, side)

    def find_excuse(self, share: float, corner: int) -> float:
        """Return how much farther a form may be; see ``gate.changing.VariedDrawings``."""
        values = self._list_values(corner, share)
        return excuse(values["rotation"], values["shear"], values["stretch"])

    def _list_values(self, corner: int, share: float) -> dict[str, float]:
        setting, rotation = divmod(corner, len(self._rotations))
        shear = setting & 1
        # A half of all combinations, of which each pair of values sees all four of its own.
        is_high = {
            "shear": shear,
            "stretch": (rotation ^ shear) & 1,
            "weight": setting >> 1,
            "wobble": 1,
        }
        low, high = list_ranges(self._render)
        extreme = np.where([is_high.get(name, 0) for name in VALUES], high, low)
        extreme[VALUES.index("rotation")] = self._rotations[rotation]
        drawn = draw_in(self._render, extreme[None], np.array([share]))[0]
        return dict(zip(VALUES, drawn.tolist(), strict=True))

    def _choose_scatter(self, corner: int, share: float) -> NDArray[np.uint64]:
        """Return the words (1, 64) with which each piece moves as far as it may, to a side by lot."""
        if self._render.scatter.is_neutral:
            return np.zeros((1, 0), dtype=np.uint64)
        chance = mix_words(np.array([corner], dtype=np.uint64), use=0, n=64)
        sides = split_words(chance, bits=16).reshape(1, 64, 4) >> 15
        words = join_words(sides.astype(np.uint64) * np.uint64(0xFFFF), bits=16)
        return draw_in_scatter(words, np.array([share]))

    def _choose_wobble(self, corner: int) -> NDArray[np.float32]:
        """Return nodes (1, K, 2) that all go as far as they may."""
        wobble = self._render.wobble
        n_nodes = 0 if wobble.is_neutral else wobble.grid**2
        chance = mix_words(np.array([corner], dtype=np.uint64), use=1, n=2 * max(n_nodes, 1))
        sides = (chance >> np.uint64(63)).astype(np.float32) * 8191 - 4096
        return sides[:, : 2 * n_nodes].reshape(1, n_nodes, 2)

    def _choose_strokes(self, corner: int, share: float) -> NDArray[np.uint64]:
        """Return words (1, W) by which hands write; all as far as they may would be nobody's hand."""
        chance = mix_words(np.array([corner], dtype=np.uint64), use=2, n=self._n_stroke_words)
        return draw_in_scatter(chance, np.array([share])) if chance.size else chance

    def _draw(
        self,
        cells: Ints,
        values: dict[str, float],
        scatter: NDArray[np.uint64],
        wobble: NDArray[np.float32],
        strokes: NDArray[np.uint64],
        side: int,
    ) -> NDArray[np.uint8]:
        n = len(cells)
        every = {name: np.full(n, value) for name, value in values.items()}
        linear = make_linear_map(every["rotation"], every["shear"], every["stretch"])
        samples = np.zeros(n, dtype=SAMPLE_DTYPE)
        samples["weight_em"] = np.maximum(every["weight"], -self._framing.thinning[cells])
        samples["wobble_em"] = every["wobble"]
        reach = self._framing.reach(cells, linear, every["weight"], every["wobble"])
        matrix = _fit_reach(linear, self._framing.anchor[cells], reach)
        placements = Placements(
            cell=cells,
            samples=samples,
            matrix=matrix,
            wobble=np.repeat(wobble, n, axis=0),
            scatter=np.repeat(scatter, n, axis=0),
            strokes=np.repeat(strokes, n, axis=0),
        )
        # Once to see where the ink is, and once for the picture.
        matrix = _fit_ink(self._draw_frames(placements, _CORNER_SIDE), matrix, side)
        return self._draw_frames(replace(placements, matrix=matrix), side)

    def _draw_frames(self, placements: Placements, side: int) -> NDArray[np.uint8]:
        ink = np.empty((len(placements), side, side), dtype=np.uint8)
        make_engine("vector", replace(self._inputs, height=side, width=side)).draw(placements, ink)
        return ink


def _fit_ink(ink: NDArray[np.uint8], matrix: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the matrices under which ink that was drawn in frames (n, H, W) fills pictures."""
    lines = np.any(ink > _FAINT, axis=1), np.any(ink > _FAINT, axis=2)
    low = np.stack([line.argmax(axis=1) for line in lines], axis=1)
    high = np.stack([line.shape[1] - line[:, ::-1].argmax(axis=1) for line in lines], axis=1)
    growth = (side - 2 * find_margin(side)) / np.maximum((high - low).max(axis=1), 1)
    fitted: NDArray[np.float64] = matrix * growth[:, None, None]
    fitted[:, :, 2] += side / 2 - growth[:, None] * ((low + high) / 2)
    return fitted


def _fit_reach(
    linear: NDArray[np.float64], anchor: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return matrices (n, 2, 3) under which what ink may reach fills the frame of a corner."""
    low, high = reach[:, :2], reach[:, 2:]
    px_per_em = _CORNER_SIDE / np.maximum((high - low).max(axis=1), 1e-3)
    flipped = linear * px_per_em[:, None, None] * np.array([[1.0], [-1.0]])
    middle = (low + high) / 2 * px_per_em[:, None] * np.array([1.0, -1.0])
    moved = np.einsum("nij,nj->ni", flipped, anchor) + middle
    return np.concatenate([flipped, (_CORNER_SIDE / 2 - moved)[:, :, None]], axis=2)
