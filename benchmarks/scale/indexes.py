"""How large index.json gets with the number of shards, and how long it takes to write and to read."""

import hashlib
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any

from benchmarks.scale.subject import prepare_subject, tick
from glyphgen.dataset.index import INDEX_NAME, MOST_LISTED, read_index, write_index
from glyphgen.dataset.shard_table import DIGEST_LENGTH, ShardTable
from glyphgen.render.indexing import make_index, make_layout

__all__ = ["measure_index"]

_COUNTS = (1_000, 10_000, 100_000, 1_000_000)


def measure_index(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return bytes and seconds for each number of shards.

    Args:
        folder: Where it is written.
        quick: Fewer shards.
    """
    prepared = prepare_subject(quick=quick)
    layout = make_layout(prepared)
    found: dict[str, Any] = {}
    for n in (10, 100) if quick else _COUNTS:
        of_n = replace(layout, n_rows=n * layout.rows_per_shard)
        blake3 = hashlib.shake_256(b"").hexdigest(n * DIGEST_LENGTH // 2)
        table = ShardTable(
            file="images.npy",
            n_rows=of_n.n_rows,
            rows_per_shard=of_n.rows_per_shard,
            row_bytes=of_n.row_bytes,
            blake3=blake3,
        )
        shards = table if n > MOST_LISTED else tuple(table)
        index = make_index(prepared, of_n, shards, "1")
        # The splits of so many rows: rows are counted where it is read.
        index = replace(index, splits={"train": (0, of_n.n_rows)})
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as made:
            before = tick()
            write_index(Path(made), index)
            writing = tick(before)
            peak = getrusage(RUSAGE_SELF).ru_maxrss * 1024  # Linux counts it in kB
            read_index(Path(made))  # the schema is made once
            reading = []
            for _ in range(1 if quick else 3):
                before = tick()
                read_index(Path(made))
                reading.append(tick(before).cpu)
            n_bytes = (Path(made) / INDEX_NAME).stat().st_size
        found[str(n)] = {
            "bytes": n_bytes,
            "write_cpu_s": writing.cpu,
            "peak_bytes": peak,
            "read_cpu_s": statistics.median(reading),
        }
    return found
