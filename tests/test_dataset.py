import json
import mmap
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from tiny_datasets import FORMATS_AND_COMPRESSIONS, N_ROWS, SPLITS, make_dataset, make_rows

from glyphgen.dataset import reader as dataset_module
from glyphgen.dataset.index import read_index
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.reader import Dataset, Rows, load
from glyphgen.errors import ChoiceError, DatasetError

EVERYTHING = make_rows(range(N_ROWS))
ALL_SPLITS = [None, *SPLITS]


@pytest.fixture(scope="module", params=FORMATS_AND_COMPRESSIONS, ids="-".join)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("datasets") / "tiny"
    make_dataset(place, *request.param)
    return place


def get_expected(name: str, split: str | None) -> Any:
    return getattr(EVERYTHING, name)[slice(*SPLITS[split]) if split else slice(None)]


def draw_choice(data: st.DataObject, n: int) -> Any:
    """Draw an index that NumPy takes for an array of ``n`` rows."""
    integers = st.integers(-n, n - 1) if n else st.nothing()
    shapes = hnp.array_shapes(max_dims=3, max_side=6)
    choices = [
        st.slices(n),
        st.lists(integers, max_size=9) if n else st.just([]),
        hnp.arrays(np.bool_, n),
    ]
    if n:
        dtype = st.sampled_from([np.int64, np.int8])
        choices += [integers, integers.map(np.int32), hnp.arrays(dtype, shapes, elements=integers)]
    return data.draw(st.one_of(choices))


@pytest.mark.slow
@given(data=st.data())
def test_rows_are_indexed_as_numpy_does_it(folder: Path, data: st.DataObject) -> None:
    split = data.draw(st.sampled_from(ALL_SPLITS))
    name = data.draw(st.sampled_from(EVERYTHING._fields))
    dataset, expected = load(folder, split), get_expected(name, split)
    choice = draw_choice(data, len(expected))
    found = getattr(dataset, name)[choice]
    wanted = expected[choice]
    np.testing.assert_array_equal(found, wanted)
    assert type(found) is type(wanted)
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)


@pytest.mark.slow
@given(data=st.data())
def test_a_dataset_is_indexed_as_its_arrays_are(folder: Path, data: st.DataObject) -> None:
    split = data.draw(st.sampled_from(ALL_SPLITS))
    dataset = load(folder, split)
    choice = draw_choice(data, len(dataset))
    image, label = dataset[choice]
    np.testing.assert_array_equal(image, get_expected("images", split)[choice])
    np.testing.assert_array_equal(label, get_expected("labels", split)[choice])
    assert isinstance(label, int if np.ndim(label) == 0 else np.ndarray)


@pytest.mark.parametrize("split", ALL_SPLITS)
def test_whole_arrays_and_their_shapes(folder: Path, split: str | None) -> None:
    dataset = load(str(folder), split)
    for name in EVERYTHING._fields:
        rows, expected = getattr(dataset, name), get_expected(name, split)
        np.testing.assert_array_equal(np.asarray(rows), expected)
        assert (rows.shape, rows.dtype, len(rows)) == (
            expected.shape,
            expected.dtype,
            len(expected),
        )
        assert [row.tobytes() for row in rows] == [row.tobytes() for row in expected]
    assert len(dataset) == len(get_expected("labels", split))
    assert np.asarray(dataset.images, dtype=np.float32).dtype == np.float32


def test_classes_are_those_of_the_index(folder: Path) -> None:
    classes = load(folder).classes
    assert [(info.index, info.label) for info in classes] == [(0, "あ"), (1, "い")]
    assert classes[0].rows == {"train": 6, "val": 0, "test": 6}


def test_uncompressed_rows_are_read_only_views_of_the_file(folder: Path) -> None:
    dataset = load(folder)
    if dataset.index.compression == "gzip":
        return
    for rows in (dataset.images, dataset.labels, dataset.samples):
        array = rows[6:9]
        assert not array.flags.writeable
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(array, mmap.mmap)
    assert dataset.images[[1, 2]].flags.writeable


def test_nothing_is_opened_before_it_is_asked_for(tmp_path: Path) -> None:
    make_dataset(tmp_path, "hdf5")
    (tmp_path / "shard-00001.h5").unlink()
    dataset = load(tmp_path)
    np.testing.assert_array_equal(dataset.images[12:17], EVERYTHING.images[12:17])
    with pytest.raises(DatasetError) as caught:
        dataset.images[7]
    assert str(caught.value) == (
        f"{tmp_path}/shard-00001.h5: missing (run the command that made it again)"
    )


def test_a_damaged_compressed_image_is_named(tmp_path: Path) -> None:
    make_dataset(tmp_path, "hdf5", "gzip")
    path = tmp_path / "shard-00002.h5"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x78\x01", b"\x78\x02"))  # how each zlib stream begins
    for choice in (11, slice(10, 12), [11]):
        with pytest.raises(DatasetError) as caught:
            load(tmp_path).images[choice]
        assert str(caught.value) == (
            f"{tmp_path}: shard 2 does not match index.json (run the command that made it, with --mend)"
        )


def test_a_dataset_can_be_pickled_when_it_is_open(folder: Path) -> None:
    dataset = load(folder, "test")
    first = dataset[3]
    copy = pickle.loads(pickle.dumps(dataset))
    assert repr(copy) == repr(dataset)
    np.testing.assert_array_equal(copy[3][0], first[0])
    np.testing.assert_array_equal(copy.samples[:], dataset.samples[:])
    assert len(pickle.dumps(dataset)) == len(pickle.dumps(load(folder, "test")))


def test_a_forked_process_opens_the_files_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = load(folder)._parts
    first = parts.map(0)
    assert parts.map(0) is first
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert parts.map(0) is not first


def test_more_shards_than_may_be_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset_module, "_MOST_OPEN", 2)
    dataset = load(folder)
    for _ in range(2):
        np.testing.assert_array_equal(dataset.images[:], EVERYTHING.images)


def test_batches_come_as_pairs_for_pytorch(folder: Path) -> None:
    pairs = load(folder, "test").__getitems__([4, 0, -1])
    rows = [16, 12, 22]
    assert [label for _, label in pairs] == [row % 2 for row in rows]
    assert all(type(label) is int for _, label in pairs)
    for (image, _), row in zip(pairs, rows, strict=True):
        np.testing.assert_array_equal(image, EVERYTHING.images[row])
        assert image.flags.writeable


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ([0, 11], "row 11 is out of range for 11 rows"),
        (np.array([-12, 0]), "row -12 is out of range for 11 rows"),
        (np.array([2**63], np.uint64), "row 9223372036854775808 is out of range for 11 rows"),
        (np.ones(12, bool), "booleans have shape (12,), expected (11,)"),
        (np.ones((11, 1), bool), "booleans have shape (11, 1), expected (11,)"),
        (np.ones(2), "rows are chosen by float64, expected a slice, integers or booleans"),
        (11, "row 11 is out of range for 11 rows"),
        (-12, "row -12 is out of range for 11 rows"),
        (np.int8(-12), "row -12 is out of range for 11 rows"),
        ((0, 1), "2 indices, expected one: the rows (images[rows][:, y, x])"),
        (True, "rows are chosen by bool, expected a slice, integers or booleans"),
        (None, "rows are chosen by NoneType, expected a slice, integers or booleans"),
        (1.0, "rows are chosen by float, expected a slice, integers or booleans"),
        ("ab", "rows are chosen by str, expected a slice, integers or booleans"),
        (
            [[0], [0, 1]],
            "rows are chosen by an uneven list, expected a slice, integers or booleans",
        ),
        (np.empty(0), "rows are chosen by float64, expected a slice, integers or booleans"),
    ],
)
def test_rows_that_are_not_there(folder: Path, choice: Any, message: str) -> None:
    with pytest.raises(IndexError) as caught:
        load(folder, "test")[choice]
    assert str(caught.value) == message


def test_unknown_split_is_told_with_those_there_are(folder: Path) -> None:
    message = (
        f"{folder}: split: found 'trian', expected one of train, val, test (did you mean 'train'?)"
    )
    for open_split in (load, lambda place, name: Dataset(place, read_index(place), name)):
        with pytest.raises(ChoiceError) as caught:
            open_split(folder, "trian")
        assert str(caught.value) == message


def test_a_tensor_and_what_is_like_an_array_choose_rows(folder: Path) -> None:
    dataset = load(folder, "test")
    rows = torch.tensor([3, -1])
    np.testing.assert_array_equal(dataset.images[rows], dataset.images[[3, -1]])
    np.testing.assert_array_equal(dataset.images[torch.tensor(3)], dataset.images[3])
    np.testing.assert_array_equal(dataset.labels[torch.arange(11) > 7], dataset.labels[8:])
    assert dataset.images[torch.tensor([], dtype=torch.int64)].shape == (0, 3, 7)


@pytest.mark.parametrize("polarity", ["white-on-black", "black-on-white"])
def test_ink_is_255_whatever_lies_on_disk(folder: Path, polarity: str) -> None:
    index = read_index(folder)
    image = replace(index.image, polarity=polarity)
    dataset = Dataset(folder, replace(index, image=image), "test")
    expected = get_expected("images", "test")
    if polarity == "black-on-white":
        expected = 255 - expected
    for choice in (4, slice(2, 9), [3, 0], np.arange(11) % 2 == 0):
        np.testing.assert_array_equal(dataset.ink[choice], expected[choice])
        assert dataset.ink[choice].dtype == np.uint8
    np.testing.assert_array_equal(np.asarray(dataset.ink), expected)
    np.testing.assert_array_equal(dataset.images[:], get_expected("images", "test"))


def test_class_names_and_targets_are_as_torchvision_has_them(folder: Path) -> None:
    dataset = load(folder, "test")
    assert dataset.class_to_idx == {"あ": 0, "い": 1}
    assert dataset.targets.tolist() == [row % 2 for row in range(12, 23)]
    assert dataset.targets.dtype == np.int64


def darken(image: NDArray[np.uint8]) -> float:
    image //= 2  # its own: what lies on disk is not touched
    return float(image.sum())


def test_a_transform_is_applied_to_each_image_that_is_asked_for(folder: Path) -> None:
    dataset = load(folder, "test", transform=darken)
    expected = [float((image // 2).sum()) for image in get_expected("images", "test")]
    labels = [row % 2 for row in range(12, 23)]
    assert dataset[3] == (expected[3], labels[3])
    assert dataset.__getitems__([3, 0]) == [(expected[3], labels[3]), (expected[0], labels[0])]
    assert dataset[2:5][0] == expected[2:5]
    assert list(pickle.loads(pickle.dumps(dataset))) == list(zip(expected, labels, strict=True))
    np.testing.assert_array_equal(dataset.images[:], get_expected("images", "test"))


@pytest.mark.parametrize("split", ALL_SPLITS)
def test_iteration_gives_every_pair_once_in_order(
    folder: Path, split: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_module, "_ROWS_AT_ONCE", 4)
    pairs = list(load(folder, split))
    expected = get_expected("images", split)
    assert len(pairs) == len(expected)
    for (image, label), wanted, known in zip(
        pairs, expected, get_expected("labels", split), strict=True
    ):
        np.testing.assert_array_equal(image, wanted)
        assert (type(label), label) == (int, known)


def test_repr_is_one_line_of_facts(tmp_path: Path) -> None:
    make_dataset(tmp_path, "npy")
    dataset = load(tmp_path, "train")
    assert repr(dataset) == (
        f"<Dataset '{tmp_path}', split 'train': 12 images of 3x7, 2 classes, npy>"
    )
    assert repr(load(tmp_path)) == f"<Dataset '{tmp_path}': 23 images of 3x7, 2 classes, npy>"
    assert repr(dataset.images) == "<Rows 'images': uint8 (12, 3, 7)>"
    assert isinstance(dataset, Dataset)
    assert isinstance(dataset.images, Rows)


def change_index(folder: Path, **changes: Any) -> None:
    page = json.loads((folder / "index.json").read_text()) | changes
    (folder / "index.json").write_text(json.dumps(page))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "zarr"}, "format is 'zarr', expected npy or hdf5"),
        ({"sample_fields": [["a", "x4"]]}, "sample_fields: data type 'x4' not understood"),
        (
            {"sample_fields": [["a", "<f4"], ["a", "<i4"]]},
            "sample_fields: field 'a' occurs more than once",
        ),
        (
            {"sample_fields": [["a", "|O"]]},
            "sample_fields: a is '|O', expected a number such as '<f4'",
        ),
        (
            {"sample_fields": [["a", "|S999999999"]]},
            "sample_fields: a is '|S999999999', expected a number such as '<f4'",
        ),
        ({"sample_fields": [["", "<f4"]]}, "sample_fields: a field without a name"),
        ({"sample_fields": []}, "sample_fields: none, expected one or more"),
    ],
)
def test_an_index_of_unknown_types_is_told(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    make_dataset(tmp_path, "npy")
    change_index(tmp_path, **changes)
    with pytest.raises(DatasetError) as caught:
        load(tmp_path)
    assert str(caught.value) == f"{tmp_path}/index.json: {problem}"


def test_wrong_counts_of_classes_are_found(tmp_path: Path) -> None:
    make_dataset(tmp_path, "npy")
    assert verify_shards(tmp_path) == []
    classes = json.loads((tmp_path / "index.json").read_text())["classes"]
    classes[1]["rows"]["train"] = 7
    change_index(tmp_path, classes=classes)
    assert verify_shards(tmp_path) == [
        f"{tmp_path}: rows of split 'train' do not match index.json: 6 of class 1 (expected 7)"
        " (make the dataset again, with --force)"
    ]
    change_index(tmp_path, classes=classes[:1])
    assert verify_shards(tmp_path) == [
        f"{tmp_path}: rows of split '{split}' do not match index.json: {n} of class 1 (expected 0)"
        " (make the dataset again, with --force)"
        for split, n in (("train", 6), ("test", 5))
    ]


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_unmapped_files_are_mapped_again(tmp_path: Path, format: str) -> None:
    make_dataset(tmp_path, format)
    dataset = load(tmp_path)
    expected = make_rows(range(N_ROWS)).images
    for _ in range(2):
        np.testing.assert_array_equal(dataset.images[::-1], expected[::-1])
        assert str(tmp_path) in Path("/proc/self/maps").read_text()
        dataset.unmap()
        assert str(tmp_path) not in Path("/proc/self/maps").read_text()
