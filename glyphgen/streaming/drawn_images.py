"""The images of a recipe without an end: those of its dataset first, and then more of the same kind."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.augment import Augmenter
from glyphgen.choices import SPLITS, check_choice
from glyphgen.engines import Engine, EngineInputs, make_engine
from glyphgen.errors import RecipeError
from glyphgen.outlines import RunStore
from glyphgen.plan import Placements, Plan
from glyphgen.plan.style_plan import StylePlan
from glyphgen.recipe import Recipe
from glyphgen.render.drawing import apply_polarity, find_sample_dtype, open_augmenter
from glyphgen.render.page_drawing import PageDrawer
from glyphgen.render.preparing import PreparedRender
from glyphgen.streaming.image_source import ImageSource, OpenedByThread, hash_source

__all__ = ["check_endless", "open_recipe_images"]

Ints = NDArray[np.int64]


def open_recipe_images(
    prepared: PreparedRender, split: str = "train", seed: int | None = None
) -> ImageSource:
    """Return the images of a split of a recipe.

    The first of each class are those of the recipe's dataset, if the seed is the recipe's own. Another
    seed draws other images of the same faces: which of them are held out is the recipe's matter.

    Args:
        prepared: The recipe, worked out.
        split: One that the recipe's dataset has.
        seed: 0 to 2**64 - 1; the recipe's own without it.

    Raises:
        ChoiceError: The dataset has no such split.
        RecipeError: The recipe is of pages, or of a grid, which has an end.
    """
    recipe, planned, store = prepared.recipe, prepared.planned, prepared.store
    check_endless(recipe)
    check_choice(split, planned.splits, f"{recipe.name}: split")
    if seed is not None:
        recipe = recipe.model_copy(update={"seed": seed})
    if isinstance(planned, StylePlan) and isinstance(store, RunStore):
        return _DrawnSheets(prepared, replace(planned, recipe=recipe), split)
    if isinstance(planned, Plan):
        return _DrawnImages(prepared, replace(planned, recipe=recipe), split)
    raise TypeError("expected one label for each image")


def check_endless(recipe: Recipe) -> None:
    """Check that there can be a stream of a recipe.

    Raises:
        RecipeError: It is of pages, or of a grid, which has an end.
    """
    if recipe.page is not None:
        raise RecipeError(
            f"{recipe.place('page')}: a page has many labels, and a stream gives one for each image"
            " (`glyphgen render` makes pages with their boxes)"
        )
    if recipe.render.mode == "grid":
        raise RecipeError(
            f"{recipe.place('render.mode')}: a grid has no more images than its combinations, and a"
            ' stream has no end (render.mode = "random")'
        )


class _Drawn:
    """What is known of the images of a recipe before any is drawn."""

    def __init__(self, prepared: PreparedRender, recipe: Recipe, n_cells: Ints, split: str) -> None:
        image = recipe.image
        self.name, self.seed = recipe.name, recipe.seed
        self.labels = tuple(prepared.table.labels)
        self.height, self.width, self.polarity = image.height, image.width, image.polarity
        self.has_images = n_cells > 0
        self.key = hash_source("recipe", replace(prepared, recipe=recipe).content_key, split)
        self._split = split


@dataclass(frozen=True, slots=True)
class _Planned:
    placements: Placements
    values: NDArray[Any] | None  # of the augmentation


class _DrawnImages(_Drawn):
    def __init__(self, prepared: PreparedRender, plan: Plan, split: str) -> None:
        n_cells = np.diff(plan.turns[SPLITS.index(split)].cell_start)
        super().__init__(prepared, plan.recipe, n_cells, split)
        self._plan, self._store = plan, prepared.store
        self._faces, self._forms = prepared.faces, prepared.table.all_forms
        self._opened: OpenedByThread[tuple[Engine, Augmenter | None]] = OpenedByThread()

    def plan(self, class_index: Ints, nth: Ints) -> _Planned:
        placements = self._plan.draw_endless(self._split, class_index, nth)
        augmenter = self._opened.get(self._open)[1]
        return _Planned(
            placements,
            augmenter.draw_values(class_index, placements.samples["sample"].astype(np.int64))
            if augmenter
            else None,
        )

    def draw(self, planned: _Planned, part: slice, out: NDArray[np.uint8]) -> None:
        engine, augmenter = self._opened.get(self._open)
        engine.draw(planned.placements.take(np.arange(part.start, part.stop)), out)
        if augmenter and planned.values is not None:
            augmenter.apply(out, planned.values[part], out)
        apply_polarity(self._plan.recipe, out)

    def _open(self) -> tuple[Engine, Augmenter | None]:
        recipe = self._plan.recipe
        inputs = EngineInputs.of_recipe(recipe, self._store, self._faces, self._forms)
        return make_engine(recipe.render.engine, inputs), open_augmenter(recipe)


class _DrawnSheets(_Drawn):
    """Of styles."""

    def __init__(self, prepared: PreparedRender, plan: StylePlan, split: str) -> None:
        n_cells = np.array([len(cells) for cells in plan.usable[split]])
        super().__init__(prepared, plan.recipe, n_cells, split)
        self._plan, self._store = plan, prepared.store
        self._opened: OpenedByThread[PageDrawer] = OpenedByThread()

    def plan(self, class_index: Ints, nth: Ints) -> list[tuple[int, int]]:
        return list(zip(class_index.tolist(), nth.tolist(), strict=True))

    def draw(self, planned: list[tuple[int, int]], part: slice, out: NDArray[np.uint8]) -> None:
        store = self._store
        assert isinstance(store, RunStore)
        drawer = self._opened.get(lambda: PageDrawer(self._plan, store))
        scenes = [
            self._plan.make_sheet(self._split, style, nth, store) for style, nth in planned[part]
        ]
        samples = np.empty(len(scenes), dtype=find_sample_dtype(self._plan.recipe))
        drawer.draw_scenes(scenes, out, samples)
