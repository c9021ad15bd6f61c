"""``glyphgen export``: a dataset in another format."""

import click

from glyphgen.choices import EXPORT_FORMATS, FOLDER_NAMES, POLARITIES
from glyphgen.cli.options import PLACE, executor_option, json_option
from glyphgen.cli.talk import print_result, say, say_how_to_resume, show_progress
from glyphgen.cpus import count_cpus
from glyphgen.files.address import Place
from glyphgen.text import show_count

__all__ = ["export"]

_HELP = """Write DATASET in another FORMAT.

\b
{formats}

Images keep their pixels and polarity, labels are positions in the class table, which lies beside them as
classes.json. The dataset is never written to. An export that was interrupted goes on when the same command
is run again. Prints the folder.

\b
Example:
    glyphgen export folder datasets/kana --out kana-folder
    glyphgen export parquet datasets/kana --out kana-hf --verify
""".format(formats="\n".join(f"{name:<10} {entry.help}" for name, entry in EXPORT_FORMATS.items()))


@click.command(help=_HELP)
@click.argument("target_format", metavar="FORMAT", type=click.Choice(list(EXPORT_FORMATS)))
@click.argument("dataset", type=PLACE)
@click.option(
    "-o",
    "--out",
    type=PLACE,
    required=True,
    metavar="DIR",
    help="Where, or s3://bucket/name; for npz also a file whose name ends with .npz.",
)
@click.option("--splits", metavar="train,test", help="Only these.  [default: all]")
@click.option(
    "--names",
    type=click.Choice(list(FOLDER_NAMES)),
    default="label",
    show_default=True,
    help="Of the folders of classes (folder).",
)
@click.option(
    "--polarity",
    type=click.Choice(list(POLARITIES)),
    help="Of the images that are written.  [default: that of the dataset]",
)
@click.option(
    "--polygons",
    is_flag=True,
    help="Segment characters by polygons of their ink; takes the fonts that drew the pages (coco).",
)
@click.option("--no-card", is_flag=True, help="Write no README.md and no croissant.json.")
@click.option(
    "--verify", is_flag=True, help="Read all back with the format's own library, and compare."
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=count_cpus,
    metavar="N",
    help="Processes that write.  [default: all cores]",
)
@executor_option
@click.option("--force", is_flag=True, help="Replace what is in the folder.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@json_option
def export(
    target_format: str,
    dataset: Place,
    out: Place,
    splits: str | None,
    names: str,
    polarity: str | None,
    polygons: bool,
    no_card: bool,
    verify: bool,
    workers: int,
    executor: str,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Export a dataset; see ``_HELP``."""
    from glyphgen.exchange.export_format import ExportOptions
    from glyphgen.exchange.exported_pages import EXPORT_NAME
    from glyphgen.exchange.exporting import export_dataset

    options = ExportOptions(
        splits=tuple(name.strip() for name in splits.split(",")) if splits else (),
        names=names,
        polarity=polarity,
        card=not no_card,
        polygons=polygons,
    )
    with say_how_to_resume(out, EXPORT_NAME), show_progress(quiet=quiet) as reporter:
        exported = export_dataset(
            target_format,
            dataset,
            out,
            options=options,
            workers=workers,
            executor=executor,
            verify=verify,
            force=force,
            reporter=reporter,
        )
    if not quiet:
        kept = exported.n_rows - exported.n_written
        speed = f" in {exported.seconds:.1f} s ({exported.images_per_second:,.0f} a second)"
        say(
            f"{show_count(exported.n_written, 'image')}{speed if exported.n_written else ''}"
            f"{f', {kept:,} were there already' if kept else ''}"
            f"{f', {exported.n_verified:,} read back and equal' if verify else ''}"
        )
    summary = {
        "out": str(out),
        "rows": exported.n_rows,
        "rows_written": exported.n_written,
        "rows_verified": exported.n_verified,
        "seconds": round(exported.seconds, 3),
        "images_per_second": round(exported.images_per_second),
    }
    print_result(str(out), summary, as_json=as_json)
