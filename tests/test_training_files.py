"""What a training leaves is read against schemas, and within its folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from glyphgen.errors import ReportError
from glyphgen.files.opening import PICTURE
from glyphgen.report.training_files import (
    read_history,
    read_metrics,
    read_of_training,
    read_train,
)

INTERVAL = [0.8, 0.95]
METRICS: dict[str, Any] = {
    "n": 20,
    **dict.fromkeys(("top1", "top5", "top1_twins_folded"), 0.9),
    **{f"{name}_interval": INTERVAL for name in ("top1", "top5", "top1_twins_folded")},
    **dict.fromkeys(("macro_precision", "macro_recall", "macro_f1"), 1),
    "per_class": [{"label": "あ", "n": 20, "recall": 0.9, "precision": 1.0, "f1": 0.95}],
    "confused": [{"actual": "あ", "predicted": "お", "n": 2}],
}
HEAD = "epoch,train_loss,val_loss,val_top1,val_precision,val_recall\n"


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(ReportError) as caught:
        read()
    assert len(caught.value.problems) == 1
    return str(caught.value)


def test_metrics_are_read(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS | {"more": 1}))
    assert read_metrics(tmp_path)["per_class"][0]["recall"] == 0.9


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"n": "many"}, "n: Input should be a valid integer"),
        ({"top1": None}, "top1: Input should be a valid number"),
        ({"top1_interval": [0.5]}, "top1_interval.1: missing key"),
        (
            {"per_class": [{"label": "x"}]},
            "per_class.0.n: missing key, per_class.0.recall: missing key,",
        ),
        ({"confused": 3}, "confused: Input should be a valid array"),
    ],
)
def test_damaged_metrics_are_one_line(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(METRICS | changes))
    said = refusal(lambda: read_metrics(tmp_path))
    assert said.startswith(f"{path}: {problem}")
    assert said.endswith("(train again, with --force)")


@pytest.mark.parametrize("content", ["", "[]", "[" * 100_000, "{}"])
def test_a_train_json_that_is_none_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "train.json").write_text(content)
    assert refusal(lambda: read_train(tmp_path)).startswith(f"{tmp_path}/train.json: ")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (f"{HEAD}1,2,x,4,5,6\n", "not a table of numbers: could not convert string to float: 'x'"),
        (
            f"{HEAD}1,2,3,4,5,6\n1,2\n",
            "3: val_loss, val_top1, val_precision, val_recall: expected a number",
        ),
        (f"{HEAD}1,2,3,4,5,nan\n", "2: val_recall: expected a number"),
        ("epoch\n1\n", "has no column 'train_loss'"),
    ],
)
def test_a_damaged_history_is_one_line(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "history.csv"
    path.write_text(content)
    assert refusal(lambda: read_history(tmp_path)) in (f"{path}: {problem}", f"{path}:{problem}")


def test_a_history_is_read_and_may_be_absent(tmp_path: Path) -> None:
    assert read_history(tmp_path) == []
    (tmp_path / "history.csv").write_text(f"{HEAD}1,2,3,4,5,6\n")
    [row] = read_history(tmp_path)
    assert (row.epoch, row.val_recall) == (1.0, 6.0)


def test_figures_are_read_within_the_folder_of_the_training(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"key")
    run = tmp_path / "run"
    (run / "figures").mkdir(parents=True)
    (run / "kept.png").write_bytes(b"png")
    (run / "figures" / "a.png").symlink_to("../kept.png")
    (run / "figures" / "b.png").symlink_to("../../secret")
    os.mkfifo(run / "figures" / "c.png")
    assert read_of_training(run / "figures" / "a.png", PICTURE) == b"png"
    assert refusal(lambda: read_of_training(run / "figures" / "b.png", PICTURE)) == (
        f"{run}/figures/b.png: is a link that leads out of {run}, expected an image in it"
    )
    assert refusal(lambda: read_of_training(run / "figures" / "c.png", PICTURE)) == (
        f"{run}/figures/c.png: is a named pipe, expected an image"
    )
