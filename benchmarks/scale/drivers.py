"""What the driver spends on each of thousands of tiny shards, and the memory that it keeps of them."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]

from benchmarks.scale.subject import Effort, find_children_cpu, prepare_tiny, tick
from glyphgen.progress import Progress
from glyphgen.render.rendering import render_prepared

__all__ = ["measure_driver"]

_COUNTS = (250, 500, 1000, 2000, 4000)


@dataclass(slots=True)
class _Marks:
    """Notes the memory of this process as shards are done."""

    rows: list[int]
    bytes: dict[int, int] = field(default_factory=dict)

    def message(self, line: str) -> None:
        """Say nothing."""

    warning = message

    def progress(self, progress: Progress) -> None:
        if self.rows and progress.done >= self.rows[0]:
            self.bytes[self.rows.pop(0)] = psutil.Process().memory_info().rss


def measure_driver(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return the driver's processor time by shards, a line through it, and its memory.

    Two processes make the shards, of one image each. A run with one worker tells what the same process
    spends when it makes them, too.

    Args:
        folder: On the disk that is measured.
        quick: Fewer shards.
    """
    counts = (10, 20) if quick else _COUNTS
    run(folder, counts[0], 1)  # opens what all runs need
    efforts, helped = {}, {}
    marks = _Marks([counts[-1] // 10, counts[-1]])
    for n in counts:
        before = find_children_cpu()
        efforts[n] = run(folder, n, 2, marks if n == counts[-1] else None)
        helped[n] = find_children_cpu() - before
    per_shard, fixed = np.polyfit(counts, [efforts[n].cpu for n in counts], 1)
    n_alone = counts[len(counts) // 2]
    one = run(folder, n_alone, 1)
    first, last = marks.bytes.values()
    return {
        "cpu_s_by_shards": {str(n): efforts[n].cpu for n in counts},
        "wall_s_by_shards": {str(n): efforts[n].wall for n in counts},
        "cpu_s_per_shard": per_shard,
        "cpu_s_fixed": max(0.0, fixed),
        "workers_cpu_s_per_shard": float(np.polyfit(counts, [helped[n] for n in counts], 1)[0]),
        "one_process_cpu_s_per_shard": one.cpu / n_alone,
        "one_process_wait_s_per_shard": one.waited / n_alone,
        "rss_bytes_at_tenth": first,
        "rss_bytes_at_end": last,
        "bytes_kept_per_shard": (last - first) / (counts[-1] - counts[-1] // 10),
    }


def run(parent: Path, n_shards: int, workers: int, marks: _Marks | None = None) -> Effort:
    """Make a dataset of many tiny shards; return what this process spent."""
    prepared = prepare_tiny(n_shards)
    given = {"reporter": marks} if marks else {}
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=parent) as made:
        before = tick()
        render_prepared(prepared, Path(made) / "tiny", workers=workers, **given)  # type: ignore[arg-type]
        return tick(before)
