"""The user's cache: an entry is found whole or not at all, and never stands in the way."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from glyphgen.files.cache import Cache, find_cache


def write(text: str) -> Callable[[Path], object]:
    return lambda entry: (entry / "a.txt").write_text(text)


def read(entry: Path) -> str:
    return (entry / "a.txt").read_text()


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_was_written_is_found_and_replaced(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "made" / "here", 3)
    assert cache.read("x", read) is None
    cache.write("x", write("one"))
    cache.write("x", write("two"))
    assert cache.read("x", read) == "two"
    assert cache.read("y", read) is None
    assert list_names(tmp_path / "made" / "here") == ["x"]


@pytest.mark.parametrize("damage", ["a.txt", "manifest.json", "more.txt", "name"])
def test_a_damaged_entry_is_not_there(tmp_path: Path, damage: str) -> None:
    cache = Cache(tmp_path, 3)
    cache.write("x", write("one"))
    if damage == "name":
        (tmp_path / "x").rename(tmp_path / "y")
    else:
        (tmp_path / "x" / damage).write_text("{}")
    assert cache.read("y" if damage == "name" else "x", read) is None
    cache.write("x", write("two"))
    assert cache.read("x", read) == "two"


def test_an_entry_that_cannot_be_understood_is_not_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 3)
    cache.write("x", write("one"))
    assert cache.read("x", lambda entry: int(read(entry))) is None


def test_the_entries_that_were_used_last_are_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 2)
    for number, name in enumerate("abc"):
        if name == "c":
            assert cache.read("a", read) == "a"
        cache.write(name, write(name))
        if name != "c":
            os.utime(tmp_path / name, (number, number))
    assert list_names(tmp_path) == ["a", "c"]


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = tmp_path / ".x.77-abcdef01.tmp", tmp_path / ".x.78-abcdef01.tmp"
    for folder in (old, young):
        folder.mkdir()
    os.utime(old, (time.time() - 90_000,) * 2)
    Cache(tmp_path, 2).write("x", write("one"))
    assert list_names(tmp_path) == [young.name, "x"]


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fill(entry: Path) -> None:
        (entry / "a.txt").write_text("half")
        raise OSError("disk full")

    Cache(tmp_path, 2).write("x", fill)
    assert list_names(tmp_path) == []


def test_a_cache_that_nobody_may_write_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path, 2)
    cache.write("x", write("one"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "ignored")

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.read("x", read) == "one"


def test_the_place_is_that_of_the_xdg_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/own")
    assert find_cache("faces", most=3) == Cache(Path("/own/glyphgen/faces"), 3)
    for ignored in ("relative", ""):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert find_cache("faces", most=3).folder == tmp_path / ".cache" / "glyphgen" / "faces"


def test_without_a_home_nothing_is_kept_and_nothing_breaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")

    def fail() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", fail)
    monkeypatch.chdir(tmp_path)
    cache = find_cache("faces", most=3)
    cache.write("x", write("one"))
    assert cache.read("x", read) is None
    assert list_names(tmp_path) == []
