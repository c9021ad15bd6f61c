"""``glyphgen evaluate``: how accurate a trained network is on another dataset."""

from pathlib import Path

import click

from glyphgen.cli.options import PLACE, framing_choice, json_option, label_font_option
from glyphgen.cli.talk import (
    choose_run,
    describe_metrics,
    find_newest_dataset,
    print_json,
    print_line,
    say,
    show_progress,
)
from glyphgen.files.address import Place
from glyphgen.text import show_count

__all__ = ["evaluate"]


@click.command()
@click.argument("places", metavar="[MODEL] [DATASET]", nargs=-1, type=PLACE)
@click.option(
    "--framing",
    type=framing_choice,
    default="as-is",
    show_default=True,
    help="ink: cut the ink out and scale it as in training; small kana then count as twins.",
)
@click.option("--split", metavar="NAME", help="Of the dataset.  [default: test, else all rows]")
@click.option(
    "--views",
    type=click.IntRange(min=1),
    metavar="N",
    help="Test-time augmentation: vary each image so often, and average the predictions."
    "  [default: 16 with --framing ink, else 1]",
)
@click.option(
    "--figures", type=click.Path(path_type=Path), metavar="DIR", help="Draw what was misread."
)
@click.option(
    "--misread",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="CSV",
    help="Write row, file, actual and read class, and loss of what was misread.",
)
@label_font_option
@json_option
def evaluate(
    places: tuple[Place, ...],
    framing: str,
    split: str | None,
    views: int | None,
    figures: Path | None,
    misread: Path | None,
    label_font: Path | None,
    as_json: bool,
) -> None:
    """Measure MODEL on DATASET: a dataset's folder, or an .npz with images and codepoints.

    MODEL is a model.safetensors, or the folder of its training. Without MODEL it is the newest one
    under runs/, without DATASET the newest complete dataset under datasets/.

    \b
    Example:
        glyphgen evaluate datasets/k49
        glyphgen evaluate runs/kana-cnn datasets/k49
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    from glyphgen.baseline.evaluating import draw_evaluation, evaluate_model

    model, given = choose_run(places)
    if len(given) > 1:
        raise click.UsageError(f"DATASET: found {len(given)}, expected one, after MODEL")
    dataset = given[0] if given else find_newest_dataset()
    with show_progress(quiet=False) as reporter:
        evaluated = evaluate_model(
            model,
            dataset,
            framing=framing,
            split=split,
            views=views,
            label_font=label_font,
            reporter=reporter,
        )
    metrics = evaluated.metrics
    if figures:
        draw_evaluation(figures, evaluated)
    if misread:
        n_misread = evaluated.write_misread(misread)
        say(f"{misread}: {show_count(n_misread, 'image')} misread")
    if metrics["unknown_classes"]:
        names = ", ".join(unknown["label"] for unknown in metrics["unknown_classes"][:10])
        say(
            f"left out of the figures: {show_count(metrics['n_unknown'], 'image')} of"
            f" {show_count(len(metrics['unknown_classes']), 'class', 'classes')} that the model does not"
            f" know: {names}"
        )
    if as_json:
        print_json(metrics)
    else:
        print_line(describe_metrics(metrics))
