"""Measures the gate: ``python -m benchmarks.gate [FOLDER WITH FONTS...] [--faces N] [--json FILE]``.

The bundled fonts, and those of the folders, are read for each script that they claim, and judged alone,
beside nothing but what comes with the package. Then each is made to lie in every way of ``families``.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.gate.families import KEPT, TUNED, Subject
from glyphgen.classes import CHARACTER_SETS
from glyphgen.errors import GlyphgenError
from glyphgen.fonts import Face, FaceRequest
from glyphgen.gate.evidence import choose_panel, weigh_cells
from glyphgen.outlines import FontReader, OutlineStore
from glyphgen.outlines.typefaces import find_typefaces

_BUNDLE = Path(__file__).parent.parent.parent / "fonts"
_SCRIPTS = {
    "latin": ("latin", "digits"),
    "greek": ("greek",),
    "cyrillic": ("cyrillic",),
    "kana": ("hiragana", "katakana"),
    "persian": ("persian_digits", "persian_letters"),
    "han": ("jis_level1",),
    "hangul": ("hangul_ks",),
}
_CLAIMED = 0.9  # of a script's characters, that a font has to have
_OTHER = {
    "latin": "kana",
    "kana": "latin",
    "greek": "latin",
    "cyrillic": "latin",
    "persian": "latin",
}
_FACES = 25  # of a script that are made to lie


def main() -> None:
    """Print a table for each script, and one of the families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--scripts", nargs="*", default=list(_SCRIPTS), choices=list(_SCRIPTS))
    parser.add_argument("--faces", type=int, default=_FACES)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    with FontReader(sanitize=False) as reader:
        faces = list(_read_faces(reader, [_BUNDLE, *options.folders]))
        for script in options.scripts:
            results += _measure_script(reader, faces, script, options.faces)
    if options.json:
        options.json.write_text(json.dumps(results, ensure_ascii=False, indent=1))
    _summarize(results)


def _read_faces(reader: FontReader, folders: Sequence[Path]) -> Iterator[Face]:
    paths = sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in (".ttf", ".otf", ".ttc")
    )
    for path in paths:
        for index in range(12 if path.suffix == ".ttc" else 1):
            try:
                read, _ = reader.read_faces([FaceRequest(path=path, index=index)], [])
            except GlyphgenError:
                break
            yield from read


def _measure_script(
    reader: FontReader, faces: Sequence[Face], script: str, n_lying: int
) -> list[dict[str, Any]]:
    asked = [form for name in _SCRIPTS[script] for form in CHARACTER_SETS[name].list_chars()]
    forms = sorted({*asked, *choose_panel(asked)}, key=ord)
    is_asked = np.array([form in set(asked) for form in forms])
    started = time.perf_counter()
    stores = list(_read_stores(reader, faces, forms, is_asked))
    print(
        f"{script}: {len(stores)} faces claim it, read in {time.perf_counter() - started:.0f} s",
        flush=True,
    )
    if not stores:
        return []
    results = [_judge_honest(script, forms, is_asked, stores)]
    random = np.random.default_rng(7)
    chosen = random.permutation(len(stores))[:n_lying].tolist()
    other = next(iter(_read_stores(reader, faces, _find_other(script, len(forms)), None)))[1]
    for kind, families in (("tuned", TUNED), ("kept", KEPT)):
        for name, family in families.items():
            wrong = admitted = unproven = 0
            for k in chosen:
                face, store = stores[k]
                lie = family(Subject(forms=forms, store=store, other=other, seed=k))
                if lie is None or not (lie.wrong & is_asked).any():
                    continue
                lying = replace(face, family=f"{face.family} lying")
                passed, known = _judge(forms, [lying], lie.store)
                at = lie.wrong & is_asked
                wrong += int(at.sum())
                admitted += int((passed[0] & at).sum())
                unproven += int((~known[0] & at).sum())
            if wrong:
                results.append(
                    {"script": script, "family": name, "kind": kind, "wrong": wrong,
                     "admitted": admitted, "unproven": unproven}
                )  # fmt: skip
                print(
                    f"  {kind:6}{name:26}{wrong:8,} wrong, {admitted / wrong:8.3%} admitted",
                    flush=True,
                )
    return results


def _find_other(script: str, n: int) -> list[str]:
    name = _OTHER.get(script, "kana")
    chars = [char for entry in _SCRIPTS[name] for char in CHARACTER_SETS[entry].list_chars()]
    return (chars * (n // len(chars) + 1))[:n]


def _read_stores(
    reader: FontReader,
    faces: Sequence[Face],
    forms: Sequence[str],
    is_asked: NDArray[np.bool_] | None,
) -> Iterator[tuple[Face, OutlineStore]]:
    for face in faces:
        try:
            store = reader.read_outlines([face], forms).store
        except GlyphgenError:
            continue
        drawn = store.is_drawn & (store.n_missing == 0)
        if drawn[is_asked if is_asked is not None else slice(None)].mean() >= _CLAIMED:
            yield face, store


def _judge(
    forms: Sequence[str], faces: Sequence[Face], store: OutlineStore
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells are admitted, and which are known."""
    found = weigh_cells(forms, faces, store, find_typefaces(faces, store))
    known = np.isfinite(found.weight)
    return ~(known & (found.weight > found.limit)), known


def _judge_honest(
    script: str,
    forms: Sequence[str],
    is_asked: NDArray[np.bool_],
    stores: Sequence[tuple[Face, OutlineStore]],
) -> dict[str, Any]:
    cells = refused = unproven = 0
    lines = []
    for face, store in stores:
        found = weigh_cells(forms, [face], store, np.zeros(1, dtype=np.int64))
        drawn = store.is_drawn & (store.n_missing == 0) & is_asked
        known = np.isfinite(found.weight[0])
        bad = np.flatnonzero(known & (found.weight[0] > found.limit[0]) & drawn)
        cells, refused = cells + int(drawn.sum()), refused + len(bad)
        unproven += int((drawn & ~known).sum())
        if len(bad):
            worst = bad[np.argsort(-found.weight[0][bad])][:8]
            shown = " ".join(
                f"{forms[k]}:{found.explanation[0, k]}({found.weight[0, k]:.0f})" for k in worst
            )
            lines.append((len(bad), f"  {face.name} {len(bad)}: {shown}"))
    for _, line in sorted(lines, reverse=True)[:40]:
        print(line)
    print(
        f"  honest: {cells:,} cells, {refused:,} refused ({refused / cells:.3%}), {unproven:,} unproven",
        flush=True,
    )
    return {"script": script, "family": "honest", "kind": "honest", "cells": cells,
            "refused": refused, "unproven": unproven, "faces": len(stores)}  # fmt: skip


def _summarize(results: Sequence[dict[str, Any]]) -> None:
    for kind in ("tuned", "kept"):
        of_kind = [result for result in results if result["kind"] == kind]
        wrong = sum(result["wrong"] for result in of_kind)
        admitted = sum(result["admitted"] for result in of_kind)
        if wrong:
            print(f"{kind}: {wrong:,} wrong cells, {admitted:,} admitted ({admitted / wrong:.3%})")


if __name__ == "__main__":
    main()
