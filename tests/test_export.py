"""export: what each format holds, read by its own library; and what is refused, in one line."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from exported_datasets import make_dataset
from tiny_datasets import read_all_bytes

from glyphgen.choices import EXPORT_FORMATS
from glyphgen.dataset.index import ClassInfo
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import ChoiceError, DatasetError, GlyphgenError, MachineError
from glyphgen.exchange import export_format, exporting
from glyphgen.exchange.class_folders import name_folders
from glyphgen.exchange.export_format import ExportOptions
from glyphgen.exchange.exporting import export_dataset

_FORMATS = [name for name in EXPORT_FORMATS if name != "coco"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of 5 x 9 pixels, 40 rows of train, none of val, 7 of test; its labels are odd."""
    return make_dataset(tmp_path_factory.mktemp("export") / "odd")


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
    dataset: Dataset, target_format: str, tmp_path: Path
) -> None:
    first = export(dataset, target_format, tmp_path / "a")
    assert not (first / ".work").exists()
    assert read_all_bytes(first) == read_all_bytes(export(dataset, target_format, tmp_path / "b"))
    page = json.loads((first / "export.json").read_text(encoding="utf-8"))
    assert page["digest"] == dataset.digest
    assert page["polarity"] == "white-on-black"
    train_only = {"train": 40} if target_format == "kuzushiji" else {"train": 40, "test": 7}
    assert page["splits"] == train_only


@pytest.mark.usefixtures("small_shards")
def test_an_export_goes_on_where_it_was_interrupted(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = export(dataset, "folder", tmp_path / "whole"), tmp_path / "out"
    write_unsafely, written = exporting.open_store, []

    def stop_at_the_third_note(folder: Path) -> Any:
        written.append(folder)
        if len(written) > 2:
            raise KeyboardInterrupt
        return write_unsafely(folder)

    monkeypatch.setattr(exporting, "open_store", stop_at_the_third_note)
    with pytest.raises(KeyboardInterrupt):
        export(dataset, "folder", out)
    monkeypatch.undo()
    monkeypatch.setattr(export_format, "_MOST_SHARD_ROWS", 16)
    assert not (out / "export.json").exists()
    done = export_dataset("folder", dataset.folder, out)
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
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == ["test"]
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
    assert "test: cannot be read back" in fail_to_export(dataset, "folder", out)
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


def test_an_unfinished_dataset_and_wrong_words_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(DatasetError, match="unfinished, it has no index.json"):
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
    command = [sys.executable, tmp_path / "run.py", "folder", dataset.folder, out]
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
