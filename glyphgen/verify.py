"""Whether a dataset is what its index says and what it was made of; changes nothing.

Every shard is read and hashed again; then the gate is asked anew, and rows are made anew from the
recipe, or from the dataset that was balanced, and compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.balance import Remake, remaking_rows
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import GlyphgenError
from glyphgen.gate.page import GATE_NAME, GatePage, make_gate_page, read_gate_page
from glyphgen.render.drawing import draw_rows, find_sample_dtype
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_some, show_text

__all__ = ["Verified", "verify_dataset"]

_REDRAWN = 1000  # rows that are drawn again, in runs spread over the dataset
_RUN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What ``verify_dataset`` found.

    Attributes:
        problems: One line for each thing that is wrong.
        n_rows: Rows that were read and hashed.
        n_redrawn: Rows that were made again and compared.
        unproven: Why no row could be made again; empty where rows were.
    """

    problems: tuple[str, ...]
    n_rows: int
    n_redrawn: int
    unproven: str


def verify_dataset(folder: Path) -> Verified:
    """Check a dataset.

    Raises:
        DatasetError: There is no complete dataset in the folder.
    """
    dataset = load(folder)
    problems = verify_shards(folder)
    n_redrawn, unproven = 0, ""
    if not problems:
        rows = _choose_rows(len(dataset))
        try:
            problems = list(_compare_all(dataset, rows))
        except GlyphgenError as error:
            unproven = str(error)
        else:
            n_redrawn = sum(map(len, rows))
    return Verified(
        problems=tuple(problems), n_rows=len(dataset), n_redrawn=n_redrawn, unproven=unproven
    )


def _choose_rows(n_rows: int) -> list[range]:
    if n_rows <= _REDRAWN:
        return [range(n_rows)]
    starts = np.linspace(0, n_rows - _RUN, _REDRAWN // _RUN).astype(int).tolist()
    return [range(start, start + _RUN) for start in starts]


def _compare_all(dataset: Dataset, runs: list[range]) -> Iterator[str]:
    """Yield a problem for whatever is not as it is made anew.

    Raises:
        GlyphgenError: What the dataset was made of is not there any more.
    """
    if dataset.index.made_by == "balance":
        with remaking_rows(dataset.folder) as remake:
            yield from _compare(dataset, remake, runs)
        return
    prepared = recall_render(dataset.folder)
    yield from _compare_verdicts(dataset.folder, prepared)
    yield from _find_refused(dataset, prepared, runs)
    yield from _compare(dataset, _redraw_with(prepared), runs)


def _redraw_with(prepared: PreparedRender) -> Remake:
    engine, dtype = prepared.open_engine(), find_sample_dtype(prepared.recipe)
    image = prepared.recipe.image

    def redraw(rows: range) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        images = np.empty((len(rows), image.height, image.width), dtype=np.uint8)
        samples = np.empty(len(rows), dtype=dtype)
        draw_rows(prepared.plan, engine, rows.start, images, samples)
        return images, samples

    return redraw


def _compare_verdicts(folder: Path, prepared: PreparedRender) -> Iterator[str]:
    """Yield a problem where gate.json refuses other cells than the gate does now."""
    stored = read_gate_page(folder)
    if stored is None:
        yield (f"{folder / GATE_NAME}: missing or damaged (make the dataset again, with --force)")
        return
    now = make_gate_page(prepared)
    differ = dict(_list_reasons(now).items() ^ _list_reasons(stored).items())
    if differ:
        shown = show_some(sorted(f"{show_text(form)} of {face}" for face, form in differ))
        yield (
            f"{folder / GATE_NAME}: is not what the gate says of {shown}"
            " (make the dataset again, with --force)"
        )


def _list_reasons(page: GatePage) -> dict[tuple[str, str], str]:
    return {(cell.face, cell.form): cell.reason for cell in page.refused}


def _find_refused(dataset: Dataset, prepared: PreparedRender, runs: list[range]) -> Iterator[str]:
    """Yield a problem for the first row of each run whose cell the gate refuses."""
    for run in runs:
        yield from _find_refused_row(dataset, prepared, run)


def _find_refused_row(dataset: Dataset, prepared: PreparedRender, run: range) -> Iterator[str]:
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


def _compare(dataset: Dataset, remake: Remake, runs: list[range]) -> Iterator[str]:
    made_of = "its source gives" if dataset.index.made_by == "balance" else "its recipe draws"
    for run in runs:
        images, samples = remake(run)
        stored = dataset.images[run.start : run.stop]
        differ = (images != stored).any(axis=(1, 2))
        differ |= samples != dataset.samples[run.start : run.stop]
        differ |= samples["class_index"] != dataset.labels[run.start : run.stop]
        for row in np.flatnonzero(differ)[:1]:
            yield (
                f"{dataset.folder}: row {run.start + row} is not what {made_of}"
                " (make the dataset again, with --force)"
            )
