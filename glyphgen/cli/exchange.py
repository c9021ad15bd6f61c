"""``glyphgen import`` and ``glyphgen merge``: datasets from what others have, and from several."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from glyphgen.cli.options import Command, making_options
from glyphgen.cli.talk import (
    DATASETS,
    describe_produced,
    print_result,
    say_how_to_resume,
    show_progress,
)

if TYPE_CHECKING:
    from glyphgen.produce import Produced

__all__ = ["import_", "merge"]

_FORMATS = ("k49", "kkanji", "mnist", "folder", "arrays", "dataset")
_SPLITS = ("val", "test")


def sizing_options(command: Command) -> Command:
    """Add the options of every command that brings images to one size."""
    for option in reversed(
        [
            click.option(
                "--height",
                type=click.IntRange(1, 4096),
                metavar="PX",
                help="Of the images, in pixels; both or neither.",
            ),
            click.option(
                "--width",
                type=click.IntRange(1, 4096),
                metavar="PX",
                help="Of the images, in pixels; both or neither.",
            ),
            click.option(
                "--fit",
                type=click.Choice(["pad", "stretch"]),
                default="pad",
                show_default=True,
                help="Keep the aspect by adding paper, or stretch.",
            ),
            click.option("--name", default="", help="Of the dataset."),
        ]
    ):
        command = option(command)
    return command


@click.command("import")
@click.argument("format_name", metavar="FORMAT", type=click.Choice(_FORMATS))
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=Path)
@sizing_options
@click.option(
    "--polarity",
    type=click.Choice(["white-on-black", "black-on-white"]),
    help="Of the source.  [default: what its borders look like]",
)
@click.option("--split", metavar="val=0.1,test=0.1", help="Shares of each class's train rows.")
@click.option(
    "--seed", type=click.IntRange(0, 2**64 - 1), default=0, metavar="N", help="Chooses them."
)
@click.option("--class-map", type=Path, metavar="FILE", help="A table index,codepoint,char.")
@click.option(
    "--codepoints",
    is_flag=True,
    help="arrays: the labels are code points, as they are where their array is called so.",
)
@click.option("--strict", is_flag=True, help="Refuse what would be skipped.")
@making_options
def import_(
    format_name: str,
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
    strict: bool,
    out: Path | None,
    workers: int,
    format: str | None,  # noqa: A002 - the name of the option
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a dataset of images in another FORMAT.

    \b
    k49       Kuzushiji-49 or KMNIST: a folder with *-train-imgs.npz and its fellows
    kkanji    Kuzushiji-Kanji: a folder or .tar of U+XXXX/*.png
    mnist     MNIST or EMNIST: a folder of IDX files, gzipped or not
    folder    class-name/*.png or .jpg, also with train/, valid/, test/ above
    arrays    images.npy labels.npy, or one .npz that holds both
    dataset   another dataset of glyphgen

    Images become white on black. The source is never written to. Prints the dataset's folder.

    \b
    Example:
        glyphgen import k49 downloads/k49 --height 64 --width 64
        glyphgen import folder scans --split val=0.1,test=0.1
    """
    from glyphgen.exchange.importing import import_dataset, open_source
    from glyphgen.exchange.source import Asked

    size = _read_size(height, width)
    shares = _read_split(split)
    source = open_source(format_name, sources, Asked(class_map=class_map, codepoints=codepoints))
    folder = out or DATASETS / (name or source.name)
    with say_how_to_resume(folder), show_progress(quiet=quiet) as watch:
        produced = import_dataset(
            source,
            folder,
            name=name,
            size=size,
            fit=fit,
            polarity=polarity,
            shares=shares,
            seed=seed,
            strict=strict,
            format_name=format or "npy",
            workers=workers,
            force=force,
            say=None if quiet else _say,
            watch=watch,
        )
    _finish(produced, quiet=quiet, as_json=as_json, summary={"skipped": len(source.skipped)})


@click.command()
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=Path)
@sizing_options
@making_options
def merge(
    datasets: tuple[Path, ...],
    height: int | None,
    width: int | None,
    fit: str,
    name: str,
    out: Path | None,
    workers: int,
    format: str | None,  # noqa: A002 - the name of the option
    force: bool,
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
    from glyphgen.exchange.merging import merge_datasets

    name = name or (out.name if out else "-".join(folder.resolve().name for folder in datasets))
    folder = out or DATASETS / name
    with say_how_to_resume(folder), show_progress(quiet=quiet) as watch:
        produced = merge_datasets(
            datasets,
            folder,
            name=name,
            size=_read_size(height, width),
            fit=fit,
            format_name=format or "npy",
            workers=workers,
            force=force,
            say=None if quiet else _say,
            watch=watch,
        )
    _finish(produced, quiet=quiet, as_json=as_json, summary={})


def _read_size(height: int | None, width: int | None) -> tuple[int, int] | None:
    if height is None and width is None:
        return None
    if height is None or width is None:
        raise click.UsageError("--height and --width: found one, expected both or neither")
    return height, width


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


def _say(line: str) -> None:
    click.echo(line, err=True)


def _finish(
    produced: "Produced", *, quiet: bool, as_json: bool, summary: dict[str, object]
) -> None:
    if not quiet:
        _say(describe_produced(produced))
    print_result(
        str(produced.folder),
        {
            "dataset": str(produced.folder),
            "rows": produced.n_rows,
            "rows_made": produced.n_made,
            **summary,
            "seconds": round(produced.seconds, 3),
            "images_per_second": round(produced.images_per_second),
        },
        as_json=as_json,
    )
