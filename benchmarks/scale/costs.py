"""What was measured -> what the model takes, of runs on this machine and of clusters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from benchmarks.scale.model import Costs, Setup

__all__ = [
    "ASSUMED",
    "CLASSES",
    "DATASETS",
    "VARIANTS",
    "Assumed",
    "Variant",
    "find_cluster",
    "find_index",
    "find_limits",
    "find_local",
]

Measured = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What cannot be measured here, of a store such as S3 in the region of the workers.

    Attributes:
        connection: Bytes a second of one transfer.
        bandwidth: Bytes a second of all.
        latency: Seconds that a request waits.
        jitter: Share of it that more or less is drawn for each shard.
        puts: PUT requests a second that the prefix of a dataset takes.
        gets: GET and HEAD requests a second.
    """

    connection: float = 85e6
    bandwidth: float = 10e9
    latency: float = 0.1
    jitter: float = 0.5
    puts: float = 3500
    gets: float = 5500


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A way to make a dataset.

    Attributes:
        name: In tables.
        rows: Of a shard.
        format: A key of what the workers' part has measured.
        threads: Of each worker, which share its core: one makes a shard while those of others travel.
    """

    name: str
    rows: int = 8192
    format: str = "npy"
    threads: int = 1


ASSUMED = Assumed()
VARIANTS = (
    Variant(name="as by default"),
    Variant(name="shards of 65,536 rows", rows=65_536),
    Variant(name="5 threads a process", threads=5),
    Variant(name="HDF5 with gzip", format="gzip"),
    Variant(name="HDF5 with gzip, 5 threads", format="gzip", threads=5),
)
DATASETS = {"38,320,000 rows": 38_320_000, "10,000,000,000 rows": 10_000_000_000}
CLASSES = 3832
"""Kanji of both: the outlines that each worker fetches are of so many."""


def find_local(measured: Measured, kind: str, workers: int) -> tuple[Costs, Setup, int]:
    """Return what the model takes of one of the runs that were measured on this machine.

    Args:
        measured: Each part by its name.
        kind: ``usual`` or ``tiny`` shards.
        workers: Processes; one is the driver itself.
    """
    run = measured["runs"]["kinds"][kind]
    starts, made, driver = measured["starts"], measured["workers"], measured["driver"]
    filled = run["rows"] / (run["shards"] * run["rows_per_shard"])  # the last shard is smaller
    alone = workers == 1
    if kind == "usual":
        costs = Costs(
            start=starts["render_one_cpu_s"],
            start_wait=starts["render_one_wait_s"],
            driver=0.0 if alone else driver["cpu_s_per_shard"],
            open=starts["open_cpu_s"] if alone else starts["worker_cpu_s"],
            shard=made["formats"]["npy"]["cpu_s"] * filled,
            spread=made["spread"],
            disk=made["disk_wait_s"] * filled,
        )
    else:
        costs = Costs(
            start=driver["cpu_s_fixed"],
            driver=0.0 if alone else driver["cpu_s_per_shard"],
            open=0.0 if alone else starts["worker_cpu_s"],
            shard=driver["one_process_cpu_s_per_shard" if alone else "workers_cpu_s_per_shard"],
            disk=driver["one_process_wait_s_per_shard"],
        )
    cores = _interpolate({int(n): of_n for n, of_n in measured["runs"]["cores"].items()})
    setup = Setup(workers=workers, cores=cores, ahead=1 if alone else 2)
    return costs, setup, run["shards"]


def _interpolate(cores: Mapping[int, float]) -> Callable[[int], float]:
    """Return the cores that n busy processes get: between those measured, and none more beyond."""
    points = [(0, 0.0), *sorted(cores.items())]

    def find(n: int) -> float:
        for (low, less), (high, more) in pairwise(points):
            if n <= high:
                return less + (more - less) * (n - low) / (high - low)
        return points[-1][1]

    return find


def find_cluster(
    measured: Measured, variant: Variant, n_rows: int, cores: int, assumed: Assumed = ASSUMED
) -> tuple[Costs, Setup, int]:
    """Return what the model takes of a run on a Dask cluster that puts into a store.

    Args:
        measured: Each part by its name.
        variant: How.
        n_rows: Of the dataset.
        cores: Of the workers; driver and scheduler have others.
        assumed: Of the store.
    """
    made, dask, store, starts = (measured[part] for part in ("workers", "dask", "store", "starts"))
    n_shards = -(-n_rows // variant.rows)
    format = made["formats"][variant.format]
    n_bytes = variant.rows * format["row_bytes"]
    requests = store["requests"]["dask:1"]["per_shard"]
    n_requests = sum(requests.values())
    puts = requests.get("PUT", 0.0) + requests.get("POST", 0.0)
    growth = CLASSES / starts["classes"]
    job_bytes = starts["job_bytes"] * growth
    written = (made["steps_s"]["write"] + made["steps_s"]["note"]) / made["rows_per_shard"]
    more = (format["cpu_s"] - made["formats"]["npy"]["cpu_s"]) / made["rows_per_shard"]
    shard = made["cpu_s_fixed"] + variant.rows * (made["cpu_s_per_row"] - written + more)
    client = n_requests * store["client_cpu_s_per_put"] + n_bytes * store["client_cpu_s_per_byte"]
    ours = max(0.0, measured["driver"]["cpu_s_per_shard"] - dask["process_driver_cpu_s"])
    costs = Costs(
        start=(starts["prepare_cpu_s"] + starts["render_one_cpu_s"] + starts["ship_cpu_s"])
        * growth,
        end=find_index(measured, n_shards)["write_cpu_s"],
        driver=ours + dask["tasks"]["client_cpu_s"],
        scheduler=dask["tasks"]["scheduler_cpu_s"],
        open=(starts["worker_cpu_s"] + starts["fetch_cpu_s"] * growth) / variant.threads,
        open_bytes=job_bytes / variant.threads,  # a process opens once, and the model each thread
        shard=shard + client + dask["tasks"]["worker_cpu_s"],
        spread=made["spread"],
        put_bytes=n_bytes,
        put_waits=n_requests,
        put_server=puts / assumed.puts + (n_requests - puts) / assumed.gets,
    )
    setup = Setup(
        workers=cores * variant.threads,
        per_core=variant.threads,
        connection=assumed.connection,
        bandwidth=assumed.bandwidth,
        latency=assumed.latency,
        jitter=assumed.jitter,
    )
    return costs, setup, n_shards


def find_limits(costs: Costs, setup: Setup) -> tuple[float, dict[str, float]]:
    """Return the shards a second of one core, and how many cores make as many as each thing takes."""
    travel = setup.latency * costs.put_waits + costs.put_bytes / setup.connection
    each = costs.shard * sum(costs.spread) / len(costs.spread)
    pace = min(setup.per_core / (each + travel), 1 / each)
    seconds = {
        "store's bandwidth": costs.put_bytes / setup.bandwidth,
        "store's requests": costs.put_server,
        "scheduler": costs.scheduler,
        "driver": costs.driver,
    }
    return pace, {name: 1 / (one * pace) for name, one in seconds.items()}


def find_index(measured: Measured, n_shards: int) -> dict[str, float]:
    """Return what index.json of so many shards takes, between what was measured of fewer and of more."""
    known = sorted((int(n), of_n) for n, of_n in measured["index"].items())
    (low, less), (high, more) = known[0], known[1]
    for (a, one), (b, other) in pairwise(known):
        if n_shards >= a:
            (low, less), (high, more) = (a, one), (b, other)
    share = (n_shards - low) / (high - low)
    return {key: max(0.0, less[key] + (more[key] - less[key]) * share) for key in less}
