"""Keeps outlines and verdicts of earlier runs.

An entry is a folder whose name is the hash of all that its content depends on. It holds the hash of
each of its files, and whatever is damaged, unfinished or of another make is as if it were not there.
"""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from glyphgen.fonts import Face
from glyphgen.gate import GATE_VERSION, Refusal, Verdict
from glyphgen.gate.twins import FaceTwins, Twins
from glyphgen.outlines import HARFBUZZ_VERSION, OutlineStore
from glyphgen.outlines.raster import RASTER_VERSION
from glyphgen.recipe import Recipe
from glyphgen.version import VERSION

__all__ = ["find_cache_folder", "name_entry", "read_entry", "write_entry"]

_MOST_ENTRIES = 20  # that are kept: 29 faces x 169 kana take 12 MB, 5 faces x 2,965 kanji 34 MB
# What else a recipe says is part of an entry's name, whether the gate looks at it today or not.
_NOT_LOOKED_AT: dict[str, Any] = {
    **dict.fromkeys(("name", "seed", "fonts", "augment", "split", "output"), True),
    "classes": {"sets", "ranges", "text", "file", "exclude", "merge", "merge_twins"},
}
_MANIFEST, _VERDICT = "manifest.json", "verdict.json"
_ADMITTED, _UNPROVEN = "admitted.npy", "unproven.npy"
_OUTLINES = "outlines"


def find_cache_folder() -> Path:
    """Return where entries lie: under ``$XDG_CACHE_HOME``, or else under ``~/.cache``.

    Source: XDG Base Directory Specification 0.8.
    """
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    base = given if given.is_absolute() else Path.home() / ".cache"
    return base / "glyphgen" / "verdicts"


def name_entry(recipe: Recipe, faces: Sequence[Face], forms: Sequence[str]) -> str:
    """Return the name of the entry of a recipe's faces and forms.

    It depends on the fonts' bytes, never on where they lie, and on every key of the recipe that the
    gate may look at.
    """
    page = {
        "versions": [VERSION, GATE_VERSION, HARFBUZZ_VERSION, RASTER_VERSION],
        # The family tells which faces are one typeface, and allow and deny go by the file name.
        "faces": [
            [face.path.name, face.sha256, face.index, face.axes, face.location, face.family]
            for face in faces
        ],
        "forms": forms,
        "recipe": recipe.model_dump(mode="json", exclude=_NOT_LOOKED_AT),
    }
    text = json.dumps(page, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_entry(folder: Path, name: str) -> tuple[OutlineStore, Verdict] | None:
    """Return an entry of a cache folder, or None where there is none that is whole."""
    entry = folder / name
    try:
        manifest = json.loads((entry / _MANIFEST).read_bytes())
        if manifest != {"name": name, "files": _hash_files(entry)}:
            return None
        store, verdict = OutlineStore.open(entry / _OUTLINES), _read_verdict(entry)
        os.utime(entry)  # the oldest are removed
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return store, verdict


def write_entry(folder: Path, name: str, store: OutlineStore, verdict: Verdict) -> None:
    """Write an entry in one step, and remove the oldest beyond the most that are kept.

    A cache that cannot be written is no error: the next run works as long as this one.
    """
    temporary = folder / f".{name}.{os.getpid()}-{secrets.token_hex(4)}"
    try:
        store.write(temporary / _OUTLINES)
        np.save(temporary / _ADMITTED, verdict.admitted)
        np.save(temporary / _UNPROVEN, verdict.unproven)
        (temporary / _VERDICT).write_text(json.dumps(_show_lists(verdict)))
        manifest = {"name": name, "files": _hash_files(temporary)}
        (temporary / _MANIFEST).write_text(json.dumps(manifest))
        shutil.rmtree(folder / name, ignore_errors=True)  # a damaged one
        temporary.rename(folder / name)
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
        for entry in sorted(entries, key=lambda e: e.stat().st_mtime)[:-_MOST_ENTRIES]:
            shutil.rmtree(entry, ignore_errors=True)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)


def _hash_files(entry: Path) -> dict[str, str]:
    return {
        str(path.relative_to(entry)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(entry.rglob("*"))
        if path.is_file() and path.name != _MANIFEST
    }


def _show_lists(verdict: Verdict) -> dict[str, list[dict[str, Any]]]:
    return {
        "refusals": [asdict(refusal) for refusal in verdict.refusals],
        "allowed": [asdict(refusal) for refusal in verdict.allowed],
        "twins": [asdict(twins) for twins in verdict.twins],
        "face_twins": [asdict(twins) for twins in verdict.face_twins],
    }


def _read_verdict(entry: Path) -> Verdict:
    page = json.loads((entry / _VERDICT).read_bytes())
    return Verdict(
        admitted=np.load(entry / _ADMITTED),
        unproven=np.load(entry / _UNPROVEN),
        refusals=tuple(Refusal(**record) for record in page["refusals"]),
        allowed=tuple(Refusal(**record) for record in page["allowed"]),
        twins=tuple(
            Twins(**record | {"forms": tuple(record["forms"])}) for record in page["twins"]
        ),
        face_twins=tuple(
            FaceTwins(**record | {"forms": tuple(record["forms"])}) for record in page["face_twins"]
        ),
    )
