"""``glyphgen report``: a page that people look at."""

from pathlib import Path

import click

from glyphgen.cli.options import PLACE, json_option, label_font_option
from glyphgen.cli.talk import find_newest_dataset, print_result, say, show_progress
from glyphgen.files.address import Place

__all__ = ["report"]


@click.command()
@click.argument("places", nargs=-1, type=PLACE, metavar="[DATASET|RUN]...")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    metavar="HTML",
)
@click.option(
    "--figures",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write each figure of a dataset as PNG and SVG, too.",
)
@label_font_option
@json_option
def report(
    places: tuple[Place, ...],
    out: Path,
    figures: Path | None,
    label_font: Path | None,
    as_json: bool,
) -> None:
    """Write one HTML page about a dataset, a training, or two datasets side by side.

    Without a place it is the newest complete dataset under datasets/. Prints the page's path.

    \b
    Example:
        glyphgen report datasets/kana -o kana.html
        glyphgen report datasets/kana datasets/k49 -o compared.html
    """
    from glyphgen.report import make_report

    shown = places or (find_newest_dataset(),)
    with show_progress(quiet=False) as reporter:
        reported = make_report(
            shown, out, figures=figures, label_font=label_font, reporter=reporter
        )
    for line in reported.summary.get("differences", ()):
        say(line)
    summary = {
        "report": str(reported.path),
        "bytes": reported.n_bytes,
        "figures": [str(path) for path in reported.figures],
        **reported.summary,
    }
    print_result(str(reported.path), summary, as_json=as_json)
