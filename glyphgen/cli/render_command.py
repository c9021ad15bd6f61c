"""``glyphgen render``: a recipe becomes a dataset."""

import click

from glyphgen.cli.options import making_options, set_option
from glyphgen.cli.talk import (
    DATASETS,
    print_result,
    say_how_to_resume,
    say_produced,
    show_progress,
)
from glyphgen.files.address import Place

__all__ = ["render"]


@click.command()
@click.argument("recipe")
@click.option(
    "--per-class",
    type=click.IntRange(min=1),
    metavar="N",
    help="Samples of each class: the recipe's render.per_class.",
)
@click.option("--seed", type=click.IntRange(min=0), metavar="S", help="The recipe's seed.")
@set_option
@making_options
def render(
    recipe: str,
    per_class: int | None,
    seed: int | None,
    out: Place | None,
    workers: int,
    executor: str,
    format: str | None,
    overrides: tuple[str, ...],
    force: bool,
    mend: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the dataset of RECIPE: a TOML file, or the name of a recipe that comes with glyphgen.

    What is there of the same dataset is kept: after an interruption the same command goes on, and a
    damaged shard is made again. Prints the dataset's folder.

    \b
    Example:
        glyphgen render kana --per-class 100 --out /tmp/kana
    """
    from glyphgen.recipe import read_recipe
    from glyphgen.render.rendering import render_dataset

    flags = {"render.per_class": per_class, "seed": seed, "output.format": format}
    given = (f"{key}={value}" for key, value in flags.items() if value is not None)
    read = read_recipe(recipe, (*overrides, *given))
    folder = out or DATASETS / read.name
    with say_how_to_resume(folder), show_progress(quiet=quiet) as reporter:
        rendered = render_dataset(
            read,
            folder,
            workers=workers,
            executor=executor,
            force=force,
            mend=mend,
            reporter=reporter,
        )
    if not quiet:
        say_produced(rendered)
    print_result(
        str(folder),
        {
            "dataset": str(folder),
            "digest": rendered.digest,
            "rows": rendered.n_rows,
            "rows_drawn": rendered.n_made,
            "cells_refused": rendered.n_refused,
            "seconds": round(rendered.seconds, 3),
            "images_per_second": round(rendered.images_per_second),
        },
        as_json=as_json,
    )
