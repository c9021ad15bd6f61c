"""``glyphgen train-baseline``: how well a network learns from a dataset."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from glyphgen.baseline import UNFINISHED_NAME
from glyphgen.choices import MODELS, OPTIMIZERS, SCHEDULES, TIMM, VARIATIONS
from glyphgen.cli.options import PLACE, json_option, label_font_option
from glyphgen.cli.talk import (
    RUNS,
    describe_metrics,
    find_newest_dataset,
    print_result,
    say,
    show_progress,
)
from glyphgen.files.address import Place

__all__ = ["train_baseline_command"]

_SHOWN = (
    "measured_on",
    "n",
    "top1",
    "top1_interval",
    "top5",
    "top1_twins_folded",
    "top1_twins_folded_interval",
)
_MACRO = ("macro_precision", "macro_recall", "macro_f1")


class RateType(click.ParamType[float | tuple[float, float]]):
    """A learning rate, or two as LOW:HIGH."""

    name = "R|LOW:HIGH"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | tuple[float, float]:
        """Return one number, or two."""
        try:
            rates = [float(part) for part in str(value).split(":")]
        except ValueError:
            rates = []
        if len(rates) not in (1, 2) or not 0 < rates[0] <= rates[-1]:
            self.fail(
                f"found '{value}', expected a number above 0 or two as LOW:HIGH, such as 1e-6:1e-4",
                param,
                ctx,
            )
        return rates[0] if len(rates) == 1 else (rates[0], rates[1])


@click.command("train-baseline")
@click.argument("dataset", required=False, type=PLACE)
@click.option(
    "--stream",
    metavar="RECIPE",
    help="Train on fresh images of a recipe in place of rows; DATASET is what is measured then.",
)
@click.option(
    "--model",
    metavar="NAME",
    help=f"{', '.join(MODELS)}, or {TIMM}NAME.  [default: that of --weights, else cnn]",
)
@click.option(
    "--images",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many images the training sees.  [default: 400,000]",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    metavar="E",
    help="Passes over the training rows, instead.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Stop after so long, instead; the numbers then depend on the machine's speed.",
)
@click.option("--batch-size", type=click.IntRange(min=2), default=128, show_default=True)
@click.option(
    "--learning-rate",
    type=RateType(),
    default="4e-3",
    show_default=True,
    help="The highest; or LOW:HIGH, from the first layers to the last.",
)
@click.option(
    "--schedule",
    type=click.Choice(list(SCHEDULES)),
    default="constant",
    show_default=True,
    help="one-cycle: up, and down to almost nothing; the last weights are kept, not their average.",
)
@click.option(
    "--optimizer", type=click.Choice(list(OPTIMIZERS)), default="adamw", show_default=True
)
@click.option("--amsgrad", is_flag=True, help="Never let Adam's steps grow again.")
@click.option(
    "--variation",
    type=click.Choice(list(VARIATIONS)),
    default="strong",
    show_default=True,
    help="strong bends images while the network learns, for other writers and typefaces; light does not.",
)
@click.option("--find-lr", is_flag=True, help="Look for the learning rate first, and take that.")
@click.option(
    "--weights",
    metavar="FILE|RUN|timm:NAME",
    help="Start from the weights of a file, of an earlier training of any classes, or of timm.",
)
@click.option("--pretrained", is_flag=True, help="Start from timm's weights of the model.")
@click.option(
    "--frozen-epochs",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="E",
    help="For so long only the last layer learns.",
)
@click.option(
    "--frozen-rate",
    type=click.FloatRange(min=0, min_open=True),
    metavar="R",
    help="The learning rate meanwhile.  [default: the highest]",
)
@click.option(
    "--image-size",
    type=click.IntRange(min=1),
    metavar="PX",
    help="Scale images into a square of this side.  [default: as they are, or as in --weights]",
)
@label_font_option
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the run.  [default: runs/<dataset>-<model>]",
)
@click.option("--resume", is_flag=True, help="Go on with an interrupted training.")
@click.option("--force", is_flag=True, help="Replace an earlier training.")
@click.option("--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@json_option
def train_baseline_command(
    dataset: Place | None,
    stream: str | None,
    model: str | None,
    images: int | None,
    epochs: float | None,
    minutes: float | None,
    batch_size: int,
    learning_rate: float | tuple[float, float],
    schedule: str,
    optimizer: str,
    amsgrad: bool,
    variation: str,
    find_lr: bool,
    weights: str | None,
    pretrained: bool,
    frozen_epochs: float,
    frozen_rate: float | None,
    image_size: int | None,
    label_font: Path | None,
    seed: int,
    out: Path | None,
    resume: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train the reference network on DATASET, test it, write model, numbers and figures.

    Without DATASET it is the newest complete one under datasets/; with --stream rows of val and test are
    made. Prints the run's folder.

    \b
    Example:
        glyphgen train-baseline datasets/kana --minutes 5
        glyphgen train-baseline --stream kana --minutes 5
        glyphgen train-baseline datasets/calligraphers --weights runs/styles-cnn --epochs 8
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    from glyphgen.baseline.running import train_baseline
    from glyphgen.baseline.starting import find_model_of
    from glyphgen.baseline.training_options import TrainingOptions
    from glyphgen.dataset.reader import load
    from glyphgen.recipe import read_recipe

    model = model or find_model_of(weights)
    if stream is None:
        dataset = dataset or find_newest_dataset()
        recipe, name = None, load(dataset).index.name
    else:
        recipe = read_recipe(stream)
        name = f"{recipe.name}-stream"
    run = out or RUNS / f"{name}-{model.replace(':', '-').replace('/', '-')}"
    options = TrainingOptions(
        model=model,
        images=images,
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        schedule=schedule,
        optimizer=optimizer,
        amsgrad=amsgrad,
        variation=variation,
        seed=seed,
        weights=weights,
        pretrained=pretrained,
        frozen_epochs=frozen_epochs,
        frozen_rate=frozen_rate,
        image_size=image_size,
    )
    with _say_how_to_resume(run), show_progress(quiet=quiet) as reporter:
        trained = train_baseline(
            dataset,
            run,
            options,
            stream=recipe,
            find_lr=find_lr,
            resume=resume,
            force=force,
            label_font=label_font,
            reporter=reporter,
        )
    if not quiet:
        waited = trained.history[-1].waited
        say(f"{1 - waited:.1%} of the time in the network, the rest for images")
        say(describe_metrics(trained.metrics))
    picked = {name: trained.metrics[name] for name in (*_SHOWN, *_MACRO)}
    print_result(str(run), {"run": str(run)} | picked, as_json=as_json)


@contextmanager
def _say_how_to_resume(run: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if (run / UNFINISHED_NAME).exists():
            what, again = "the last checkpoint stays", "with --resume to go on"
        else:
            what, again = "no checkpoint was written", "again to begin anew"
        say(f"{run}: interrupted; {what} (run the same command {again})")
        raise
