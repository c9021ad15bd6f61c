"""Images of characters -> the classes that a trained network reads in them."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.activation import map_activation
from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.devices import choose_device
from glyphgen.baseline.inference import predict_classes
from glyphgen.baseline.reframing import reframe
from glyphgen.choices import MODEL_FRAMINGS, check_choice
from glyphgen.errors import ImageError
from glyphgen.images.decoding import SUFFIXES, decode_image, read_image_file
from glyphgen.images.ink import extract_ink, find_ink

__all__ = ["Guess", "Look", "Reader", "Reading", "find_images", "load_ink"]

ImageSource = str | os.PathLike[str] | NDArray[np.uint8]
"""An image file, or an image: uint8 (H, W)."""

_TOGETHER = 256  # images that are in memory at once
_SPECK = (
    0.04  # of the longer side of an image: ink that is no longer is dust, and smaller than a period
)
_SEVERAL = "several characters? (one is expected: cut them apart)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """A class, and the probability that the network gives it."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read in one image.

    Attributes:
        name: The path as it was given, or ``image 3`` for the third of those given as arrays.
        guesses: The five most probable classes, best first; none where the image cannot be read.
        warning: A doubt about the image, "" without one.
        problem: Why the image cannot be read, "" where it was read.
    """

    name: str
    guesses: tuple[Guess, ...] = ()
    warning: str = ""
    problem: str = ""

    @property
    def label(self) -> str:
        """The most probable class; "" where the image cannot be read."""
        return self.guesses[0].label if self.guesses else ""

    @property
    def probability(self) -> float:
        """Of the most probable class; 0 where the image cannot be read."""
        return self.guesses[0].probability if self.guesses else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was read in one image, and where.

    Attributes:
        reading: What was read.
        ink: uint8 (H, W), what the network was given, ink 255; None where the image cannot be read.
        heat: float32 (H, W), 0 to 1, how much each place speaks for what was read; None where the network
            has no places.
    """

    reading: Reading
    ink: NDArray[np.uint8] | None = None
    heat: NDArray[np.float32] | None = None


class Reader:
    """A trained network that reads images of characters.

    Args:
        run: The folder of a training, or its ``model.safetensors``.

    Raises:
        TrainingError: The model cannot be used.
    """

    def __init__(self, run: str | os.PathLike[str]) -> None:
        checkpoint = read_checkpoint(run)
        self.info = checkpoint.info
        """What lies beside the weights: labels, forms, image size."""
        self._device = choose_device()
        self._network = checkpoint.network.to(self._device)

    def read(
        self, images: ImageSource | Iterable[ImageSource], *, framing: str = "ink"
    ) -> list[Reading]:
        """Read the character in each image.

        Ink may be dark on light or light on dark, strong or faint, and the paper gray or in shadow:
        see ``extract_ink``.

        Args:
            images: Image files or uint8 (H, W) arrays; one, or many.
            framing: A key of ``choices.MODEL_FRAMINGS``; see ``reframe``.

        Returns:
            A record for each image, in their order.

        Raises:
            ChoiceError: The framing is unknown.
        """
        check_choice(framing, MODEL_FRAMINGS, "framing")
        sources = _list_sources(images)
        readings: list[Reading] = []
        for start in range(0, len(sources), _TOGETHER):
            readings += self._read_together(sources[start : start + _TOGETHER], start, framing)
        return readings

    def look(self, image: ImageSource, *, framing: str = "ink") -> Look:
        """Read the character in an image, and tell where the network looked.

        Args:
            image, framing: As for ``read``.

        Raises:
            ChoiceError: The framing is unknown.
        """
        check_choice(framing, MODEL_FRAMINGS, "framing")
        reading, ink = _load(image, 1)
        if ink is None:
            return Look(reading=reading)
        framed = self._reframe([ink], framing)
        [guesses] = self._guess(framed)
        reading = replace(reading, guesses=guesses)
        best = np.array([self.info.labels.index(reading.label)])
        heat = map_activation(self._network.cpu(), framed, best)
        self._network.to(self._device)
        return Look(reading=reading, ink=framed[0], heat=None if heat is None else heat[0])

    def _read_together(
        self, sources: Sequence[ImageSource], start: int, framing: str
    ) -> list[Reading]:
        loaded = [_load(source, number) for number, source in enumerate(sources, start + 1)]
        inks = [ink for _, ink in loaded if ink is not None]
        guesses = iter(self._guess(self._reframe(inks, framing)))
        return [
            reading if ink is None else replace(reading, guesses=next(guesses))
            for reading, ink in loaded
        ]

    def _guess(self, framed: NDArray[np.uint8]) -> list[tuple[Guess, ...]]:
        info = self.info
        unknown = np.full(len(framed), -1)
        found = predict_classes(self._network, framed.__getitem__, unknown, self._device)
        return [
            tuple(
                Guess(label=info.labels[k], probability=p)
                for k, p in zip(classes, shares, strict=True)
            )
            for classes, shares in zip(
                found.top_classes.tolist(), found.probabilities.tolist(), strict=True
            )
        ]

    def _reframe(self, inks: Sequence[NDArray[np.uint8]], framing: str) -> NDArray[np.uint8]:
        info = self.info
        return reframe(
            inks, height=info.height, width=info.width, framing=framing, ink_share=info.ink_share
        )


def find_images(place: str | os.PathLike[str]) -> list[Path]:
    """Return the image files in a folder and the folders in it, in the order of their names.

    A path that is no folder is returned as it is.

    Raises:
        ImageError: The folder holds no image.
    """
    folder = Path(place)
    if not folder.is_dir():
        return [folder]
    found = sorted(
        Path(where, name)
        for where, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(SUFFIXES)
    )
    if not found:
        raise ImageError(f"{folder}: a folder without images, expected {', '.join(SUFFIXES)}")
    return found


def _list_sources(images: ImageSource | Iterable[ImageSource]) -> list[ImageSource]:
    if isinstance(images, str | os.PathLike) or (
        isinstance(images, np.ndarray) and images.ndim == 2
    ):
        return [images]
    return list(images)


def _load(source: ImageSource, number: int) -> tuple[Reading, NDArray[np.uint8] | None]:
    """Return what is known of an image before it is read, and its ink; None where it cannot be read."""
    name = f"image {number}" if isinstance(source, np.ndarray) else os.fspath(source)
    try:
        ink, warning = load_ink(source)
    except ImageError as error:
        return Reading(name=name, problem=f"{name}: {error}"), None
    return Reading(name=name, warning=warning), ink


def load_ink(source: ImageSource) -> tuple[NDArray[np.uint8], str]:
    """Return an image with ink 255 on paper 0, uint8 (H, W), and a doubt about it, "" without one.

    Raises:
        ImageError: It cannot be read, or shows no ink.
    """
    if isinstance(source, np.ndarray):
        if source.dtype != np.uint8 or source.ndim != 2 or not source.size:
            raise ImageError(f"{source.dtype} {source.shape}, expected uint8 (height, width)")
        image = source
    else:
        try:
            image = decode_image(read_image_file(Path(source)))
        except FileNotFoundError:
            raise ImageError("no such file") from None
        except OSError as error:
            raise ImageError(f"cannot be read: {error.strerror or error}") from None
    ink = extract_ink(image)
    found = find_ink(ink)
    if found is None:
        raise ImageError("no ink, expected a character, dark on light paper or light on dark")
    if max(found.bottom - found.top, found.right - found.left) <= _SPECK * max(ink.shape):
        raise ImageError("no ink but a speck, expected a character")
    return ink, _SEVERAL if found.is_several else ""
