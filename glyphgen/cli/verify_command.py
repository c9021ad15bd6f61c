"""``glyphgen verify``: is a dataset what it says it is."""

import re
import sys

import click

from glyphgen.cli.options import PLACE, json_option
from glyphgen.cli.talk import find_newest_dataset, print_result, say, show_progress
from glyphgen.files.address import Place

__all__ = ["verify"]

_DAMAGED, _NOT_REDRAWN = 1, 3


def _check_digest(_: click.Context, __: click.Parameter, value: str) -> str:
    if value and not re.fullmatch("[0-9a-fA-F]{64}", value):
        raise click.BadParameter(f"found {value!r}, expected 64 hexadecimal digits")
    return value


@click.command()
@click.argument("dataset", required=False, type=PLACE)
@click.option(
    "--expect",
    default="",
    metavar="SHA256",
    callback=_check_digest,
    help="The digest that the dataset has to have, as the command that made it said.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 also where no row could be drawn again.")
@json_option
def verify(dataset: Place | None, expect: str, strict: bool, as_json: bool) -> None:
    """Read DATASET again: hashes, counts, pages worked out and rows drawn anew from its recipe.

    Without DATASET it is the newest complete one under datasets/. Exit code 0 if all is well, 1 if
    anything is wrong, 3 if all files are as they were written, but no row could be drawn again: its fonts
    are gone, say, or it was imported.

    \b
    Example:
        glyphgen verify datasets/kana
    """
    from glyphgen.verify import verify_dataset

    folder = dataset or find_newest_dataset()
    with show_progress(quiet=False) as reporter:
        verified = verify_dataset(folder, expect=expect, reporter=reporter)
    for problem in verified.problems:
        say(problem)
    if verified.unproven:
        say(f"{verified.unproven} (no row could be drawn again)")
    if verified.problems:
        text, code = f"{folder}: damaged", _DAMAGED
    else:
        text = f"{folder}: {verified.n_rows:,} rows are as index.json says"
        text += f", {verified.n_redrawn:,} of them drawn again alike"
        code = _NOT_REDRAWN if verified.unproven else 0
    summary = {
        "dataset": str(folder),
        "digest": verified.digest,
        "problems": list(verified.problems),
        "rows": verified.n_rows,
        "rows_redrawn": verified.n_redrawn,
        "unproven": verified.unproven,
    }
    print_result(text, summary, as_json=as_json)
    sys.exit(_DAMAGED if strict and code else code)
