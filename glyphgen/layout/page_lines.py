"""Lines of forms on pages: where each run stands, and the boxes about its ink."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.bidi import find_direction, find_levels, order_levels
from glyphgen.geometry import cos_sin_deg
from glyphgen.outlines import RunStore
from glyphgen.outlines.cell_store import expand_spans

__all__ = ["SPACE_EM", "Atoms", "Boxes", "LineLayout", "box_characters", "lay_line", "turn"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SPACE_EM = 0.28
"""Between words."""


@dataclass(frozen=True, slots=True)
class LineLayout:
    """One line: where the runs of its forms begin, in em from the line's left end.

    Attributes:
        x: (n,), in the order of reading.
        width: Of the line.
    """

    x: Floats
    width: float


def lay_line(
    forms: Sequence[str], words: Sequence[int], advance: Floats, direction: str
) -> tuple[LineLayout, str]:
    """Set forms beside each other, and return the line with its direction.

    Args:
        forms: In the order of reading.
        words: The number of the word that each is a part of; between two words is a space.
        advance: (n,), of each form, in em.
        direction: "ltr", "rtl", or "auto": that of the first letter.
    """
    # A space is a thing of its own: it may part two stretches of one direction.
    things: list[tuple[int, int]] = []  # where it begins, and which form it is; -1 is a space
    text = ""
    for k, form in enumerate(forms):
        if k and words[k] != words[k - 1]:
            things.append((len(text), -1))
            text += " "
        things.append((len(text), k))
        text += form
    if direction == "auto":
        direction = find_direction(text)
    levels = find_levels(text, direction)
    x = np.zeros(len(forms))
    at = 0.0
    for place in order_levels([levels[start] for start, _ in things]):
        _, k = things[place]
        if k >= 0:
            x[k] = at
        at += float(advance[k]) if k >= 0 else SPACE_EM
    return LineLayout(x, at), direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Atoms:
    """The runs of one page, in the order of reading.

    Attributes:
        cell: int64 (n,).
        x, y: (n,), where the run's origin stands, in pixels from the page's upper left corner.
        size: (n,), em size in pixels.
        word: int64 (n,), the number of the word that the run is a part of.
        line_of_word, block_of_line, class_of_block: Of words, lines and blocks.
    """

    cell: Ints
    x: Floats
    y: Floats
    size: Floats
    word: Ints
    line_of_word: Ints
    block_of_line: Ints
    class_of_block: Ints

    def make_matrices(self, skew_deg: float, frame: tuple[int, int]) -> Floats:
        """Return the maps of the runs, from em to pixels, on a page that is turned: (n, 2, 3)."""
        matrix = np.zeros((len(self.cell), 2, 3))
        cos, sin = _cos_sin(skew_deg)
        matrix[:, 0, 0] = matrix[:, 1, 1] = self.size * cos
        matrix[:, 0, 1] = -self.size * sin
        matrix[:, 1, 0] = -self.size * sin
        matrix[:, 1, 1] *= -1
        matrix[:, :, 2] = turn(np.stack([self.x, self.y], axis=1), skew_deg, frame)
        return matrix


def turn(points: Floats, skew_deg: float | Floats, frame: tuple[int, int]) -> Floats:
    """Turn points (..., 2) of a page about its middle, counter-clockwise as seen.

    Args:
        points: In pixels.
        skew_deg: How far: one angle, or an array that broadcasts against all axes but the last.
        frame: Height and width of the page.
    """
    cos, sin = cos_sin_deg(np.asarray(skew_deg, dtype=np.float64))
    middle = np.array([frame[1] / 2, frame[0] / 2])
    x, y = np.moveaxis(points - middle, -1, 0)
    turned: Floats = np.stack([x * cos + y * sin, y * cos - x * sin], axis=-1) + middle
    return turned


def _cos_sin(degrees: float) -> tuple[float, float]:
    cos, sin = cos_sin_deg(np.array([degrees]))
    return float(cos[0]), float(sin[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """Boxes about the ink of the characters of one page, in the order of reading.

    Attributes:
        atom: int64 (n,), the run that the character stands in.
        first, last: int64 (n,), the characters of the run's form: those of a ligature share a box.
        upright: (n, 4), left, top, right, bottom, before the page is turned.
        turned: (n, 4), on the page as it is drawn.
    """

    atom: Ints
    first: Ints
    last: Ints
    upright: Floats
    turned: Floats

    def keep_within(self, height: int, width: int) -> "Boxes":
        """Return those with ink on the page."""
        left, top, right, bottom = self.turned.T
        there = (left < width) & (top < height) & (right > 0) & (bottom > 0)
        return Boxes(
            atom=self.atom[there],
            first=self.first[there],
            last=self.last[there],
            upright=self.upright[there],
            turned=self.turned[there],
        )


def box_characters(
    store: RunStore, atoms: Atoms, n_characters: Ints, skew_deg: float, frame: tuple[int, int]
) -> Boxes:
    """Return the boxes of all characters with ink.

    Args:
        store: The runs.
        atoms: Of the page.
        n_characters: (n,), of the form of each run.
        skew_deg: How far the page is turned.
        frame: Its height and width in pixels.
    """
    n_items = store.n_items[atoms.cell]
    item = expand_spans(store.item_start[atoms.cell], n_items)
    atom = np.repeat(np.arange(len(atoms.cell)), n_items)
    char = store.item_char[item].astype(np.int64)
    # Of each run, where its characters' glyphs begin: up to there a glyph's own characters reach.
    order = np.lexsort((char, atom))
    item, atom, char = item[order], atom[order], char[order]
    is_first = np.ones(len(item), dtype=np.bool_)
    is_first[1:] = (atom[1:] != atom[:-1]) | (char[1:] != char[:-1])
    group = np.cumsum(is_first) - 1
    at = np.flatnonzero(is_first)
    first, of_atom = char[at], atom[at]
    is_last = np.append(of_atom[1:] != of_atom[:-1], True)[: len(at)]
    last = np.where(is_last, n_characters[of_atom], np.append(first[1:], 0)[: len(at)])
    glyph = store.item_glyph[item]
    inked = store.glyphs.n_points[glyph] > 0
    item, glyph, group, atom = item[inked], glyph[inked], group[inked], atom[inked]
    if not len(item):
        nothing = np.zeros(0, dtype=np.int64)
        none = np.zeros((0, 4))
        return Boxes(atom=nothing, first=nothing, last=nothing, upright=none, turned=none)
    size = atoms.size[atom, None]
    x = atoms.x[atom, None] + size * (store.glyphs.hull_x.T[glyph] + store.item_x[item, None])
    y = atoms.y[atom, None] - size * (store.glyphs.hull_y.T[glyph] + store.item_y[item, None])
    kept, starts = np.unique(group, return_index=True)
    corners = np.stack([x, y], axis=-1)
    box = store.glyphs.box[glyph].astype(np.float64)
    upright = np.stack(
        [
            atoms.x[atom] + atoms.size[atom] * (box[:, 0] + store.item_x[item]),
            atoms.y[atom] - atoms.size[atom] * (box[:, 3] + store.item_y[item]),
            atoms.x[atom] + atoms.size[atom] * (box[:, 2] + store.item_x[item]),
            atoms.y[atom] - atoms.size[atom] * (box[:, 1] + store.item_y[item]),
        ],
        axis=1,
    )
    upright = _join(upright, starts)
    if skew_deg:
        turned = turn(corners, skew_deg, frame)
        turned = _join(np.concatenate([turned.min(axis=1), turned.max(axis=1)], axis=1), starts)
    else:
        turned = upright
    return Boxes(
        atom=of_atom[kept], first=first[kept], last=last[kept], upright=upright, turned=turned
    )


def _join(boxes: Floats, starts: Ints) -> Floats:
    """Return the boxes about those from each start on: (n, 4)."""
    joined: Floats = np.concatenate(
        [np.minimum.reduceat(boxes[:, :2], starts), np.maximum.reduceat(boxes[:, 2:], starts)],
        axis=1,
    )
    return joined
