"""``glyphgen export``: a dataset in another format."""

from pathlib import Path

import click

from glyphgen.choices import EXPORT_FORMATS
from glyphgen.cli.talk import print_path, show_progress

__all__ = ["export"]

_HELP = """Write DATASET in another FORMAT, into a folder of its own.

\b
{formats}

Prints the folder.

\b
Example:
    glyphgen export coco datasets/persian-letter-pages --out letters-coco
""".format(formats="\n".join(f"{name:<9} {entry.help}" for name, entry in EXPORT_FORMATS.items()))


@click.command(help=_HELP)
@click.argument("target_format", metavar="FORMAT", type=click.Choice(list(EXPORT_FORMATS)))
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where."
)
@click.option(
    "--polygons",
    is_flag=True,
    help="Segment characters by polygons of their ink; takes the fonts that drew the pages.",
)
@click.option("--force", is_flag=True, help="Write into a folder that holds something.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def export(
    target_format: str, dataset: Path, out: Path, polygons: bool, force: bool, quiet: bool
) -> None:
    """Export a dataset; see ``_HELP``."""
    from glyphgen.exchange.exporting import export_dataset

    with show_progress(quiet=quiet) as reporter:
        export_dataset(
            target_format, dataset, out, polygons=polygons, force=force, reporter=reporter
        )
    print_path(out)
