"""A rendered dataset -> its recipe worked out again, where its fonts still lie."""

import json
import os
from pathlib import Path

from glyphgen.dataset.reader import load
from glyphgen.errors import GlyphgenError
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render

__all__ = ["recall_render"]


def recall_render(folder: str | os.PathLike[str]) -> PreparedRender:
    """Return what ``prepare_render`` gives for the recipe of a rendered dataset.

    Raises:
        GlyphgenError: It was not rendered, its fonts are gone, or they, its recipe or glyphgen have
            changed.
    """
    folder = Path(folder)
    index = load(folder).index
    if index.made_by != "render":
        raise GlyphgenError(
            f"{folder}: made by `glyphgen {index.made_by}`, not drawn from a recipe"
        )
    try:
        run = json.loads((folder / "run.json").read_bytes())
        recipe_folder = Path(run["recipe_folder"])
    except (OSError, ValueError, LookupError, TypeError):
        raise GlyphgenError(f"{folder / 'run.json'}: does not tell where the fonts are") from None
    recipe = read_recipe(folder / "recipe.toml", folder=recipe_folder)
    prepared = prepare_render(recipe, use_cache=False)  # so that the gate examines the fonts again
    if prepared.content_key != index.content_key:
        raise GlyphgenError(
            f"{folder}: its fonts, its recipe or glyphgen have changed since it was made"
        )
    return prepared
