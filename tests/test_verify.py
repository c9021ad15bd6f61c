"""Verifying asks the gate again, and believes neither gate.json nor the samples."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, PAIR, RING, MakeFont
from listening import Listener

import glyphgen
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]
AGAIN = "(make the dataset again, with --force)"


@pytest.fixture
def dataset(make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path) -> Path:
    """Six rows of two classes by two faces; the second face has no "B"."""
    make_font("one.ttf", {"A": BOX, "B": RING})
    make_font("two.ttf", {"A": PAIR})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["one.ttf", "two.ttf"]\n'
        'gate.on_refused = "skip"\nrender.per_class = 3'
    )
    render_dataset(read_recipe(recipe), tmp_path / "set")
    return tmp_path / "set"


def forge(folder: Path, field: str, value: int) -> int:
    """Change a field of the first sample of "B", and hash it; return its row."""
    samples = np.load(folder / "samples.npy", mmap_mode="r+")
    row = int(np.flatnonzero(samples["class_index"] == 1)[0])
    samples[field][row] = value
    samples.flush()
    digest = hashlib.sha256()
    for name in ("images", "labels", "samples"):
        digest.update(np.load(folder / f"{name}.npy").tobytes())
    index = json.loads((folder / "index.json").read_bytes())
    index["shards"][0]["sha256"] = digest.hexdigest()
    (folder / "index.json").write_text(json.dumps(index), encoding="utf-8")
    return row


def test_a_dataset_as_it_was_made_has_no_problem(dataset: Path) -> None:
    verified = glyphgen.verify_dataset(dataset)
    assert (verified.problems, verified.n_redrawn) == ((), 6)


def test_every_step_is_reported_from_its_beginning_to_its_end(dataset: Path) -> None:
    listener = Listener()
    glyphgen.verify_dataset(dataset, reporter=listener)
    assert [(step.step, step.done, step.total, step.unit) for step in listener.steps] == [
        ("read", 0, 1, "shards"),
        ("read", 1, 1, "shards"),
        *((f"read {what}", n, 2, "faces") for what in ("fonts", "outlines") for n in range(3)),
        *(("examine cells", n, 4, "cells") for n in (0, 4)),
        ("make rows again", 0, 1, "runs"),
        ("make rows again", 1, 1, "runs"),
    ]


def test_a_row_of_a_refused_cell_is_named(dataset: Path) -> None:
    row = forge(dataset, "face", 1)
    assert glyphgen.verify_dataset(dataset).problems == (
        f"{dataset}: row {row} draws 'B' (U+0042) with two.ttf, which the gate refuses {AGAIN}",
        f"{dataset}: row {row} is not what its recipe draws {AGAIN}",
    )


def test_a_row_of_a_cell_that_is_not_there_is_named(dataset: Path) -> None:
    row = forge(dataset, "form", 7)
    assert glyphgen.verify_dataset(dataset).problems == (
        f"{dataset}: row {row} names face 0 and form 7, which are not there {AGAIN}",
        f"{dataset}: row {row} is not what its recipe draws {AGAIN}",
    )


@pytest.mark.parametrize("change", ["hide", "invent"])
def test_a_gate_json_that_is_not_the_verdict_is_named(dataset: Path, change: str) -> None:
    path = dataset / "gate.json"
    page = json.loads(path.read_bytes())
    [refused] = page["refused"]
    page["refused"] = [] if change == "hide" else [refused, refused | {"form": "A"}]
    path.write_text(json.dumps(page), encoding="utf-8")
    shown = "'A' (U+0041)" if change == "invent" else "'B' (U+0042)"
    assert glyphgen.verify_dataset(dataset).problems == (
        f"{path}: is not what the gate says of {shown} of two.ttf {AGAIN}",
    )


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"refused": []}'])
def test_a_gate_json_that_is_missing_or_damaged_is_named(
    dataset: Path, content: bytes | None
) -> None:
    path = dataset / "gate.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert glyphgen.verify_dataset(dataset).problems == (f"{path}: missing or damaged {AGAIN}",)


def test_the_gate_is_asked_and_no_cache(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_nothing(*_: object) -> None:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr("glyphgen.render.preparing.read_entry", read_nothing)
    assert glyphgen.verify_dataset(dataset).problems == ()
