"""What is measured: the shipped recipe of kanji at 64 x 64; of tiny shards, and in tests, the digits."""

import gc
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from glyphgen.dataset.claim import claim_folder, hold_folder, open_work_folder
from glyphgen.dataset.shards import Layout, make_shards
from glyphgen.files.writing import make_folder
from glyphgen.recipe import read_recipe
from glyphgen.render.indexing import make_layout
from glyphgen.render.page_drawing import make_job
from glyphgen.render.preparing import PreparedRender, prepare_render
from glyphgen.shard_making import open_job, write_job
from glyphgen.shipping import ShippedJob

__all__ = ["Effort", "find_children_cpu", "open_subject", "prepare_subject", "prepare_tiny", "tick"]

_QUEUED = Path("/proc/self/schedstat")  # nanoseconds: on a core, waiting for one; times


@dataclass(frozen=True, slots=True)
class Effort:
    """Seconds between two calls of ``tick``.

    Attributes:
        wall: By the clock.
        cpu: Of all threads of this process on cores.
        queued: While its main thread waited for a core that others had; 0 where the system does not tell.
    """

    wall: float
    cpu: float
    queued: float = 0.0

    @property
    def waited(self) -> float:
        """Seconds for something else than a core: a disk, a network."""
        return max(0.0, self.wall - self.cpu - self.queued)


def tick(since: Effort = Effort(0.0, 0.0)) -> Effort:
    """Return the clocks of this process, less those of an earlier call."""
    queued = int(_QUEUED.read_text().split()[1]) / 1e9 if _QUEUED.exists() else 0.0
    return Effort(
        time.perf_counter() - since.wall, time.process_time() - since.cpu, queued - since.queued
    )


def find_children_cpu() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prepare_subject(*, quick: bool, settings: tuple[str, ...] = ()) -> PreparedRender:
    """Work out the recipe that is measured, with some of its keys set."""
    if quick:
        return prepare_tiny(400, 32, settings)
    return prepare_render(read_recipe("kanji", settings))


def prepare_tiny(
    n_shards: int, rows_per_shard: int = 1, settings: tuple[str, ...] = ()
) -> PreparedRender:
    """Work out a recipe of many tiny shards: digits of 16 x 16."""
    given = (
        *("image.height=16", "image.width=16", f"output.rows_per_shard={rows_per_shard}"),
        f"render.per_class={max(1, n_shards * rows_per_shard // 10)}",
    )
    prepared = prepare_render(read_recipe("digits", (*given, *settings)))
    gc.collect()
    return prepared


@contextmanager
def open_subject(prepared: PreparedRender, folder: Path) -> Iterator[Layout]:
    """Let this process be a worker in a new folder: ``make_shard`` makes the shards of the layout."""
    layout, format = make_layout(prepared), prepared.recipe.output.format
    shards = make_shards(folder, format, layout)
    with hold_folder(folder):
        claim_folder(folder, prepared.content_key)
        shards.prepare()
        with open_work_folder(folder) as work:
            make_folder(work / "job")
            write_job(
                work / "job", make_job(prepared, work / "job"), shards, "", shards.read_notes()
            )
            open_job(ShippedJob(work / "job"))
            yield layout
