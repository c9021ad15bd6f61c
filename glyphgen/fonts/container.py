"""Font files -> the bytes of a font, unpacked where they are WOFF.

What is packed says how large it will be. That is checked first, and held to while unpacking, so that
a small file that unpacks to gigabytes is refused before memory swells.
"""

import errno
import hashlib
import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from glyphgen.errors import FontError, MachineError, UnreadableFontError
from glyphgen.files.opening import FONT, RefusedFileError, read_regular
from glyphgen.fonts.signature import describe_no_font

__all__ = ["FontFile", "hash_font_file", "read_font_file"]

_LARGEST_UNPACKED = 64 << 20
_CHUNK = 1 << 20

# Source: W3C "WOFF File Format 1.0", section 3, and "WOFF File Format 2.0", section 4.
_WOFF_HEADER = struct.Struct(">4sLLHHL")  # signature, flavor, length, tables, reserved, unpacked
_WOFF_TABLE = struct.Struct(">4sLLLL")  # tag, offset, packed length, length, checksum
_WOFF_TABLES_AT = 44
_PACKINGS = {b"wOFF": "WOFF", b"wOF2": "WOFF2"}
_EXTRAS_AT = {b"wOFF": 24, b"wOF2": 28}  # where a header tells of metadata and private data
_EXTRAS_LENGTH = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FontFile:
    """The bytes of a font.

    Attributes:
        data: A TrueType or OpenType file or collection, whatever the file was packed as.
        sha256: Of the file as it lies on disk, hexadecimal.
    """

    data: bytes
    sha256: str


def read_font_file(path: Path, *, sanitize: bool = False) -> FontFile:
    """Read a font file, and unpack it.

    Args:
        path: A regular file, or a link to one; nothing else is opened.
        sanitize: Check its tables, checksums and glyphs, and ask the OpenType Sanitizer.

    Raises:
        FontError: There is no such file.
        UnreadableFontError: It cannot be read, is no file, too large, damaged, or not sane.
    """
    from glyphgen.fonts.sanitizer import check_glyphs, check_sanity

    data = _read_bytes(path)
    if what := describe_no_font(data):
        raise UnreadableFontError(f"{path}: {what}")
    _check_unpacked_size(path, data)
    if sanitize:
        check_sanity(path, data)
    unpacked = _unpack(path, data)
    if sanitize:
        check_glyphs(path, unpacked)
    return FontFile(data=unpacked, sha256=hashlib.sha256(data).hexdigest())


def hash_font_file(path: Path) -> str:
    """Return the SHA-256 of a font file as it lies on disk, hexadecimal; nothing is unpacked.

    Raises:
        FontError: There is no such file.
        UnreadableFontError: It cannot be read, is no file, or too large.
    """
    return hashlib.sha256(_read_bytes(path)).hexdigest()


def unreadable(path: Path, error: Exception) -> UnreadableFontError:
    """Return the error for a file that is no whole font; what the machine lacks is none of its own."""
    if isinstance(error, MemoryError) or is_of_machine(error):
        raise error
    said = " ".join(str(error).split())[:120] or type(error).__name__
    return UnreadableFontError(
        f"{path}: not a font that can be read: {said}"
        " (expected a whole TrueType or OpenType file: .ttf, .otf, .ttc, .woff, .woff2)"
    )


# What the machine lacks or its disks and networks do, whatever the file: to leave a font out for that
# would make another dataset of the same recipe.
_LACKS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.ENOSPC, errno.EDQUOT)
_FAILS = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN)


def is_of_machine(error: Exception) -> bool:
    """Tell whether an error says that the machine failed, and nothing of the file."""
    return isinstance(error, OSError) and error.errno in (*_LACKS, *_FAILS)


def _read_bytes(path: Path) -> bytes:
    try:
        return read_regular(path, FONT)
    except FileNotFoundError:
        raise FontError(f"{path}: no such font file (paths are relative to the recipe)") from None
    except RefusedFileError as error:
        raise UnreadableFontError(f"{path}: {error.strerror}") from None
    except OSError as error:
        if is_of_machine(error):
            raise MachineError(f"{path}: cannot be read: {error.strerror}") from error
        if error.errno == errno.ELOOP:
            raise UnreadableFontError(
                f"{path}: a link that leads back to itself, expected a font file"
            ) from error
        raise UnreadableFontError(f"{path}: cannot be read: {error.strerror}") from error


def _check_unpacked_size(path: Path, data: bytes) -> None:
    check = {b"wOFF": _check_woff, b"wOF2": _check_woff2}.get(data[:4])
    if check:
        try:
            check(path, data)
        except UnreadableFontError:
            raise
        except Exception as error:
            raise unreadable(path, error) from error


def _check_woff(path: Path, data: bytes) -> None:
    _, _, _, n_tables, _, said = _WOFF_HEADER.unpack_from(data)
    tables = [
        _WOFF_TABLE.unpack_from(data, _WOFF_TABLES_AT + k * _WOFF_TABLE.size)
        for k in range(n_tables)
    ]
    _check_size(path, data, said, *(length for *_, length, _ in tables))
    for _, offset, n_packed, length, _ in tables:
        if n_packed < length:
            pulled = zlib.decompressobj().decompress(data[offset : offset + n_packed], length + 1)
            if len(pulled) > length:
                raise _larger_than_said(path, data)


def _check_woff2(path: Path, data: bytes) -> None:
    import brotli
    from fontTools.misc import sstruct
    from fontTools.ttLib.woff2 import (
        WOFF2DirectoryEntry,
        woff2DirectoryFormat,
        woff2DirectorySize,
    )

    _, _, _, n_tables, _, said = _WOFF_HEADER.unpack_from(data)
    file = io.BytesIO(data)
    header, _ = sstruct.unpack2(woff2DirectoryFormat, file.read(woff2DirectorySize))
    entries = [WOFF2DirectoryEntry() for _ in range(n_tables)]
    for entry in entries:
        entry.fromFile(file)
    _check_size(path, data, said, *(entry.origLength for entry in entries))
    length = sum(entry.length for entry in entries)
    _check_size(path, data, length)
    decoder = brotli.Decompressor()
    pulled = decoder.process(file.read(header["totalCompressedSize"]), output_buffer_limit=_CHUNK)
    n_pulled = len(pulled)
    while pulled and not decoder.is_finished() and n_pulled <= length:
        pulled = decoder.process(b"", output_buffer_limit=_CHUNK)
        n_pulled += len(pulled)
    if n_pulled > length:
        raise _larger_than_said(path, data)


def _check_size(path: Path, data: bytes, said: int, *lengths: int) -> None:
    """Check what a header says of the unpacked size: in all, and of each table."""
    size = max(said, sum(lengths))
    if size > _LARGEST_UNPACKED:
        raise UnreadableFontError(
            f"{path}: a {_name_packing(data)} that unpacks to {size >> 20:,} MiB,"
            f" expected at most {_LARGEST_UNPACKED >> 20} MiB of a packed font"
        )


def _larger_than_said(path: Path, data: bytes) -> UnreadableFontError:
    return UnreadableFontError(
        f"{path}: a {_name_packing(data)} that unpacks to more than its header says,"
        " expected a whole file"
    )


def _name_packing(data: bytes) -> str:
    return f"{_PACKINGS[data[:4]]} of {len(data):,} bytes"


def _unpack(path: Path, data: bytes) -> bytes:
    if data[:4] not in _EXTRAS_AT:
        return data
    from fontTools.ttLib import TTFont

    # Metadata and private data are packed as well, of no known size, and never drawn: cut off.
    extras = _EXTRAS_AT[data[:4]]
    data = data[:extras] + bytes(_EXTRAS_LENGTH) + data[extras + _EXTRAS_LENGTH :]
    unpacked = io.BytesIO()
    try:
        font = TTFont(io.BytesIO(data), recalcBBoxes=False, recalcTimestamp=False)
        font.flavor = None
        font.save(unpacked, reorderTables=True)
    except Exception as error:
        raise unreadable(path, error) from error
    return unpacked.getvalue()
