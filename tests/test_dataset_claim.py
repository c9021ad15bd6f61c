import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_datasets import RECIPE, TinyJob, make_dataset, open_writer, produce_tiny

from glyphgen.dataset.claim import Claim, check_space, claim_folder, hold_folder, remove_work_folder
from glyphgen.errors import DatasetError

OTHER_RECIPE = "98" * 32


def fail_to_claim(folder: Path, *, force: bool = False) -> str:
    with pytest.raises(DatasetError) as caught:
        claim_folder(folder, RECIPE, force=force)
    return str(caught.value)


def test_an_absent_or_empty_folder_is_claimed(tmp_path: Path) -> None:
    assert claim_folder(tmp_path / "datasets" / "kana", RECIPE) is Claim.NEW
    assert claim_folder(tmp_path / "datasets" / "kana", RECIPE) is Claim.UNFINISHED
    (tmp_path / "empty").mkdir()
    assert claim_folder(tmp_path / "empty", RECIPE) is Claim.NEW


def test_a_claim_cut_short_leaves_the_folder_free(tmp_path: Path) -> None:
    (tmp_path / ".work").mkdir()
    assert claim_folder(tmp_path, RECIPE) is Claim.NEW


def test_an_unfinished_dataset_is_taken_up_and_rid_of_temporary_files(tmp_path: Path) -> None:
    claim_folder(tmp_path, RECIPE)
    open_writer(tmp_path, "npy").prepare()
    for folder in (tmp_path, tmp_path / ".work"):
        (folder / ".shard-00001.h5.77-abcdef01.tmp").touch()
    assert claim_folder(tmp_path, RECIPE) is Claim.UNFINISHED
    assert not list(tmp_path.rglob("*.tmp"))
    assert (tmp_path / ".work" / "images.npy").exists()


class DeadlyJob(TinyJob):
    """Kills one worker when its shard is written, and has not its name yet."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        super().make_rows(rows, images, samples)
        if 7 in rows and not self.mark.exists():
            self.mark.touch()
            Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign, assignment]


def test_a_complete_dataset_holds_nothing_of_workers_that_were_killed(tmp_path: Path) -> None:
    folder, mark = tmp_path / "tiny", tmp_path / "killed"
    produce_tiny(folder, "hdf5", workers=2, job=DeadlyJob(mark))
    assert mark.exists()
    assert not list(folder.rglob("*.tmp"))


def test_a_complete_dataset_is_found_complete(tmp_path: Path) -> None:
    make_dataset(tmp_path, "npy")
    (tmp_path / ".work").mkdir()  # killed between index.json and the end
    assert claim_folder(tmp_path, RECIPE) is Claim.COMPLETE
    assert not (tmp_path / ".work").exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    for name in "edcba":
        (tmp_path / name).touch()
    assert fail_to_claim(tmp_path) == (
        f"{tmp_path}: holds something else: a, b, c and 2 more"
        " (--force replaces it, --out DIR takes another folder)"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c", "d", "e"]


def test_another_dataset_is_left_alone(tmp_path: Path) -> None:
    ways_out = "(--force replaces it, --out DIR takes another folder)"
    claim_folder(tmp_path, OTHER_RECIPE)
    assert fail_to_claim(tmp_path) == (
        f"{tmp_path}: holds an unfinished dataset of another recipe {ways_out}"
    )
    (tmp_path / ".work" / "claim.json").write_text("{")
    assert "an unfinished dataset of another recipe" in fail_to_claim(tmp_path)
    remove_work_folder(tmp_path)
    make_dataset(tmp_path, "npy")
    with pytest.raises(DatasetError) as caught:
        claim_folder(tmp_path, OTHER_RECIPE)
    assert str(caught.value) == f"{tmp_path}: holds a dataset of another recipe {ways_out}"


@pytest.mark.parametrize("deeper", [".", "deeper", "deeper/still"])
def test_a_file_in_the_way_is_told(tmp_path: Path, deeper: str) -> None:
    (tmp_path / "kana").touch()
    with pytest.raises(DatasetError) as caught, hold_folder(tmp_path / "kana" / deeper):
        pass
    assert str(caught.value) == (
        f"{tmp_path}/kana: is a file, expected a folder (--out DIR takes another folder)"
    )


def test_force_empties_the_folder_and_follows_no_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    folder = tmp_path / "kana"
    make_dataset(folder, "npy")
    (folder / "notes").mkdir()
    (folder / "link").symlink_to(outside)
    assert claim_folder(folder, RECIPE, force=True) is Claim.NEW
    assert [path.name for path in folder.iterdir()] == [".work"]
    assert (outside / "kept").exists()


def test_force_needs_no_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    (tmp_path / "a").touch()
    assert claim_folder(tmp_path, RECIPE, force=True) is Claim.NEW


def test_force_replaces_an_index_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")
    assert "not JSON" in fail_to_claim(tmp_path)
    assert claim_folder(tmp_path, RECIPE, force=True) is Claim.NEW


@pytest.mark.parametrize("kept", ["your home folder", "the current folder", "a Git repository"])
def test_force_does_not_empty_what_nobody_means(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    inner = tmp_path / "a" / "b"
    (inner / ("note" if kept != "a Git repository" else ".git")).mkdir(parents=True)
    if kept == "your home folder":
        monkeypatch.setenv("HOME", str(inner))
    if kept == "the current folder":
        monkeypatch.chdir(inner)
    for folder in (tmp_path, inner):
        assert fail_to_claim(folder, force=True) == (
            f"{folder}: holds {kept}, which --force does not remove"
            " (--out DIR takes another folder)"
        )
    assert inner.exists()


def test_a_small_disk_is_told_before_work_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "absent" / "kana"
    check_space(folder, 1000)
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 999}))
    for n_bytes, shown in ((1000, "1.0 kB"), (2_900_000_000, "2.9 GB"), (7 * 10**15, "7000.0 TB")):
        with pytest.raises(DatasetError) as caught:
            check_space(folder, n_bytes)
        assert str(caught.value) == (
            f"{folder}: needs {shown}, its disk has 999 bytes free"
            " (make room, or --out DIR on another disk)"
        )
