"""Damages fonts, images, archives, datasets, networks and recipes, and reads each as glyphgen does.

    python tests/faults/hostile.py --mutants 10000

A reader may refuse with a line, or read what is left. It may not crash, raise anything but glyphgen's own
errors, take longer than 10 s for one file, or more than 600 MB of memory: what does is printed, and kept in
the folder that ``--keep`` names.
"""

import argparse
import gzip
import io
import json
import os
import selectors
import shutil
import struct
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))
SLOWEST_S = 10.0
LARGEST_MB = 600.0

Random = np.random.Generator
Mutate = Callable[[bytes, Random], bytes]


# --- damage


def flip_bits(data: bytearray, random: Random) -> None:
    for _ in range(int(random.integers(1, 9))):
        data[int(random.integers(len(data)))] ^= 1 << int(random.integers(8))


def write_extreme(data: bytearray, random: Random) -> None:
    """Write a number that overflows what it is multiplied with, most often near the beginning."""
    reach = len(data) if random.integers(2) else min(len(data), 256)
    at = int(random.integers(max(reach - 8, 1)))
    numbers = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
    kind = ("<H", ">H", "<I", ">I")[int(random.integers(4))]
    number = numbers[int(random.integers(len(numbers)))]
    packed = struct.pack(kind, number & (0xFFFF if kind[1] == "H" else 0xFFFFFFFF))
    data[at : at + len(packed)] = packed


def cut(data: bytearray, random: Random) -> None:
    del data[int(random.integers(len(data))) :]


def move_part(data: bytearray, random: Random) -> None:
    start, to = (int(random.integers(len(data))) for _ in range(2))
    part = data[start : start + int(random.integers(1, 64))]
    data[to : to + len(part)] = part


def repeat_part(data: bytearray, random: Random) -> None:
    start = int(random.integers(len(data)))
    part = data[start : start + int(random.integers(1, 64))]
    data[start:start] = part * int(random.integers(1, 50))


DAMAGES = (flip_bits, flip_bits, write_extreme, write_extreme, cut, move_part, repeat_part)


def damage(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(int(random.integers(1, 4))):
        if changed:
            DAMAGES[int(random.integers(len(DAMAGES)))](changed, random)
    return bytes(changed)


def mend_png(data: bytes) -> bytes:
    """Give each chunk of a PNG the checksum of what it holds, so that its reader looks at it."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(mended):
        (length,) = struct.unpack_from(">I", mended, at)
        end = at + 8 + length
        if end + 4 > len(mended):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(mended[at + 4 : end]))
        at = end + 4
    return bytes(mended)


def mend_tar(data: bytes) -> bytes:
    """Give each header of a tar the sum of its bytes."""
    mended = bytearray(data)
    for at in range(0, len(mended) - 511, 512):
        if mended[at + 257 : at + 262] == b"ustar":
            header = mended[at : at + 148] + b" " * 8 + mended[at + 156 : at + 512]
            mended[at + 148 : at + 156] = b"%06o\0 " % (sum(header) & 0o777777)
    return bytes(mended)


# --- what is damaged, and how it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file.

    Attributes:
        share: Of all mutants.
        make: Writes whole files into a folder, and returns them.
        damage: Returns the bytes of a mutant.
        read: Reads a mutant as a command would; it may raise GlyphgenError.
    """

    share: float
    make: Callable[[Path], list[Path]]
    damage: Callable[[Path, Random], bytes]
    read: Callable[[Path], object]


def damage_plain(path: Path, random: Random) -> bytes:
    return damage(path.read_bytes(), random)


def make_fonts(folder: Path) -> list[Path]:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    made = []
    fonts = TESTS.parent / "fonts"
    for number, path in enumerate(
        [*sorted((fonts / "kana").glob("*.ttf"))[:3], *sorted((fonts / "latin").glob("*.ttf"))[:3]]
    ):
        for flavor in (None, "woff", "woff2"):
            font = TTFont(path)
            subsetter = subset.Subsetter(subset.Options(notdef_outline=True))
            subsetter.populate(text="あいうえおABCDEabcde")
            subsetter.subset(font)
            font.flavor = flavor
            made.append(folder / f"{number}.{flavor or 'ttf'}")
            font.save(made[-1])
    return made


def damage_font(path: Path, random: Random) -> bytes:
    import mutants

    data = path.read_bytes()
    if path.suffix != ".ttf":
        return damage(data, random)
    names = list(mutants.DAMAGES)
    steps = [
        (
            names[int(random.integers(len(names)))],
            int(random.integers(1000)),
            int(random.integers(1 << 20)),
        )
        for _ in range(int(random.integers(1, 4)))
    ]
    changed = mutants.damage(data, steps)
    return mutants.mend_checksums(changed) if random.integers(2) else changed


class _Fonts:
    reader: Any = None


def read_font(path: Path) -> object:
    from glyphgen.fonts import FaceRequest
    from glyphgen.outlines.process import FontReader

    _Fonts.reader = _Fonts.reader or FontReader(sanitize=bool(path.stat().st_size % 2))
    request = FaceRequest(path=path, index=0, axes=(), weight=1)
    faces, _ = _Fonts.reader.read_faces([request])
    return _Fonts.reader.read_outlines(faces, "あいうABCab", wobble_grid=0, language="")


def make_images(folder: Path) -> list[Path]:
    from PIL import Image

    random = np.random.default_rng(1)
    gray = random.integers(0, 256, (24, 32), dtype=np.uint8)
    color = random.integers(0, 256, (24, 32, 4), dtype=np.uint8)
    pictures = {
        "gray.png": Image.fromarray(gray),
        "rgba.png": Image.fromarray(color, "RGBA"),
        "palette.png": Image.fromarray(color[..., :3], "RGB").quantize(16),
        "sixteen.png": Image.fromarray(gray.astype(np.uint16) * 257),
        "gray.jpg": Image.fromarray(gray),
        "cmyk.jpg": Image.fromarray(color, "CMYK"),
        "x.gif": Image.fromarray(gray),
        "x.bmp": Image.fromarray(gray),
        "rgb.bmp": Image.fromarray(color[..., :3], "RGB"),
        "x.tif": Image.fromarray(gray),
        "float.tif": Image.fromarray(gray.astype(np.float32) / 255),
        "x.webp": Image.fromarray(color, "RGBA"),
        "x.pgm": Image.fromarray(gray),
        "x.ppm": Image.fromarray(color[..., :3], "RGB"),
    }
    for name, picture in pictures.items():
        picture.save(folder / name)
    Image.fromarray(gray).save(folder / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(gray).save(folder / "jpeg.tif", compression="jpeg")
    return [folder / name for name in (*pictures, "lzw.tif", "jpeg.tif")]


def damage_image(path: Path, random: Random) -> bytes:
    changed = damage_plain(path, random)
    return mend_png(changed) if path.suffix == ".png" and random.integers(4) else changed


def read_image(path: Path) -> object:
    from glyphgen.images.decoding import decode_image, read_image_file

    return decode_image(read_image_file(path))


def make_archives(folder: Path) -> list[Path]:
    import tiny_sources

    images = tiny_sources.make_images(12)
    labels = (np.arange(12) % 3).astype(np.uint8)
    np.savez_compressed(folder / "packed.npz", images=images, labels=labels)
    np.savez(folder / "plain.npz", images=images, labels=labels)
    (folder / "x.idx.gz").write_bytes(gzip.compress(tiny_sources.pack_idx(images)))
    (folder / "x.idx").write_bytes(tiny_sources.pack_idx(images))
    tree = tiny_sources.write_tree(folder / "tree", {"U+3042": 3, "U+3044": 3})
    with tarfile.open(folder / "x.tar", "w") as archive:
        archive.add(tree, "tree")
    shutil.rmtree(tree)
    return [folder / name for name in ("packed.npz", "plain.npz", "x.idx.gz", "x.idx", "x.tar")]


def damage_archive(path: Path, random: Random) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".tar":
        changed = damage(data, random)
        return mend_tar(changed) if random.integers(4) else changed
    if path.suffix == ".gz" and random.integers(4):
        return gzip.compress(damage(gzip.decompress(data), random))
    if path.suffix == ".npz" and random.integers(4):
        packed = io.BytesIO()
        how = zipfile.ZIP_DEFLATED if path.stem == "packed" else zipfile.ZIP_STORED
        with zipfile.ZipFile(path) as whole, zipfile.ZipFile(packed, "w", how) as archive:
            for name in whole.namelist():
                content = whole.read(name)
                archive.writestr(name, damage(content, random) if random.integers(2) else content)
        return packed.getvalue()
    return damage(data, random)


def read_archive(path: Path) -> object:
    from glyphgen.exchange.importing import open_source
    from glyphgen.exchange.stored import find_idx

    if path.name.endswith((".idx", ".idx.gz")):
        return [block.sum() for block in find_idx(path, 3).read_blocks()]
    source = open_source("kkanji" if path.suffix == ".tar" else "arrays", path)
    with TemporaryDirectory() as work:
        images = source.images.unpack(Path(work))
        return [image.sum() for image in images.read(np.arange(source.n_rows))]


def make_datasets(folder: Path) -> list[Path]:
    import tiny_datasets

    made = []
    for format, compression in tiny_datasets.FORMATS_AND_COMPRESSIONS:
        place = folder / f"{format}-{compression}"
        tiny_datasets.make_dataset(place, format, compression)
        made += [
            place / "index.json",
            place / ("images.npy" if format == "npy" else "shard-00001.h5"),
        ]
    return made


def damage_dataset(path: Path, random: Random) -> bytes:
    """Damage a file, or give one value of index.json that nobody expects."""
    if path.suffix != ".json" or random.integers(2):
        return damage_plain(path, random)
    odd: tuple[Any, ...] = (
        True,
        None,
        -1,
        0,
        1 << 31,
        1 << 62,
        1 << 70,
        1e300,
        "",
        "|O",
        "../x",
        [],
        [[]],
        {},
        "x" * 99,
    )
    page = json.loads(path.read_bytes())
    place: Any = page
    key: Any = list(page)[int(random.integers(len(page)))]
    while isinstance(place[key], dict | list) and place[key] and random.integers(4):
        place = place[key]
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = keys[int(random.integers(len(keys)))]
    place[key] = odd[int(random.integers(len(odd)))]
    return json.dumps(page).encode()


def read_dataset(path: Path) -> object:
    """Read a dataset in which one file is the mutant: its name tells which."""
    import glyphgen
    from glyphgen.dataset.integrity import verify_files

    _, dataset, name = path.name.split("@")
    with TemporaryDirectory() as work:
        folder = Path(work) / "set"
        shutil.copytree(path.parent / "whole" / dataset, folder)
        shutil.copy(path, folder / name)
        found = glyphgen.load(folder)
        rows = np.asarray(found.images), np.asarray(found.labels), np.asarray(found.samples)
        return verify_files(folder), rows


def make_networks(folder: Path) -> list[Path]:
    from dataclasses import asdict

    import torch

    from glyphgen.baseline.checkpoint import ModelInfo, write_tensors
    from glyphgen.baseline.models import make_model

    torch.set_num_threads(1)
    info = ModelInfo(model="kana2020", labels=("a", "b"), forms=(("a",), ("b",)), height=16, width=16,
                     ink_share=0.5, twins=(), dataset="x", content_key="0")  # fmt: skip
    network = make_model(info.model, 2, 16, 16)
    write_tensors(folder / "model.safetensors", network.state_dict(), asdict(info))
    return [folder / "model.safetensors"]


def damage_network(path: Path, random: Random) -> bytes:
    """Damage the header for the most part, which tells what the rest is."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    if random.integers(8) == 0:
        return damage(data, random)
    header = damage(data[8 : 8 + length], random)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def read_network(path: Path) -> object:
    from glyphgen.baseline.checkpoint import read_checkpoint

    return read_checkpoint(path)


def make_recipes(folder: Path) -> list[Path]:
    recipes = sorted((TESTS.parent / "recipes").glob("*.toml"))
    return [Path(shutil.copy(path, folder / path.name)) for path in recipes]


def damage_recipe(path: Path, random: Random) -> bytes:
    """Damage a recipe, or give one of its keys a value that nobody expects."""
    odd = ("[" * 100_000, "9" * 5_000, "1e999", "nan", "-1", "true", '""', "[]", "{}", "0x7fffffffffffffff",
           '"U+0000..U+10FFFF"', '["U+20..U+D7FF"]', "99999999999", '"\\u0000"', "1979-05-27")  # fmt: skip
    lines = path.read_text("utf-8").splitlines()
    keys = [k for k, line in enumerate(lines) if " = " in line and not line.startswith("#")]
    if random.integers(2) and keys:
        k = keys[int(random.integers(len(keys)))]
        lines[k] = f"{lines[k].partition(' = ')[0]} = {odd[int(random.integers(len(odd)))]}"
        return "\n".join(lines).encode()
    return damage_plain(path, random)


def read_a_recipe(path: Path) -> object:
    from glyphgen.classes import make_class_table
    from glyphgen.recipe import dump_recipe, read_recipe
    from glyphgen.render.drawing import open_augmenter

    recipe = read_recipe(path)
    open_augmenter(recipe)
    return dump_recipe(recipe), make_class_table(recipe)


KINDS: Mapping[str, Kind] = {
    "fonts": Kind(share=0.35, make=make_fonts, damage=damage_font, read=read_font),
    "images": Kind(share=0.25, make=make_images, damage=damage_image, read=read_image),
    "archives": Kind(share=0.2, make=make_archives, damage=damage_archive, read=read_archive),
    "datasets": Kind(share=0.1, make=make_datasets, damage=damage_dataset, read=read_dataset),
    "networks": Kind(share=0.05, make=make_networks, damage=damage_network, read=read_network),
    "recipes": Kind(share=0.05, make=make_recipes, damage=damage_recipe, read=read_a_recipe),
}


# --- one process reads, another watches


def find_peak_mb() -> float:
    """Return the largest memory that this process took for its file, or one of its own ever took."""
    children, peaks = ["self"], [0]
    for thread in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # it may have ended
            children += (thread / "children").read_text().split()
    for process in children:
        with suppress(OSError):
            status = Path(f"/proc/{process}/status").read_text()
            peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    return max(peaks) / 1024


def read_files(kind: str) -> None:
    """Read the files that are named on stdin, and print what became of each."""
    from glyphgen.errors import GlyphgenError

    is_first = True
    for line in sys.stdin:
        if is_first:  # what has to be imported is no fault of the file
            with suppress(Exception):
                KINDS[kind].read(Path(line.rstrip("\n")))
            is_first = False
        path, started, problem = Path(line.rstrip("\n")), time.perf_counter(), ""
        Path("/proc/self/clear_refs").write_text("5")  # the peak is that of this file
        try:
            KINDS[kind].read(path)
            outcome = "read"
        except GlyphgenError as error:
            outcome = "refused"
            if any("\n" in line for line in error.problems) or not str(error):
                problem = f"a message of several lines: {error}"
        except Exception as error:  # noqa: BLE001 - whatever a reader raises is told
            outcome, problem = "raised", f"{type(error).__name__}: {error}"
        told = {
            "outcome": outcome,
            "problem": problem[:300],
            "seconds": time.perf_counter() - started,
            "peak_mb": find_peak_mb(),
        }
        print(json.dumps(told), flush=True)


class Reader:
    """A process that reads mutants, and is ended when it takes too long."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> dict[str, Any]:
        """Return what became of one mutant."""
        process = self._process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it is no more: what it says ends, too
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(6 * SLOWEST_S):
                self.end()
                return {"outcome": "hung", "problem": "", "seconds": 6 * SLOWEST_S, "peak_mb": 0.0}
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            self.end()
            return {"outcome": "crashed", "problem": f"exit {code}", "seconds": 0.0, "peak_mb": 0.0}
        told: dict[str, Any] = json.loads(line)
        return told

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        if self._process is not None:
            self._process.send_signal(number)

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _start(self) -> "subprocess.Popen[str]":
        program = [sys.executable, "-W", "ignore", __file__, "--read", self._kind]
        return subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # libraries talk of what is wrong with a file
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )


def list_mutants(kind: str, folder: Path, n: int, seed: int) -> Iterator[Path]:
    """Write mutants one after the other, and yield the path of each."""
    random = np.random.default_rng([seed, list(KINDS).index(kind)])
    whole = folder / "whole"
    whole.mkdir()
    paths = KINDS[kind].make(whole)
    for number in range(n):
        path = paths[number % len(paths)]
        name = (
            f"{number}@{path.parent.name}@{path.name}"
            if kind == "datasets"
            else f"{number}-{path.name}"
        )
        mutant = folder / name
        mutant.write_bytes(KINDS[kind].damage(path, random))
        yield mutant
        mutant.unlink()


def try_kind(kind: str, n: int, seed: int, keep: Path | None) -> tuple[dict[str, Any], list[str]]:
    """Return a row of the table, and a line for each mutant that did what none may."""
    outcomes: Counter[str] = Counter()
    bad, slowest, largest = [], 0.0, 0.0
    reader = Reader(kind)
    with TemporaryDirectory() as work:
        for mutant in list_mutants(kind, Path(work), n, seed):
            told = reader.read(mutant)
            outcomes[told["outcome"]] += 1
            slowest, largest = max(slowest, told["seconds"]), max(largest, told["peak_mb"])
            is_bad = told["outcome"] not in ("read", "refused") or told["problem"]
            if is_bad or told["seconds"] > SLOWEST_S or told["peak_mb"] > LARGEST_MB:
                bad.append(
                    f"{kind} {mutant.name}: {told['outcome']} {told['problem']}"
                    f" ({told['seconds']:.1f} s, {told['peak_mb']:.0f} MB)"
                )
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    shutil.copy(mutant, keep / f"{kind}-{mutant.name}")
        reader.end()
    row = {
        "kind": kind,
        "mutants": n,
        **outcomes,
        "slowest_s": round(slowest, 2),
        "peak_mb": round(largest),
    }
    return row, bad


def main() -> None:
    """Damage and read files of each kind, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--keep", type=Path, help="a folder for mutants that did what none may")
    parser.add_argument("--read", choices=list(KINDS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        read_files(options.read)
        return
    all_bad = []
    for kind in options.kinds:
        n = max(1, round(options.mutants * KINDS[kind].share))
        row, bad = try_kind(kind, n, options.seed, options.keep)
        print(json.dumps(row), flush=True)
        for line in bad:
            print(line, file=sys.stderr, flush=True)
        all_bad += bad
    sys.exit(bool(all_bad))


if __name__ == "__main__":
    main()
