"""``glyphgen predict``: the characters that a trained network reads in image files."""

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glyphgen.cli.options import framing_choice, json_option
from glyphgen.cli.talk import choose_run, print_json, print_line, say

if TYPE_CHECKING:
    from glyphgen.baseline.predicting import Reading

__all__ = ["predict"]

_TOGETHER = 64  # images between two looks at the screen


@click.command()
@click.argument(
    "places",
    metavar="[MODEL] IMAGES...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path),
)
@click.option(
    "--framing",
    type=framing_choice,
    default="ink",
    show_default=True,
    help="How images are framed.",
)
@json_option
def predict(places: tuple[Path, ...], framing: str, as_json: bool) -> None:
    """Print the five classes that MODEL holds for most probable in each of IMAGES.

    MODEL is the folder of a training, or its model.safetensors; without it, it is the newest one
    under runs/. IMAGES are files, and folders of them. Each image shows one character.

    Exit code 1 if an image cannot be read; the others are read all the same.

    \b
    Example:
        glyphgen predict scan-1.png scan-2.png
        glyphgen predict runs/kana-cnn scans/
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    from glyphgen.baseline.predicting import Reader, find_images

    model, given = choose_run(places)
    if not given:
        raise click.UsageError(f"IMAGES: found none beside the model {model}")
    reader = Reader(model)
    adapted = reader.info.adapted
    if adapted:
        say(f"{model}: {adapted.describe()}")
    paths = iter([path for place in given for path in find_images(place)])
    n_unreadable = 0
    while together := list(islice(paths, _TOGETHER)):
        for reading in reader.read(together, framing=framing):
            _print_reading(reading, adapted.n if adapted else 0, as_json=as_json)
            n_unreadable += bool(reading.problem)
    if n_unreadable:
        sys.exit(1)


def _print_reading(reading: "Reading", n_adapted: int, *, as_json: bool) -> None:
    if reading.problem:
        say(reading.problem)
        return
    if reading.warning:
        say(f"warning: {reading.name}: {reading.warning}")
    if as_json:
        page: dict[str, Any] = {
            "image": reading.name,
            "guesses": [{"label": g.label, "probability": g.probability} for g in reading.guesses],
            "warning": reading.warning,
        }
        if n_adapted:
            page["adapted_on_unlabeled_images"] = n_adapted
        print_json(page)
    else:
        shown = "  ".join(f"{g.label} {g.probability:.1%}" for g in reading.guesses)
        print_line(f"{reading.name}: {shown}")
