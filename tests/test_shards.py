import errno
import os
import resource
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from blake3 import blake3
from tiny_datasets import (
    FORMATS_AND_COMPRESSIONS,
    N_ROWS,
    RECIPE,
    make_dataset,
    make_index,
    make_rows,
    open_writer,
    read_all_bytes,
)

from glyphgen.dataset.claim import Claim, claim_folder
from glyphgen.dataset.index import read_index, write_index
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Arrays, Shards, hash_arrays, reopen_dataset
from glyphgen.dataset.shards.npy import NpyShards
from glyphgen.errors import DatasetError

all_formats = pytest.mark.parametrize(("format", "compression"), FORMATS_AND_COMPRESSIONS)

STEPS = ["mkdir", "pwrite", "truncate", "fsync", "replace", "rename", "unlink", "rmdir"]


@contextmanager
def at_step(number: int, act: Callable[[bool], None]) -> Iterator[list[str]]:
    """Call ``act`` before and after step ``number`` of the operating system; list all steps."""
    steps: list[str] = []
    originals = {name: getattr(os, name) for name in STEPS}

    def wrap(name: str) -> Any:
        def step(*args: Any, **kwargs: Any) -> Any:
            steps.append(name)
            mine = len(steps) - 1 == number
            if mine:
                act(False)
            result = originals[name](*args, **kwargs)
            if mine:
                act(True)
            return result

        return step

    for name in STEPS:
        setattr(os, name, wrap(name))
    try:
        yield steps
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def die_at_step(number: int, after: bool, make: Callable[[], object]) -> bool:
    """Run ``make`` in a process that ends at a step, as by kill -9; return if it has so many."""

    def die(is_after: bool) -> None:
        if is_after == after:
            os._exit(9)

    with warnings.catch_warnings(action="ignore"):  # of forking with the threads of BLAS
        child = os.fork()
    if child == 0:
        with at_step(number, die) as steps:
            make()
        os._exit(0 if len(steps) <= number else 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_in_process(shards: Shards, k: int) -> ShardInfo:
    return shards.write(k, *make_rows(shards.layout.find_rows(k)))


@all_formats
def test_arrays_are_read_back_as_they_were_written(
    tmp_path: Path, format: str, compression: str
) -> None:
    make_dataset(tmp_path, format, compression)
    shards = open_writer(tmp_path, format, compression)
    assert shards.layout.n_shards == 5
    for k in range(5):
        rows = range(5 * k, min(5 * k + 5, N_ROWS))
        found, expected = shards.read(k), make_rows(rows)
        for name in Arrays._fields:
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            assert getattr(found, name).dtype == getattr(expected, name).dtype


def test_files_are_what_other_programs_expect(tmp_path: Path) -> None:
    everything = make_rows(range(N_ROWS))
    make_dataset(tmp_path / "npy", "npy")
    for name, written in everything._asdict().items():
        np.testing.assert_array_equal(np.load(tmp_path / "npy" / f"{name}.npy"), written)
    assert list_names(tmp_path / "npy") == [
        "images.npy",
        "index.json",
        "labels.npy",
        "samples.npy",
    ]
    for compression in ("none", "gzip"):
        make_dataset(tmp_path / compression, "hdf5", compression)
        names = [f"shard-{k:05d}.h5" for k in range(5)]
        assert list_names(tmp_path / compression) == ["index.json", *names]
        for name, written in everything._asdict().items():
            found = []
            for file_name in names:
                with h5py.File(tmp_path / compression / file_name) as file:
                    found.append(file[name][()])
            np.testing.assert_array_equal(np.concatenate(found), written)
        with h5py.File(tmp_path / compression / names[0]) as file:
            chunked = {name: file[name].chunks for name in file}
        images = (1, 3, 7) if compression == "gzip" else None
        assert chunked == {"images": images, "labels": None, "samples": None}


def test_hash_is_of_the_three_arrays_in_every_format(tmp_path: Path) -> None:
    hashes = []
    for format, compression in FORMATS_AND_COMPRESSIONS:
        folder = tmp_path / f"{format}-{compression}"
        make_dataset(folder, format, compression)
        hashes.append([(s.blake3, s.bytes, s.first_row) for s in read_index(folder).shards])
    assert hashes[0] == hashes[1] == hashes[2]
    images, labels, samples = make_rows(range(5, 10))
    content = images.tobytes() + labels.tobytes() + samples.tobytes()
    assert hashes[0][1] == (blake3(content).hexdigest(), len(content), 5)


@all_formats
def test_equal_datasets_have_equal_bytes(tmp_path: Path, format: str, compression: str) -> None:
    make_dataset(tmp_path / "one", format, compression)
    make_dataset(tmp_path / "two", format, compression)
    assert read_all_bytes(tmp_path / "one") == read_all_bytes(tmp_path / "two")


@pytest.mark.slow
@all_formats
def test_processes_may_write_at_once_even_the_same_shard(
    tmp_path: Path, format: str, compression: str
) -> None:
    make_dataset(tmp_path / "alone", format, compression)
    folder = tmp_path / "together"
    claim_folder(folder, RECIPE)
    shards = open_writer(folder, format, compression)
    shards.prepare()
    numbers = [4, 0, 2, 2, 1, 3, 0, 4]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(write_in_process, [shards] * len(numbers), numbers))
    assert make_dataset(folder, format, compression) == []
    assert read_all_bytes(folder) == read_all_bytes(tmp_path / "alone")


@pytest.mark.slow
@all_formats
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_can_be_resumed_to_equal_bytes(
    tmp_path: Path, format: str, compression: str, after: bool
) -> None:
    make_dataset(tmp_path / "whole", format, compression)
    whole = read_all_bytes(tmp_path / "whole")
    number = 0
    while True:
        folder = tmp_path / str(number)
        make = partial(make_dataset, folder, format, compression)
        died = die_at_step(number, after, make)
        if (folder / "index.json").exists():
            assert verify_shards(folder) == []
        make_dataset(folder, format, compression)
        assert read_all_bytes(folder) == whole, f"died at step {number}"
        if not died:
            break
        number += 1
    assert number > 25


@pytest.mark.parametrize(
    ("format", "steps_of_shard", "steps_of_end"),
    [
        ("npy", ["pwrite"] * 3, ["fsync", "replace", "fsync"] * 3),
        ("hdf5", ["pwrite"] * 2 + ["fsync", "replace", "fsync"], []),
    ],
)
def test_files_are_on_the_disk_before_they_get_their_names(
    tmp_path: Path, format: str, steps_of_shard: list[str], steps_of_end: list[str]
) -> None:
    claim_folder(tmp_path, RECIPE)
    shards = open_writer(tmp_path, format)
    shards.prepare()
    with at_step(-1, print) as steps:
        infos = tuple(write_in_process(shards, k) for k in range(5))
        shards.finish()
        write_index(tmp_path, make_index(infos, format=format))
    steps = [step for step in steps if step != "unlink"]
    note = ["replace"]
    index = ["pwrite", "fsync", "replace", "fsync"]
    assert steps == (steps_of_shard + note) * 5 + steps_of_end + index


@pytest.mark.slow
@all_formats
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_any_step_gives_one_line_and_can_be_resumed(
    tmp_path: Path, format: str, compression: str, code: int
) -> None:
    make_dataset(tmp_path / "whole", format, compression)
    whole = read_all_bytes(tmp_path / "whole")

    def refuse(_: bool) -> None:
        raise OSError(code, os.strerror(code))

    number = 0
    while True:
        folder = tmp_path / str(number)
        with at_step(number, refuse) as steps:
            try:
                make_dataset(folder, format, compression)
            except DatasetError as error:
                [problem] = error.problems
                assert problem.startswith(f"{folder}")
                assert f": cannot be written: {os.strerror(code)} (" in problem
                assert "\n" not in problem
        if steps[number : number + 1] != ["unlink"] and folder.exists():
            assert not list(folder.rglob("*.tmp")), f"refused at step {number}"
        make_dataset(folder, format, compression)
        assert read_all_bytes(folder) == whole, f"refused at step {number}"
        if len(steps) <= number:
            break
        number += 1
    assert number > 25


@pytest.mark.parametrize(("format", "name"), [("npy", "images.npy"), ("hdf5", "shard-00001.h5")])
def test_a_full_disk_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, name: str
) -> None:
    claim_folder(tmp_path, RECIPE)
    shards = open_writer(tmp_path, format)
    shards.prepare()
    before = read_all_bytes(tmp_path)

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "ignored")

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(DatasetError) as caught:
        shards.write(1, *make_rows(range(5, 10)))
    assert str(caught.value) == (
        f"{tmp_path / name}: cannot be written: No space left on device"
        " (make room, then run the same command again: finished shards are kept)"
    )
    assert read_all_bytes(tmp_path) == before


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_a_real_limit_of_file_size_is_met_in_one_line(tmp_path: Path, format: str) -> None:
    claim_folder(tmp_path, RECIPE)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(DatasetError) as caught:
            make_dataset(tmp_path, format)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ": cannot be written: File too large (raise `ulimit -f`, or --out DIR on" in str(
        caught.value
    )
    assert make_dataset(tmp_path, format) == [0, 1, 2, 3, 4]


@all_formats
def test_short_writes_are_completed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: str, compression: str
) -> None:
    make_dataset(tmp_path / "whole", format, compression)
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: pwrite(fd, data[:7], offset))
    make_dataset(tmp_path / "short", format, compression)
    assert read_all_bytes(tmp_path / "short") == read_all_bytes(tmp_path / "whole")


@all_formats
def test_only_shards_with_the_right_hash_count_as_made(
    tmp_path: Path, format: str, compression: str
) -> None:
    claim_folder(tmp_path, RECIPE)
    shards = open_writer(tmp_path, format, compression)
    shards.prepare()
    infos = [shards.write(k, *make_rows(shards.layout.find_rows(k))) for k in (0, 1, 2)]
    [note] = (tmp_path / ".work").glob("shard-00000-*")
    note.rename(note.with_name(note.name[:-1]))
    flip_byte_of_row(shards, 7)
    noted = shards.read_notes()
    assert [shards.find_done(k, noted) for k in range(5)] == [None, None, infos[2], None, None]
    assert make_dataset(tmp_path, format, compression) == [0, 1, 3, 4]


@all_formats
def test_a_damaged_shard_is_named_and_made_again(
    tmp_path: Path, format: str, compression: str
) -> None:
    make_dataset(tmp_path, format, compression)
    whole = read_all_bytes(tmp_path)
    assert verify_shards(tmp_path) == []
    flip_byte_of_row(open_writer(tmp_path, format, compression), 13)
    assert verify_shards(tmp_path) == [
        f"{tmp_path}: shard 2 does not match index.json (run the command that made it, with --mend)"
    ]
    assert claim_folder(tmp_path, RECIPE) is Claim.COMPLETE
    reopen_dataset(tmp_path)
    assert make_dataset(tmp_path, format, compression) == [2]
    assert read_all_bytes(tmp_path) == whole


@pytest.mark.slow
@all_formats
def test_any_flipped_byte_is_found_or_does_not_matter(
    tmp_path: Path, format: str, compression: str
) -> None:
    make_dataset(tmp_path, format, compression)
    shards = open_writer(tmp_path, format, compression)
    path = tmp_path / {"npy": "samples.npy", "hdf5": "shard-00003.h5"}[format]
    whole = path.read_bytes()
    header_length = len(whole) - N_ROWS * 16 if format == "npy" else 0
    wanted = [hash_arrays(make_rows(shards.layout.find_rows(k))) for k in range(5)]
    n_found = 0
    for position in range(0, len(whole), 3 if format == "npy" else 31):
        path.write_bytes(flip_byte(whole, position))
        problems = verify_shards(tmp_path)
        if position < header_length:
            place = f"{path}:"
        else:
            k = (position - header_length) // (5 * 16) if format == "npy" else 3
            place = f"{tmp_path}: shard {k}"
        if problems:
            n_found += 1
            assert problems == [
                f"{place} does not match index.json (run the command that made it, with --mend)"
            ]
        else:  # of what HDF5 keeps around the arrays, much is never looked at
            assert format == "hdf5"
            assert hash_arrays(shards.read(3)) == wanted[3]
    assert n_found > 10


def flip_byte(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


def flip_byte_of_row(shards: Shards, row: int) -> None:
    """Flip one bit of the label of a row, on disk."""
    assert isinstance(shards.folder, Path)
    work, place = shards.folder / ".work" / "labels.npy", shards.folder / "labels.npy"
    if isinstance(shards, NpyShards):
        path, offset = (work if work.exists() else place), 128 + 4 * row
    else:
        path = shards.folder / f"shard-{row // 5:05d}.h5"
        with h5py.File(path) as file:
            offset = file["labels"].id.get_offset() + 4 * (row % 5)
    path.write_bytes(flip_byte(path.read_bytes(), offset))


@pytest.mark.parametrize(("format", "name"), [("npy", "labels.npy"), ("hdf5", "shard-00004.h5")])
def test_a_missing_or_cut_file_is_named_once(tmp_path: Path, format: str, name: str) -> None:
    make_dataset(tmp_path, format)
    whole = read_all_bytes(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-1])
    place = f"{path}:" if format == "npy" else f"{tmp_path}: shard 4"
    assert verify_shards(tmp_path) == [
        f"{place} does not match index.json (run the command that made it, with --mend)"
    ]
    path.unlink()
    assert verify_shards(tmp_path) == [f"{path}: missing (run the command that made it again)"]
    reopen_dataset(tmp_path)
    make_dataset(tmp_path, format)
    assert read_all_bytes(tmp_path) == whole


def test_wrong_arrays_and_missing_shards_are_refused(tmp_path: Path) -> None:
    claim_folder(tmp_path, RECIPE)
    shards = open_writer(tmp_path, "npy")
    shards.prepare()
    images, labels, samples = make_rows(range(5))
    with pytest.raises(ValueError, match=r"^images is \(\(4, 3, 7\), dtype\('uint8'\)\), expected"):
        shards.write(0, images[:4], labels, samples)
    with pytest.raises(ValueError, match=r"^labels is \(\(5,\), dtype\('int64'\)\), expected"):
        shards.write(0, images, labels.astype(np.int64), samples)


@all_formats
def test_arrays_need_not_be_contiguous(tmp_path: Path, format: str, compression: str) -> None:
    claim_folder(tmp_path, RECIPE)
    shards = open_writer(tmp_path, format, compression)
    shards.prepare()
    rows = make_rows(range(10))
    shards.write(0, rows.images[::2], rows.labels[::2], rows.samples[::2])
    np.testing.assert_array_equal(shards.read(0).images, rows.images[::2])
