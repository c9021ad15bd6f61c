"""Font files -> faces: names, axes, license, hash (fontTools lives here)."""

from glyphgen.fonts.container import FontFile, read_font_file
from glyphgen.fonts.face import Face, find_license_troubles, read_face
from glyphgen.fonts.finding import FaceRequest, find_requests, match_names
from glyphgen.fonts.known import KnownFaces

__all__ = [
    "Face",
    "FaceRequest",
    "FontFile",
    "KnownFaces",
    "find_license_troubles",
    "find_requests",
    "match_names",
    "read_face",
    "read_font_file",
]
