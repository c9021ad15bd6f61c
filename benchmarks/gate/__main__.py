"""Measures the gate: ``python -m benchmarks.gate [FOLDER WITH FONTS...] [--faces N] [--figure PNG]``.

The bundled fonts, and those of the folders, are read for each script that they claim. Of scripts that
exemplars are shipped of each face is judged alone; of others beside five honest ones. Then each is made to
lie in every way of ``families``.
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

from benchmarks.gate.families import KEPT, TUNED, Subject, unpad
from glyphgen.classes import CHARACTER_SETS
from glyphgen.errors import GlyphgenError
from glyphgen.fonts import Face, FaceRequest
from glyphgen.gate.evidence import Evidence, choose_panel, weigh_cells
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.outline_store import join_stores
from glyphgen.outlines.process import FontReader
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
    "devanagari": tuple(map(chr, (*range(0x904, 0x93A), 0x950, *range(0x966, 0x970)))),
    "thai": tuple(
        map(chr, (*range(0xE01, 0xE31), 0xE32, *range(0xE3F, 0xE47), *range(0xE4F, 0xE5A)))
    ),
}
_COMPANY = 5  # honest typefaces beside a lying face, where no exemplars are shipped
_MOST_HONEST = 40  # faces that are compared with each other there
_SHIPPED = ("latin", "kana", "persian", "han")  # scripts that exemplars are shipped of
_CLAIMED = 0.9  # of a script's characters, that a font has to have
_OTHER = {
    "latin": "kana",
    "kana": "latin",
    "greek": "latin",
    "cyrillic": "latin",
    "persian": "latin",
}
_READABLE = "a contour cut"  # what is left is mostly read as before: not in the figure
_FACES = 25  # of a script that are made to lie


def main() -> None:
    """Print a table for each script, and one of the families."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--scripts", nargs="*", default=list(_SCRIPTS), choices=list(_SCRIPTS))
    parser.add_argument("--faces", type=int, default=_FACES)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path, help="where a figure of all scores goes")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    with FontReader(sanitize=False) as reader:
        faces = list(_read_faces(reader, [_BUNDLE, *options.folders]))
        for script in options.scripts:
            results += _measure_script(reader, faces, script, options.faces)
    if options.json:
        told = [{k: v for k, v in result.items() if k != "scores"} for result in results]
        options.json.write_text(json.dumps(told, ensure_ascii=False, indent=1))
    _summarize(results)
    if options.figure:
        _draw_scores(results, options.figure)


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
    asked = _list_forms(script)
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
    is_shipped = script in _SHIPPED
    judge_honest = _judge_honest if is_shipped else _judge_together
    results = [judge_honest(script, forms, is_asked, stores)]
    random = np.random.default_rng(7)
    chosen = random.permutation(len(stores))[:n_lying].tolist()
    other = next(iter(_read_stores(reader, faces, _find_other(script, len(forms)), None)))[1]
    for kind, families in (("tuned", TUNED), ("kept", KEPT)):
        for name, family in families.items():
            wrong = admitted = unproven = 0
            scores: list[float] = []
            for k in chosen:
                face, store = stores[k]
                lie = family(Subject(forms=forms, store=store, other=other, seed=k))
                if lie is None or not (lie.wrong & is_asked).any():
                    continue
                lying = replace(face, family=f"{face.family} lying")
                company = [] if is_shipped else _find_company(stores, k)
                score, is_proven = _score(forms, [*company, (lying, lie.store)])
                at = lie.wrong & is_asked
                wrong += int(at.sum())
                admitted += int((is_proven & at).sum())
                unproven += int((~(score > 0) & ~is_proven & at).sum())
                scores += score[at & np.isfinite(score)].tolist()
            if wrong:
                results.append(
                    {"script": script, "family": name, "kind": kind, "wrong": wrong,
                     "admitted": admitted, "unproven": unproven, "scores": scores}
                )  # fmt: skip
                print(
                    f"  {kind:6}{name:26}{wrong:8,} wrong, {admitted / wrong:8.3%} proven,"
                    f" {unproven / wrong:8.3%} unproven",
                    flush=True,
                )
    return results


def _list_forms(script: str) -> list[str]:
    entries = _SCRIPTS[script]
    if entries[0] not in CHARACTER_SETS:
        return list(entries)
    return [form for name in entries for form in CHARACTER_SETS[name].list_chars()]


def _find_company(
    stores: Sequence[tuple[Face, OutlineStore]], k: int
) -> list[tuple[Face, OutlineStore]]:
    """Return some honest faces of other families than the k-th."""
    families: dict[str, tuple[Face, OutlineStore]] = {}
    for face, store in stores:
        families.setdefault(face.family, (face, store))
    families.pop(stores[k][0].family, None)
    return list(families.values())[:_COMPANY]


def _find_other(script: str, n: int) -> list[str]:
    name = _OTHER.get(script, "kana")
    chars = _list_forms(name)
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


def _score(
    forms: Sequence[str], company: Sequence[tuple[Face, OutlineStore]]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return what speaks against the cells of the last face, beyond the limit, and which are proven."""
    found, _ = _weigh_together(forms, company)
    return found.weight[-1] - found.limit[-1], found.is_proven[-1]


def _weigh_together(
    forms: Sequence[str], company: Sequence[tuple[Face, OutlineStore]]
) -> tuple[Evidence, OutlineStore]:
    faces = [face for face, _ in company]
    store = join_stores([unpad(store) for _, store in company])
    return weigh_cells(forms, faces, store, find_typefaces(faces, store)), store


def _judge_honest(
    script: str,
    forms: Sequence[str],
    is_asked: NDArray[np.bool_],
    stores: Sequence[tuple[Face, OutlineStore]],
) -> dict[str, Any]:
    """Judge each face alone, beside nothing but what is shipped."""
    rows = []
    for face, store in stores:
        found = weigh_cells(forms, [face], store, np.zeros(1, dtype=np.int64))
        drawn = store.is_drawn & (store.n_missing == 0) & is_asked
        proven = found.is_proven[0]
        rows.append((face, found.weight[0], found.limit[0], found.explanation[0], drawn, proven))
    return _tell_honest(script, forms, rows)


def _judge_together(
    script: str,
    forms: Sequence[str],
    is_asked: NDArray[np.bool_],
    stores: Sequence[tuple[Face, OutlineStore]],
) -> dict[str, Any]:
    """Judge faces against each other."""
    chosen = stores[:: max(1, -(-len(stores) // _MOST_HONEST))]
    found, store = _weigh_together(forms, chosen)
    drawn = (store.is_drawn & (store.n_missing == 0)).reshape(found.weight.shape) & is_asked
    columns = (found.weight, found.limit, found.explanation, drawn, found.is_proven)
    return _tell_honest(
        script, forms, list(zip((face for face, _ in chosen), *columns, strict=True))
    )


def _tell_honest(
    script: str, forms: Sequence[str], rows: Sequence[tuple[Face, Any, Any, Any, Any, Any]]
) -> dict[str, Any]:
    cells = refused = unproven = 0
    lines = []
    scores: list[float] = []
    for face, weight, limit, explanation, drawn, is_proven in rows:
        known = np.isfinite(weight)
        bad = np.flatnonzero(known & (weight > limit) & drawn)
        cells, refused = cells + int(drawn.sum()), refused + len(bad)
        unproven += int((drawn & ~is_proven).sum()) - len(bad)
        scores += (weight - limit)[known & drawn].tolist()
        if len(bad):
            worst = bad[np.argsort(-weight[bad])][:8]
            shown = " ".join(f"{forms[k]}:{explanation[k]}({weight[k]:.0f})" for k in worst)
            lines.append((len(bad), f"  {face.name} {len(bad)}: {shown}"))
    for _, line in sorted(lines, reverse=True)[:40]:
        print(line)
    print(
        f"  honest: {cells:,} cells, {refused:,} refused ({refused / cells:.3%}), {unproven:,} unproven",
        flush=True,
    )
    return {"script": script, "family": "honest", "kind": "honest", "cells": cells,
            "refused": refused, "unproven": unproven, "faces": len(rows), "scores": scores}  # fmt: skip


def _summarize(results: Sequence[dict[str, Any]]) -> None:
    for kind in ("tuned", "kept"):
        of_kind = [result for result in results if result["kind"] == kind]
        wrong = sum(result["wrong"] for result in of_kind)
        admitted = sum(result["admitted"] for result in of_kind)
        if wrong:
            print(f"{kind}: {wrong:,} wrong cells, {admitted:,} proven ({admitted / wrong:.3%})")


def _draw_scores(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw which share of honest cells is refused, and which of wrong ones admitted, at any limit."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
    for script in dict.fromkeys(result["script"] for result in results):
        of_script = [result for result in results if result["script"] == script]
        honest = np.sort([s for r in of_script if r["kind"] == "honest" for s in r["scores"]])
        lies = [r for r in of_script if r["kind"] != "honest" and r["family"] != _READABLE]
        wrong = np.sort([s for r in lies for s in r["scores"]])
        if not len(honest) or not len(wrong):
            continue
        limits = np.unique(np.concatenate([np.linspace(-25, 25, 801), [0.0]]))
        refused = 1 - np.searchsorted(honest, limits, side="right") / len(honest)
        admitted = np.searchsorted(wrong, limits, side="right") / len(wrong)
        [line] = axes.plot(100 * refused, 100 * admitted, label=script)
        at = np.flatnonzero(limits == 0)
        axes.plot(100 * refused[at], 100 * admitted[at], "o", color=line.get_color())
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_yscale("symlog", linthresh=0.1)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
    axes.set_xlabel("honest cells refused, %")
    axes.set_ylabel("wrong cells not refused, %")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(title="dots: the gate's own limit")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
