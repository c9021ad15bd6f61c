"""The five verbs of a store, as every kind of place has to speak them."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from glyphgen.errors import DatasetError
from glyphgen.files.store import Store, open_store
from glyphgen.files.writing import disk_errors, make_folder, read_items


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "new" / "place"


@pytest.fixture
def store(place: Path) -> Store:
    return open_store(str(place))


def test_what_was_put_is_there_and_what_was_not_is_not(store: Store) -> None:
    assert store.list() == ()
    assert not store.exists("a")
    store.put("b/c", b"12", np.array([[3, 4], [5, 6]], np.uint8), b"", b"7")
    store.put("a", b"", durable=False)
    assert store.get_range("b/c") == b"12\x03\x04\x05\x067"
    assert store.get_range("a") == b""
    assert (store.list(), store.list("b"), store.list("x")) == (("a", "b"), ("c",), ())
    assert store.exists("a")
    assert store.exists("b")
    assert store.exists("b/c")
    assert not store.exists("c")


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0, 3), b"012"),
        ((4, 6), b"45"),
        ((8,), b"89"),
        ((8, 99), b"89"),
        ((5, 5), b""),
        ((5, 2), b""),
        ((99,), b""),
    ],
)
def test_a_range_is_a_slice_of_the_file(
    store: Store, bounds: tuple[int, ...], expected: bytes
) -> None:
    store.put("a", b"0123456789")
    assert store.get_range("a", *bounds) == expected


def test_a_file_that_is_not_there_is_told(store: Store) -> None:
    with pytest.raises(FileNotFoundError):
        store.get_range("a")


def test_a_file_is_replaced_whole_or_not_at_all(
    store: Store, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put("a", b"old")

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "ignored")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(DatasetError) as caught:
            store.put("a", b"new")
    assert str(caught.value) == (
        f"{place}/a: cannot be written: No space left on device"
        " (make room, then run the same command again: finished shards are kept)"
    )
    assert (store.get_range("a"), store.list()) == (b"old", ("a",))
    store.put("a", b"n")
    assert (store.get_range("a"), store.list()) == (b"n", ("a",))


def test_what_is_deleted_is_gone_and_links_are_not_followed(
    store: Store, place: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").touch()
    for name in ("a", "b/c", "b/d/e"):
        store.put(name, b"1")
    (place / "link").symlink_to(tmp_path / "outside")
    for name in ("link", "b", "never"):
        store.delete(name)
        assert not store.exists(name)
    store.delete("a", durable=True)
    assert store.list() == ()
    assert (tmp_path / "outside" / "kept").exists()


@pytest.mark.parametrize("durable", [True, False])
def test_what_outlives_a_power_cut_was_flushed(
    store: Store, place: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    place.mkdir(parents=True)
    flushed = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    store.put("a", b"1", durable=durable)
    store.delete("a", durable=durable)
    if not durable:
        assert flushed == []
        return
    temporary, *folders = flushed
    assert temporary.name.endswith(".tmp")
    assert folders == [place, place]


def test_items_that_cannot_all_be_read_are_an_error_of_the_disk(tmp_path: Path) -> None:
    path, dtype = tmp_path / "items", np.dtype("<u2")
    path.write_bytes(np.arange(10, dtype=dtype).tobytes())
    assert read_items(path, dtype, 3, 4).tolist() == [2, 3, 4]
    with pytest.raises(OSError, match="Input/output error"):
        read_items(path, dtype, 9, 4)
    with path.open("rb") as file:
        assert read_items(file, dtype, 10).tolist() == list(range(10))


def test_folders_are_made_with_those_that_they_lie_in(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_limit_on_open_files_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught, disk_errors(tmp_path, "read"):
        raise OSError(errno.EMFILE, "Too many open files")
    assert str(caught.value) == (
        f"{tmp_path}: cannot be read: Too many open files"
        " (raise `ulimit -n`, then run the same command again: finished shards are kept)"
    )
