"""How rows were drawn: what datasets tell of it, carried along into a dataset that is made of them.

What is not known is marked as such, never guessed: the face is ``NO_FACE``, a number NaN, an integer -1.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.annotations import ANNOTATIONS_NAME
from glyphgen.dataset.index import FaceInfo, Index, hash_pages
from glyphgen.dataset.reader import Dataset

if TYPE_CHECKING:  # it takes pydantic, and most sources have no gate.json
    from glyphgen.gate.page import GatePage, RefusedEntry

__all__ = [
    "NO_FACE",
    "NO_FORM",
    "NO_PROVENANCE",
    "ROW_DTYPE",
    "JoinedProvenance",
    "Provenance",
    "describe_carried",
    "join_provenance",
    "list_carried",
    "read_provenance",
]

ROW_DTYPE = np.dtype(
    [
        ("class_index", "<u4"),
        ("sample", "<u4"),
        ("face", "<u2"),
        ("form", "<u4"),
        ("source_row", "<i8"),
        ("source", "<u2"),
    ]
)
"""What is known of each row: its source in index.json, and the row that it is there."""

_GATE_NAME = "gate.json"
_N_FIELDS = len(ROW_DTYPE.names or ())

NO_FORM = 2**32 - 1
"""The form of a class that is only a word."""

NO_FACE = 2**16 - 1
"""The face of a row that no known face has drawn, in a dataset that names faces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What one dataset tells of how its rows were drawn.

    Attributes:
        faces: In the order of ``samples["face"]``.
        forms: Of all classes, in the order of ``samples["form"]``.
        unproven: Of each class: faces that draw it though nothing is known to compare them with.
        samples: Of all rows, structured (n,).
        gate: Its gate.json; None without one.
    """

    faces: tuple[FaceInfo, ...]
    forms: tuple[str, ...]
    unproven: tuple[int, ...]
    samples: NDArray[np.void]
    gate: "GatePage | None"

    @property
    def n_unknown(self) -> int:
        """Rows that no face is known of."""
        return int((self.samples["face"] >= len(self.faces)).sum())

    def place_forms(
        self,
        class_index: NDArray[np.integer[Any]],
        rows: NDArray[np.int64],
        place_of: Mapping[tuple[int, str], int],
    ) -> NDArray[np.int64]:
        """Return the place of the text that each of some rows shows; -1 where it is not known.

        Args:
            class_index: (n,), of each row in a new class table.
            rows: (n,), here.
            place_of: Place among all forms of the new table, by class and text.
        """
        texts = (*self.forms, "")
        form = np.minimum(self.samples["form"][rows], len(self.forms)).astype(np.int64)
        keys, inverse = np.unique(
            class_index.astype(np.int64) * len(texts) + form, return_inverse=True
        )
        pairs = (divmod(key, len(texts)) for key in keys.tolist())
        places = np.array([place_of.get((k, texts[form]), -1) for k, form in pairs], np.int64)
        return places[inverse]


def read_provenance(dataset: Dataset) -> Provenance | None:
    """Return what a dataset tells of its rows; None where its rows name no face and no form."""
    from glyphgen.gate.page import read_gate_page

    samples = np.asarray(dataset.samples)
    if not {"face", "form"} <= set(samples.dtype.names or ()):
        return None
    return Provenance(
        faces=dataset.index.faces,
        forms=tuple(form for info in dataset.classes for form in info.forms),
        unproven=tuple(info.unproven for info in dataset.classes),
        samples=samples,
        gate=read_gate_page(dataset.folder),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedProvenance:
    """What the parts of a dataset tell together.

    Attributes:
        faces: Of all parts, each once.
        sample_dtype: ``ROW_DTYPE``, and after it every field that a part has more.
        unproven: Of each class of the new dataset.
        gate: The verdicts of all parts; None where no part has one.
        face_of: Of each part, the place among ``faces`` of each of its own, and ``NO_FACE`` last.
    """

    faces: tuple[FaceInfo, ...] = ()
    sample_dtype: np.dtype[np.void] = ROW_DTYPE
    unproven: tuple[int, ...] = ()
    gate: "GatePage | None" = None
    face_of: tuple[NDArray[np.uint16], ...] = ()

    @property
    def pages(self) -> dict[str, bytes]:
        """Files that lie beside the arrays."""
        return {_GATE_NAME: self.gate.dump()} if self.gate else {}

    def fill(
        self,
        samples: NDArray[np.void],
        number: int,
        found: Provenance | None,
        rows: NDArray[np.int64],
        place_of: Mapping[tuple[int, str], int],
    ) -> None:
        """Fill samples with what a part tells of its rows; their ``class_index`` is known.

        Args:
            samples: (n,), in place.
            number: Of the part.
            found: What the part tells.
            rows: (n,), the part's rows.
            place_of: See ``Provenance.place_forms``.
        """
        names = (found.samples.dtype.names or ()) if found else ()
        for name in (self.sample_dtype.names or ())[_N_FIELDS:]:
            samples[name] = (
                found.samples[name][rows]
                if found and name in names
                else _choose_unknown(self.sample_dtype[name])
            )
        if self.faces:
            samples["face"] = NO_FACE
        if found is None:
            return
        if found.faces:
            last = len(found.faces)
            samples["face"] = self.face_of[number][np.minimum(found.samples["face"][rows], last)]
        places = found.place_forms(samples["class_index"], rows, place_of)
        samples["form"] = np.where(places >= 0, places, samples["form"])


NO_PROVENANCE = JoinedProvenance()
"""Of a dataset whose parts tell nothing."""


def join_provenance(
    parts: Sequence[Provenance | None], class_of: Sequence[Sequence[int]], n_classes: int
) -> JoinedProvenance:
    """Join what parts tell of their rows.

    Args:
        parts: What each tells; None where it tells nothing.
        class_of: Of each part, the class in the new table of each of its own; -1 where it has none.
        n_classes: Of the new table.
    """
    told = [part for part in parts if part is not None]
    faces: dict[tuple[Any, ...], FaceInfo] = {}
    for face in chain.from_iterable(part.faces for part in told):
        faces.setdefault(_identify(face), face)
    place = {key: k for k, key in enumerate(faces)}
    unproven = np.zeros(n_classes, dtype=np.int64)
    counted: list[tuple[Any, ...]] = []
    for part, classes in zip(parts, class_of, strict=True):
        if part is None or (part.faces, part.forms, part.unproven) in counted:
            continue
        counted.append((part.faces, part.forms, part.unproven))
        for k, n in zip(classes, part.unproven, strict=True):
            unproven[k] += n if k >= 0 else 0
    return JoinedProvenance(
        faces=tuple(faces.values()),
        sample_dtype=_join_fields(told),
        unproven=tuple(np.minimum(unproven, len(faces)).tolist()),
        gate=_join_gates(told),
        face_of=tuple(
            np.array(
                [*(place[_identify(face)] for face in (part.faces if part else ())), NO_FACE],
                dtype=np.uint16,
            )
            for part in parts
        ),
    )


def _identify(face: FaceInfo) -> tuple[Any, ...]:
    """Return what makes a face another; its weight in a recipe does not."""
    return face.file, face.sha256, face.index, tuple(sorted(face.axes.items())), face.alternate


def _join_fields(told: Sequence[Provenance]) -> np.dtype[np.void]:
    kinds: dict[str, np.dtype[Any]] = {}
    for part in told:
        for name in part.samples.dtype.names or ():
            if name not in (ROW_DTYPE.names or ()):
                kind = part.samples.dtype[name]
                least = kinds.get(name, np.dtype(np.int8) if kind.kind == "b" else kind)
                kinds[name] = np.promote_types(least, kind)
    return np.dtype([*ROW_DTYPE.descr, *((name, kind.str) for name, kind in kinds.items())])


def _choose_unknown(kind: np.dtype[Any]) -> float | int:
    """Return what stands for a value that is not known."""
    if kind.kind == "f":
        return float("nan")
    return int(np.iinfo(kind).max) if kind.kind == "u" else -1


# --- gate.json


def _join_gates(told: Sequence[Provenance]) -> "GatePage | None":
    """Return one page: a cell that any part draws is admitted, though another may refuse it."""
    pages: list[tuple[GatePage, tuple[str, ...]]] = []
    for part in told:
        if part.gate and (part.gate, part.forms) not in pages:
            pages.append((part.gate, part.forms))
    if len(pages) < 2:
        return pages[0][0] if pages else None
    asked: dict[str, set[str]] = {}
    drawn: dict[str, set[str]] = {}
    refused: dict[tuple[str, str], RefusedEntry] = {}
    unproven: dict[str, int] = {}
    for page, forms in pages:
        cells = {(cell.face, cell.form): cell for cell in page.refused}
        for face in page.coverage:
            asked.setdefault(face, set()).update(forms)
            drawn.setdefault(face, set()).update(
                form for form in forms if (face, form) not in cells
            )
        refused = {**cells, **refused}
        for face, n in page.unproven.items():
            unproven[face] = min(unproven.get(face, 0) + n, len(drawn[face]))
    joined: dict[str, Any] = {
        spec.name: tuple(dict.fromkeys(chain(*(getattr(page, spec.name) for page, _ in pages))))
        for spec in dataclasses.fields(pages[0][0])
        if isinstance(getattr(pages[0][0], spec.name), tuple)
    }
    kept = (cell for (face, form), cell in refused.items() if form not in drawn.get(face, ()))
    joined |= {
        "cells": sum(map(len, asked.values())),
        "admitted": sum(map(len, drawn.values())),
        "coverage": {face: len(forms) for face, forms in drawn.items()},
        "unproven": unproven,
        "refused": tuple(kept),
    }
    return dataclasses.replace(pages[0][0], **joined)


# --- The proof


def describe_carried(
    faces: Sequence[FaceInfo],
    sample_fields: Sequence[tuple[str, str]],
    unproven: Sequence[int],
    gate_sha256: str,
    boxes_sha256: str = "",
) -> list[Any]:
    """Return, as JSON has it, what a dataset carries of its parts; nothing where it carries nothing."""
    fields = list(map(list, sample_fields[_N_FIELDS:]))
    if not (faces or fields or any(unproven) or gate_sha256 or boxes_sha256):
        return []
    carried = [[face.to_page() for face in faces], fields, list(unproven), gate_sha256]
    return [*carried, boxes_sha256] if boxes_sha256 else carried


def list_carried(
    whole: "JoinedProvenance | Index", pages: Mapping[str, bytes] = MappingProxyType({})
) -> list[Any]:
    """Return what ``describe_carried`` gives for a dataset that is to be made, or that was made.

    Args:
        whole: What its parts tell together, or its index.
        pages: Other files that will lie beside its arrays.
    """
    if isinstance(whole, Index):
        unproven = [info.unproven for info in whole.classes]
        hashes = [whole.files.get(name, "") for name in (_GATE_NAME, ANNOTATIONS_NAME)]
        return describe_carried(whole.faces, whole.sample_fields, unproven, *hashes)
    fields = [(name, whole.sample_dtype[name].str) for name in whole.sample_dtype.names or ()]
    made = hash_pages({**whole.pages, **pages})
    hashes = [made.get(name, "") for name in (_GATE_NAME, ANNOTATIONS_NAME)]
    return describe_carried(whole.faces, fields, whole.unproven, *hashes)
