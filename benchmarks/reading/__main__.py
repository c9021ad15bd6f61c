"""What networks that were trained on fonts alone read of people's hands."""

from pathlib import Path

import click

from benchmarks.reading.validation import choose_framing, make_validation
from glyphgen.choices import SPLITS
from glyphgen.errors import GlyphgenError
from glyphgen.recipe import read_recipe


@click.group()
def main() -> None:
    """Measure what networks read that were trained on fonts alone."""


@main.command()
@click.argument("recipe")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="NPZ"
)
@click.option(
    "--split",
    type=click.Choice([name for name in SPLITS if name != "train"]),
    default="val",
    show_default=True,
    help="Whose faces: val to choose by, test to report.",
)
@click.option("--per-class", type=click.IntRange(1, 500), default=60, show_default=True)
@click.option("--side", type=click.IntRange(16, 512), default=96, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def validation(recipe: str, out: Path, split: str, per_class: int, side: int, seed: int) -> None:
    """Draw the faces that RECIPE holds out, change them by other means, and write an .npz.

    Prints how ``glyphgen evaluate`` reads it.
    """
    try:
        make_validation(recipe, out, split=split, per_class=per_class, side=side, seed=seed)
        framing = choose_framing(read_recipe(recipe))
    except GlyphgenError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    click.echo(f"glyphgen evaluate RUN {out} --framing {framing}")


if __name__ == "__main__":
    main()
