"""``glyphgen fetch``: a public collection from its official address."""

from pathlib import Path

import click

from glyphgen.choices import COLLECTIONS
from glyphgen.cli.talk import print_path, show_progress

__all__ = ["fetch"]

_HELP = """Fetch the files of a public COLLECTION, and check their hashes.

\b
{collections}

What is there already is kept, and what was cut off goes on. Prints the folder.

\b
Example:
    glyphgen fetch k49 --out downloads/k49
    glyphgen import k49 downloads/k49
""".format(collections="\n".join(f"{name:<9} {text}" for name, text in COLLECTIONS.items()))


@click.command(help=_HELP)
@click.argument("collection", type=click.Choice(list(COLLECTIONS)))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where.  [default: downloads/<collection>]",
)
@click.option("--mirror", metavar="URL", help="Another address that holds the collection's folder.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
def fetch(collection: str, out: Path | None, mirror: str | None, quiet: bool) -> None:
    """Fetch a collection; see ``_HELP``."""
    from glyphgen.fetch import fetch_collection
    from glyphgen.fetch.catalog import CATALOG_ADDRESS

    folder = out or Path("downloads") / collection
    with show_progress(quiet=quiet) as reporter:
        fetch_collection(collection, folder, mirror=mirror or CATALOG_ADDRESS, reporter=reporter)
    print_path(folder)
