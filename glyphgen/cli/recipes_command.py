"""``glyphgen recipes``: the recipes that come with glyphgen."""

import re

import click

from glyphgen.cli.options import json_option
from glyphgen.cli.talk import print_json, print_table

__all__ = ["list_recipes"]


@click.command("recipes")
@json_option
def list_recipes(as_json: bool) -> None:
    """List the recipes that come with glyphgen: `glyphgen render NAME` makes the dataset of one.

    \b
    Example:
        glyphgen recipes
    """
    from glyphgen.files.opening import RECIPE, read_regular
    from glyphgen.layout.page_texts import make_recipe_table
    from glyphgen.recipe import list_shipped, read_recipe

    rows = []
    for name, path in list_shipped().items():
        recipe = read_recipe(path)
        rows.append(
            {
                "recipe": name,
                "classes": len(make_recipe_table(recipe)),
                "image": f"{recipe.image.height} x {recipe.image.width}",
                "about": _find_first_words(read_regular(path, RECIPE).decode()),
                "file": str(path),
            }
        )
    if as_json:
        print_json(rows, indent=2)
        return
    columns = ("recipe", "classes", "image", "about")
    print_table(columns, ([row[key] for key in columns] for row in rows))


def _find_first_words(text: str) -> str:
    """Return what the comment at the head of a recipe says, up to the first stop."""
    comment = " ".join(re.findall(r"^# (.*)$", text.partition("\n\n")[0], flags=re.MULTILINE))
    return re.split(r"[.:;](?: |$)", comment)[0]
