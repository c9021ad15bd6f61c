"""The checks of the gate, one small function each, in the order in which they are asked.

A check looks at all cells at once and returns a figure for each: 0 where it has nothing against the
cell, otherwise what it measured. To add one, write a function and a line in ``CHECKS``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.consensus import Consensus
from glyphgen.gate.thumbnails import MOST_POINTS, Pictures
from glyphgen.geometry import make_linear_map
from glyphgen.layout.framing import Framing
from glyphgen.outlines import OutlineStore
from glyphgen.recipe import Recipe

__all__ = ["CHECKS", "UNDRAWABLE", "Examined"]

Floats = NDArray[np.float64]

# How each figure was chosen: of the bundled fonts, kana, Latin and Persian, none of these refuses a
# cell. The nearest that a cell of theirs comes stands in brackets.
_LARGEST_EM = 16.0  # coordinates beyond are those of a broken outline [1.1]
_LEAST_INK = 0.0005  # square em: a tenth of the smallest full stop [0.0146]
_SPECK = 0.25  # of the size that other typefaces give the character [0.47]
_LIKE_NOTDEF = 0.97  # likeness to the missing glyph [0.84]
_OWN_ENOUGH = 0.8  # likeness to the consensus at which a box may be a character, as in 'ロ'
_MOST_DOUBLES = 2  # forms of one drawing besides the cell; honest fonts may have two [0]
_TOP, _LEAST_TOP = 5, 0.25  # share of a face's cells whose form is among the 5 most alike [0.57]
_FEWEST_FORMS = 10  # that a verdict on a whole face needs
_OTHER, _OWN_LITTLE, _MARGIN = 0.95, 0.4, 0.4  # likeness to another form, and to the own [0.93]
_SWAP_MARGIN = 0.3  # by which two cells are each more like the other's form [0.19]
_STRANGE, _STRANGE_RANK = 0.75, 10  # below what face and form lead one to expect [0.68]
_MOST_SHRUNK = 0.25  # of the smallest size: what is smaller is not what the recipe asks for
_STEP_DEG = 5.0  # between the smallest and largest rotation, every 5 degrees is looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a check may look at; arrays of shape (F, C) go by face and form."""

    recipe: Recipe
    store: OutlineStore
    framing: Framing
    pictures: Pictures
    consensus: Consensus


def _count_missing(seen: Examined) -> Floats:
    return seen.store.n_missing.astype(np.float64)


def _count_notdef(seen: Examined) -> Floats:
    return seen.store.n_notdef.astype(np.float64)


def _count_circles(seen: Examined) -> Floats:
    return seen.store.n_circles.astype(np.float64)


def _find_empty(seen: Examined) -> Floats:
    return np.where(seen.store.n_points == 0, 1.0, 0.0)


def _count_points(seen: Examined) -> Floats:
    n_points = seen.store.n_points
    return np.where(n_points > MOST_POINTS, n_points, 0).astype(np.float64)


def _measure_cut_off(seen: Examined) -> Floats:
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


def _reach_of_all(seen: Examined, rotation: float, shear: float, stretch: float) -> Floats:
    render, n_cells = seen.recipe.render, seen.store.n_cells
    linear = make_linear_map(*(np.full(n_cells, value) for value in (rotation, shear, stretch)))
    weight = np.full(n_cells, max(render.weight))
    wobble = np.full(n_cells, max(render.wobble.amplitude))
    return seen.framing.reach(np.arange(n_cells), linear, weight, wobble)


def _overhang(seen: Examined, reach_px: Floats, size_px: Floats, stretch: float) -> Floats:
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


def _shift_limits(seen: Examined, size_px: Floats, stretch: float) -> tuple[Floats, Floats]:
    render = seen.recipe.render
    cells = np.arange(len(size_px))
    if render.shift_of == "blank":
        unit = seen.framing.margin_px(cells, size_px, np.full(len(cells), stretch))
    else:
        unit = np.full((len(cells), 2), float(seen.framing.height))
    low = unit * np.array([min(render.shift_x), min(render.shift_y)])
    return low, unit * np.array([max(render.shift_x), max(render.shift_y)])


def _find_unsafe(seen: Examined) -> Floats:
    """Return the largest coordinate in em, where it is not finite or out of all bounds."""
    largest = np.abs(seen.store.box).max(axis=1).astype(np.float64)
    return np.where(np.isfinite(largest) & (largest <= _LARGEST_EM), 0.0, largest)


def _find_blank(seen: Examined) -> Floats:
    """Return what share of a square em is without ink, where next to none has any."""
    return np.where(seen.pictures.area < _LEAST_INK, 1.0 - seen.pictures.area, 0.0)


def _find_tofu(seen: Examined) -> Floats:
    """Return the likeness to the missing glyph, unless other typefaces draw the character so."""
    consensus = seen.consensus
    honest = np.nan_to_num(consensus.own, nan=-1.0) >= _OWN_ENOUGH
    equal = seen.store.like_notdef.reshape(honest.shape)
    likeness = np.where(equal, 1.0, consensus.like_notdef)
    tofu = equal | ((likeness >= _LIKE_NOTDEF) & ~honest)
    return np.where(tofu, likeness, 0.0).ravel().astype(np.float64)


def _find_specks(seen: Examined) -> Floats:
    """Return the size as a share of the median of all faces, where it is below a quarter."""
    sizes = seen.pictures.longer.reshape(seen.consensus.own.shape)
    inked = np.flatnonzero(sizes.max(axis=0) > 0)
    usual = np.ones_like(sizes[0])
    usual[inked] = np.nanmedian(np.where(sizes > 0, sizes, np.nan)[:, inked], axis=0)
    share = sizes / usual
    specks = (share < _SPECK) & (seen.consensus.own < _OWN_ENOUGH)
    return np.where(specks, share, 0.0).ravel()


def _count_doubles(seen: Examined) -> Floats:
    """Return how many unrelated characters share the drawing."""
    n_doubles = seen.consensus.n_doubles
    return np.where(n_doubles > _MOST_DOUBLES, n_doubles + 1, 0).ravel().astype(np.float64)


def _find_lying_faces(seen: Examined) -> Floats:
    """Return, for all cells of a face that draws other characters throughout, the share of wrong ones."""
    known = np.isfinite(seen.consensus.own)
    n_known = known.sum(axis=1)
    right = ((seen.consensus.rank < _TOP) & known).sum(axis=1) / np.maximum(n_known, 1)
    # Among few forms, chance puts many within the first five.
    enough = n_known >= _FEWEST_FORMS
    wrong = np.where(enough & (right < _LEAST_TOP), 1.0 - right, 0.0)
    return np.repeat(wrong, known.shape[1])


def _find_lying_cells(seen: Examined) -> Floats:
    """Return the likeness to another form, where the cell shows that one.

    It does where it is the drawing that the same face has for another form, and less like its own; or
    very like another form and little like its own; or where two cells are each like the other's form.
    """
    consensus = seen.consensus
    own, other = (np.nan_to_num(a, nan=1.0) for a in (consensus.own, consensus.other))
    face = np.arange(len(own))[:, None]
    doubled = (consensus.double >= 0) & (own < own[face, consensus.double])
    foreign = (other >= _OTHER) & (own <= _OWN_LITTLE) & (other - own >= _MARGIN)
    margin = np.where(np.isfinite(consensus.own), other - own, 0.0)
    back = consensus.nearest[face, consensus.nearest] == np.arange(own.shape[1])
    swapped = back & (np.minimum(margin, margin[face, consensus.nearest]) > _SWAP_MARGIN)
    return np.where(doubled | foreign | swapped, other, 0.0).ravel().astype(np.float64)


def _find_unlike(seen: Examined) -> Floats:
    """Return how much less like its form a cell is than face and form lead one to expect.

    Typefaces differ, and some forms vary more than others: what is left when both are taken off is the
    cell's own. It counts where the cell is more like ten other forms, too. So a character is found that
    belongs to no form of the recipe, such as ア for あ among hiragana.
    """
    own = seen.consensus.own.astype(np.float64)
    known = np.isfinite(own)
    of_form = _find_medians(own, known)
    of_face = _find_medians((own - of_form).T, known.T).T
    missing = np.where(known, of_form + of_face - own, 0.0)
    enough = known.sum(axis=1, keepdims=True) >= _FEWEST_FORMS
    strange = (missing > _STRANGE) & (seen.consensus.rank >= _STRANGE_RANK) & enough
    return np.where(strange, missing, 0.0).ravel()


def _find_medians(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the median of what is known in each column; 0 where nothing is: (rows, columns)."""
    masked = np.ma.masked_array(values, mask=~known)
    medians: Floats = np.ma.filled(np.ma.median(masked, axis=0), 0.0)  # type: ignore[no-untyped-call]
    return np.broadcast_to(medians, values.shape)


# name of the reason -> what measures it, and how a message says it
CHECKS: dict[str, tuple[Callable[[Examined], Floats], str]] = {
    "no cmap entry": (_count_missing, "has no character map entry for"),
    "glyph 0": (_count_notdef, "has only its missing glyph for"),
    "dotted circle": (_count_circles, "has a dotted circle put where a letter is missing in"),
    "no outline": (_find_empty, "draws nothing for"),
    "too many points": (_count_points, f"has more than {MOST_POINTS:,} points in"),
    "huge coordinates": (_find_unsafe, "has coordinates out of all bounds in"),
    "nearly blank": (_find_blank, "draws next to nothing for"),
    "like .notdef": (_find_tofu, "draws its missing-glyph box for"),
    "one drawing for many": (_count_doubles, "draws the same for unrelated characters:"),
    "another script": (_find_lying_faces, "draws other characters throughout, also for"),
    "another character": (_find_lying_cells, "draws another character for"),
    "unlike other typefaces": (_find_unlike, "draws what no other typeface draws for"),
    "speck": (_find_specks, "draws but a speck for"),
    "cut off": (_measure_cut_off, "goes beyond the frame, where this recipe puts it, with"),
}

# reasons that no recipe can overrule: the rasterizer has nothing that it could draw
UNDRAWABLE = ("no outline", "too many points", "huge coordinates")
