"""A recipe -> a dataset on disk: the steps of ``glyphgen render``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphgen.dataset.shards import Layout
from glyphgen.gate.page import GATE_NAME, make_gate_page
from glyphgen.production import (
    Produced,
    Target,
    Watch,
    choose_rows_per_shard,
    describe_run,
    dump_json,
    produce_dataset,
)
from glyphgen.recipe import Recipe, dump_recipe
from glyphgen.render.drawing import find_sample_dtype, make_render_job, open_augmenter
from glyphgen.render.indexing import make_index
from glyphgen.render.preparing import PreparedRender, prepare_render

__all__ = ["Rendered", "render_dataset"]


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
    announce: Callable[[PreparedRender], None] | None = None,
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
    prepared = prepare_render(recipe)
    engine_version = prepared.open_engine().version
    order = _place_order(prepared, folder)
    if announce:
        announce(prepared)
    produced = produce_dataset(
        order,
        lambda work: make_render_job(prepared, work),
        lambda shards: make_index(prepared, order.layout, shards, engine_version),
        lambda produced: {
            "recipe.toml": dump_recipe(recipe).encode(),
            GATE_NAME: make_gate_page(prepared).dump(),
            "run.json": dump_json(_describe_run(prepared, produced, workers)),
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
        n_refused=len(prepared.verdict.refusals),
    )


def _place_order(prepared: PreparedRender, folder: Path) -> Target:
    recipe, plan = prepared.recipe, prepared.plan
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
    return Target(
        folder=folder,
        format=recipe.output.format,
        layout=layout,
        sha256=prepared.content_key,
        work_bytes=prepared.store.n_bytes,
    )


_LIBRARIES = ("numpy", "uharfbuzz", "freetype-py", "fonttools", "pillow", "wand", "h5py")


def _describe_run(prepared: PreparedRender, produced: Produced, workers: int) -> dict[str, Any]:
    return describe_run(produced, workers, _LIBRARIES) | {
        "recipe_folder": str(prepared.recipe.folder.resolve()),
        "fonts": {face.name: str(face.path.resolve()) for face in prepared.faces},
    }
