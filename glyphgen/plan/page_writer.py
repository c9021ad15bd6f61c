"""Writes the lines of one page, and rules it."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.layout.page_lines import Atoms, LineLayout, lay_line
from glyphgen.outlines import RunStore
from glyphgen.recipe.page_tables import Page

__all__ = ["PageWriter", "thicken"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class PageWriter:
    """Collects the lines of one page.

    Args:
        store: The runs of all cells.
        face: That writes the page.
        place: Of every form among those of a face.
        page: What the recipe says of all pages.
    """

    def __init__(self, store: RunStore, face: int, place: Mapping[str, int], page: Page) -> None:
        self.face = face
        self.height, self.width = page.size
        self._place, self._direction = place, page.direction
        self._first = face * store.n_forms
        own = slice(self._first, self._first + store.n_forms)
        # Twice the middle of a line of type is how far the pen moves.
        self.advance: Floats = store.center[own, 0].astype(np.float64) * 2
        self._middle = float(store.center[self._first, 1])
        self._cells: list[Ints] = []
        self._at: list[tuple[Floats, float, float]] = []
        self._words: list[Ints] = []
        self._line_of_word: list[int] = []
        self._block_of_line: list[int] = []
        self._class_of_block: list[int] = []

    def begin_block(self, class_index: int) -> None:
        """Go on with another field or block."""
        self._class_of_block.append(class_index)

    def write_line(
        self, forms: Sequence[str], words: Sequence[int], at: Floats, size: float
    ) -> None:
        """Write a line that begins at a place, smaller and farther inside where it would leave the page."""
        if not forms:
            return
        places = np.array([self._place[form] for form in forms], dtype=np.int64)
        line, direction = lay_line(forms, words, self.advance[places], self._direction)
        size = min(size, self.width / max(line.width, 1e-6))
        left = at[0] - line.width * size if direction == "rtl" else at[0]
        left = min(max(left, 0.0), self.width - line.width * size)
        y = min(max(at[1], size / 2), self.height - size / 2)
        self._add(places, words, line, left, y, size)

    def _add(
        self,
        places: Ints,
        words: Sequence[int],
        line: LineLayout,
        left: float,
        y: float,
        size: float,
    ) -> None:
        n_words = len(self._line_of_word)
        numbers = np.array(words, dtype=np.int64)
        self._cells.append(self._first + places)
        self._at.append((left + line.x * size, y + self._middle * size, size))
        self._words.append(n_words + numbers - numbers[0])
        self._line_of_word += [len(self._block_of_line)] * int(numbers[-1] - numbers[0] + 1)
        self._block_of_line.append(len(self._class_of_block) - 1)

    def finish(self) -> Atoms:
        """Return all that is written."""
        counts = [len(cells) for cells in self._cells]
        empty = np.zeros(0, dtype=np.int64)
        return Atoms(
            cell=np.concatenate([empty, *self._cells]),
            x=np.concatenate([np.zeros(0), *(x for x, _, _ in self._at)]),
            y=np.repeat([y for _, y, _ in self._at], counts),
            size=np.repeat([size for _, _, size in self._at], counts),
            word=np.concatenate([empty, *self._words]),
            line_of_word=np.array(self._line_of_word, dtype=np.int64),
            block_of_line=np.array(self._block_of_line, dtype=np.int64),
            class_of_block=np.array(self._class_of_block, dtype=np.int64),
        )


def thicken(ends: Floats, thickness: float) -> Floats:
    """Return the corners (4, 2) of a line between two points (2, 2)."""
    along = ends[1] - ends[0]
    length = float(np.sqrt((along * along).sum())) or 1.0
    across = np.array([-along[1], along[0]]) * (thickness / 2 / length)
    return np.array([ends[0] + across, ends[1] + across, ends[1] - across, ends[0] - across])
