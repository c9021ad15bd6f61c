"""A recipe -> a dataset on disk: the pipeline as a list of steps; draws and stores through others."""

import json
import os
import pickle
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import glyphgen
from glyphgen.blueprint import Blueprint, draw_up_blueprint
from glyphgen.errors import DatasetError
from glyphgen.executors import run_shards
from glyphgen.fonts import Face
from glyphgen.outlines import HARFBUZZ_VERSION, OutlineStore
from glyphgen.plan import SAMPLE_DTYPE, Plan
from glyphgen.recipe import Recipe, dump_recipe
from glyphgen.rendering import Renderer, make_renderer
from glyphgen.storage.commit import write_bytes
from glyphgen.storage.folder import (
    Claim,
    check_space,
    claim_folder,
    find_work_folder,
    remove_work_folder,
)
from glyphgen.storage.index import ClassInfo, FaceInfo, ImageInfo, Index, ShardInfo, write_index
from glyphgen.storage.shards import FORMATS, Layout, Shards, reopen_dataset
from glyphgen.storage.verify import verify_shards

__all__ = [
    "Done",
    "Rendered",
    "ShardJob",
    "Watch",
    "apply_polarity",
    "draw_rows",
    "render_dataset",
    "show_gate",
]

_SHARD_BYTES = 32 << 20  # of images: the arrays of a worker stay small, and a crash costs little
_ROWS_AT_ONCE = 8192  # planned together: enough to make the plan cheap, little enough to be small


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How far a render has come: rows and shards that are there, and shards in all."""

    n_rows: int
    n_shards: int
    of_shards: int


# Told before the work what is planned, and after each shard what is done.
Watch = Callable[[Blueprint, Done], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What ``render_dataset`` did.

    Attributes:
        folder: Where the dataset lies.
        n_rows: Its rows.
        n_drawn: Rows that were drawn now; the others were there already.
        n_refused: Cells that the gate refused.
        seconds: For drawing and writing the shards.
    """

    folder: Path
    n_rows: int
    n_drawn: int
    n_refused: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Rows drawn and written in a second; 0 where none was drawn."""
        return self.n_drawn / self.seconds if self.n_drawn else 0.0


def render_dataset(
    recipe: Recipe,
    folder: Path,
    *,
    workers: int = 1,
    force: bool = False,
    watch: Watch | None = None,
) -> Rendered:
    """Make the dataset of a recipe, or finish it, or mend its damaged shards.

    Args:
        recipe: What to make.
        folder: Where; made when absent. What is there of the same dataset is kept.
        workers: Processes that draw.
        force: Replace whatever the folder holds.
        watch: Called with the blueprint and what is done so far.

    Raises:
        GlyphgenError: The recipe, a font, the folder, the disk or a worker failed; finished shards
            stay, and the same call goes on from them.
    """
    blueprint = draw_up_blueprint(recipe)
    engine_version = blueprint.open_renderer().version
    layout = _lay_out(blueprint)
    shards = FORMATS[recipe.output.format](folder, layout)
    watch = watch or _watch_nothing
    claim = claim_folder(folder, blueprint.recipe_sha256, force=force)
    if claim is Claim.COMPLETE:
        if not verify_shards(folder):
            watch(blueprint, _count_done(layout, layout.n_shards, layout.n_rows))
            return _report(blueprint, folder, 0, 0.0)
        reopen_dataset(folder)
    if claim is Claim.NEW:
        _check_disk(folder, blueprint, layout)
    shards.prepare()
    started = time.perf_counter()
    n_drawn = _draw_shards(blueprint, shards, workers, watch)
    infos = shards.finish()
    rendered = _report(blueprint, folder, n_drawn, time.perf_counter() - started)
    write_bytes(folder / "recipe.toml", dump_recipe(recipe).encode())
    _write_json(folder / "gate.json", show_gate(blueprint))
    _write_json(folder / "run.json", _show_run(blueprint, rendered, workers))
    write_index(folder, _make_index(blueprint, layout, infos, engine_version))
    remove_work_folder(folder)
    return rendered


def _watch_nothing(blueprint: Blueprint, done: Done) -> None:
    pass


def _count_done(layout: Layout, n_shards: int, n_rows: int) -> Done:
    return Done(n_rows=n_rows, n_shards=n_shards, of_shards=layout.n_shards)


def _lay_out(blueprint: Blueprint) -> Layout:
    recipe, plan = blueprint.recipe, blueprint.plan
    image = recipe.image
    default = max(1, _SHARD_BYTES // (image.height * image.width))
    return Layout(
        n_rows=plan.n_rows,
        height=image.height,
        width=image.width,
        sample_dtype=SAMPLE_DTYPE,
        rows_per_shard=recipe.output.rows_per_shard or default,
        compression=recipe.output.compression,
    )


def _check_disk(folder: Path, blueprint: Blueprint, layout: Layout) -> None:
    try:
        check_space(folder, layout.n_rows * layout.row_bytes + blueprint.store.n_bytes)
    except DatasetError:
        remove_work_folder(folder)
        folder.rmdir()
        raise


def _draw_shards(blueprint: Blueprint, shards: Shards, workers: int, watch: Watch) -> int:
    """Draw every shard that is not there yet; return how many rows were drawn."""
    store_folder = find_work_folder(shards.folder) / "outlines"
    blueprint.store.write(store_folder)
    scatter = blueprint.recipe.render.scatter
    job = ShardJob(
        plan=blueprint.plan,
        shards=shards,
        store_folder=store_folder,
        faces=blueprint.faces,
        forms=blueprint.table.all_forms,
        scatter=(scatter.shift, scatter.turn, scatter.scale),
    )
    # Through a file: a new process reads its arguments from a pipe, and the pipe's writer waits for
    # ever if the process dies before it has read more than fits.
    job_file = find_work_folder(shards.folder) / "job.pickle"
    write_bytes(job_file, pickle.dumps(job), durable=False)
    n_done = n_drawn = 0
    watch(blueprint, _count_done(shards.layout, 0, 0))
    numbers = range(shards.layout.n_shards)
    workers = min(workers, len(numbers))
    results = run_shards(
        _draw_shard, numbers, workers=workers, initializer=_open_job, initargs=(job_file,)
    )
    for n_shards, (number, was_drawn) in enumerate(results, start=1):
        n_rows = len(shards.layout.find_rows(number))
        n_done += n_rows
        n_drawn += n_rows * was_drawn
        watch(blueprint, _count_done(shards.layout, n_shards, n_done))
    return n_drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """What a worker needs to make any shard: with the vector engine, no font among it."""

    plan: Plan
    shards: Shards
    store_folder: Path
    faces: tuple[Face, ...]
    forms: tuple[str, ...]
    scatter: tuple[float, float, float]

    def open_renderer(self) -> Renderer:
        """Return the engine, over the memory-mapped outlines."""
        return make_renderer(
            self.plan.recipe.render.engine,
            store=OutlineStore.open(self.store_folder),
            faces=self.faces,
            forms=self.forms,
            height=self.shards.layout.height,
            width=self.shards.layout.width,
            scatter=self.scatter,
        )


class _Worker:
    """Makes shards one after the other, in the same memory."""

    def __init__(self, job: ShardJob) -> None:
        layout = job.shards.layout
        n = min(layout.rows_per_shard, layout.n_rows)
        self._job = job
        self._renderer = job.open_renderer()
        # First touch of fresh memory costs more than the drawing: these are used again and again.
        self._images = np.empty((n, layout.height, layout.width), dtype=np.uint8)
        self._samples = np.empty(n, dtype=SAMPLE_DTYPE)

    def draw_shard(self, k: int) -> bool:
        """Make shard k unless it is there already; return whether it was made."""
        shards = self._job.shards
        if shards.find_done(k):
            return False
        n = len(shards.layout.find_rows(k))
        images, samples = self._images[:n], self._samples[:n]
        draw_rows(self._job.plan, self._renderer, shards.layout.find_rows(k).start, images, samples)
        shards.write(k, images, samples["class_index"].copy(), samples)
        return True


_workers: list[_Worker] = []  # one at most: of this process


def _open_job(job_file: Path) -> None:
    _workers[:] = [_Worker(pickle.loads(job_file.read_bytes()))]


def _draw_shard(k: int) -> bool:
    return _workers[0].draw_shard(k)


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
        samples: (n,) of ``SAMPLE_DTYPE``, filled.
    """
    for start in range(0, len(images), _ROWS_AT_ONCE):
        part = slice(start, min(start + _ROWS_AT_ONCE, len(images)))
        placements = plan.rows(first + part.start, first + part.stop)
        renderer.draw(placements, images[part])
        samples[part] = placements.samples
    apply_polarity(plan.recipe, images)


def apply_polarity(recipe: Recipe, images: NDArray[np.uint8]) -> None:
    """Turn images with ink 255, as they are drawn, into what the recipe wants on disk."""
    if recipe.image.polarity == "black-on-white":
        np.subtract(255, images, out=images)


def _report(blueprint: Blueprint, folder: Path, n_drawn: int, seconds: float) -> Rendered:
    return Rendered(
        folder=folder,
        n_rows=blueprint.plan.n_rows,
        n_drawn=n_drawn,
        n_refused=len(blueprint.verdict.refusals),
        seconds=seconds,
    )


def _make_index(
    blueprint: Blueprint, layout: Layout, shards: tuple[ShardInfo, ...], engine_version: str
) -> Index:
    recipe, table, plan = blueprint.recipe, blueprint.table, blueprint.plan
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
                codepoints=tuple(_show_codepoints(form) for form in table.forms[k]),
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
            )
            for face in blueprint.faces
        ),
        seed=recipe.seed,
        recipe_sha256=blueprint.recipe_sha256,
        versions={
            "glyphgen": glyphgen.__version__,
            "harfbuzz": HARFBUZZ_VERSION,
            "engine": engine_version,
        },
    )


def _show_codepoints(form: str) -> tuple[str, ...]:
    return tuple(f"U+{ord(char):04X}" for char in form)


def show_gate(blueprint: Blueprint) -> dict[str, Any]:
    """Return the gate's verdict as gate.json holds it."""
    forms, faces, verdict = blueprint.table.all_forms, blueprint.faces, blueprint.verdict
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
        "refused": [
            {
                "face": faces[refusal.face].name,
                "form": forms[refusal.form],
                "codepoints": _show_codepoints(forms[refusal.form]),
                "reason": refusal.reason,
                "figure": refusal.figure,
            }
            for refusal in verdict.refusals
        ],
    }


_LIBRARIES = ("numpy", "uharfbuzz", "freetype-py", "fonttools", "pillow", "wand", "h5py")


def _show_run(blueprint: Blueprint, rendered: Rendered, workers: int) -> dict[str, Any]:
    """Return all that may differ between runs that make equal datasets."""
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(rendered.seconds, 3),
        "rows_drawn": rendered.n_drawn,
        "images_per_second": round(rendered.images_per_second),
        "workers": workers,
        "host": platform.node(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "recipe_folder": str(blueprint.recipe.folder.resolve()),
        "fonts": {face.name: str(face.path.resolve()) for face in blueprint.faces},
    }


def _write_json(path: Path, page: dict[str, Any]) -> None:
    write_bytes(path, f"{json.dumps(page, ensure_ascii=False, indent=2)}\n".encode())
