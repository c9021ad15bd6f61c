"""TFRecord files of tf.train.Example, without TensorFlow: ``image`` (PNG), ``label`` and ``text``.

A record is its length, the masked CRC-32C of that, an Example, and the masked CRC-32C of it. An Example is
a few nested fields of protobuf, which are written and read here.

Source: tensorflow.org, "TFRecord and tf.train.Example"; protobuf.dev, "Encoding".
"""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import SourceError
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    cut_rows,
    require_library,
    write_blocks,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.packed_pictures import FoundPicture, find_files, make_picture_source
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.stored import source_errors
from glyphgen.files.opening import ARRAY, check_regular, open_regular
from glyphgen.images.decoding import MOST_BYTES, decode_image
from glyphgen.images.png import encode_pngs
from glyphgen.progress import Reporter

__all__ = ["TfrecordExporter", "open_tfrecord"]

_AGAIN = "download or save it again"
_Crc = Callable[[bytes], int]
_HEAD = struct.Struct("<QI")
_CRC = struct.Struct("<I")
_MOST_RECORD = MOST_BYTES + (1 << 20)
_IMAGES = ("image", "image/encoded", "image_raw")
_LABELS = ("label", "image/class/label")
_TEXTS = ("text", "image/class/text")


def _load_crc(purpose: str) -> _Crc:
    crc32c: _Crc = require_library("crc32c", "tfrecord", purpose).crc32c
    return crc32c


def _mask(crc: int) -> int:
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


class TfrecordExporter(Exporter):
    """``train-00000-of-00001.tfrecord`` and so on."""

    format = "tfrecord"

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        self._crc = _load_crc("export tfrecord")

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return intervals of rows."""
        return tuple(
            ExportShard(name=f"{split}-{k:05}-of-{n:05}.tfrecord", rows=(rows,), split=split)
            for split, k, n, rows in cut_rows(self)
        )

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write a file."""
        return (write_blocks(out, shard.name, self._pack(shard)),)

    def _pack(self, shard: ExportShard) -> Iterator[bytes]:
        ends = [
            _pack_entry(b"label", _pack_field(3, _pack_field(1, _pack_varint(info.index))))
            + _pack_entry(b"text", _pack_field(1, _pack_field(1, info.label.encode())))
            for info in self.dataset.classes
        ]
        for _, images, labels in self.read_blocks(shard):
            parts: list[bytes] = []
            for picture, label in zip(encode_pngs(images), labels.tolist(), strict=True):
                entry = _pack_entry(b"image", _pack_field(1, _pack_field(1, picture)))
                example = _pack_field(1, entry + ends[label])
                length = len(example).to_bytes(8, "little")
                head = _HEAD.pack(len(example), _mask(self._crc(length)))
                parts += (head, example, _CRC.pack(_mask(self._crc(example))))
            yield b"".join(parts)

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the file through tfrecord, after a look at every checksum, which it passes over."""
        reader = require_library("tfrecord.reader", "tfrecord", "export tfrecord --verify")
        path = out / shard.name
        check_regular(path, ARRAY)
        for _ in _read_records(path, self._crc):
            pass
        wanted = {"image": "byte", "label": "int", "text": "byte"}
        for example in reader.tfrecord_loader(str(path), None, wanted):
            label = int(example["label"][0])
            if bytes(example["text"]).decode() != self.dataset.classes[label].label:
                label = -1
            yield decode_image(bytes(example["image"])), label


def _pack_varint(number: int) -> bytes:
    packed = bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _pack_field(number: int, content: bytes) -> bytes:
    """Return a field of bytes or of a message, number below 16."""
    return bytes((number << 3 | 2,)) + _pack_varint(len(content)) + content


def _pack_entry(name: bytes, feature: bytes) -> bytes:
    """Return an entry of the map of features."""
    return _pack_field(1, _pack_field(1, name) + _pack_field(2, feature))


# --- Reading


def open_tfrecord(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open TFRecord files of images and labels.

    Args:
        paths: Of the files, or of their folder.
        options: None is used.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: A file is damaged, or holds no images.
        MachineError: crc32c is not installed.
    """
    crc = _load_crc("import tfrecord")
    files = find_files(paths, ".tfrecord")
    exported = read_class_page(files[0].parent)
    found = (
        _read_example(number, path, offset, example, by_number=bool(exported))
        for number, path in enumerate(files)
        for offset, example in _read_records(path, crc)
    )
    return make_picture_source(
        files,
        found,
        kind="tfrecord",
        name=paths[0].resolve().name.removesuffix(".tfrecord"),
        exported=exported,
        reporter=reporter,
    )


def _read_records(path: Path, crc: _Crc) -> Iterator[tuple[int, bytes]]:
    """Yield the position and the content of every record.

    Raises:
        SourceError: A checksum does not match, or the file is cut short.
    """
    with source_errors(path), open_regular(path, ARRAY) as file:
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise EOFError
            length, of_length = _HEAD.unpack(head)
            at = file.tell()
            if of_length != _mask(crc(head[:8])) or length > _MOST_RECORD:
                raise SourceError(f"{path}: damaged at byte {at - _HEAD.size:,} ({_AGAIN})")
            content = file.read(length + _CRC.size)
            if len(content) < length + _CRC.size:
                raise EOFError
            if _CRC.unpack(content[length:])[0] != _mask(crc(content[:length])):
                raise SourceError(f"{path}: damaged at byte {at:,} ({_AGAIN})")
            yield at, content[:length]


def _read_example(
    number: int, path: Path, offset: int, example: bytes, *, by_number: bool
) -> FoundPicture:
    name = f"{path.name}: record at byte {offset:,}"
    try:
        features = dict(_read_features(example))
    except (ValueError, IndexError):
        return FoundPicture(name=name, file=number, fault="no tf.train.Example")
    picture = next((features[key] for key in _IMAGES if key in features), None)
    label = next((features[key] for key in _LABELS if key in features), None)
    text = next((features[key] for key in _TEXTS if key in features), None)
    said: list[int | str] = []
    if label is not None and label[0] == 3:
        said.append(_read_number(example, label[1], label[2]))
    if text is not None and text[0] == 1:
        said.append(example[text[1] : text[2]].decode("utf-8", "replace"))
    if picture is None or picture[0] != 1 or not said:
        return FoundPicture(
            name=name,
            file=number,
            fault=f"no image and label, expected {_IMAGES[0]} and {_LABELS[0]}",
        )
    said.sort(key=lambda found: isinstance(found, str) == by_number)
    _, start, end = picture
    return FoundPicture(
        name=name, label=said[0], file=number, offset=offset + start, data=example[start:end]
    )


_Place = tuple[int, int, int]
"""Of a feature's first value: its kind (1 bytes, 3 numbers), first byte, and byte after the last."""


def _read_features(example: bytes) -> Iterator[tuple[str, _Place]]:
    """Yield the name and the place of each feature of an Example."""
    for _, start, end in _read_fields(example, 0, len(example), 1):
        for _, first, last in _read_fields(example, start, end, 1):
            parts = {key: (a, b) for key, a, b in _read_fields(example, first, last)}
            name = example[slice(*parts[1])].decode("utf-8", "replace")
            for kind, a, b in _read_fields(example, *parts[2]):
                values = list(_read_fields(example, a, b, 1))
                if values:
                    yield name, (kind, *values[0][1:])


def _read_fields(
    data: bytes, start: int, end: int, only: int = 0
) -> Iterator[tuple[int, int, int]]:
    """Yield number, first byte and byte after the last of each field of a message.

    Raises:
        ValueError: It is no message.
        IndexError: It is cut short.
    """
    while start < end:
        tag, start = _read_varint(data, start)
        kind = tag & 7
        if kind == 2:
            length, start = _read_varint(data, start)
            stop = start + length
        elif kind == 0:
            stop = _read_varint(data, start)[1]
        else:
            stop = start + {1: 8, 5: 4}.get(kind, end)
        if stop > end:
            raise ValueError(stop)
        if only in (0, tag >> 3):
            yield tag >> 3, start, stop
        start = stop


def _read_varint(data: bytes, start: int) -> tuple[int, int]:
    """Return a number, and the byte after it."""
    number = shift = 0
    while True:
        byte = data[start]
        start += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, start
        if shift > 63:
            raise ValueError(number)


def _read_number(data: bytes, start: int, end: int) -> int:
    """Return the first number of a field, which is packed or not; -1 where there is none."""
    return _read_varint(data, start)[0] if start < end else -1
