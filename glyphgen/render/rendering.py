"""A recipe -> a dataset on disk: the steps of ``glyphgen render``."""

from dataclasses import dataclass, fields
from typing import Any

from glyphgen.choices import check_executor
from glyphgen.dataset.index import INDEX_NAME
from glyphgen.dataset.run_page import RUN_NAME
from glyphgen.engines import find_engine_version
from glyphgen.executors import limit_workers
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.files.pages import dump_sealed
from glyphgen.files.store import open_store
from glyphgen.gate.page import GATE_NAME
from glyphgen.kernel.library import find_kernel
from glyphgen.production import (
    DatasetSpec,
    Produced,
    count_workers,
    describe_run,
    estimate_making,
    produce_dataset,
)
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe
from glyphgen.render.drawing import open_augmenter
from glyphgen.render.indexing import make_index, make_layout, make_pages
from glyphgen.render.page_drawing import make_job, open_drawer
from glyphgen.render.preparing import PreparedRender, prepare_render

__all__ = ["Rendered", "render_dataset", "render_prepared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered(Produced):
    """What ``render_dataset`` did.

    Attributes:
        n_refused: Cells that the gate refused.
    """

    n_refused: int


def render_dataset(
    recipe: Recipe,
    out: AnyPlace,
    *,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Rendered:
    """Make the dataset of a recipe, or finish it, or mend its damaged shards.

    Args:
        recipe: What to make.
        out: The folder, or an address in a store; made when absent. What is there of the same dataset
            is kept.
        workers: Processes that draw.
        executor: Where: see ``check_executor``.
        force: Replace whatever the folder holds.
        mend: Read all of a complete dataset, as after ``verify`` has found damage in it.
        reporter: Is told warnings and the plan in one line, then how far the work is.

    Raises:
        GlyphgenError: The recipe, a font, the folder, the disk or a worker failed; finished shards
            stay, and the same call goes on from them.
    """
    executor = check_executor(executor)
    place = parse_place(out)
    # What follows raises what is wrong before the fonts are read.
    open_augmenter(recipe)
    limit_workers(place, workers, executor)
    is_new = force or not open_store(place).exists(INDEX_NAME)
    prepared = prepare_render(recipe, reporter=reporter)
    find_engine_version(recipe.render.engine)  # raises where the engine is not installed
    spec = _make_spec(prepared, place)
    _report_plan(prepared, reporter)
    if is_new:
        _report_cost(prepared, spec, count_workers(workers, executor), reporter)
    produced = render_prepared(
        prepared, out, workers=workers, executor=executor, force=force, mend=mend, reporter=reporter
    )
    done = {field.name: getattr(produced, field.name) for field in fields(Produced)}
    return Rendered(**done, n_refused=len(prepared.verdict.refusals))


def render_prepared(
    prepared: PreparedRender,
    out: AnyPlace,
    *,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make the dataset of a recipe that is worked out; arguments and errors as for ``render_dataset``."""
    engine_version = find_engine_version(prepared.recipe.render.engine)
    spec = _make_spec(prepared, parse_place(out))
    return produce_dataset(
        spec,
        lambda work: make_job(prepared, work),
        lambda shards: make_index(prepared, spec.layout, shards, engine_version),
        lambda produced: {
            **make_pages(prepared, reporter=reporter),
            RUN_NAME: dump_sealed(
                _describe_run(prepared, produced, count_workers(workers, executor))
            ),
        },
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def _report_plan(prepared: PreparedRender, reporter: Reporter) -> None:
    for warning in prepared.warnings:
        reporter.warning(warning)
    reporter.message(prepared.describe())
    if n_refused := len(prepared.verdict.refusals):
        reporter.message(f"{n_refused:,} cells refused: see {GATE_NAME}")


def _report_cost(
    prepared: PreparedRender, spec: DatasetSpec, workers: int, reporter: Reporter
) -> None:
    maker, rows = open_drawer(prepared), range(spec.layout.n_rows)
    found = estimate_making(spec.folder, spec.layout, maker, rows)
    reporter.message(f"{spec.folder}: {found.describe(workers)}")


def _make_spec(prepared: PreparedRender, folder: Place) -> DatasetSpec:
    return DatasetSpec(
        folder=folder,
        format=prepared.recipe.output.format,
        layout=make_layout(prepared),
        content_key=prepared.content_key,
        work_bytes=prepared.store.n_bytes,
    )


_LIBRARIES = ("numpy", "uharfbuzz", "freetype-py", "fonttools", "pillow", "wand", "h5py")


def _describe_run(prepared: PreparedRender, produced: Produced, workers: int) -> dict[str, Any]:
    return describe_run(produced, workers, _LIBRARIES) | {
        "rasterizer": find_kernel().describe(),
        "recipe_folder": str(prepared.recipe.folder.resolve()),
        "fonts": {face.name: str(face.path.resolve()) for face in prepared.faces},
    }
