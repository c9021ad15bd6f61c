"""``glyphgen merge``: one dataset of several."""

import click

from glyphgen.cli.options import PLACE, check_size, making_options, sizing_options
from glyphgen.cli.talk import DATASETS, print_assembled, say_how_to_resume, show_progress
from glyphgen.files.address import Place

__all__ = ["merge"]


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=PLACE)
@sizing_options
@making_options
def merge(
    datasets: tuple[Place, ...],
    height: int | None,
    width: int | None,
    fit: str,
    name: str,
    out: Place | None,
    workers: int,
    executor: str,
    format: str | None,
    force: bool,
    mend: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make one dataset of several, with one class table by code point.

    Train rows become train rows and test rows test rows, always; a dataset without splits is train.
    Images get the size of the first dataset unless --height and --width say another. Prints the
    dataset's folder.

    \b
    Example:
        glyphgen merge datasets/k49 datasets/kkanji --height 64 --width 64 --out datasets/kuzushiji
    """
    from glyphgen.exchange.import_options import AssemblyOptions
    from glyphgen.exchange.merging import merge_datasets

    check_size(height, width)
    name = name or (out.name if out else "-".join(folder.resolve().name for folder in datasets))
    folder = out or DATASETS / name
    options = AssemblyOptions(
        name=name, height=height, width=width, fit=fit, format=format or "npy"
    )
    with say_how_to_resume(folder), show_progress(quiet=quiet) as reporter:
        produced = merge_datasets(
            datasets,
            folder,
            options=options,
            workers=workers,
            executor=executor,
            force=force,
            mend=mend,
            reporter=reporter,
        )
    print_assembled(produced, quiet=quiet, as_json=as_json, summary={})
