"""What stands on every image of a style: characters by lot, in columns from right to left."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.classes import ClassTable
from glyphgen.errors import RecipeError
from glyphgen.fonts import Face
from glyphgen.layout.page_lines import Atoms, turn
from glyphgen.outlines import RunStore
from glyphgen.plan.chance import Chance
from glyphgen.plan.endless import number_on
from glyphgen.plan.page_plan import PageScene
from glyphgen.plan.page_writer import thicken
from glyphgen.plan.placements import SAMPLE_DTYPE
from glyphgen.plan.splits import find_intervals, share_samples, split_faces
from glyphgen.recipe import Recipe
from glyphgen.streams import Stage, Stream, order_by_words
from glyphgen.text import show_count

__all__ = ["StylePlan", "make_style_plan"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORDS = 4  # of 64 bits for each sample; more are mixed of the first
_PITCH_EM = 1.15  # from character to character in a column
_COLUMN_EM = 1.3  # from column to column
_JITTER_EM = 0.05  # by which a character stands beside its place
_LINE_EM, _SEAL_EM = 0.02, 0.6
_SEAL_STROKES = 4


@dataclass(frozen=True, kw_only=True)
class StylePlan:
    """The images of a dataset of styles.

    Attributes:
        recipe: What is planned.
        table: Its styles.
        usable: For each split and style, the cells that may be drawn.
        counts: For each split, the samples of each style: (C,).
        first_sample: For each split, the number of the first of them: (C,).
        n_forms: Forms of each face.
    """

    recipe: Recipe
    table: ClassTable
    usable: dict[str, tuple[Ints, ...]]
    counts: dict[str, Ints]
    first_sample: dict[str, Ints]
    n_forms: int

    @property
    def n_rows(self) -> int:
        """Images of all splits."""
        return sum(int(counts.sum()) for counts in self.counts.values())

    @cached_property
    def splits(self) -> dict[str, tuple[int, int]]:
        """First row and row after the last of each split that has rows."""
        return find_intervals(int(self.counts[name].sum()) for name in SPLITS)

    def count_rows(self) -> dict[str, Ints]:
        """Return how many rows each style has in each split that has rows: (C,)."""
        return {name: self.counts[name] for name in self.splits}

    def describe(self, n_classes: int, n_faces: int) -> str:
        """Return the plan in one line."""
        (few, narrow), (many, wide) = self.recipe.render.characters
        size = (
            f"{few} x {narrow}"
            if (few, narrow) == (many, wide)
            else f"{few} x {narrow} to {many} x {wide}"
        )
        return (
            f"{show_count(n_classes, 'style')}: {show_count(self.n_rows, 'image')} of {size} characters,"
            f" {show_count(n_faces, 'face')}"
        )

    def make_page(self, row: int, store: RunStore) -> PageScene:
        """Return what stands on an image.

        Args:
            row: Of the dataset.
            store: The runs of all cells.
        """
        return self.make_sheet(*self._find_sample(row), store)

    def make_sheet(self, split: str, style: int, nth: int, store: RunStore) -> PageScene:
        """Return what stands on an image: the nth of a style in a split, whether a row holds it or not.

        Args:
            split: A key of ``SPLITS``.
            style, nth: 0 or more.
            store: The runs of all cells.
        """
        own = slice(style, style + 1)
        n_all = sum((counts[own] for counts in self.counts.values()), np.zeros(1, dtype=np.int64))
        first, n_own = self.first_sample[split][own], self.counts[split][own]
        sample_number = int(number_on(split, np.array([nth]), first, n_own, n_all)[0])
        word = Stream(self.recipe.seed, Stage.SHEET, _WORDS).words(style, sample_number, 1)[:, 0]
        chance = Chance(word, 0)
        render, image = self.recipe.render, self.recipe.image
        (few, narrow), (many, wide) = render.characters
        n_rows = few + chance.choose(many - few + 1)
        n_columns = narrow + chance.choose(wide - narrow + 1)
        size, turned, shift_x, shift_y = (
            low + (high - low) * chance.draw()
            for low, high in (render.size, render.rotation, render.shift_x, render.shift_y)
        )
        extent = np.array([_extend(n_columns, _COLUMN_EM), _extend(n_rows, _PITCH_EM)])
        em = size * float((np.array([image.width, image.height]) / extent).min())
        margin = np.maximum((np.array([image.width, image.height]) - extent * em) / 2, 0.0)
        middle = np.array([image.width, image.height]) / 2 + margin * (shift_x, shift_y)
        cells = self._choose_cells(split, style, n_rows * n_columns, chance)
        across, down = np.divmod(np.arange(len(cells)), n_rows)
        jitter = np.array([chance.draw() for _ in range(2 * len(cells))]).reshape(2, -1) * 2 - 1
        x = middle[0] + em * (_COLUMN_EM * ((n_columns - 1) / 2 - across) + _JITTER_EM * jitter[0])
        y = middle[1] + em * (_PITCH_EM * (down - (n_rows - 1) / 2) + _JITTER_EM * jitter[1])
        center = store.center[cells].astype(np.float64)
        sample = np.zeros((), dtype=SAMPLE_DTYPE)
        sample["class_index"], sample["sample"] = style, sample_number
        sample["face"], sample["form"] = divmod(int(cells[0]), self.n_forms)
        sample["source_row"], sample["stretch"] = -1, 1.0
        sample["size_px"], sample["rotation_deg"] = em, turned
        sample["shift_x_px"], sample["shift_y_px"] = middle - (image.width / 2, image.height / 2)
        n = len(cells)
        places = np.arange(n)
        rules = []
        if chance.draw() < render.lines:
            rules += _draw_lines(middle, em, n_rows, n_columns)
        if chance.draw() < render.seal:
            foot = min(y[-1] + em * 0.9, image.height - em * 0.4)
            rules += _draw_seal(x[-1], foot, em, chance)
        frame = image.height, image.width
        return PageScene(
            atoms=Atoms(
                cell=cells,
                x=x - em * center[:, 0],
                y=y + em * center[:, 1],
                size=np.full(n, em),
                word=places,
                line_of_word=across,
                block_of_line=np.zeros(n_columns, dtype=np.int64),
                class_of_block=np.array([style]),
            ),
            rules=turn(np.array(rules).reshape(-1, 4, 2), float(sample["rotation_deg"]), frame),
            sample=sample,
        )

    def _find_sample(self, row: int) -> tuple[str, int, int]:
        """Return the split, the style and the number in it of a row: rows run through the styles."""
        for name, (first, last) in self.splits.items():
            if first <= row < last:
                there = np.flatnonzero(self.counts[name])
                nth, k = divmod(row - first, len(there))
                return name, int(there[k]), nth
        raise IndexError(row)

    def _choose_cells(self, split: str, style: int, n: int, chance: Chance) -> Ints:
        """Return so many cells of one face of a style, no character twice while there are others."""
        cells = self.usable[split][style]
        faces = np.unique(cells // self.n_forms)
        face = int(faces[chance.choose(len(faces))])
        own = cells[cells // self.n_forms == face]
        n_rounds = -(-n // len(own))
        order = [own[chance.order(len(own))] for _ in range(n_rounds)]
        return np.concatenate(order)[:n]


def _extend(n: int, pitch: float) -> float:
    """Return how far n characters reach, in em."""
    return 1.0 + (n - 1) * pitch


def _draw_lines(middle: Floats, em: float, n_rows: int, n_columns: int) -> list[Floats]:
    half_width, half_height = (
        n_columns * _COLUMN_EM * em / 2,
        _extend(n_rows, _PITCH_EM) * em * 0.54,
    )
    lines = [
        thicken(
            np.array([[x, middle[1] - half_height], [x, middle[1] + half_height]]), _LINE_EM * em
        )
        for x in middle[0] + np.linspace(-half_width, half_width, n_columns + 1)
    ]
    for y in (middle[1] - half_height, middle[1] + half_height):
        ends = np.array([[middle[0] - half_width, y], [middle[0] + half_width, y]])
        lines.append(thicken(ends, _LINE_EM * em))
    return lines


def _draw_seal(x: float, y: float, em: float, chance: Chance) -> list[Floats]:
    """Return the strokes of a seal: a frame, and what looks like carved letters in it."""
    half = _SEAL_EM * em / 2
    corners = np.array(
        [[x - half, y - half], [x + half, y - half], [x + half, y + half], [x - half, y + half]]
    )
    strokes = [thicken(np.array([corners[k], corners[(k + 1) % 4]]), 0.08 * em) for k in range(4)]
    for _ in range(_SEAL_STROKES):
        place, length = chance.draw() * 1.6 - 0.8, 0.3 + 0.5 * chance.draw()
        ends = np.array([[-length, place], [length, place]]) * half
        if chance.choose(2):
            ends = ends[:, ::-1]
        strokes.append(thicken(ends + np.array([x, y]), 0.06 * em))
    return strokes


def make_style_plan(
    recipe: Recipe,
    table: ClassTable,
    faces: Sequence[Face],
    admitted: NDArray[np.bool_],
    typefaces: Ints,
) -> StylePlan:
    """Divide characters, faces and samples among the splits.

    Args:
        recipe: What is planned.
        table: Its styles.
        faces: F faces, each of a style.
        admitted: bool (F, forms).
        typefaces: (F,), equal numbers for faces of one typeface.

    Raises:
        RecipeError: A style is left without a character to train on, or a split without any.
    """
    n_forms = admitted.shape[1]
    style_of = np.array([table.labels.index(face.hand) for face in faces])
    faces_of = split_faces(recipe, faces, typefaces)
    forms_of = _split_forms(recipe, n_forms)
    usable: dict[str, tuple[Ints, ...]] = {}
    for name in SPLITS:
        own = np.zeros_like(admitted)
        own[np.ix_(faces_of[name], forms_of[name])] = True
        cells = np.argwhere(own & admitted)
        numbers = cells[:, 0] * n_forms + cells[:, 1]
        of_style = style_of[cells[:, 0]]
        usable[name] = tuple(numbers[of_style == k] for k in range(len(table)))
    lost = [
        label for label, cells in zip(table.labels, usable["train"], strict=True) if not len(cells)
    ]
    if lost:
        raise RecipeError(
            f"{recipe.place('fonts.style')}: no character of {', '.join(lost)} is left for train"
            " (add fonts or characters, or hold out fewer)"
        )
    n = np.full(len(table), recipe.render.per_class or 0)
    n_faces = {name: len(of_split) for name, of_split in faces_of.items()}
    shares = share_samples(recipe, n, n_faces)
    counts = {
        name: np.where([len(cells) > 0 for cells in usable[name]], shares[name], 0)
        for name in SPLITS
    }
    ends = np.cumsum([counts[name] for name in SPLITS], axis=0)
    return StylePlan(
        recipe=recipe,
        table=table,
        usable=usable,
        counts=counts,
        first_sample={name: ends[k] - counts[name] for k, name in enumerate(SPLITS)},
        n_forms=n_forms,
    )


def _split_forms(recipe: Recipe, n_forms: int) -> dict[str, Ints]:
    """Return the forms of each split: all in each, unless the split is by form."""
    every = np.arange(n_forms)
    if recipe.split.by != "form":
        return dict.fromkeys(SPLITS, every)
    order = order_by_words(recipe.seed, Stage.SPLIT, n_forms, class_index=1)
    n_test = max(1, round(n_forms * recipe.split.test)) if recipe.split.test else 0
    n_val = max(1, round(n_forms * recipe.split.val)) if recipe.split.val else 0
    cuts = np.split(order, [n_test, n_test + n_val])
    test, val, train = (np.sort(part) for part in cuts)
    return {"train": train, "val": val, "test": test}
