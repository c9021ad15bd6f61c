"""Fonts that attack their reader, in every way that is known: refused by name, and the run goes on."""

import io
import json
import os
import re
import signal
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, MakeFont
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable
from fontTools.ttLib.ttCollection import TTCollection
from listening import Listener
from prepared_renders import give, read_outlines

from glyphgen.engines.imagemagick import ImageMagickEngine
from glyphgen.errors import (
    EngineError,
    FontError,
    GlyphgenError,
    MachineError,
    UnreadableFontError,
    WorkerError,
)
from glyphgen.fonts import FaceRequest, find_requests, read_face
from glyphgen.fonts.sanitizer import _find_program
from glyphgen.outlines import OutlineStore, process
from glyphgen.outlines.process import FontReader, Limits
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render, survey_faces
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]
KANA = sorted((FONTS / "kana").glob("[A-K]*.ttf"))
WHOLE = "(expected a whole TrueType or OpenType file: .ttf, .otf, .ttc, .woff, .woff2)"


def pack(path: Path, flavor: str) -> Path:
    font = TTFont(path)
    font.flavor = flavor
    packed = path.with_suffix(f".{flavor}")
    font.save(packed)
    return packed


def reason(path: Path, *, sanitize: bool = False) -> str:
    with pytest.raises(UnreadableFontError) as caught:
        read_face(path, sanitize=sanitize)
    place, _, said = str(caught.value).partition(f"{path}: ")
    assert place == ""
    return said


# --- packed fonts ---


@pytest.mark.parametrize("flavor", ["woff", "woff2"])
def test_a_packed_font_is_drawn_like_the_font_in_it(flavor: str, tmp_path: Path) -> None:
    plain = tmp_path / "klee.ttf"
    plain.write_bytes((FONTS / "kana" / "KleeOne_400Regular.ttf").read_bytes())
    packed = read_face(pack(plain, flavor))
    assert packed.sha256 != read_face(plain).sha256
    assert (packed.family, packed.license) == ("Klee One", "OFL-1.1")
    a, b = (read_outlines([face], list("あア漢")) for face in (packed, read_face(plain)))
    for name in OutlineStore.__slots__:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


@pytest.mark.parametrize(
    ("engine", "flavor"),
    [
        ("vector", "woff"),
        ("vector", "woff2"),
        ("pillow", "woff"),
        ("pillow", "woff2"),
        ("imagemagick", "woff"),
    ],
)
def test_every_engine_draws_packed_fonts(
    make_font: MakeFont, write_recipe: WriteRecipe, flavor: str, engine: str
) -> None:
    pack(make_font("x.ttf", {"A": BOX, "B": RING}), flavor)
    images = []
    for name in ("x.ttf", f"x.{flavor}"):
        recipe = read_recipe(
            write_recipe(f'classes.text = "AB"\nfonts.files = ["{name}"]\nrender.per_class = 3'),
            [f"render.engine={engine}"],
        )
        prepared = prepare_render(recipe)
        out = np.zeros((6, 64, 64), np.uint8)
        prepared.open_engine().draw(prepared.plan.rows(0, 6), out)
        images.append(out)
    assert images[0].any()
    assert np.array_equal(images[0], images[1])


def test_imagemagick_says_that_it_draws_no_woff2(make_font: MakeFont) -> None:
    path = pack(make_font("x.ttf", {"A": BOX}), "woff2")
    with pytest.raises(EngineError) as caught:
        ImageMagickEngine(give([read_face(path)], ["A"], 64, 64))
    assert str(caught.value) == (
        f"{path}: ImageMagick draws no WOFF2 fonts (use the engine 'vector' or 'pillow')"
    )


def test_what_says_that_it_unpacks_to_too_much_is_refused(make_font: MakeFont) -> None:
    path = pack(make_font("x.ttf", {"A": BOX}), "woff")
    data = bytearray(path.read_bytes())
    struct.pack_into(">L", data, 16, 65 << 20)
    path.write_bytes(data)
    assert reason(path) == (
        f"a WOFF of {len(data):,} bytes that unpacks to 65 MiB, expected at most 64 MiB of a packed font"
    )
    path = pack(path.with_suffix(".ttf"), "woff2")
    data = bytearray(path.read_bytes())
    struct.pack_into(">L", data, 16, 1 << 31)
    path.write_bytes(data)
    assert reason(path) == (
        f"a WOFF2 of {len(data):,} bytes that unpacks to 2,048 MiB,"
        " expected at most 64 MiB of a packed font"
    )


def test_what_says_that_one_table_is_too_large_is_refused(make_font: MakeFont) -> None:
    path = pack(make_font("x.ttf", {"A": BOX}), "woff")
    data = bytearray(path.read_bytes())
    struct.pack_into(">L", data, 44 + 12, 3 << 30)
    path.write_bytes(data)
    assert " bytes that unpacks to 3,072 MiB, " in reason(path)


def put_bomb(path: Path, n_bytes: int) -> None:
    """Make the first table of a WOFF file unpack to more than its entry says."""
    data = bytearray(path.read_bytes())
    bomb = zlib.compress(bytes(n_bytes), 9)
    struct.pack_into(">LLL", data, 44 + 4, len(data), len(bomb), len(bomb) + 1)
    path.write_bytes(bytes(data) + bomb)


@pytest.mark.slow
def test_a_table_that_unpacks_to_more_than_it_says_is_refused(make_font: MakeFont) -> None:
    path = pack(make_font("x.ttf", {"A": BOX}), "woff")
    put_bomb(path, 400 << 20)
    small = Limits(memory_bytes=300 << 20)  # what is unpacked in one go does not fit
    with pytest.raises(FontError) as caught, FontReader(sanitize=False, limits=small) as reader:
        reader.read_faces([FaceRequest(path=path)])
    assert list(caught.value.problems) == [
        f"{path}: a WOFF of {path.stat().st_size:,} bytes that unpacks to more than its header says,"
        " expected a whole file"
    ]


def test_a_brotli_stream_that_unpacks_to_more_than_it_says_is_refused(make_font: MakeFont) -> None:
    import brotli

    path = pack(make_font("x.ttf", {"A": BOX}), "woff2")
    data = path.read_bytes()
    start = _find_stream(data)
    bomb = brotli.compress(bytes(400 << 20), quality=1)
    changed = bytearray(data[:start] + bomb)
    struct.pack_into(">L", changed, 8, len(changed))
    struct.pack_into(">L", changed, 20, len(bomb))
    path.write_bytes(changed)
    small = Limits(memory_bytes=300 << 20)
    with pytest.raises(FontError) as caught, FontReader(sanitize=False, limits=small) as reader:
        reader.read_faces([FaceRequest(path=path)])
    assert list(caught.value.problems) == [
        f"{path}: a WOFF2 of {path.stat().st_size:,} bytes that unpacks to more than its header says,"
        " expected a whole file"
    ]


def _find_stream(data: bytes) -> int:
    """Return where the packed tables of a WOFF2 file begin: behind its directory."""
    from fontTools.ttLib.woff2 import WOFF2DirectoryEntry

    file = io.BytesIO(data)
    file.seek(48)
    for _ in range(struct.unpack_from(">H", data, 12)[0]):
        WOFF2DirectoryEntry().fromFile(file)
    return file.tell()


@pytest.mark.parametrize("flavor", ["woff", "woff2"])
def test_a_packed_font_that_is_cut_off_is_refused(make_font: MakeFont, flavor: str) -> None:
    path = pack(make_font("x.ttf", {"A": BOX}), flavor)
    data = path.read_bytes()
    for length in (6, 30, 60, len(data) // 2, len(data) - 60):
        path.write_bytes(data[:length])
        assert reason(path).startswith("not a font that can be read: "), length
        assert reason(path).endswith(WHOLE)


# --- the sanitizer ---


def test_what_the_sanitizer_rejects_is_refused_with_its_reason(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    font = TTFont(path)
    font["maxp"].compile = lambda _: struct.pack(">LH26x", 0x10000, 999)
    font.save(path)
    assert reason(path, sanitize=True) == (
        "rejected by the OpenType Sanitizer: hmtx: Failed to read side bearing 2"
        " (mend the font; fonts.sanitize = false reads it all the same)"
    )


def test_a_font_that_does_not_match_its_checksums_is_refused(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    data = bytearray(path.read_bytes())
    glyf = next(at for at in range(12, 300, 16) if data[at : at + 4] == b"glyf")
    data[struct.unpack_from(">L", data, glyf + 8)[0] + 20] ^= 1
    path.write_bytes(data)
    assert reason(path, sanitize=True) == (
        "damaged, table 'glyf' does not match its checksum"
        " (mend the font; fonts.sanitize = false reads it all the same)"
    )
    assert read_face(path).index == 0


def sum_of(table: bytes) -> int:
    words = np.frombuffer(table + bytes(-len(table) % 4), ">u4")
    return int(words.sum(dtype=np.uint64)) & 0xFFFF_FFFF


def write_checksum(path: Path, tag: bytes, checksum: int) -> None:
    """Write another checksum of a table into the directory of a font."""
    data = bytearray(path.read_bytes())
    record = next(at for at in range(12, 400, 16) if data[at : at + 4] == tag)
    struct.pack_into(">L", data, record + 4, checksum)
    path.write_bytes(data)


def test_both_readings_of_the_checksum_of_head_are_whole(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    head = TTFont(path).reader["head"]
    assert head[8:12] != bytes(4)
    write_checksum(path, b"head", sum_of(head))
    assert read_face(path, sanitize=True).index == 0
    write_checksum(path, b"head", sum_of(head[:8] + bytes(4) + head[12:]) ^ 1)
    assert reason(path, sanitize=True).startswith("damaged, table 'head' does not match")


def test_a_table_that_is_never_drawn_may_be_damaged(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: None)
    path = make_font("x.ttf", {"A": BOX})
    for tag, is_whole in (("EBDT", True), ("Zdrw", False)):
        font = TTFont(path)
        font[tag] = DefaultTable(tag)
        font[tag].data = b"bits"
        font.save(path)
        write_checksum(path, tag.encode(), 7)
        if is_whole:
            assert read_face(path, sanitize=True).index == 0
        else:
            assert reason(path, sanitize=True).startswith("damaged, table 'Zdrw' does not match")


def test_a_damaged_table_of_the_second_font_of_a_collection_is_named(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: None)
    collection = TTCollection()
    collection.fonts = [TTFont(make_font(f"{k}.ttf", {"A": [BOX, RING][k]})) for k in range(2)]
    path = make_font("x.ttf", {"A": BOX}).with_suffix(".ttc")
    collection.save(path)
    assert read_face(path, 1, sanitize=True).index == 1
    glyf = TTFont(path, fontNumber=1).reader.tables["glyf"]
    data = bytearray(path.read_bytes())
    data[glyf.offset + 20] ^= 1
    path.write_bytes(data)
    assert reason(path, sanitize=True).startswith("damaged, table 'glyf' does not match")


@pytest.mark.parametrize("ends", [(7, 3), (9, 7), (3, 3)])
def test_contours_out_of_order_are_refused_without_the_sanitizer_as_well(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch, ends: tuple[int, int]
) -> None:
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: None)
    path = make_font("x.ttf", {"A": BOX, "B": RING, "C": PAIR})
    assert read_face(path, sanitize=True).index == 0
    end_contours_at(path, glyph=3, ends=ends)
    assert reason(path, sanitize=True) == (
        "damaged, the contours of glyph 3 are out of order"
        " (mend the font; fonts.sanitize = false reads it all the same)"
    )
    assert reason(pack(path, "woff"), sanitize=True).startswith("damaged, the contours of glyph 3")


def end_contours_at(path: Path, *, glyph: int, ends: tuple[int, int]) -> None:
    """Rewrite where two contours end, and the checksum with it."""
    with TTFont(path) as font:
        glyf, start = font.reader.tables["glyf"], font["loca"].locations[glyph]
    data = bytearray(path.read_bytes())
    struct.pack_into(">HH", data, glyf.offset + start + 10, *ends)
    table = bytes(data[glyf.offset : glyf.offset + glyf.length])
    path.write_bytes(data)
    write_checksum(path, b"glyf", sum_of(table))


def test_the_sanitizer_can_be_turned_off(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    path = make_font("x.ttf", {"A": BOX})
    font = TTFont(path)
    del font["OS/2"]  # browsers need it, drawing does not
    font.save(path)
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["x.ttf"]')
    with pytest.raises(FontError, match="rejected by the OpenType Sanitizer: OS/2"):
        survey_faces(read_recipe(recipe))
    found = survey_faces(read_recipe(recipe, ["fonts.sanitize=false"]))
    assert found.verdict.admitted.all()


def test_where_the_sanitizer_is_absent_fonts_are_read_all_the_same(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_font("x.ttf", {"A": BOX})
    font = TTFont(path)
    del font["OS/2"]
    font.save(path)
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: None)
    assert read_face(path, sanitize=True).fs_type == "unknown"
    monkeypatch.undo()
    assert _find_program() is not None, "the sanitizer is among what the tests need"


def test_bundled_fonts_are_sane() -> None:
    assert all(read_face(path, sanitize=True).family for path in FONTS.glob("*/*.[ot]tf"))


# --- what is no file ---


@pytest.fixture
def odd_names(tmp_path: Path) -> Iterator[Path]:
    """A folder of names that are no font files."""
    folder = tmp_path / "odd"
    folder.mkdir()
    os.mkfifo(folder / "pipe.ttf")
    (folder / "self.ttf").symlink_to("self.ttf")
    (folder / "gone.ttf").symlink_to("nowhere.ttf")
    (folder / "device.ttf").symlink_to("/dev/zero")
    (folder / "folder.ttf").mkdir()
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(folder)  # the name of a socket is at most 107 bytes long
        unix.bind("socket.ttf")
        os.chdir(here)
        yield folder


def test_only_regular_files_are_opened(odd_names: Path, write_recipe: WriteRecipe) -> None:
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["odd/*.ttf"]')
    with pytest.raises(FontError) as caught:
        survey_faces(read_recipe(recipe))
    assert list(caught.value.problems) == [
        f"{odd_names}/device.ttf: a device, expected a font file",
        f"{odd_names}/gone.ttf: no such font file (paths are relative to the recipe)",
        f"{odd_names}/pipe.ttf: a named pipe, expected a font file",
        f"{odd_names}/self.ttf: a link that leads back to itself, expected a font file",
        f"{odd_names}/socket.ttf: a socket, expected a font file",
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("self.ttf", "a link that leads back to itself, expected a font file"),
        ("pipe.ttf", "a named pipe, expected a font file"),
        ("folder.ttf", "a folder, expected a font file"),
    ],
)
def test_a_face_that_is_no_file_is_named(
    odd_names: Path, write_recipe: WriteRecipe, name: str, said: str
) -> None:
    recipe = write_recipe(f'classes.text = "A"\n[[fonts.faces]]\nfile = "odd/{name}"')
    with pytest.raises(FontError) as caught:
        survey_faces(read_recipe(recipe))
    assert str(caught.value) == f"{odd_names}/{name}: {said}"


def test_a_file_larger_than_any_font_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.ttf"
    with path.open("wb") as file:
        file.truncate(600 << 20)  # of which the disk holds nothing
    assert reason(path) == "600 MiB large, expected at most 512 MiB of a font file"


def test_a_glob_does_not_follow_links_in_circles(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    make_font("x.ttf", {"A": BOX}).rename(tmp_path / "a" / "b" / "x.ttf")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "b" / "here").symlink_to(".")
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["**/*.ttf", "a/**/x.ttf"]')
    assert [face.name for face in survey_faces(read_recipe(recipe)).faces] == ["x.ttf"]


# --- what is done to the reader ---


def read_with(requests: list[Path], limits: Limits) -> dict[str, list[str]]:
    """Read faces within limits; return what was wrong with each file."""
    with FontReader(sanitize=False, limits=limits) as reader:
        _, unread = reader.read_faces([FaceRequest(path=path) for path in requests])
    return {face.path.name: list(face.problems) for face in unread}


@pytest.fixture
def swelling(make_font: MakeFont) -> Path:
    """A font of 4 MB whose names all share one text, and are 4 GB when each has its own."""
    path = make_font("swelling.ttf", {"A": BOX})
    n_names, n_bytes = 20_000, 60_000
    records = b"".join(struct.pack(">6H", 3, 1, 0x409, 256 + k, n_bytes, 0) for k in range(n_names))
    # The count of bytes that lie before the texts has 16 bits: the texts lie over the records.
    name = struct.pack(">3H", 0, n_names, 6) + records
    font = TTFont(path)
    font["name"] = table = font["name"]
    table.compile = lambda _: name
    font.save(path)
    return path


def test_a_font_whose_names_would_swell_its_reader_is_refused(
    swelling: Path, make_font: MakeFont
) -> None:
    good = make_font("good.ttf", {"A": BOX})
    limits = Limits(memory_bytes=400 << 20, cpu_s=20)
    assert read_with([swelling, good], limits) == {
        "swelling.ttf": [
            f"{swelling}: holds 20,000 names that take 1,153 MiB, expected at most 16 MiB"
            " (mend the font, or leave it out)"
        ]
    }


ATTACKS = {
    "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "exit": "import os; os._exit(3)",
    "spin": "while True: pass",
    "sleep": "import time; time.sleep(1000)",
    "swell": "x = bytearray(2 << 30)",
    "chatter": "import os\nprint('{}')\nos.write(1, b'{}')",
}
SAID = {
    "crash": "crashes its reader (SIGSEGV) (mend the font, or leave it out)",
    "exit": "ends its reader with exit code 3 (mend the font, or leave it out)",
    "spin": "takes more than 1 s to read (mend the font, or leave it out)",
    "sleep": "takes more than 1 s to read (mend the font, or leave it out)",
    "swell": "takes more than 1,024 MiB of memory to read (mend the font, or leave it out)",
}


@pytest.fixture
def _reader_that_obeys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A font whose name is an attack does that to the process that reads it.

    No font is known that crashes today's libraries; what one would do stands in for it.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(
        f"""
import os, pathlib
whole = os.open
attacks = {ATTACKS!r}
def open(path, *how, **more):
    if pathlib.Path(path).stem in attacks:
        exec(attacks[pathlib.Path(path).stem], {{}})
    return whole(path, *how, **more)
os.open = open
"""
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setattr(Limits, "wall_s", lambda self, cpu_s: 3 * cpu_s)


@pytest.mark.slow
@pytest.mark.usefixtures("_reader_that_obeys")
def test_whatever_a_font_does_to_its_reader_the_others_are_read(
    make_font: MakeFont, tmp_path: Path
) -> None:
    names = ["one", *ATTACKS, "two"]
    paths = [make_font(f"{name}.ttf", {"A": BOX}) for name in names]
    unread = read_with(paths, Limits(memory_bytes=1 << 30, cpu_s=1))
    assert unread == {
        f"{name}.ttf": [f"{tmp_path}/{name}.ttf: {said}"] for name, said in SAID.items()
    }


@pytest.mark.usefixtures("_reader_that_obeys")
def test_where_refused_pairs_are_skipped_so_are_fonts_that_cannot_be_read(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    for name in ("one", "crash", "two"):
        make_font(f"{name}.ttf", {"A": BOX, "B": RING})
    path = write_recipe('classes.text = "AB"\nfonts.files = ["*.ttf"]\nrender.per_class = 5')
    said = f"{tmp_path}/crash.ttf: {SAID['crash']}"
    with pytest.raises(FontError) as caught:
        prepare_render(read_recipe(path))
    assert str(caught.value) == said
    recipe = read_recipe(path, ['gate.on_refused="skip"'])
    assert prepare_render(recipe).warnings[0] == f"{said}: left out"
    rendered = render_dataset(recipe, tmp_path / "set")
    assert rendered.n_rows == 10
    index = json.loads((tmp_path / "set" / "index.json").read_text())
    assert [face["file"] for face in index["faces"]] == ["one.ttf", "two.ttf"]
    gate = json.loads((tmp_path / "set" / "gate.json").read_text())
    assert gate["unread"] == [{"file": "crash.ttf", "index": 0, "reason": SAID["crash"]}]


@pytest.mark.slow
@pytest.mark.usefixtures("_reader_that_obeys")
def test_no_process_is_left_behind(make_font: MakeFont) -> None:
    limits = Limits(memory_bytes=1 << 30, cpu_s=1)
    with FontReader(sanitize=False, limits=limits) as reader:
        paths = [make_font(f"{name}.ttf", {"A": BOX}) for name in ("one", "spin", "crash")]
        reader.read_faces([FaceRequest(path=path) for path in paths])
        pids = [worker._process.pid for worker in reader._workers]
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_an_interruption_ends_the_reading(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = [FaceRequest(path=make_font(f"{k}.ttf", {"A": BOX})) for k in range(20)]
    reader = FontReader()
    ask = reader._ask_face

    def ask_and_interrupt(request: FaceRequest, count: Callable[[int], None]) -> dict[str, Any]:
        if request is requests[3]:
            signal.raise_signal(signal.SIGINT)
        return ask(request, count)

    monkeypatch.setattr(reader, "_ask_face", ask_and_interrupt)
    with pytest.raises(KeyboardInterrupt), reader:
        reader.read_faces(requests)
    assert all(worker._process.returncode is not None for worker in reader._workers)


def test_a_reader_that_cannot_start_says_why(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "numpy.py").write_text("raise ImportError('numpy is broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    path = make_font("x.ttf", {"A": BOX})
    with pytest.raises(WorkerError) as caught, FontReader() as reader:
        reader.read_faces([FaceRequest(path=path)])
    assert str(caught.value) == (
        "fonts: the process that reads them does not start: ImportError: numpy is broken"
    )


def test_other_processes_read_what_this_one_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "count_cpus", lambda: 3)
    forms = ["あ", "ア", "か゚", "漢"]
    with FontReader() as reader:
        faces, unread = reader.read_faces([FaceRequest(path=path) for path in KANA])
        read = reader.read_outlines(faces, forms, wobble_grid=3)
        assert len(reader._workers) > 1
    here = [read_face(path) for path in KANA]
    assert (list(faces), unread, read.unread) == (here, (), ())
    alone = read_outlines(here, forms, wobble_grid=3)
    for name in OutlineStore.__slots__:
        assert np.array_equal(getattr(read.store, name), getattr(alone, name)), name
    assert read.missing.n_cells == len(KANA)
    assert (read.missing.n_points > 0).any()


def test_a_face_with_many_forms_tells_how_far_it_is(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_REPORT_S", 0.001)
    listener = Listener()
    forms = ["A"] * 6000
    with FontReader(reporter=listener) as reader:
        faces, _ = reader.read_faces([FaceRequest(path=make_font("x.ttf", {"A": BOX}))])
        listener.steps.clear()
        assert reader.read_outlines(faces, forms).store.n_forms == 6000
    done = [(step.step, step.done, step.total, step.unit) for step in listener.steps]
    assert {(step, total, unit) for step, _, total, unit in done} == {
        ("read outlines", 6000, "cells")
    }
    assert done[-1] == ("read outlines", 6000, 6000, "cells")
    between = {n for _, n, _, _ in done} - {0, 6000}
    assert between
    assert between <= set(range(500, 6000, 500))


def test_settings_of_a_face_reach_the_process(variable_font: Path) -> None:
    request = FaceRequest(path=variable_font, axes=(("wght", 500.0),), weight=3)
    with FontReader() as reader:
        [face], _ = reader.read_faces([request])
        store = reader.read_outlines([face], ["A"]).store
    assert face == read_face(variable_font, axes={"wght": 500}, weight=3)
    assert store.box[0, 2] == pytest.approx(0.4)


def test_a_font_that_changes_while_it_is_read_is_left_out(make_font: MakeFont) -> None:
    paths = [make_font(f"{name}.ttf", {"A": BOX}) for name in ("still", "moving")]
    with FontReader() as reader:
        faces, _ = reader.read_faces([FaceRequest(path=path) for path in paths])
        make_font("moving.ttf", {"A": RING})
        read = reader.read_outlines(faces, ["A"])
        assert [face.name for face in read.faces] == ["still.ttf"]
        assert read.unread[0].problems == (
            f"{paths[1]}: has changed since its names were read (run the command again)",
        )
        make_font("still.ttf", {"A": RING})
        with pytest.raises(GlyphgenError, match=r"still\.ttf: has changed"):
            reader.read_outlines(read.faces, ["A"])


def test_equal_faces_are_read_once(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    make_font("x.ttf", {"A": BOX})
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["x.ttf", "*.ttf"]')
    requests, problems = find_requests(read_recipe(recipe))
    assert (len(requests), problems) == (2, ())
    assert len(survey_faces(read_recipe(recipe)).faces) == 1


# --- what the machine does is no fault of a font ---


@pytest.fixture
def three_fonts(make_font: MakeFont, write_recipe: WriteRecipe) -> Path:
    """A recipe that leaves out whatever font cannot be read."""
    for name in ("one", "two", "three"):
        make_font(f"{name}.ttf", {"A": BOX, "B": RING})
    return write_recipe('classes.text = "AB"\nfonts.files = ["*.ttf"]\ngate.on_refused = "skip"')


def machine_failure(recipe: Path) -> str:
    with pytest.raises(MachineError) as caught:
        survey_faces(read_recipe(recipe), use_cache=False)
    return str(caught.value)


@pytest.fixture
def in_the_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Let some statements run in the processes that read fonts, before they do."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(site))

    def run(statements: str) -> None:
        (site / "sitecustomize.py").write_text(statements, encoding="utf-8")

    return run


FULL = """
import pathlib
whole = pathlib.Path.open
class Full:
    def __init__(self, file): self.file = file
    def __enter__(self): return self
    def __exit__(self, *error): self.file.close()
    def write(self, data): raise OSError("8 requested and 4 written")
def open_full(path, mode="r", *rest, **options):
    file = whole(path, mode, *rest, **options)
    return Full(file) if path.suffix == ".outlines" else file
pathlib.Path.open = open_full
"""


def test_a_full_folder_for_temporary_files_leaves_no_font_out(
    three_fonts: Path, in_the_reader: Callable[[str], None]
) -> None:
    in_the_reader(FULL)
    assert re.fullmatch(
        r"/\S+/glyphgen-temporary-\w+: temporary files cannot be kept there for now:"
        r" No space left on device \(make room, or let TMPDIR name another folder\)",
        machine_failure(three_fonts),
    )


def test_a_machine_that_can_open_no_more_files_leaves_no_font_out(
    three_fonts: Path, in_the_reader: Callable[[str], None]
) -> None:
    in_the_reader(
        "import os\nwhole = os.open\n"
        "def open(path, *how, **more):\n"
        "    if str(path).endswith('two.ttf'): raise OSError(24, 'Too many open files')\n"
        "    return whole(path, *how, **more)\n"
        "os.open = open"
    )
    path = three_fonts.parent / "two.ttf"
    assert machine_failure(three_fonts) == f"{path}: cannot be read: Too many open files"


def test_a_reader_that_is_killed_from_outside_leaves_no_font_out(
    three_fonts: Path, in_the_reader: Callable[[str], None]
) -> None:
    in_the_reader(
        "import os\nwhole = os.open\n"
        "def open(path, *how, **more):\n"
        "    if str(path).endswith('two.ttf'): os.kill(os.getpid(), 9)\n"
        "    return whole(path, *how, **more)\n"
        "os.open = open"
    )
    path = three_fonts.parent / "two.ttf"
    assert machine_failure(three_fonts) == (
        f"{path}: the process that read this font was ended from outside (SIGKILL), often by the"
        " system for want of memory (make room in memory, and run the command again)"
    )


def test_a_limit_of_the_users_on_memory_leaves_no_font_out(
    three_fonts: Path, in_the_reader: Callable[[str], None]
) -> None:
    in_the_reader(
        "import os, resource\nwhole = os.open\n"
        "def open(path, *how, **more):\n"
        "    if str(path).endswith('.ttf'):\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))\n"
        "        bytearray(3 << 30)\n"
        "    return whole(path, *how, **more)\n"
        "os.open = open"
    )
    assert machine_failure(three_fonts) == (
        "fonts: `ulimit -v` leaves too little memory to the process that reads them,"
        " expected 4,096 MiB (raise it, or leave it unlimited)"
    )


def test_what_this_process_cannot_write_or_start_is_said(
    three_fonts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr("glyphgen.outlines.child.subprocess.Popen", refuse)
        assert machine_failure(three_fonts) == (
            "fonts: the process that reads them cannot be started: Resource temporarily unavailable"
        )
    monkeypatch.setenv("TMPDIR", "/nowhere")
    monkeypatch.setattr("glyphgen.files.temporary.tempfile.mkdtemp", refuse)
    assert machine_failure(three_fonts) == (
        "/nowhere: temporary files cannot be kept there for now:"
        " Resource temporarily unavailable (make room, or let TMPDIR name another folder)"
    )


def test_a_sanitizer_that_cannot_start_leaves_no_font_out(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_font("x.ttf", {"A": BOX})
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: "/nowhere/ots")
    with pytest.raises(MachineError) as caught:
        read_face(path, sanitize=True)
    assert str(caught.value) == (
        "/nowhere/ots: the OpenType Sanitizer cannot be started: No such file or directory"
        " (fonts.sanitize = false does without it)"
    )


# --- what is no font ---

NO_FONTS = {
    b"<!DOCTYPE html>\n<html>": "a web page",
    b"\xef\xbb\xbf\n<HTML><body>": "a web page",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n": "a Git LFS pointer",
    b"%!PS-AdobeFont-1.0: Some 1.0\n": "a Type 1 font",
    b"\x80\x01\x10\x00\x00\x00%!PS-AdobeFont": "a Type 1 font",
    b"typ1\0\1": "a Type 1 font in the wrapping of TrueType",
    bytes(34) + b"LP" + bytes(20): "an Embedded OpenType font (.eot)",
    b"\0\0\1\0" + b"\0\0\2\0" * 3 + bytes(240): "a font of the classic Mac OS (.dfont)",
    b"STARTFONT 2.1\n": "a font of bitmaps (.bdf, .pcf)",
    b"\x01fcp\0\0": "a font of bitmaps (.bdf, .pcf)",
    b"SplineFontDB: 3.2\n": "a FontForge source (.sfd)",
    b"<?xml version='1.0'?><svg>": "an XML file",
    b"%PDF-1.7\n": "a PDF",
    b"PK\x03\x04\0\0": "a ZIP archive",
    b"\x1f\x8b\x08\0": "a packed file",
    b"\x89PNG\r\n": "a picture",
    b"": "an empty file",
    bytes(600): "nothing but zeros",
    b"404: Not Found\n": "a text that begins '404: Not Found'",
}


@pytest.mark.parametrize(("data", "what"), NO_FONTS.items())
def test_what_is_no_font_is_called_what_it_is(tmp_path: Path, data: bytes, what: str) -> None:
    path = tmp_path / "x.ttf"
    path.write_bytes(data)
    for sanitize in (False, True):
        assert reason(path, sanitize=sanitize).startswith(
            f"{what}, expected TrueType or OpenType ("
        )


def test_what_to_do_about_no_font_is_said(tmp_path: Path) -> None:
    path = tmp_path / "x.ttf"
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert reason(path) == (
        "a Git LFS pointer, expected TrueType or OpenType (`git lfs pull` gets the font)"
    )


# --- tables before sums ---


def test_a_file_that_ends_early_is_cut_off_and_not_only_damaged(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    entry = max(TTFont(path).reader.tables.items(), key=lambda item: item[1].offset)
    tag, n_bytes = entry[0], entry[1].offset + entry[1].length
    path.write_bytes(path.read_bytes()[: n_bytes - 1])
    assert reason(path, sanitize=True) == (
        f"damaged, table '{tag}' ends at byte {n_bytes:,} of a file of {n_bytes - 1:,}"
        " (mend the font; fonts.sanitize = false reads it all the same)"
    )


def write_loca(path: Path, places: list[int]) -> None:
    """Place the glyphs of a font elsewhere, in units of two bytes, and mend the checksum."""
    loca = TTFont(path).reader.tables["loca"]
    data = bytearray(path.read_bytes())
    table = struct.pack(f">{len(places)}H", *places)
    assert len(table) == loca.length
    data[loca.offset : loca.offset + loca.length] = table
    path.write_bytes(data)
    write_checksum(path, b"loca", sum_of(table))


def test_glyphs_lie_one_after_the_other_within_their_table(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glyphgen.fonts.sanitizer._find_program", lambda: None)
    path = make_font("x.ttf", {"A": BOX, "B": RING, "C": PAIR})
    loca = TTFont(path).reader["loca"]
    places = list(struct.unpack(f">{len(loca) // 2}H", loca))
    mend = "(mend the font; fonts.sanitize = false reads it all the same)"
    swapped = [places[0], places[2], places[1], *places[3:]]
    write_loca(path, swapped)
    assert reason(path, sanitize=True) == f"damaged, table 'loca' runs backwards at glyph 1 {mend}"
    write_loca(path, [*places[:-1], places[-1] + 1])
    assert reason(path, sanitize=True) == (
        f"damaged, table 'loca' places glyph 3 beyond the end of 'glyf' {mend}"
    )
    write_loca(path, places)
    assert read_face(path, sanitize=True).index == 0
