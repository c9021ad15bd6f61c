"""Which faces and how many samples train, val and test have; knows nothing of rows or pixels."""

import fnmatch
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import RecipeError
from glyphgen.fonts import Face
from glyphgen.recipe import Recipe
from glyphgen.streams import Stage, order_by_words
from glyphgen.text import show_some

__all__ = ["SPLITS", "share_samples", "split_faces"]

SPLITS = ("train", "val", "test")


def split_faces(
    recipe: Recipe, faces: Sequence[Face], kin: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Return the faces of each split: all in each of them, unless the split is by face.

    Raises:
        RecipeError: A glob matches no face, a face is on two sides, kin are on two sides, or no face
            is left for train.
    """
    everyone = np.arange(len(faces))
    if recipe.split.by != "face":
        return dict.fromkeys(SPLITS, everyone)
    side = np.zeros(len(faces), dtype=np.int64)
    if recipe.split.val_faces or recipe.split.test_faces:
        _take_named(recipe, faces, side)
        _check_kin(recipe, faces, kin, side)
    else:
        _take_shares(recipe, kin, side)
    if not (side == 0).any():
        raise RecipeError(
            f"{recipe.place('split')}: no face of {len(faces)} is left for train"
            " (hold out fewer, or add fonts of other families)"
        )
    return {name: everyone[side == number] for number, name in enumerate(SPLITS)}


def _take_named(recipe: Recipe, faces: Sequence[Face], side: NDArray[np.int64]) -> None:
    problems = []
    wanted = {1: recipe.split.val_faces, 2: recipe.split.test_faces}
    for number, patterns in wanted.items():
        for pattern in patterns:
            key = f"split.{SPLITS[number]}_faces"
            at = [fnmatch.fnmatchcase(face.path.name, pattern) for face in faces]
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


def _check_kin(
    recipe: Recipe, faces: Sequence[Face], kin: NDArray[np.int64], side: NDArray[np.int64]
) -> None:
    problems = []
    for first in np.unique(kin):
        members = np.flatnonzero(kin == first).tolist()
        if len(np.unique(side[members])) > 1:
            names = show_some(
                (f"{faces[m].path.name} ({SPLITS[side[m]]})" for m in members), most=len(members)
            )
            problems.append(
                f"{recipe.place('split')}: {names} are one hand: of one family, or drawn alike"
                " (put them on one side)"
            )
    if problems:
        raise RecipeError(*problems)


def _take_shares(recipe: Recipe, kin: NDArray[np.int64], side: NDArray[np.int64]) -> None:
    """Give whole groups of kin to test and val, in an order drawn from the seed."""
    groups = np.unique(kin)
    order = iter(groups[order_by_words(recipe.seed, Stage.SPLIT, len(groups))])
    for number, share in ((2, recipe.split.test), (1, recipe.split.val)):
        while share and (side == number).sum() < max(1, round(share * len(kin))):
            group = next(order, None)
            if group is None:
                return
            side[kin == group] = number


def share_samples(recipe: Recipe, n: int, n_faces: dict[str, int]) -> dict[str, int]:
    """Divide the n samples of a class among the splits.

    By sample as the shares say; by face in proportion to the faces of each split, so that every face
    has equally many.
    """
    if recipe.split.by == "none":
        shares = {"train": 1.0, "val": 0.0, "test": 0.0}
    elif recipe.split.by == "face":
        total = sum(n_faces.values())
        shares = {name: count / total for name, count in n_faces.items()}
    else:
        shares = {"val": recipe.split.val, "test": recipe.split.test}
    held_out = {name: round(n * shares[name]) for name in ("val", "test")}
    return {"train": n - sum(held_out.values()), **held_out}
