"""Centre lines of strokes -> faces that hands write, whose outlines are drawn anew for every row."""

from glyphgen.strokes.stroke_store import StrokeStore
from glyphgen.strokes.written_rows import N_STROKE_WORDS, count_stroke_words, write_rows

STROKES_VERSION = 1
"""Raised whenever the same files and laws may give other lines."""

__all__ = ["N_STROKE_WORDS", "STROKES_VERSION", "StrokeStore", "count_stroke_words", "write_rows"]
