"""``glyphgen preview``: a contact sheet before anything is written."""

from pathlib import Path

import click

from glyphgen.cli.options import set_option
from glyphgen.cli.talk import print_path, print_warnings, say, show_progress

__all__ = ["preview"]


@click.command()
@click.argument("recipe", metavar="RECIPE|DATASET")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("preview.png"),
    show_default=True,
    metavar="PNG",
)
@click.option(
    "--per-class",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    metavar="K",
    help="Samples of each class, or pages of a recipe of pages, with their boxes.",
)
@click.option(
    "--classes",
    "n_classes",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    metavar="N",
    help="Show at most N classes, spread evenly.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="S",
    help="Of a recipe's samples, or of the lot that draws a dataset's.",
)
@set_option
def preview(
    recipe: str,
    out: Path,
    per_class: int,
    n_classes: int,
    seed: int | None,
    overrides: tuple[str, ...],
) -> None:
    """Draw a contact sheet of a recipe, without writing a dataset, or of a dataset.

    Prints the PNG's path.

    \b
    Example:
        glyphgen preview kana -o kana.png --set render.wobble.amplitude=0.03
    """
    from glyphgen.recipe import read_recipe
    from glyphgen.render.preparing import prepare_render
    from glyphgen.render.previewing import preview_dataset, preview_pages, preview_recipe

    if Path(recipe).is_dir():
        from glyphgen.dataset.reader import load

        if overrides:
            raise click.UsageError(
                "--set: a dataset is as it is, expected a recipe with this option"
            )
        dataset = load(recipe)
        n_shown = preview_dataset(
            dataset, out, per_class=per_class, n_classes=n_classes, seed=seed or 0
        )
        if n_shown < len(dataset.classes):
            say(f"{n_shown:,} of {len(dataset.classes):,} classes shown")
        print_path(out)
        return
    if seed is not None:
        overrides = (*overrides, f"seed={seed}")
    with show_progress(quiet=False) as reporter:
        prepared = prepare_render(read_recipe(recipe, overrides), reporter=reporter)
    print_warnings(prepared.warnings)
    say(prepared.describe())
    if prepared.recipe.page is not None:
        preview_pages(prepared, out, n_pages=per_class)
        print_path(out)
        return
    n_shown = preview_recipe(prepared, out, per_class=per_class, n_classes=n_classes)
    if n_shown < len(prepared.table):
        say(f"{n_shown:,} of {len(prepared.table):,} classes shown")
    print_path(out)
