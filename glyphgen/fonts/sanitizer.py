"""Is a font file whole and sane: its own checksums, and the OpenType Sanitizer; knows nothing of faces.

It judges alone: what is read afterwards is the file as it is, so that a dataset is the same whether
the sanitizer is installed or not.
"""

import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from glyphgen.errors import UnreadableFontError

__all__ = ["check_sanity", "describe_sanitizer"]

_LONGEST_S = 10  # a collection of all of Chinese, Japanese and Korean takes 0.3 s
_LONGEST_REASON = 160
_ALL_THE_SAME = "(mend the font; fonts.sanitize = false reads it all the same)"


def check_sanity(path: Path, data: bytes) -> None:
    """Check a font file's checksums, and ask the OpenType Sanitizer where the package is installed.

    Damage that moves a few points of an outline leaves a font that can be read and drawn, and a
    character that nobody has ever written so: only the checksums know.

    Raises:
        UnreadableFontError: A table is not what its checksum says, or the sanitizer rejects the file.

    Source: OpenType 1.9.1, "OpenType Font File", calculating checksums; https://github.com/khaledhosny/ots
    """
    damaged = _find_damaged(data)
    if damaged:
        raise UnreadableFontError(
            f"{path}: damaged, table '{damaged}' does not match its checksum {_ALL_THE_SAME}"
        )
    program = _find_program()
    if program is None:
        return
    command = [program, str(path.absolute())]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_LONGEST_S, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise _rejected(path, f"no verdict within {_LONGEST_S} s") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").splitlines()
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        raise _rejected(path, errors[0] if errors else f"exit code {done.returncode}")


def describe_sanitizer() -> str:
    """Return what is asked: the checksums alone, or the OpenType Sanitizer of some version as well."""
    return f"ots {version('opentype-sanitizer')}" if _find_program() else "checksums"


def _find_damaged(data: bytes) -> str | None:
    """Return the first table that is not what its checksum says; what cannot be found is no table."""
    try:
        for tag, checksum, offset, length in _list_tables(data):
            table = data[offset : offset + length]
            if tag == b"head":  # it holds the sum of the whole file, and counts as if it did not
                table = table[:8] + bytes(4) + table[12:]
            words = np.frombuffer(table + bytes(-len(table) % 4), ">u4")
            if int(words.sum(dtype=np.uint64)) & 0xFFFF_FFFF != checksum:
                return "".join(
                    char if char.isprintable() else "?" for char in tag.decode("latin-1")
                )
    except struct.error:
        return None  # cut off: the reader says so
    return None


def _list_tables(data: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    if data[:4] in {b"wOFF", b"wOF2"}:  # their packing has checksums of its own
        return
    starts: tuple[int, ...] = (0,)
    if data[:4] == b"ttcf":
        starts = struct.unpack_from(f">{struct.unpack_from('>L', data, 8)[0]}L", data, 12)
    for start in starts:
        for k in range(struct.unpack_from(">H", data, start + 4)[0]):
            yield struct.unpack_from(">4sLLL", data, start + 12 + 16 * k)


@cache
def _find_program() -> str | None:
    try:
        import ots
    except ImportError:
        return None
    return str(ots.OTS_SANITIZE)


def _rejected(path: Path, reason: str) -> UnreadableFontError:
    shown = "".join(char if char.isprintable() else "?" for char in reason)[:_LONGEST_REASON]
    return UnreadableFontError(
        f"{path}: rejected by the OpenType Sanitizer: {shown} {_ALL_THE_SAME}"
    )
