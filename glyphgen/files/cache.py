"""The user's cache: what one run has found, for the next run to find again.

An entry is a folder whose name is the hash of all that its content depends on. It holds the hash of
each of its files, and whatever is damaged, unfinished or of another make is as if it were not there. A
cache that cannot be written is no error: the next run works as long as this one.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from glyphgen.errors import GlyphgenError
from glyphgen.files.opening import ARRAY, PAGE, open_regular, read_regular
from glyphgen.files.pages import parse_json
from glyphgen.files.writing import TEMPORARY, name_temporary

__all__ = ["Cache", "find_cache", "find_cache_folder"]

_MANIFEST = "manifest.json"
_ABANDONED_S = 24 * 3600  # age at which what is unfinished belongs to a process that was killed

Content = TypeVar("Content")


@dataclass(frozen=True, slots=True)
class Cache:
    """Entries of one kind.

    Attributes:
        folder: Where they lie, made when it is needed; None where the user has no place for it.
        most: Entries that are kept, those that were used last.
    """

    folder: Path | None
    most: int

    def read(self, name: str, open_entry: Callable[[Path], Content]) -> Content | None:
        """Return what ``open_entry`` makes of the folder of an entry; None where none is whole."""
        if self.folder is None:
            return None
        entry = self.folder / name
        try:
            manifest = parse_json(read_regular(entry / _MANIFEST, PAGE, within=entry))
            if manifest != {"name": name, "files": _hash_files(entry)}:
                return None
            content = open_entry(entry)
        except (OSError, GlyphgenError, ValueError, LookupError, TypeError):
            return None
        with suppress(OSError):  # others may share the cache and let nobody write
            os.utime(entry)
        return content

    def write(self, name: str, fill: Callable[[Path], object]) -> None:
        """Write an entry in one step, and remove the oldest beyond the most that are kept.

        Args:
            name: A hash.
            fill: Writes the entry's files into the empty folder that it is given.
        """
        if self.folder is None:
            return
        entry = self.folder / name
        temporary = name_temporary(entry)
        try:
            temporary.mkdir(parents=True)
            fill(temporary)
            manifest = {"name": name, "files": _hash_files(temporary)}
            (temporary / _MANIFEST).write_text(json.dumps(manifest), encoding="ascii")
            shutil.rmtree(entry, ignore_errors=True)  # a damaged one
            temporary.rename(entry)
            self._remove_old(self.folder)
        except (OSError, GlyphgenError):  # the disk refused
            pass
        finally:
            shutil.rmtree(temporary, ignore_errors=True)  # where it did not become the entry

    def _remove_old(self, folder: Path) -> None:
        entries = list(folder.iterdir())
        unfinished = [entry for entry in entries if entry.name.endswith(TEMPORARY)]
        finished = [entry for entry in entries if not entry.name.startswith(".")]
        old = [e for e in unfinished if e.stat().st_mtime < time.time() - _ABANDONED_S]
        if len(finished) > self.most:
            finished.sort(key=lambda entry: entry.stat().st_mtime)
            old += finished[: len(finished) - self.most]
        for entry in old:
            shutil.rmtree(entry, ignore_errors=True)


def find_cache(kind: str, *, most: int) -> Cache:
    """Return the user's cache of one kind of entries; see ``find_cache_folder``."""
    return Cache(find_cache_folder(kind), most)


def find_cache_folder(kind: str) -> Path | None:
    """Return where the user's cache of one kind lies, ``$XDG_CACHE_HOME/glyphgen/kind``; None for nowhere.

    Source: XDG Base Directory Specification 0.8 (``~/.cache`` where the variable holds no absolute path).
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        base = given if given.is_absolute() else Path.home() / ".cache"
    except RuntimeError:  # no HOME, and a user that the system does not know, as in some containers
        return None
    return base / "glyphgen" / kind


def _hash_files(entry: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(entry.rglob("*")):
        if path.is_file() and path.name != _MANIFEST:
            with open_regular(path, ARRAY, within=entry) as file:
                hashes[str(path.relative_to(entry))] = hashlib.file_digest(
                    file, "sha256"
                ).hexdigest()
    return hashes
