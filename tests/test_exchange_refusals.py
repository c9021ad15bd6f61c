"""import: what is wrong with a source is said in one line, word for word, and nothing is lost."""

import gzip
import tarfile
import zipfile
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_datasets import make_dataset, read_all_bytes
from tiny_sources import (
    make_images,
    pack_idx,
    write_class_map,
    write_idx,
    write_k49,
    write_mnist,
    write_picture,
    write_tree,
)

from glyphgen.errors import ChoiceError, GlyphgenError
from glyphgen.exchange.import_options import AssemblyOptions, ImportOptions
from glyphgen.exchange.importing import import_dataset, import_source, open_source
from glyphgen.exchange.merging import merge_datasets
from glyphgen.images.decoding import MOST_PIXELS, SUFFIXES

AGAIN = "(download or save it again)"
PAIRS = (
    "expected one array of images (n, height, width) and one of labels (n,), or such a pair for each"
    " split, as x_train, y_train, x_test, y_test"
)


def refused(out: Path, kind: str, *paths: Path, force: bool = False, **options: Any) -> list[str]:
    """Import what must fail: its lines. No folder is made, and nothing is changed."""
    with pytest.raises(GlyphgenError) as caught:
        import_dataset(kind, paths, out, options=ImportOptions(**options), force=force)
    assert not out.exists()
    return list(caught.value.problems)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def k49(tmp_path: Path) -> Path:
    return write_k49(tmp_path / "k49")


# --- Choices


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"class_map": "map.csv", "codepoints": True},
            "class_map and codepoints: found both, expected one of them",
        ),
        (
            {"polarity": "white"},
            "polarity: found 'white', expected one of white-on-black, black-on-white",
        ),
        (
            {"fit": "strech"},
            "fit: found 'strech', expected one of pad, stretch (did you mean 'stretch'?)",
        ),
        ({"format": "zarr"}, "format: found 'zarr', expected one of npy, hdf5"),
        ({"split": {"dev": 0.1}}, "split: found 'dev', expected one of val, test"),
        ({"seed": -1}, "seed: found -1, expected 0 to 2**64 - 1"),
        ({"height": 8}, "height and width: found one, expected both or neither"),
        ({"height": 8, "width": 0}, "width: found 0, expected 1 to 4096 pixels"),
        ({"height": 4097, "width": 8}, "height: found 4097, expected 1 to 4096 pixels"),
    ],
)
def test_an_option_that_cannot_be(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ChoiceError) as caught:
        ImportOptions(**options)
    assert str(caught.value) == expected


def test_the_options_of_a_merge_are_checked_too(k49: Path, out: Path) -> None:
    with pytest.raises(ChoiceError, match="fit: found 'x', expected one of pad, stretch"):
        merge_datasets([k49, k49], out, options=AssemblyOptions(fit="x"))


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        (
            "kkanji",
            {"class_map": "nowhere.csv"},
            ["--class-map: not for kkanji, expected only with k49, mnist, folder, arrays"],
        ),
        (
            "dataset",
            {"codepoints": True},
            ["--codepoints: not for dataset, expected only with folder, arrays"],
        ),
        (
            "k49",
            {"codepoints": True},
            ["--codepoints: not for k49, expected only with folder, arrays"],
        ),
    ],
)
def test_an_option_that_the_format_does_not_take(
    out: Path, k49: Path, kind: str, options: dict[str, Any], expected: list[str]
) -> None:
    assert refused(out, kind, k49, **options) == expected


def test_a_format_that_is_not_there(out: Path, k49: Path) -> None:
    assert refused(out, "nist", k49) == [
        "source_format: found 'nist', expected one of k49, kkanji, mnist, folder, arrays, kuzushiji,"
        " webdataset, parquet, tfrecord, lmdb, coco, dataset"
        " (did you mean 'mnist'?)"
    ]
    assert refused(out, "k49") == ["paths: found none, expected those of a source in k49"]


# --- Kuzushiji-49


def test_a_label_outside_the_class_map(out: Path, k49: Path) -> None:
    path = k49 / "k49-test-labels.npz"
    np.savez_compressed(path, np.array([0, 1, 2, 3, 49, 3], np.uint8))
    assert refused(out, "k49", k49) == [
        f"{path}: arr_0: holds the labels 3, 49, expected 0 to 2, which are those of k49_classmap.csv"
        " (--class-map FILE names another table)"
    ]


def test_images_and_labels_of_different_length(out: Path, k49: Path) -> None:
    path = k49 / "k49-test-labels.npz"
    np.savez_compressed(path, np.zeros(7, np.uint8))
    assert refused(out, "k49", k49) == [
        f"{path}: arr_0: has 7 labels, expected one label for each of the 6 images of"
        " k49-test-imgs.npz"
    ]


def test_files_that_are_missing(out: Path, k49: Path, tmp_path: Path) -> None:
    (k49 / "k49-train-labels.npz").unlink()
    assert refused(out, "k49", k49) == [
        f"{k49}: lacks k49-train-labels.npz, expected labels for images"
    ]
    write_k49(k49)
    (k49 / "k49_classmap.csv").unlink()
    assert refused(out, "k49", k49) == [
        f"{k49}: lacks k49_classmap.csv (--class-map FILE names another table)"
    ]
    write_k49(k49, prefix="kmnist")
    assert refused(out, "k49", k49) == [
        f"{k49}: holds k49, kmnist, expected one dataset (name its files)"
    ]
    (tmp_path / "empty").mkdir()
    assert refused(out, "k49", tmp_path / "empty") == [
        f"{tmp_path / 'empty'}: holds no *-train-imgs.npz or *-test-imgs.npz"
    ]
    for kind in ("k49", "mnist", "folder", "kkanji"):
        assert refused(out, kind, tmp_path / "none") == [
            f"{tmp_path / 'none'}: no such file or folder"
        ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ":1: found an empty file, expected the columns index,codepoint,char"),
        ("a,b\n0,1\n", ":1: found a,b, expected the columns index,codepoint,char"),
        ("index,codepoint,char\n", ": holds no class, expected one a line"),
        (
            "index,codepoint,char\n0,U+3042,あ\n1,U+3042,あ\n",
            ":3: 'あ' (U+3042) again, expected each code point once",
        ),
        (
            "index,codepoint,char\n0,U+3042,あ\n0,U+3044,い\n",
            ":3: index 0 again, expected each index once",
        ),
        ("index,codepoint,char\n0,U+3042,い\n", ":2: U+3042 is not the code point of 'い'"),
        (
            "index,codepoint,char\nx,U+3042,あ\n",
            ":2: found x,U+3042,あ, expected such as 0,U+3042,あ",
        ),
        (
            "index,codepoint,char\n0,U+3042,あ\n2,U+3044,い\n",
            ": lacks index 1, expected every index from 0 to the last",
        ),
    ],
)
def test_a_class_map_that_is_none(out: Path, k49: Path, text: str, expected: str) -> None:
    path = k49 / "k49_classmap.csv"
    path.write_text(text, encoding="utf-8")
    assert refused(out, "k49", k49) == [f"{path}{expected}"]


def test_a_class_map_that_cannot_be_read(out: Path, k49: Path, tmp_path: Path) -> None:
    path = k49 / "k49_classmap.csv"
    path.write_bytes("index,codepoint,char\n0,U+3042,あ".encode("shift-jis"))
    assert refused(out, "k49", k49) == [f"{path}: not UTF-8 (save the file as UTF-8)"]
    absent = tmp_path / "none.csv"
    assert refused(out, "k49", k49, class_map=absent) == [
        f"{absent}: cannot be read: No such file or directory"
    ]


def test_npz_files_that_are_damaged(out: Path, k49: Path) -> None:
    path = k49 / "k49-train-imgs.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(out, "k49", k49) == [f"{path}: damaged: File is not a zip file {AGAIN}"]
    path.write_bytes(b"")
    assert refused(out, "k49", k49) == [f"{path}: empty, expected a NumPy array {AGAIN}"]
    path.write_text("<html>")
    assert refused(out, "k49", k49) == [f"{path}: not a .npy or .npz file {AGAIN}"]
    np.savez(path, other=make_images(12))
    assert refused(out, "k49", k49) == [f"{path}: holds other, expected arr_0"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "x")
    assert refused(out, "k49", k49) == [f"{path}: holds no array, expected a .npz file of NumPy"]
    np.savez(path, make_images(12))  # stored, so that one byte is one pixel
    changed = bytearray(path.read_bytes())
    changed[300] ^= 1
    path.write_bytes(changed)
    assert refused(out, "k49", k49) == [f"{path}: damaged: Bad CRC-32 for file 'arr_0.npy' {AGAIN}"]


def test_an_npz_that_holds_less_or_more_than_it_says(out: Path, k49: Path) -> None:
    path = k49 / "k49-train-imgs.npz"
    with np.load(path) as arrays:
        np.save(k49 / "whole.npy", arrays["arr_0"])
    whole = (k49 / "whole.npy").read_bytes()
    for data, expected in (
        (whole[:-5], f"{path}: cut short {AGAIN}"),
        (whole + b"x", f"{path}: arr_0: holds more than its header says {AGAIN}"),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("arr_0.npy", data)
        assert refused(out, "k49", k49) == [expected]


# --- Arrays


def arrays(tmp_path: Path, images: Any, labels: Any) -> tuple[Path, Path]:
    np.save(tmp_path / "images.npy", images, allow_pickle=True)
    np.save(tmp_path / "labels.npy", labels, allow_pickle=True)
    return tmp_path / "images.npy", tmp_path / "labels.npy"


@pytest.mark.parametrize(
    ("images", "expected"),
    [
        (
            make_images(3) / np.float32(255),
            "float32 from 0 to 1, expected uint8: 0 to 255"
            " (save (images * 255).round().astype('uint8'))",
        ),
        (
            make_images(3) * 1.0,
            "float64 from 0 to 255, expected uint8: 0 to 255"
            " (save (images).round().astype('uint8'))",
        ),
        (
            np.full((3, 2, 2), np.nan),
            "float64 with 12 NaN, expected uint8: 0 to 255"
            " (find out what the NaN stand for before they become ink)",
        ),
        (
            make_images(3).astype(np.int64),
            "int64 from 0 to 255, expected uint8: 0 to 255 (save (images).round().astype('uint8'))",
        ),
        (
            make_images(3).astype(np.uint16) * 257,
            "uint16 from 0 to 65535, expected uint8: 0 to 255"
            " (save (images * (255 / 65535)).round().astype('uint8'))",
        ),
        (
            make_images(3) > 0,
            "bool from 0 to 1, expected uint8: 0 to 255"
            " (save (images * 255).round().astype('uint8'))",
        ),
        (
            make_images(3) / 255 * 16,
            "float64 from 0 to 16, expected uint8: 0 to 255"
            " (save (images * (255 / 16)).round().astype('uint8'))",
        ),
        (
            make_images(3) / 127.5 - 1,
            "float64 from -1 to 1, expected uint8: 0 to 255"
            " (save ((images + 1) * (255 / 2)).round().astype('uint8'))",
        ),
        (np.zeros((3, 8, 8)), "float64 from 0 to 0, expected uint8: 0 to 255"),
        (np.zeros((3, 8, 8), np.complex64), "complex64, expected uint8: 0 to 255"),
        (make_images(0), "holds no images, expected one or more"),
        (np.zeros((3, 9), np.uint8), "shape (3, 9), expected (n, height, width) of gray images"),
        (
            np.zeros((3, 9, 9, 3), np.uint8),
            "shape (3, 9, 9, 3), expected (n, height, width) of gray images",
        ),
        (
            np.array([make_images(1)[0], None, 1], dtype=object),
            "holds Python objects, which are never loaded, expected numbers"
            " (stack the images into one uint8 array and save that)",
        ),
        (
            np.asfortranarray(make_images(3)),
            "is in Fortran order, expected C order (save np.ascontiguousarray of it)",
        ),
        (
            np.zeros((1, 1, MOST_PIXELS + 1), np.uint8),
            "images of 1x67108865, expected at most 67,108,864 pixels",
        ),
    ],
)
def test_images_that_are_no_gray_bytes(
    out: Path, tmp_path: Path, images: Any, expected: str
) -> None:
    paths = arrays(tmp_path, images, np.zeros(len(images), np.uint8))
    assert refused(out, "arrays", *paths) == [f"{paths[0]}: {expected}"]


@pytest.mark.parametrize("packed", [False, True])
def test_floats_are_described_from_the_first_to_the_last_block(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packed: bool
) -> None:
    monkeypatch.setattr("glyphgen.exchange.stored._BLOCK_BYTES", 2 * 8 * 8 * 4)
    images = np.full((7, 8, 8), 0.5, np.float32)
    images[0, 0, 0], images[6, 0, 0] = -0.25, 1.5
    path = tmp_path / "x.npz"

    def described() -> list[str]:
        if packed:
            np.savez(path, images=images, labels=np.zeros(7, int))
            return [line.removeprefix(f"{path}: ") for line in refused(out, "arrays", path)]
        paths = arrays(tmp_path, images, np.zeros(7, int))
        return [line.removeprefix(f"{tmp_path}/") for line in refused(out, "arrays", *paths)]

    name = "images: " if packed else "images.npy: "
    assert described() == [
        f"{name}float32 from -0.25 to 1.5, expected uint8: 0 to 255"
        " (save ((images + 0.25) * (255 / 1.75)).round().astype('uint8'))"
    ]
    images[0, 0, 0] = images[6, 0, 0] = np.nan
    assert described() == [
        f"{name}float32 with 2 NaN, expected uint8: 0 to 255"
        " (find out what the NaN stand for before they become ink)"
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (
            np.zeros(3),
            "float64 of shape (3,), expected whole numbers of shape (n,): one label an image",
        ),
        (
            np.zeros(4, int),
            "has 4 labels, expected one label for each of the 3 images of images.npy",
        ),
        (
            np.zeros((3, 2), int),
            "has shape (3, 2), expected one label for each of the 3 images of images.npy",
        ),
    ],
)
def test_labels_that_are_none(out: Path, tmp_path: Path, labels: Any, expected: str) -> None:
    paths = arrays(tmp_path, make_images(3), labels)
    assert refused(out, "arrays", *paths) == [f"{paths[1]}: {expected}"]


def test_code_points_that_are_no_characters(out: Path, tmp_path: Path) -> None:
    paths = arrays(tmp_path, make_images(3), np.array([-1, 0xD800, 0x110000]))
    assert refused(out, "arrays", *paths, codepoints=True) == [
        f"{paths[1]}: holds -1, 55296, 1114112, expected code points of characters:"
        " 0 to 1114111 but for 55296 to 57343"
    ]
    class_map = write_class_map(tmp_path / "map.csv")
    assert refused(out, "arrays", *paths, class_map=class_map) == [
        f"{paths[1]}: holds the labels -1, 55296, 1114112, expected 0 to 2, which are those of"
        " map.csv (--class-map FILE names another table)"
    ]


def test_a_npy_file_that_is_cut_short(out: Path, tmp_path: Path) -> None:
    paths = arrays(tmp_path, make_images(3), np.zeros(3, int))
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:-1])
    assert refused(out, "arrays", *paths) == [
        f"{paths[0]}: has 319 bytes, its header says 320 {AGAIN}"
    ]
    paths[0].write_bytes(whole[:20])
    assert refused(out, "arrays", *paths) == [f"{paths[0]}: its header is no NumPy header {AGAIN}"]


def test_arrays_that_are_no_pair(out: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, a=make_images(2), b=make_images(2))
    assert refused(out, "arrays", path) == [f"{path}: holds a (2, 8, 8), b (2, 8, 8), {PAIRS}"]
    np.savez(path, x_train=make_images(2), y_train=np.zeros(2, int), x_test=make_images(2))
    assert refused(out, "arrays", path) == [
        f"{path}: holds x_train (2, 8, 8), y_train (2,), x_test (2, 8, 8), {PAIRS}"
    ]
    assert refused(out, "arrays", path, path, path) == [
        f"{path}: one source too many, expected images and labels"
    ]


# --- IDX


def test_idx_files_that_are_none(out: Path, tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "in")
    path = folder / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-12])
    assert refused(out, "mnist", folder) == [f"{path}: cut short {AGAIN}"]
    path.write_bytes(b"")
    assert refused(out, "mnist", folder) == [f"{path}: empty, expected an IDX file {AGAIN}"]
    write_idx(path, np.zeros(10, np.uint8))
    assert refused(out, "mnist", folder) == [
        f"{path}: begins with 00 00 08 01, expected 00 00 08 03:"
        " an IDX file of bytes with 3 dimensions"
    ]
    path.write_bytes(pack_idx(make_images(10, 8, 6))[:-1])
    assert refused(out, "mnist", folder) == [f"{path}: has 495 bytes, its header says 496 {AGAIN}"]
    changed = bytearray(gzip.compress(pack_idx(make_images(10, 8, 6))))
    changed[-5] ^= 1
    path.write_bytes(changed)
    [line] = refused(out, "mnist", folder)
    assert line.startswith(f"{path}: damaged: CRC check failed")
    path.unlink()
    assert refused(out, "mnist", folder) == [
        f"{folder / 'train-labels-idx1-ubyte.gz'}: has no images beside it,"
        " expected images and labels"
    ]


def test_idx_labels_that_are_no_digits(out: Path, tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "in")
    path = write_idx(folder / "t10k-labels-idx1-ubyte.gz", np.array([1, 2, 3, 10, 4], np.uint8))
    assert refused(out, "mnist", folder) == [
        f"{path}: holds the labels 10, expected 0 to 9, which are those of digits"
        " (--class-map FILE names another table)"
    ]
    assert refused(out, "mnist", path) == [
        f"{path}: holds no IDX images, expected such as train-images-idx3-ubyte.gz"
    ]


def test_idx_files_of_two_datasets_or_without_a_mapping(out: Path, tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "in", prefix="emnist-x-")
    (folder / "emnist-x-mapping.txt").write_text("0 65\n2 66\n")
    assert refused(out, "mnist", folder) == [
        f"{folder / 'emnist-x-mapping.txt'}: not a mapping, expected a label and its code points on"
        " each line, such as 10 65, labels without gaps and each code point once"
    ]
    write_mnist(folder, prefix="emnist-y-")
    assert refused(out, "mnist", folder) == [
        f"{folder}: holds emnist-x, emnist-y, expected one dataset (name its files)"
    ]


# --- Folders and archives


def test_a_folder_without_classes(out: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert refused(out, "folder", tmp_path / "in") == [
        "in: holds no pictures in class folders, expected such as U+3042/0001.png"
    ]
    write_picture(tmp_path / "in" / "a.png", make_images(1)[0])
    assert refused(out, "folder", tmp_path / "in") == [
        "in: holds no pictures in class folders, expected such as U+3042/0001.png (skipped:"
        " a.png: in no class folder, expected class-name/picture or split/class-name/picture)"
    ]
    assert refused(out, "folder", tmp_path / "in" / "a.png") == [
        f"{tmp_path / 'in' / 'a.png'}: is a file, expected a folder of class folders"
    ]


def test_a_class_with_two_folders(out: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 1, "U+3042": 1})
    assert refused(out, "folder", root) == [
        "in: the folders U+3042 and あ are one class: あ, expected one folder a class"
        " (put their pictures together)"
    ]


def test_a_folder_that_is_not_in_the_class_map(out: Path, tmp_path: Path) -> None:
    class_map = write_class_map(tmp_path / "map.csv")
    root = write_tree(tmp_path / "in", {"0": 1, "3": 1, "あ": 1})
    assert refused(out, "folder", root, class_map=class_map) == [
        "in: holds the folders 3, あ, expected 0 to 2, which are the indices of map.csv"
    ]
    assert refused(out, "folder", root, class_map=tmp_path / "none.csv") == [
        f"{tmp_path / 'none.csv'}: cannot be read: No such file or directory"
    ]
    root = write_tree(tmp_path / "twice", {"0": 1, "00": 1})
    assert refused(out, "folder", root, class_map=class_map) == [
        "twice: the folders 0 and 00 are one class: あ, expected one folder a class"
        " (put their pictures together)"
    ]


def test_images_of_another_range(out: Path, tmp_path: Path) -> None:
    labels = np.zeros(3, int)
    path = tmp_path / "x.npz"
    for highest, problem in (
        (
            0,
            "no ink in any of its 3 images: gray levels from 0 to 0, expected ink and paper, 0 to 255",
        ),
        (
            1,
            "no ink in any of its 3 images: gray levels from 0 to 1, expected ink and paper, 0 to 255"
            " (multiply the levels by 255 / 1)",
        ),
        (16, "no gray level is above 16, expected 0 to 255 (multiply the levels by 255 / 16)"),
        (63, "no gray level is above 63, expected 0 to 255 (multiply the levels by 255 / 63)"),
    ):
        np.savez(path, images=np.minimum(make_images(3), highest), labels=labels)
        assert refused(out, "arrays", path) == [f"x: {problem}"]
    root = write_tree(tmp_path / "in", {"あ": 1})
    write_picture(root / "あ" / "000.png", make_images(1)[0] // 8)
    assert refused(out, "folder", root) == [
        "in: no gray level is above 31, expected 0 to 255 (multiply the levels by 255 / 31)"
    ]


def test_strict_refuses_images_without_ink(out: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 2})
    write_picture(root / "あ" / "x.png", np.full((8, 8), 240, np.uint8))
    assert refused(out, "folder", root, strict=True) == [
        "in: no ink in 1 of 3 images: あ/x.png, expected ink in all"
    ]


def test_pictures_of_several_sizes(out: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 3})
    write_picture(root / "い" / "big.png", make_images(1, 20, 10)[0])
    assert refused(out, "folder", root) == [
        "in: images of 2 sizes: 8x8 (3), 20x10 (1), expected one size"
        " (--height and --width bring all to one)"
    ]


def test_strict_refuses_what_would_be_skipped(out: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 1})
    (root / "あ" / "x.png").touch()
    (root / "あ" / "y.txt").touch()
    assert refused(out, "folder", root, strict=True) == [
        "あ/x.png: empty",
        f"あ/y.txt: not an image, expected {', '.join(SUFFIXES)}",
    ]


def test_pictures_of_both_polarities(out: Path, tmp_path: Path) -> None:
    root = tmp_path / "in"
    for number, image in enumerate(make_images(3)):
        write_picture(root / "あ" / f"{number}.png", image)
        write_picture(root / "い" / f"{number}.png", 255 - image)
    assert refused(out, "folder", root) == [
        "in: 3 images look white on black and 3 black on white, expected one polarity"
        " (--polarity says which it is)"
    ]


def test_a_tar_that_is_damaged_or_packed(out: Path, tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"U+3042": 3})
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(root, "in")
    whole = path.read_bytes()
    path.write_bytes(whole[:3200])
    [line] = refused(out, "kkanji", path)
    assert line == (
        f"{path}: damaged or cut short at byte 3,072 (download or make the archive again)"
    )
    changed = bytearray(whole)
    changed[3072 + 148 : 3072 + 156] = b"9" * 8  # the checksum of the third header
    path.write_bytes(changed)
    assert refused(out, "kkanji", path) == [line]
    path.write_bytes(gzip.compress(whole))
    assert refused(out, "kkanji", path) == [
        f"{path}: not a .tar archive (unpack a .gz or .xz to a .tar first)"
    ]


def test_pictures_that_change_while_they_are_imported(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 2})
    source = open_source("folder", root)
    (root / "あ" / "001.png").write_bytes(b"gone")
    with pytest.raises(GlyphgenError) as caught:
        import_source(source, tmp_path / "out")
    assert caught.value.problems == (
        "あ/001.png: not an image, expected PNG, JPEG, GIF, BMP, TIFF, WEBP or PPM,"
        " but it was whole a moment ago (leave the source alone while it is imported)",
    )
    assert not (tmp_path / "out" / "index.json").exists()


# --- Datasets, splits, places


def test_a_dataset_that_is_unfinished_or_damaged(out: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    make_dataset(folder, "npy")
    with (folder / "images.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\xff")
    assert refused(out, "dataset", folder) == [
        f"{folder}: shard 4 does not match index.json (run the command that made it, with --mend)"
    ]
    (folder / "index.json").unlink()
    assert refused(out, "dataset", folder) == [
        f"{folder}: unfinished, it has no index.json (run the command that makes it again)"
    ]
    assert refused(out, "dataset", folder, folder) == [
        f"{folder}: one source too many, expected only {folder}"
    ]


def test_splits_that_cannot_be_cut(out: Path, k49: Path, tmp_path: Path) -> None:
    assert refused(out, "k49", k49, split={"test": 0.1}) == [
        "k49: has its own split test, expected --split only for others"
    ]
    alone = write_k49(tmp_path / "alone", train=0)
    assert refused(out, "k49", alone, split={"val": 0.1}) == [
        "k49: has no train rows, expected some for --split to share out"
    ]
    for split in ("train", "val", "test"):
        write_tree(tmp_path / "own" / split, {"あ": 1})
    assert refused(out, "folder", tmp_path / "own", split={"val": 0.1, "test": 0.1}) == [
        "own: has its own split val and test, expected --split only for others"
    ]
    root = write_tree(tmp_path / "in", {"あ": 4})
    for shares in ({"val": 0.5, "test": 0.5}, {"val": 0.0}, {"test": -0.1}, {"val": np.nan}):
        text = ",".join(f"{name}={share:g}" for name, share in shares.items())
        assert refused(out, "folder", root, split=shares) == [
            f"--split {text}: expected shares above 0 that leave some for train, such as"
            " val=0.1,test=0.1"
        ]


def test_a_folder_that_would_touch_the_source(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 1})
    before = read_all_bytes(root)
    inside = root / "out"
    assert refused(inside, "folder", root, force=True) == [
        f"{inside}: lies in the source {root}, where nothing is written"
        " (--out DIR takes another folder)"
    ]
    with pytest.raises(GlyphgenError) as caught:
        import_dataset("folder", root, tmp_path, force=True)
    assert caught.value.problems == (
        f"{tmp_path}: holds the source {root}, which would be written over"
        " (--out DIR takes another folder)",
    )
    assert read_all_bytes(root) == before


def test_too_little_disk_is_known_before_anything_is_written(
    out: Path, k49: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9 - 100, 100))
    # 18 x (64 + 4 + 24) bytes, the unpacked images, and a work file of the samples
    assert refused(out, "k49", k49) == [
        f"{out}: needs 3.2 kB, its disk has 100 bytes free"
        " (make room, or --out DIR on another disk)"
    ]
