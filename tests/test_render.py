"""The pipeline as a whole: the same bytes whoever makes them, and however often they are stopped."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from conftest import BOX, FONTS, RING, MakeFont
from tampering import seal_arrays

import glyphgen
from glyphgen.errors import DatasetError, GateError
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]
HIRAGANA = FONTS.parent / "recipes" / "hiragana.toml"
FEW = [
    "render.per_class=30",
    "output.rows_per_shard=400",
    'fonts.files=["../fonts/kana/[KY]*.ttf"]',
]


def few(*overrides: str) -> Recipe:
    """The shipped hiragana, with wobble and scatter, 2,490 rows in seven shards."""
    return read_recipe(HIRAGANA, [*FEW, *overrides])


def content(folder: Path) -> dict[str, bytes]:
    """Everything that equal runs have equal."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "run.json"}


@pytest.fixture(scope="module", params=["npy", "hdf5"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / str(request.param)
    render_dataset(few(f"output.format={request.param}"), folder)
    return folder


def recipe_of(finished: Path) -> Recipe:
    return few(f"output.format={finished.name}")


@pytest.mark.slow
def test_a_dataset_is_what_its_index_says(finished: Path) -> None:
    dataset = glyphgen.load(finished)
    index = json.loads((finished / "index.json").read_text(encoding="utf-8"))
    assert index["splits"] == {"train": [0, 1992], "val": [1992, 2241], "test": [2241, 2490]}
    assert index["image"] == {"height": 64, "width": 64, "polarity": "white-on-black"}
    assert index["codepoint_to_index"]["U+3042"] == 1
    assert index["classes"][1] == {
        "index": 1,
        "label": "あ",
        "forms": ["あ"],
        "codepoints": [["U+3042"]],
        "names": ["HIRAGANA LETTER A"],
        "rows": {"train": 24, "val": 3, "test": 3},
        "unproven": 0,
    }
    assert [shard["rows"] for shard in index["shards"]] == [400] * 6 + [90]
    assert index["faces"][0]["family"] == "Kaisei Decol"
    assert dataset.images[:].shape == (2490, 64, 64)
    assert np.array_equal(np.bincount(dataset.labels[:]), [30] * 83)
    assert np.array_equal(dataset.labels[:], dataset.samples[:]["class_index"])
    assert (dataset.images[:].max(axis=(1, 2)) > 200).all(), "every image has ink"


def test_no_clock_host_or_path_is_in_the_index(finished: Path) -> None:
    text = (finished / "index.json").read_text(encoding="utf-8")
    assert str(FONTS) not in text
    assert os.uname().nodename not in text


@pytest.mark.slow
def test_two_workers_make_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    rendered = render_dataset(recipe_of(finished), tmp_path / "two", workers=2)
    assert rendered.n_made == 2490
    assert content(tmp_path / "two") == content(finished)


def test_another_seed_makes_other_images_of_the_same_classes(
    finished: Path, tmp_path: Path
) -> None:
    render_dataset(few("seed=1"), tmp_path / "other")
    a, b = glyphgen.load(finished), glyphgen.load(tmp_path / "other")
    assert np.array_equal(a.labels[:], b.labels[:])
    assert (a.images[:] != b.images[:]).any(axis=(1, 2)).all()


def test_both_formats_hold_the_same_rows_and_hashes(finished: Path, tmp_path: Path) -> None:
    other = "npy" if finished.name == "hdf5" else "hdf5"
    render_dataset(few(f"output.format={other}"), tmp_path / other)
    a, b = glyphgen.load(finished), glyphgen.load(tmp_path / other)
    for name in ("images", "labels", "samples"):
        assert np.array_equal(getattr(a, name)[:], getattr(b, name)[:])
    assert [s.digest for s in a.index.shards] == [s.digest for s in b.index.shards]


def test_a_finished_dataset_is_kept_as_it_is(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.iterdir()}
    assert render_dataset(recipe_of(finished), finished).n_made == 0
    assert {path: path.stat().st_mtime_ns for path in finished.iterdir()} == before


def test_a_damaged_shard_alone_is_made_again(finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(finished, folder)
    file = folder / ("images.npy" if finished.name == "npy" else "shard-00002.h5")
    with file.open("r+b") as stream:
        stream.seek(1000 * 4096 if finished.name == "npy" else 200 * 4096)
        stream.write(b"\x55")
    assert glyphgen.verify_dataset(folder).problems == (
        f"{folder}: shard 2 does not match index.json (run the command that made it, with --mend)",
    )
    assert render_dataset(recipe_of(finished), folder).n_made == 400
    assert content(folder) == content(finished)


_PROGRAM = """
import sys
from pathlib import Path
from unittest.mock import Mock
from glyphgen.render.rendering import render_dataset
from glyphgen.recipe import read_recipe
if __name__ == "__main__":
    render_dataset(read_recipe(sys.argv[1], sys.argv[4:]), Path(sys.argv[2]), workers=int(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_is_killed_goes_on_to_the_same_bytes(
    finished: Path, tmp_path: Path, workers: int
) -> None:
    folder, program = tmp_path / "killed", tmp_path / "program.py"
    program.write_text(_PROGRAM)
    overrides = [*FEW, f"output.format={finished.name}"]
    paths = map(str, (program, HIRAGANA, folder))
    command = [sys.executable, *paths, str(workers), *overrides]
    process = subprocess.Popen(command)
    notes: list[Path] = []
    while not notes and process.poll() is None:
        notes = list((folder / ".work").glob("shard-*.json"))
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    if process.returncode == -signal.SIGKILL:
        assert not (folder / "index.json").exists()
        rendered = render_dataset(recipe_of(finished), folder, workers=workers)
        assert rendered.n_made < 2490, "finished shards are kept"
    assert content(folder) == content(finished)


@pytest.mark.slow
def test_the_pixels_are_those_of_every_machine() -> None:
    """Pinned: these hashes change only with a line under 'Output changed' in the changelog."""
    from glyphgen.plan import SAMPLE_DTYPE
    from glyphgen.render.drawing import draw_rows
    from glyphgen.render.preparing import prepare_render

    hashes = {}
    for name in ("hiragana", "digits", "kana"):
        prepared = prepare_render(read_recipe(FONTS.parent / "recipes" / f"{name}.toml"))
        image = prepared.recipe.image
        images = np.empty((500, image.height, image.width), dtype=np.uint8)
        samples = np.empty(500, dtype=SAMPLE_DTYPE)
        draw_rows(prepared.plan, prepared.open_engine(), 1000, images, samples)
        hashes[name] = hashlib.sha256(images.tobytes() + samples.tobytes()).hexdigest()[:16]
    assert hashes == PINNED


PINNED = {
    "hiragana": "a6547872acd175ca",
    "digits": "e145de796627bd7b",
    "kana": "eece73e14cabb7a2",
}


@pytest.mark.slow
def test_black_on_white_is_the_same_with_ink_0(tmp_path: Path) -> None:
    small = ["classes.sets=[]", 'classes.text="あい"', "render.per_class=4", "split={}"]
    render_dataset(few(*small), tmp_path / "white")
    render_dataset(few(*small, "image.polarity=black-on-white"), tmp_path / "black")
    white, black = (glyphgen.load(tmp_path / name).images[:] for name in ("white", "black"))
    assert np.array_equal(255 - white, black)


def test_refused_cells_are_told_in_gate_json_and_their_rows_go_to_others(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("one.ttf", {"A": BOX, "B": RING})
    make_font("two.ttf", {"A": RING})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["one.ttf", "two.ttf"]\nrender.per_class = 6\n'
        'gate.on_refused = "skip"'
    )
    render_dataset(read_recipe(recipe), tmp_path / "set")
    assert json.loads((tmp_path / "set" / "gate.json").read_text()) == {
        "unread": [],
        "cells": 4,
        "admitted": 3,
        "coverage": {"one.ttf": 2, "two.ttf": 1},
        "unproven": {"one.ttf": 2, "two.ttf": 1},
        "refused": [
            {
                "face": "two.ttf",
                "form": "B",
                "codepoints": ["U+0042"],
                "reason": "no cmap entry",
                "figure": 1.0,
                "shows": "",
            }
        ],
        "allowed": [],
        "twins": [],
        "changed": [],
        "unturned": [],
    }
    samples = glyphgen.load(tmp_path / "set").samples[:]
    assert samples["face"][samples["class_index"] == 1].tolist() == [0] * 6


def test_a_folder_is_a_path_or_its_name_and_the_plan_is_reported(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("one.ttf", {"A": BOX, "B": RING})
    make_font("two.ttf", {"A": RING})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["one.ttf", "two.ttf"]\nrender.per_class = 6\n'
        'gate.on_refused = "skip"\ngate.on_unproven = "allow"'
    )
    reporter = Mock()
    rendered = render_dataset(read_recipe(recipe), str(tmp_path / "set"), reporter=reporter)
    assert rendered.folder == tmp_path / "set"
    assert len(glyphgen.load(tmp_path / "set")) == 12
    assert [args for args, _ in reporter.warning.call_args_list] == [
        (
            "license unknown: one.ttf, two.ttf"
            " (look before a dataset is published; `glyphgen fonts list` tells more)",
        )
    ]
    plan, refused, cost = (args[0] for args, _ in reporter.message.call_args_list)
    assert plan == "2 classes x 6 = 12 images: 2 faces in equal turns"
    assert refused == "1 cells refused: see gate.json"
    assert re.fullmatch(
        rf"{tmp_path}/set: 12 images, 49\.8 kB \([\d.]+ [MGT]B are free\),"
        " less than a second and the time to write",
        cost,
    )
    reporter.reset_mock()
    render_dataset(read_recipe(recipe), tmp_path / "set", reporter=reporter)
    assert len(reporter.message.call_args_list) == 2, "what is there costs nothing"


@pytest.mark.slow
def test_the_speed_leaves_out_the_start(tmp_path: Path) -> None:
    recipe = read_recipe("digits", ["render.per_class=40", "output.rows_per_shard=100"])
    made = render_dataset(recipe, tmp_path / "set")
    assert made.n_made == 400
    assert made.n_steady == 300, "all but the first shard of the one worker"
    assert 0 < made.start_seconds < made.seconds
    assert made.images_per_second == pytest.approx(300 / (made.seconds - made.start_seconds))
    again = render_dataset(recipe, tmp_path / "set")
    assert (again.n_made, again.n_steady, again.images_per_second) == (0, 0, 0)


def test_nothing_is_written_when_the_recipe_cannot_be_made(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("one.ttf", {"A": BOX})
    recipe = read_recipe(write_recipe('classes.text = "AB"\nfonts.files = ["one.ttf"]'))
    with pytest.raises(GateError):
        render_dataset(recipe, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_of_compressed_images_nobody_knows_before_what_room_they_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 10_000_000)
    )
    recipe = few("output.format=hdf5", "output.compression=gzip")
    assert render_dataset(recipe, tmp_path / "set").n_made


def test_a_disk_that_is_too_small_is_known_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1_000_000)
    )
    with pytest.raises(DatasetError) as caught:
        render_dataset(few(), tmp_path / "set")
    assert str(caught.value) == (
        f"{tmp_path}/set: needs 14.4 MB, its disk has 1.0 MB free"
        " (make room, or --out DIR on another disk)"
    )
    assert not (tmp_path / "set").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "thesis.txt").write_text("years of work")
    with pytest.raises(DatasetError) as caught:
        render_dataset(few(), tmp_path / "set")
    assert str(caught.value) == (
        f"{tmp_path}/set: holds something else: thesis.txt"
        " (--force replaces it, --out DIR takes another folder)"
    )
    assert content(tmp_path / "set") == {"thesis.txt": b"years of work"}


@pytest.mark.slow
def test_verify_draws_rows_again_and_finds_what_hashes_cannot(
    finished: Path, tmp_path: Path
) -> None:
    verified = glyphgen.verify_dataset(finished)
    assert (verified.problems, verified.n_redrawn, verified.unproven) == ((), 1000, "")
    # A dataset that was made of another drawing and hashed: whole, and wrong.
    if finished.name == "hdf5":
        return
    folder = tmp_path / "forged"
    shutil.copytree(finished, folder)
    images = np.load(folder / "images.npy", mmap_mode="r+")
    images[0] = 255 - images[0]
    images.flush()
    seal_arrays(folder)
    assert glyphgen.verify_dataset(folder).problems == (
        f"{folder}: row 0 is not what its recipe draws (make the dataset again, with --force)",
    )


def test_verify_says_when_fonts_are_not_the_same_any_more(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("one.ttf", {"A": BOX})
    recipe = read_recipe(
        write_recipe('classes.text = "A"\nfonts.files = ["one.ttf"]\nrender.per_class = 3')
    )
    render_dataset(recipe, tmp_path / "set")
    make_font("one.ttf", {"A": RING})
    verified = glyphgen.verify_dataset(tmp_path / "set")
    assert verified.problems == ()
    assert verified.n_redrawn == 0
    assert verified.unproven == (f"{tmp_path}/set: its fonts have changed since it was made")
