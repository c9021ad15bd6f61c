"""Image files -> what a trained network reads in each of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.recognizing import read_with
from glyphgen.baseline.reframing import reframe
from glyphgen.errors import ImageError
from glyphgen.images.decoding import decode_image, read_image_file
from glyphgen.images.polarity import find_polarity, stretch_contrast, to_ink

__all__ = ["Guess", "Prediction", "predict_images"]


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

    Ink may be dark on light or light on dark, strong or faint: what the border shows is taken for paper.

    Raises:
        TrainingError: The model cannot be used.
    """
    checkpoint = read_checkpoint(model)
    identity, device = checkpoint.identity, choose_device()
    network = checkpoint.network.to(device)
    for path in paths:
        try:
            image = _read_ink(path)
        except ImageError as error:
            yield Prediction(path=path, problem=f"{path}: {error}")
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


def _read_ink(path: Path) -> NDArray[np.uint8]:
    """Return a file's image with ink 255 on paper 0: uint8 (H, W)."""
    try:
        image = decode_image(read_image_file(path))
    except FileNotFoundError:
        raise ImageError("no such file") from None
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from None
    ink = stretch_contrast(to_ink(image, find_polarity(image)))
    if not ink.any():
        raise ImageError("blank, expected dark ink on light paper or light on dark")
    return ink
