"""The rows of a recipe: drawn, changed as it augments, and turned as it wants them on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import Augmenter, make_augmenter
from glyphgen.engines import Engine, EngineInputs, make_engine
from glyphgen.fonts import Face
from glyphgen.images.polarity import from_ink
from glyphgen.outlines import Outlines
from glyphgen.plan import SAMPLE_DTYPE, Placements, Plan
from glyphgen.recipe import Recipe

if TYPE_CHECKING:  # a worker needs no gate
    from glyphgen.render.preparing import PreparedRender

__all__ = [
    "RenderJob",
    "RowDrawer",
    "apply_polarity",
    "augment_images",
    "draw_placements",
    "draw_rows",
    "find_sample_dtype",
    "make_render_job",
    "open_augmenter",
]

_ROWS_AT_ONCE = 8192  # planned together: enough to make the plan cheap, little enough to be small


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """What a worker needs to draw any row: with the vector engine, no font among it."""

    plan: Plan
    store_file: Path
    store_kind: type[Outlines]
    faces: tuple[Face, ...]
    forms: tuple[str, ...]

    def open(self) -> "RowDrawer":
        """Return what draws rows."""
        return RowDrawer(self.plan, self.open_engine())

    def open_engine(self) -> Engine:
        """Return the engine, over the memory-mapped outlines."""
        recipe, store = self.plan.recipe, self.store_kind.open(self.store_file)
        inputs = EngineInputs.of_recipe(recipe, store, self.faces, self.forms)
        return make_engine(recipe.render.engine, inputs)


class RowDrawer:
    """Draws rows.

    Args:
        plan: Of all rows.
        engine: Of the plan's recipe.
    """

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self._plan = plan
        self._engine = engine

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        """Draw some rows; see ``draw_rows``."""
        draw_rows(self._plan, self._engine, rows.start, images, samples)


def make_render_job(prepared: "PreparedRender", work_folder: Path) -> RenderJob:
    """Return what workers need, with the outlines written where they can map them."""
    store_file = work_folder / "outlines"
    prepared.store.write(store_file)
    return RenderJob(
        plan=prepared.plan,
        store_file=store_file,
        store_kind=type(prepared.store),
        faces=prepared.faces,
        forms=prepared.table.all_forms,
    )


def draw_rows(
    plan: Plan,
    engine: Engine,
    first: int,
    images: NDArray[np.uint8],
    samples: NDArray[Any],
) -> None:
    """Draw the rows from ``first`` on, as they lie on disk.

    Args:
        plan: Of all rows.
        engine: Of the plan's recipe.
        first: First row.
        images: uint8 (n, H, W), filled, with the recipe's polarity.
        samples: (n,) of ``find_sample_dtype(plan.recipe)``, filled.
    """
    augmenter = open_augmenter(plan.recipe)
    for start in range(0, len(images), _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, len(images)))
        placements = plan.rows(first + part.start, first + part.stop)
        draw_placements(engine, augmenter, placements, images[part], samples[part])
    apply_polarity(plan.recipe, images)


def draw_placements(
    engine: Engine,
    augmenter: Augmenter | None,
    placements: Placements,
    images: NDArray[np.uint8],
    samples: NDArray[Any],
) -> None:
    """Draw samples, and change them as the recipe augments.

    Args:
        engine: Of the recipe.
        augmenter: Of the recipe, if it has one.
        placements: Of n samples.
        images: uint8 (n, H, W), filled, ink 255.
        samples: (n,) of ``find_sample_dtype``, filled.
    """
    engine.draw(placements, images)
    samples[list(SAMPLE_DTYPE.names or ())] = placements.samples
    if augmenter:
        values = augment_images(augmenter, placements.samples, images)
        samples[list(values.dtype.names or ())] = values


def find_sample_dtype(recipe: Recipe) -> np.dtype[np.void]:
    """Return the type of a recipe's samples: the plan's fields, and those of its augmentation."""
    augmenter = open_augmenter(recipe)
    added = augmenter.dtype.descr if augmenter else []
    return np.dtype([*SAMPLE_DTYPE.descr, *added])


def open_augmenter(recipe: Recipe) -> Augmenter | None:
    """Return what changes the drawn images of a recipe; None where nothing does.

    Raises:
        AugmentError: A transform of albumentations is unknown, or refuses its arguments.
    """
    if not recipe.augment:
        return None
    return make_augmenter(
        recipe.augment,
        seed=recipe.seed,
        height=recipe.image.height,
        width=recipe.image.width,
        place=recipe.place,
    )


def augment_images(
    augmenter: Augmenter, samples: NDArray[Any], images: NDArray[np.uint8]
) -> NDArray[np.void]:
    """Change images in place as their samples draw it.

    Args:
        augmenter: Of the recipe.
        samples: (n,) of ``SAMPLE_DTYPE``.
        images: uint8 (n, H, W), ink 255.

    Returns:
        (n,) of the augmenter's dtype, the values that were drawn.
    """
    values = augmenter.draw_values(
        samples["class_index"].astype(np.int64), samples["sample"].astype(np.int64)
    )
    augmenter.apply(images, values, images)
    return values


def apply_polarity(recipe: Recipe, images: NDArray[np.uint8]) -> None:
    """Turn images with ink 255, as they are drawn, into what the recipe wants on disk."""
    from_ink(images, recipe.image.polarity, out=images)
