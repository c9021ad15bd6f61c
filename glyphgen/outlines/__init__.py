"""Faces and forms -> outlines, read once by HarfBuzz; what reads them is imported where it is used."""

from glyphgen.outlines.outline_store import N_DIRECTIONS, OUTLINES_VERSION, OutlineStore
from glyphgen.outlines.run_store import Outlines, RunStore

__all__ = ["N_DIRECTIONS", "OUTLINES_VERSION", "OutlineStore", "Outlines", "RunStore"]
