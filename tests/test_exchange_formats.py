"""import of formats that glyphgen exports: files of others, without our pages, and damaged ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from exported_datasets import make_dataset

from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import GlyphgenError
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.importing import import_dataset

_LABELS = ("あ", "word", "7")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Nine rows of train, six of test."""
    folder = tmp_path_factory.mktemp("formats") / "d"
    return make_dataset(folder, _LABELS, splits={"train": (0, 9), "test": (9, 15)})


def export(dataset: Dataset, target_format: str, out: Path) -> Path:
    """Export without the pages that only glyphgen writes."""
    export_dataset(target_format, dataset.folder, out)
    for name in ("classes.json", "export.json"):
        (out / name).unlink()
    return out


def fail_to_import(source_format: str, source: Path) -> str:
    with pytest.raises(GlyphgenError) as caught:
        import_dataset(source_format, source, source.parent / "back")
    said = str(caught.value)
    assert "\n" not in said
    return said.replace(f"{source.parent}/", "")


@pytest.mark.parametrize("source_format", ["webdataset", "parquet", "tfrecord", "lmdb"])
def test_labels_of_others_are_named_by_their_texts(
    dataset: Dataset, source_format: str, tmp_path: Path
) -> None:
    source = export(dataset, source_format, tmp_path / "in")
    options = ImportOptions(polarity="white-on-black")
    import_dataset(source_format, source, tmp_path / "back", options=options)
    back = load(tmp_path / "back")
    assert {info.label: info.forms for info in back.classes} == {"あ": ("あ",), "7": (), "word": ()}
    for split in ("train", "test"):
        own, other = load(dataset.folder, split), load(tmp_path / "back", split)
        for label in _LABELS:
            np.testing.assert_array_equal(
                np.asarray(own.images)[own.targets == own.class_to_idx[label]],
                np.asarray(other.images)[other.targets == other.class_to_idx[label]],
            )


def test_kuzushiji_of_others_has_its_characters(dataset: Dataset, tmp_path: Path) -> None:
    source = export(dataset, "kuzushiji", tmp_path / "in")
    options = ImportOptions(polarity="white-on-black")
    import_dataset("kuzushiji", source, tmp_path / "back", options=options)
    back = load(tmp_path / "back")
    assert [info.label for info in back.classes] == list(_LABELS)
    assert back.classes[0].forms == ("あ",)
    np.testing.assert_array_equal(np.asarray(back.images), np.asarray(dataset.images[:9]))
    (source / "labels.npy").rename(tmp_path / "labels.npy")
    assert fail_to_import("kuzushiji", source) == (
        "in/labels.npy: cannot be read: No such file or directory (check the path)"
    )
    (source / "index.json").write_text('{"codepoint_to_id": {"あ (U+3042)": 1}}', encoding="utf-8")
    assert fail_to_import("kuzushiji", source) == (
        "in/index.json: its ids are not 0, 1, 2 and so on,"
        ' expected such as {"codepoint_to_id": {"あ (U+3042)": 0}}'
    )
    (source / "index.json").write_text("[]", encoding="utf-8")
    assert fail_to_import("kuzushiji", source).startswith("in/index.json: expected such as")


def test_what_a_tar_lacks_is_skipped_or_told(dataset: Dataset, tmp_path: Path) -> None:
    source = export(dataset, "webdataset", tmp_path / "in")
    path = source / "test-000000.tar"
    content = path.read_bytes()
    path.write_bytes(content[:-2048])
    assert "damaged or cut short" in fail_to_import("webdataset", source)
    path.write_bytes(content.replace(b"00000009.png", b"00000009.xyz"))
    assert "test-000000.tar: not a .tar archive" in fail_to_import("webdataset", source)
    for tar in source.glob("*.tar"):
        tar.unlink()
    assert fail_to_import("webdataset", source) == "in: holds no *.tar, expected one or more"
    assert fail_to_import("webdataset", source / "x.tar") == "x.tar: no such file or folder"


def test_damaged_records_tables_and_databases_are_one_line(
    dataset: Dataset, tmp_path: Path
) -> None:
    records = export(dataset, "tfrecord", tmp_path / "records")
    path = records / "train-00000-of-00001.tfrecord"
    content = path.read_bytes()
    for damaged, said in (
        (content[:-3], "cut short (download or save it again)"),
        (b"\x00" + content[1:], "damaged at byte 0 (download or save it again)"),
        (content[:40] + b"\xff" + content[41:], "damaged at byte 12 (download or save it again)"),
    ):
        path.write_bytes(damaged)
        assert fail_to_import("tfrecord", records) == f"records/{path.name}: {said}"

    table = export(dataset, "parquet", tmp_path / "table")
    path = table / "data" / "train-00000-of-00001.parquet"
    content = path.read_bytes()
    at = content.index(b"IDAT") + 8
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert "train-00000-of-00001.parquet: damaged: " in fail_to_import("parquet", table)
    path.write_bytes(content[:-9])
    assert "train-00000-of-00001.parquet: damaged: " in fail_to_import("parquet", table)

    database = export(dataset, "lmdb", tmp_path / "database")
    path = database / "train" / "data.mdb"
    path.write_bytes(b"x" * 9000)
    assert "database/train/data.mdb: damaged: " in fail_to_import("lmdb", database)


def test_parquet_of_other_columns_is_told_what_is_expected(tmp_path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = tmp_path / "x.parquet"
    parquet.write_table(pa.table({"text": ["a"]}), path)
    assert fail_to_import("parquet", path) == (
        "x.parquet: has the columns text, expected image and label"
    )


def test_classes_beside_an_export_are_checked(dataset: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export_dataset("folder", dataset.folder, out)
    page = json.loads((out / "classes.json").read_text(encoding="utf-8"))
    (out / "train" / "new").mkdir()
    (out / "train" / "あ" / "00000000.png").rename(out / "train" / "new" / "00000000.png")
    assert fail_to_import("folder", out) == (
        "out: holds the folders new, expected those of classes.json"
    )
    page["classes"][1]["label"] = page["classes"][0]["label"]
    (out / "classes.json").write_text(json.dumps(page), encoding="utf-8")
    assert fail_to_import("folder", out) == (
        "out/classes.json: a label stands in it twice, expected each once"
    )
    (out / "classes.json").write_text("[]", encoding="utf-8")
    assert fail_to_import("folder", out).endswith("as `glyphgen export` writes them")
