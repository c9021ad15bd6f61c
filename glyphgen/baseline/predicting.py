"""Image files -> the classes that a trained network predicts for them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from glyphgen.baseline.checkpoint import Checkpoint, read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.reframing import reframe
from glyphgen.choices import MODEL_FRAMINGS, check_choice
from glyphgen.errors import TrainingError

__all__ = ["Guess", "Prediction", "predict_images"]

_MOST_PIXELS = 64 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A class, and the probability that the network gives it."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The five most probable classes of one file, best first; or why the file cannot be read."""

    path: Path
    guesses: tuple[Guess, ...] = ()
    problem: str = ""


def predict_images(
    model: str | os.PathLike[str],
    paths: Iterable[str | os.PathLike[str]],
    *,
    framing: str = "ink",
) -> Iterator[Prediction]:
    """Predict the classes of image files, one by one.

    Ink may be dark on light or light on dark: what the border shows is taken for paper.

    Args:
        model: The file, or the folder of a training.
        paths: Of the images.
        framing: A key of ``choices.MODEL_FRAMINGS``; see ``reframe``.

    Raises:
        ChoiceError: The framing is unknown.
        TrainingError: The model cannot be used.
    """
    check_choice(framing, MODEL_FRAMINGS, "framing")
    return _predict_each(read_checkpoint(model), map(Path, paths), framing)


def _predict_each(
    checkpoint: Checkpoint, paths: Iterable[Path], framing: str
) -> Iterator[Prediction]:
    info, device = checkpoint.info, choose_device()
    network = checkpoint.network.to(device)
    for path in paths:
        try:
            image = _read_image(path)
        except TrainingError as error:
            yield Prediction(path=path, problem=str(error))
            continue
        framed = reframe(
            [image],
            height=info.height,
            width=info.width,
            framing=framing,
            ink_share=info.ink_share,
        )
        found = predict_classes(network, framed.__getitem__, np.full(1, -1), device)
        guesses = zip(found.top_classes[0].tolist(), found.probabilities[0].tolist(), strict=True)
        yield Prediction(
            path=path,
            guesses=tuple(Guess(label=info.labels[k], probability=p) for k, p in guesses),
        )


def _read_image(path: Path) -> NDArray[np.uint8]:
    """Return a file's image as gray, ink 255."""
    try:
        with Image.open(path) as file:
            if file.width * file.height > _MOST_PIXELS:
                raise TrainingError(
                    f"{path}: has {file.width} x {file.height} pixels, expected {_MOST_PIXELS:,} at most"
                )
            upright = ImageOps.exif_transpose(file).convert("RGBA")
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise TrainingError(
            f"{path}: cannot be read, expected an image file (PNG, JPEG, ...)"
        ) from None
    paper = Image.new("RGBA", upright.size, "white")
    gray = np.asarray(Image.alpha_composite(paper, upright).convert("L"))
    border = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    return 255 - gray if np.median(border) > 127 else gray
