"""The model of runs on clusters: its arithmetic, what it is fed with, and the page that shows it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.scale.__main__ import main, make_page, read_measured
from benchmarks.scale.costs import VARIANTS, Assumed, Variant, find_cluster, find_index, find_limits
from benchmarks.scale.model import Costs, Setup, simulate, simulate_part
from benchmarks.scale.predictions import predict_clusters, predict_local

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "scale"
SHARD = Costs(shard=0.1)
STORED = replace(SHARD, put_bytes=10e6, put_waits=2.0)


def two_cores(n: int) -> float:
    return min(n, 2)


@pytest.mark.parametrize(
    ("costs", "setup", "seconds"),
    [
        (SHARD, Setup(workers=1), 10.0),
        (SHARD, Setup(workers=4), 2.5),
        (SHARD, Setup(workers=4, per_core=2), 5.0),
        (SHARD, Setup(workers=1, cores=two_cores), 10.0),
        (SHARD, Setup(workers=4, cores=two_cores), 5.0),
        (replace(SHARD, start=3, start_wait=1, end=2), Setup(workers=4), 8.5),
        (replace(SHARD, open=1), Setup(workers=4), 3.5),
        (replace(SHARD, open=1, open_bytes=100), Setup(workers=4, bandwidth=100), 7.5),
        (replace(SHARD, driver=1), Setup(workers=4), 100.1),
        (replace(SHARD, driver=1, shard=1), Setup(workers=1, ahead=1), 200.0),
        (replace(SHARD, scheduler=1), Setup(workers=4), 100.1),
        (replace(SHARD, disk=0.1), Setup(workers=1), 20.0),
        (replace(SHARD, disk=0.1, shard=0), Setup(workers=4), 10.0),
        (STORED, Setup(workers=1, connection=100e6, latency=0.15), 50.0),
        (STORED, Setup(workers=50, connection=100e6, latency=0.15), 1.0),
        (STORED, Setup(workers=50, connection=100e6, bandwidth=100e6), 10.2),  # in step
        (replace(STORED, put_server=0.2), Setup(workers=50), 20.1),
    ],
)
def test_a_hundred_shards_take_what_can_be_worked_out(
    costs: Costs, setup: Setup, seconds: float
) -> None:
    assert simulate_part(costs, setup, 100).seconds == pytest.approx(seconds)


def test_more_workers_of_a_core_work_while_others_travel() -> None:
    setup = Setup(workers=1, connection=100e6, latency=0.15)
    waiting = simulate_part(STORED, setup, 100)
    assert waiting.busy["workers"] == pytest.approx(0.2, abs=0.01)
    filled = simulate_part(STORED, replace(setup, workers=8, per_core=8, jitter=0.5), 2000)
    assert filled.busy["workers"] == pytest.approx(1, abs=0.05)
    assert filled.pace == pytest.approx(10, rel=0.05)


def test_a_driver_that_shares_the_cores_takes_from_the_workers() -> None:
    costs = replace(SHARD, driver=0.05)
    alone = simulate_part(costs, Setup(workers=2), 200).seconds
    beside = simulate_part(costs, Setup(workers=2, cores=two_cores), 200).seconds
    assert beside == pytest.approx(200 * 0.15 / 2, rel=0.02)
    assert alone == pytest.approx(200 * 0.1 / 2, rel=0.02)


def test_shards_differ_as_those_that_were_measured_and_equal_seeds_draw_alike() -> None:
    costs, setup = replace(SHARD, spread=(0.5, 1.0, 3.0)), Setup(workers=3)
    one, again, other = (simulate_part(costs, setup, 3000, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert one.seconds == pytest.approx(0.15 * 1000, rel=0.05)


def test_many_shards_go_on_at_the_pace_of_the_first() -> None:
    costs, setup = replace(SHARD, driver=0.02, start=5), Setup(workers=3)
    carried = simulate(costs, setup, 20_000)
    whole = simulate_part(costs, setup, 20_000)
    assert carried.seconds == pytest.approx(whole.seconds, rel=0.001)
    assert carried.busy["driver"] == pytest.approx(whole.busy["driver"], abs=0.001)


@pytest.mark.parametrize("variant", VARIANTS[:2], ids=lambda variant: variant.name)
def test_a_limit_is_where_the_simulation_flattens(variant: Variant) -> None:
    measured, slow = read_measured(RESULTS), Assumed(bandwidth=0.5e9)
    costs, setup, _ = find_cluster(measured, variant, 1 << 30, 1, slow)
    pace, limits = find_limits(costs, setup)
    full = limits["store's bandwidth"]
    assert full == min(limits.values())
    for cores, expected in ((2, 2 * pace), (int(full * 2), full * pace)):
        given = find_cluster(measured, variant, 1 << 30, cores, slow)
        found = simulate_part(*given[:2], 40 * cores).pace
        assert found == pytest.approx(expected, rel=0.1), cores


def test_an_index_is_found_between_those_that_were_measured() -> None:
    index = {"10": {"bytes": 100}, "20": {"bytes": 200}, "100": {"bytes": 1000}}
    for n, expected in ((0, 0), (10, 100), (15, 150), (60, 600), (200, 2000)):
        assert find_index({"index": index}, n)["bytes"] == pytest.approx(expected)


def test_the_page_is_what_was_measured_and_predicted() -> None:
    told = "docs/scale.md is another (run `python -m benchmarks.scale simulate`)"
    assert make_page(RESULTS) == (ROOT / "docs" / "scale.md").read_text("utf-8"), told
    measured = read_measured(RESULTS)
    kept = json.loads((RESULTS / "predicted.json").read_text())
    found = predict_local(measured)
    assert [row["predicted_s"] for row in kept["local"]] == pytest.approx(
        [row["predicted_s"] for row in found], rel=1e-3
    )
    one = [row for row in kept["clusters"] if row["cores"] == 1]
    assert [row["seconds"] for row in one] == pytest.approx(
        [row["seconds"] for row in predict_clusters(measured, (1,))], rel=1e-3
    )


@pytest.mark.slow
@pytest.mark.parametrize("part", ["workers", "driver", "index"])
def test_a_part_is_measured_anew(part: str, tmp_path: Path) -> None:
    """Of tiny shards; what the model reads of it is there, and is no nonsense."""
    for path in RESULTS.glob("*.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    before = read_measured(tmp_path)
    given = [
        "measure",
        "--quick",
        "--only",
        part,
        "--disk",
        str(tmp_path),
        "--results",
        str(tmp_path),
    ]
    done = CliRunner().invoke(main, given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    measured = read_measured(tmp_path)
    assert measured[part] != before[part]
    assert all(row["seconds"] > 0 for row in predict_clusters(measured, (16,)))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".bench-")]
