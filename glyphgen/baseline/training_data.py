"""What a network is trained and measured on: rows of a dataset, or a stream and rows beside it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from glyphgen.baseline.examples import (
    Batches,
    RowSplit,
    StreamBatches,
    read_images,
    split_measured_rows,
    split_rows,
)
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.dataset.index import FaceInfo
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import TrainingError
from glyphgen.files.address import AnyPlace
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.fonts import Face
from glyphgen.images.polarity import to_ink
from glyphgen.plan.endless import make_endless_turns
from glyphgen.plan.style_plan import StylePlan
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render
from glyphgen.streaming import BatchStream
from glyphgen.streaming.batch_stream import list_shares
from glyphgen.streaming.drawn_images import check_endless, open_recipe_images
from glyphgen.streaming.held_out import render_held_out
from glyphgen.text import show_count, show_text

__all__ = ["TrainingData", "open_data"]

FaceKey = tuple[str, int, tuple[tuple[str, float], ...]]  # SHA-256, index and axes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """What a training and its test are about.

    Attributes:
        name, content_key: Of the dataset that is trained on, or of the stream's recipe.
        dataset: Holds the rows that are measured, and those that are trained on if nothing streams.
        split: Its rows.
        n_train: Images of an epoch.
        stream: What is trained on in place of rows.
        stream_faces: The faces that draw the stream.
        warnings: What the user has to know.
    """

    name: str
    content_key: str
    dataset: Dataset
    split: RowSplit
    n_train: int
    stream: BatchStream | None = None
    stream_faces: frozenset[FaceKey] = frozenset()
    warnings: tuple[str, ...] = ()

    def open_batches(self, options: TrainingOptions, device: torch.device) -> Batches:
        """Return what a network is trained on."""
        if self.stream is not None:
            return StreamBatches(self.stream, self.n_train, device)
        return Batches(self.dataset, self.split.train, options.batch_size, options.seed, device)

    def read_train(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Return images, ink 255, and labels that are trained on: uint8 (n, H, W), int64 (n,).

        Args:
            rows: Positions among ``n_train``; of a stream as many of its first images come.
        """
        if self.stream is None:
            own = self.split.train[rows]
            return read_images(self.dataset, own), np.asarray(self.dataset.labels[own]).astype(
                np.int64
            )
        n_batches = -(-len(rows) // self.stream.batch_size)
        images, labels = zip(*self.stream.list_batches(range(n_batches)), strict=True)
        some = np.concatenate(images)[: len(rows)]
        return to_ink(some, self.stream.polarity), np.concatenate(labels)[: len(rows)]

    def find_unseen_faces(self) -> dict[str, NDArray[np.bool_]] | None:
        """Return which test rows each face has drawn; None if any of these faces was trained on."""
        faces = np.asarray(self.dataset.samples)["face"]
        infos, of_test = self.dataset.index.faces, faces[self.split.test]
        if self.stream is None:
            was_seen = np.isin(of_test, faces[self.split.train]).any()
        else:
            seen = [k for k, info in enumerate(infos) if _find_key(info) in self.stream_faces]
            was_seen = np.isin(of_test, seen).any()
        if not infos or was_seen:
            return None
        return {info.file: of_test == k for k, info in enumerate(infos)}


@contextmanager
def open_data(
    dataset: AnyPlace | None,
    stream: str | os.PathLike[str] | Recipe | None,
    options: TrainingOptions,
    reporter: Reporter = SILENT,
) -> Iterator[TrainingData]:
    """Give what a network is trained and measured on.

    Args:
        dataset: Folder of a complete dataset; of a stream's val and test rows only, which are made in a
            temporary folder without it.
        stream: A recipe whose stream is trained on.
        options: Of the training.
        reporter: Is told how far the fonts are read, and the rows are made.

    Raises:
        TrainingError: There is neither, or the dataset does not fit the stream, or cannot be trained or
            measured on.
        GlyphgenError: As for ``load`` and ``glyphgen.stream``.
    """
    if stream is not None:
        recipe = stream if isinstance(stream, Recipe) else read_recipe(stream)
        check_endless(recipe)
        prepared = prepare_render(recipe, reporter=reporter)
        if dataset is not None:
            yield _stream(prepared, load(dataset), (), options)
            return
        with make_temporary_folder() as folder:
            made_up = render_held_out(prepared, folder / "held-out", reporter=reporter)
            yield _stream(prepared, load(folder / "held-out"), made_up, options)
    elif dataset is not None:
        opened = load(dataset)
        split = split_rows(opened)
        yield TrainingData(
            name=opened.index.name,
            content_key=opened.index.content_key,
            dataset=opened,
            split=split,
            n_train=len(split.train),
            warnings=split.warnings,
        )
    else:
        raise TrainingError("training: found neither a dataset nor a recipe to stream")


def _stream(
    prepared: PreparedRender, dataset: Dataset, made_up: tuple[str, ...], options: TrainingOptions
) -> TrainingData:
    recipe, planned = prepared.recipe, prepared.planned
    images = open_recipe_images(prepared)
    _check_fit(prepared, dataset)
    turns = make_endless_turns(images.seed, list_shares(images))
    split = split_measured_rows(dataset)
    faces = _find_stream_faces(prepared)
    warnings = [*prepared.warnings, *split.warnings]
    if "test" in made_up:
        warnings.append(
            f"{recipe.name}: has no test split; {show_count(len(split.test), 'other image')} of faces that"
            ' are trained on are measured (split.by = "face" measures unseen faces)'
        )
    elif dataset.index.made_by == "render" and dataset.index.content_key != prepared.content_key:
        warnings.append(
            f"{dataset.folder}: made of another recipe than '{recipe.name}' is now: its rows may be like"
            " those of the stream (leave it out, or render it again)"
        )
    n_train = planned.splits["train"]
    return TrainingData(
        name=recipe.name,
        content_key=prepared.content_key,
        dataset=dataset,
        split=split,
        n_train=n_train[1] - n_train[0],
        stream=BatchStream(images, turns, options.batch_size),
        stream_faces=faces,
        warnings=tuple(warnings),
    )


def _find_stream_faces(prepared: PreparedRender) -> frozenset[FaceKey]:
    planned = prepared.planned
    if isinstance(planned, StylePlan):
        cells = np.concatenate(planned.usable["train"])
    else:
        cells = prepared.plan.turns[0].cells
    drawing = np.unique(cells // prepared.store.n_forms).tolist()
    return frozenset(_find_key(prepared.faces[k]) for k in drawing)


def _find_key(face: Face | FaceInfo) -> FaceKey:
    axes = face.axes.items() if isinstance(face, FaceInfo) else face.axes
    return face.sha256, face.index, tuple(axes)


def _check_fit(prepared: PreparedRender, dataset: Dataset) -> None:
    """Check that rows of a dataset can be read by a network that learns from a stream."""
    recipe, folder = prepared.recipe, dataset.folder
    labels = tuple(info.label for info in dataset.classes)
    if labels != (wanted := tuple(prepared.table.labels)):
        pairs = zip(labels, wanted, strict=False)
        first = next((k for k, (one, other) in enumerate(pairs) if one != other), None)
        where = (
            "" if first is None else f", {show_text(labels[first])} for {show_text(wanted[first])}"
        )
        raise TrainingError(
            f"{folder}: its {len(labels)} classes are not the {len(wanted)} of '{recipe.name}'{where}"
            " (give a dataset of the same classes, or none)"
        )
    shape, wanted_shape = dataset.images.shape[1:], (recipe.image.height, recipe.image.width)
    if shape != wanted_shape:
        raise TrainingError(
            f"{folder}: its images are {shape[0]}x{shape[1]}, expected"
            f" {wanted_shape[0]}x{wanted_shape[1]} as '{recipe.name}' draws them"
        )
