"""``glyphgen adapt``: a trained network, adapted to images without labels."""

from pathlib import Path

import click

from glyphgen.cli.options import framing_choice, json_option
from glyphgen.cli.talk import RUNS, print_result, say, show_progress

__all__ = ["adapt"]


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", type=click.Path(path_type=Path))
@click.option(
    "--framing",
    type=framing_choice,
    help="How images are framed.  [default: ink for image files, as-is for arrays and datasets]",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, max=1000),
    default=20.0,
    show_default=True,
    metavar="E",
    help="How often each image is learnt from; 0 moves the statistics alone.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="M",
    help="Of self-training, at most.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the new run.  [default: runs/<run>-adapted]",
)
@click.option("--force", is_flag=True, help="Replace an earlier run.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@json_option
def adapt(
    model: Path,
    images: Path,
    framing: str | None,
    epochs: float,
    minutes: float,
    seed: int,
    out: Path | None,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Adapt MODEL to IMAGES of which nobody has told what they show, and write another run.

    MODEL is the folder of a training, or its model.safetensors. IMAGES is a folder of image files, a
    dataset, an .npz with images, or a .npy; labels are not looked at. Prints the new run's folder.

    \b
    Example:
        glyphgen adapt runs/kana-cnn scans/
        glyphgen adapt runs/kana-cnn datasets/mine --framing ink --out runs/mine
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    from glyphgen.baseline.adapting import adapt_model
    from glyphgen.baseline.self_training import SelfTraining

    name = (model if model.is_dir() else model.parent).resolve().name
    run = out or RUNS / f"{name}-adapted"
    options = SelfTraining(epochs=epochs, minutes=minutes, seed=seed)
    try:
        with show_progress(quiet=quiet) as reporter:
            made = adapt_model(
                model, images, run, options, framing=framing, force=force, reporter=reporter
            )
    except KeyboardInterrupt:
        say(f"{run}: interrupted; nothing was written (run the same command again)")
        raise
    print_result(str(made.folder), {"run": str(made.folder)} | made.metrics, as_json=as_json)
