"""Keeps what was read of font files in earlier runs.

A face is found again by the hash of its file, so that a font that was replaced is another font. Only
what could be read is kept: what is wrong with a file is found anew in every run.
"""

import hashlib
import json
import os
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from glyphgen.errors import FontError
from glyphgen.fonts.container import hash_font_file
from glyphgen.fonts.face import Face
from glyphgen.fonts.finding import FaceRequest
from glyphgen.fonts.license import find_beside
from glyphgen.fonts.sanitizer import describe_sanitizer
from glyphgen.version import VERSION

__all__ = ["KnownFaces"]

_MOST = 2_000  # faces that are kept, the latest; one takes 5 kB with the text of its license


class KnownFaces:
    """The faces that one file of the user's cache holds.

    Args:
        path: Of the file; one that is absent or damaged holds none.
        sanitize: Whether faces count only if their files have passed the checks of ``sanitizer``.
    """

    def __init__(self, path: Path, *, sanitize: bool) -> None:
        self._path = path
        tools = [VERSION, version("fonttools")]
        self._checked_by = [*tools, describe_sanitizer() if sanitize else None]
        self._pages: dict[str, dict[str, Any]] = {}
        self._new: dict[str, dict[str, Any]] = {}
        try:
            pages = json.loads(path.read_bytes())
            self._pages = {key: pages[key] for key in pages if isinstance(pages[key], dict)}
        except (OSError, ValueError, TypeError):
            return

    def find(self, request: FaceRequest) -> Face | None:
        """Return the face if just this file has been read so before."""
        try:
            page = self._pages.get(self._name(request, hash_font_file(request.path)))
            return Face.from_page(page | {"path": request.path}) if page else None
        except (FontError, LookupError, TypeError, ValueError):
            return None  # its reader says what is wrong

    def add(self, request: FaceRequest, face: Face) -> None:
        """Keep a face that was read."""
        self._new[self._name(request, face.sha256)] = face.to_page()

    def save(self) -> None:
        """Write the file, if there is anything new; one that cannot be written is no error."""
        if not self._new:
            return
        latest = list((self._pages | self._new).items())[-_MOST:]
        temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(dict(latest)), encoding="ascii")
            temporary.replace(self._path)
        except OSError:
            with suppress(OSError):
                temporary.unlink()

    def _name(self, request: FaceRequest, sha256: str) -> str:
        beside = find_beside(request.path)
        license = [beside.name, beside.text] if beside else None
        how = [request.path.name, request.index, request.axes, request.weight]
        text = json.dumps([self._checked_by, sha256, how, license])
        return hashlib.sha256(text.encode()).hexdigest()
