"""A power cut: what nobody has waited for to reach the disk is undone, as the journal of shim.c tells it.

Bytes that were written after the last fsync of their file are lost; files that were never synced are empty.
Names (of what was made, renamed, removed) that were changed after the last fsync of their folder are lost
as well, or stay, as the test wants: POSIX promises neither.
"""

import os
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class _File:
    is_new: bool = False  # nothing of it was ever synced
    size: int | None = None  # what it was cut to
    written: list[tuple[int, int]] = field(
        default_factory=list
    )  # since it was synced: offset, bytes


def cut_power(root: Path, notes: Path, *, names_stay: bool) -> None:
    """Bring all below ``root`` into a state that a power cut may leave behind."""
    lines = (notes / "journal").read_text(encoding="utf-8").splitlines()
    records = [line.split("\t") for line in lines]
    _lose_bytes(root, notes, records)
    if not names_stay:
        _lose_names(notes, records)


def _lose_bytes(root: Path, notes: Path, records: list[list[str]]) -> None:
    files: dict[int, _File] = defaultdict(_File)
    for what, *rest in records:
        if what in ("create", "write", "truncate", "sync"):
            inode = int(rest[0])
            if what == "create":
                files[inode] = _File(is_new=True)
            elif what == "write":
                files[inode].written.append((int(rest[1]), int(rest[2])))
            elif what == "truncate":
                files[inode].size = int(rest[1])
            else:
                files[inode] = _File()
    for path in [*root.rglob("*"), *notes.iterdir()]:
        if path.is_file() and not path.is_symlink() and path.name not in ("journal", "log"):
            lost = files.get(path.stat().st_ino)
            if lost and lost.is_new:
                os.truncate(path, 0)
            elif lost:
                _zero(path, lost.written)


def _zero(path: Path, written: list[tuple[int, int]]) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        for offset, n in written:
            if offset < size:
                file.seek(offset)
                file.write(bytes(min(n, size - offset)))


def _lose_names(notes: Path, records: list[list[str]]) -> None:
    for number, record in reversed(list(enumerate(records))):
        undo = _UNDO.get(record[0])
        if undo is None:
            continue
        paths = [Path(text) for text in record[1:] if text.startswith("/")]
        if not _is_synced(paths[-1].parent, records[number + 1 :]):
            undo(notes, record[1:])


def _is_synced(folder: Path, records: list[list[str]]) -> bool:
    return any(record[0] == "sync" and record[2:] == [str(folder)] for record in records)


def _undo_create(notes: Path, values: list[str]) -> None:
    path = Path(values[1])
    if path.is_file() and path.stat().st_ino == int(values[0]):
        path.unlink()


def _undo_rename(notes: Path, values: list[str]) -> None:
    old, new = Path(values[0]), Path(values[1])
    if not new.exists() or not old.parent.exists():
        return
    new.rename(old)
    _restore(notes, values[2], new)


def _undo_unlink(notes: Path, values: list[str]) -> None:
    _restore(notes, values[1], Path(values[0]))


def _restore(notes: Path, kept: str, path: Path) -> None:
    if kept != "0" and path.parent.exists() and not path.exists():
        os.link(notes / kept, path)


def _undo_mkdir(notes: Path, values: list[str]) -> None:
    shutil.rmtree(values[0], ignore_errors=True)


def _undo_rmdir(notes: Path, values: list[str]) -> None:
    path = Path(values[0])
    if path.parent.exists():
        path.mkdir(exist_ok=True)


_UNDO = {
    "create": _undo_create,
    "rename": _undo_rename,
    "unlink": _undo_unlink,
    "mkdir": _undo_mkdir,
    "rmdir": _undo_rmdir,
}
