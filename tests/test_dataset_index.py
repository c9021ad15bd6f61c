import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny_datasets import RECIPE, make_dataset, make_index

from glyphgen.dataset.index import (
    find_digest,
    hash_index,
    is_index_sealed,
    read_index,
    write_index,
)
from glyphgen.dataset.shard_table import ShardInfo, ShardTable
from glyphgen.errors import DatasetError

SHARDS = (
    ShardInfo(file="images.npy", first_row=0, rows=20, bytes=900, blake3="ef" * 32),
    ShardInfo(file="images.npy", first_row=20, rows=3, bytes=135, blake3="01" * 32),
)
SHARD = {"file": "images.npy", "bytes": 0, "blake3": "ef" * 32}
CLASS = {"label": "x", "forms": [], "codepoints": [], "names": [], "rows": {}, "unproven": 0}
REMAKE = "(make the dataset again, with --force)"


def write_page(folder: Path, **changes: Any) -> None:
    """Write an index.json with some keys changed, or left out where the change is None."""
    write_index(folder, make_index(SHARDS))
    page = json.loads((folder / "index.json").read_text()) | changes
    page = {key: value for key, value in page.items() if value is not None}
    (folder / "index.json").write_text(json.dumps(page))


def test_index_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    index = make_index(SHARDS)
    write_index(tmp_path, index)
    assert read_index(tmp_path) == index
    assert list(read_index(tmp_path).splits) == ["train", "val", "test"]
    assert index.n_rows == 23


def test_a_license_text_stands_once_and_is_read_back_at_each_face(tmp_path: Path) -> None:
    [face] = make_index(SHARDS).faces
    faces = tuple(
        replace(face, file=name, license_text=text)
        for name, text in (("a.ttf", "free"), ("b.ttf", ""), ("c.ttf", "free"), ("d.ttf", "paid"))
    )
    index = make_index(SHARDS, faces=faces)
    write_index(tmp_path, index)
    assert read_index(tmp_path) == index
    page = json.loads((tmp_path / "index.json").read_bytes())
    assert sorted(page["license_texts"].values()) == ["free", "paid"]
    keys = {text: key for key, text in page["license_texts"].items()}
    assert [info["license_text"] for info in page["faces"]] == [
        *(keys["free"], "", keys["free"], keys["paid"])
    ]


def test_page_is_sorted_utf_8_and_depends_on_nothing_else(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_index(tmp_path / name, make_index(SHARDS))
    content = (tmp_path / "one" / "index.json").read_bytes()
    assert content == (tmp_path / "two" / "index.json").read_bytes()
    page = json.loads(content)
    assert content.decode() == f"{json.dumps(page, indent=2, ensure_ascii=False, sort_keys=True)}\n"
    assert sorted(page) == [
        "checksum",
        "classes",
        "codepoint_to_index",
        "compression",
        "content_key",
        "faces",
        "files",
        "format",
        "format_version",
        "image",
        "license_texts",
        "made_by",
        "name",
        "sample_fields",
        "seed",
        "settings",
        "shards",
        "sources",
        "splits",
        "versions",
    ]
    assert page["format_version"] == 4
    assert page["seed"] == 18446744073709551615
    assert page["splits"] == {"train": [0, 12], "val": [12, 12], "test": [12, 23]}
    assert page["codepoint_to_index"] == {"U+3042": 0, "U+3044": 1}
    assert "'あ'".encode()[1:-1] in content
    assert str(tmp_path).encode() not in content


def test_codepoints_of_longer_forms_and_of_several_classes_are_left_out() -> None:
    index = make_index(SHARDS)
    two_forms = replace(index.classes[0], codepoints=(("U+06F6",), ("U+0666",)))
    word = replace(index.classes[1], codepoints=(("U+304B", "U+3099"), ("U+304C",)))
    assert replace(index, classes=(two_forms, word)).codepoint_to_index == {
        "U+06F6": 0,
        "U+0666": 0,
        "U+304C": 1,
    }
    style = replace(word, codepoints=(("U+0666",), ("U+304C",)))
    assert replace(index, classes=(two_forms, style)).codepoint_to_index == {
        "U+06F6": 0,
        "U+304C": 1,
    }


def test_a_failed_write_leaves_the_old_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_index(tmp_path, make_index(SHARDS))
    before = (tmp_path / "index.json").read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "ignored")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(DatasetError) as caught:
        write_index(tmp_path, make_index(SHARDS, name="other"))
    assert str(caught.value) == (
        f"{tmp_path}/index.json: cannot be written: Permission denied"
        " (make it writable, or --out DIR)"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
    assert (tmp_path / "index.json").read_bytes() == before


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        read_index(tmp_path / "kana")
    assert str(caught.value) == (
        f"{tmp_path}/kana: no such folder, expected a dataset (see `glyphgen render`)"
    )


def test_an_unfinished_dataset_is_told(tmp_path: Path) -> None:
    make_dataset(tmp_path, "npy")
    (tmp_path / "index.json").unlink()
    with pytest.raises(DatasetError) as caught:
        read_index(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: unfinished, it has no index.json (run the command that makes it again)"
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        (b'"\xff"', "not JSON: 'utf-8' codec can't decode byte 0xff in position 1"),
        (b"[]", "not a JSON object"),
        (b"[" * 100_000, "not JSON that can be read: nested too deeply"),
        (b"9" * 5_000, "not JSON: Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_a_page_that_is_not_json_is_told(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "index.json").write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        read_index(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/index.json: {problem}")
    assert message.endswith(REMAKE)
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"format_version": 6},
            "format_version is 6, expected 2 to 5 (a newer glyphgen made it: upgrade glyphgen)",
        ),
        (
            {"format_version": 1, "recipe_sha256": RECIPE, "content_key": None},
            f"format_version is 1, expected 2 to 5 (an older glyphgen made it: {REMAKE[1:]}",
        ),
        (
            {"format_version": True},
            f"format_version is True, expected 2 to 5 (an older glyphgen made it: {REMAKE[1:]}",
        ),
        (
            {"format_version": -5},
            f"format_version is -5, expected 2 to 5 (an older glyphgen made it: {REMAKE[1:]}",
        ),
        (
            {"format_version": None},
            f"format_version is None, expected 2 to 5 (an older glyphgen made it: {REMAKE[1:]}",
        ),
        ({"image": None}, f"image: missing key {REMAKE}"),
        (
            {"image": {"height": 3}, "seed": None},
            f"image.width: missing key, image.polarity: missing key, seed: missing key {REMAKE}",
        ),
        (
            {"image": {"height": 2**32, "width": 2**32, "polarity": "gray"}},
            "image.height: Input should be less than or equal to 67108864, image.width: Input should be"
            " less than or equal to 67108864, image.polarity: Input should be 'white-on-black' or"
            f" 'black-on-white' {REMAKE}",
        ),
        (
            {"image": {"height": 2**14, "width": 2**13, "polarity": "white-on-black"}},
            f"image: 16384 x 8192 pixels, expected at most 67,108,864 {REMAKE}",
        ),
        (
            {
                "image": {"height": 2**13, "width": 2**13, "polarity": "white-on-black"},
                "shards": [SHARD | {"first_row": 0, "rows": 40}],
                "splits": {},
            },
            f"shards.0: holds 2.7 GB of images, expected at most 2.1 GB {REMAKE}",
        ),
        (
            {"image": {"height": True, "width": "7", "polarity": "white-on-black"}},
            "image.height: Input should be a valid integer, image.width: Input should be a valid"
            f" integer {REMAKE}",
        ),
        ({"splits": {"train": [0]}}, f"splits.train.1: missing key {REMAKE}"),
        (
            {"splits": {"train": [4, 24]}},
            f"splits.train: rows 4 to 24, expected an interval of 0 to 23 {REMAKE}",
        ),
        (
            {"made_by": "magic"},
            f"made_by is 'magic', expected one of render, balance, import, merge {REMAKE}",
        ),
        (
            {"splits": {"train": [0, 12], "test": [11, 23]}},
            f"splits.test: begins at row 11, which is of another split {REMAKE}",
        ),
        (
            {"shards": [SHARD | {"first_row": 3 * k, "rows": n} for k, n in enumerate((3, 2, 3))]},
            f"shards.1: holds 2 rows, expected 3 as the first {REMAKE}",
        ),
        ({"classes": [CLASS | {"index": 1}]}, f"classes.0.index: 1, expected 0 {REMAKE}"),
        ({"shards": []}, f"shards: none, expected one or more {REMAKE}"),
        (
            {"shards": [SHARD | {"first_row": 0, "rows": 23, "blake3": ""}]},
            f"shards.0: has no hash, expected blake3 {REMAKE}",
        ),
        (
            {"shards": [{"file": "", "first_row": 5, "rows": 9, "bytes": 0, "blake3": RECIPE}]},
            f"shards.0: holds 9 rows from row 5, expected one row or more from row 0 {REMAKE}",
        ),
        (
            {"shards": [SHARD | {"first_row": 0, "rows": 0}, SHARD | {"first_row": 0, "rows": 23}]},
            f"shards.0: holds 0 rows from row 0, expected one row or more from row 0 {REMAKE}",
        ),
    ],
)
def test_a_page_with_wrong_keys_is_told(
    tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    write_page(tmp_path, **changes)
    with pytest.raises(DatasetError) as caught:
        read_index(tmp_path)
    assert str(caught.value) == f"{tmp_path}/index.json: {problem}"


def make_table(n_rows: int = 23) -> ShardTable:
    digests = "".join(f"{k:064x}" for k in range(5))
    return ShardTable(
        file="shard-*.h5", n_rows=n_rows, rows_per_shard=5, row_bytes=37, blake3=digests
    )


def test_a_table_says_what_entries_say() -> None:
    table = make_table()
    assert len(table) == 5
    assert (
        table[4]
        == table[-1]
        == ShardInfo(file="shard-00004.h5", first_row=20, rows=3, bytes=111, blake3=f"{4:064x}")
    )
    assert table[1:3] == tuple(table)[1:3]
    with pytest.raises(IndexError):
        table[5]
    assert list(table.find_misfits()) == []
    assert list(make_table(26).find_misfits()) == ["shards.blake3: holds 5 hashes, expected 6"]
    assert list(replace(table, blake3="x" * 320).find_misfits()) == [
        "shards.blake3: not hexadecimal"
    ]


def test_very_many_shards_are_a_table_in_index_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = make_index(make_table())
    write_index(tmp_path, index)
    listed = read_index(tmp_path)
    assert (listed.format_version, listed.shards) == (4, tuple(make_table()))
    monkeypatch.setattr("glyphgen.dataset.index.MOST_LISTED", 4)
    write_index(tmp_path, index)
    found = read_index(tmp_path)
    assert found == replace(index, format_version=5)
    assert (found.n_rows, is_index_sealed(tmp_path)) == (23, True)
    assert hash_index(found) == find_digest(tmp_path)
    path = tmp_path / "index.json"
    path.write_text(path.read_text().replace('"n_rows": 23', '"n_rows": 26'))
    with pytest.raises(
        DatasetError, match=r"json: shards.blake3: holds 5 hashes, expected 6 \(make"
    ):
        read_index(tmp_path)
    path.write_text(path.read_text().replace('"n_rows": 26', '"n_rows": true'))
    with pytest.raises(DatasetError, match=r"json: shards.n_rows: Input should be a valid integer"):
        read_index(tmp_path)
