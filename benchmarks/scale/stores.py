"""What a shard costs in an object store: requests, bytes, and the time of its client and its server.

The server is moto's, one Python process on this machine: its ceiling is not that of S3.
"""

import os
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import numpy as np
import psutil  # type: ignore[import-untyped]
from numpy.typing import NDArray

from benchmarks.scale.subject import prepare_tiny, tick
from glyphgen.files.address import Place, parse_place
from glyphgen.files.store import open_store
from glyphgen.render.rendering import render_prepared

sys.path.append(
    str(Path(__file__).parent.parent.parent / "tests")
)  # the server is that of the tests
from object_server import BUCKET, Proxy, forget_connections, serve_objects

__all__ = ["ServedStore", "measure_store", "serve_store"]

_SIZES = (1 << 10, 1 << 20, 8 << 20, 32 << 20)
_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /[^ \r\n]* HTTP/1\.1\r\n")


@dataclass(frozen=True, slots=True)
class ServedStore:
    """A running server.

    Attributes:
        port: Where it listens.
        process: That it is.
    """

    port: int
    process: psutil.Process

    def place(self, name: str) -> Place:
        """Return the address of a folder."""
        return parse_place(f"s3://{BUCKET}/{name}")

    def find_cpu(self) -> float:
        """Return the processor time of the server."""
        used = self.process.cpu_times()
        return float(used.user + used.system)


@contextmanager
def serve_store() -> Iterator[ServedStore]:
    """Start a server that this process and those that it starts use with ``s3://``."""
    before = set(psutil.Process().children())
    with serve_objects() as server, patch.dict(os.environ, server.env):
        [process] = set(psutil.Process().children()) - before
        forget_connections()
        port = urlsplit(server.url).port
        assert port
        yield ServedStore(port, process)


def measure_store(_folder: Path, *, quick: bool) -> dict[str, Any]:
    """Return requests of a shard by the executor, and what puts of several sizes take.

    Args:
        _folder: Of nothing: all goes to the server.
        quick: Fewer and smaller puts.
    """
    counts = (3, 6) if quick else (10, 30)
    with serve_store() as store:
        requests = {
            executor: _count_requests(store, executor, counts)
            for executor in ("processes", "dask:1")
        }
        puts = _measure_puts(store, _SIZES[:2] if quick else _SIZES, 2 if quick else 5)
    return {"requests": requests, **puts}


def _count_requests(
    store: ServedStore, executor: str, counts: tuple[int, int]
) -> dict[str, dict[str, float]]:
    """Return the requests of each kind, for each shard and for the whole."""
    seen = []
    for n in counts:
        prepared = prepare_tiny(n, 10)
        with Proxy(store.port) as proxy:
            with patch.dict(os.environ, {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}):
                forget_connections()
                place = store.place(f"{executor.replace(':', '')}-{n}")
                render_prepared(prepared, place, executor=executor)
            forget_connections()
            seen.append(Counter(verb.decode() for verb in _REQUEST.findall(bytes(proxy.seen))))
    few, many = seen
    between = counts[1] - counts[0]
    per_shard = {verb: (many[verb] - few[verb]) / between for verb in sorted(many)}
    return {
        "per_shard": per_shard,
        "fixed": {verb: few[verb] - per_shard[verb] * counts[0] for verb in per_shard},
    }


def _measure_puts(store: ServedStore, sizes: tuple[int, ...], repeats: int) -> dict[str, Any]:
    """Return the processor time of client and server, as a line through puts of several sizes."""
    folder = open_store(store.place("puts"))
    folder.put("first", b"opens the connection")
    client, server, wall = [], [], []
    for size in sizes:
        content = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        efforts = []
        before_server = store.find_cpu()
        for k in range(repeats):
            before = tick()
            folder.put(f"{size}-{k}", content)
            efforts.append(tick(before))
        server.append((store.find_cpu() - before_server) / repeats)
        client.append(statistics.median(effort.cpu for effort in efforts))
        wall.append(statistics.median(effort.wall for effort in efforts))
    client_byte, client_put = np.polyfit(sizes, client, 1, w=_weigh(client))
    server_byte, server_put = np.polyfit(sizes, server, 1, w=_weigh(server))
    return {
        "client_cpu_s_by_bytes": dict(zip(map(str, sizes), client, strict=True)),
        "server_cpu_s_by_bytes": dict(zip(map(str, sizes), server, strict=True)),
        "wall_s_by_bytes": dict(zip(map(str, sizes), wall, strict=True)),
        "client_cpu_s_per_put": max(0.0, client_put),
        "client_cpu_s_per_byte": client_byte,
        "server_cpu_s_per_put": max(0.0, server_put),
        "server_cpu_s_per_byte": server_byte,
    }


def _weigh(seconds: list[float]) -> NDArray[np.float64]:
    """Return weights by which a line is as near to small values as to large ones, in percent."""
    return 1 / np.maximum(seconds, 1e-4)
