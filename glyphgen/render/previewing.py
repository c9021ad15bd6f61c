"""A recipe or a dataset -> a contact sheet of a few samples of every class; writes nothing else."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.annotations import frame_boxes
from glyphgen.dataset.reader import Dataset
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.images.ink import find_ink
from glyphgen.images.png import write_png
from glyphgen.images.polarity import find_paper
from glyphgen.images.sheets import write_sheet
from glyphgen.outlines import Outlines, RunStore
from glyphgen.plan.page_plan import PagePlan
from glyphgen.plan.style_plan import StylePlan
from glyphgen.render.drawing import (
    apply_polarity,
    augment_images,
    find_sample_dtype,
    open_augmenter,
)
from glyphgen.render.page_drawing import PageDrawer, annotate_page
from glyphgen.render.preparing import PreparedRender
from glyphgen.streams import Stage, order_by_words
from glyphgen.text import show_codepoints

__all__ = ["preview_dataset", "preview_pages", "preview_recipe"]

_SYMBOL = 64  # pixels: captions are smaller
_LONGEST_SPELLED = 3  # characters whose code points stand in a caption; a word is drawn
_LOOKED_AT = 64  # images of a class among which a typical one is looked for


def preview_recipe(
    prepared: PreparedRender, out: str | os.PathLike[str], *, per_class: int, n_classes: int
) -> int:
    """Draw the first samples of every class as a contact sheet.

    Args:
        prepared: Of the recipe.
        out: The PNG to write.
        per_class: Samples of each class; fewer where the recipe has fewer.
        n_classes: At most so many classes, spread evenly over the table.

    Returns:
        The classes on the sheet.
    """
    if isinstance(prepared.planned, StylePlan):
        return _preview_styles(prepared, prepared.planned, Path(out), per_class)
    plan, table, image = prepared.plan, prepared.table, prepared.recipe.image
    chosen = _choose(len(table), n_classes)
    per_class = min(per_class, int(plan.turns[0].n_samples.min()))
    # The first rows run through all classes again and again, each time at the next face.
    placements = plan.rows(0, per_class * len(table))
    placements = placements.take(np.flatnonzero(np.isin(placements.samples["class_index"], chosen)))
    images = np.empty((len(placements), image.height, image.width), dtype=np.uint8)
    prepared.open_engine().draw(placements, images)
    if augmenter := open_augmenter(prepared.recipe):
        augment_images(augmenter, placements.samples, images)
    apply_polarity(prepared.recipe, images)
    tiles = [images[placements.samples["class_index"] == k] for k in chosen]
    labels = [table.labels[k] for k in chosen]
    symbols = [None if label.isascii() else _draw_symbol(prepared, label) for label in labels]
    write_sheet(Path(out), tiles, list(map(_caption, labels)), symbols)
    return len(chosen)


def _preview_styles(prepared: PreparedRender, plan: StylePlan, out: Path, per_class: int) -> int:
    labels = prepared.table.labels
    per_class = min(per_class, int(plan.counts["train"].min()))
    images, samples = _draw_first(plan, prepared.store, per_class * len(labels))
    tiles = [images[samples["class_index"] == k] for k in range(len(labels))]
    write_sheet(out, tiles, list(map(_caption, labels)))
    return len(labels)


def preview_pages(prepared: PreparedRender, out: str | os.PathLike[str], *, n_pages: int) -> int:
    """Draw the first pages of a recipe side by side, with their boxes.

    Blocks are red, lines green, words blue and characters yellow.

    Args:
        prepared: Of the recipe.
        out: The PNG to write.
        n_pages: At most so many.

    Returns:
        The pages on the sheet.
    """
    plan, store = prepared.planned, prepared.store
    if not isinstance(plan, PagePlan) or not isinstance(store, RunStore):
        raise TypeError("expected a recipe of pages")
    n = min(n_pages, plan.n_rows)
    images, _ = _draw_first(plan, store, n)
    pages = np.repeat(images[..., None], 3, axis=3)
    for row in range(n):
        boxes = annotate_page(plan, store, row)
        frame_boxes(pages[row], boxes)
    write_png(Path(out), np.concatenate(list(pages), axis=1))
    return n


def _draw_first(
    plan: PagePlan | StylePlan, store: Outlines, n: int
) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Return the first n images of pages or styles, and their samples."""
    if not isinstance(store, RunStore):
        raise TypeError("expected runs, of which pages and styles are made")
    image = plan.recipe.image
    images = np.empty((n, image.height, image.width), dtype=np.uint8)
    samples = np.zeros(n, dtype=find_sample_dtype(plan.recipe))
    PageDrawer(plan, store).make_rows(range(n), images, samples)
    return images, samples


def preview_dataset(
    dataset: Dataset,
    out: str | os.PathLike[str],
    *,
    per_class: int,
    n_classes: int,
    seed: int = 0,
) -> int:
    """Show samples of every class of a dataset, drawn by lot, as a contact sheet.

    Args:
        dataset: Of which rows are shown as they lie on disk.
        out: The PNG to write.
        per_class: Samples of each class; blank where a class has fewer.
        n_classes: At most so many classes, spread evenly over the table.
        seed: Of the lot.

    Returns:
        The classes on the sheet.
    """
    labels = np.asarray(dataset.labels)
    chosen = _choose(len(dataset.classes), n_classes)
    paper = find_paper(dataset.index.image.polarity)
    tiles, symbols = [], []
    for k in chosen:
        own = np.flatnonzero(labels == k)
        lot = own[order_by_words(seed, Stage.PREVIEW, len(own), int(k))[:per_class]]
        tile = np.full((per_class, *dataset.images.shape[1:]), paper, dtype=np.uint8)
        tile[: len(lot)] = dataset.images[np.sort(lot)]
        tiles.append(tile)
        is_shown = len(own) and not dataset.classes[k].label.isascii()
        symbols.append(_find_typical(dataset.ink[own[:_LOOKED_AT]]) if is_shown else None)
    write_sheet(Path(out), tiles, [_caption(dataset.classes[k].label) for k in chosen], symbols)
    return len(chosen)


def _choose(n: int, most: int) -> NDArray[np.int64]:
    """Return at most so many of n classes, spread evenly."""
    return np.unique(np.linspace(0, n - 1, min(most, n)).round().astype(np.int64))


def _caption(label: str) -> str:
    if label.isascii():
        return label
    is_word = len(label) > 1 and all(char.isalpha() for char in label)
    return "" if is_word or len(label) > _LONGEST_SPELLED else show_codepoints(label)


def _draw_symbol(prepared: PreparedRender, label: str) -> NDArray[np.uint8] | None:
    """Return a label as a face of middling weight draws it: uint8 (h, w); None where no face may."""
    forms = prepared.table.all_forms
    if label not in forms:
        return None
    form = forms.index(label)
    cells = np.flatnonzero(prepared.verdict.admitted[:, form]) * len(forms) + form
    drawn = draw_cells(prepared.store, cells, _SYMBOL)
    if not len(drawn):
        return None
    by_weight = np.argsort(drawn.sum(axis=(1, 2)), kind="stable")
    symbol: NDArray[np.uint8] = drawn[by_weight[len(drawn) // 2]]
    return symbol if len(label) == 1 else _crop(symbol)


def _find_typical(ink: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the ink of the image (n, H, W) that is most like all others; None where it has none."""
    flat = ink.reshape(len(ink), -1).astype(np.float64)
    likeness = flat @ flat.mean(axis=0) / np.maximum(np.linalg.norm(flat, axis=1), 1)
    return _crop(ink[int(likeness.argmax())])


def _crop(image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """Return the part of an image that holds its ink; None where it has none."""
    found = find_ink(image)
    return image[found.top : found.bottom, found.left : found.right] if found else None
