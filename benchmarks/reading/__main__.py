"""Makes the table: what networks that were trained on fonts alone read of people's hands."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import click

from benchmarks.reading.markdown import show_table
from benchmarks.reading.rows import UNSEEN, Row, list_recipes, measure_row
from benchmarks.reading.validation import choose_framing, make_validation
from glyphgen.choices import SPLITS
from glyphgen.errors import GlyphgenError
from glyphgen.recipe import read_recipe

_RESULTS = Path(__file__).parent.parent / "results" / "reading"


@click.group(invoke_without_command=True)
@click.option("--only", multiple=True, metavar="RECIPE", help="These recipes. May be repeated.")
@click.option(
    "--scans",
    multiple=True,
    metavar="NAME=PATH",
    help="Real images, as `glyphgen evaluate` reads them. May be repeated.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=400_000,
    show_default=True,
    help="Images that each training sees.",
)
@click.option("--views", type=click.IntRange(min=1), default=16, show_default=True)
@click.option(
    "--work", type=click.Path(path_type=Path), default=Path("runs/reading"), show_default=True
)
@click.option("--results", type=click.Path(path_type=Path), default=_RESULTS, metavar="DIR")
@click.pass_context
def main(
    context: click.Context,
    only: Sequence[str],
    scans: Sequence[str],
    seeds: int,
    budget: int,
    views: int,
    work: Path,
    results: Path,
) -> None:
    """Train on each recipe, read unseen faces and real scans, and print a table in Markdown.

    Metrics are kept, and what was measured with the same settings is not measured again.
    """
    if context.invoked_subcommand:
        return
    given = [entry.partition("=") for entry in scans]
    if wrong := [
        entry for entry, (name, _, path) in zip(scans, given, strict=True) if not (name and path)
    ]:
        raise click.UsageError(f"--scans: found {wrong[0]}, expected NAME=PATH")
    rows = [
        Row(recipe=recipe, images=name, path=path, seeds=seeds, budget=budget, views=views)
        for recipe in only or list_recipes()
        for name, path in ((UNSEEN, ""), *((name, path) for name, _, path in given))
    ]
    measured = {}
    for row in rows:
        try:
            measured[row] = measure_row(row, work, results)
        except (GlyphgenError, subprocess.CalledProcessError) as error:
            click.echo(f"{row.name}: left out: {error}", err=True)
        table = show_table(measured)
        results.mkdir(parents=True, exist_ok=True)
        (results / "table.md").write_text(table, encoding="utf-8")
    click.echo(show_table(measured), nl=False)


@main.command()
@click.argument("recipe")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="NPZ"
)
@click.option(
    "--split",
    type=click.Choice([name for name in SPLITS if name != "train"]),
    default="val",
    show_default=True,
    help="Whose faces: val to choose by, test to report.",
)
@click.option("--per-class", type=click.IntRange(1, 500), default=60, show_default=True)
@click.option("--side", type=click.IntRange(16, 512), default=96, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def validation(recipe: str, out: Path, split: str, per_class: int, side: int, seed: int) -> None:
    """Draw the faces that RECIPE holds out, change them by other means, and write an .npz.

    Prints how ``glyphgen evaluate`` reads it.
    """
    try:
        make_validation(recipe, out, split=split, per_class=per_class, side=side, seed=seed)
        framing = choose_framing(read_recipe(recipe))
    except GlyphgenError as error:
        raise click.ClickException("\n".join(error.problems)) from None
    click.echo(f"glyphgen evaluate RUN {out} --framing {framing}")


if __name__ == "__main__":
    main()
