"""Which faces and how many samples of each class train, val and test have."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import RecipeError
from glyphgen.fonts import Face, match_names
from glyphgen.recipe import Recipe
from glyphgen.streams import Stage, order_by_words
from glyphgen.text import show_some

__all__ = ["find_intervals", "share_samples", "split_faces"]

Ints = NDArray[np.int64]


def find_intervals(n_rows: Iterable[int]) -> dict[str, tuple[int, int]]:
    """Return first row and row after the last of each split that has rows.

    Args:
        n_rows: Of each split, in the order of ``SPLITS``.
    """
    ends = np.cumsum([0, *n_rows]).tolist()
    rows = zip(SPLITS, ends, ends[1:], strict=False)
    return {name: (first, last) for name, first, last in rows if last > first}


def split_faces(recipe: Recipe, faces: Sequence[Face], typefaces: Ints) -> dict[str, Ints]:
    """Return the faces of each split: all in each of them, unless the split is by face.

    Raises:
        RecipeError: A glob matches no face, a face or a typeface is on two sides, or no face is left
            for train.
    """
    everyone = np.arange(len(faces))
    if recipe.split.by != "face":
        return dict.fromkeys(SPLITS, everyone)
    side = np.zeros(len(faces), dtype=np.int64)
    if recipe.split.val_faces or recipe.split.test_faces:
        _take_named(recipe, faces, side)
        _check_typefaces(recipe, faces, typefaces, side)
    else:
        _take_shares(recipe, typefaces, side)
    if not (side == 0).any():
        raise RecipeError(
            f"{recipe.place('split')}: no face of {len(faces)} is left for train: faces of one family,"
            " or drawn alike, stay together (hold out fewer, or add fonts of other families)"
        )
    return {name: everyone[side == number] for number, name in enumerate(SPLITS)}


def _take_named(recipe: Recipe, faces: Sequence[Face], side: Ints) -> None:
    problems = []
    wanted = {1: recipe.split.val_faces, 2: recipe.split.test_faces}
    for number, patterns in wanted.items():
        for pattern in patterns:
            key = f"split.{SPLITS[number]}_faces"
            names = (face.name if face.is_written else face.file for face in faces)
            at = match_names(names, pattern)
            if not any(at):
                problems.append(
                    f"{recipe.place(key)}: no face is called '{pattern}'"
                    " (expected the file name of a font of the recipe)"
                )
            if (side[at] == 3 - number).any():
                problems.append(
                    f"{recipe.place(key)}: '{pattern}' is in val_faces and in test_faces"
                    " (expected one of them)"
                )
            side[at] = number
    if problems:
        raise RecipeError(*problems)


def _check_typefaces(recipe: Recipe, faces: Sequence[Face], typefaces: Ints, side: Ints) -> None:
    problems = []
    for first in np.unique(typefaces):
        members = np.flatnonzero(typefaces == first).tolist()
        if len(np.unique(side[members])) > 1:
            names = show_some(
                (f"{faces[m].file} ({SPLITS[side[m]]})" for m in members), most=len(members)
            )
            problems.append(
                f"{recipe.place('split')}: {names} are one typeface: of one family, or drawn alike"
                " (put them on one side)"
            )
    if problems:
        raise RecipeError(*problems)


def _take_shares(recipe: Recipe, typefaces: Ints, side: Ints) -> None:
    """Give whole typefaces to test and val, in an order drawn from the seed."""
    groups = np.unique(typefaces)
    order = iter(groups[order_by_words(recipe.seed, Stage.SPLIT, len(groups))])
    for number, share in ((2, recipe.split.test), (1, recipe.split.val)):
        while share and (side == number).sum() < max(1, round(share * len(typefaces))):
            group = next(order, None)
            if group is None:
                return
            side[typefaces == group] = number


def share_samples(recipe: Recipe, n: Ints, n_faces: dict[str, int]) -> dict[str, Ints]:
    """Divide the samples of each class among the splits.

    By sample as the shares say; by face in proportion to the faces of each split, so that every face
    has equally many.

    Args:
        recipe: Its ``[split]``.
        n: (C,), the samples of each class.
        n_faces: Faces of each split.

    Returns:
        (C,) for each split.
    """
    if recipe.split.by == "none":
        shares = {"train": 1.0, "val": 0.0, "test": 0.0}
    elif recipe.split.by == "face":
        total = sum(n_faces.values()) or 1
        shares = {name: count / total for name, count in n_faces.items()}
    else:
        shares = {"val": recipe.split.val, "test": recipe.split.test}
    val, test = (np.rint(n * shares[name]).astype(np.int64) for name in ("val", "test"))
    return {"train": n - val - test, "val": val, "test": test}
