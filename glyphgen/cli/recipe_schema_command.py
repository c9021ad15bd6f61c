"""``glyphgen recipe-schema``: what editors know of recipes."""

import click

from glyphgen.cli.talk import print_json

__all__ = ["print_recipe_schema"]


@click.command("recipe-schema")
def print_recipe_schema() -> None:
    """Print the JSON Schema of recipes, for editors.

    \b
    Example:
        glyphgen recipe-schema > recipe.schema.json
    """
    from glyphgen.recipe import recipe_schema

    print_json(recipe_schema(), indent=2)
