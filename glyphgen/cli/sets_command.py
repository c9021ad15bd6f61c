"""``glyphgen sets``: the character sets that a recipe can name."""

import click

from glyphgen.cli.options import json_option
from glyphgen.cli.talk import print_json, print_table

__all__ = ["list_sets"]


@click.command("sets")
@json_option
def list_sets(as_json: bool) -> None:
    """List the character sets that `classes.sets` of a recipe can name.

    \b
    Example:
        glyphgen sets
    """
    from glyphgen.classes import CHARACTER_SETS
    from glyphgen.text import show_text

    rows = []
    for name, entry in CHARACTER_SETS.items():
        chars = entry.list_chars()
        rows.append(
            {
                "set": name,
                "characters": len(chars),
                "first": show_text(chars[0]),
                "last": show_text(chars[-1]),
                "which": entry.help,
            }
        )
    if as_json:
        print_json(rows, indent=2)
        return
    print_table(rows[0], (row.values() for row in rows))
