"""A recipe -> a dataset on disk: the pipeline as a list of steps; draws and stores through others."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import glyphgen
from glyphgen.augment import Augmenter, make_augmenter
from glyphgen.blueprint import Blueprint, Survey, draw_up_blueprint
from glyphgen.errors import GlyphgenError
from glyphgen.fonts import Face
from glyphgen.gate import Refusal
from glyphgen.outlines import HARFBUZZ_VERSION, OutlineStore
from glyphgen.plan import SAMPLE_DTYPE, Placements, Plan
from glyphgen.produce import (
    Order,
    Produced,
    Watch,
    choose_rows_per_shard,
    describe_run,
    produce_dataset,
    show_page,
)
from glyphgen.recipe import Recipe, dump_recipe, read_recipe
from glyphgen.rendering import Renderer, make_renderer
from glyphgen.storage.dataset import load
from glyphgen.storage.index import ClassInfo, FaceInfo, ImageInfo, Index, ShardInfo
from glyphgen.storage.shards import Layout

__all__ = [
    "RenderJob",
    "Rendered",
    "apply_polarity",
    "augment_images",
    "draw_placements",
    "draw_rows",
    "find_sample_dtype",
    "make_render_job",
    "open_augmenter",
    "recall_blueprint",
    "render_dataset",
    "show_codepoints",
    "show_gate",
]

_ROWS_AT_ONCE = 8192  # planned together: enough to make the plan cheap, little enough to be small


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered(Produced):
    """What ``render_dataset`` did.

    Attributes:
        n_refused: Cells that the gate refused.
    """

    n_refused: int


def render_dataset(
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    force: bool = False,
    announce: Callable[[Blueprint], None] | None = None,
    watch: Watch | None = None,
) -> Rendered:
    """Make the dataset of a recipe, or finish it, or mend its damaged shards.

    Args:
        recipe: What to make.
        folder: Where; made when absent. What is there of the same dataset is kept.
        workers: Processes that draw.
        force: Replace whatever the folder holds.
        announce: Called once with what is going to be drawn.
        watch: Called before the first shard and after each one.

    Raises:
        GlyphgenError: The recipe, a font, the folder, the disk or a worker failed; finished shards
            stay, and the same call goes on from them.
    """
    open_augmenter(recipe)  # what is wrong with it is told before the fonts are read
    blueprint = draw_up_blueprint(recipe)
    engine_version = blueprint.open_renderer().version
    order = _place_order(blueprint, folder)
    if announce:
        announce(blueprint)
    produced = produce_dataset(
        order,
        lambda work: make_render_job(blueprint, work),
        lambda shards: _make_index(blueprint, order.layout, shards, engine_version),
        lambda produced: {
            "recipe.toml": dump_recipe(recipe).encode(),
            "gate.json": show_page(show_gate(blueprint)),
            "run.json": show_page(_describe_run(blueprint, produced, workers)),
        },
        workers=workers,
        force=force,
        watch=watch,
    )
    return Rendered(
        folder=produced.folder,
        n_rows=produced.n_rows,
        n_made=produced.n_made,
        seconds=produced.seconds,
        n_refused=len(blueprint.verdict.refusals),
    )


def _place_order(blueprint: Blueprint, folder: Path) -> Order:
    recipe, plan = blueprint.recipe, blueprint.plan
    image = recipe.image
    layout = Layout(
        n_rows=plan.n_rows,
        height=image.height,
        width=image.width,
        sample_dtype=find_sample_dtype(recipe),
        rows_per_shard=recipe.output.rows_per_shard
        or choose_rows_per_shard(image.height, image.width),
        compression=recipe.output.compression,
    )
    return Order(
        folder=folder,
        format=recipe.output.format,
        layout=layout,
        sha256=blueprint.recipe_sha256,
        work_bytes=blueprint.store.n_bytes,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderJob:
    """What a worker needs to draw any row: with the vector engine, no font among it."""

    plan: Plan
    store_folder: Path
    faces: tuple[Face, ...]
    forms: tuple[str, ...]

    def open(self) -> "_RowDrawer":
        """Return what draws rows."""
        return _RowDrawer(self.plan, self.open_renderer())

    def open_renderer(self) -> Renderer:
        """Return the engine, over the memory-mapped outlines."""
        recipe = self.plan.recipe
        scatter = recipe.render.scatter
        return make_renderer(
            recipe.render.engine,
            store=OutlineStore.open(self.store_folder),
            faces=self.faces,
            forms=self.forms,
            height=recipe.image.height,
            width=recipe.image.width,
            scatter=(scatter.shift, scatter.turn, scatter.scale),
        )


class _RowDrawer:
    def __init__(self, plan: Plan, renderer: Renderer) -> None:
        self._plan = plan
        self._renderer = renderer

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        draw_rows(self._plan, self._renderer, rows.start, images, samples)


def make_render_job(blueprint: Blueprint, work_folder: Path) -> RenderJob:
    """Return what workers need, with the outlines written where they can map them."""
    store_folder = work_folder / "outlines"
    blueprint.store.write(store_folder)
    return RenderJob(
        plan=blueprint.plan,
        store_folder=store_folder,
        faces=blueprint.faces,
        forms=blueprint.table.all_forms,
    )


def draw_rows(
    plan: Plan,
    renderer: Renderer,
    first: int,
    images: NDArray[np.uint8],
    samples: NDArray[Any],
) -> None:
    """Draw the rows from ``first`` on, as they lie on disk.

    Args:
        plan: Of all rows.
        renderer: Of the plan's recipe.
        first: First row.
        images: uint8 (n, H, W), filled, with the recipe's polarity.
        samples: (n,) of ``find_sample_dtype(plan.recipe)``, filled.
    """
    augmenter = open_augmenter(plan.recipe)
    for start in range(0, len(images), _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, len(images)))
        placements = plan.rows(first + part.start, first + part.stop)
        draw_placements(renderer, augmenter, placements, images[part], samples[part])
    apply_polarity(plan.recipe, images)


def draw_placements(
    renderer: Renderer,
    augmenter: Augmenter | None,
    placements: Placements,
    images: NDArray[np.uint8],
    samples: NDArray[Any],
) -> None:
    """Draw samples, and change them as the recipe augments.

    Args:
        renderer: Of the recipe.
        augmenter: Of the recipe, if it has one.
        placements: Of n samples.
        images: uint8 (n, H, W), filled, ink 255.
        samples: (n,) of ``find_sample_dtype``, filled.
    """
    renderer.draw(placements, images)
    samples[list(SAMPLE_DTYPE.names or ())] = placements.samples
    if augmenter:
        values = augment_images(augmenter, placements.samples, images)
        samples[list(values.dtype.names or ())] = values


def find_sample_dtype(recipe: Recipe) -> np.dtype[np.void]:
    """Return the type of a recipe's samples: the plan's fields, and those of its augmentation."""
    augmenter = open_augmenter(recipe)
    added = augmenter.dtype.descr if augmenter else []
    return np.dtype([*SAMPLE_DTYPE.descr, *added])


def open_augmenter(recipe: Recipe) -> Augmenter | None:
    """Return what changes the drawn images of a recipe; None where nothing does.

    Raises:
        AugmentError: A transform of albumentations is unknown, or refuses its arguments.
    """
    if not recipe.augment:
        return None
    return make_augmenter(
        recipe.augment,
        seed=recipe.seed,
        height=recipe.image.height,
        width=recipe.image.width,
        place=recipe.place,
    )


def augment_images(
    augmenter: Augmenter, samples: NDArray[Any], images: NDArray[np.uint8]
) -> NDArray[np.void]:
    """Change images in place as their samples draw it.

    Args:
        augmenter: Of the recipe.
        samples: (n,) of ``SAMPLE_DTYPE``.
        images: uint8 (n, H, W), ink 255.

    Returns:
        (n,) of the augmenter's dtype, the values that were drawn.
    """
    values = augmenter.draw_values(
        samples["class_index"].astype(np.int64), samples["sample"].astype(np.int64)
    )
    augmenter.apply(images, values, images)
    return values


def apply_polarity(recipe: Recipe, images: NDArray[np.uint8]) -> None:
    """Turn images with ink 255, as they are drawn, into what the recipe wants on disk."""
    if recipe.image.polarity == "black-on-white":
        np.subtract(255, images, out=images)


def recall_blueprint(folder: Path) -> Blueprint:
    """Work the recipe of a rendered dataset out again, where its fonts still lie.

    Raises:
        GlyphgenError: It was not rendered, its fonts are gone, or they, its recipe or glyphgen have
            changed.
    """
    index = load(folder).index
    if index.made_by != "render":
        raise GlyphgenError(
            f"{folder}: made by `glyphgen {index.made_by}`, not drawn from a recipe"
        )
    try:
        run = json.loads((folder / "run.json").read_bytes())
        recipe_folder = Path(run["recipe_folder"])
    except (OSError, ValueError, LookupError, TypeError):
        raise GlyphgenError(f"{folder / 'run.json'}: does not tell where the fonts are") from None
    recipe = read_recipe(folder / "recipe.toml", folder=recipe_folder)
    blueprint = draw_up_blueprint(recipe, use_cache=False)  # the gate is asked anew
    if blueprint.recipe_sha256 != index.recipe_sha256:
        raise GlyphgenError(
            f"{folder}: its fonts, its recipe or glyphgen have changed since it was made"
        )
    return blueprint


def _make_index(
    blueprint: Blueprint, layout: Layout, shards: tuple[ShardInfo, ...], engine_version: str
) -> Index:
    recipe, table, plan = blueprint.recipe, blueprint.table, blueprint.plan
    augmenter = open_augmenter(recipe)
    return Index(
        name=recipe.name,
        format=recipe.output.format,
        compression=recipe.output.compression,
        image=ImageInfo(height=layout.height, width=layout.width, polarity=recipe.image.polarity),
        sample_fields=layout.sample_fields,
        classes=tuple(
            ClassInfo(
                index=k,
                label=table.labels[k],
                forms=table.forms[k],
                codepoints=tuple(show_codepoints(form) for form in table.forms[k]),
                names=table.names(k),
                rows=plan.count_rows(k),
            )
            for k in range(len(table))
        ),
        splits=plan.splits,
        shards=shards,
        faces=tuple(
            FaceInfo(
                file=face.path.name,
                index=face.index,
                axes=dict(face.axes),
                sha256=face.sha256,
                family=face.family,
                style=face.style,
                version=face.version,
                licence=face.licence,
                weight=face.weight,
                licence_text=face.licence_text,
                licence_url=face.licence_url,
                copyright=face.copyright,
                vendor=face.vendor,
                fs_type=face.fs_type,
            )
            for face in blueprint.faces
        ),
        made_by="render",
        seed=recipe.seed,
        recipe_sha256=blueprint.recipe_sha256,
        versions={
            "glyphgen": glyphgen.__version__,
            "harfbuzz": HARFBUZZ_VERSION,
            "engine": engine_version,
            **(augmenter.versions if augmenter else {}),
        },
    )


def show_codepoints(form: str) -> tuple[str, ...]:
    """Return the code points of a form as index.json holds them: ``("U+3042",)``."""
    return tuple(f"U+{ord(char):04X}" for char in form)


def show_gate(found: Blueprint | Survey) -> dict[str, Any]:
    """Return the gate's verdict as gate.json holds it."""
    table, faces, verdict = found.table, found.faces, found.verdict
    forms = table.all_forms
    return {
        "cells": verdict.admitted.size,
        "admitted": int(verdict.admitted.sum()),
        "coverage": {
            face.name: int(of_face.sum())
            for face, of_face in zip(faces, verdict.admitted, strict=True)
        },
        "unproven": {
            face.name: int(of_face.sum())
            for face, of_face in zip(faces, verdict.unproven, strict=True)
            if of_face.any()
        },
        "unread": [
            {
                "file": face.path.name,
                "index": face.index,
                "reason": "; ".join(line.removeprefix(f"{face.path}: ") for line in face.problems),
            }
            for face in found.unread
        ],
        "refused": [_show_refusal(refusal, faces, forms) for refusal in verdict.refusals],
        "allowed": [_show_refusal(refusal, faces, forms) for refusal in verdict.allowed],
        "twins": [
            {
                "forms": [forms[form] for form in twins.forms],
                "distance": twins.distance,
                "faces": twins.n_faces,
                "faces_alike": twins.n_alike,
                "one_class": len({table.form_class[form] for form in twins.forms}) == 1,
            }
            for twins in verdict.twins
        ],
        "face_twins": [
            {
                "face": faces[twins.face].name,
                "forms": [forms[form] for form in twins.forms],
                "distance": twins.distance,
            }
            for twins in verdict.face_twins
        ],
    }


def _show_refusal(refusal: Refusal, faces: Sequence[Face], forms: Sequence[str]) -> dict[str, Any]:
    return {
        "face": faces[refusal.face].name,
        "form": forms[refusal.form],
        "codepoints": show_codepoints(forms[refusal.form]),
        "reason": refusal.reason,
        "figure": refusal.figure,
    }


_LIBRARIES = ("numpy", "uharfbuzz", "freetype-py", "fonttools", "pillow", "wand", "h5py")


def _describe_run(blueprint: Blueprint, produced: Produced, workers: int) -> dict[str, Any]:
    return describe_run(produced, workers, _LIBRARIES) | {
        "recipe_folder": str(blueprint.recipe.folder.resolve()),
        "fonts": {face.name: str(face.path.resolve()) for face in blueprint.faces},
    }
