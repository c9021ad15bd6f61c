"""How much memory the driver and its workers have while they make shards of the usual size."""

import tempfile
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from benchmarks.scale.subject import prepare_subject
from glyphgen.progress import Progress
from glyphgen.render.rendering import render_prepared

__all__ = ["measure_memory"]


class _Watch:
    """Notes the most memory of this process, and of the largest that it has started."""

    def __init__(self) -> None:
        self.driver = self.worker = self.own = 0
        self._process = psutil.Process()

    def message(self, line: str) -> None:
        """Say nothing."""

    warning = message

    def progress(self, progress: Progress) -> None:
        if not progress.done:
            return
        self.driver = max(self.driver, self._process.memory_info().rss)
        for child in self._process.children():
            memory = child.memory_full_info()
            self.worker = max(self.worker, memory.rss)
            self.own = max(self.own, memory.uss)


def measure_memory(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return bytes of memory, as they are when a shard is done.

    Args:
        folder: On the disk that is measured.
        quick: Tiny shards.
    """
    prepared = prepare_subject(quick=quick)
    watch = _Watch()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as made:
        render_prepared(prepared, Path(made) / "made", workers=2, reporter=watch)
    return {
        "driver_bytes": watch.driver,
        "worker_bytes": watch.worker,
        "worker_own_bytes": watch.own,
        "outlines_bytes": prepared.store.n_bytes,
    }
