"""Options that several commands share; knows no command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from glyphgen.choices import FITS, MODEL_FRAMINGS, STORAGE_FORMATS, check_executor
from glyphgen.cpus import count_cpus
from glyphgen.files.address import parse_place

__all__ = [
    "PLACE",
    "Command",
    "check_size",
    "executor_option",
    "framing_choice",
    "json_option",
    "label_font_option",
    "making_options",
    "set_option",
    "sizing_options",
]

framing_choice = click.Choice(list(MODEL_FRAMINGS))

Command = TypeVar("Command", bound=Callable[..., None])


class _Parsed(click.ParamType[Any]):
    """What a function makes of a word, or refuses with an error of its own.

    Args:
        name: Of what it stands for.
        parse: The function.
    """

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self._parse = parse

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - as click calls it
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Any:
        """Return what the function makes of a word."""
        return self._parse(value)


PLACE = _Parsed("place", parse_place)
"""What a dataset's folder is given as: a folder of this machine, or an address in a store."""


def executor_option(command: Command) -> Command:
    """Add ``--executor``."""
    return click.option(
        "--executor",
        type=_Parsed("executor", check_executor),
        default="processes",
        metavar="WHERE",
        help="processes of this machine, dask:N for N in a cluster of Dask here, or"
        " dask://HOST:PORT.  [default: processes]",
    )(command)


def making_options(command: Command) -> Command:
    """Add the options of every command that makes a dataset."""
    for option in reversed(
        [
            click.option(
                "-o",
                "--out",
                type=PLACE,
                metavar="DIR",
                help="The dataset's folder, or s3://bucket/name.  [default: datasets/<name>]",
            ),
            click.option(
                "--workers",
                type=click.IntRange(min=1),
                default=count_cpus,
                metavar="N",
                help="Processes that make images.  [default: all cores]",
            ),
            executor_option,
            click.option(
                "--format", type=click.Choice(list(STORAGE_FORMATS)), help="How it lies on disk."
            ),
            click.option("--force", is_flag=True, help="Replace what is in the folder."),
            click.option(
                "--mend",
                is_flag=True,
                help="Read all of a dataset that is there, and make again what is damaged.",
            ),
            click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors."),
            json_option,
        ]
    ):
        command = option(command)
    return command


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
                type=click.Choice(list(FITS)),
                default="pad",
                show_default=True,
                help="Keep the aspect by adding paper, or stretch.",
            ),
            click.option("--name", default="", help="Of the dataset."),
        ]
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        command
    )


def label_font_option(command: Command) -> Command:
    """Add ``--label-font FILE``."""
    return click.option(
        "--label-font",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="A font for the labels in figures.  [default: a face of the dataset, or of the bundle]",
    )(command)


def set_option(command: Command) -> Command:
    """Add ``--set KEY=VALUE``."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key of the recipe, e.g. render.per_class=100. May be repeated.",
    )(command)


def check_size(height: int | None, width: int | None) -> None:
    """Check that both or neither are given."""
    if (height is None) != (width is None):
        raise click.UsageError("--height and --width: found one, expected both or neither")
