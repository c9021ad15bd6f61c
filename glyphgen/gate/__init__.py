"""Faces x classes -> admitted cells, and why others were refused; makes no rows.

Each check of ``checks`` looks at all cells at once: at the outlines that will be drawn, at small
pictures of them, and at what other faces draw. A cell is refused by the first that refuses it.
"""

from glyphgen.gate.checks import CHECKS
from glyphgen.gate.examining import (
    GATE_VERSION,
    count_faces,
    describe_changed,
    describe_twins,
    describe_unproven,
    examine_cells,
    require_classes,
)
from glyphgen.gate.twins import Twins, join_twins
from glyphgen.gate.verdict import DENIED, Refusal, Verdict

__all__ = [
    "CHECKS",
    "DENIED",
    "GATE_VERSION",
    "Refusal",
    "Twins",
    "Verdict",
    "count_faces",
    "describe_changed",
    "describe_twins",
    "describe_unproven",
    "examine_cells",
    "join_twins",
    "require_classes",
]
