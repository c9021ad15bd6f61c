"""``glyphgen balance``: exactly N training rows of every class."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glyphgen.choices import BALANCE_METHODS
from glyphgen.cli.options import PLACE, making_options
from glyphgen.cli.talk import (
    DATASETS,
    find_newest_dataset,
    print_result,
    print_warnings,
    say,
    say_how_to_resume,
    say_produced,
    show_progress,
)
from glyphgen.files.address import Place

if TYPE_CHECKING:
    from glyphgen.balance import PreparedBalance
    from glyphgen.production import Estimate

__all__ = ["balance"]


@click.command()
@click.argument("dataset", required=False, type=PLACE)
@click.option(
    "--per-class",
    type=click.IntRange(min=1),
    required=True,
    metavar="N",
    help="Training rows of each class.",
)
@click.option(
    "--by",
    type=click.Choice(list(BALANCE_METHODS)),
    default="augment",
    show_default=True,
    help="Change copies of the images, or draw new samples of the dataset's recipe.",
)
@click.option(
    "--steps",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="A file of [[augment]] tables.  [default: elastic, affine, noise]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--noise-originals/--no-noise-originals",
    default=True,
    show_default=True,
    help="Put the noise of the steps on originals, too.",
)
@click.option("--dry-run", is_flag=True, help="Say what it would take, and write nothing.")
@making_options
def balance(
    dataset: Place | None,
    per_class: int,
    by: str,
    steps: Path | None,
    seed: int,
    noise_originals: bool,
    dry_run: bool,
    out: Place | None,
    workers: int,
    executor: str,
    format: str | None,
    force: bool,
    mend: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make a dataset with exactly N training rows of every class of DATASET.

    A class with more gives N of them; one with fewer gives each once, and changed copies in equal
    turns. Rows of val and test stay as they are. Without DATASET it is the newest complete one under
    datasets/ that was not made by balance. Prints the new dataset's folder.

    \b
    Example:
        glyphgen balance datasets/kana --per-class 10000 --dry-run
    """
    from glyphgen.balance import (
        BalanceOptions,
        balance_dataset,
        estimate_balance,
        prepare_balance,
    )
    from glyphgen.production import count_workers
    from glyphgen.recipe import read_steps

    source = dataset or find_newest_dataset(without_copies=True)
    options = BalanceOptions(
        by=by,
        steps=read_steps(steps) if steps else None,
        seed=seed,
        noise_originals=noise_originals,
        format=format,
    )
    with show_progress(quiet=quiet) as reporter:
        prepared = prepare_balance(source, per_class, options=options, reporter=reporter)
    folder = out or DATASETS / f"{prepared.source.index.name}-balanced"
    if not quiet:
        say(prepared.describe())
        print_warnings(prepared.list_warnings())
    found = estimate_balance(prepared, folder)
    n_workers = count_workers(workers, executor)
    text = f"{folder}: {found.describe(n_workers)}"
    if dry_run:
        print_result(
            text,
            _summarize(prepared, folder, found, n_workers),
            as_json=as_json,
        )
        return
    if not quiet:
        say(text)
    with say_how_to_resume(folder), show_progress(quiet=quiet) as reporter:
        produced = balance_dataset(
            prepared,
            folder,
            workers=workers,
            executor=executor,
            force=force,
            mend=mend,
            reporter=reporter,
        )
    if not quiet:
        say_produced(produced)
    print_result(
        str(folder),
        {
            "dataset": str(folder),
            "digest": produced.digest,
            "rows": produced.n_rows,
            "rows_made": produced.n_made,
            "seconds": round(produced.seconds, 3),
            "images_per_second": round(produced.images_per_second),
            **prepared.summarize(),
        },
        as_json=as_json,
    )


def _summarize(
    prepared: "PreparedBalance", folder: Place, found: "Estimate", workers: int
) -> dict[str, Any]:
    return {
        "dataset": str(folder),
        "rows": found.n_rows,
        "bytes": found.n_bytes,
        "free_bytes": found.free_bytes,
        "seconds": round(found.seconds / (workers or 1), 1),
        **prepared.summarize(),
    }
