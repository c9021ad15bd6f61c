"""A rendered dataset -> its recipe worked out again, where its fonts still lie."""

from glyphgen.dataset.index import Index, read_index
from glyphgen.dataset.run_page import read_run_page
from glyphgen.errors import DamagedError, GlyphgenError, RecipeError
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.files.opening import RECIPE, describe_unread
from glyphgen.files.store import open_store
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe, dump_recipe, parse_recipe
from glyphgen.render.indexing import RECIPE_NAME
from glyphgen.render.preparing import PreparedRender, hash_content, prepare_render
from glyphgen.version import VERSION

__all__ = ["recall_recipe", "recall_render"]

_AGAIN = "make the dataset again, with --force"


def recall_recipe(folder: Place, index: Index) -> Recipe:
    """Return the recipe of a rendered dataset, after proving that index.json tells of this recipe.

    Raises:
        DamagedError: recipe.toml cannot be read, or index.json tells of another.
        GlyphgenError: Another glyphgen made the dataset, whose recipes may be others.
    """
    if index.made_by != "render":
        raise GlyphgenError(
            f"{folder}: made by `glyphgen {index.made_by}`, not drawn from a recipe"
        )
    made_by_version = index.versions.get("glyphgen")
    if made_by_version != VERSION:
        raise GlyphgenError(f"{folder}: made by glyphgen {made_by_version}, this is {VERSION}")
    run = read_run_page(folder)
    path = folder / RECIPE_NAME
    try:
        text = open_store(folder).get_range(RECIPE_NAME, kind=RECIPE)
        recipe = parse_recipe(text, path, run.recipe_folder)
    except OSError as error:
        raise DamagedError(f"{path}: {describe_unread(error)} ({_AGAIN})") from None
    except RecipeError as error:
        raise DamagedError(*error.problems) from None
    if text != dump_recipe(recipe).encode():  # all defaults are spelled out: it had other keys
        raise GlyphgenError(f"{path}: written by another glyphgen, whose recipes have other keys")
    labels, forms = [info.label for info in index.classes], [info.forms for info in index.classes]
    faces = [
        (f.sha256, f.index, tuple(f.axes.items()), f.weight, f.hand, f.alternate)
        for f in index.faces
    ]
    if hash_content(recipe, labels, forms, faces) != index.content_key:
        raise DamagedError(
            f"{folder}: {RECIPE_NAME}, and the classes, fonts and content_key of index.json, are not"
            f" of one dataset ({_AGAIN})"
        )
    return recipe


def recall_render(folder: AnyPlace, *, reporter: Reporter = SILENT) -> PreparedRender:
    """Return what ``prepare_render`` gives for the recipe of a rendered dataset.

    Args:
        folder: Of the dataset.
        reporter: As for ``prepare_render``.

    Raises:
        DamagedError: Its recipe cannot be read, or is another than index.json tells of.
        GlyphgenError: It was not rendered, its fonts are gone, or they or glyphgen have changed.
    """
    folder = parse_place(folder)
    index = read_index(folder)
    recipe = recall_recipe(folder, index)
    # Without the cache the gate examines the fonts again.
    prepared = prepare_render(recipe, use_cache=False, reporter=reporter)
    if prepared.content_key != index.content_key:
        raise GlyphgenError(f"{folder}: its fonts have changed since it was made")
    return prepared
