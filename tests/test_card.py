"""card: README.md and croissant.json are what their own tools take, and say what the dataset is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from exported_datasets import make_dataset, read_split
from PIL import Image

from glyphgen.cli import cli
from glyphgen.dataset.index import FaceInfo, read_index, write_index
from glyphgen.dataset.reader import Dataset, load
from glyphgen.exchange.card import write_card
from glyphgen.exchange.export_format import ExportOptions
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.importing import import_dataset
from glyphgen.verify import verify_dataset

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of mlcroissant


def make_face(**changes: Any) -> FaceInfo:
    fields: dict[str, Any] = {
        "file": "Hand.ttf", "index": 0, "axes": {}, "sha256": "cd" * 32, "family": "Hand|<b>",
        "style": "Regular", "version": "1", "license": "OFL-1.1", "weight": 1, "copyright": "Somebody",
    }  # fmt: skip
    return FaceInfo(**fields | changes)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of odd labels and two faces, one of them of a license that says nothing to a hub."""
    folder = tmp_path_factory.mktemp("card") / "odd"
    made = make_dataset(folder, polarity="black-on-white")
    faces = (make_face(), make_face(file="b.ttf"), make_face(family="Brush", license="a*b"))
    index = read_index(folder)
    object.__setattr__(index, "faces", faces)
    object.__setattr__(index, "name", 'odd "name" [x]: *y*')
    write_index(folder, index)
    return load(made.folder)


def read_croissant(path: Path) -> Any:
    import mlcroissant

    return mlcroissant.Dataset(jsonld=str(path))


@pytest.mark.parametrize("target_format", ["", "folder", "parquet", "webdataset", "npz"])
def test_a_card_is_what_its_tools_take(
    dataset: Dataset, target_format: str, tmp_path: Path
) -> None:
    from huggingface_hub import DatasetCard

    if target_format:
        export_dataset(target_format, dataset.folder, tmp_path)
    else:
        write_card(dataset.folder, tmp_path)
    card = DatasetCard.load(tmp_path / "README.md")
    data = card.data.to_dict()
    assert data["pretty_name"] == 'odd "name" [x]: *y*'
    assert (data["license"], data["license_name"]) == ("other", "fonts")
    assert data["size_categories"] == ["n<1K"]
    if target_format in ("folder", "parquet"):
        [config] = data["configs"]
        assert [entry["split"] for entry in config["data_files"]] == ["train", "test"]
    assert "| Hand\\|\\<b\\> | 2 | OFL-1.1 | Somebody |" in card.text
    assert "| train | 40 |" in card.text
    assert "| 0 | あ | U+3042 | HIRAGANA LETTER A | 5 | " in card.text
    picture = np.asarray(Image.open(tmp_path / "pictures" / "sample.png"))
    np.testing.assert_array_equal(picture[:5, :9], dataset.images[0])

    described = read_croissant(tmp_path / "croissant.json")
    assert not described.metadata.issues.errors
    page = json.loads((tmp_path / "croissant.json").read_text(encoding="utf-8"))
    assert page["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert page["rai:hasSyntheticData"] is True
    classes = list(described.records("classes"))
    assert classes[0] == {"classes/index": 0, "classes/label": "あ"}
    assert len(classes) == len(dataset.classes)


def test_croissant_reads_the_rows_of_parquet(dataset: Dataset, tmp_path: Path) -> None:
    export_dataset("parquet", dataset.folder, tmp_path)
    stem = "test-00000-of-00001"
    records = list(read_croissant(tmp_path / "croissant.json").records(stem))
    images, labels = read_split(dataset, "test")
    np.testing.assert_array_equal([np.asarray(r[f"{stem}/image"]) for r in records], images)
    assert [dataset.classes[record[f"{stem}/label"]].label for record in records] == labels


def test_one_known_license_is_that_of_the_card(dataset: Dataset, tmp_path: Path) -> None:
    make_dataset(tmp_path / "d")
    index = read_index(tmp_path / "d")
    object.__setattr__(index, "faces", (make_face(), make_face()))
    write_index(tmp_path / "d", index)
    write_card(tmp_path / "d")
    text = (tmp_path / "d" / "README.md").read_text(encoding="utf-8")
    assert 'license: "ofl-1.1"\n' in text
    assert "license_name" not in text


def test_a_card_lies_in_the_dataset_and_changes_nothing_of_it(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "d")
    done = CliRunner().invoke(cli, ["card", str(tmp_path / "d"), "--quiet"])
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}/d/README.md\n")
    assert load(tmp_path / "d").digest == dataset.digest
    assert not any("README" in problem for problem in verify_dataset(tmp_path / "d").problems)


def test_an_export_may_go_without_a_card_and_one_with_a_card_is_imported_alike(
    tmp_path: Path,
) -> None:
    make_dataset(tmp_path / "d", ("a", "b"))
    export_dataset("folder", tmp_path / "d", tmp_path / "with")
    export_dataset(
        "folder", tmp_path / "d", tmp_path / "without", options=ExportOptions(card=False)
    )
    assert not (tmp_path / "without" / "README.md").exists()
    for name in ("with", "without"):
        import_dataset("folder", tmp_path / name, tmp_path / f"{name}-back")
        assert not (tmp_path / f"{name}-back" / "skipped.json").exists()
    a, b = (load(tmp_path / f"{name}-back") for name in ("with", "without"))
    np.testing.assert_array_equal(np.asarray(a.images), np.asarray(b.images))
