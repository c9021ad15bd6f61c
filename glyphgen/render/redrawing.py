"""A rendered dataset -> its rows drawn again, and the gate asked again about its cells."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from glyphgen.dataset.index import hash_pages
from glyphgen.dataset.reader import Dataset
from glyphgen.engines import find_engine_version
from glyphgen.files.address import Place
from glyphgen.gate.page import GATE_NAME, GatePage, make_gate_page, read_gate_page
from glyphgen.plan import Plan
from glyphgen.production import Remade
from glyphgen.progress import Reporter
from glyphgen.render.indexing import make_index, make_layout, make_pages
from glyphgen.render.page_drawing import open_drawer
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_some, show_text

__all__ = ["redraw_rows"]


@contextmanager
def redraw_rows(dataset: Dataset, runs: Sequence[range], reporter: Reporter) -> Iterator[Remade]:
    """Give what a rendered dataset would be, and what the gate says against rows of some runs.

    Raises:
        DamagedError: Its recipe cannot be read, or is another than index.json tells of.
        GlyphgenError: Its fonts are gone, or they or glyphgen have changed.
    """
    prepared = recall_render(dataset.folder, reporter=reporter)
    engine_version = find_engine_version(prepared.recipe.render.engine)
    pages = make_pages(prepared)
    index = make_index(prepared, make_layout(prepared), dataset.index.shards, engine_version)
    yield Remade(
        index=replace(index, files=hash_pages(pages)),
        pages={name: content for name, content in pages.items() if name != GATE_NAME},
        rows=open_drawer(prepared),
        problems=_find_problems(prepared, dataset, runs),
    )


def _find_problems(
    prepared: PreparedRender, dataset: Dataset, runs: Sequence[range]
) -> Iterator[str]:
    yield from _compare_verdicts(dataset.folder, prepared)
    if not isinstance(prepared.planned, Plan):
        return  # an image shows many cells
    for run in runs:
        yield from _find_refused_row(dataset, prepared, run)


def _compare_verdicts(folder: Place, prepared: PreparedRender) -> Iterator[str]:
    """Yield a problem where gate.json is not, to the last byte, what the gate says now."""
    stored, now = read_gate_page(folder), make_gate_page(prepared)
    if stored is None:
        yield f"{folder / GATE_NAME}: missing (make the dataset again, with --force)"
    elif stored.dump() != now.dump():
        differ = dict(_list_reasons(now).items() ^ _list_reasons(stored).items())
        shown = show_some(sorted(f"{show_text(form)} of {face}" for face, form in differ))
        yield (
            f"{folder / GATE_NAME}: is not what the gate says{f' of {shown}' if shown else ''}"
            " (make the dataset again, with --force)"
        )


def _list_reasons(page: GatePage) -> dict[tuple[str, str], str]:
    return {(cell.face, cell.form): cell.reason for cell in page.refused}


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
