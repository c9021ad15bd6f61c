"""The table of what networks read that learned from fonts: what is run, what is kept, what is shown."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reading.markdown import show_table
from benchmarks.reading.rows import UNSEEN, Row, list_recipes, measure_row

ROW = Row(recipe="digits", images=UNSEEN, seeds=2, budget=3_000)


class Commands:
    """Runs nothing: keeps the commands, and answers as `evaluate` does."""

    def __init__(self) -> None:
        self.done: list[Sequence[str]] = []

    def __call__(self, command: Sequence[str]) -> str:
        self.done.append(command)
        if command[1] == "train-baseline":
            network = Path(command[command.index("--out") + 1])
            network.mkdir(parents=True)
            (network / "model.safetensors").touch()
        if command[1] == "validation":
            Path(command[command.index("--out") + 1]).touch()
        right = 0.9 if len(self.done) < 4 else 0.94
        return json.dumps(metrics(right) | {"model": "/home/me/run"})

    def list_names(self) -> list[str]:
        return [command[1] for command in self.done]


def metrics(right: float) -> dict[str, Any]:
    return {"n": 200, "top1": right, "top1_twins_folded": right + 0.01, "framing": "as-is"}


def test_every_seed_is_trained_and_read_once(tmp_path: Path) -> None:
    work, results, commands = tmp_path / "work", tmp_path / "results", Commands()
    pages = measure_row(ROW, work, results, run=commands)
    first = ["train-baseline", "validation", "evaluate"]
    assert commands.list_names() == [*first, "train-baseline", "evaluate"]
    assert [page["top1"] for page in pages] == [0.9, 0.94]
    assert "/home/me" not in (results / "digits--unseen-0.json").read_text()
    assert measure_row(ROW, work, results, run=commands) == pages
    assert len(commands.done) == 5  # nothing more
    scans = tmp_path / "mine.npz"
    scans.write_bytes(b"one")
    mine = replace(ROW, images="mine", path=str(scans), seeds=1)
    measure_row(mine, work, results, run=commands)
    assert commands.list_names()[5:] == ["evaluate"]  # the network is there
    scans.write_bytes(b"two")
    measure_row(mine, work, results, run=commands)
    assert commands.list_names()[6:] == ["evaluate"]
    measure_row(replace(mine, views=1), work, results, run=commands)
    assert commands.list_names()[7:] == ["evaluate"]


def test_the_table_shows_the_mean_its_interval_and_the_range_of_the_seeds() -> None:
    table = show_table({ROW: [metrics(0.9), metrics(0.94)], replace(ROW, images="x"): []})
    row = table.splitlines()[-1]
    assert row == (
        "| unseen faces, changed by other means | `digits` | 200 | 92.0% | 87.4% to 95.0% | 90.0%, 94.0% |"
        " 93.0% | 3,000 images, 2 seeds, --views 16, --framing as-is |"
    )


def test_a_failure_is_not_kept(tmp_path: Path) -> None:
    def fail(_: Sequence[str]) -> str:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        measure_row(ROW, tmp_path / "work", tmp_path / "results", run=fail)
    assert not (tmp_path / "results").exists()


def test_recipes_for_hands_are_found_by_their_names() -> None:
    assert "kana-handwriting" in list_recipes()
    assert "kana" not in list_recipes()
