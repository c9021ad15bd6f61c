"""A rendered dataset -> its rows drawn again, and the gate asked again about its cells."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.gate.page import make_gate_page
from glyphgen.production import Remaker
from glyphgen.render.drawing import draw_rows
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_some, show_text

__all__ = ["open_render_remaker"]


@contextmanager
def open_render_remaker(dataset: Dataset) -> Iterator[Remaker]:
    """Give what draws the rows of a dataset again.

    Raises:
        GlyphgenError: Its fonts are gone, or they, its recipe or glyphgen have changed.
    """
    yield _RenderRemaker(recall_render(dataset.folder))


class _RenderRemaker:
    def __init__(self, prepared: PreparedRender) -> None:
        self._prepared = prepared
        self._engine = prepared.open_engine()

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        draw_rows(self._prepared.plan, self._engine, rows.start, images, samples)

    def find_problems(self, dataset: Dataset, runs: Sequence[range]) -> Iterator[str]:
        yield from _compare_verdicts(dataset.folder, self._prepared)
        for run in runs:
            yield from _find_refused_row(dataset, self._prepared, run)


def _compare_verdicts(folder: Path, prepared: PreparedRender) -> Iterator[str]:
    """Yield a problem where gate.json refuses other cells than the gate does now."""
    found = {(r["face"], r["form"]): r["reason"] for r in make_gate_page(prepared)["refused"]}
    try:
        page = json.loads((folder / "gate.json").read_bytes())
        stored = {(r["face"], r["form"]): r["reason"] for r in page["refused"]}
    except (OSError, ValueError, LookupError, TypeError):
        stored = {}
    differ = sorted(
        {f"{show_text(form)} of {face}" for face, form in dict(found.items() ^ stored.items())}
    )
    if differ:
        yield (
            f"{folder / 'gate.json'}: is not what the gate says of {show_some(differ)}"
            " (make the dataset again, with --force)"
        )


def _find_refused_row(dataset: Dataset, prepared: PreparedRender, run: range) -> Iterator[str]:
    """Yield a problem for the first row of a run whose cell the gate refuses."""
    admitted, samples = prepared.verdict.admitted, dataset.samples[run.start : run.stop]
    there = (samples["face"] < admitted.shape[0]) & (samples["form"] < admitted.shape[1])
    for k in range(len(run)):
        face, form = int(samples["face"][k]), int(samples["form"][k])
        if not there[k]:
            yield (
                f"{dataset.folder}: row {run[k]} names face {face} and form {form}, which are not"
                " there (make the dataset again, with --force)"
            )
            return
        if not admitted[face, form]:
            shown = show_text(prepared.table.all_forms[form])
            yield (
                f"{dataset.folder}: row {run[k]} draws {shown} with"
                f" {prepared.faces[face].name}, which the gate refuses"
                " (make the dataset again, with --force)"
            )
            return
