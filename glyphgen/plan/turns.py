"""Which class, sample and cell a row holds.

Rows of a split are interleaved: they run through the classes again and again, so that any stretch of
rows is class-balanced and any prefix of a split is a smaller balanced dataset. Within a class the
faces take equal turns, and neighboring classes are at different faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Turns", "make_turns"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """The rows of one split, for C classes.

    Attributes:
        n_samples: (C,), how many rows each class has.
        first_sample: (C,), the sample number of each class's first row.
        first_turn: (C,), the turn of each class's first row: which face, which place in a grid.
        cells: The cells of all classes that take turns, class after class.
        cell_start: (C + 1,), where each class begins in ``cells``.
        n_written: (C,), how many cells of each class, the last of them, hands write.
        share_written: Of each class's rows, that hands write, where others draw it, too.
        level_row: (L,), the rows at which a class runs out, and 0: between two of them the rows run
            through the same classes.
        level_sample: (L,), how many rows each class has had before the level.
        level_classes: For each level, the classes that it runs through.
    """

    n_samples: Ints
    first_sample: Ints
    first_turn: Ints
    cells: Ints
    cell_start: Ints
    n_written: Ints
    share_written: float
    level_row: Ints
    level_sample: Ints
    level_classes: tuple[Ints, ...]

    @property
    def n_rows(self) -> int:
        """Rows of the split."""
        return int(self.n_samples.sum())

    def rows(self, first: int, last: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return class, sample number, cell and round of rows ``first`` to ``last`` of the split.

        The round counts how often all faces of the class have had their turn before the row.
        """
        row = np.arange(first, last)
        level = np.searchsorted(self.level_row, row, side="right") - 1
        class_index, nth = np.empty_like(row), np.empty_like(row)
        for k in np.unique(level):
            at = level == k
            classes = self.level_classes[k]
            nth_round, position = np.divmod(row[at] - self.level_row[k], len(classes))
            class_index[at] = classes[position]
            nth[at] = self.level_sample[k] + nth_round
        sample, cell, turn_round = self.take_turns(class_index, nth)
        return class_index, sample, cell, turn_round

    def take_turns(self, class_index: Ints, nth: Ints) -> tuple[Ints, Ints, Ints]:
        """Return sample number, cell and round of samples: of each class the nth of the split.

        Args:
            class_index, nth: (n,). Turns go on for ever: ``nth`` may be beyond the split's rows.
        """
        turn = self.first_turn[class_index] + nth
        start, n_cells = self.cell_start[class_index], np.diff(self.cell_start)[class_index]
        if self.share_written:
            turn, start, n_cells = self._share(class_index, turn, start, n_cells)
        # Without the class in the sum, a whole run through the classes would be of one face.
        cell = self.cells[start + (turn + class_index) % n_cells]
        return self.first_sample[class_index] + nth, cell, turn // n_cells

    def _share(self, class_index: Ints, turn: Ints, start: Ints, n_cells: Ints) -> tuple[Ints, ...]:
        """Return turns among hands or among fonts, where their cells begin, and how many there are."""
        n_written = self.n_written[class_index]
        n_drawn = n_cells - n_written
        is_mixed = (n_written > 0) & (n_drawn > 0)
        before = np.floor(turn * self.share_written).astype(np.int64)
        is_written = np.floor((turn + 1) * self.share_written).astype(np.int64) > before
        hands, fonts = is_mixed & is_written, is_mixed & ~is_written
        turn = np.where(hands, before, np.where(fonts, turn - before, turn))
        start = np.where(hands, start + n_drawn, start)
        return turn, start, np.where(hands, n_written, np.where(fonts, n_drawn, n_cells))


def list_turns(
    form_class: Sequence[int],
    n_classes: int,
    admitted: NDArray[np.bool_],
    faces: Ints,
    face_weights: Ints,
    form_weights: Ints,
    is_hand: NDArray[np.bool_],
) -> tuple[Ints, Ints, Ints]:
    """Return the cells of some faces in the order of their turns, and how many each class has.

    Args:
        form_class: The class of each form.
        n_classes: C.
        admitted: bool (all faces, forms).
        faces: Those of the split.
        face_weights: Of all faces. A face of weight 2 has a second turn after all have had their first.
        form_weights: Of all forms, in the same way.
        is_hand: Whether each of all faces is a hand; their cells come after the others of a class.

    Of a class of many forms, each turn is of another face and of another form, so that a few rows show
    some of all.

    Returns:
        The cells (n,), class after class, their counts (C,), and how many of these hands write (C,).
    """
    at, form = np.nonzero(admitted[faces])
    n_turns = face_weights[faces[at]] * form_weights[form]
    cell = np.repeat(faces[at] * admitted.shape[1] + form, n_turns)
    of_form = np.array(form_class, dtype=np.int64)
    class_index = np.repeat(of_form[form], n_turns)
    turn = np.arange(len(cell)) - np.repeat(np.cumsum(n_turns) - n_turns, n_turns)
    n_forms = np.bincount(of_form, minlength=n_classes)
    by_class = np.argsort(of_form, kind="stable")
    rank = np.empty_like(of_form)
    rank[by_class] = np.arange(len(of_form)) - np.repeat(np.cumsum(n_forms) - n_forms, n_forms)
    apart = np.repeat((rank[form] - at) % n_forms[of_form[form]], n_turns)
    is_written = is_hand[cell // admitted.shape[1]]
    order = np.lexsort((cell, apart, turn, is_written, class_index))
    counts, n_written = (np.bincount(of, minlength=n_classes) for of in
                         (class_index, class_index[is_written]))  # fmt: skip
    return cell[order], counts, n_written


def make_turns(
    cells: Ints,
    n_cells: Ints,
    n_samples: Ints,
    first_sample: Ints,
    first_turn: Ints,
    *,
    n_written: Ints | None = None,
    share_written: float = 0.0,
) -> Turns:
    """Lay out the rows of a split.

    Args:
        cells: Those that take turns, class after class.
        n_cells: (C,), how many each class has; some wherever it has samples.
        n_samples, first_sample, first_turn: (C,), as in ``Turns``.
        n_written, share_written: Likewise; left out, no hand writes.
    """
    steps = np.unique(n_samples[n_samples > 0])
    starts = np.concatenate([[0], steps[:-1]]).astype(np.int64) if len(steps) else steps
    classes = tuple(np.flatnonzero(n_samples > start) for start in starts)
    rows = [len(c) * (step - start) for c, start, step in zip(classes, starts, steps, strict=True)]
    return Turns(
        n_samples=n_samples,
        first_sample=first_sample,
        first_turn=first_turn,
        cells=cells,
        cell_start=np.concatenate([[0], np.cumsum(n_cells)]),
        n_written=np.zeros_like(n_cells) if n_written is None else n_written,
        share_written=share_written,
        level_row=np.cumsum([0, *rows])[: len(rows)].astype(np.int64),
        level_sample=starts,
        level_classes=classes,
    )
