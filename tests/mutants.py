"""Small fonts with damage done to them, and the process that reads them as a recipe would.

Run as a program, ``python mutants.py FOLDER sanitize`` reads every ``FOLDER/mutant-*.ttf``, asks the gate
about it beside all but the first of the good hands ``FOLDER/good-*.ttf``, and prints one JSON line with
what became of it. The first good hand is what the mutants were before.
"""

import json
import struct
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import make_class_table
from glyphgen.errors import FontError
from glyphgen.fonts import Face, FaceRequest
from glyphgen.gate import examine_cells
from glyphgen.gate.evidence import Panel
from glyphgen.gate.thumbnails import describe_pictures, draw_pictures
from glyphgen.layout.framing import make_framing
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.process import FontReader, Limits
from glyphgen.recipe import Recipe, read_recipe

FORMS = "あいうえおかきくけこさしすせそた"
LIMITS = Limits(memory_bytes=1 << 30, cpu_s=2.0, cpu_s_per_form=0.0)

Pictures = NDArray[np.float32]
Damage = Callable[[bytearray, int, int], None]


def _tables(data: bytes | bytearray) -> dict[bytes, int]:
    """Return where the directory entry of each table lies: tag, checksum, offset, length."""
    count = struct.unpack_from(">H", data, 4)[0]
    entries = range(12, 12 + 16 * count, 16)
    return {bytes(data[entry : entry + 4]): entry for entry in entries}


def _pick(data: bytes | bytearray, number: int) -> tuple[int, int, int]:
    """Return entry, offset and length of one table, those that say what is drawn more often."""
    tables = _tables(data)
    often = [tag for tag in (b"glyf", b"loca", b"cmap", b"glyf", b"cmap", b"hmtx") if tag in tables]
    tags = [*tables, *often]
    entry = tables[tags[number % len(tags)]]
    return entry, *struct.unpack_from(">LL", data, entry + 8)


def flip(data: bytearray, number: int, seed: int) -> None:
    """Change one to eight bytes of a table."""
    _, offset, length = _pick(data, number)
    random = np.random.Generator(np.random.PCG64(seed))
    for _ in range(random.integers(1, 9)):
        data[offset + int(random.integers(max(length, 1)))] ^= int(random.integers(1, 256))


def flip_head(data: bytearray, number: int, seed: int) -> None:
    """Change a byte of the header or the directory."""
    data[number % (12 + 16 * len(_tables(data)))] ^= 1 + seed % 255


def cut_file(data: bytearray, number: int, seed: int) -> None:
    """End the file early."""
    del data[seed % len(data) :]


def cut_table(data: bytearray, number: int, seed: int) -> None:
    """Let the directory say that a table is shorter."""
    entry, _, length = _pick(data, number)
    struct.pack_into(">L", data, entry + 12, seed % max(length, 1))


def empty_table(data: bytearray, number: int, seed: int) -> None:
    """Let the directory say that a table is empty."""
    entry, _, _ = _pick(data, number)
    struct.pack_into(">L", data, entry + 12, 0)


def lengthen_table(data: bytearray, number: int, seed: int) -> None:
    """Let the directory say that a table goes on, beyond the file's end maybe."""
    entry, _, length = _pick(data, number)
    struct.pack_into(">L", data, entry + 12, length + seed)


def swap_tables(data: bytearray, number: int, seed: int) -> None:
    """Let two tables change places."""
    (one, *_), (two, *_) = _pick(data, number), _pick(data, seed)
    data[one + 8 : one + 16], data[two + 8 : two + 16] = (
        data[two + 8 : two + 16],
        data[one + 8 : one + 16],
    )


def double_table(data: bytearray, number: int, seed: int) -> None:
    """Let a table have the bytes of another one."""
    (one, *_), (two, *_) = _pick(data, number), _pick(data, seed)
    data[one + 8 : one + 16] = data[two + 8 : two + 16]


def drop_table(data: bytearray, number: int, seed: int) -> None:
    """Let a table have another name."""
    entry, _, _ = _pick(data, number)
    data[entry : entry + 4] = b"ZZZZ"


def move_part(data: bytearray, number: int, seed: int) -> None:
    """Write some of a table over another part of it."""
    _, offset, length = _pick(data, number)
    n = max(1, length // 8)
    part = bytes(data[offset + seed % max(length, 1) :][:n])
    to = offset + (seed // 7) % max(length, 1)
    data[to : to + len(part)] = part


DAMAGES: Mapping[str, Damage] = {
    change.__name__: change
    for change in (
        flip,
        flip_head,
        cut_file,
        cut_table,
        empty_table,
        lengthen_table,
        swap_tables,
        double_table,
        drop_table,
        move_part,
    )
}


def damage(font: bytes, steps: Iterable[tuple[str, int, int]]) -> bytes:
    """Do one damage after another; one that finds nothing left to damage does none."""
    data = bytearray(font)
    for name, number, seed in steps:
        with suppress(struct.error, IndexError):
            DAMAGES[name](data, number, seed)
    return bytes(data)


def mend_checksums(font: bytes) -> bytes:
    """Let the checksums of tables be right, as somebody would who does not want damage to be seen."""
    data = bytearray(font)
    with suppress(struct.error, IndexError):
        for tag, entry in _tables(data).items():
            offset, length = struct.unpack_from(">LL", data, entry + 8)
            table = data[offset : offset + length]
            if tag == b"head":
                table[8:12] = bytes(4)
            words = np.frombuffer(table + bytes(-len(table) % 4), ">u4")
            struct.pack_into(">L", data, entry + 4, int(words.sum(dtype=np.uint64)) & 0xFFFF_FFFF)
    return bytes(data)


def examine(folder: Path, *, sanitize: bool) -> None:
    """Read every mutant beside three good hands, and print what became of it."""
    recipe_file = folder / "recipe.toml"
    recipe_file.write_text(f'classes.text = "{FORMS}"\nfonts.files = ["*.ttf"]', "utf-8")
    recipe = read_recipe(recipe_file, ['gate.on_cut_off="allow"'])
    good = [FaceRequest(path=path) for path in sorted(folder.glob("good-*.ttf"))]
    with FontReader(sanitize=sanitize, limits=LIMITS) as reader:
        (original, *others), _ = reader.read_faces(good)
        drawings = _picture(reader.read_outlines([original], FORMS).store)
        for path in sorted(folder.glob("mutant-*.ttf")):
            try:
                told = _examine_one(reader, recipe, others, path, drawings)
            except FontError as error:
                told = {"refused": error.problems}
            print(json.dumps({"mutant": path.stem} | told), flush=True)


def _examine_one(
    reader: FontReader, recipe: Recipe, others: list[Face], path: Path, drawings: Pictures
) -> dict[str, Any]:
    """Return the admitted forms of a mutant: likeness to what the font drew before for each form."""
    [face], _ = reader.read_faces([FaceRequest(path=path)])
    read = reader.read_outlines([*others, face], FORMS)
    if read.unread:
        raise FontError(*read.unread[0].problems)
    framing = make_framing(recipe, read.store)
    table = make_class_table(recipe)
    panel = Panel(forms=tuple(FORMS), store=read.store)
    verdict = examine_cells(recipe, read.faces, table, read.store, framing, read.missing, panel)
    likeness = _picture(read.store)[-len(FORMS) :] @ drawings.T
    return {
        "admitted": {
            str(form): [round(float(like), 4) for like in likeness[form]]
            for form in np.flatnonzero(verdict.admitted[-1])
        }
    }


def _picture(store: OutlineStore) -> Pictures:
    """Return what the gate compares drawings by: (cells, n), each of length 1."""
    return describe_pictures(draw_pictures(store).ink)


if __name__ == "__main__":
    examine(Path(sys.argv[1]), sanitize=sys.argv[2] == "sanitize")
