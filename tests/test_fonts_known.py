"""A face that was read before is found again by its bytes, and needs no process."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, FONTS, RING, MakeFont

from glyphgen.errors import UnreadableFontError
from glyphgen.files.cache import Cache
from glyphgen.fonts import Face, FaceRequest, KnownFaces, license
from glyphgen.outlines import process as reading
from glyphgen.outlines.child import ReaderProcess
from glyphgen.outlines.process import FontReader
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import survey_faces

WriteRecipe = Callable[[str], Path]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "glyphgen" / "faces"


@pytest.fixture
def n_started(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the processes that have been started."""
    started = []

    def start(log: Path) -> ReaderProcess:
        started.append(log)
        return ReaderProcess(log)

    monkeypatch.setattr(reading, "ReaderProcess", start)
    return lambda: len(started)


def read(*requests: FaceRequest, sanitize: bool = False) -> tuple[Face, ...]:
    known = KnownFaces(sanitize=sanitize)
    with FontReader(sanitize=sanitize, known=known) as reader:
        return reader.read_faces(requests)[0]


def test_a_face_is_read_once(make_font: MakeFont, kept: Path, n_started: Callable[[], int]) -> None:
    asked = FaceRequest(path=make_font("a.ttf", {"A": BOX}))
    first = read(asked)
    assert n_started() == 1
    assert read(asked) == first
    assert n_started() == 1


def test_a_face_is_found_wherever_its_file_lies(
    make_font: MakeFont, kept: Path, tmp_path: Path, n_started: Callable[[], int]
) -> None:
    here = make_font("a.ttf", {"A": BOX})
    read(FaceRequest(path=here))
    (tmp_path / "there").mkdir()
    there = Path(shutil.copy(here, tmp_path / "there"))
    [face] = read(FaceRequest(path=there))
    assert face.path == there
    assert n_started() == 1


def test_other_bytes_are_another_face_even_of_the_same_age(
    make_font: MakeFont, kept: Path, n_started: Callable[[], int]
) -> None:
    path = make_font("a.ttf", {"A": BOX}, family="Old")
    [old] = read(FaceRequest(path=path))
    time = path.stat().st_mtime_ns
    make_font("a.ttf", {"A": RING}, family="New")
    os.utime(path, ns=(time, time))
    [new] = read(FaceRequest(path=path))
    assert (old.family, new.family) == ("Old", "New")
    assert old.sha256 != new.sha256
    assert n_started() == 2


@pytest.mark.slow
def test_asked_for_otherwise_or_not_sanitized_is_another(
    make_font: MakeFont, kept: Path, n_started: Callable[[], int]
) -> None:
    path = make_font("a.ttf", {"A": BOX})
    read(FaceRequest(path=path))
    [face] = read(FaceRequest(path=path, weight=3))
    assert face.weight == 3
    assert n_started() == 2
    read(FaceRequest(path=path), sanitize=True)
    assert n_started() == 3


def test_a_catalogue_beside_the_font_is_looked_at_again(kept: Path, tmp_path: Path) -> None:
    font = tmp_path / "kana" / "kiloji.ttf"
    font.parent.mkdir()
    shutil.copy(FONTS / "kana" / "kiloji.ttf", font)
    [silent] = read(FaceRequest(path=font))
    rows = "folder\tfile\tlicence\tpackage\nkana\tkiloji.ttf\tLicenseRef-told\tkiloji\n"
    other = tmp_path / "other" / "kana" / "kiloji.ttf"
    other.parent.mkdir(parents=True)
    shutil.copy(font, other)
    (tmp_path / "other" / "FONTS.tsv").write_text(rows)
    [told] = read(FaceRequest(path=other))
    assert told.license == "LicenseRef-told" != silent.license


def test_a_catalogue_does_not_reach_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "id_rsa").write_text("PRIVATE KEY")
    home = tmp_path / "fonts"
    (home / "kana").mkdir(parents=True)
    (home / "licences").mkdir()
    font = Path(shutil.copy(FONTS / "kana" / "kiloji.ttf", home / "kana"))
    rows = "folder\tfile\tlicence\tpackage\nkana\tkiloji.ttf\tx\t{}\n"
    (home / "licences" / "x.txt").symlink_to(tmp_path / "id_rsa")
    (home / "FONTS.tsv").write_text(rows.format("x"))

    def refusal() -> str:
        license._read_catalogue.cache_clear()
        with pytest.raises(UnreadableFontError) as caught:
            license.find_beside(font)
        return str(caught.value)

    out = f"is a link that leads out of {home}, expected"
    assert refusal() == f"{home}/licences/x.txt: {out} the text of a license in it"
    (home / "FONTS.tsv").write_text(rows.format("../../id_rsa"))
    license._read_catalogue.cache_clear()
    assert license.find_beside(font) == license.License(name="x", text="")
    with (home / "licences" / "id_rsa.txt").open("wb") as file:
        file.truncate(6 << 30)
    assert refusal() == (
        f"{home}/licences/id_rsa.txt: is 6,144 MiB large, expected at most 1 MiB of the text of a license"
    )
    (home / "FONTS.tsv").unlink()
    os.mkfifo(home / "FONTS.tsv")
    assert refusal() == f"{home}/FONTS.tsv: is a named pipe, expected a catalogue of fonts"


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"x": 1', b'{"x": 3}', b"\xff"])
def test_a_damaged_file_holds_nothing(
    make_font: MakeFont, kept: Path, n_started: Callable[[], int], damage: bytes
) -> None:
    asked = FaceRequest(path=make_font("a.ttf", {"A": BOX}))
    first = read(asked)
    [face] = kept.glob("*/face.json")
    face.write_bytes(damage)
    assert read(asked) == first
    assert n_started() == 2


def test_a_page_of_other_keys_is_read_anew(
    make_font: MakeFont, kept: Path, n_started: Callable[[], int]
) -> None:
    asked = FaceRequest(path=make_font("a.ttf", {"A": BOX}))
    first = read(asked)
    [entry] = kept.iterdir()
    Cache(kept, 9).write(entry.name, lambda new: (new / "face.json").write_text('{"index": 0}'))
    assert read(asked) == first
    assert n_started() == 2


def test_a_place_that_cannot_be_written_is_no_error(make_font: MakeFont, kept: Path) -> None:
    kept.parent.parent.write_text("a file")
    assert read(FaceRequest(path=make_font("a.ttf", {"A": BOX})))


def test_a_survey_that_was_made_before_starts_nothing(
    make_font: MakeFont, write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    for name in "abc":
        make_font(f"{name}.ttf", {"A": BOX, "B": RING})
    recipe = read_recipe(write_recipe('classes.text = "AB"\nfonts.files = ["*.ttf"]'))
    first = survey_faces(recipe)
    monkeypatch.setattr(reading, "ReaderProcess", None)
    assert survey_faces(recipe).faces == first.faces
