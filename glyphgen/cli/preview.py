"""``glyphgen preview``: a contact sheet before anything is written."""

from pathlib import Path

import click

from glyphgen.cli.options import set_option
from glyphgen.cli.talk import print_warnings

__all__ = ["preview"]


@click.command()
@click.argument("recipe")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("preview.png"),
    show_default=True,
    metavar="PNG",
)
@click.option("--per-class", type=click.IntRange(min=1), default=4, show_default=True, metavar="K")
@click.option(
    "--classes",
    "n_classes",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    metavar="N",
    help="Show at most N classes, spread evenly.",
)
@set_option
def preview(
    recipe: str, out: Path, per_class: int, n_classes: int, overrides: tuple[str, ...]
) -> None:
    """Draw a contact sheet of RECIPE without writing a dataset. Prints the PNG's path.

    \b
    Example:
        glyphgen preview kana -o kana.png --set render.wobble.amplitude=0.03
    """
    from glyphgen.blueprint import draw_up_blueprint
    from glyphgen.preview import preview_recipe
    from glyphgen.recipe import read_recipe

    blueprint = draw_up_blueprint(read_recipe(recipe, overrides))
    print_warnings(blueprint.warnings)
    click.echo(blueprint.describe(), err=True)
    n_shown = preview_recipe(blueprint, out, per_class=per_class, n_classes=n_classes)
    if n_shown < len(blueprint.table):
        click.echo(f"{n_shown:,} of {len(blueprint.table):,} classes shown", err=True)
    click.echo(str(out))
