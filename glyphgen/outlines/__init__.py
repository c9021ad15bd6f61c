"""Faces and forms -> outlines, read once by HarfBuzz; knows nothing of classes, samples or pixels."""

from glyphgen.outlines.reading import read_outlines
from glyphgen.outlines.store import N_DIRECTIONS, OutlineStore

__all__ = ["N_DIRECTIONS", "OutlineStore", "read_outlines"]
