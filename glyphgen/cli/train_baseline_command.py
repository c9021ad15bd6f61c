"""``glyphgen train-baseline``: a dataset proves itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glyphgen.cli.options import json_option
from glyphgen.cli.talk import describe_metrics, find_newest_dataset, print_result

if TYPE_CHECKING:
    from collections.abc import Callable

    from glyphgen.baseline.training import Part

__all__ = ["train_baseline_command"]

_RUNS = Path("runs")
_SHOWN = ("n", "top1", "top1_interval", "top5", "top1_twins_folded", "top1_twins_folded_interval")
_MACRO = ("macro_precision", "macro_recall", "macro_f1")


@click.command("train-baseline")
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@click.option(
    "--model",
    default="cnn",
    show_default=True,
    metavar="NAME",
    help="cnn, kana2020 (the article's), or timm:NAME.",
)
@click.option(
    "--epochs",
    type=click.FloatRange(min=0, min_open=True),
    metavar="E",
    help="How often every row is seen.  [default: until 400,000 images, once at least]",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    metavar="M",
    help="Stop after so long; the numbers then depend on the machine's speed.",
)
@click.option("--batch-size", type=click.IntRange(min=2), default=128, show_default=True)
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), default=4e-3, show_default=True
)
@click.option(
    "--variation",
    type=click.Choice(["strong", "light"]),
    default="strong",
    show_default=True,
    help="strong bends images while the network learns, for other hands and faces; light does not.",
)
@click.option("--find-lr", is_flag=True, help="Look for the learning rate first, and take that.")
@click.option("--pretrained", is_flag=True, help="Start from timm's weights.")
@click.option(
    "--frozen-epochs",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="E",
    help="For so long only the last layer of a timm model learns.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
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
    dataset: Path | None,
    model: str,
    epochs: float | None,
    minutes: float | None,
    batch_size: int,
    learning_rate: float,
    variation: str,
    find_lr: bool,
    pretrained: bool,
    frozen_epochs: float,
    seed: int,
    out: Path | None,
    resume: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train the reference network on DATASET, test it, write model, numbers and figures.

    Without DATASET it is the newest complete one under datasets/. Prints the run's folder.

    \b
    Example:
        glyphgen train-baseline datasets/kana --minutes 5
    """
    from glyphgen.baseline import check_extra

    check_extra()
    from glyphgen.baseline.running import train_baseline
    from glyphgen.baseline.training import Training
    from glyphgen.dataset.reader import load

    if epochs is not None and minutes is not None:
        raise click.UsageError("--epochs and --minutes: found both, expected one of them")
    folder = dataset or find_newest_dataset()
    name = model.replace(":", "-").replace("/", "-")
    run = out or _RUNS / f"{load(folder).index.name}-{name}"
    training = Training(
        model=model,
        epochs=epochs,
        minutes=minutes,
        batch_size=batch_size,
        learning_rate=learning_rate,
        variation=variation,
        seed=seed,
        pretrained=pretrained,
        frozen_epochs=frozen_epochs,
    )
    with _say_how_to_resume(run), _show_parts(quiet=quiet) as watch:
        trained = train_baseline(
            folder,
            run,
            training,
            find_lr=find_lr,
            resume=resume,
            force=force,
            say=None if quiet else lambda text: click.echo(text, err=True),
            watch=watch,
        )
    if not quiet:
        waited = trained.parts[-1].waited
        click.echo(f"{1 - waited:.1%} of the time in the network, the rest for images", err=True)
        click.echo(describe_metrics(trained.metrics), err=True)
    print_result(str(run), {"run": str(run)} | _pick(trained.metrics), as_json=as_json)


@contextmanager
def _say_how_to_resume(run: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        click.echo(
            f"{run}: interrupted; the last report's checkpoint stays"
            " (run the same command with --resume to go on)",
            err=True,
        )
        raise


@contextmanager
def _show_parts(*, quiet: bool) -> "Iterator[Callable[[Part], None] | None]":
    """Print a line for each part of a training, on stderr."""
    if quiet:
        yield None
        return

    def show(part: "Part") -> None:
        click.echo(
            f"{part.progress:4.0%}  epoch {part.epoch:.2f}  {part.images:,} images"
            f"  {part.seconds:.0f} s  loss {part.train_loss:.3f}  val loss {part.val_loss:.3f}"
            f"  val top-1 {part.val_top1:.2%}",
            err=True,
        )

    yield show


def _pick(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in (*_SHOWN, *_MACRO)}
