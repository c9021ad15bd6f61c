"""export: what each format holds, read by its own library; and what is refused, in one line."""

import importlib
import io
import json
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exported_datasets import CLASSES, make_dataset, read_split
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_datasets import read_all_bytes

from glyphgen.choices import EXPORT_FORMATS
from glyphgen.dataset.index import ClassInfo
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import ChoiceError, DatasetError, GlyphgenError, MachineError
from glyphgen.exchange import export_format, exporting
from glyphgen.exchange import folder as folder_format
from glyphgen.exchange.class_folders import name_folders
from glyphgen.exchange.export_format import ExportOptions
from glyphgen.exchange.exporting import export_dataset
from glyphgen.exchange.importing import import_dataset
from glyphgen.text import compose_text, dump_json

_FORMATS = [name for name in EXPORT_FORMATS if name != "coco"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of 5 x 9 pixels, 40 rows of train, none of val, 7 of test; its labels are odd."""
    return make_dataset(tmp_path_factory.mktemp("export") / "odd")


@pytest.fixture(scope="module")
def characters(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """As ``dataset``, but every class is one character: what k49 can say."""
    return make_dataset(
        tmp_path_factory.mktemp("export") / "characters", ("あ", "a", ",", '"', "𛀁")
    )


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What others write at the same time would be waited for, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_format, "sync_many", lambda _: None)
        yield


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of 16 rows, blocks of 6."""
    monkeypatch.setattr(export_format, "_MOST_SHARD_ROWS", 16)
    monkeypatch.setattr(export_format, "_MOST_BLOCK_ROWS", 6)


def export(
    dataset: Dataset, target_format: str, out: Path, *, verify: bool = True, **options: Any
) -> Path:
    export_dataset(
        target_format, dataset.folder, out, options=ExportOptions(**options), verify=verify
    )
    return out


def fail_to_export(dataset: Dataset, target_format: str, out: Path, **options: Any) -> str:
    with pytest.raises(GlyphgenError) as caught:
        export(dataset, target_format, out, **options)
    return str(caught.value)


# --- The machinery


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("target_format", _FORMATS)
def test_every_format_is_equal_bytes_twice_and_is_read_back(
    dataset: Dataset, characters: Dataset, target_format: str, tmp_path: Path
) -> None:
    dataset = characters if target_format == "k49" else dataset
    first = export(dataset, target_format, tmp_path / "a")
    assert not (first / ".work").exists()
    assert read_all_bytes(first) == read_all_bytes(export(dataset, target_format, tmp_path / "b"))
    page = json.loads((first / "export.json").read_text(encoding="utf-8"))
    assert page["digest"] == dataset.digest
    assert page["polarity"] == "white-on-black"
    train_only = {"train": 40} if target_format == "kuzushiji" else {"train": 40, "test": 7}
    assert page["splits"] == train_only


def test_a_complete_export_holds_nothing_of_workers_that_were_killed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = exporting._write_shards

    def write_and_leave(*given: Any) -> None:
        write(*given)
        (tmp_path / "out" / "data" / ".test-00000-of-00001.parquet.77-abcdef01.tmp").touch()

    monkeypatch.setattr(exporting, "_write_shards", write_and_leave)
    export_dataset("parquet", dataset.folder, tmp_path / "out")
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.usefixtures("small_shards")
def test_an_export_goes_on_where_it_was_interrupted(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = export(dataset, "folder", tmp_path / "whole"), tmp_path / "out"
    written: list[object] = []

    def stop_at_the_third_note(note: dict[str, Any]) -> bytes:
        written.append(note)
        if len(written) > 2:
            raise KeyboardInterrupt
        return dump_json(note)

    monkeypatch.setattr("glyphgen.exchange.exporting.dump_json", stop_at_the_third_note)
    with pytest.raises(KeyboardInterrupt):
        export(dataset, "folder", out)
    monkeypatch.undo()
    monkeypatch.setattr(export_format, "_MOST_SHARD_ROWS", 16)
    assert not (out / "export.json").exists()
    first = out / "train" / "あ" / "00000000.png"
    written_at = first.stat().st_mtime_ns
    done = export_dataset("folder", dataset.folder, out)
    assert first.stat().st_mtime_ns == written_at
    assert (done.n_rows, done.n_written) == (47, 47 - 32)
    assert read_all_bytes(out) == read_all_bytes(whole)
    assert export_dataset("folder", dataset.folder, out).n_written == 0


def test_a_folder_of_something_else_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    assert fail_to_export(dataset, "folder", tmp_path / "full") == (
        f"{tmp_path}/full: holds something else: x (--force replaces it, --out DIR takes another folder)"
    )
    other = "holds an export of another dataset, format, option or version"
    out = export(dataset, "folder", tmp_path / "out")
    assert other in fail_to_export(dataset, "folder", out, splits=("test",))
    options = ExportOptions(splits=("test",))
    export_dataset("folder", dataset.folder, out, options=options, force=True)
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["pictures", "test"]
    assert "lies in the source" in fail_to_export(dataset, "folder", dataset.folder / "out")


def test_what_differs_from_the_dataset_is_named(dataset: Dataset, tmp_path: Path) -> None:
    out = export(dataset, "folder", tmp_path / "out", verify=False)
    [picture] = out.glob("test/*/00000043.png")
    [other] = out.glob("test/*/00000044.png")
    again = "(export again, with --force)"
    content = picture.read_bytes()
    picture.write_bytes(other.read_bytes())
    assert fail_to_export(dataset, "folder", out) == (
        f"{out}/test: row 43: other pixels than in the dataset {again}"
    )
    picture.write_bytes(content[:-50])
    assert "test: damaged or cut short (export" in fail_to_export(dataset, "folder", out)
    picture.unlink()
    assert "00000043.png'" in fail_to_export(dataset, "folder", out)
    picture.write_bytes(content)
    export(dataset, "folder", out)
    (picture.parent / "00000099.png").write_bytes(content)
    assert "test: holds 8 images, expected 7" in fail_to_export(dataset, "folder", out)


@pytest.mark.parametrize(
    ("target_format", "options", "message"),
    [
        ("zip", {}, "target_format: found 'zip', expected one of folder,"),
        ("folder", {"splits": ("dev",)}, "splits: found 'dev', expected one of train, val, test"),
        ("folder", {"splits": ("val",)}, "no rows in these splits, expected some"),
        ("coco", {"names": "codepoint"}, "--names: not for coco, expected only with folder"),
        ("coco", {}, "has no boxes, expected pages"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(
    dataset: Dataset, target_format: str, options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    said = fail_to_export(dataset, target_format, tmp_path / "out", **options)
    assert message in said
    assert "\n" not in said
    assert not (tmp_path / "out").exists()


def test_what_a_format_cannot_say_is_told_with_a_way_out(dataset: Dataset, tmp_path: Path) -> None:
    black = make_dataset(tmp_path / "black", ("あ",), polarity="black-on-white")
    for target_format in ("k49", "kuzushiji", "idx"):
        assert fail_to_export(black, target_format, tmp_path / "out") == (
            f"{black.folder}: is black-on-white, which {target_format} cannot say: its readers expect"
            " white-on-black (--polarity white-on-black turns it)"
        )
    out = export(black, "kuzushiji", tmp_path / "turned", polarity="white-on-black")
    np.testing.assert_array_equal(np.load(out / "images.npy"), np.asarray(black.ink[:40]))
    assert fail_to_export(dataset, "k49", tmp_path / "out").startswith(
        f"{dataset.folder}: '..' (U+002E U+002E), 'NUL' (U+004E U+0055 U+004C)"
    )
    assert "kuzushiji has train rows alone" in fail_to_export(
        dataset, "kuzushiji", tmp_path / "out", splits=("test",)
    )
    many = make_dataset(tmp_path / "many", tuple(map(chr, range(0x4E00, 0x4F01))))
    assert "257 classes, and a label of idx is one byte" in fail_to_export(
        many, "idx", tmp_path / "out"
    )


@pytest.mark.parametrize("target_format", ["idx", "npz"])
def test_a_label_that_differs_is_named(
    dataset: Dataset, target_format: str, tmp_path: Path
) -> None:
    out = export(dataset, target_format, tmp_path / "out", verify=False)
    if target_format == "idx":
        path, at = out / "t10k-labels-idx1-ubyte", 8
    else:
        path = out / "odd.npz"
        at = path.read_bytes().index(b"PK\x01\x02") - 400
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    said = fail_to_export(dataset, target_format, out)
    if target_format == "idx":
        assert f"{out}/t10k-images-idx3-ubyte: row 40: label 5, expected 4: 'NUL'" in said
    else:
        assert "damaged: Bad CRC-32" in said


def test_an_unfinished_dataset_and_wrong_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(DatasetError, match=r"unfinished, it has no index\.json"):
        export_dataset("folder", tmp_path / "d", tmp_path / "out")
    with pytest.raises(ChoiceError, match="names: found 'x'"):
        ExportOptions(names="x")
    with pytest.raises(ChoiceError, match="polarity: found 'x'"):
        ExportOptions(polarity="x")


@pytest.mark.slow
def test_a_kill_leaves_nothing_that_a_second_run_does_not_finish(
    dataset: Dataset, tmp_path: Path
) -> None:
    """On two processes, killed as soon as a shard is finished."""
    program = (
        "import sys\nfrom glyphgen.exchange import export_format, exporting\n"
        "export_format._MOST_SHARD_ROWS = 4\n"
        "if __name__ == '__main__':\n"
        "    done = exporting.export_dataset(*sys.argv[1:], workers=2)\n"
        "    print(done.n_written)\n"
    )
    (tmp_path / "run.py").write_text(program)
    out = tmp_path / "out"
    command = [sys.executable, *map(str, [tmp_path / "run.py", "folder", dataset.folder, out])]
    killed = subprocess.Popen(command)
    while not any((out / ".work").glob("shard-*.json")) and killed.poll() is None:
        time.sleep(0.001)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert 0 <= int(done.stdout) <= 43
    export(dataset, "folder", tmp_path / "whole")
    whole = {k: v for k, v in read_all_bytes(tmp_path / "whole").items() if k.endswith(".png")}
    assert {k: v for k, v in read_all_bytes(out).items() if k.endswith(".png")} == whole


@pytest.mark.slow
def test_a_disk_that_fills_is_one_line(characters: Dataset, tmp_path: Path) -> None:
    """Files may not be larger than a kilobyte: the system refuses as it does where a disk is full."""
    program = (
        "import resource, sys\n"
        "from glyphgen.errors import DatasetError\n"
        "from glyphgen.exchange.exporting import export_dataset\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "for name in sys.argv[3:]:\n"
        "    try:\n"
        "        export_dataset(name, sys.argv[1], f'{sys.argv[2]}/{name}')\n"
        "    except DatasetError as error:\n"
        "        print(name, error)\n"
    )
    names = [name for name in _FORMATS if name != "folder"]
    command = [sys.executable, "-c", program, *map(str, (characters.folder, tmp_path)), *names]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == names
    assert all("cannot be written: " in line for line in lines), lines
    assert not list(tmp_path.rglob("export.json"))


def test_a_library_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "absent", None)
    with pytest.raises(MachineError) as caught:
        export_format.require_library("absent.reader", "parquet", "export parquet")
    assert str(caught.value) == (
        "export parquet: the library absent is not installed (pip install 'glyphgen[parquet]')"
    )


# --- Names of folders


def make_classes(*labels: str) -> tuple[ClassInfo, ...]:
    return tuple(
        ClassInfo(index=k, label=label, forms=(), codepoints=(), names=(), rows={})
        for k, label in enumerate(labels)
    )


def test_labels_that_are_no_file_names_are_spelled_reversibly() -> None:
    spelled = {
        "あ": "あ", "cat": "cat", "/": "%2F", "..": "%2E%2E", ".": "%2E", "NUL": "%4EUL",
        "con": "%63on", "aux.txt": "%61ux.txt", "console": "console", "a.": "a%2E", "a ": "a%20",
        "%41": "%2541", "x:y": "x%3Ay", "\n": "%0A", "A": "%41", "a": "a", "Ä": "%C3%84",
        "ä": "%C3%A4", "が": "%E3%81%8C", "か\u3099": "か\u3099", "B": "B", "-x": "%2Dx",
    }  # fmt: skip
    names = name_folders(make_classes(*spelled), "label")
    assert dict(zip(spelled, names, strict=True)) == spelled
    assert len({name.casefold() for name in names}) == len(names)
    long = name_folders(make_classes("x" * 300, "x" * 301, ""), "label")
    assert len({*long}) == 3
    assert all(len(name.encode()) < 255 and "%~" in name for name in long)


def test_folders_may_be_named_by_code_points() -> None:
    classes = (
        ClassInfo(index=0, label="x", forms=("あ",), codepoints=(("U+3042",),), names=(), rows={}),
        ClassInfo(
            index=1, label="が", forms=("か\u3099",), codepoints=(("U+304B", "U+3099"),), names=(), rows={}
        ),
        *make_classes("", "", "word")[2:],
    )  # fmt: skip
    assert name_folders(classes, "codepoint") == ("U+3042", "U+304B_U+3099", "word")


# --- Each format by its own library


@pytest.mark.filterwarnings("ignore")  # of torchvision's own
def test_torchvision_reads_folders(dataset: Dataset, tmp_path: Path) -> None:
    """Its classes are the folders by name; classes.json tells which of ours each is."""
    from stubbed_torchvision import load_torchvision

    image_folder = load_torchvision("torchvision.datasets.folder").ImageFolder
    out = export(dataset, "folder", tmp_path / "out")
    page = json.loads((out / "classes.json").read_text(encoding="utf-8"))
    label_of = {entry["folder"]: entry["label"] for entry in page["classes"]}
    for split in ("train", "test"):
        found = image_folder(str(out / split), allow_empty=True)
        images = [(Path(path).stem, np.asarray(image)[..., 0], label_of[found.classes[label]])
                  for (path, _), (image, label) in zip(found.samples, found, strict=True)]  # fmt: skip
        images.sort(key=lambda entry: entry[0])
        expected, labels = read_split(dataset, split)
        np.testing.assert_array_equal(np.stack([image for _, image, _ in images]), expected)
        assert [label for *_, label in images] == labels


@pytest.mark.filterwarnings("ignore")  # of torchvision's own
def test_torchvision_reads_idx(dataset: Dataset, tmp_path: Path) -> None:
    from stubbed_torchvision import load_torchvision

    mnist = load_torchvision("torchvision.datasets.mnist")
    out = export(dataset, "idx", tmp_path / "out")
    for side, split in (("train", "train"), ("t10k", "test")):
        images = mnist.read_image_file(str(out / f"{side}-images-idx3-ubyte")).numpy()
        labels = mnist.read_label_file(str(out / f"{side}-labels-idx1-ubyte")).tolist()
        expected, names = read_split(dataset, split)
        np.testing.assert_array_equal(images, expected)
        assert [CLASSES[label] for label in labels] == names


def test_numpy_reads_npz_k49_and_kuzushiji(
    dataset: Dataset, characters: Dataset, tmp_path: Path
) -> None:
    train, labels = read_split(dataset, "train")
    for path in (
        export(dataset, "npz", tmp_path / "npz") / "odd.npz",
        export(dataset, "npz", tmp_path / "one.npz"),
    ):
        with np.load(path) as arrays:
            assert sorted(arrays) == ["class_names", "x_test", "x_train", "y_test", "y_train"]
            np.testing.assert_array_equal(arrays["x_train"], train)
            assert arrays["class_names"][arrays["y_train"]].tolist() == labels
    assert sorted(path.name for path in tmp_path.iterdir()) == ["npz", "one.npz"]
    assert "is there already" in fail_to_export(dataset, "npz", tmp_path / "one.npz")

    out = export(characters, "k49", tmp_path / "k49")
    train, labels = read_split(characters, "train")
    np.testing.assert_array_equal(np.load(out / "odd-train-imgs.npz")["arr_0"], train)
    table = (out / "odd_classmap.csv").read_text(encoding="utf-8").splitlines()
    assert table == [
        "index,codepoint,char", "0,U+3042,あ", "1,U+0061,a", '2,U+002C,","', '3,U+0022,""""', "4,U+1B001,𛀁"
    ]  # fmt: skip
    found = np.load(out / "odd-train-labels.npz")["arr_0"]
    assert (found.dtype, [characters.classes[k].label for k in found]) == (np.uint8, labels)

    out = export(characters, "kuzushiji", tmp_path / "kuzushiji")
    np.testing.assert_array_equal(np.load(out / "images.npy"), train)
    assert np.load(out / "labels.npy").dtype == np.int32
    page = json.loads((out / "index.json").read_text(encoding="utf-8"))
    assert page["codepoint_to_id"]["あ (U+3042)"] == 0
    assert [list(page["codepoint_to_id"])[k][0] for k in np.load(out / "labels.npy")] == labels


def test_datasets_loads_parquet_whole_and_streamed(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets: Any = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    out = export(dataset, "parquet", tmp_path / "out")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    streamed = datasets.load_dataset(str(out), streaming=True)
    assert sorted(loaded) == ["test", "train"]
    for found in (loaded, streamed):
        for split in ("train", "test"):
            rows = list(found[split])
            expected, labels = read_split(dataset, split)
            np.testing.assert_array_equal([np.asarray(row["image"]) for row in rows], expected)
            names = loaded[split].features["label"].names
            assert [names[row["label"]] for row in rows] == labels
    content = (out / "data" / "test-00000-of-00001.parquet").read_bytes()
    at = content.index(b"IDAT") + 8
    flipped = content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]
    (out / "data" / "test-00000-of-00001.parquet").write_bytes(flipped)
    assert "cannot be read back" in fail_to_export(dataset, "parquet", out)


@pytest.mark.parametrize("target_format", ["folder", "webdataset"])
def test_datasets_loads_folders_and_tars_by_their_cards(
    dataset: Dataset, target_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets: Any = importlib.import_module("datasets")
    datasets.disable_progress_bars()
    out = export(dataset, target_format, tmp_path / "out", verify=False)
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 40, "test": 7}


@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_its_samples(dataset: Dataset, tmp_path: Path) -> None:
    import webdataset

    out = export(dataset, "webdataset", tmp_path / "out")
    for split in ("train", "test"):
        samples = list(
            webdataset.WebDataset(str(out / f"{split}-000000.tar"), shardshuffle=False).decode("l8")
        )
        expected, labels = read_split(dataset, split)
        np.testing.assert_array_equal([sample["png"] for sample in samples], expected)
        assert [CLASSES[sample["cls"]] for sample in samples] == labels
        assert [sample["json"]["label"] for sample in samples] == labels
    with tarfile.open(out / "train-000000.tar") as archive:
        members = archive.getmembers()
    assert {(member.mtime, member.uid, member.uname, member.mode) for member in members} == {
        (0, 0, "", 0o644)
    }


def test_tfrecord_reads_its_examples(dataset: Dataset, tmp_path: Path) -> None:
    from tfrecord.reader import tfrecord_loader

    out = export(dataset, "tfrecord", tmp_path / "out")
    path = out / "test-00000-of-00001.tfrecord"
    wanted = {"image": "byte", "label": "int", "text": "byte"}
    examples = list(tfrecord_loader(str(path), None, wanted))
    expected, labels = read_split(dataset, "test")
    images = [np.asarray(Image.open(io.BytesIO(example["image"]))) for example in examples]
    np.testing.assert_array_equal(images, expected)
    assert [CLASSES[int(example["label"][0])] for example in examples] == labels
    assert [bytes(example["text"]).decode() for example in examples] == labels
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    assert "damaged at byte 12" in fail_to_export(dataset, "tfrecord", out)


def test_lmdb_is_as_recognizers_read_it(dataset: Dataset, tmp_path: Path) -> None:
    import lmdb

    out = export(dataset, "lmdb", tmp_path / "out")
    expected, labels = read_split(dataset, "train")
    with lmdb.open(str(out / "train"), readonly=True, lock=False) as environment, \
            environment.begin() as transaction:  # fmt: skip
        assert transaction.get(b"num-samples") == b"40"
        for number, (image, label) in enumerate(zip(expected, labels, strict=True), 1):
            picture = Image.open(io.BytesIO(transaction.get(b"image-%09d" % number) or b""))
            np.testing.assert_array_equal(np.asarray(picture), image)
            assert transaction.get(b"label-%09d" % number) == label.encode()


# --- And back


_LABELS = st.lists(
    st.text(min_size=1, max_size=6).filter(lambda text: text.isprintable() or text < "\u2000"),
    min_size=1, max_size=6, unique_by=compose_text,
)  # fmt: skip


@pytest.mark.parametrize("target_format", [name for name in _FORMATS if name != "k49"])
@settings(
    max_examples=3,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
@given(
    labels=_LABELS,
    height=st.integers(1, 9),
    width=st.integers(2, 9),
    is_black=st.booleans(),
)
def test_what_is_exported_and_imported_is_equal(
    tmp_path_factory: pytest.TempPathFactory,
    target_format: str,
    labels: list[str],
    height: int,
    width: int,
    is_black: bool,
) -> None:
    folder = tmp_path_factory.mktemp("back")
    says_no_polarity = target_format in ("kuzushiji", "idx")
    polarity = "black-on-white" if is_black and not says_no_polarity else "white-on-black"
    check_both_ways(folder, target_format, labels, height, width, polarity)


@pytest.mark.parametrize("labels", ["あ", "𛀁か,", "aAäÄ\u0e33"])
def test_k49_comes_back_equal(tmp_path: Path, labels: str) -> None:
    check_both_ways(tmp_path, "k49", list(labels), 4, 7, "white-on-black")


def check_both_ways(
    folder: Path, target_format: str, labels: Sequence[str], height: int, width: int, polarity: str
) -> None:
    splits = {"train": (0, 9), "val": (9, 12), "test": (12, 16)}
    dataset = make_dataset(
        folder / "d", tuple(labels), height=height, width=width, polarity=polarity, splits=splits
    )
    out = export(dataset, target_format, folder / "out", verify=False)
    source_format = {"idx": "mnist", "npz": "arrays"}.get(target_format, target_format)
    source = out / "odd.npz" if target_format == "npz" else out
    import_dataset(source_format, source, folder / "back")
    back = load(folder / "back")
    assert [info.label for info in back.classes] == [compose_text(label) for label in labels]
    assert [info.forms for info in back.classes] == [info.forms for info in dataset.classes]
    for split in json.loads((out / "export.json").read_text(encoding="utf-8"))["splits"]:
        own, other = load(folder / "d", split), load(folder / "back", split)
        for label in range(len(labels)):
            np.testing.assert_array_equal(
                np.asarray(own.ink)[np.asarray(own.labels) == label],
                np.asarray(other.ink)[np.asarray(other.labels) == label],
            )
