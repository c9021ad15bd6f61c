"""``glyphgen predict``: the classes that a trained network predicts for image files."""

import sys
from pathlib import Path

import click

from glyphgen.cli.options import framing_choice, json_option
from glyphgen.cli.talk import print_json, print_line, say

__all__ = ["predict"]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--framing",
    type=framing_choice,
    default="ink",
    show_default=True,
    help="How images are framed.",
)
@json_option
def predict(model: Path, images: tuple[Path, ...], framing: str, as_json: bool) -> None:
    """Print the five classes that MODEL holds for most probable in each of IMAGES.

    Exit code 1 if an image cannot be read; the others are read all the same.

    \b
    Example:
        glyphgen predict runs/kana-cnn scan-1.png scan-2.png
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    from glyphgen.baseline.predicting import predict_images

    n_unreadable = 0
    for prediction in predict_images(model, images, framing=framing):
        if prediction.problem:
            n_unreadable += 1
            say(prediction.problem)
            continue
        guesses = [(guess.label, guess.probability) for guess in prediction.guesses]
        if as_json:
            page = {
                "image": str(prediction.path),
                "guesses": [{"label": label, "probability": share} for label, share in guesses],
            }
            print_json(page)
        else:
            shown = "  ".join(f"{label} {share:.1%}" for label, share in guesses)
            print_line(f"{prediction.path}: {shown}")
    if n_unreadable:
        sys.exit(1)
