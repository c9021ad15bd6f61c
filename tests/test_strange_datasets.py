"""A stranger's dataset: nothing of it is waited for, and nothing outside of its folder is read."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tiny_datasets import N_ROWS, make_dataset, make_rows

from glyphgen.dataset.index import read_index
from glyphgen.dataset.integrity import verify_files, verify_shards
from glyphgen.dataset.reader import load
from glyphgen.dataset.run_page import read_run_page
from glyphgen.errors import DatasetError
from glyphgen.gate.page import read_gate_page

SECRET = b"-----BEGIN PRIVATE KEY-----" * 40
AGAIN = "(make the dataset again, with --force)"


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(DatasetError) as caught:
        read()
    assert len(caught.value.problems) == 1
    return str(caught.value)


def read_all(folder: Path) -> list[Any]:
    dataset = load(folder)
    return [np.asarray(rows) for rows in (dataset.images, dataset.labels, dataset.samples)]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link(path: Path) -> None:
    secret = path.parent.parent / f"secret-{path.name}"
    secret.write_bytes(SECRET)
    path.symlink_to(secret)


FOUND: dict[Callable[[Path], None], str] = {
    pipe: "a named pipe, expected",
    device: "a device, expected",
    link: "a link that leads out of",
}
READERS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "index.json": ("npy", read_index),
    "images.npy": ("npy", read_all),
    "labels.npy": ("npy", read_all),
    "samples.npy": ("npy", read_all),
    "shard-00002.h5": ("hdf5", read_all),
    "gate.json": ("npy", read_gate_page),
    "run.json": ("npy", read_run_page),
}


@pytest.mark.parametrize("put", FOUND)
@pytest.mark.parametrize("name", READERS)
def test_only_regular_files_within_the_folder_are_read(
    tmp_path: Path, name: str, put: Callable[[Path], None]
) -> None:
    format, read = READERS[name]
    folder = tmp_path / "set"
    make_dataset(folder, format)
    (folder / name).unlink(missing_ok=True)
    put(folder / name)
    said = refusal(lambda: read(folder))
    assert said.startswith(f"{folder / name}: is {FOUND[put]}")
    if name not in ("gate.json", "run.json", "index.json"):
        assert verify_shards(folder)[0].startswith(f"{folder / name}: is {FOUND[put]}")


def test_a_page_that_index_json_names_is_not_waited_for(tmp_path: Path) -> None:
    from tampering import forge_index

    make_dataset(tmp_path, "npy")
    forge_index(tmp_path, lambda page: page["files"].update({"recipe.toml": "0" * 64}))
    os.mkfifo(tmp_path / "recipe.toml")
    assert verify_files(tmp_path) == [
        f"{tmp_path}/recipe.toml: is a named pipe, expected a page of JSON {AGAIN}"
    ]


def rewrite(folder: Path, name: str, create: Callable[[h5py.File, h5py.File], None]) -> None:
    """Copy a shard, but for one array, which ``create`` makes."""
    path = folder / "shard-00001.h5"
    whole = path.with_suffix(".whole")
    path.rename(whole)
    with h5py.File(whole) as old, h5py.File(path, "w") as new:
        for kept in {"images", "labels", "samples"} - {name}:
            new.create_dataset(kept, data=old[kept][()])
        create(old, new)


def in_another_file(old: h5py.File, new: h5py.File) -> None:
    new.create_dataset("images", (5, 3, 7), np.uint8, external=[("../secret", 0, 5 * 21)])


def by_a_link(old: h5py.File, new: h5py.File) -> None:
    new["images"] = h5py.ExternalLink("shard-00001.whole", "/images")


def virtual(old: h5py.File, new: h5py.File) -> None:
    layout = h5py.VirtualLayout((5, 3, 7), np.uint8)
    layout[:] = h5py.VirtualSource("shard-00001.whole", "images", (5, 3, 7))
    new.create_virtual_dataset("images", layout)


def in_chunks(old: h5py.File, new: h5py.File) -> None:
    new.create_dataset("labels", data=old["labels"][()], chunks=(1,))


def in_a_huge_chunk(old: h5py.File, new: h5py.File) -> None:
    new.create_dataset(
        "images", (5, 3, 7), np.uint8, chunks=(1 << 10, 1 << 10, 1 << 10), maxshape=(None,) * 3
    )


def with_another_filter(old: h5py.File, new: h5py.File) -> None:
    new.create_dataset("images", data=old["images"][()], chunks=(1, 3, 7), compression="lzf")


@pytest.mark.parametrize(
    ("name", "create"),
    [
        ("images", in_another_file),
        ("images", by_a_link),
        ("images", virtual),
        ("labels", in_chunks),
        ("images", in_a_huge_chunk),
        ("images", with_another_filter),
    ],
)
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_hdf5_arrays_lie_in_their_file_as_they_were_written(
    tmp_path: Path, name: str, create: Callable[[h5py.File, h5py.File], None], compression: str
) -> None:
    (tmp_path / "secret").write_bytes(SECRET)
    folder = tmp_path / "set"
    make_dataset(folder, "hdf5", compression)
    rewrite(folder, name, create)
    damaged = (
        f"{folder}: shard 1 does not match index.json (run the command that made it, with --mend)"
    )
    assert refusal(lambda: read_all(folder)) == damaged
    assert verify_shards(folder) == [damaged]


def test_a_label_beyond_all_classes_takes_no_memory(tmp_path: Path) -> None:
    from tampering import seal_arrays

    make_dataset(tmp_path, "npy")
    labels = np.load(tmp_path / "labels.npy", mmap_mode="r+")
    labels[N_ROWS - 1] = 2**32 - 1
    labels.flush()
    seal_arrays(tmp_path)
    assert verify_shards(tmp_path) == [
        f"{tmp_path}: rows of split 'test' do not match index.json: 5 of class 0 (expected 6),"
        f" 1 of class 4294967295 (expected 0) {AGAIN}"
    ]


def test_a_dataset_may_be_linked_to_as_a_whole(tmp_path: Path) -> None:
    make_dataset(tmp_path / "real", "hdf5")
    (tmp_path / "link").symlink_to("real")
    np.testing.assert_array_equal(read_all(tmp_path / "link")[0], make_rows(range(N_ROWS)).images)
    shutil.move(tmp_path / "real" / "shard-00000.h5", tmp_path / "real" / "first.h5")
    (tmp_path / "real" / "shard-00000.h5").symlink_to("first.h5")
    assert verify_shards(tmp_path / "link") == []
