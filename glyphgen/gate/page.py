"""gate.json: what the gate found, as it lies beside a dataset's arrays."""

from collections.abc import Sequence
from typing import Any, Protocol

from glyphgen.classes import ClassTable
from glyphgen.fonts import Face
from glyphgen.gate.verdict import Refusal, Verdict
from glyphgen.outlines import UnreadFace
from glyphgen.text import list_codepoints

__all__ = ["Surveyed", "make_gate_page"]


class Surveyed(Protocol):
    """What a recipe's faces draw of its classes, and what the gate says of that."""

    @property
    def table(self) -> ClassTable:
        """The classes."""

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces that could be read."""

    @property
    def verdict(self) -> Verdict:
        """The gate's, on each cell of these faces and classes."""

    @property
    def unread(self) -> tuple[UnreadFace, ...]:
        """The faces that could not."""


def make_gate_page(found: Surveyed) -> dict[str, Any]:
    """Return the gate's verdict as gate.json holds it."""
    table, faces, verdict = found.table, found.faces, found.verdict
    forms = table.all_forms
    return {
        "cells": verdict.admitted.size,
        "admitted": int(verdict.admitted.sum()),
        "coverage": {
            face.name: int(of_face.sum())
            for face, of_face in zip(faces, verdict.admitted, strict=True)
        },
        "unproven": {
            face.name: int(of_face.sum())
            for face, of_face in zip(faces, verdict.unproven, strict=True)
            if of_face.any()
        },
        "unread": [
            {
                "file": face.path.name,
                "index": face.index,
                "reason": "; ".join(line.removeprefix(f"{face.path}: ") for line in face.problems),
            }
            for face in found.unread
        ],
        "refused": [_show_refusal(refusal, faces, forms) for refusal in verdict.refusals],
        "allowed": [_show_refusal(refusal, faces, forms) for refusal in verdict.allowed],
        "twins": [
            {
                "forms": [forms[form] for form in twins.forms],
                "distance": twins.distance,
                "faces": twins.n_faces,
                "faces_alike": twins.n_alike,
                "one_class": len({table.form_class[form] for form in twins.forms}) == 1,
            }
            for twins in verdict.twins
        ],
        "face_twins": [
            {
                "face": faces[twins.face].name,
                "forms": [forms[form] for form in twins.forms],
                "distance": twins.distance,
            }
            for twins in verdict.face_twins
        ],
    }


def _show_refusal(refusal: Refusal, faces: Sequence[Face], forms: Sequence[str]) -> dict[str, Any]:
    return {
        "face": faces[refusal.face].name,
        "form": forms[refusal.form],
        "codepoints": list_codepoints(forms[refusal.form]),
        "reason": refusal.reason,
        "figure": refusal.figure,
    }
