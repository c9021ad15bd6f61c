"""Faces and forms -> outlines, read once by HarfBuzz; knows nothing of classes, samples or pixels."""

from glyphgen.outlines.reading import HARFBUZZ_VERSION, read_missing_glyphs, read_outlines
from glyphgen.outlines.store import N_DIRECTIONS, OutlineStore

__all__ = [
    "HARFBUZZ_VERSION",
    "N_DIRECTIONS",
    "OutlineStore",
    "read_missing_glyphs",
    "read_outlines",
]
