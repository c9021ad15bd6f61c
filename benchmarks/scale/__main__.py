"""Measures what a shard costs, and carries it to clusters that nobody has here."""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import describe_machine

_ROOT = Path(__file__).parent.parent.parent
_RESULTS = _ROOT / "benchmarks" / "results" / "scale"

# Each part is measured in a process of its own: memory and what is kept from earlier work stay apart.
_PARTS = {
    "workers": "workers:measure_workers",
    "driver": "drivers:measure_driver",
    "starts": "starts:measure_starts",
    "memory": "memory:measure_memory",
    "store": "stores:measure_store",
    "index": "indexes:measure_index",
    "dask": "clusters:measure_dask",
    "runs": "runs:measure_runs",
}


@click.group()
def main() -> None:
    """Measure the parts, then simulate what comes of them."""


@main.command()
@click.option("--only", multiple=True, type=click.Choice(list(_PARTS)), help="May be repeated.")
@click.option("--quick", is_flag=True, help="Tiny shards: to see that it runs.")
@click.option(
    "--disk",
    default=_ROOT / "datasets",
    type=click.Path(path_type=Path),
    help="Folder on the disk that is measured.",
)
@click.option("--results", default=_RESULTS, type=click.Path(path_type=Path), metavar="DIR")
def measure(only: Sequence[str], quick: bool, disk: Path, results: Path) -> None:
    """Measure each part, and write DIR/PART.json: it takes seven minutes on a quiet machine."""
    disk.mkdir(parents=True, exist_ok=True)
    results.mkdir(parents=True, exist_ok=True)
    names = list(only) or list(_PARTS)
    if len(names) > 1:
        for name in names:
            click.echo(name, err=True)
            given = [
                "--disk",
                str(disk),
                "--results",
                str(results),
                *(["--quick"] if quick else []),
            ]
            command = [sys.executable, "-m", "benchmarks.scale", "measure", "--only", name]
            subprocess.run([*command, *given], check=True)
        return
    [name] = names
    module, function = _PARTS[name].split(":")
    found = getattr(import_module(f"benchmarks.scale.{module}"), function)(disk, quick=quick)
    page = {"quick": quick, "machine": describe_machine(), "measured": _round(found)}
    (results / f"{name}.json").write_text(f"{json.dumps(page, ensure_ascii=False, indent=1)}\n")


@main.command()
@click.option("--results", default=_RESULTS, type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "-o", "--out", default=_ROOT / "docs", type=click.Path(path_type=Path), help="Of the page."
)
def simulate(results: Path, out: Path) -> None:
    """Predict what was not measured, and write DIR/predicted.json, the page and its figure."""
    from benchmarks.scale.page import draw_figure
    from benchmarks.scale.predictions import predict_all

    predicted = _round(predict_all(read_measured(results)))
    content = json.dumps(predicted, ensure_ascii=False, indent=1)
    (results / "predicted.json").write_text(f"{content}\n")
    (out / "scale.md").write_text(make_page(results), encoding="utf-8")
    draw_figure(predicted, out / "scale.png")
    click.echo(out / "scale.md")


def read_measured(results: Path) -> dict[str, Any]:
    """Return what was measured of each part."""
    return {name: _read(results, name)["measured"] for name in _PARTS}


def make_page(results: Path) -> str:
    """Return the page of what was measured and predicted."""
    from benchmarks.scale.page import show_page

    machines = {name: _read(results, name)["machine"] for name in _PARTS}
    described = dict.fromkeys(
        f"{machine['cores']} cores of {machine['cpu']} (Python {machine['python']}, {machine['system']})"
        for machine in machines.values()
    )
    predicted = _read(results, "predicted")
    return show_page(
        read_measured(results), predicted, f"Measured on {' and on '.join(described)}."
    )


def _read(results: Path, name: str) -> dict[str, Any]:
    page: dict[str, Any] = json.loads((results / f"{name}.json").read_text())
    return page


def _round(value: Any) -> Any:
    """Return a value whose numbers have five digits: more are noise."""
    if isinstance(value, dict):
        return {key: _round(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_round(entry) for entry in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
