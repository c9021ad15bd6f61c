"""``glyphgen import``: a dataset from what others have."""

from pathlib import Path

import click

from glyphgen.cli.options import making_options, read_size, sizing_options
from glyphgen.cli.talk import DATASETS, print_assembled, say, say_how_to_resume, show_progress

__all__ = ["import_"]

_FORMATS = ("k49", "kkanji", "mnist", "folder", "arrays", "dataset")
_SPLITS = ("val", "test")


@click.command("import")
@click.argument("source_format", metavar="FORMAT", type=click.Choice(_FORMATS))
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
    strict: bool,
    out: Path | None,
    workers: int,
    format: str | None,
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
    from glyphgen.exchange.source import ImportOptions

    size = read_size(height, width)
    shares = _read_split(split)
    source = open_source(
        source_format, sources, ImportOptions(class_map=class_map, codepoints=codepoints)
    )
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
            format=format or "npy",
            workers=workers,
            force=force,
            say=None if quiet else say,
            watch=watch,
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
