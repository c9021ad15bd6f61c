"""A rendered dataset -> its rows drawn again, and the gate asked again about its cells."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from glyphgen.dataset.reader import Dataset
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.gate.page import GATE_NAME, GatePage, make_gate_page, read_gate_page
from glyphgen.production import RowMaker
from glyphgen.progress import Reporter
from glyphgen.render.drawing import make_render_job
from glyphgen.render.preparing import PreparedRender
from glyphgen.render.recalling import recall_render
from glyphgen.text import show_some, show_text

__all__ = ["redraw_rows"]


@contextmanager
def redraw_rows(
    dataset: Dataset, runs: Sequence[range], reporter: Reporter
) -> Iterator[tuple[RowMaker, Iterable[str]]]:
    """Give what draws rows of a dataset again, and what the gate says against rows of some runs.

    Raises:
        GlyphgenError: Its fonts are gone, or they, its recipe or glyphgen have changed.
    """
    prepared = recall_render(dataset.folder, reporter=reporter)
    with make_temporary_folder() as work:
        maker = make_render_job(prepared, work).open()
        yield maker, _find_problems(prepared, dataset, runs)


def _find_problems(
    prepared: PreparedRender, dataset: Dataset, runs: Sequence[range]
) -> Iterator[str]:
    yield from _compare_verdicts(dataset.folder, prepared)
    for run in runs:
        yield from _find_refused_row(dataset, prepared, run)


def _compare_verdicts(folder: Path, prepared: PreparedRender) -> Iterator[str]:
    """Yield a problem where gate.json refuses other cells than the gate does now."""
    stored = read_gate_page(folder)
    if stored is None:
        yield f"{folder / GATE_NAME}: missing or damaged (make the dataset again, with --force)"
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
