"""webdataset: .tar files in which the files of one stem are one sample: .png, .cls and .json.

``.cls`` is the label as a number, ``.json`` its text. Archives are written by us: a header is a template in
which name, size and checksum are filled in; nobody owns the files, and they are of 1970.

Source: POSIX.1-1988, the ustar interchange format; webdataset.github.io.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.exchange.export_format import (
    Exporter,
    ExportShard,
    WrittenFile,
    cut_rows,
    name_hf_split,
    require_library,
    write_blocks,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.packed_pictures import FoundPicture, find_files, make_picture_source
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.stored import source_errors
from glyphgen.exchange.tree import list_members
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.images.decoding import MOST_BYTES, SUFFIXES, decode_image
from glyphgen.images.png import encode_pngs
from glyphgen.progress import Reporter

__all__ = ["WebdatasetExporter", "open_webdataset"]

_BLOCK = 512
_MOST_LABEL_BYTES = 1 << 16


class WebdatasetExporter(Exporter):
    """``train-000000.tar`` and so on."""

    format = "webdataset"

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return intervals of rows."""
        return tuple(
            ExportShard(name=f"{split}-{k:06}.tar", rows=(rows,), split=split)
            for split, k, _, rows in cut_rows(self)
        )

    def list_data_files(self) -> Mapping[str, str]:
        """Return the patterns; Hugging Face calls val ``validation``."""
        return {name_hf_split(name): f"{name}-*.tar" for name in self.splits}

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write an archive."""
        end = [bytes(2 * _BLOCK)]
        return (write_blocks(out, shard.name, chain(self._pack(shard), end)),)

    def _pack(self, shard: ExportShard) -> Iterator[bytes]:
        labels_of = [
            (
                _pad(str(info.index).encode()),
                len(str(info.index)),
                *_dump_label(info.index, info.label),
            )
            for info in self.dataset.classes
        ]
        for rows, images, labels in self.read_blocks(shard):
            pictures = list(encode_pngs(images))
            own = [labels_of[label] for label in labels.tolist()]
            heads = zip(
                _make_headers(rows, "png", [len(picture) for picture in pictures]),
                _make_headers(rows, "cls", [entry[1] for entry in own]),
                _make_headers(rows, "json", [entry[3] for entry in own]),
                strict=True,
            )
            parts: list[bytes] = []
            for picture, entry, (first, second, third) in zip(pictures, own, heads, strict=True):
                padding = bytes(-len(picture) % _BLOCK)
                parts += (first, picture, padding, second, entry[0], third, entry[2])
            yield b"".join(parts)

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the archive through webdataset."""
        tars = require_library(
            "webdataset.tariterators", "webdataset", "export webdataset --verify"
        )
        with open_regular(out / shard.name, ARRAY) as file:
            opened = [{"url": shard.name, "stream": file}]
            for sample in tars.group_by_keys(tars.tar_file_expander(opened)):
                label = int(sample["cls"])
                if json.loads(sample["json"])["label"] != self.dataset.classes[label].label:
                    label = -1
                yield decode_image(sample["png"]), label


def _dump_label(index: int, label: str) -> tuple[bytes, int]:
    content = json.dumps({"index": index, "label": label}, ensure_ascii=False).encode()
    return _pad(content), len(content)


def _pad(content: bytes) -> bytes:
    return content + bytes(-len(content) % _BLOCK)


def _make_headers(rows: range, suffix: str, sizes: list[int]) -> Iterator[bytes]:
    """Yield a header of 512 bytes for ``00000123.suffix`` of each row."""
    heads = np.tile(np.frombuffer(_make_template(), np.uint8), (len(rows), 1))
    for head, row in zip(heads, rows, strict=True):
        name = b"%08d.%b" % (row, suffix.encode())
        head[: len(name)] = np.frombuffer(name, np.uint8)
    heads[:, 124:135] = _write_octal(np.array(sizes), 11)
    heads[:, 148:154] = _write_octal(heads.sum(axis=1, dtype=np.int64), 6)
    heads[:, 154] = 0  # and the space after it stays
    content = heads.tobytes()
    for k in range(len(rows)):
        yield content[k * _BLOCK : (k + 1) * _BLOCK]


def _write_octal(numbers: NDArray[np.int64], n_digits: int) -> NDArray[np.int64]:
    """Return the digits of numbers (n,) as ASCII: (n, n_digits)."""
    digits: NDArray[np.int64] = (numbers[:, None] >> (3 * np.arange(n_digits - 1, -1, -1))) & 7
    return digits + ord("0")


def _make_template() -> bytes:
    head = bytearray(_BLOCK)
    head[100:108], head[108:116], head[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    head[124:136], head[136:148] = b"00000000000\0", b"00000000000\0"
    head[148:156] = b" " * 8  # the checksum, while it is worked out
    head[156:157], head[257:265] = b"0", b"ustar\x0000"
    return bytes(head)


# --- Reading


def open_webdataset(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open the samples of .tar files; their labels are ``.cls``, ``.txt`` or the ``label`` of ``.json``.

    Args:
        paths: Of the files, or of their folder.
        options: None is used.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: There is no sample with a picture, or a file is no archive or a damaged one.
    """
    files = find_files(paths, ".tar")
    exported = read_class_page(files[0].parent)
    found = (
        picture
        for number, path in enumerate(files)
        for picture in _find_samples(number, path, by_number=bool(exported))
    )
    return make_picture_source(
        files,
        found,
        kind="webdataset",
        name=paths[0].resolve().name.removesuffix(".tar"),
        exported=exported,
        reporter=reporter,
    )


def _find_samples(number: int, path: Path, *, by_number: bool) -> Iterator[FoundPicture]:
    for stem, entries in groupby(list_members(path), lambda member: _split_name(member[0])[0]):
        members: dict[str, tuple[int, int]] = {}
        for name, at, size, fault in entries:
            if fault:
                yield FoundPicture(name=f"{path.name}: {name}", file=number, fault=fault)
            else:
                members[_split_name(name)[1]] = (at, size)
        if members:
            yield from _read_sample(number, path, stem, members, by_number=by_number)


def _split_name(name: str) -> tuple[str, str]:
    """Return the stem of a member, which is the key of its sample, and its suffix."""
    folder, slash, base = name.rpartition("/")
    first, _, suffix = base.partition(".")
    return f"{folder}{slash}{first}", f".{suffix.lower()}"


def _read_sample(
    number: int, path: Path, stem: str, members: dict[str, tuple[int, int]], *, by_number: bool
) -> Iterator[FoundPicture]:
    name = f"{path.name}: {stem}"
    picture = next((suffix for suffix in members if suffix in SUFFIXES), None)
    if picture is None:
        yield FoundPicture(name=name, file=number, fault="no image in it")
        return
    at, size = members[picture]
    if size > MOST_BYTES:
        yield FoundPicture(
            name=name, file=number, fault=f"{size:,} bytes, expected at most {MOST_BYTES:,}"
        )
        return
    with source_errors(path), open_regular(path, ARRAY) as file:
        texts: dict[str, bytes] = {}
        for suffix in (".cls", ".txt", ".json"):
            if suffix in members and members[suffix][1] <= _MOST_LABEL_BYTES:
                file.seek(members[suffix][0])
                texts[suffix] = file.read(members[suffix][1])
        file.seek(at)
        data = file.read(size)
    label = _read_label(texts, by_number=by_number)
    if label is None:
        yield FoundPicture(name=name, file=number, fault="no label, expected .cls, .txt or .json")
    else:
        yield FoundPicture(name=name, label=label, file=number, offset=at, data=data)


def _read_label(texts: dict[str, bytes], *, by_number: bool) -> int | str | None:
    """Return the label of a sample: a number where a table tells what it is, else rather a text."""
    said: list[int | str] = []
    number = texts.get(".cls", b"").decode("utf-8", "replace").strip()
    if number:
        said.append(int(number) if number.isdecimal() else number)
    if text := texts.get(".txt", b"").decode("utf-8", "replace").strip():
        said.append(text)
    try:
        page = json.loads(texts.get(".json", b"null"))
    except (ValueError, RecursionError):
        page = None
    if isinstance(page, dict) and isinstance(page.get("label"), str | int):
        said.append(page["label"])
    said.sort(key=lambda label: isinstance(label, str) == by_number)
    return said[0] if said else None
