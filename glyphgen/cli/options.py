"""Options that several commands share; knows no command."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

__all__ = ["Command", "json_option", "making_options", "set_option"]

Command = TypeVar("Command", bound=Callable[..., None])


def making_options(command: Command) -> Command:
    """Add the options of every command that makes a dataset."""
    for option in reversed(
        [
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                metavar="DIR",
                help="The dataset's folder.  [default: datasets/<name>]",
            ),
            click.option(
                "--workers",
                type=click.IntRange(min=1),
                default=_count_cpus,
                metavar="N",
                help="Processes that make images.  [default: all cores]",
            ),
            click.option(
                "--format", type=click.Choice(["npy", "hdf5"]), help="How it lies on disk."
            ),
            click.option("--force", is_flag=True, help="Replace what is in the folder."),
            click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors."),
            json_option,
        ]
    ):
        command = option(command)
    return command


def json_option(command: Command) -> Command:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(
        command
    )


def set_option(command: Command) -> Command:
    """Add ``--set KEY=VALUE``."""
    return click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        help="Override a key of the recipe, e.g. render.per_class=100. May be repeated.",
    )(command)


def _count_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
