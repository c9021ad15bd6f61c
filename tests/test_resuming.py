"""What a run finds done: a finished dataset by one listing, an unfinished one by its notes and hashes."""

import gc
import os
import time
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import tiny_datasets
from numpy.typing import NDArray
from tiny_datasets import (
    N_ROWS,
    TinyJob,
    make_dataset,
    make_index,
    make_layout,
    make_rows,
    open_writer,
    produce_tiny,
)

from glyphgen import production
from glyphgen.dataset.claim import claim_folder
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.shards import Arrays, Shards, make_shards
from glyphgen.dataset.shards.hdf5 import Hdf5Shards, _make_frame
from glyphgen.dataset.shards.npy import NpyShards
from glyphgen.dataset.shards.raw import RawShards
from glyphgen.files.address import Address, Place
from glyphgen.files.listed import ListedFile, read_listed
from glyphgen.files.store import open_store
from glyphgen.progress import Progress
from glyphgen.shipping import ShippedJob

KEY = "ab" * 32


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The shards that are read from now on, in order."""
    numbers: list[int] = []
    for kind in (Hdf5Shards, NpyShards, RawShards):

        def note(shards: Shards, k: int, read: Any = kind.read) -> Arrays:
            numbers.append(k)
            arrays: Arrays = read(shards, k)
            return arrays

        monkeypatch.setattr(kind, "read", note)
    return numbers


@pytest.fixture(params=["npy", "hdf5", "npy in a store", "hdf5 in a store"])
def finished(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Place, str]]:
    """A finished dataset and its format."""
    format = request.param.partition(" ")[0]
    place: Place = tmp_path / "out"
    if request.param != format:
        place = Address(f"memory://resuming-{tmp_path.name}-{os.getpid()}")
    produce_tiny(place, format)
    age(place)
    yield place, format
    if isinstance(place, Address):
        open_store(place).delete("")


def age(place: Place) -> None:
    """Let all but index.json be a minute old; in memory each put has a time of its own."""
    if isinstance(place, Path):
        for path in place.glob("*[!j][!s][!o][!n]"):
            os.utime(path, (time.time() - 60,) * 2)


def name_shard(place: Place, format: str, k: int) -> str:
    if format == "hdf5":
        return f"shard-{k:05d}.h5"
    return "images.npy" if isinstance(place, Path) else f"shard-{k:05d}.bin"


def flip(place: Place, name: str) -> None:
    content = bytearray(open_store(place).get_range(name))
    content[-1] ^= 1
    open_store(place).put(name, bytes(content))


def test_a_finished_dataset_is_known_without_a_shard_being_read(
    finished: tuple[Place, str], read: list[int]
) -> None:
    place, format = finished
    produced = produce_tiny(place, format)
    assert (produced.n_made, produced.is_read, read) == (0, False, [])
    produced = produce_tiny(place, format, mend=True)
    assert (produced.n_made, produced.is_read, sorted(read)) == (0, True, [0, 1, 2, 3, 4])


def test_what_was_written_after_the_index_is_read_and_made_again(
    finished: tuple[Place, str], read: list[int]
) -> None:
    place, format = finished
    flip(place, name_shard(place, format, 4))
    assert produce_tiny(place, format).n_made == 3
    if format == "hdf5" or not isinstance(place, Path):  # not in one file with all others
        assert set(read) == {4}
    assert verify_shards(place) == []


def test_of_what_is_lost_nothing_else_is_read(finished: tuple[Place, str], read: list[int]) -> None:
    place, format = finished
    open_store(place).delete(name_shard(place, format, 1))
    n_made = produce_tiny(place, format).n_made
    if format == "npy" and isinstance(place, Path):  # the images of all
        assert n_made == N_ROWS
    else:
        assert (n_made, set(read)) == (5, {1})
    assert verify_shards(place) == []


def test_a_bit_that_flips_on_its_own_is_mended_where_it_is_asked(tmp_path: Path) -> None:
    produce_tiny(tmp_path, "hdf5")
    path = tmp_path / "shard-00002.h5"
    flip(tmp_path, path.name)
    os.utime(path, (time.time() - 60,) * 2)
    age(tmp_path)
    assert produce_tiny(tmp_path, "hdf5").n_made == 0
    assert verify_shards(tmp_path) == [
        f"{tmp_path}: shard 2 does not match index.json (run the command that made it, with --mend)"
    ]
    assert produce_tiny(tmp_path, "hdf5", mend=True).n_made == 5
    assert verify_shards(tmp_path) == []


def test_a_shard_of_another_size_is_read_though_it_is_old(tmp_path: Path) -> None:
    produce_tiny(tmp_path, "hdf5")
    path = tmp_path / "shard-00003.h5"
    path.write_bytes(path.read_bytes()[:-1])
    age(tmp_path)
    assert produce_tiny(tmp_path, "hdf5").n_made == 5


def test_shards_of_another_size_in_rows_are_not_taken_for_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rows_per_shard in (5, 4):  # as another version of glyphgen may choose it
        layout = replace(make_layout("gzip"), rows_per_shard=rows_per_shard)
        monkeypatch.setattr(tiny_datasets, "make_layout", lambda layout=layout: layout)
        monkeypatch.setattr(tiny_datasets, "make_index", partial(make_index, compression="gzip"))
        produce_tiny(tmp_path, "hdf5")
        assert verify_shards(tmp_path) == []
        age(tmp_path)
        if rows_per_shard == 5:
            (tmp_path / "shard-00001.h5").unlink()


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_an_unfinished_dataset_goes_on_from_its_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: list[int], format: str
) -> None:
    made, make = [], TinyJob.make_rows

    def fail(job: TinyJob, rows: range, images: NDArray[np.uint8], samples: Any) -> None:
        if rows.start == 15 and not read:
            raise KeyboardInterrupt
        made.append(rows.start)
        make(job, rows, images, samples)

    monkeypatch.setattr(TinyJob, "make_rows", fail)
    with pytest.raises(KeyboardInterrupt):
        produce_tiny(tmp_path, format)
    notes = sorted(path.name[:11] for path in (tmp_path / ".work").glob("shard-*"))
    assert notes == ["shard-00000", "shard-00001", "shard-00002"]
    assert (made, read) == ([0, 5, 10], [])  # nothing was looked for in a new folder
    assert produce_tiny(tmp_path, format).n_made == N_ROWS - 15
    assert (made, read) == ([0, 5, 10, 15, 20], [0, 1, 2])
    assert verify_shards(tmp_path) == []


def test_a_note_of_a_damaged_shard_is_gone_before_it_is_made_again(tmp_path: Path) -> None:
    claim_folder(tmp_path, KEY)
    shards = open_writer(tmp_path, "hdf5")
    shards.write(1, *make_rows(range(5, 10)))
    flip(tmp_path, "shard-00001.h5")
    noted = shards.read_notes()
    assert noted["blake3"].astype(bool).tolist() == [False, True, False, False, False]
    assert shards.find_done(1, noted) is None
    assert not shards.read_notes()["blake3"].astype(bool).any()


def test_a_shard_that_is_done_keeps_no_memory_in_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    n, traced = 9000, {}

    class Watcher:
        def message(self, line: str) -> None: ...

        def warning(self, line: str) -> None: ...

        def progress(self, progress: Progress) -> None:
            if progress.done // 5 in {1000, n}:
                gc.collect()
                traced[progress.done // 5] = tracemalloc.get_traced_memory()[0]

    monkeypatch.setattr(production, "open_job", lambda _: None)
    monkeypatch.setattr(production, "make_shard", lambda k: ("worker", f"{k:064x}", True))
    shards = make_shards(tmp_path, "npy", make_layout(n_rows=5 * n))
    tracemalloc.start()
    try:
        found = production._make_shards(
            shards,
            np.zeros(n, "S64"),
            ShippedJob(tmp_path),
            "processes",
            production._Clock(1),
            Watcher(),
        )
    finally:
        tracemalloc.stop()
    assert (len(found), found[n - 1].blake3) == (n, f"{n - 1:064x}")
    assert traced[n] - traced[1000] < n  # bytes: not one a shard


def test_hdf5_is_asked_once_for_what_surrounds_the_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []

    class Counted(h5py.File):  # type: ignore[misc]
        def __init__(self, *given: Any, **named: Any) -> None:
            opened.append(given)
            super().__init__(*given, **named)

    monkeypatch.setattr(h5py, "File", Counted)
    _make_frame.cache_clear()
    make_dataset(tmp_path, "hdf5")
    assert verify_shards(tmp_path) == []
    assert len(opened) == 2  # of five rows, and of three
    path = tmp_path / "shard-00001.h5"
    content = bytearray(path.read_bytes())
    content[:0] = bytes(512)  # where HDF5 looks for its beginning, too
    path.write_bytes(content)
    assert verify_shards(tmp_path) == []
    assert len(opened) == 3


@pytest.mark.parametrize(
    ("told", "changed"),
    [
        ({"LastModified": datetime(2026, 1, 1, tzinfo=UTC)}, 1767225600 * 10**9),
        ({"updated": "2026-01-01T00:00:00Z"}, 1767225600 * 10**9),
        ({"mtime": 1767225600.5}, 1767225600_500_000_000),
        ({"created": "yesterday"}, None),
        ({}, None),
    ],
)
def test_stores_tell_times_in_their_own_ways(told: dict[str, Any], changed: int | None) -> None:
    listed = read_listed({"size": 7, "type": "file", **told})
    assert listed == ListedFile(7, changed)
    assert listed.is_older(ListedFile(0, 1767225601 * 10**9)) == (changed is not None)
    assert not listed.is_older(ListedFile(0, changed))
    assert not ListedFile(0, 0).is_older(ListedFile(0, None))
