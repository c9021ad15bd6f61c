"""What every row is, as numbers, lazily: any interval alone, in any order.

Never a list of all samples: a plan knows how many rows there are and computes any interval of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.classes import ClassTable
from glyphgen.errors import RecipeError
from glyphgen.fonts import Face
from glyphgen.layout.framing import Framing
from glyphgen.outlines import Outlines
from glyphgen.outlines.typefaces import find_typefaces
from glyphgen.plan.endless import number_on
from glyphgen.plan.placements import SAMPLE_DTYPE, Placements, place
from glyphgen.plan.ranges import VALUES, draw_in, draw_in_scatter, list_ranges
from glyphgen.plan.splits import find_intervals, share_samples, split_faces
from glyphgen.plan.turns import Turns, list_turns, make_turns
from glyphgen.recipe import Recipe, Render
from glyphgen.streams import Stage, Stream, order_by_words, split_words
from glyphgen.strokes import N_STROKE_WORDS, StrokeStore, count_stroke_words
from glyphgen.text import show_count, show_some, show_text

__all__ = [
    "SAMPLE_DTYPE",
    "Placements",
    "Plan",
    "describe_undrawn",
    "make_plan",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_SCATTERED = 64
_N_WORDS = {  # of 64 bits, that each sample owns
    Stage.PLACEMENT: 8,  # two values each, and room for more
    Stage.WOBBLE: 20,  # two 16-bit numbers for each of up to 36 nodes
    Stage.SCATTER: _MOST_SCATTERED,  # one for each piece of ink; a 65th moves as the first does
    Stage.STROKES: N_STROKE_WORDS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The rows of a dataset.

    Attributes:
        recipe: What is planned.
        framing: Where each cell stands.
        n_forms: Forms of each face.
        turns: The rows of each split, in the order of ``SPLITS``.
        grid: (G, 8) in grid mode, every combination of values in the order it is used; (0, 8) in
            random mode.
        share: float64 (cells,), of the ranges of shape that each cell is drawn in; see ``gate.changing``.
        n_scattered: The most pieces of a cell, up to 64: so many move each on its own.
        n_stroke_words: How many words a row has to be written by; 0 where no hand writes.
    """

    recipe: Recipe
    framing: Framing
    n_forms: int
    turns: tuple[Turns, ...]
    grid: Floats
    share: Floats
    n_scattered: int
    n_stroke_words: int

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return sum(turns.n_rows for turns in self.turns)

    @property
    def splits(self) -> dict[str, tuple[int, int]]:
        """First row and row after the last of each split that has rows."""
        return find_intervals(turns.n_rows for turns in self.turns)

    def describe(self, n_classes: int, n_faces: int) -> str:
        """Return the plan in one line: ``169 classes x 5,295 = 894,855 images: 3 faces x ...``."""
        render = self.recipe.render
        per_class = self.n_rows / n_classes
        exact = f"{per_class:,.0f}" if per_class.is_integer() else f"{per_class:,.1f} on average"
        classes = show_count(n_classes, "class", "classes")
        images, faces = show_count(self.n_rows, "image"), show_count(n_faces, "face")
        text = f"{classes} x {exact} = {images}: {faces}"
        if render.mode == "random":
            return f"{text} in equal turns"
        factors = {
            "positions": len(_list_positions(self.recipe)),
            "rotations": len(render.rotation),
            "shears": len(render.shear),
            "stretches": len(render.stretch),
            "weights": len(render.weight),
        }
        shown = [
            show_count(n, name.removesuffix("s"), name)
            for name, n in factors.items()
            if n > 1 or name == "positions"
        ]
        return " x ".join([text, *shown])

    def count_rows(self) -> dict[str, Ints]:
        """Return how many rows each class has in each split that has rows: (C,)."""
        return {name: self.turns[SPLITS.index(name)].n_samples for name in self.splits}

    def rows(self, first: int, last: int) -> Placements:
        """Return how the rows ``first`` to ``last`` are drawn."""
        parts = []
        start = 0
        for turns in self.turns:
            low, high = max(first - start, 0), min(last - start, turns.n_rows)
            if low < high:
                parts.append(turns.rows(low, high))
            start += turns.n_rows
        columns = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return self._place(*columns)

    def draw_more(self, class_index: Ints, nth: Ints) -> Placements:
        """Return how samples are drawn that no row holds: of each class the nth beyond all rows.

        They are drawn as rows of the first split are, by its faces, and share no random number with
        any row of any split.

        Args:
            class_index, nth: (n,); ``nth`` is 0 or more.
        """
        return self.draw_endless("train", class_index, self.turns[0].n_samples[class_index] + nth)

    def draw_endless(self, split: str, class_index: Ints, nth: Ints) -> Placements:
        """Return how samples of a split are drawn: of each class the nth, whether a row holds it or not.

        Args:
            split: A key of ``SPLITS``.
            class_index, nth: (n,); ``nth`` is 0 or more.
        """
        turns = self.turns[SPLITS.index(split)]
        first, n_samples = turns.first_sample[class_index], turns.n_samples[class_index]
        n_all = np.sum([each.n_samples[class_index] for each in self.turns], axis=0)
        number = number_on(split, nth, first, n_samples, n_all)
        sample, cell, turn_round = turns.take_turns(class_index, number - first)
        return self._place(class_index, sample, cell, turn_round)

    def _place(self, class_index: Ints, sample: Ints, cell: Ints, turn_round: Ints) -> Placements:
        render = self.recipe.render
        if render.mode == "grid":
            # Without the class in the sum, a whole run through the classes would be placed alike.
            table = self.grid[(turn_round + class_index) % len(self.grid)]
        else:
            table = _draw_values(render, self._draw(Stage.PLACEMENT, class_index, sample))
        scatter = self._scatter(class_index, sample)
        strokes = self._draw(Stage.STROKES, class_index, sample, self.n_stroke_words)
        share = self.share[cell]
        narrowed = np.flatnonzero(share < 1.0)
        if len(narrowed):
            table[narrowed] = draw_in(render, table[narrowed], share[narrowed])
            if scatter.shape[1]:
                scatter[narrowed] = draw_in_scatter(scatter[narrowed], share[narrowed])
            if strokes.shape[1]:
                strokes[narrowed] = draw_in_scatter(strokes[narrowed], share[narrowed])
        samples = np.zeros(len(cell), dtype=SAMPLE_DTYPE)
        samples["class_index"], samples["sample"] = class_index, sample
        samples["face"], samples["form"] = np.divmod(cell, self.n_forms)
        samples["source_row"] = -1
        values = dict(zip(VALUES, table.T, strict=True))
        matrix = place(self.recipe, self.framing, cell, values, samples)
        return Placements(
            cell=cell,
            samples=samples,
            matrix=matrix,
            wobble=self._wobble(class_index, sample),
            scatter=scatter,
            strokes=strokes,
        )

    def _wobble(self, class_index: Ints, sample: Ints) -> NDArray[np.float32]:
        wobble = self.recipe.render.wobble
        n_nodes = 0 if wobble.is_neutral else wobble.grid**2
        if not n_nodes:
            return np.zeros((len(sample), 0, 2), dtype=np.float32)
        words = self._draw(Stage.WOBBLE, class_index, sample, -(-n_nodes // 2))
        numbers = split_words(words, bits=16)[:, : 2 * n_nodes]
        # 13 bits: sums of products with the nodes' shares are exact in single precision.
        nodes = (numbers >> 3).astype(np.float32) - np.float32(4096)
        return nodes.reshape(-1, n_nodes, 2)

    def _scatter(self, class_index: Ints, sample: Ints) -> NDArray[np.uint64]:
        if self.recipe.render.scatter.is_neutral:
            return np.zeros((len(sample), 0), dtype=np.uint64)
        return self._draw(Stage.SCATTER, class_index, sample, self.n_scattered)

    def _draw(
        self, stage: Stage, class_index: Ints, sample: Ints, n_words: int | None = None
    ) -> NDArray[np.uint64]:
        stream = Stream(self.recipe.seed, stage, _N_WORDS[stage])
        return stream.draw(class_index, sample, n_words)


def _draw_values(render: Render, words: NDArray[np.uint64]) -> Floats:
    low, high = list_ranges(render)
    share = split_words(words, bits=32)[:, : len(VALUES)].astype(np.float64) / 2**32
    values: Floats = low + (high - low) * share
    return values


def make_plan(
    recipe: Recipe,
    table: ClassTable,
    faces: Sequence[Face],
    store: Outlines,
    framing: Framing,
    admitted: NDArray[np.bool_],
    share: NDArray[np.float32],
) -> Plan:
    """Divide the admitted cells (faces, forms) and the samples among the splits.

    Args:
        recipe: What is planned.
        table: Its classes.
        faces: F faces.
        store: The outlines of F * C cells.
        framing: Where they stand.
        admitted: bool (F, C).
        share: (F, C), of the ranges of shape that each cell is drawn in.

    Raises:
        RecipeError: The split cannot be made, or leaves a class without a face in train.
    """
    by_face = recipe.split.by == "face"
    is_hand = np.array([face.is_written for face in faces], dtype=np.bool_)
    typefaces = np.arange(len(faces))
    if by_face:  # each hand by itself, though they follow the same lines
        typefaces = np.where(is_hand, typefaces, find_typefaces(faces, store))
    faces_of = split_faces(recipe, faces, typefaces)
    face_weights = np.array([face.weight for face in faces])
    form_weights = np.array(table.form_weights)
    cells_of = {
        name: list_turns(
            table.form_class, len(table), admitted, of_split, face_weights, form_weights, is_hand
        )
        for name, of_split in faces_of.items()
    }
    n_cells = {name: counts for name, (_, counts, _) in cells_of.items()}
    _check_train(recipe, table, n_cells["train"])
    grid = _list_grid(recipe)
    counts = _count_samples(recipe, n_cells, faces_of, len(grid))
    first = np.zeros(len(table), dtype=np.int64)
    turns = []
    for name in SPLITS:
        first_turn = first if recipe.split.by == "sample" else np.zeros_like(first)
        cells, n, n_written = cells_of[name]
        turns.append(
            make_turns(
                *(cells, n, counts[name], first, first_turn),
                n_written=n_written,
                share_written=recipe.strokes.share if recipe.strokes else 0.0,
            )
        )
        first = first + counts[name]
    return Plan(
        recipe=recipe,
        framing=framing,
        n_forms=store.n_forms,
        turns=tuple(turns),
        grid=grid,
        share=share.ravel().astype(np.float64),
        n_scattered=min(int(store.n_pieces[admitted.ravel()].max(initial=1)), _MOST_SCATTERED),
        n_stroke_words=count_stroke_words(store) if isinstance(store, StrokeStore) else 0,
    )


def _check_train(recipe: Recipe, table: ClassTable, n_cells: Ints) -> None:
    lost = [show_text(table.labels[k]) for k in np.flatnonzero(n_cells == 0)]
    if lost:
        raise RecipeError(
            f"{recipe.place('split')}: no face that is left for train draws {show_some(lost)}"
            f" of {len(table)} classes (hold out other faces, or exclude the classes)"
        )


def _count_samples(
    recipe: Recipe, n_cells: dict[str, Ints], faces_of: dict[str, Ints], n_grid: int
) -> dict[str, Ints]:
    """Return for each split the samples of each class: (C,), none where the split has no cell of it."""
    n_faces = {name: len(faces) for name, faces in faces_of.items()}
    if recipe.render.per_class is not None:
        of_class = np.full_like(n_cells["train"], recipe.render.per_class)
        shares = share_samples(recipe, of_class, n_faces)
    elif recipe.split.by == "face":
        shares = {name: n * n_grid for name, n in n_cells.items()}
    else:
        shares = share_samples(recipe, n_cells["train"] * n_grid, n_faces)
    return {name: np.where(n_cells[name] > 0, shares[name], 0) for name in SPLITS}


def _list_grid(recipe: Recipe) -> Floats:
    """Return every combination of a grid's values, in an order drawn from the seed."""
    if recipe.render.mode != "grid":
        return np.zeros((0, len(VALUES)))
    render = recipe.render
    others = product(render.rotation, render.shear, render.stretch, render.weight)
    wobble = max(render.wobble.amplitude)
    rows = [(*position, *other, wobble) for other in others for position in _list_positions(recipe)]
    return np.array(rows)[order_by_words(recipe.seed, Stage.GRID_ORDER, len(rows))]


def _list_positions(recipe: Recipe) -> list[tuple[float, float, float]]:
    """Return size and shifts of every position; where the margin is too small, no shift."""
    render, image = recipe.render, recipe.image
    positions = []
    for size in render.size:
        blank_x = (image.width / image.height - size) / 2
        blank_y = (1 - size) / 2
        shifts_x = render.shift_x if blank_x >= render.min_blank else (0.0,)
        shifts_y = render.shift_y if blank_y >= render.min_blank else (0.0,)
        positions += [(size, x, y) for x in shifts_x for y in shifts_y]
    return positions


def describe_undrawn(plan: Plan, table: ClassTable) -> str:
    """Return in a line which forms no row shows, for their class has fewer rows; empty where none."""
    turns = plan.turns[0]
    undrawn = []
    for k, forms in enumerate(table.forms):
        n_rows = int(turns.n_samples[k])
        if len(forms) > 1 and 0 < n_rows < len(forms):
            undrawn.append(f"{show_text(table.labels[k])} has {len(forms)} forms and {n_rows} rows")
    if not undrawn:
        return ""
    return f"some forms are never drawn: {show_some(undrawn)} (raise render.per_class)"
