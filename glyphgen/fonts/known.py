"""Keeps what was read of font files in earlier runs, in the user's cache.

A face is found again by the hash of its file, so that a font that was replaced is another font. Only
what could be read is kept: what is wrong with a file is found anew in every run.
"""

import hashlib
import json
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from glyphgen.errors import FontError
from glyphgen.files.cache import find_cache
from glyphgen.files.opening import PAGE, read_regular
from glyphgen.files.pages import parse_json
from glyphgen.fonts.container import hash_font_file
from glyphgen.fonts.face import Face
from glyphgen.fonts.finding import FaceRequest
from glyphgen.fonts.license import find_beside
from glyphgen.fonts.sanitizer import describe_sanitizer
from glyphgen.version import VERSION

__all__ = ["KnownFaces"]

_MOST = 2_000  # faces that are kept; one takes 5 kB with the text of its license
_FACE = "face.json"


class KnownFaces:
    """The faces that the user's cache holds.

    Args:
        sanitize: Whether faces count only if their files have passed the checks of ``sanitizer``.
    """

    def __init__(self, *, sanitize: bool) -> None:
        self._cache = find_cache("faces", most=_MOST)
        tools = [VERSION, version("fonttools")]
        self._checked_by = [*tools, describe_sanitizer() if sanitize else None]

    def find(self, request: FaceRequest) -> Face | None:
        """Return the face if just this file has been read so before."""
        try:
            name = self._name(request, hash_font_file(request.path))
        except FontError:
            return None  # its reader says what is wrong
        return self._cache.read(name, lambda entry: _read_face(entry, request.path))

    def add(self, request: FaceRequest, face: Face) -> None:
        """Keep a face that was read; not beside a catalogue that cannot be."""
        page = json.dumps(face.to_page())
        with suppress(FontError):
            self._cache.write(
                self._name(request, face.sha256),
                lambda entry: (entry / _FACE).write_text(page, encoding="ascii"),
            )

    def _name(self, request: FaceRequest, sha256: str) -> str:
        beside = find_beside(request.path)
        license = [beside.name, beside.text] if beside else None
        how = [request.path.name, request.index, request.axes, request.weight]
        how += [request.alternate] if request.alternate else []
        text = json.dumps([self._checked_by, sha256, how, license])
        return hashlib.sha256(text.encode()).hexdigest()


def _read_face(entry: Path, path: Path) -> Face:
    page = parse_json(read_regular(entry / _FACE, PAGE, within=entry))
    return Face.from_page(page | {"path": path})
