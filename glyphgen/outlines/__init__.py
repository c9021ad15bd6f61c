"""Faces and forms -> outlines, read once by HarfBuzz."""

from glyphgen.outlines.harfbuzz import HARFBUZZ_VERSION
from glyphgen.outlines.outline_store import N_DIRECTIONS, OUTLINES_VERSION, OutlineStore
from glyphgen.outlines.process import FontReader, Limits, ReadOutlines, UnreadFace

__all__ = [
    "HARFBUZZ_VERSION",
    "N_DIRECTIONS",
    "OUTLINES_VERSION",
    "FontReader",
    "Limits",
    "OutlineStore",
    "ReadOutlines",
    "UnreadFace",
]
