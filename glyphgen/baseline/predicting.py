"""Image files -> what a trained network reads in each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.recognizing import read_with
from glyphgen.baseline.reframing import reframe
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
    """What was read in one file: at most five guesses, best first; or why it cannot be read."""

    path: Path
    guesses: tuple[Guess, ...] = ()
    problem: str = ""


def predict_images(
    model: Path, paths: Iterable[Path], *, framing: str = "ink"
) -> Iterator[Prediction]:
    """Read image files one by one.

    Ink may be dark on light or light on dark: what the border shows is taken for paper.

    Raises:
        TrainingError: The model cannot be used.
    """
    checkpoint = read_checkpoint(model)
    identity, device = checkpoint.identity, choose_device()
    network = checkpoint.network.to(device)
    for path in paths:
        try:
            image = _read_image(path)
        except TrainingError as error:
            yield Prediction(path=path, problem=str(error))
            continue
        framed = reframe(
            [image],
            height=identity.height,
            width=identity.width,
            framing=framing,
            ink_share=identity.ink_share,
        )
        readings = read_with(network, framed.__getitem__, np.zeros(1, np.int64), device)
        guesses = zip(readings.order[0].tolist(), readings.probability[0].tolist(), strict=True)
        yield Prediction(
            path=path,
            guesses=tuple(Guess(label=identity.labels[k], probability=p) for k, p in guesses),
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
