"""Costs -> what the model says of runs on this machine and on clusters, as rows of tables."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.scale.costs import (
    ASSUMED,
    DATASETS,
    VARIANTS,
    Variant,
    find_cluster,
    find_index,
    find_limits,
    find_local,
)
from benchmarks.scale.model import simulate, simulate_part

__all__ = ["predict_all", "predict_clusters", "predict_local"]

_CORES = (1, 16, 256)
_CURVE = tuple(1 << k for k in range(10))
_EACH = 24  # shards of a worker, of a point of a curve
_BYTES_PER_SHARD = (
    65  # that the driver keeps: a hash in hexadecimal digits, and whether it was made
)


def predict_all(
    measured: Mapping[str, Any], *, cores: Sequence[int] = _CORES, curve: Sequence[int] = _CURVE
) -> dict[str, Any]:
    """Return all that the page shows, but for what is measured.

    Args:
        measured: Each part by its name.
        cores: Of the clusters in the table.
        curve: Of those in the figure.
    """
    return {
        "local": predict_local(measured),
        "clusters": predict_clusters(measured, cores),
        "limits": [_find_limits(measured, variant) for variant in VARIANTS],
        "curves": {
            variant.name: {str(n): _find_pace(measured, variant, n) for n in curve}
            for variant in VARIANTS
        },
    }


def predict_local(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the seconds of each run that was measured on this machine, by the model and by the clock."""
    rows = []
    for kind, run in measured["runs"]["kinds"].items():
        for workers, seconds in run["seconds"].items():
            costs, setup, n_shards = find_local(measured, kind, int(workers))
            predicted = simulate_part(costs, setup, n_shards).seconds
            found = statistics.median(seconds)
            rows.append(
                {
                    "kind": kind,
                    "shards": n_shards,
                    "workers": int(workers),
                    "predicted_s": predicted,
                    "measured_s": found,
                    "least_s": min(seconds),
                    "most_s": max(seconds),
                    "error": predicted / found - 1,
                }
            )
    return rows


def predict_clusters(
    measured: Mapping[str, Any], cores: Sequence[int] = _CORES
) -> list[dict[str, Any]]:
    """Return what each dataset takes on each cluster, in each way."""
    rows = []
    for dataset, n_rows in DATASETS.items():
        for variant in VARIANTS:
            for n in cores:
                costs, setup, n_shards = find_cluster(measured, variant, n_rows, n)
                done = simulate(costs, setup, n_shards)
                index = find_index(measured, n_shards)
                base = find_index(measured, 0)["peak_bytes"]
                rows.append(
                    {
                        "dataset": dataset,
                        "variant": variant.name,
                        "cores": n,
                        "shards": n_shards,
                        "bytes": n_shards * costs.put_bytes,
                        "seconds": done.seconds,
                        "rows_per_s": n_rows / done.seconds,
                        "busy": dict(done.busy),
                        "index_bytes": index["bytes"],
                        "index_read_s": index["read_cpu_s"],
                        "driver_bytes": measured["memory"]["driver_bytes"]
                        + n_shards * _BYTES_PER_SHARD
                        + max(0.0, index["peak_bytes"] - base),
                    }
                )
    return rows


def _find_limits(measured: Mapping[str, Any], variant: Variant) -> dict[str, Any]:
    costs, setup, _ = find_cluster(measured, variant, 1 << 30, 1)
    pace, limits = find_limits(costs, setup)
    travel = ASSUMED.latency * costs.put_waits + costs.put_bytes / ASSUMED.connection
    return {
        "variant": variant.name,
        "shard_s": costs.shard,
        "travel_s": travel,
        "rows_per_s": pace * variant.rows,
        "cores": limits,
    }


def _find_pace(measured: Mapping[str, Any], variant: Variant, cores: int) -> float:
    """Return the rows a second of a cluster once all its workers are at work."""
    n_shards = _EACH * cores * variant.threads
    costs, setup, n = find_cluster(measured, variant, n_shards * variant.rows, cores)
    return simulate_part(costs, setup, n).pace * variant.rows
