"""How samples are drawn, as numbers: from random words to the map from em to pixels."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from glyphgen.geometry import make_linear_map
from glyphgen.layout.framing import Framing
from glyphgen.recipe import Recipe

__all__ = ["SAMPLE_DTYPE", "Placements", "place"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE_DTYPE = np.dtype(
    [
        ("class_index", "<u4"),
        ("sample", "<u4"),
        ("face", "<u2"),
        ("form", "<u4"),
        ("source_row", "<i8"),
        ("size_px", "<f4"),
        ("shift_x_px", "<f4"),
        ("shift_y_px", "<f4"),
        ("rotation_deg", "<f4"),
        ("shear_deg", "<f4"),
        ("stretch", "<f4"),
        ("weight_em", "<f4"),
        ("wobble_em", "<f4"),
    ]
)
"""What is known of each row: little-endian, packed, the same in every format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placements:
    """How n samples are drawn.

    Attributes:
        cell: int64 (n,), ``face * n_forms + form``.
        samples: (n,) of ``SAMPLE_DTYPE``, what the dataset keeps.
        matrix: float64 (n, 2, 3), from em (x right, y up, from the pen's origin on the baseline) to
            pixels (x right, y down, from the top left corner of the frame).
        wobble: float32 (n, K, 2), whole numbers from -4096 to 4095: where each of K nodes goes, in
            4096ths of ``wobble_em``, x right, y up; K = 0 where nothing bends.
        scatter: uint64 (n, P), a word for each piece of ink, and of 64 for more; (n, 0) where no piece
            moves.
        strokes: uint64 (n, P), the words by which a hand writes; (n, 0) where none does.
    """

    cell: Ints
    samples: NDArray[Any]
    matrix: Floats
    wobble: NDArray[np.float32]
    scatter: NDArray[np.uint64]
    strokes: NDArray[np.uint64]

    @classmethod
    def of_matrices(cls, cell: Ints, matrix: Floats) -> Self:
        """Return placements of cells that nothing but their matrices move."""
        n = len(cell)
        return cls(
            cell=cell,
            samples=np.zeros(n, dtype=SAMPLE_DTYPE),
            matrix=matrix,
            wobble=np.zeros((n, 0, 2), dtype=np.float32),
            scatter=np.zeros((n, 0), dtype=np.uint64),
            strokes=np.zeros((n, 0), dtype=np.uint64),
        )

    def __len__(self) -> int:
        return len(self.cell)

    def take(self, rows: Ints) -> "Placements":
        """Return the placements of some rows, in that order."""
        # ndarray.take is several times as fast as indexing by an array.
        return Placements(
            cell=self.cell.take(rows),
            samples=self.samples.take(rows),
            matrix=self.matrix.take(rows, axis=0),
            wobble=self.wobble.take(rows, axis=0),
            scatter=self.scatter.take(rows, axis=0),
            strokes=self.strokes.take(rows, axis=0),
        )


def place(
    recipe: Recipe, framing: Framing, cell: Ints, values: dict[str, Floats], samples: NDArray[Any]
) -> Floats:
    """Fill the placement fields of samples, and return their matrices.

    Args:
        recipe: What the values mean.
        framing: Of all cells.
        cell: (n,).
        values: The recipe's units: ``size``, ``shift_x``, ``shift_y``, ``rotation``, ``shear``,
            ``stretch``, ``weight`` and ``wobble``, each (n,).
        samples: (n,) of ``SAMPLE_DTYPE``; all fields from ``size_px`` on are set.

    Returns:
        float64 (n, 2, 3), made of the rounded fields alone: equal samples are drawn alike.
    """
    samples["rotation_deg"] = values["rotation"]
    samples["shear_deg"] = values["shear"]
    samples["stretch"] = values["stretch"]
    samples["weight_em"] = np.maximum(values["weight"], -framing.thinning[cell])
    samples["wobble_em"] = values["wobble"]
    linear = make_linear_map(samples["rotation_deg"], samples["shear_deg"], samples["stretch"])
    size_px = values["size"] * framing.unit_px[cell]
    shift_px = _shift(recipe, framing, cell, size_px, values)
    if recipe.gate.on_cut_off == "shrink":
        reach = framing.reach(cell, linear, values["weight"], values["wobble"])
        size_px, shift_px = _keep_inside(framing, reach, size_px, shift_px)
    samples["size_px"] = size_px
    samples["shift_x_px"], samples["shift_y_px"] = shift_px.T
    return _make_matrix(framing, cell, linear, samples)


def _shift(
    recipe: Recipe, framing: Framing, cell: Ints, size_px: Floats, values: dict[str, Floats]
) -> Floats:
    """Return shifts in pixels, x right, y down: (n, 2)."""
    shift = np.stack([values["shift_x"], values["shift_y"]], axis=1)
    margin = framing.margin_px(cell, size_px, values["stretch"])
    shift = np.where(margin >= recipe.render.min_blank * framing.height, shift, 0.0)
    return shift * (margin if recipe.render.shift_of == "blank" else framing.height)


def _keep_inside(
    framing: Framing, reach: Floats, size_px: Floats, shift_px: Floats
) -> tuple[Floats, Floats]:
    """Make samples smaller until their ink fits the frame, and move them back into it."""
    frame = np.array([framing.width, framing.height], dtype=np.float64)
    extent = reach[:, 2:] - reach[:, :2]
    fits = np.divide(frame, extent, out=np.full_like(extent, np.inf), where=extent > 0).min(axis=1)
    size_px = np.minimum(size_px, fits)
    # Ink reaches up where pixels count down: what is above the anchor limits the shift upwards.
    before = np.stack([-reach[:, 0], reach[:, 3]], axis=1) * size_px[:, None]
    after = np.stack([reach[:, 2], -reach[:, 1]], axis=1) * size_px[:, None]
    highest = frame / 2 - after
    return size_px, np.maximum(np.minimum(shift_px, highest), before - frame / 2)


def _make_matrix(framing: Framing, cell: Ints, linear: Floats, samples: NDArray[Any]) -> Floats:
    anchor = framing.anchor[cell]
    matrix = np.empty((len(cell), 2, 3))
    size_px = samples["size_px"].astype(np.float64)
    matrix[:, 0, :2] = linear[:, 0] * size_px[:, None]
    matrix[:, 1, :2] = linear[:, 1] * -size_px[:, None]
    moved_x = matrix[:, 0, 0] * anchor[:, 0] + matrix[:, 0, 1] * anchor[:, 1]
    moved_y = matrix[:, 1, 0] * anchor[:, 0] + matrix[:, 1, 1] * anchor[:, 1]
    matrix[:, 0, 2] = framing.width / 2 + samples["shift_x_px"] - moved_x
    matrix[:, 1, 2] = framing.height / 2 + samples["shift_y_px"] - moved_y
    return matrix
