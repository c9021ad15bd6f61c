"""A rendered dataset -> its recipe worked out again, where its fonts still lie."""

import json
import os
from pathlib import Path

from glyphgen.dataset.reader import load
from glyphgen.errors import GlyphgenError
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render

__all__ = ["recall_render"]


def recall_render(folder: str | os.PathLike[str], *, reporter: Reporter = SILENT) -> PreparedRender:
    """Return what ``prepare_render`` gives for the recipe of a rendered dataset.

    Args:
        folder: Of the dataset.
        reporter: As for ``prepare_render``.

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
    # Without the cache the gate examines the fonts again.
    prepared = prepare_render(recipe, use_cache=False, reporter=reporter)
    if prepared.content_key != index.content_key:
        raise GlyphgenError(
            f"{folder}: its fonts, its recipe or glyphgen have changed since it was made"
        )
    return prepared
