"""Words in, words out: one click command for each step; each parses, makes one call and prints.

stdout is the result, stderr the talk. Everything heavy is imported inside the commands, so that
``glyphgen --help`` answers at once.
"""

import io
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

import click

from glyphgen.cli.adapt_command import adapt
from glyphgen.cli.balance_command import balance
from glyphgen.cli.card_command import card
from glyphgen.cli.evaluate_command import evaluate
from glyphgen.cli.export_command import export
from glyphgen.cli.fetch_command import fetch
from glyphgen.cli.fonts_command import fonts
from glyphgen.cli.import_command import import_
from glyphgen.cli.merge_command import merge
from glyphgen.cli.pad_command import pad
from glyphgen.cli.predict_command import predict
from glyphgen.cli.preview_command import preview
from glyphgen.cli.recipe_schema_command import print_recipe_schema
from glyphgen.cli.recipes_command import list_recipes
from glyphgen.cli.render_command import render
from glyphgen.cli.report_command import report
from glyphgen.cli.sets_command import list_sets
from glyphgen.cli.suggesting import SuggestingGroup, explain_option
from glyphgen.cli.talk import say
from glyphgen.cli.train_baseline_command import train_baseline_command
from glyphgen.cli.verify_command import verify
from glyphgen.errors import GlyphgenError
from glyphgen.version import VERSION

__all__ = ["cli", "main"]

_ENDING = (signal.SIGTERM, signal.SIGHUP)  # with Ctrl-C: what asks a program to come to an end


class _EndedError(KeyboardInterrupt):
    """A signal asks for the end: all that is done on Ctrl-C is done."""


def main() -> NoReturn:
    """Run the command line, and turn errors into lines and exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whose encoding may lack what is to be said
            stream.reconfigure(errors="backslashreplace")
    for number in _ENDING:
        if signal.getsignal(number) is signal.SIG_DFL:  # nohup has SIGHUP ignored
            signal.signal(number, _end)
    sys.exit(_run())


def _end(number: int, _: object) -> NoReturn:
    raise _EndedError(number)


def _run() -> int:
    """Run the command line, and return its exit code."""
    try:
        cli.main(standalone_mode=False)
        if sys.stdout:
            sys.stdout.flush()
    except click.ClickException as error:
        shown = explain_option(error) if isinstance(error, click.NoSuchOption) else error
        shown.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        cause = error.__cause__ or error  # click makes an Abort of it
        number = cause.args[0] if isinstance(cause, _EndedError) else signal.SIGINT
        return 128 + int(number)  # as shells say it
    except (GlyphgenError, OSError, MemoryError) as error:
        for line in _describe(error):
            say(line)
        if isinstance(error, OSError):  # Python would fail to print once more, at its very end
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
        return 1
    return 0


def _describe(error: Exception) -> tuple[str, ...]:
    """Return the lines for an error.

    An OSError belongs to the place that the user knows, and is a GlyphgenError long before it comes here
    (``disk_errors`` and its like). What is left are places of nobody: to print, to load a library.
    """
    if isinstance(error, GlyphgenError):
        return error.problems
    if isinstance(error, BrokenPipeError):
        return ()  # who reads what we print has seen enough
    if isinstance(error, OSError):
        place, said = error.filename or "glyphgen", error.strerror or error
        return (f"{place}: {said} (look at the machine, and run the same command again)",)
    return ("glyphgen: not enough memory (make room, or use fewer --workers)",)


def _print_version(context: click.Context) -> NoReturn:
    from glyphgen.kernel.library import find_kernel

    click.echo(f"glyphgen, version {VERSION}\nrasterizer: {find_kernel().describe()}")
    context.exit()


@click.group(
    cls=SuggestingGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=lambda context, _, is_asked: _print_version(context) if is_asked else None,
    help="Show the version, and what draws, and exit.",
)
def cli() -> None:
    """Labeled glyph image datasets from fonts.

    \b
    Example:
        glyphgen render kana
        glyphgen verify datasets/kana
    """


for command in (
    render,
    preview,
    balance,
    verify,
    fetch,
    import_,
    export,
    card,
    merge,
    train_baseline_command,
    adapt,
    evaluate,
    pad,
    predict,
    report,
    fonts,
    list_recipes,
    list_sets,
    print_recipe_schema,
):
    cli.add_command(command)
