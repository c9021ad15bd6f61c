"""Datasets of earlier formats are read, verified, kept, mended and balanced.

One tiny dataset of each format lies in tests/datasets, as the glyphgen of its time made it.
"""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tampering import forge_index

import glyphgen
from glyphgen.dataset.index import FORMAT_VERSION
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset

DATASETS = Path(__file__).parent / "datasets"
RECIPE = DATASETS / "letters.toml"
FORMATS = range(2, FORMAT_VERSION + 1)


@pytest.fixture(params=FORMATS)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A dataset of each format, whose fonts lie in this checkout."""
    folder = tmp_path / f"format-{request.param}"
    shutil.copytree(DATASETS / folder.name, folder)
    return folder


def make_format_3(folder: Path) -> None:
    """Bring a dataset of this glyphgen into the form of format 3."""
    arrays = [np.load(folder / f"{name}.npy") for name in ("images", "labels", "samples")]

    def change(index: dict[str, Any]) -> None:
        index["format_version"] = 3
        for shard in index["shards"]:
            rows = slice(shard["first_row"], shard["first_row"] + shard["rows"])
            del shard["blake3"]
            content = b"".join(array[rows].tobytes() for array in arrays)
            shard["sha256"] = hashlib.sha256(content).hexdigest()

    forge_index(folder, change)


def make_format_2(folder: Path) -> None:
    """Bring a dataset of this glyphgen into the form of format 2."""
    make_format_3(folder)
    index = json.loads((folder / "index.json").read_bytes())
    del index["checksum"], index["files"]
    (folder / "index.json").write_text(json.dumps(index | {"format_version": 2}), "utf-8")
    run = json.loads((folder / "run.json").read_bytes())
    del run["checksum"]
    (folder / "run.json").write_text(json.dumps(run), "utf-8")


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """The same dataset, as this glyphgen makes it, in the form of format 2."""
    render_dataset(read_recipe(RECIPE), tmp_path / "letters")
    make_format_2(tmp_path / "letters")
    return tmp_path / "letters"


def test_an_old_dataset_is_read(old: Path) -> None:
    dataset = glyphgen.load(old, "test")
    assert f"format-{dataset.index.format_version}" == old.name
    assert [info.label for info in dataset.classes] == ["A", "B", "c", "d"]
    assert dataset.images.shape == (8, 16, 12)
    assert np.bincount(dataset.targets).tolist() == [2, 2, 2, 2]
    assert (dataset.ink[:].max(axis=(1, 2)) > 100).all()


def test_an_old_dataset_is_whole_and_damage_of_it_is_found(old: Path) -> None:
    assert glyphgen.verify_dataset(old).problems == ()
    images = np.load(old / "images.npy", mmap_mode="r+")
    images[13, 3, 3] ^= 1
    images.flush()
    assert glyphgen.verify_dataset(old).problems == (
        f"{old}: shard 1 does not match index.json (run the command that made it, with --mend)",
    )


def test_an_old_dataset_is_balanced(old: Path, tmp_path: Path) -> None:
    prepared = glyphgen.prepare_balance(old, 9)
    glyphgen.balance_dataset(prepared, tmp_path / "out")
    balanced = glyphgen.load(tmp_path / "out")
    assert balanced.index.format_version == FORMAT_VERSION
    assert np.bincount(glyphgen.load(tmp_path / "out", "train").targets).tolist() == [9] * 4


def test_a_dataset_of_format_2_is_drawn_again_and_compared_whole(letters: Path) -> None:
    verified = glyphgen.verify_dataset(letters)
    assert (verified.problems, verified.n_redrawn, verified.unproven) == ((), 40, "")
    page = json.loads((letters / "index.json").read_bytes())
    page["faces"][0]["license"] = "CC0-1.0"
    (letters / "index.json").write_text(json.dumps(page), "utf-8")
    assert glyphgen.verify_dataset(letters).problems == (
        f"{letters}/index.json: faces.0.license is 'CC0-1.0', expected 'OFL-1.1'"
        " (make the dataset again, with --force)",
    )


def test_a_dataset_of_format_2_is_kept_as_it_is(letters: Path) -> None:
    before = {path: path.read_bytes() for path in letters.iterdir()}
    assert render_dataset(read_recipe(RECIPE), letters).n_made == 0
    assert {path: path.read_bytes() for path in letters.iterdir()} == before


@pytest.mark.parametrize("make_old", [make_format_2, make_format_3])
def test_a_damaged_dataset_of_an_old_format_is_mended_in_the_new_one(
    make_old: Callable[[Path], None], tmp_path: Path
) -> None:
    letters = tmp_path / "letters"
    render_dataset(read_recipe(RECIPE), letters)
    new = (letters / "index.json").read_bytes()
    make_old(letters)
    images = np.load(letters / "images.npy", mmap_mode="r+")
    whole = images.copy()
    images[13, 3, 3] ^= 1
    images.flush()
    assert render_dataset(read_recipe(RECIPE), letters).n_made == 12
    assert np.array_equal(np.load(letters / "images.npy"), whole)
    assert (letters / "index.json").read_bytes() == new, "shards that are kept, too"
    assert glyphgen.verify_dataset(letters).n_redrawn == 40


def test_a_dataset_of_format_3_is_drawn_again_and_compared_whole(tmp_path: Path) -> None:
    render_dataset(read_recipe(RECIPE), tmp_path / "letters")
    make_format_3(tmp_path / "letters")
    verified = glyphgen.verify_dataset(tmp_path / "letters")
    assert (verified.problems, verified.n_redrawn, verified.unproven) == ((), 40, "")


def test_what_an_older_glyphgen_may_have_meant_is_not_called_damage(letters: Path) -> None:
    path = letters / "recipe.toml"
    path.write_text(path.read_text("utf-8").replace('on_unproven = "allow"\n', ""), "utf-8")
    verified = glyphgen.verify_dataset(letters)
    assert verified.problems == ()
    assert verified.unproven == (
        f"{path}: written by another glyphgen, whose recipes have other keys"
    )
    page = json.loads((letters / "index.json").read_bytes())
    page["versions"]["glyphgen"] = "0.0.9"
    (letters / "index.json").write_text(json.dumps(page), "utf-8")
    assert glyphgen.verify_dataset(letters).unproven == (
        f"{letters}: made by glyphgen 0.0.9, this is {glyphgen.__version__}"
    )
