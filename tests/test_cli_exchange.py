"""import and merge as a user meets them: their streams and exit codes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from conftest import FONTS
from tiny_sources import make_images, write_class_map, write_k49, write_tree

from glyphgen.cli import cli
from glyphgen.dataset.claim import hold_folder
from glyphgen.dataset.reader import load
from glyphgen.exchange import exporting
from glyphgen.progress import Reporter


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--workers", "1"])


def test_import_prints_the_folder_and_says_what_it_found() -> None:
    write_k49(Path("in"))
    done = run("import", "k49", "in")
    assert (done.exit_code, done.stdout) == (0, "datasets/k49\n")
    assert done.stderr.splitlines()[:2] == [
        "k49: 18 images of 8x8, 3 classes (train 12, test 6)",
        "polarity: white-on-black, as 18 of 18 images look (--polarity if not)",
    ]
    assert done.stderr.splitlines()[2].startswith("18 images in ")


def test_a_command_tells_of_its_own_dataset_when_another_empties_the_folder_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def hold_and_lose(folder: Path, reporter: Reporter) -> Iterator[None]:
        with hold_folder(folder, reporter):
            yield
        folder.rename(f"{folder}-made")

    monkeypatch.setattr("glyphgen.production.hold_folder", hold_and_lose)
    write_k49(Path("files"))
    Path("font").symlink_to(FONTS)
    Path("tiny.toml").write_text('classes.text = "01"\nfonts.files = ["font/latin/*.ttf"]\n')
    for arguments in (
        ("import", "k49", "files", "--out", "a"),
        ("balance", "a-made", "--per-class", "9", "--out", "b"),
        ("merge", "a-made", "b-made", "--out", "c"),
        ("render", "tiny.toml", "--per-class", "2", "--out", "d"),
    ):
        done = run(*arguments, "--json")
        assert done.exit_code == 0, done.stderr
        assert json.loads(done.stdout)["digest"] == load(f"{arguments[-1]}-made").digest


def test_json_tells_what_was_skipped() -> None:
    write_tree(Path("in"), {"あ": 4})
    Path("in/あ/x.txt").touch()
    done = run("import", "folder", "in", "--out", "here", "--quiet", "--json", "--format", "hdf5")
    assert done.stderr == ""
    page = json.loads(done.stdout)
    assert {k: page[k] for k in ("dataset", "rows", "rows_made", "skipped")} == {
        "dataset": "here",
        "rows": 4,
        "rows_made": 4,
        "skipped": 1,
    }
    assert Path("here/shard-00000.h5").exists()


def test_import_takes_sizes_splits_and_tables() -> None:
    np.savez("both.npz", images=make_images(20, 8, 6), labels=np.arange(20) % 2)
    write_class_map(Path("map.csv"), "あい")
    sizing = ("--height", "16", "--width", "16", "--fit", "stretch")
    wishes = ("--split", "val=0.1,test=0.2", "--seed", "7", "--class-map", "map.csv")
    done = run("import", "arrays", "both.npz", *sizing, *wishes, "--name", "mine")
    assert done.stdout == "datasets/mine\n"
    data = load("datasets/mine")
    assert data.images.shape == (20, 16, 16)
    assert data.index.splits == {"train": (0, 14), "val": (14, 16), "test": (16, 20)}
    assert data.index.seed == 7
    assert data.index.settings == {
        "height": 16,
        "width": 16,
        "fit": "stretch",
        "source_polarity": "white-on-black",
        "split": {"test": 0.2, "val": 0.1},
        "skipped": 0,
        "blank": 0,
    }


def test_merge_names_the_dataset_after_its_folder() -> None:
    write_k49(Path("files"))
    write_tree(Path("kanji"), {"U+65E5": 2}, size=16)
    run("import", "k49", "files", "--out", "a")
    run("import", "kkanji", "kanji", "--out", "b")
    done = run("merge", "a", "b", "--height", "16", "--width", "16", "--out", "both")
    assert (done.exit_code, done.stdout) == (0, "both\n")
    assert load("both").index.name == "both"
    assert load("both").images.shape == (20, 16, 16)
    assert run("verify", "both").exit_code == 2  # it has no --workers
    assert CliRunner().invoke(cli, ["verify", "both"]).exit_code == 3
    assert CliRunner().invoke(cli, ["verify", "both", "--strict"]).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--height", "8"], "--height and --width: found one, expected both or neither"),
        (["--split", "val=x"], "--split: found 'val=x', expected such as val=0.1,test=0.1"),
        (["--split", "dev=.1"], "--split: found 'dev=.1', expected such as val=0.1,test=0.1"),
    ],
)
def test_wrong_usage(arguments: list[str], expected: str) -> None:
    done = run("import", "folder", "in", *arguments)
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"Error: {expected}"


def test_export_says_what_it_wrote_and_read_back() -> None:
    write_k49(Path("in"))
    run("import", "k49", "in")
    done = run(
        "export", "folder", "datasets/k49", "--out", "out", "--names", "codepoint", "--verify"
    )
    assert (done.exit_code, done.stdout) == (0, "out\n")
    assert done.stderr.startswith("18 images in ")
    assert done.stderr.endswith(", 18 read back and equal\n")
    assert sorted(path.name for path in Path("out/train").iterdir()) == [
        "U+3042",
        "U+3044",
        "U+3046",
    ]
    again = run("export", "folder", "datasets/k49", "--out", "out", "--names", "codepoint")
    assert again.stderr == "0 images, 18 were there already\n"
    other = run("export", "npz", "datasets/k49", "--out", "out")
    assert other.exit_code == 1
    options = ("--splits", "test", "--polarity", "black-on-white", "--no-card", "--quiet", "--json")
    done = run("export", "npz", "datasets/k49", "--out", "one.npz", *options)
    page = json.loads(done.stdout)
    assert (page["out"], page["rows"], page["rows_written"]) == ("one.npz", 6, 6)
    with np.load("one.npz") as arrays:
        np.testing.assert_array_equal(arrays["x_test"], 255 - make_images(6, first=12))


def test_an_interrupted_export_tells_what_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    write_k49(Path("in"))
    run("import", "k49", "in")
    for name, said in (
        ("_write_shards", "no shard was finished (run the same command again to begin anew)"),
        ("_verify", "finished shards stay (run the same command again to go on)"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(exporting, name, interrupt)
            done = run("export", "idx", "datasets/k49", "--out", "out", "--verify")
        assert f"out: interrupted; {said}" in done.stderr.splitlines()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt
