"""misread.csv: which rows were misread, of which file, and as what."""

from pathlib import Path

import numpy as np
from tiny_datasets import make_dataset
from tiny_sources import write_k49, write_tree

import glyphgen
from glyphgen.baseline.metrics import Predictions
from glyphgen.baseline.misread import name_files, write_misread
from glyphgen.dataset.reader import load


def test_the_highest_loss_comes_first_and_what_was_read_right_is_left_out(tmp_path: Path) -> None:
    predictions = Predictions(
        targets=np.array([0, 1, 0, 1]),
        top_classes=np.array([[0, 1], [0, 1], [1, 0], [0, 1]]),
        probabilities=np.ones((4, 2), np.float32),
        losses=np.array([0.1, 1.5, 3.25, 2.0], np.float32),
    )
    path = tmp_path / "new" / "misread.csv"
    rows, files = np.array([7, 8, 9, 10]), ["a.ttf", "b.ttf", 'c "x",.ttf', "d.ttf"]
    assert write_misread(path, predictions, ["あ", "い"], rows, files) == 3
    assert path.read_text(encoding="utf-8") == (
        "row,file,actual,read,loss\n"
        '9,"c ""x"",.ttf",あ,い,3.2500\n'
        "10,d.ttf,い,あ,2.0000\n"
        "8,b.ttf,い,あ,1.5000\n"
    )


def test_a_row_is_of_its_font_or_of_its_source(tmp_path: Path) -> None:
    glyphgen.import_dataset("k49", write_k49(tmp_path / "k49"), tmp_path / "imported")
    imported = load(tmp_path / "imported")
    assert name_files(imported, np.array([0, 12]))[:1] == ["k49-train-imgs.npz:0"]
    assert name_files(imported, np.array([12])) == ["k49-test-imgs.npz:0"]
    glyphgen.import_dataset("folder", write_tree(tmp_path / "t", {"あ": 2}), tmp_path / "folder")
    folder = load(tmp_path / "folder")
    assert name_files(folder, np.array([1, 0])) == ["あ/001.png", "あ/000.png"]
    make_dataset(tmp_path / "tiny", "npy")
    assert name_files(load(tmp_path / "tiny"), np.array([3])) == ["unknown"]
