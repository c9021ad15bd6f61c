"""``glyphgen card``: what whoever publishes a dataset says of it."""

import click

from glyphgen.cli.options import PLACE
from glyphgen.cli.talk import find_newest_dataset, print_path, show_progress
from glyphgen.files.address import Place

__all__ = ["card"]


@click.command()
@click.argument("dataset", type=PLACE, required=False)
@click.option(
    "-o",
    "--out",
    type=PLACE,
    metavar="DIR",
    help="Where.  [default: the dataset's folder]",
)
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def card(dataset: Place | None, out: Place | None, quiet: bool) -> None:
    """Describe DATASET for whoever finds it: README.md, croissant.json and a picture.

    README.md is a dataset card as Hugging Face has them: how the images were made, classes, splits, fonts
    with their licenses, limits, twins, and how to make it again. Every export has one. Prints its path.

    \b
    Example:
        glyphgen card datasets/kana
    """
    from glyphgen.exchange.card import write_card

    folder = dataset or find_newest_dataset()
    with show_progress(quiet=quiet) as reporter:
        path = write_card(folder, out, reporter=reporter)
    print_path(str(path))
