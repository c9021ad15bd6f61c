"""Words in, words out: one click command for each step; each parses, makes one call and prints.

stdout is the result, stderr the talk. Everything heavy is imported inside the commands, so that
``glyphgen --help`` answers at once.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

import glyphgen
from glyphgen.errors import DatasetError, GlyphgenError, show_text

if TYPE_CHECKING:
    from rich.progress import Progress

    from glyphgen.blueprint import Blueprint
    from glyphgen.generate import Done, Watch

__all__ = ["cli", "main"]

_DATASETS = Path("datasets")
_INTERRUPTED = 130  # as shells say it: 128 + SIGINT

Command = TypeVar("Command", bound=Callable[..., None])


def main() -> NoReturn:
    """Run the command line, and turn errors into lines and exit codes."""
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except GlyphgenError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(_INTERRUPTED)
    sys.exit(0)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(glyphgen.__version__, package_name="glyphgen")
def cli() -> None:
    """Labelled glyph image datasets from fonts.

    \b
    Example:
        glyphgen render kana
        glyphgen verify datasets/kana
    """


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
                help="Processes that draw.  [default: all cores]",
            ),
            click.option(
                "--format", type=click.Choice(["npy", "hdf5"]), help="Overrides output.format."
            ),
            set_option,
            click.option("--force", is_flag=True, help="Replace what is in the folder."),
            click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors."),
            click.option("--json", "as_json", is_flag=True, help="Print a summary as JSON."),
        ]
    ):
        command = option(command)
    return command


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


@cli.command()
@click.argument("recipe")
@making_options
def render(
    recipe: str,
    out: Path | None,
    workers: int,
    format: str | None,  # noqa: A002 - the name of the option
    overrides: tuple[str, ...],
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Make the dataset of RECIPE: a TOML file, or the name of a recipe that comes with glyphgen.

    What is there of the same dataset is kept: after an interruption the same command goes on, and a
    damaged shard is made again. Prints the dataset's folder.

    \b
    Example:
        glyphgen render kana --set render.per_class=100 --out /tmp/kana
    """
    from glyphgen.generate import render_dataset
    from glyphgen.recipe import read_recipe

    if format:
        overrides = (*overrides, f'output.format="{format}"')
    read = read_recipe(recipe, overrides)
    folder = out or _DATASETS / read.name
    try:
        with _show_progress(quiet=quiet) as watch:
            rendered = render_dataset(read, folder, workers=workers, force=force, watch=watch)
    except KeyboardInterrupt:
        click.echo(
            f"{folder}: interrupted; finished shards stay (run the same command again to go on)",
            err=True,
        )
        raise
    if not quiet:
        click.echo(
            _describe_rendered(rendered.n_rows, rendered.n_drawn, rendered.seconds), err=True
        )
    _print_result(
        str(folder),
        {
            "dataset": str(folder),
            "rows": rendered.n_rows,
            "rows_drawn": rendered.n_drawn,
            "cells_refused": rendered.n_refused,
            "seconds": round(rendered.seconds, 3),
            "images_per_second": round(rendered.images_per_second),
        },
        as_json=as_json,
    )


def _describe_rendered(n_rows: int, n_drawn: int, seconds: float) -> str:
    if not n_drawn:
        return f"{n_rows:,} images were there already, and every shard has its hash"
    kept = f", {n_rows - n_drawn:,} were there already" if n_drawn < n_rows else ""
    rate = n_drawn / seconds
    return f"{n_drawn:,} images in {seconds:.1f} s ({rate:,.0f} a second){kept}"


@contextmanager
def _show_progress(*, quiet: bool) -> "Iterator[Watch | None]":
    """Show the plan in one line, then a bar with images per second and time left, on stderr."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.fields[shards]}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield _Bar(progress)


class _Bar:
    """Draws a watch's words as a bar."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task: Any = None

    def __call__(self, blueprint: "Blueprint", done: "Done") -> None:
        """Show what is done."""
        if self._task is None:
            click.echo(blueprint.describe(), err=True)
            n_refused = len(blueprint.verdict.refusals)
            if n_refused:
                click.echo(f"{n_refused:,} cells refused: see gate.json", err=True)
            self._task = self._progress.add_task(
                "", total=blueprint.plan.n_rows, rate="", shards=""
            )
        task = self._progress.tasks[self._task]
        rate = f"{task.speed:,.0f} a second" if task.speed else ""
        shards = f"{done.n_shards:,} of {done.of_shards:,} shards"
        self._progress.update(self._task, completed=done.n_rows, rate=rate, shards=shards)


def _print_result(text: str, summary: dict[str, Any], *, as_json: bool) -> None:
    click.echo(json.dumps(summary, ensure_ascii=False) if as_json else text)


@cli.command()
@click.argument("recipe")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("preview.png"),
    show_default=True,
    metavar="PNG",
)
@click.option("--per-class", type=click.IntRange(min=1), default=4, show_default=True, metavar="K")
@click.option(
    "--classes",
    "n_classes",
    type=click.IntRange(min=1),
    default=400,
    show_default=True,
    metavar="N",
    help="Show at most N classes, spread evenly.",
)
@set_option
def preview(
    recipe: str, out: Path, per_class: int, n_classes: int, overrides: tuple[str, ...]
) -> None:
    """Draw a contact sheet of RECIPE without writing a dataset. Prints the PNG's path.

    \b
    Example:
        glyphgen preview kana -o kana.png --set render.wobble.amplitude=0.03
    """
    from glyphgen.blueprint import draw_up_blueprint
    from glyphgen.preview import preview_recipe
    from glyphgen.recipe import read_recipe

    blueprint = draw_up_blueprint(read_recipe(recipe, overrides))
    click.echo(blueprint.describe(), err=True)
    n_shown = preview_recipe(blueprint, out, per_class=per_class, n_classes=n_classes)
    if n_shown < len(blueprint.table):
        click.echo(f"{n_shown:,} of {len(blueprint.table):,} classes shown", err=True)
    click.echo(str(out))


@cli.command()
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def verify(dataset: Path | None, as_json: bool) -> None:
    """Read DATASET again: hashes, counts, and rows drawn anew from its recipe.

    Without DATASET it is the newest complete one under datasets/. Exit code 1 if anything is wrong.

    \b
    Example:
        glyphgen verify datasets/kana
    """
    from glyphgen.verify import verify_dataset

    folder = dataset or _find_newest_dataset()
    verified = verify_dataset(folder)
    for problem in verified.problems:
        click.echo(problem, err=True)
    if verified.unproven:
        click.echo(f"{verified.unproven} (no row could be drawn again)", err=True)
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
    _print_result(text, summary, as_json=as_json)
    if verified.problems:
        sys.exit(1)


def _find_newest_dataset() -> Path:
    """Return the newest complete dataset under datasets/, and name it on stderr."""
    complete = sorted(_DATASETS.glob("*/index.json"), key=lambda path: path.stat().st_mtime)
    if not complete:
        raise DatasetError(
            f"{_DATASETS}: holds no complete dataset (name one, or run `glyphgen render` first)"
        )
    folder = complete[-1].parent
    click.echo(f"using {folder}", err=True)
    return folder


@cli.group()
def fonts() -> None:
    """What fonts there are."""


@fonts.command("list")
@click.argument("recipe", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@set_option
def list_fonts(recipe: str | None, as_json: bool, overrides: tuple[str, ...]) -> None:
    """List the faces of RECIPE, and how many of its classes each draws.

    Without RECIPE, the fonts that come with glyphgen.

    \b
    Example:
        glyphgen fonts list recipes/kana.toml
    """
    rows = _list_recipe_faces(recipe, overrides) if recipe else _list_shipped_faces()
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_shorten(str(value)) for value in row.values()))
    # Where nobody looks, as in a pipe, no column is narrowed.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _shorten(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@fonts.command("check")
@click.argument("recipe")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@set_option
def check_fonts(recipe: str, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Ask the gate about every face and class of RECIPE: what is refused, and why.

    Exit code 1 if a class is left without a face.

    \b
    Example:
        glyphgen fonts check recipes/kana.toml
    """
    from glyphgen.blueprint import survey_faces
    from glyphgen.recipe import read_recipe

    found = survey_faces(read_recipe(recipe, overrides))
    verdict, forms = found.verdict, found.table.all_forms
    n_faces = verdict.admitted.sum(axis=0).tolist()
    refused: dict[str, dict[str, list[str]]] = {face.name: {} for face in found.faces}
    for refusal in verdict.refusals:
        of_face = refused[found.faces[refusal.face].name]
        of_face.setdefault(refusal.reason, []).append(forms[refusal.form])
    page = {
        "refused": refused,
        "unproven": int(verdict.unproven.sum()),
        "faces_of_form": dict(zip(forms, n_faces, strict=True)),
    }
    if as_json:
        click.echo(json.dumps(page, ensure_ascii=False, indent=2))
    else:
        _print_verdict(page)
    if not all(n_faces):
        sys.exit(1)


def _print_verdict(page: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    faces_of_form: dict[str, int] = page["faces_of_form"]
    reasons = sorted({reason for of_face in page["refused"].values() for reason in of_face})
    table = Table("face", "admitted", *reasons)
    for name, of_face in page["refused"].items():
        counts = [len(of_face.get(reason, ())) for reason in reasons]
        admitted = len(faces_of_form) - sum(counts)
        table.add_row(name, str(admitted), *(str(count or "") for count in counts))
    Console(width=None if sys.stdout.isatty() else 200).print(table)
    fewest = sorted(faces_of_form.items(), key=lambda item: item[1])[:10]
    shown = ", ".join(f"{show_text(form)} {n}" for form, n in fewest)
    click.echo(f"classes with fewest faces: {shown}")
    click.echo(f"unproven, for fewer than three other hands draw them: {page['unproven']} cells")


def _list_recipe_faces(recipe: str, overrides: tuple[str, ...]) -> list[dict[str, Any]]:
    from glyphgen.blueprint import survey_faces
    from glyphgen.recipe import read_recipe

    found = survey_faces(read_recipe(recipe, overrides))
    drawn = found.verdict.admitted.sum(axis=1).tolist()
    return [
        _show_face(face) | {"draws": f"{n} of {found.store.n_forms}"}
        for face, n in zip(found.faces, drawn, strict=True)
    ]


def _list_shipped_faces() -> list[dict[str, Any]]:
    from glyphgen.fonts import read_face
    from glyphgen.recipe import find_shipped

    folder = find_shipped("kana").parent.parent / "fonts"
    paths = sorted(folder.glob("*/*.ttf"))
    return [{"folder": path.parent.name} | _show_face(read_face(path)) for path in paths]


def _show_face(face: Any) -> dict[str, Any]:
    return {
        "family": face.family,
        "style": face.style,
        "file": face.path.name,
        "index": face.index,
        "axes": ", ".join(f"{tag}={value:g}" for tag, value in face.axes),
        "licence": face.licence,
    }


@cli.command("recipe-schema")
def print_recipe_schema() -> None:
    """Print the JSON Schema of recipes, for editors.

    \b
    Example:
        glyphgen recipe-schema > recipe.schema.json
    """
    from glyphgen.recipe import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=2, ensure_ascii=False))
