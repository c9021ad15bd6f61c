"""Faces and forms -> outlines, read once by HarfBuzz; knows nothing of classes, samples or pixels."""

from glyphgen.outlines.harfbuzz import HARFBUZZ_VERSION, read_outlines
from glyphgen.outlines.process import FontReader, Limits, ReadOutlines, UnreadFace
from glyphgen.outlines.store import N_DIRECTIONS, OutlineStore

__all__ = [
    "HARFBUZZ_VERSION",
    "N_DIRECTIONS",
    "FontReader",
    "Limits",
    "OutlineStore",
    "ReadOutlines",
    "UnreadFace",
    "read_outlines",
]
