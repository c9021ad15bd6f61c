"""A folder of image files, an array or a dataset -> images without labels, as a network is given them."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.checkpoint import ModelInfo
from glyphgen.baseline.evaluating import read_array
from glyphgen.baseline.examples import read_images
from glyphgen.baseline.predicting import find_images, load_ink
from glyphgen.baseline.reframing import reframe
from glyphgen.baseline.seen_images import hash_image
from glyphgen.dataset.index import INDEX_NAME
from glyphgen.dataset.reader import describe_pages, load
from glyphgen.errors import ImageError, SourceError, TrainingError
from glyphgen.exchange.stored import choose_array, find_arrays
from glyphgen.images.decoding import decode_image, read_image_file
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.text import show_count

__all__ = ["Unlabeled", "read_unlabeled"]

_MOST = 20_000  # images that a network is adapted to: more say hardly more
_ARRAYS = (".npz", ".npy")
_SHOWN = 3  # files that cannot be read, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabeled:
    """Images without their labels.

    Attributes:
        images: uint8 (n, H, W), ink 255, in the frame of the network.
        hashes: Of each image before it was framed; see ``hash_image``.
        framing: How they were framed.
    """

    images: NDArray[np.uint8]
    hashes: tuple[str, ...]
    framing: str


def read_unlabeled(
    place: str | os.PathLike[str],
    info: ModelInfo,
    *,
    framing: str | None = None,
    reporter: Reporter = SILENT,
) -> Unlabeled:
    """Read images for a network; what labels there are is not looked at.

    Args:
        place: A folder of image files, as ``predict`` takes them; a dataset's folder; an .npz with
            ``images``, or a .npy or .npz with one array: uint8 (n, H, W), ink 255.
        info: Of the network.
        framing: A key of ``choices.MODEL_FRAMINGS``; without it ``ink`` for image files, as for
            ``predict``, and ``as-is`` for what else, as for ``evaluate``.
        reporter: Is told how far it is, that labels are not used, and what cannot be read.

    Raises:
        TrainingError, DatasetError, ImageError: They cannot be used.
    """
    path = Path(place)
    if (path / INDEX_NAME).exists():
        found, default = _read_dataset(path, reporter), "as-is"
    elif path.suffix in _ARRAYS:
        found, default = _read_file(path, reporter), "as-is"
    else:
        found, default = _read_image_files(path, reporter), "ink"
    how = framing or default
    hashes, framed = [], []
    for digest, image in found:
        hashes.append(digest)
        framed.append(
            reframe(
                [image], height=info.height, width=info.width, framing=how, ink_share=info.ink_share
            )
        )
    nothing = np.zeros((0, info.height, info.width), np.uint8)
    return Unlabeled(images=np.concatenate([nothing, *framed]), hashes=tuple(hashes), framing=how)


def _choose(n: int, reporter: Reporter) -> NDArray[np.int64]:
    """Return positions that are spread over all images where they are too many."""
    if n > _MOST:
        reporter.message(f"{_MOST:,} of {n:,} images are used, spread over all")
    return np.linspace(0, n - 1, min(n, _MOST)).astype(np.int64)


def _read_dataset(folder: Path, reporter: Reporter) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    dataset = load(folder)
    if pages := describe_pages(dataset):
        raise TrainingError(pages)
    reporter.message(f"{folder}: its labels are not used")
    for row in _choose(len(dataset), reporter).tolist():
        [image] = read_images(dataset, np.array([row]))
        yield hash_image(image), image


def _read_file(path: Path, reporter: Reporter) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    try:
        arrays = find_arrays(path)
        name = next(iter(arrays)) if len(arrays) == 1 else "images"
        images = read_array(choose_array(arrays, name, path))
    except SourceError as error:
        raise TrainingError(f"{error} (expected images)") from error
    if images.dtype != np.uint8 or images.ndim != 3:
        raise TrainingError(
            f"{path}: holds {images.dtype} {images.shape}, expected uint8 (n, height, width)"
        )
    if np.median(images[:: max(1, len(images) // 100)]) > 127:
        raise TrainingError(
            f"{path}: light paper, expected ink 255 on paper 0 (save 255 - images, or give image files)"
        )
    if len(arrays) > 1:
        reporter.message(f"{path}: nothing but images is used, no labels")
    for k in _choose(len(images), reporter).tolist():
        yield hash_image(images[k]), images[k]


def _read_image_files(path: Path, reporter: Reporter) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    files, unread = find_images(path), []
    progress = Progress(step="read images", done=0, total=len(files), unit="images")
    for done, k in enumerate(_choose(len(files), reporter).tolist()):
        reporter.progress(
            Progress(step=progress.step, done=done, total=progress.total, unit="images")
        )
        try:
            image = decode_image(read_image_file(files[k]))
            ink, _ = load_ink(image)
        except (ImageError, OSError) as error:
            unread.append(f"{files[k]}: {error}")
            continue
        yield hash_image(image), ink
    reporter.progress(
        Progress(step=progress.step, done=len(files), total=len(files), unit="images")
    )
    for line in unread[:_SHOWN]:
        reporter.warning(line)
    if len(unread) > _SHOWN:
        reporter.warning(f"{show_count(len(unread), 'file')} cannot be read, and are left out")
