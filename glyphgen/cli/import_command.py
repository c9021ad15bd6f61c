"""``glyphgen import``: a dataset from what others have."""

from pathlib import Path

import click

from glyphgen.choices import IMPORT_FORMATS, LEVELS, POLARITIES
from glyphgen.cli.options import check_size, making_options, sizing_options
from glyphgen.cli.talk import DATASETS, print_assembled, say_how_to_resume, show_progress
from glyphgen.files.address import Place

__all__ = ["import_"]

_SPLITS = ("val", "test")
_HELP = """Make a dataset of images in another FORMAT.

\b
{formats}

Images become white on black. The source is never written to. Prints the dataset's folder.

\b
Example:
    glyphgen import k49 downloads/k49 --height 64 --width 64
    glyphgen import folder scans --split val=0.1,test=0.1
""".format(formats="\n".join(f"{name:<9} {entry.help}" for name, entry in IMPORT_FORMATS.items()))


def _list_takers(option: str) -> str:
    """Return the formats that take an option."""
    return ", ".join(name for name, entry in IMPORT_FORMATS.items() if option in entry.takes)


@click.command("import", help=_HELP)
@click.argument("source_format", metavar="FORMAT", type=click.Choice(list(IMPORT_FORMATS)))
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=Path)
@sizing_options
@click.option(
    "--polarity",
    type=click.Choice(list(POLARITIES)),
    help="Of the source.  [default: what its borders look like]",
)
@click.option("--split", metavar="val=0.1,test=0.1", help="Shares of each class's train rows.")
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=0, metavar="N", help="Chooses them."
)
@click.option(
    "--class-map",
    type=Path,
    metavar="FILE",
    help=f"A table index,codepoint,char ({_list_takers('class_map')}).",
)
@click.option(
    "--codepoints",
    is_flag=True,
    help="Labels are code points, as they are where their array is called so; folders of one ASCII"
    f" character are that character ({_list_takers('codepoints')}).",
)
@click.option(
    "--crops",
    type=click.Choice(LEVELS),
    help="Of boxes, those that are cut out; their class is their text, of blocks their category"
    f" ({_list_takers('crops')}).",
)
@click.option(
    "--strict", is_flag=True, help="Refuse what would be skipped, and images without ink."
)
@making_options
def import_(
    source_format: str,
    sources: tuple[Path, ...],
    height: int | None,
    width: int | None,
    fit: str,
    name: str,
    polarity: str | None,
    split: str | None,
    seed: int,
    class_map: Path | None,
    codepoints: bool,
    crops: str | None,
    strict: bool,
    out: Place | None,
    workers: int,
    executor: str,
    format: str | None,
    force: bool,
    mend: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Import images; see ``_HELP``."""
    from glyphgen.exchange.import_options import ImportOptions
    from glyphgen.exchange.importing import import_source, open_source

    check_size(height, width)
    options = ImportOptions(
        name=name,
        height=height,
        width=width,
        fit=fit,
        format=format or "npy",
        class_map=class_map,
        codepoints=codepoints,
        crops=crops,
        polarity=polarity,
        split=_read_split(split),
        seed=seed,
        strict=strict,
    )
    with show_progress(quiet=quiet) as reporter:
        source = open_source(source_format, sources, options=options, reporter=reporter)
    folder = out or DATASETS / (name or source.name)
    with say_how_to_resume(folder), show_progress(quiet=quiet) as reporter:
        produced = import_source(
            source,
            folder,
            options=options,
            workers=workers,
            executor=executor,
            force=force,
            mend=mend,
            reporter=reporter,
        )
    print_assembled(
        produced, quiet=quiet, as_json=as_json, summary={"skipped": len(source.skipped)}
    )


def _read_split(text: str | None) -> dict[str, float]:
    shares: dict[str, float] = {}
    for entry in text.split(",") if text else []:
        split, _, share = entry.partition("=")
        try:
            shares[split.strip()] = float(share)
        except ValueError:
            split = ""
        if split.strip() not in _SPLITS:
            raise click.UsageError(f"--split: found '{text}', expected such as val=0.1,test=0.1")
    return shares
