"""Keeps outlines and verdicts of earlier runs in the user's cache."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from glyphgen.files.cache import Cache, find_cache
from glyphgen.files.opening import PAGE, read_regular
from glyphgen.files.pages import parse_json
from glyphgen.fonts import Face
from glyphgen.gate import GATE_VERSION, Refusal, Verdict
from glyphgen.gate.changing import Changes
from glyphgen.gate.examining import is_persian
from glyphgen.gate.shipped import load_shipped
from glyphgen.gate.twins import Twins
from glyphgen.outlines import OUTLINES_VERSION, Outlines
from glyphgen.outlines.harfbuzz import HARFBUZZ_VERSION
from glyphgen.outlines.raster import RASTER_VERSION
from glyphgen.recipe import Recipe
from glyphgen.strokes import STROKES_VERSION
from glyphgen.version import VERSION

__all__ = ["name_entry", "read_entry", "write_entry"]

_MOST_ENTRIES = 20  # that are kept: 29 faces x 169 kana take 12 MB, 5 faces x 2,965 kanji 34 MB
# What else a recipe says is part of an entry's name, whether the gate looks at it today or not.
_NOT_LOOKED_AT: dict[str, Any] = {
    **dict.fromkeys(("name", "seed", "fonts", "augment", "split", "output"), True),
    "classes": {
        *("sets", "ranges", "text", "file", "words", "words_file", "class"),
        *("exclude", "merge", "merge_twins"),
    },
}
_VERDICT = "verdict.json"
_ADMITTED, _UNPROVEN = "admitted.npy", "unproven.npy"
_CHANGES = "changes-{}.npy"
_OUTLINES = "outlines"


def name_entry(
    recipe: Recipe, faces: Sequence[Face], forms: Sequence[str], engine_version: str
) -> str:
    """Return the name of the entry of a recipe's faces and forms, drawn by a version of its engine.

    It depends on the fonts' bytes, never on where they lie, and on every key of the recipe that the
    gate may look at.
    """
    page = {
        "versions": [
            *(VERSION, GATE_VERSION, OUTLINES_VERSION),
            *(HARFBUZZ_VERSION, RASTER_VERSION, engine_version),
        ],
        "exemplars": load_shipped().sha256,
        # The family tells which faces are one typeface, and allow and deny go by the file name.
        "faces": [
            [
                *(face.file, face.sha256, face.index, face.axes, face.location, face.family),
                *([face.alternate] if face.alternate else []),
            ]
            for face in faces
        ],
        "forms": forms,
        # What hands write depends on it.
        **({"strokes": STROKES_VERSION, "seed": recipe.seed} if recipe.strokes else {}),
        "persian": is_persian(recipe),
        "recipe": recipe.model_dump(mode="json", exclude=_NOT_LOOKED_AT),
    }
    text = json.dumps(page, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_entry(name: str, kind: type[Outlines]) -> tuple[Outlines, Verdict] | None:
    """Return an entry of the user's cache, or None where there is none that is whole.

    Args:
        name: As ``name_entry`` gives it.
        kind: What its outlines were written as.
    """
    return _find_cache().read(name, partial(_open_entry, kind))


def write_entry(name: str, store: Outlines, verdict: Verdict) -> None:
    """Keep outlines and verdict under the name of their entry."""

    def fill(entry: Path) -> None:
        store.write(entry / _OUTLINES)
        np.save(entry / _ADMITTED, verdict.admitted)
        np.save(entry / _UNPROVEN, verdict.unproven)
        for field in fields(Changes):
            np.save(entry / _CHANGES.format(field.name), getattr(verdict.changes, field.name))
        (entry / _VERDICT).write_text(json.dumps(_show_lists(verdict)), encoding="ascii")

    _find_cache().write(name, fill)


def _find_cache() -> Cache:
    return find_cache("verdicts", most=_MOST_ENTRIES)


def _open_entry(kind: type[Outlines], entry: Path) -> tuple[Outlines, Verdict]:
    return kind.open(entry / _OUTLINES), _read_verdict(entry)


def _show_lists(verdict: Verdict) -> dict[str, Any]:
    return {
        "refusals": [asdict(refusal) for refusal in verdict.refusals],
        "allowed": [asdict(refusal) for refusal in verdict.allowed],
        "twins": [asdict(twins) for twins in verdict.twins],
        "unturned": verdict.unturned,
    }


def _read_verdict(entry: Path) -> Verdict:
    page = parse_json(read_regular(entry / _VERDICT, PAGE, within=entry))
    return Verdict(
        admitted=np.load(entry / _ADMITTED),
        unproven=np.load(entry / _UNPROVEN),
        changes=Changes(
            **{
                field.name: np.load(entry / _CHANGES.format(field.name))
                for field in fields(Changes)
            }
        ),
        refusals=tuple(Refusal(**record) for record in page["refusals"]),
        allowed=tuple(Refusal(**record) for record in page["allowed"]),
        twins=tuple(
            Twins(**record | {key: tuple(record[key]) for key in ("forms", "faces")})
            for record in page["twins"]
        ),
        unturned=tuple((face, char) for face, char in page["unturned"]),
    )
