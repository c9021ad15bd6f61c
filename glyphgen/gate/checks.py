"""The checks of the gate, one small function each, in the order in which they are asked.

A check looks at all cells at once and returns a figure for each: 0 where it has nothing against the
cell, otherwise what it measured. To add one, write a function and a line in ``CHECKS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.changing import Changes
from glyphgen.gate.evidence import WRONG_SHARE, Evidence
from glyphgen.gate.thumbnails import MOST_POINTS, Pictures, draw_cells, measure_apart
from glyphgen.gate.verdict import LETTER, LOST
from glyphgen.geometry import make_linear_map
from glyphgen.layout.framing import Framing
from glyphgen.outlines import Outlines, OutlineStore, RunStore
from glyphgen.recipe import Recipe

__all__ = [
    "CHECKS",
    "EXPLAINED",
    "MESSAGES",
    "OF_FRAME",
    "OF_WORDS",
    "UNDRAWABLE",
    "Drawings",
    "Examined",
    "Laid",
]

Floats = NDArray[np.float64]
StoreT = TypeVar("StoreT", bound=Outlines)

# How each figure was chosen: of the bundled fonts, kana, Latin and Persian, none of these refuses a
# cell. The nearest that a cell of theirs comes stands in brackets.
_LARGEST_EM = 16.0  # coordinates beyond are those of a broken outline [1.1]
_LEAST_INK = 0.0005  # square em: a tenth of the smallest full stop [0.0146]
_LIKE_NOTDEF = 0.97  # likeness to the missing glyph [0.84]
_MOST_DOUBLES = 2  # forms of one drawing besides the cell; honest fonts may have two [0]
_MOST_SHRUNK = 0.25  # of the smallest size: what is smaller is not what the recipe asks for
_DRAWN_OTHERWISE = 0.15  # distance of an engine's drawing from the outline [0.022]; others [0.49]
_LOOK_SIDE = 64  # pixels, of those drawings
_STEP_DEG = 5.0  # between the smallest and largest rotation, every 5 degrees is looked at


class Drawings(Protocol):
    """What an engine that opens fonts makes of cells."""

    def draw(self, cells: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
        """Draw cells as ``thumbnails.draw_cells`` does: uint8 (n, side, side)."""


@dataclass(frozen=True, slots=True)
class Laid(Generic[StoreT]):
    """Cells as a recipe lays them out.

    Attributes:
        recipe: What the cells are for.
        store: The outlines, or runs, of F * C cells.
        framing: Where they stand.
    """

    recipe: Recipe
    store: StoreT
    framing: Framing


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined(Laid[OutlineStore]):
    """What a check may look at.

    Attributes:
        pictures: Of the cells.
        like_notdef: float32 (F, C), likeness to the face's missing glyph.
        n_doubles: int64 (F, C), other forms for which the face has the very same outline.
        evidence: Whether they show their characters.
        changes: What the recipe's ranges make of the cells.
        drawings: By the recipe's engine; None where it draws the very outlines.
    """

    pictures: Pictures
    like_notdef: NDArray[np.float32]
    n_doubles: NDArray[np.int64]
    evidence: Evidence
    changes: Changes
    drawings: Drawings | None = None


def _count_missing(seen: Laid[StoreT]) -> Floats:
    return seen.store.n_missing.astype(np.float64)


def _count_notdef(seen: Laid[StoreT]) -> Floats:
    return seen.store.n_notdef.astype(np.float64)


def _count_circles(seen: Laid[StoreT]) -> Floats:
    return seen.store.n_circles.astype(np.float64)


def _find_empty(seen: Laid[StoreT]) -> Floats:
    return np.where(seen.store.n_points == 0, 1.0, 0.0)


def _count_points(seen: Laid[StoreT]) -> Floats:
    n_points = seen.store.n_points
    return np.where(n_points > MOST_POINTS, n_points, 0).astype(np.float64)


def _measure_cut_off(seen: Laid[StoreT]) -> Floats:
    """Return by how many pixels ink leaves the frame in the worst placement of the recipe.

    Where the policy is to shrink, that is at a quarter of the smallest size and without a shift: a sample
    that would reach out of the frame at its own size and shift is drawn smaller and moved back.
    """
    policy, render = seen.recipe.gate.on_cut_off, seen.recipe.render
    worst = np.zeros(seen.store.n_cells)
    if policy == "allow":
        return worst
    smallest = min(render.size)
    sizes = {smallest, max(render.size)} if policy == "refuse" else {smallest * _MOST_SHRUNK}
    steps = np.arange(min(render.rotation), max(render.rotation), _STEP_DEG)
    for rotation, shear, stretch in product(
        {*steps, *render.rotation},
        {min(render.shear), max(render.shear)},
        {min(render.stretch), max(render.stretch)},
    ):
        reach = _reach_of_all(seen, rotation, shear, stretch)
        for size in sizes:
            size_px = size * seen.framing.unit_px
            over = _overhang(seen, reach * size_px[:, None], size_px, stretch)
            worst = np.maximum(worst, over)
    # Coordinates are rounded to 1/64 pixel when they are drawn: less is not cut off.
    return np.where(worst > 1 / 64, worst, 0.0)


def _reach_of_all(seen: Laid[StoreT], rotation: float, shear: float, stretch: float) -> Floats:
    render, n_cells = seen.recipe.render, seen.store.n_cells
    linear = make_linear_map(*(np.full(n_cells, value) for value in (rotation, shear, stretch)))
    weight = np.full(n_cells, max(render.weight))
    wobble = np.full(n_cells, max(render.wobble.amplitude))
    return seen.framing.reach(np.arange(n_cells), linear, weight, wobble)


def _overhang(seen: Laid[StoreT], reach_px: Floats, size_px: Floats, stretch: float) -> Floats:
    """Return how far ink that reaches so far leaves the frame in the worst shift, in pixels."""
    frame = np.array([seen.framing.width, seen.framing.height])
    left, lowest, right, highest = reach_px.T
    if seen.recipe.gate.on_cut_off == "shrink":
        wider: Floats = np.max([right - left - frame[0], highest - lowest - frame[1]], axis=0)
        return wider
    low, high = _shift_limits(seen, size_px, stretch)
    over: Floats = np.max(
        [
            high[:, 0] + right - frame[0] / 2,
            -low[:, 0] - left - frame[0] / 2,
            high[:, 1] - lowest - frame[1] / 2,  # shifts go down, ink goes up
            -low[:, 1] + highest - frame[1] / 2,
        ],
        axis=0,
    )
    return over


def _shift_limits(seen: Laid[StoreT], size_px: Floats, stretch: float) -> tuple[Floats, Floats]:
    render = seen.recipe.render
    cells = np.arange(len(size_px))
    if render.shift_of == "blank":
        unit = seen.framing.margin_px(cells, size_px, np.full(len(cells), stretch))
    else:
        unit = np.full((len(cells), 2), float(seen.framing.height))
    low = unit * np.array([min(render.shift_x), min(render.shift_y)])
    return low, unit * np.array([max(render.shift_x), max(render.shift_y)])


def _find_unsafe(seen: Laid[StoreT]) -> Floats:
    """Return the largest coordinate in em, where it is not finite or out of all bounds."""
    largest = np.abs(seen.store.box).max(axis=1).astype(np.float64)
    return np.where(np.isfinite(largest) & (largest <= _LARGEST_EM), 0.0, largest)


def _find_blank(seen: Examined) -> Floats:
    """Return what share of a square em is without ink, where next to none has any."""
    return np.where(seen.pictures.area < _LEAST_INK, 1.0 - seen.pictures.area, 0.0)


def _find_tofu(seen: Examined) -> Floats:
    """Return the likeness to the missing glyph, unless other typefaces draw the character so."""
    weight = seen.evidence.weight
    proven = np.nan_to_num(weight, nan=np.inf) < seen.evidence.limit
    equal = seen.store.like_notdef.reshape(proven.shape)
    likeness = np.where(equal, 1.0, seen.like_notdef)
    tofu = equal | ((likeness >= _LIKE_NOTDEF) & ~proven)
    return np.where(tofu, likeness, 0.0).ravel().astype(np.float64)


def _count_doubles(seen: Examined) -> Floats:
    """Return how many forms share the outline, where nothing tells whether they may."""
    many = (seen.n_doubles > _MOST_DOUBLES) & np.isnan(seen.evidence.weight)
    return np.where(many, seen.n_doubles + 1, 0).ravel().astype(np.float64)


def _find_wrong_blocks(seen: Examined) -> Floats:
    """Return the share of a block that is wrong, for its cells that are not right beyond doubt."""
    evidence = seen.evidence
    wrong = evidence.is_wrong & (evidence.wrong_share >= WRONG_SHARE)
    return np.where(wrong, evidence.wrong_share, 0.0).ravel().astype(np.float64)


def _find_wrong_cells(seen: Examined) -> Floats:
    """Return by how much the evidence against a cell is more than honest typefaces show."""
    evidence = seen.evidence
    beyond = np.maximum(evidence.weight - evidence.limit, 0.001)
    return np.where(evidence.is_wrong, beyond, 0.0).ravel().astype(np.float64)


def _find_changed(seen: Examined) -> Floats:
    """Return by how much variation brings a cell nearer to another character."""
    changes = seen.changes
    refused = changes.is_lost | (seen.recipe.gate.on_changed == "refuse")
    return np.where(refused, changes.margin, 0.0).ravel().astype(np.float64)


def _measure_drawn_otherwise(seen: Examined) -> Floats:
    """Return how far the engine's own drawing is from the outline that was judged."""
    apart, store = np.zeros(seen.store.n_cells), seen.store
    if seen.drawings is None:
        return apart
    drawable = store.is_drawn & (store.n_missing == 0) & (store.n_points <= MOST_POINTS)
    cells = np.flatnonzero(drawable & (_find_unsafe(seen) == 0))
    ink = seen.drawings.draw(cells, _LOOK_SIDE)
    both = np.concatenate([draw_cells(store, cells, _LOOK_SIDE), ink])
    number = np.arange(len(cells))
    apart[cells] = measure_apart(both, number, number + len(cells), 1.0)
    return np.where(apart > _DRAWN_OTHERWISE, apart, 0.0)


NO_ENTRY = "no cmap entry"
"""Reason of a cell whose face has nothing for its characters."""

# name of the reason -> what measures it, and how a message says it
CHECKS: dict[str, tuple[Callable[[Examined], Floats], str]] = {
    NO_ENTRY: (_count_missing, "has no character map entry for"),
    "glyph 0": (_count_notdef, "has only its missing glyph for"),
    "dotted circle": (_count_circles, "has a dotted circle put where a letter is missing in"),
    "no outline": (_find_empty, "draws nothing for"),
    "too many points": (_count_points, f"has more than {MOST_POINTS:,} points in"),
    "huge coordinates": (_find_unsafe, "has coordinates out of all bounds in"),
    "nearly blank": (_find_blank, "draws next to nothing for"),
    "like .notdef": (_find_tofu, "draws its missing-glyph box for"),
    "one drawing for many": (_count_doubles, "draws the same for unrelated characters:"),
    "another script": (_find_wrong_blocks, "draws other characters throughout, also for"),
    "another character": (_find_wrong_cells, "draws another character for"),
    "cut off": (_measure_cut_off, "goes beyond the frame, where this recipe puts it, with"),
    "changed": (_find_changed, "is varied into another character by this recipe, with"),
    "drawn otherwise": (
        _measure_drawn_otherwise,
        "is drawn by this recipe's engine otherwise than HarfBuzz shapes it, for",
    ),
}

# name of the reason -> how a message says it; the last two are of words
MESSAGES: dict[str, str] = {name: message for name, (_, message) in CHECKS.items()} | {
    LETTER: "may not draw a letter of",
    LOST: "loses marks of letters where they join, in",
}

# those of them that words are examined by as well, in this order
OF_WORDS: dict[str, Callable[[Laid[RunStore]], Floats]] = {
    NO_ENTRY: _count_missing,
    "glyph 0": _count_notdef,
    "dotted circle": _count_circles,
    "no outline": _find_empty,
    "too many points": _count_points,
    "huge coordinates": _find_unsafe,
    "cut off": _measure_cut_off,
}

# reasons that only forms have which are drawn by themselves
OF_FRAME = ("cut off", "changed")

# reasons that no recipe can overrule: the rasterizer has nothing that it could draw
UNDRAWABLE = ("no outline", "too many points", "huge coordinates")

# reasons that come with what the cell shows in place of its character
EXPLAINED = ("another script", "another character", "changed")
