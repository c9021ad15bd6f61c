"""Checks whether a font file is whole and sane: its tables, their sums, its glyphs, the OpenType Sanitizer.

It changes nothing: what is read afterwards is the file as it is, so that a dataset is the same whether
the sanitizer is installed or not.
"""

import io
import signal
import struct
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import MachineError, UnreadableFontError

__all__ = ["check_glyphs", "check_sanity", "describe_sanitizer"]

_LONGEST_S = 10  # a collection of all of Chinese, Japanese and Korean takes 0.3 s
_LONGEST_REASON = 160
# Bitmaps, pictures, signatures and an editor's notes, which nothing here reads.
_NEVER_DRAWN = frozenset(
    ("EBDT", "EBLC", "EBSC", "bdat", "bloc", "CBDT", "CBLC", "sbix", "SVG ", "DSIG", "FFTM")
)
_ALL_THE_SAME = "(mend the font; fonts.sanitize = false reads it all the same)"


def check_sanity(path: Path, data: bytes) -> None:
    """Check a font file's tables and checksums, and ask the OpenType Sanitizer where it is installed.

    Damage that moves a few points of an outline leaves a font that can be read and drawn, and a
    character that nobody has ever written so: only the checksums know.

    Raises:
        UnreadableFontError: A table ends behind the file or is not what its checksum says, or the
            sanitizer rejects the file.
        MachineError: The sanitizer cannot be started.

    Source: OpenType 1.9.1, "OpenType Font File", calculating checksums; https://github.com/khaledhosny/ots
    """
    damaged = _find_cut_off(data) or _find_damaged(data)
    if damaged:
        raise UnreadableFontError(f"{path}: damaged, table {damaged} {_ALL_THE_SAME}")
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
    except OSError as error:
        raise MachineError(
            f"{program}: the OpenType Sanitizer cannot be started: {error.strerror}"
            " (fonts.sanitize = false does without it)"
        ) from error
    if done.returncode == -signal.SIGKILL:
        raise MachineError(
            f"{path}: the OpenType Sanitizer was killed while it looked at this file"
            " (often by the system, for want of memory; run the command again)"
        )
    if done.returncode:
        said = done.stderr.decode(errors="replace").splitlines()
        errors = [line.removeprefix("ERROR: ") for line in said if line.startswith("ERROR: ")]
        raise _rejected(path, errors[0] if errors else f"exit code {done.returncode}")


def check_glyphs(path: Path, data: bytes) -> None:
    """Check that TrueType glyphs lie one after the other in their table, and so do their contours.

    Args:
        path: Of the file, for the message.
        data: A font or a collection, unpacked.

    Raises:
        UnreadableFontError: A glyph ends before it begins or beyond the table, so that another glyph's
            bytes would be drawn; or a contour ends before or with the one before it: the points would be
            joined as nobody has drawn them.

    Source: OpenType 1.9.1, tables loca and glyf, simple glyph description.
    """
    for tables in _list_fonts(data):
        try:
            damaged = _find_disorder(data, tables)
        except (struct.error, LookupError, ValueError):
            continue  # cut off or contradictory: the reader says so
        if damaged:
            raise UnreadableFontError(f"{path}: damaged, {damaged} {_ALL_THE_SAME}")


def _find_disorder(data: bytes, tables: dict[str, Any]) -> str | None:
    """Return the first glyph that lies where none can, or of which the contours are out of order."""
    glyf, head, loca, maxp = (
        data[tables[tag].offset :][: tables[tag].length] for tag in ("glyf", "head", "loca", "maxp")
    )
    has_long = struct.unpack_from(">h", head, 50)[0]
    n_glyphs = struct.unpack_from(">H", maxp, 4)[0]
    places = np.frombuffer(loca, ">u4" if has_long else ">u2")[: n_glyphs + 1].astype(np.int64)
    at = places * (1 if has_long else 2)
    if len(backwards := np.flatnonzero(at[1:] < at[:-1])):
        return f"table 'loca' runs backwards at glyph {backwards[0]}"
    if len(beyond := np.flatnonzero(at > len(glyf))):
        return f"table 'loca' places glyph {max(beyond[0] - 1, 0)} beyond the end of 'glyf'"
    glyph = _find_crossed_contours(np.frombuffer(glyf, np.uint8), at)
    return None if glyph is None else f"the contours of glyph {glyph} are out of order"


def _find_crossed_contours(glyf: NDArray[np.uint8], at: NDArray[np.int64]) -> int | None:
    """Return the first glyph of which a contour ends no later than the one before it."""
    glyphs = np.flatnonzero(at[1:] > at[:-1])
    n_contours = _read_words(glyf, at[glyphs])
    simple = n_contours < 1 << 15  # composite glyphs count -1
    glyphs, n_contours = glyphs[simple], n_contours[simple]
    firsts = np.cumsum(n_contours) - n_contours
    within = np.arange(n_contours.sum()) - np.repeat(firsts, n_contours)
    ends = _read_words(glyf, np.repeat(at[glyphs] + 10, n_contours) + 2 * within)
    wrong = np.flatnonzero((np.diff(ends) <= 0) & (within[1:] > 0))
    return int(np.repeat(glyphs, n_contours)[wrong[0]]) if len(wrong) else None


def _read_words(table: NDArray[np.uint8], at: NDArray[np.int64]) -> NDArray[np.int64]:
    return table[at].astype(np.int64) << 8 | table[at + 1]


def describe_sanitizer() -> str:
    """Return what checks files: ``"checksums"`` alone, or ``"ots 9.2.0"`` as well."""
    return f"ots {version('opentype-sanitizer')}" if _find_program() else "checksums"


def _find_damaged(data: bytes) -> str | None:
    """Return the first table that is not what its checksum says; what cannot be found is no table."""
    # Ours: fontTools' checkChecksums=2 knows one reading of head, and is an assert that python -O drops.
    from fontTools.ttLib.sfnt import calcChecksum

    if data[:4] in {b"wOFF", b"wOF2"}:  # their packing has checksums of its own
        return None
    tables = {
        (tag, entry.offset, entry.length, entry.checkSum)
        for font in _list_fonts(data)
        for tag, entry in font.items()
        if tag not in _NEVER_DRAWN
    }
    for tag, offset, length, checksum in sorted(tables):  # those that fonts share are there once
        table = data[offset : offset + length]
        sums = [calcChecksum(table)]
        if tag == "head":
            # It holds the sum of the whole file, which counts as 0; many tools count it as it is.
            sums.append(calcChecksum(table[:8] + bytes(4) + table[12:]))
        if checksum not in sums:
            return f"'{tag}' does not match its checksum"
    return None


def _find_cut_off(data: bytes) -> str | None:
    """Return the first table that ends behind the end of the file, and how far."""
    if data[:4] in {b"wOFF", b"wOF2"}:
        return None
    for font in _list_fonts(data):
        for tag, entry in font.items():
            if (end := entry.offset + entry.length) > len(data) and tag not in _NEVER_DRAWN:
                return f"'{tag}' ends at byte {end:,} of a file of {len(data):,}"
    return None


def _list_fonts(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the table directory of each font of a file: fontTools' entries by their tags."""
    from fontTools.ttLib import TTLibError
    from fontTools.ttLib.sfnt import SFNTReader, readTTCHeader

    file = io.BytesIO(data)
    try:
        n_fonts = readTTCHeader(file).numFonts if data[:4] == b"ttcf" else 1
        for number in range(n_fonts):
            yield SFNTReader(file, fontNumber=number).tables
    except (TTLibError, struct.error, AssertionError):
        return  # cut off or contradictory: the reader says so


@cache
def _find_program() -> str | None:
    try:
        import ots
    except ImportError:
        return None
    return str(ots.OTS_SANITIZE)


def _rejected(path: Path, reason: str) -> UnreadableFontError:
    shown = reason[:_LONGEST_REASON]
    return UnreadableFontError(
        f"{path}: rejected by the OpenType Sanitizer: {shown} {_ALL_THE_SAME}"
    )
