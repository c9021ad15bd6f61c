"""Batches without an end: batch k is the same bytes wherever, whenever and by whomever it is made."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from glyphgen.ahead import make_ahead
from glyphgen.augment import AugmentStep
from glyphgen.choices import check_seed
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import ChoiceError
from glyphgen.files.address import Address, AnyPlace, parse_place
from glyphgen.plan.endless import EndlessTurns, make_endless_turns
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.preparing import prepare_render
from glyphgen.streaming.changed_rows import ChangedRows
from glyphgen.streaming.drawn_images import check_endless, open_recipe_images
from glyphgen.streaming.image_source import ImageSource, hash_source
from glyphgen.text import show_some, show_text

if TYPE_CHECKING:
    from glyphgen.images.sheets import Picture

__all__ = ["BatchStream", "check_batching", "list_shares", "open_images", "stream"]

_PLANNED_AT_ONCE = 8192  # images: enough to make the plan cheap, little enough to be small
_AHEAD = 4  # batches of each thread that wait
_MOST_NTH = 1 << 30  # images of a class: beyond, their numbers would be those of another split
_HIGHEST_SHARE = 1000.0

Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


class BatchStream:
    """Batches of fresh images, one after the other or any of them alone.

    Args:
        source: What the images are made from.
        turns: The order of the classes.
        batch_size: Images of a batch.
        n_batches: Of one run through the stream; None where it has no end.
        threads: That draw ahead while the stream is iterated over; without one each batch is drawn when
            it is asked for.

    Attributes:
        name: Of the recipe or the dataset.
        labels: Of the classes.
        height, width: Of the images.
        polarity: A key of ``POLARITIES``: that of the recipe or the dataset.
        key: Equal for streams whose batches are equal.
    """

    def __init__(
        self,
        source: ImageSource,
        turns: EndlessTurns,
        batch_size: int,
        n_batches: int | None = None,
        threads: int = 0,
    ) -> None:
        self._source, self._turns, self._threads = source, turns, threads
        self.batch_size, self.n_batches = batch_size, n_batches
        self.name, self.labels = source.name, source.labels
        self.height, self.width, self.polarity = source.height, source.width, source.polarity
        order = (turns.seed, turns.n_turns.tolist(), turns.per_class, batch_size)
        self.key = hash_source("stream", source.key, *order)

    def batch(self, k: int, out: NDArray[np.uint8] | None = None) -> Batch:
        """Return one batch; to iterate is faster, since it plans many batches at once.

        Args:
            k: 0 or more; it may lie beyond ``n_batches``.
            out: uint8 (N, H, W), contiguous, filled and returned; new memory without it.

        Returns:
            Images, uint8 (N, H, W), and labels, int64 (N,), which are positions in ``labels``.

        Raises:
            ChoiceError: There is no such batch.
        """
        return next(self.list_batches(range(k, k + 1), out))

    def list_batches(self, numbers: range, out: NDArray[np.uint8] | None = None) -> Iterator[Batch]:
        """Yield some batches, such as every fourth; arguments and results as for ``batch``.

        Args:
            numbers: Of the batches.
            out: Filled anew for each batch. Without it every batch has memory of its own.
        """
        if numbers and numbers[0] < 0:
            raise ChoiceError(f"batch: found {numbers[0]}, expected 0 or more")
        size = self.batch_size
        at_once = max(1, _PLANNED_AT_ONCE // size)
        for start in range(0, len(numbers), at_once):
            some = numbers[start : start + at_once]
            class_index, nth = self._list_rows(some)
            if nth.max() >= _MOST_NTH:
                raise ChoiceError(
                    f"batch: found {some[-1]}, and a class has {_MOST_NTH:,} images at most (take"
                    " another seed)"
                )
            planned = self._source.plan(class_index, nth)
            for first in range(0, len(class_index), size):
                part = slice(first, first + size)
                images = self._allocate() if out is None else out
                self._source.draw(planned, part, images)
                yield images, class_index[part].copy()

    def __iter__(self) -> Iterator[Batch]:
        return self.draw_ahead(range(1 << 60 if self.n_batches is None else self.n_batches))

    def draw_ahead(self, numbers: range) -> Iterator[Batch]:
        """Yield some batches as ``list_batches`` does, drawn ahead by the threads of the stream."""
        if not self._threads:
            return self.list_batches(numbers)
        each = [self.list_batches(numbers[k :: self._threads]) for k in range(self._threads)]
        return make_ahead(each, _AHEAD)

    def __len__(self) -> int:
        if self.n_batches is None:
            raise TypeError("the stream has no end (steps gives it one)")
        return self.n_batches

    def show(self, n: int = 64, columns: int = 16) -> "Picture":
        """Return the first images as one picture, ink dark or light as in the recipe.

        Args:
            n: How many.
            columns: In a row.
        """
        from glyphgen.images.sheets import make_picture

        n_batches = -(-n // self.batch_size)
        images = np.concatenate([images for images, _ in self.list_batches(range(n_batches))])
        return make_picture(images[:n], columns)

    def __repr__(self) -> str:
        return (
            f"<BatchStream of '{self.name}': {self.batch_size} images of {self.height}x{self.width},"
            f" {len(self.labels)} classes>"
        )

    def _list_rows(self, numbers: range) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the class of each image of some batches, and how many the class has had before."""
        size = self.batch_size
        if numbers.step == 1:
            return self._turns.rows(numbers.start * size, numbers.stop * size)
        rows = [self._turns.rows(k * size, (k + 1) * size) for k in numbers]
        class_index, nth = zip(*rows, strict=True)
        return np.concatenate(class_index), np.concatenate(nth)

    def _allocate(self) -> NDArray[np.uint8]:
        return np.empty((self.batch_size, self.height, self.width), dtype=np.uint8)


def stream(
    source: AnyPlace | Recipe | Dataset,
    *,
    batch_size: int = 128,
    per_class: int = 1,
    weights: Mapping[str, float] | None = None,
    split: str | None = None,
    seed: int | None = None,
    steps: int | None = None,
    threads: int = 0,
    augment: Sequence[AugmentStep] | None = None,
    reporter: Reporter = SILENT,
) -> BatchStream:
    """Return an endless stream of batches of fresh images; nothing touches the disk.

    Of a recipe, images are drawn: of each class first those of the recipe's dataset, then more of the
    same kind, never one twice. Of a dataset, they are changed copies of its rows, as ``glyphgen balance``
    makes them. All classes have equally many images, unless ``weights`` says otherwise.

    Args:
        source: A recipe, the name of one that comes along, or its file; or a dataset, or its folder.
        batch_size: Images of a batch.
        per_class: Images of a class that come together: 4 for batches of 32 classes with 4 images each.
        weights: How often classes come, by their labels: 2 for twice as often as those that are not named,
            0 for never.
        split: Whose faces draw, or whose rows are copied: ``train`` without it, so that val and test of a
            dataset of the same recipe stay unseen.
        seed: Of all images; that of the recipe without it, 0 for a dataset.
        steps: Batches of one run through the stream, which has no end without it.
        threads: That draw ahead while the stream is iterated over. The kernel holds no lock of Python.
        augment: What copies of a dataset's rows are changed by; ``DEFAULT_STEPS`` without it.
        reporter: Is told how far the fonts are read, and what the user should know.

    Raises:
        ChoiceError: A number or a word cannot be, or ``weights`` names what is no class.
        RecipeError: The recipe cannot be read, or is of pages or of a grid.
        GlyphgenError: A font cannot be read, or the gate refuses; the dataset is missing, unfinished or
            made of copies.
    """
    check_batching(batch_size, per_class, steps)
    if threads < 0:
        raise ChoiceError(f"threads: found {threads}, expected 0 or more")
    images = open_images(source, split=split, seed=seed, augment=augment, reporter=reporter)
    shares = list_shares(images, weights)
    if lost := [images.labels[k] for k in np.flatnonzero(~images.has_images)]:
        reporter.warning(
            f"{images.name}: no image of {show_some(map(show_text, lost))} of {len(images.labels)}"
            " classes in the split: they never come"
        )
    turns = make_endless_turns(images.seed, shares, per_class)
    return BatchStream(images, turns, batch_size, steps, threads)


def check_batching(batch_size: int, per_class: int = 1, steps: int | None = None) -> None:
    """Check how a stream is cut into batches.

    Raises:
        ChoiceError: A number is too small, or a batch does not hold whole groups of a class.
    """
    for name, value in (("batch_size", batch_size), ("per_class", per_class), ("steps", steps)):
        if value is not None and value < 1:
            raise ChoiceError(f"{name}: found {value}, expected 1 or more")
    if batch_size % per_class:
        raise ChoiceError(
            f"per_class: found {per_class} for batches of {batch_size}, expected a divisor of it"
        )


def open_images(
    source: AnyPlace | Recipe | Dataset,
    *,
    split: str | None = None,
    seed: int | None = None,
    augment: Sequence[AugmentStep] | None = None,
    reporter: Reporter = SILENT,
) -> ImageSource:
    """Return what the images of a stream are made from; arguments and errors as for ``stream``."""
    if seed is not None:
        check_seed(seed)
    if isinstance(source, str | os.PathLike):
        place = parse_place(source)
        is_folder = isinstance(place, Address) or place.is_dir()
        source = load(place) if is_folder else read_recipe(source)
    elif isinstance(source, Address):
        source = load(source)
    if isinstance(source, Dataset):
        return ChangedRows(source, split or source.split or "train", seed or 0, augment)
    if augment is not None:
        raise ChoiceError("augment: found it with a recipe, which has its own (`[[augment]]`)")
    check_endless(source)  # before the fonts are read
    prepared = prepare_render(source, reporter=reporter)
    for warning in prepared.warnings:
        reporter.warning(warning)
    return open_recipe_images(prepared, split or "train", seed)


def list_shares(
    images: ImageSource, weights: Mapping[str, float] | None = None
) -> NDArray[np.float64]:
    """Return how often each class comes: (C,).

    Raises:
        ChoiceError: A class is unknown, or has no images; a weight is none, or all are 0.
    """
    shares = images.has_images.astype(np.float64)
    position = {label: k for k, label in enumerate(images.labels)}
    problems = []
    for label, weight in (weights or {}).items():
        k = position.get(label)
        if k is None:
            expected = show_some(map(show_text, images.labels))
            problems.append(
                f"weights: {show_text(label)} is no class of '{images.name}', expected {expected}"
            )
        elif not 0 <= weight <= _HIGHEST_SHARE:
            problems.append(
                f"weights: found {weight} for {show_text(label)}, expected 0 to {_HIGHEST_SHARE:g}"
            )
        elif weight and not images.has_images[k]:
            problems.append(f"weights: {show_text(label)} has no image in the split")
        else:
            shares[k] = weight
    if not problems and not shares.any():
        problems.append("weights: found 0 for all classes, expected one that comes")
    if problems:
        raise ChoiceError(*problems)
    return shares
