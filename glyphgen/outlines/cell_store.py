"""What stores of cells share: things that lie one cell after the other, and cells in another order."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.outlines.array_file import ArrayFile

__all__ = ["CellStore", "Spans", "expand_spans", "list_starts"]

Ints = NDArray[np.int64]
Spans = Mapping[str, tuple[str, tuple[str, ...]]]
"""Where each cell begins -> how many it has there, and the arrays that are meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStore(ArrayFile):
    """Arrays of cells, cell ``face * n_forms + form``.

    Attributes:
        SPANS: Arrays in which a cell has several entries.
        BY_CELL: Arrays in which it has one, cells first.
        CELLS_LAST: Likewise, cells last.
    """

    SPANS: ClassVar[Spans]
    BY_CELL: ClassVar[tuple[str, ...]]
    CELLS_LAST: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for name, (count, _) in self.SPANS.items():
            if not np.array_equal(getattr(self, name), list_starts(getattr(self, count))):
                raise ValueError(f"{name}: expected one cell after the other, without gaps")

    @property
    @abstractmethod
    def n_cells(self) -> int:
        """Faces times forms."""

    @property
    @abstractmethod
    def n_forms(self) -> int:
        """Forms of each face."""

    def take_arrays(self, forms: Sequence[int]) -> dict[str, Any]:
        """Return the arrays of the same cells with the forms in another order."""
        firsts = np.arange(0, self.n_cells, self.n_forms) if self.n_forms else np.arange(0)
        cells = np.add.outer(firsts, np.array(forms, dtype=np.int64)).ravel()
        taken: dict[str, Any] = {name: getattr(self, name)[cells] for name in self.BY_CELL}
        taken |= {name: getattr(self, name)[:, cells] for name in self.CELLS_LAST}
        for name, (count, arrays) in self.SPANS.items():
            at = expand_spans(getattr(self, name)[cells], taken[count])
            taken |= {array: getattr(self, array)[at] for array in arrays}
            taken[name] = list_starts(taken[count])
        return taken


def list_starts(counts: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return where each begins of things that lie one after the other, so many of each."""
    ends = np.cumsum(counts, dtype=np.int64)
    return ends - counts


def expand_spans(starts: Ints, counts: NDArray[np.int32]) -> Ints:
    """Return the numbers from each start on, so many of each, one after the other."""
    moved_by = np.repeat(starts - list_starts(counts), counts)
    spans: Ints = np.arange(len(moved_by)) + moved_by
    return spans
