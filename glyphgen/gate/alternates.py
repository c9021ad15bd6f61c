"""Which cells of an alternate are those of its face, or of another alternate: they are drawn once."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.gate.verdict import Refusal, Verdict
from glyphgen.outlines import Outlines
from glyphgen.outlines.typefaces import hash_drawings

__all__ = ["describe_idle", "drop_repeats", "find_repeats"]

_MOVED_EM = 1e-3  # less is rounding


def find_repeats(faces: Sequence[Face], store: Outlines) -> NDArray[np.bool_]:
    """Return which cells of alternates their faces draw without the feature, or by another: (F, C).

    Args:
        faces: F faces.
        store: What they draw for C forms.
    """
    repeats = np.zeros((len(faces), store.n_forms), dtype=np.bool_)
    if not any(face.alternate for face in faces):
        return repeats
    drawings = np.array(hash_drawings(store))
    boxes = store.box.reshape(len(faces), store.n_forms, 4)
    before: dict[tuple[object, ...], list[int]] = {}
    for k, face in enumerate(faces):
        same_face = before.setdefault((face.sha256, face.index, face.axes), [])
        for other in same_face if face.alternate else ():
            stays = np.abs(boxes[k] - boxes[other]).max(axis=1) <= _MOVED_EM
            repeats[k] |= (drawings[k] == drawings[other]) & stays
        same_face.append(k)
    return repeats


def drop_repeats(verdict: Verdict, repeats: NDArray[np.bool_]) -> Verdict:
    """Return a verdict in which repeats are neither admitted nor refused: nobody asks for them."""
    if not repeats.any():
        return verdict

    def is_kept(refusal: Refusal) -> bool:
        return not repeats[refusal.face, refusal.form]

    admitted = verdict.admitted & ~repeats
    return replace(
        verdict,
        admitted=admitted,
        unproven=verdict.unproven & ~repeats,
        refusals=tuple(filter(is_kept, verdict.refusals)),
        allowed=tuple(filter(is_kept, verdict.allowed)),
        changes=verdict.changes.keep(admitted),
    )


def describe_idle(faces: Sequence[Face], verdict: Verdict) -> str:
    """Return in a line which alternates draw nothing that is not drawn already; empty where none does."""
    refused = {refusal.face for refusal in verdict.refusals}
    idle = [
        face.name
        for k, face in enumerate(faces)
        if face.alternate and not verdict.admitted[k].any() and k not in refused
    ]
    return f"alternates that add no form of the classes: {', '.join(idle)}" if idle else ""
