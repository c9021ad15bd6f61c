"""merge: one class table by code point, and test rows kept apart from train rows, always."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from listening import Listener
from tampering import forge_index, seal_arrays
from tiny_datasets import read_all_bytes
from tiny_sources import make_images, write_k49, write_tree

from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import GlyphgenError
from glyphgen.exchange.import_options import AssemblyOptions, ImportOptions
from glyphgen.exchange.importing import import_dataset
from glyphgen.exchange.merging import join_class_tables, merge_datasets
from glyphgen.exchange.source import ImageFindings, ImportSource, SourceClass
from glyphgen.exchange.tree import TreeImages
from glyphgen.progress import SILENT, Reporter
from glyphgen.verify import verify_dataset


def make(out: Path, kind: str, path: Path, **options: Any) -> Path:
    import_dataset(kind, path, out, options=ImportOptions(**options))
    return out


def merged(
    out: Path, *folders: Path, workers: int = 1, reporter: Reporter = SILENT, **options: Any
) -> Dataset:
    merge_datasets(
        folders, out, options=AssemblyOptions(**options), workers=workers, reporter=reporter
    )
    return load(out)


def refused(out: Path, *folders: Path) -> list[str]:
    with pytest.raises(GlyphgenError) as caught:
        merge_datasets(folders, out)
    assert not out.exists()
    return list(caught.value.problems)


@pytest.fixture
def k49(tmp_path: Path) -> Path:
    """あ い う: 12 train rows and 6 test rows of 8x8."""
    return make(tmp_path / "k49", "k49", write_k49(tmp_path / "k49-files"))


@pytest.fixture
def kkanji(tmp_path: Path) -> Path:
    """日 う: 3 and 2 rows of 16x16, black on white, without splits."""
    root = write_tree(tmp_path / "kkanji-files", {"U+65E5": 3, "U+3046": 2}, size=16)
    return make(tmp_path / "kkanji", "kkanji", root)


def test_classes_meet_by_code_point_and_images_get_one_size(
    tmp_path: Path, k49: Path, kkanji: Path
) -> None:
    listener = Listener()
    data = merged(tmp_path / "both", k49, kkanji, reporter=listener)
    assert [c.label for c in data.classes] == ["あ", "い", "う", "日"]
    assert data.index.codepoint_to_index == {"U+3042": 0, "U+3044": 1, "U+3046": 2, "U+65E5": 3}
    assert [dict(c.rows) for c in data.classes] == [
        {"train": 4, "test": 2},
        {"train": 4, "test": 2},
        {"train": 6, "test": 2},
        {"train": 3, "test": 0},
    ]
    assert np.asarray(data.labels).tolist()[:8] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert listener.lines == [
        f"{k49}: 18 images, 8x8 (18), white-on-black",
        f"{kkanji}: 5 images, 16x16 (5), white-on-black",
        "both: 23 images of 8x8, 4 classes (train 17, test 6)",
        f"size: 8x8, as {k49} has it (--height and --width if not)",
    ]
    assert verify_dataset(tmp_path / "both").problems == ()
    assert data.index.made_by == "merge"


def test_every_row_is_the_row_that_it_says(tmp_path: Path, k49: Path, kkanji: Path) -> None:
    data = merged(tmp_path / "both", k49, kkanji, height=16, width=16)
    sources = (load(k49), load(kkanji))
    assert [s.sha256 for s in data.index.sources] == [s.index.content_key for s in sources]
    for row, sample in enumerate(data.samples[:]):
        source = sources[sample["source"]]
        label = source.labels[int(sample["source_row"])]
        assert source.classes[label].label == data.classes[data.labels[row]].label
        if source.images.shape[1:] == (16, 16):
            np.testing.assert_array_equal(
                data.images[row], source.images[int(sample["source_row"])]
            )
    assert sorted(data.samples[:].tolist(), key=lambda s: (s[5], s[4])) is not None
    assert len(np.unique(data.samples[:][["source", "source_row"]])) == 23


def test_test_rows_stay_test_rows_whatever_the_order(
    tmp_path: Path, k49: Path, kkanji: Path
) -> None:
    held_out = load(k49, "test").images[:]
    for number, folders in enumerate([(k49, kkanji), (kkanji, k49)]):
        data = merged(tmp_path / f"both{number}", *folders, height=8, width=8)
        test = load(data.folder, "test")
        np.testing.assert_array_equal(
            np.sort(test.images[:].reshape(6, -1), axis=0),
            np.sort(held_out.reshape(6, -1), axis=0),
        )


def test_train_images_that_are_held_out_elsewhere_are_left_out(tmp_path: Path, k49: Path) -> None:
    # The same files without their splits: its images 12 to 17 are the test images of the first.
    np.savez(
        tmp_path / "pool.npz",
        images=255 - make_images(20),
        labels=np.array([0x3042, 0x3044] * 10),
    )
    pool = tmp_path / "pool"
    make(pool, "arrays", tmp_path / "pool.npz", codepoints=True, polarity="black-on-white")
    listener = Listener()
    data = merged(tmp_path / "both", k49, pool, reporter=listener)
    assert listener.lines[0] == (
        f"{pool}: 6 train images left out, for they are val or test images of another dataset"
    )
    assert data.index.splits == {"train": (0, 26), "test": (26, 32)}
    assert data.index.settings["left_out"] == 6
    train = {image.tobytes() for image in load(data.folder, "train").images[:]}
    assert not train & {image.tobytes() for image in load(data.folder, "test").images[:]}
    assert verify_dataset(data.folder).problems == ()


def invert_on_disk(folder: Path) -> None:
    """Make a white-on-black dataset a black-on-white one that shows the same."""
    np.save(folder / "images.npy", 255 - np.load(folder / "images.npy"))
    forge_index(folder, lambda page: page["image"].update(polarity="black-on-white"))
    seal_arrays(folder)


@pytest.mark.parametrize("inverted", ["k49", "pool"])
def test_held_out_images_are_found_whatever_the_polarity_on_disk(
    tmp_path: Path, k49: Path, inverted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.exchange.merging._ROWS_AT_ONCE", 4)
    images = make_images(20, first=12)  # the first six are the test images
    np.savez(tmp_path / "pool.npz", images=images, codepoints=np.full(20, 0x3042))
    make(tmp_path / "pool", "arrays", tmp_path / "pool.npz")
    invert_on_disk(tmp_path / inverted)
    data = merged(tmp_path / "both", k49, tmp_path / "pool")
    assert data.index.settings["left_out"] == 6
    assert data.index.splits == {"train": (0, 26), "test": (26, 32)}
    assert (data.images[:][:, 0, 0] == 0).all()


def test_workers_and_a_second_run_change_no_byte(tmp_path: Path, k49: Path, kkanji: Path) -> None:
    before = read_all_bytes(k49)
    one = merged(tmp_path / "1" / "x", k49, kkanji)
    two = merged(tmp_path / "2" / "x", k49, kkanji, workers=2)
    assert one.index == two.index
    assert merge_datasets((k49, kkanji), tmp_path / "1" / "x").n_made == 0
    assert read_all_bytes(k49) == before


# --- The class table


def source_of(*classes: SourceClass) -> ImportSource:
    return ImportSource(
        name="x",
        files=(),
        classes=classes,
        class_index=np.zeros(1, np.uint32),
        split=np.zeros(1, np.uint8),
        own_splits=(),
        images=TreeImages(None, np.zeros(0, np.int64)),  # type: ignore[arg-type]
        sizes={},
        findings=ImageFindings(white_on_black=1),
    )


def table_of(*sources: Sequence[SourceClass]) -> tuple[list[tuple[str, ...]], list[list[int]]]:
    folders = tuple(Path("ABC"[k]) for k in range(len(sources)))
    table, positions = join_class_tables(folders, tuple(source_of(*classes) for classes in sources))
    return [(c.label, *c.forms) for c in table], [p.tolist() for p in positions]


def entry(label: str, *forms: str) -> SourceClass:
    return SourceClass(label=label, forms=forms)


def test_any_shared_form_makes_classes_one() -> None:
    table, positions = table_of(
        [entry("6", "۶", "٦"), entry("word")],
        [entry("٦", "٦"), entry("word"), entry("other"), entry("a", "a")],
    )
    assert table == [("a", "a"), ("6", "۶", "٦"), ("other",), ("word",)]
    assert positions == [[1, 3], [1, 3, 2, 0]]


def test_styles_meet_by_label_though_they_share_all_forms() -> None:
    table, positions = table_of(
        [entry("kaishu", "永", "字"), entry("lishu", "永", "字")],
        [entry("lishu", "永", "字"), entry("xingshu", "永", "字")],
    )
    assert [label for label, *_ in table] == ["kaishu", "lishu", "xingshu"]
    assert positions == [[0, 1], [1, 2]]


def test_a_chain_of_forms_joins_three_datasets() -> None:
    table, positions = table_of(
        [entry("a", "a", "b")], [entry("c", "c", "d")], [entry("d", "d", "b")]
    )
    assert table == [("a", "a", "b", "c", "d")]
    assert positions == [[0], [0], [0]]


def test_classes_that_would_fall_together_are_refused() -> None:
    with pytest.raises(GlyphgenError) as caught:
        table_of([entry("へ", "へ"), entry("ヘ", "ヘ")], [entry("へ", "へ", "ヘ")])
    assert caught.value.problems == (
        "A: 'へ' (U+3078) and 'ヘ' (U+30D8) are one class in B, expected one here too"
        " (make them one class of two forms in its recipe, or import them so)",
    )


def test_all_datasets_that_make_them_one_class_are_named() -> None:
    with pytest.raises(GlyphgenError) as caught:
        table_of(
            [entry("へ", "へ"), entry("ヘ", "ヘ")],
            [entry("へ", "へ", "ヘ")],
            [entry("ヘ", "ヘ", "へ")],
        )
    assert str(caught.value).startswith(
        "A: 'へ' (U+3078) and 'ヘ' (U+30D8) are one class in B and C, expected one here too"
    )


def test_classes_without_a_row_are_left_out(tmp_path: Path, kkanji: Path) -> None:
    folder = write_k49(tmp_path / "files", train=2, test=0)
    listener = Listener()
    data = merged(tmp_path / "out", make(tmp_path / "k", "k49", folder), kkanji)
    assert [c.label for c in data.classes] == ["あ", "い", "う", "日"]
    root = write_tree(tmp_path / "more", {"日": 1})
    more = make(tmp_path / "m", "folder", root)
    data = merged(tmp_path / "out2", tmp_path / "k", more, reporter=listener)
    assert [c.label for c in data.classes] == ["あ", "い", "日"]
    assert "classes without an image are left out: 'う' (U+3046)" in listener.lines


def test_a_word_and_a_character_of_one_label_are_told(tmp_path: Path) -> None:
    root = write_tree(tmp_path / "in", {"A": 1, "b": 1})
    words = make(tmp_path / "words", "folder", root)
    options = ImportOptions(codepoints=True)
    import_dataset(
        "folder", write_tree(tmp_path / "in2", {"A": 2}), tmp_path / "c", options=options
    )
    listener = Listener()
    data = merged(tmp_path / "out", words, tmp_path / "c", reporter=listener)
    assert [(c.label, c.forms) for c in data.classes] == [("A", ("A",)), ("A", ()), ("b", ())]
    assert listener.lines[3] == (
        "warning: a word and a character each, which stay two classes: 'A' (U+0041) (import with"
        " --codepoints where folders of one ASCII character are that character)"
    )


# --- Refusals


def test_datasets_that_cannot_be_merged(tmp_path: Path, k49: Path, kkanji: Path) -> None:
    out = tmp_path / "out"
    assert refused(out, k49) == [f"{k49}: the only dataset, expected two or more to merge"]
    assert refused(out, k49, kkanji, k49) == [
        f"{k49}: is the same dataset as {k49}, expected each once"
    ]
    (k49 / "index.json").unlink()
    assert refused(out, kkanji, k49) == [
        f"{k49}: unfinished, it has no index.json (run the command that makes it again)"
    ]
    assert refused(kkanji / "out", k49, kkanji) == [
        f"{kkanji / 'out'}: lies in the source {kkanji}, where nothing is written"
        " (--out DIR takes another folder)"
    ]


def test_a_folder_that_holds_another_dataset_is_left_alone(
    tmp_path: Path, k49: Path, kkanji: Path
) -> None:
    other = make(tmp_path / "other", "folder", write_tree(tmp_path / "files", {"い": 2}))
    before = read_all_bytes(other)
    with pytest.raises(GlyphgenError, match="holds a dataset of another recipe"):
        merge_datasets([k49, kkanji], other)
    with pytest.raises(GlyphgenError, match="holds a dataset of another recipe"):
        import_dataset("kkanji", tmp_path / "kkanji-files", other)
    assert read_all_bytes(other) == before


def test_a_damaged_dataset_is_not_merged(tmp_path: Path, k49: Path, kkanji: Path) -> None:
    with (k49 / "images.npy").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    assert refused(tmp_path / "out", kkanji, k49) == [
        f"{k49}: shard 0 does not match index.json (run the command that made it, with --mend)"
    ]
