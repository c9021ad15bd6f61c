"""The pages of a recipe, drawn; and the boxes on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.annotations import ANNOTATION_DTYPE, MOST_CODEPOINTS, clip_boxes
from glyphgen.engines import EngineInputs
from glyphgen.engines.vector import VectorEngine
from glyphgen.images.polygons import fill_convex
from glyphgen.outlines import RunStore
from glyphgen.plan import SAMPLE_DTYPE, Placements, Plan
from glyphgen.plan.page_boxes import make_boxes
from glyphgen.plan.page_plan import PagePlan, PageScene
from glyphgen.plan.page_stamps import Stamp
from glyphgen.plan.style_plan import StylePlan
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.render.drawing import (
    RenderJob,
    RowDrawer,
    apply_polarity,
    augment_images,
    make_render_job,
    open_augmenter,
)

if TYPE_CHECKING:  # a worker needs no gate
    from glyphgen.render.preparing import PreparedRender

__all__ = ["PageDrawer", "PageJob", "annotate_page", "annotate_pages", "make_job", "open_drawer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageJob:
    """What a worker needs to draw any page, or sheet of a style; no font is among it."""

    plan: PagePlan | StylePlan
    store_file: Path

    def open(self) -> "PageDrawer":
        """Return what draws pages."""
        return PageDrawer(self.plan, RunStore.open(self.store_file))


class PageDrawer:
    """Draws pages.

    Args:
        plan: Of all pages.
        store: The runs of all cells.
    """

    def __init__(self, plan: PagePlan | StylePlan, store: RunStore) -> None:
        self._plan, self._store = plan, store
        self._engine = VectorEngine(EngineInputs.of_recipe(plan.recipe, store, (), ()))
        self._augmenter = open_augmenter(plan.recipe)

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        """Draw some pages, as they lie on disk.

        Args:
            rows: Of the dataset.
            images: uint8 (n, H, W), filled, with the recipe's polarity.
            samples: (n,) of ``find_sample_dtype``, filled.
        """
        self.draw_scenes([self._plan.make_page(row, self._store) for row in rows], images, samples)

    def draw_scenes(
        self, scenes: Sequence[PageScene], images: NDArray[np.uint8], samples: NDArray[Any]
    ) -> None:
        """Draw what stands on n images; ``images`` and ``samples`` as for ``make_rows``."""
        images[:] = 0
        for k, scene in enumerate(scenes):
            self._draw(scene, images[k : k + 1])
        plain = np.array([scene.sample for scene in scenes], dtype=SAMPLE_DTYPE)
        samples[list(SAMPLE_DTYPE.names or ())] = plain
        if self._augmenter:
            values = augment_images(self._augmenter, plain, images)
            samples[list(values.dtype.names or ())] = values
        apply_polarity(self._plan.recipe, images)

    def _draw(self, scene: PageScene, image: NDArray[np.uint8]) -> None:
        atoms = scene.atoms
        matrices = atoms.make_matrices(scene.skew_deg, image.shape[1:])
        placements = Placements.of_matrices(atoms.cell, matrices)
        self._engine.draw_onto(placements, image, np.zeros(len(atoms.cell), dtype=np.int64))
        for rule in scene.rules:
            fill_convex(image[0], rule)
        for stamp in scene.stamps:
            _draw_stamp(image[0], stamp)


def _draw_stamp(image: NDArray[np.uint8], stamp: Stamp) -> None:
    """Draw a stamp over a page (H, W), where it is darker than what is there."""
    left, top = np.floor(stamp.strokes.min(axis=(0, 1))).astype(int).tolist()
    right, bottom = np.ceil(stamp.strokes.max(axis=(0, 1))).astype(int).tolist()
    mark = np.zeros((bottom - top, right - left), dtype=np.uint8)
    for stroke in stamp.strokes:
        fill_convex(mark, stroke - (left, top))
    hold = _spread(_spread(stamp.hold, mark.shape[0]).T, mark.shape[1]).T
    worn = int(stamp.wear * (hold.size - 1))
    mark[hold < np.partition(hold, worn, axis=None)[worn]] = 0
    mark = (mark * np.int64(round(stamp.darkness * 256)) >> 8).astype(np.uint8)
    part = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    shown = mark[max(-top, 0) :, max(-left, 0) :][: part.shape[0], : part.shape[1]]
    np.maximum(part, shown, out=part)


def _spread(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return n rows for values in fewer rows, in straight lines from one to the next."""
    place = np.arange(n) * ((len(values) - 1) / n)
    first = place.astype(np.int64)
    share = (place - first)[:, None]
    spread: NDArray[np.float64] = values[first] * (1 - share) + values[first + 1] * share
    return spread


def make_job(prepared: "PreparedRender", work_folder: Path) -> PageJob | RenderJob:
    """Return what workers need, with the outlines written where they can map them."""
    if isinstance(prepared.planned, Plan):
        return make_render_job(prepared, work_folder)
    store_file = work_folder / "outlines"
    prepared.store.write(store_file)
    return PageJob(plan=prepared.planned, store_file=store_file)


def open_drawer(prepared: "PreparedRender") -> PageDrawer | RowDrawer:
    """Return what draws rows in this process.

    Raises:
        EngineError: The engine is not installed, or cannot draw these faces or forms.
    """
    planned, store = prepared.planned, prepared.store
    if isinstance(store, RunStore) and not isinstance(planned, Plan):
        return PageDrawer(planned, store)
    return RowDrawer(prepared.plan, prepared.open_engine())


def annotate_pages(plan: PagePlan, store: RunStore, *, reporter: Reporter = SILENT) -> NDArray[Any]:
    """Return the boxes of all pages: (n,) of ``ANNOTATION_DTYPE``."""
    parts = [
        annotate_page(plan, store, row)
        for row in track(range(plan.n_rows), step="find boxes", unit="pages", reporter=reporter)
    ]
    return np.concatenate([np.zeros(0, dtype=ANNOTATION_DTYPE), *parts])


def annotate_page(plan: PagePlan, store: RunStore, row: int) -> NDArray[Any]:
    """Return the boxes of one page, level by level: (n,) of ``ANNOTATION_DTYPE``."""
    scene = plan.make_page(row, store)
    boxes = make_boxes(plan, store, scene)
    counts = [len(level) for level in boxes.turned]
    first = np.cumsum([0, *counts])
    own = np.zeros(first[-1], dtype=ANNOTATION_DTYPE)
    own["row"] = row
    own["level"] = np.repeat(np.arange(len(counts)), counts)
    own["order"] = np.concatenate([np.arange(n) for n in counts])
    own["parent"] = -1
    own["class_index"] = np.concatenate(boxes.class_index)
    for level, parent in enumerate(boxes.parents, start=1):
        own["parent"][first[level] : first[level + 1]] = first[level - 1] + parent
    height, width = plan.recipe.image.height, plan.recipe.image.width
    clip_boxes(own, np.concatenate(boxes.turned), height, width)
    left, top, right, bottom = np.concatenate(boxes.upright).T
    own["corners"] = np.stack(
        [np.stack(c, axis=1) for c in ((left, top), (right, top), (right, bottom), (left, bottom))],
        axis=1,
    )
    characters = boxes.characters
    form = scene.atoms.cell[characters.atom] % plan.n_forms
    begin = plan.first_character[form] + characters.first
    n = characters.last - characters.first
    of_characters = own["codepoints"][first[-2] :]
    for k in range(MOST_CODEPOINTS):
        there = n > k
        of_characters[there, k] = plan.codepoints[begin[there] + k]
    return own
