"""The boxes of a page, by level."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.layout.page_lines import Boxes, box_characters
from glyphgen.outlines import RunStore
from glyphgen.plan.page_plan import PagePlan, PageScene

__all__ = ["PageBoxes", "make_boxes"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageBoxes:
    """The boxes of one page by level: blocks, lines, words, characters.

    Attributes:
        characters: With what they are of.
        parents: For each level but the first, the place of each box's parent in the level above.
        upright, turned: For each level (n, 4), left, top, right, bottom.
        class_index: Of the block of each box, by level.
    """

    characters: Boxes
    parents: tuple[Ints, ...]
    upright: tuple[Floats, ...]
    turned: tuple[Floats, ...]
    class_index: tuple[Ints, ...]


def make_boxes(plan: PagePlan, store: RunStore, scene: PageScene) -> PageBoxes:
    """Return the boxes of a page, of all that has ink."""
    atoms = scene.atoms
    frame = plan.recipe.image.height, plan.recipe.image.width
    n_characters = plan.n_characters[atoms.cell % plan.n_forms]
    characters = box_characters(store, atoms, n_characters, scene.skew_deg, frame)
    characters = characters.keep_within(*frame)
    groups = atoms.word[characters.atom]
    upright, turned = [characters.upright], [characters.turned]
    parents: list[Ints] = []
    for above in (atoms.line_of_word, atoms.block_of_line, atoms.class_of_block):
        kept, starts, place = np.unique(groups, return_index=True, return_inverse=True)
        parents.append(place)
        for boxes in (upright, turned):
            below = boxes[-1]
            low = np.minimum.reduceat(below[:, :2], starts) if len(starts) else below[:, :2]
            high = np.maximum.reduceat(below[:, 2:], starts) if len(starts) else below[:, 2:]
            boxes.append(np.concatenate([low, high], axis=1))
        groups = above[kept]
    class_index = [groups]
    for place in parents[::-1]:
        class_index.append(class_index[-1][place])
    return PageBoxes(
        characters=characters,
        parents=tuple(parents[::-1]),
        upright=tuple(upright[::-1]),
        turned=tuple(turned[::-1]),
        class_index=tuple(class_index),
    )
