"""Image files -> the classes that a trained network predicts for them."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import Checkpoint, read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.reframing import reframe
from glyphgen.choices import MODEL_FRAMINGS, check_choice
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

    Ink may be dark on light or light on dark, strong or faint: what the border shows is taken for paper.

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
            image = _read_ink(path)
        except ImageError as error:
            yield Prediction(path=path, problem=f"{path}: {error}")
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
