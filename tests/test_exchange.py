"""import: what each format becomes, row for row, on disk."""

import hashlib
import io
import json
import pickle
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import Listener
from PIL import Image
from tiny_sources import (
    make_images,
    write_class_map,
    write_idx,
    write_k49,
    write_mnist,
    write_picture,
    write_tree,
)

from glyphgen.choices import EXPORT_FORMATS, IMPORT_FORMATS
from glyphgen.dataset.reader import Dataset, load
from glyphgen.exchange.assembling import show_sizes
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.importing import import_dataset, open_source
from glyphgen.exchange.merging import merge_datasets
from glyphgen.exchange.rows import LEFT_OUT, RowOrder, cut_splits
from glyphgen.images.decoding import SUFFIXES
from glyphgen.progress import SILENT, Reporter
from glyphgen.streams import Stage, order_by_words
from glyphgen.verify import verify_dataset


def imported(
    out: Path,
    kind: str,
    *paths: Path,
    workers: int = 1,
    reporter: Reporter = SILENT,
    **options: Any,
) -> Dataset:
    import_dataset(
        kind, paths, out, options=ImportOptions(**options), workers=workers, reporter=reporter
    )
    return load(out)


def heard(out: Path, kind: str, *paths: Path, **options: Any) -> list[str]:
    listener = Listener()
    imported(out, kind, *paths, reporter=listener, **options)
    return listener.lines


def labels_of(dataset: Dataset) -> list[str]:
    return [dataset.classes[label].label for label in np.asarray(dataset.labels).tolist()]


def hash_tree(root: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


HEAVY = (
    *("uharfbuzz", "fontTools", "pydantic", "cv2", "albumentations", "PIL", "h5py"),
    *("zlib_ng", "pyarrow", "lmdb", "crc32c", "tfrecord", "webdataset"),
)


@pytest.mark.parametrize(
    "module",
    sorted(
        {e.module for e in (*IMPORT_FORMATS.values(), *EXPORT_FORMATS.values())}
        | {f"glyphgen.exchange.{name}" for name in ("importing", "merging", "exporting")}
    ),
)
def test_a_format_loads_no_library_before_it_reads(module: str) -> None:
    program = f"import sys, {module}\nprint(*(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "\n"


# --- Each format


def test_k49_keeps_its_official_splits_and_takes_classes_in_turns(tmp_path: Path) -> None:
    data = imported(tmp_path / "out", "k49", write_k49(tmp_path / "k49"))
    assert data.index.splits == {"train": (0, 12), "test": (12, 18)}
    assert labels_of(data) == list("あいう" * 6)
    assert data.index.codepoint_to_index == {"U+3042": 0, "U+3044": 1, "U+3046": 2}
    np.testing.assert_array_equal(data.images[:12], make_images(12))
    np.testing.assert_array_equal(
        load(tmp_path / "out", "test").images[:], make_images(6, first=12)
    )
    assert data.classes[1].rows == {"train": 4, "test": 2}
    assert data.index.made_by == "import"


def test_every_row_tells_the_file_and_the_row_that_it_is(tmp_path: Path) -> None:
    folder = write_k49(tmp_path / "k49")
    data = imported(tmp_path / "out", "k49", folder)
    for image, sample in zip(data.images[:], data.samples[:], strict=True):
        file = data.index.sources[sample["source"]]
        with np.load(folder / file.name) as arrays:
            np.testing.assert_array_equal(image, arrays["arr_0"][sample["source_row"]])
    sha256 = hashlib.sha256((folder / "k49-test-imgs.npz").read_bytes()).hexdigest()
    assert [(s.name, s.rows) for s in data.index.sources] == [
        ("k49-train-imgs.npz", 12),
        ("k49-train-labels.npz", 0),
        ("k49-test-imgs.npz", 6),
        ("k49-test-labels.npz", 0),
        ("k49_classmap.csv", 0),
    ]
    assert data.index.sources[2].sha256 == sha256
    assert data.samples[:]["sample"].tolist() == [k // 3 for k in range(18)]


def test_k49_files_may_be_named_one_by_one_and_test_may_be_alone(tmp_path: Path) -> None:
    folder = write_k49(tmp_path / "k49", train=0, prefix="kmnist")
    names = ("kmnist-test-imgs.npz", "kmnist-test-labels.npz")
    data = imported(tmp_path / "out", "k49", *(folder / name for name in names))
    assert (data.index.name, data.index.splits) == ("kmnist", {"test": (0, 6)})


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_mnist_reads_idx_files_gzipped_or_not(tmp_path: Path, suffix: str) -> None:
    data = imported(tmp_path / "out", "mnist", write_mnist(tmp_path / "in", suffix=suffix))
    assert data.index.splits == {"train": (0, 10), "test": (10, 15)}
    assert labels_of(data) == list("01234" * 3)
    np.testing.assert_array_equal(data.images[:], make_images(15, 8, 6))


def test_emnist_is_turned_upright_and_named_by_its_mapping(tmp_path: Path) -> None:
    folder = write_mnist(tmp_path / "in", prefix="emnist-letters-")
    (folder / "emnist-letters-mapping.txt").write_text("0 65 97\n1 66\n2 67\n3 68\n4 69 101\n")
    listener = Listener()
    data = imported(tmp_path / "out", "mnist", folder, reporter=listener)
    assert data.images.shape == (15, 6, 8)
    np.testing.assert_array_equal(data.images[:], make_images(15, 8, 6).transpose(0, 2, 1))
    assert [entry.forms for entry in data.classes] == [
        ("A", "a"),
        ("B",),
        ("C",),
        ("D",),
        ("E", "e"),
    ]
    assert data.samples[:5]["form"].tolist() == [0, 2, 3, 4, 5]
    assert listener.lines[1] == "rows and columns exchanged, as EMNIST has them"


def test_folder_names_are_characters_code_points_or_words(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"い": 2, "0x3042": 3, "logo": 2, "か\u3099": 1})
    data = imported(tmp_path / "out", "folder", root)
    assert [(c.label, c.forms) for c in data.classes] == [
        ("あ", ("あ",)),
        ("い", ("い",)),
        ("が", ("が",)),  # as macOS stores it, in two parts
        ("logo", ()),
    ]
    assert labels_of(data) == ["あ", "い", "が", "logo", "あ", "い", "logo", "あ"]
    assert data.samples[:4]["form"].tolist() == [0, 1, 2, 2**32 - 1]
    files = (tmp_path / "out" / "files.txt").read_text(encoding="utf-8").splitlines()
    assert [files[row] for row in data.samples[:2]["source_row"]] == [
        "0x3042/000.png",
        "い/000.png",
    ]


def test_one_ascii_character_is_a_word_unless_the_user_says_what_it_is(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"0": 1, "1": 1, "a": 1, "3042": 1, "U+0041": 1})
    lines = heard(tmp_path / "words", "folder", root)
    assert [(c.label, c.forms) for c in load(tmp_path / "words").classes] == [
        ("A", ("A",)),
        ("0", ()),
        ("1", ()),
        ("3042", ()),
        ("a", ()),
    ]
    assert lines[1] == (
        "taken for words, not for characters: 0, 1, a (--codepoints takes one ASCII character for"
        " itself, --class-map FILE names a table of indices)"
    )
    data = imported(tmp_path / "characters", "folder", root, codepoints=True)
    assert [(c.label, len(c.forms)) for c in data.classes] == [
        *(("0", 1), ("1", 1), ("A", 1), ("a", 1), ("3042", 0))
    ]


def test_folders_may_be_the_indices_of_a_class_map(tmp_path: Path) -> None:
    class_map = write_class_map(tmp_path / "map.csv", "おきか\u304c")
    class_map.write_text(class_map.read_text("utf-8").replace("が", "か\u3099"), "utf-8")
    root = write_tree(tmp_path / "in", {"0": 2, "03": 1, "1": 1})
    lines = heard(tmp_path / "out", "folder", root, class_map=class_map)
    data = load(tmp_path / "out")
    assert [c.label for c in data.classes] == [*"おきかが"]
    assert labels_of(data) == ["お", "き", "が", "お"]
    assert lines[-1] == "classes without an image: 'か' (U+304B)"
    assert [(info.name, info.kind, info.rows) for info in data.index.sources] == [
        ("in", "folder", 4),
        ("map.csv", "class map", 0),
    ]


def test_a_word_is_one_class_however_it_is_composed(tmp_path: Path) -> None:
    words = ["が\u3063こう", "か\u3099\u3063こう"]
    root = write_tree(tmp_path / "in", {words[0]: 2, words[1]: 3})
    data = imported(tmp_path / "out", "folder", root)
    assert [(c.label, c.rows) for c in data.classes] == [(words[0], {"train": 5})]
    other = write_tree(tmp_path / "other", {words[1]: 1})
    imported(tmp_path / "mac", "folder", other)
    merge_datasets([tmp_path / "out", tmp_path / "mac"], tmp_path / "both")
    assert [c.label for c in load(tmp_path / "both").classes] == [words[0]]


def test_links_that_lead_nowhere_or_round_are_skipped(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 2})
    (root / "あ" / "itself.png").symlink_to("itself.png")
    (root / "あ" / "gone.png").symlink_to("nothing.png")
    (root / "あ" / "up").symlink_to("..")
    (root / "あ" / "again.png").symlink_to("000.png")
    imported(tmp_path / "out", "folder", root)
    page = json.loads((tmp_path / "out" / "skipped.json").read_text("utf-8"))
    assert [(entry["name"], entry["reason"][:26]) for entry in page["skipped"]] == [
        ("あ/gone.png", "a link that leads nowhere"),
        ("あ/itself.png", "a link that leads nowhere"),
        ("あ/up", "not an image, expected .pn"),
    ]
    assert len(load(tmp_path / "out")) == 3


@pytest.mark.parametrize("packed", [False, True])
def test_images_without_ink_are_counted_and_named(tmp_path: Path, packed: bool) -> None:
    images = make_images(2500)
    images[[3, 7, 1200, 2499]] = [[[0]], [[200]], [[15]], [[255]]]
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.zeros(2500, int))
    paths = [tmp_path / "images.npy", tmp_path / "labels.npy"]
    where = "images.npy"
    if packed:
        paths = [tmp_path / "x.npz"]
        np.savez_compressed(paths[0], a=images, b=np.zeros(2500, int))
        where = "a"
    lines = heard(tmp_path / "out", "arrays", *paths)
    assert lines[1:] == [
        "polarity: white-on-black, as 831 of 831 images look (--polarity if not)",
        f"warning: no ink in 4 of 2,500 images: image 3 of {where}, image 7 of {where},"
        f" image 1200 of {where} and 1 more",
    ]
    assert load(tmp_path / "out").index.settings["blank"] == 4


def test_faint_ink_is_told_and_its_polarity_found(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 3})
    for path in (root / "あ").iterdir():
        Image.fromarray(140 - make_images(1)[0] // 5).save(path)
    assert heard(tmp_path / "out", "folder", root)[1:] == [
        "polarity: black-on-white, as 3 of 3 images look (--polarity if not)",
        "warning: gray levels from 89 to 140 in all images: their ink will be faint",
    ]


def test_one_npz_may_hold_arrays_for_every_split(tmp_path: Path) -> None:
    images, labels = make_images(9), np.array([5, 6, 7] * 3)
    np.savez(
        tmp_path / "keras.npz",
        x_train=images[:6],
        y_train=labels[:6],
        x_test=images[6:],
        y_test=labels[6:],
    )
    data = imported(tmp_path / "a", "arrays", tmp_path / "keras.npz")
    assert data.index.splits == {"train": (0, 6), "test": (6, 9)}
    assert labels_of(data) == ["5", "6", "7"] * 3
    np.testing.assert_array_equal(data.images[:], images)
    np.savez(
        tmp_path / "med.npz",
        train_images=images[:3, ..., None],
        train_labels=labels[:3, None],
        val_images=images[3:6, ..., None],
        val_labels=labels[3:6, None],
    )
    class_map = write_class_map(tmp_path / "map.csv", "あいうえおかきく")
    data = imported(tmp_path / "b", "arrays", tmp_path / "med.npz", class_map=class_map)
    assert data.index.splits == {"train": (0, 3), "val": (3, 6)}
    assert labels_of(data) == ["か", "き", "く"] * 2


def test_folders_above_the_classes_are_splits(tmp_path: Path) -> None:
    for split, n in (("train", 3), ("valid", 2), ("test", 1)):
        write_tree(tmp_path / "in" / split, {"あ": n, "U+3044": n})
    data = imported(tmp_path / "out", "folder", tmp_path / "in")
    assert data.index.splits == {"train": (0, 6), "val": (6, 10), "test": (10, 12)}
    assert len(data.classes) == 2


def test_kkanji_is_the_same_from_a_folder_and_from_a_tar(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "kkanji2", {"U+65E5": 3, "U+6708": 1, "U+20B9F": 2})
    with tarfile.open(tmp_path / "kkanji.tar", "w") as archive:
        archive.add(root, "kkanji2")
    from_folder = imported(tmp_path / "a", "kkanji", root)
    from_tar = imported(tmp_path / "b", "kkanji", tmp_path / "kkanji.tar")
    assert labels_of(from_folder) == ["日", "月", "𠮟", "日", "𠮟", "日"] == labels_of(from_tar)
    np.testing.assert_array_equal(from_folder.images[:], from_tar.images[:])


def test_arrays_take_code_points_a_class_map_or_plain_numbers(tmp_path: Path) -> None:
    images, labels = tmp_path / "images.npy", tmp_path / "labels.npy"
    np.save(images, make_images(4)[..., None])
    np.save(labels, np.array([0x3046, 0x3042, 0x3042, 0x3046]))
    data = imported(tmp_path / "a", "arrays", images, labels, codepoints=True)
    assert labels_of(data) == ["あ", "う", "あ", "う"]
    np.testing.assert_array_equal(data.images[:], make_images(4)[[1, 0, 2, 3]])
    np.save(labels, np.array([2, 0, 0, 2]))
    class_map = write_class_map(tmp_path / "map.csv")
    data = imported(tmp_path / "b", "arrays", images, labels, class_map=str(class_map))
    assert labels_of(data) == [*"あうあう"]
    np.savez(tmp_path / "both.npz", x=make_images(4), y=np.array([70, 5, 5, 70]))
    data = imported(tmp_path / "c", "arrays", tmp_path / "both.npz")
    assert [(c.label, c.forms) for c in data.classes] == [("5", ()), ("70", ())]
    np.savez(tmp_path / "told.npz", images=make_images(2), codepoints=np.array([0x3046, 0x3042]))
    assert labels_of(imported(tmp_path / "d", "arrays", tmp_path / "told.npz")) == ["あ", "う"]


def test_a_dataset_keeps_its_splits_and_gets_a_size(tmp_path: Path) -> None:
    imported(tmp_path / "a", "k49", write_k49(tmp_path / "k49"))
    data = imported(tmp_path / "b", "dataset", tmp_path / "a", height=4, width=4, format="hdf5")
    assert (data.images.shape, data.index.format) == ((18, 4, 4), "hdf5")
    assert data.index.splits == {"train": (0, 12), "test": (12, 18)}
    assert data.index.sources[0].sha256 == load(tmp_path / "a").index.content_key


# --- What is the same for all of them


def test_workers_and_a_second_run_change_no_byte(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 5, "い": 9})
    one = imported(tmp_path / "a", "folder", root, name="x", split={"test": 0.2})
    two = imported(tmp_path / "b", "folder", root, name="x", split={"test": 0.2}, workers=2)
    assert one.index == two.index
    options = ImportOptions(name="x", split={"test": 0.2})
    again = import_dataset("folder", str(root), str(tmp_path / "b"), options=options)
    assert (again.n_rows, again.n_made) == (14, 0)


def test_the_source_is_not_touched_and_verify_holds(tmp_path: Path) -> None:
    before = hash_tree(write_k49(tmp_path / "k49"))
    imported(tmp_path / "out", "k49", tmp_path / "k49", height=16, width=16)
    assert hash_tree(tmp_path / "k49") == before
    found = verify_dataset(tmp_path / "out")
    assert (found.problems, found.n_rows, found.n_redrawn) == ((), 18, 0)
    assert found.unproven == (
        f"{tmp_path / 'out'}: made by `glyphgen import`, not drawn from a recipe"
    )
    with (tmp_path / "out" / "images.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert len(verify_dataset(tmp_path / "out").problems) == 1


def test_polarity_is_detected_stated_and_unified(tmp_path: Path) -> None:
    np.savez(tmp_path / "dark.npz", images=255 - make_images(5), labels=np.zeros(5, np.uint8))
    lines = heard(tmp_path / "out", "arrays", tmp_path / "dark.npz")
    assert lines == [
        "dark: 5 images of 8x8, 1 class (train 5)",
        "polarity: black-on-white, as 5 of 5 images look (--polarity if not)",
    ]
    data = load(tmp_path / "out")
    np.testing.assert_array_equal(data.images[:], make_images(5))
    assert data.index.image.polarity == "white-on-black"
    assert data.index.settings["source_polarity"] == "black-on-white"
    told = heard(tmp_path / "told", "arrays", tmp_path / "dark.npz", polarity="white-on-black")
    assert told[1] == "polarity: white-on-black"
    np.testing.assert_array_equal(load(tmp_path / "told").images[:], 255 - make_images(5))


def test_shares_are_cut_from_each_class_by_the_seed(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 20, "い": 10, "う": 1})
    shares = {"val": 0.1, "test": 0.2}
    data = imported(tmp_path / "a", "folder", root, split=shares)
    assert [entry.rows for entry in data.classes] == [
        {"train": 14, "val": 2, "test": 4},
        {"train": 7, "val": 1, "test": 2},
        {"train": 1, "val": 0, "test": 0},
    ]
    rows = data.samples[:]["source_row"].tolist()
    assert sorted(rows) == list(range(31))
    assert (
        rows
        == imported(tmp_path / "b", "folder", root, split=shares).samples[:]["source_row"].tolist()
    )
    other = imported(tmp_path / "c", "folder", root, split=shares, seed=1)
    assert rows != other.samples[:]["source_row"].tolist()


def test_each_class_has_an_order_of_its_own(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", images=make_images(90), labels=np.arange(90) % 3)
    source = open_source("arrays", tmp_path / "x.npz")
    split = cut_splits(source, {"val": 0.1, "test": 0.2}, seed=3)
    for label in range(3):
        rows = np.arange(label, 90, 3)[order_by_words(3, Stage.SHARE, 30, label)]
        assert set(np.flatnonzero((source.class_index == label) & (split == 1))) == set(rows[:3])
        assert set(np.flatnonzero((source.class_index == label) & (split == 2))) == set(rows[3:9])


def test_the_most_frequent_sizes_are_shown_first() -> None:
    sizes = {(9, 9): 1, (8, 8): 2000, (30, 7): 3, (7, 30): 3, (1, 1): 1, (2, 2): 1}
    assert show_sizes(sizes) == "8x8 (2,000), 7x30 (3), 30x7 (3), 1x1 (1), 2x2 (1) and 1 more"


def test_one_row_at_least_of_each_class_stays_for_train(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 1, "い": 2})
    data = imported(tmp_path / "a", "folder", root, split={"val": 0.3, "test": 0.6})
    assert [entry.rows for entry in data.classes] == [
        {"train": 1, "val": 0},
        {"train": 1, "val": 1},
    ]


def test_odd_files_are_listed_and_skipped(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 2})
    noise = np.arange(4096, dtype=np.uint32).reshape(64, 64) ** 2 % 251
    cut = write_picture(root / "あ" / "cut.png", noise.astype(np.uint8))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    (root / "あ" / "nothing.png").touch()
    (root / "あ" / "words.png").write_text("no picture")
    (root / "あ" / "notes.txt").write_text("x")
    (root / "あ" / ".DS_Store").write_text("x")
    write_picture(root / "stray.png", make_images(1)[0])
    write_picture(root / "a" / "b" / "c.png", make_images(1)[0])
    lines = heard(tmp_path / "out", "folder", root)
    deep = "in no class folder, expected class-name/picture or split/class-name/picture"
    expected = {
        "a/b/c.png": deep,
        "stray.png": deep,
        "あ/cut.png": "damaged or cut short",
        "あ/notes.txt": f"not an image, expected {', '.join(SUFFIXES)}",
        "あ/nothing.png": "empty",
        "あ/words.png": "not an image, expected PNG, JPEG, GIF, BMP, TIFF, WEBP or PPM",
    }
    page = json.loads((tmp_path / "out" / "skipped.json").read_text(encoding="utf-8"))
    assert page == {"skipped": [{"name": k, "reason": v} for k, v in expected.items()]}
    assert lines[-1] == (
        f"skipped 6, see skipped.json: a/b/c.png: {deep}, stray.png: {deep},"
        " あ/cut.png: damaged or cut short and 3 more"
    )
    assert len(load(tmp_path / "out")) == 2


def test_a_picture_that_would_swell_is_skipped_by_its_header(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"あ": 1})
    Image.new("1", (9000, 9000)).save(root / "あ" / "bomb.png")
    imported(tmp_path / "out", "folder", root)
    [entry] = json.loads((tmp_path / "out" / "skipped.json").read_text())["skipped"]
    assert entry["reason"] == "9000 x 9000 pixels, expected at most 67,108,864"


def test_files_are_imported_as_the_decoder_reads_them(tmp_path: Path) -> None:
    image = make_images(1, height=8, width=12)[0]
    image[3, 4] = 255
    turned = Image.Exif()
    turned[0x0112] = 6
    root = tmp_path / "in" / "あ"
    write_picture(root / "a.tif", image)
    Image.fromarray(np.rot90(image)).save(root / "b.png", exif=turned)
    Image.fromarray(image.astype(np.uint16)).save(root / "c.png")
    data = imported(tmp_path / "out", "folder", tmp_path / "in")
    assert [found.tolist() for found in data.images] == [image.tolist()] * 2
    [entry] = json.loads((tmp_path / "out" / "skipped.json").read_text("utf-8"))["skipped"]
    assert entry["name"] == "あ/c.png"
    assert entry["reason"].startswith("16 bits of which the largest is 255, expected numbers up to")


def test_a_tar_cannot_reach_out_of_its_place(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"U+3042": 2})
    data = (root / "U+3042" / "000.png").read_bytes()
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(root, "in")
        for name in ("../../U+3042/up.png", "/tmp/U+3042/root.png"):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(f"in/U+3042/{name}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        device = tarfile.TarInfo("in/U+3042/device.png")
        device.type = tarfile.CHRTYPE
        archive.addfile(device)
    before = sorted(tmp_path.rglob("*"))
    source = open_source("kkanji", path)
    assert {entry.name: entry.reason for entry in source.skipped} == {
        "../../U+3042/up.png": "a path that leads out of the archive",
        "/tmp/U+3042/root.png": "a path that leads out of the archive",
        "in/U+3042/link.png": "not a file",
        "in/U+3042/hard.png": "not a file",
        "in/U+3042/device.png": "not a file",
    }
    assert source.n_rows == 2
    assert sorted(tmp_path.rglob("*")) == before


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=60
    )
)
def test_rows_are_each_row_once_splits_together_classes_in_turns(
    entries: list[tuple[int, int, int]],
) -> None:
    classes, splits, sources = map(np.array, zip(*entries, strict=True))
    order = RowOrder(classes.astype(np.uint32), splits.astype(np.uint8), sources.astype(np.uint16))
    assert sorted(order.rows.tolist()) == np.flatnonzero(splits != LEFT_OUT).tolist()
    for name, (first, end) in order.splits.items():
        rows = order.rows[first:end]
        assert (splits[rows] == ["train", "val", "test"].index(name)).all()
        left = np.bincount(classes[rows], minlength=5)
        for number, label in enumerate(classes[rows].tolist()):
            counts = np.bincount(classes[rows][:number], minlength=5)
            # no class that has rows left is more than one turn behind
            assert counts[label] == counts[left > counts].min()
    for label in range(5):
        numbers = order.sample[classes[order.rows] == label].tolist()
        assert numbers == list(range(len(numbers)))


def test_sources_take_turns_within_a_class_in_proportion() -> None:
    source_of = np.repeat(np.array([0, 1], np.uint16), [6, 2])
    order = RowOrder(np.zeros(8, np.uint32), np.zeros(8, np.uint8), source_of)
    assert source_of[order.rows].tolist() == [0, 0, 1, 0, 0, 0, 1, 0]


def test_a_source_can_be_pickled_and_read_elsewhere(tmp_path: Path) -> None:
    source = open_source("mnist", [write_mnist(tmp_path / "in", suffix="")])
    images = pickle.loads(pickle.dumps(source.images))
    found = list(images.read(np.array([14, 0, 9])))
    np.testing.assert_array_equal(np.array(found), make_images(15, 8, 6)[[14, 0, 9]])


def test_a_mapping_may_lie_with_unpacked_files(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_idx(folder / "emnist-x-train-images-idx3-ubyte", make_images(2))
    write_idx(folder / "emnist-x-train-labels-idx1-ubyte", np.array([1, 2], np.uint8))
    (folder / "emnist-x-mapping.txt").write_text("1 65\n2 66\n")
    assert labels_of(imported(tmp_path / "out", "mnist", folder)) == ["A", "B"]
