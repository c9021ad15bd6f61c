"""Verifying asks the gate again, and believes neither gate.json nor the samples."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import BOX, PAIR, RING, MakeFont
from listening import Listener
from tampering import forge_index, forge_page, seal_arrays

import glyphgen
from glyphgen.cli import cli
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.text import dump_json

WriteRecipe = Callable[[str], Path]
Page = dict[str, Any]
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


@pytest.fixture
def split(make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path) -> Path:
    """Six rows of two classes by two faces, four of train and two of test."""
    make_font("one.ttf", {"A": BOX, "B": RING})
    make_font("two.ttf", {"A": PAIR, "B": BOX})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["one.ttf", "two.ttf"]\n'
        'render.per_class = 3\nsplit = { by = "sample", test = 0.34 }'
    )
    render_dataset(read_recipe(recipe), tmp_path / "set")
    return tmp_path / "set"


def forge(folder: Path, field: str, value: int) -> int:
    """Change a field of the first sample of "B", and hash it; return its row."""
    samples = np.load(folder / "samples.npy", mmap_mode="r+")
    row = int(np.flatnonzero(samples["class_index"] == 1)[0])
    samples[field][row] = value
    samples.flush()
    seal_arrays(folder)
    return row


def test_a_dataset_as_it_was_made_has_no_problem(dataset: Path) -> None:
    verified = glyphgen.verify_dataset(dataset)
    assert (verified.problems, verified.n_redrawn) == ((), 6)


def test_every_step_is_reported_from_its_beginning_to_its_end(dataset: Path) -> None:
    listener = Listener()
    glyphgen.verify_dataset(dataset, reporter=listener)
    by_name = {step.step: step.unit for step in listener.steps}
    assert list(by_name.items()) == [
        ("read", "shards"),
        ("read fonts", "faces"),
        ("read outlines", "cells"),
        ("examine cells", "cells"),
        ("look for twins", "faces"),
        ("make rows again", "runs"),
    ]
    for name in by_name:
        of_step = [step for step in listener.steps if step.step == name]
        assert (of_step[0].done, of_step[-1].done) == (0, of_step[-1].total), name


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
    forge_page(dataset, "gate.json", dump_json(page))
    shown = "'A' (U+0041)" if change == "invent" else "'B' (U+0042)"
    problem = f"{path}: is not what the gate says of {shown} of two.ttf {AGAIN}"
    assert glyphgen.verify_dataset(dataset).problems[0] == problem


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("gate.json", None, "missing"),
        ("gate.json", b"", "does not match index.json"),
        ("recipe.toml", None, "missing"),
        ("recipe.toml", b"seed = 1", "does not match index.json"),
        ("run.json", None, "missing"),
        ("run.json", b"[]", "Input should be an object"),
        (
            "run.json",
            b"{",
            "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_a_page_that_is_missing_or_changed_is_named(
    dataset: Path, name: str, content: bytes | None, problem: str
) -> None:
    (dataset / name).unlink()
    if content is not None:
        (dataset / name).write_bytes(content)
    verified = glyphgen.verify_dataset(dataset)
    assert verified.problems == (f"{dataset / name}: {problem} {AGAIN}",)
    assert (verified.n_redrawn, verified.unproven) == (0, "")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"workers": True}, "workers: found True, expected a whole number"),
        ({"recipe_folder": 3}, "recipe_folder: found 3, expected a text"),
        ({"fonts": []}, "fonts: found [], expected a table"),
        ({"fonts": {"x": 1}}, "fonts: expected texts, the path of each face's file"),
        ({"host": None}, "host: missing key"),
    ],
)
def test_a_run_json_of_other_types_is_told(
    dataset: Path, changes: dict[str, Any], problem: str
) -> None:
    path = dataset / "run.json"
    page = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps({key: value for key, value in page.items() if value is not None}))
    assert glyphgen.verify_dataset(dataset).problems == (f"{path}: {problem} {AGAIN}",)


def test_a_changed_value_of_run_json_does_not_match_its_checksum(dataset: Path) -> None:
    path = dataset / "run.json"
    page = path.read_bytes()
    for old, new in ((b'"workers": 1', b'"workers": 3'), (b'"checksum"', b'"Checksum"')):
        changed = page.replace(old, new)
        assert changed != page
        path.write_bytes(changed)
        assert glyphgen.verify_dataset(dataset).problems == (
            f"{path}: does not match its checksum {AGAIN}",
        )


def swap_classes(page: Page) -> None:
    a, b = page["classes"]
    a["label"], b["label"] = b["label"], a["label"]


def double_class(page: Page) -> None:
    a, b = page["classes"]
    page["classes"] = [a, a | {"index": 1, "rows": b["rows"]}]


FORGERIES: dict[str, tuple[Callable[[Page], object], str]] = {
    "classes are swapped": (swap_classes, "NOT_ONE"),
    "a class is doubled": (double_class, "NOT_ONE"),
    "the fonts are others": (lambda page: page["faces"][0].update(sha256="0" * 64), "NOT_ONE"),
    "the weight is another": (lambda page: page["faces"][0].update(weight=2), "NOT_ONE"),
    "the content key is another": (lambda page: page.update(content_key="0" * 64), "NOT_ONE"),
    "polarity is turned": (
        lambda page: page["image"].update(polarity="black-on-white"),
        "image.polarity is 'black-on-white', expected 'white-on-black'",
    ),
    "test is train": (
        lambda page: page.update(splits={"train": [0, 6]}),
        "rows of split 'train' do not match index.json: 3 of class 0 (expected 2), 3 of class 1"
        " (expected 2)",
    ),
    "the seed is another": (lambda page: page.update(seed=4), "seed is 4, expected 0"),
    "the license is another": (
        lambda page: page["faces"][1].update(license="CC0-1.0"),
        "faces.1.license is 'CC0-1.0', expected 'unknown'",
    ),
    "a library is missing": (
        lambda page: page["versions"].pop("harfbuzz"),
        "versions.harfbuzz is None, expected 'HARFBUZZ'",
    ),
    "a face is unproven": (
        lambda page: page["classes"][0].update(unproven=0),
        "classes.0.unproven is 0, expected 2",
    ),
    "a class has another name": (
        lambda page: page["classes"][1].update(names=["X"]),
        "classes.1.names.0 is 'X', expected 'LATIN CAPITAL LETTER B'",
    ),
    "code points are others": (
        lambda page: page["codepoint_to_index"].update({"U+0041": 1}),
        "holds more than an index",
    ),
    "a key is more": (lambda page: page.update(more=1), "holds more than an index"),
    "a page is more": (
        lambda page: page["files"].update({"../tiny.toml": "0" * 64}),
        "files: found '../tiny.toml', expected names of files",
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_index_json_is_compared_whole(split: Path, forgery: str) -> None:
    change, problem = FORGERIES[forgery]
    path = split / "index.json"
    version = json.loads(path.read_bytes())["versions"]["harfbuzz"]
    forge_index(split, change)
    place = f"{split}:" if problem.startswith("rows") else f"{path}:"
    expected = f"{place} {problem} {AGAIN}".replace("HARFBUZZ", version)
    if problem == "NOT_ONE":
        expected = (
            f"{split}: recipe.toml, and the classes, fonts and content_key of index.json, are not of one"
            f" dataset {AGAIN}"
        )
    assert glyphgen.verify_dataset(split).problems == (expected,)


def test_a_changed_byte_of_index_json_does_not_match_its_checksum(dataset: Path) -> None:
    path = dataset / "index.json"
    for old, new in ((b'"seed": 0', b'"seed": 1'), (b"\n  ", b"\n\t "), (b"checksum", b"Checksum")):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(old, new, 1))
        assert glyphgen.verify_dataset(dataset).problems == (
            f"{path}: does not match its checksum {AGAIN}",
        )
        path.write_bytes(whole)


def test_a_forged_recipe_is_named(dataset: Path) -> None:
    path = dataset / "recipe.toml"
    text = path.read_text("utf-8")
    forge_page(dataset, path.name, text.replace("seed = 0", "seed = 1").encode())
    assert glyphgen.verify_dataset(dataset).problems == (
        f"{dataset}: recipe.toml, and the classes, fonts and content_key of index.json, are not of one"
        f" dataset {AGAIN}",
    )
    forge_page(dataset, path.name, f"# mine\n{text}".encode())
    assert glyphgen.verify_dataset(dataset).unproven == (
        f"{path}: written by another glyphgen, whose recipes have other keys"
    )
    forge_page(dataset, path.name, b"seed = ")
    assert glyphgen.verify_dataset(dataset).problems == (f"{path}:1: not TOML: wrong value",)


def test_the_digest_is_that_of_index_json_and_is_asked_for(dataset: Path) -> None:
    digest = hashlib.sha256((dataset / "index.json").read_bytes()).hexdigest()
    assert glyphgen.load(dataset).digest == digest
    verified = glyphgen.verify_dataset(dataset, expect=digest.upper())
    assert (verified.problems, verified.digest) == ((), digest)
    assert glyphgen.verify_dataset(dataset, expect="0" * 64).problems == (
        f"{dataset}/index.json: its digest is {digest}, expected {'0' * 64}"
        " (it is another dataset, or was changed)",
    )


def test_exit_codes_tell_damaged_from_not_redrawn(dataset: Path) -> None:
    def verify(*args: str) -> int:
        return CliRunner().invoke(cli, ["verify", str(dataset), *args]).exit_code

    digest = glyphgen.load(dataset).digest
    assert [verify(), verify("--strict"), verify("--expect", digest)] == [0, 0, 0]
    assert [verify("--expect", "0" * 64), verify("--expect", "0" * 63)] == [1, 2]
    (dataset.parent / "one.ttf").rename(dataset.parent / "gone.ttf")
    assert [verify(), verify("--strict"), verify("--expect", digest)] == [3, 1, 3]
    (dataset / "gate.json").write_bytes(b"{}")
    assert [verify(), verify("--strict")] == [1, 1]


def test_a_dataset_whose_pages_were_changed_is_mended_by_the_same_command(
    dataset: Path, tmp_path: Path
) -> None:
    whole = {path.name: path.read_bytes() for path in dataset.iterdir()}
    for change in (
        (dataset / "gate.json").unlink,
        lambda: (dataset / "recipe.toml").write_bytes(b"x"),
        lambda: forge_index(dataset, swap_classes),
    ):
        change()
        assert render_dataset(read_recipe(tmp_path / "tiny.toml"), dataset).n_made == 0
        found = {path.name: path.read_bytes() for path in dataset.iterdir()}
        assert found | {"run.json": b""} == whole | {"run.json": b""}


def test_the_gate_is_asked_and_no_cache(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_nothing(*_: object) -> None:
        raise AssertionError("the cache was asked")

    monkeypatch.setattr("glyphgen.render.preparing.read_entry", read_nothing)
    assert glyphgen.verify_dataset(dataset).problems == ()
