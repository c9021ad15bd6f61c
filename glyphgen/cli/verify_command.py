"""``glyphgen verify``: is a dataset what it says it is."""

import sys
from pathlib import Path

import click

from glyphgen.cli.options import json_option
from glyphgen.cli.talk import find_newest_dataset, print_result, say, show_progress

__all__ = ["verify"]


@click.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@json_option
def verify(dataset: Path | None, as_json: bool) -> None:
    """Read DATASET again: hashes, counts, and rows drawn anew from its recipe.

    Without DATASET it is the newest complete one under datasets/. Exit code 1 if anything is wrong.

    \b
    Example:
        glyphgen verify datasets/kana
    """
    from glyphgen.verify import verify_dataset

    folder = dataset or find_newest_dataset()
    with show_progress(quiet=False) as reporter:
        verified = verify_dataset(folder, reporter=reporter)
    for problem in verified.problems:
        say(problem)
    if verified.unproven:
        say(f"{verified.unproven} (no row could be drawn again)")
    text = (
        f"{folder}: damaged"
        if verified.problems
        else f"{folder}: {verified.n_rows:,} rows are as index.json says,"
        f" {verified.n_redrawn:,} of them drawn again alike"
    )
    summary = {
        "dataset": str(folder),
        "problems": list(verified.problems),
        "rows": verified.n_rows,
        "rows_redrawn": verified.n_redrawn,
        "unproven": verified.unproven,
    }
    print_result(text, summary, as_json=as_json)
    if verified.problems:
        sys.exit(1)
