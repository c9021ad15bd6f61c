"""Reads what a recipe's faces draw, and asks the gate about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from glyphgen.choices import ENGINES
from glyphgen.classes import ClassTable
from glyphgen.fonts import Face
from glyphgen.gate import Verdict, examine_cells
from glyphgen.gate.alternates import drop_repeats, find_repeats
from glyphgen.gate.evidence import Panel, choose_panel
from glyphgen.gate.letters import examine_words, list_letters
from glyphgen.gate.vertical import is_vertical
from glyphgen.layout.framing import make_framing
from glyphgen.outlines import Outlines, OutlineStore
from glyphgen.outlines.process import FontReader, ReadOutlines, ReadRuns, Shaping, UnreadFace
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.recipe import Recipe
from glyphgen.render.gate_drawings import CornerDrawings, EngineDrawings
from glyphgen.strokes.hands import Hands
from glyphgen.strokes.stroke_store import join_written

__all__ = ["Asked", "ask_gate", "needs_runs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What nobody has found before: faces that could be read, and those that could not.

    Attributes:
        faces: F faces that could be read.
        unread: The others.
        store: What the faces draw for the forms of the class table.
        verdict: Of these cells.
    """

    faces: tuple[Face, ...]
    unread: tuple[UnreadFace, ...]
    store: Outlines
    verdict: Verdict


def ask_gate(
    recipe: Recipe,
    reader: FontReader,
    faces: Sequence[Face],
    hands: Hands,
    table: ClassTable,
    reporter: Reporter,
) -> Asked:
    """Read the outlines of every form, and examine them.

    Args:
        recipe: What the cells are for.
        reader: Of the faces.
        faces: As the reader gave them.
        hands: What else writes.
        table: The classes of the recipe.
        reporter: Is told how far the work is.

    Raises:
        RecipeError: The gate's policy names what is not there.
        FontError: No face can be read.
    """
    if not needs_runs(recipe, table):
        asked = _examine(recipe, reader, faces, hands, table, reporter)
        repeats = find_repeats(asked.faces, asked.store)
        return replace(asked, verdict=drop_repeats(asked.verdict, repeats))
    if recipe.page is not None or table.drawn:  # no frame binds what has its place on a page
        gate = recipe.gate.model_copy(update={"on_cut_off": "allow", "on_changed": "allow"})
        recipe = recipe.model_copy(update={"gate": gate})
    runs = _read_runs(recipe, reader, faces, table)
    letters = list_letters(table)
    seen = _examine(
        recipe,
        reader,
        runs.faces,
        hands,
        letters.table,
        reporter,
        n_shown=letters.n_shown,
        also=table.all_forms,
    )
    if len(seen.faces) < len(runs.faces):
        runs = replace(
            _read_runs(recipe, reader, seen.faces, table), unread=(*runs.unread, *seen.unread)
        )
    verdict = examine_words(
        recipe,
        seen.faces,
        table,
        letters,
        seen.verdict,
        runs.store,
        make_framing(recipe, runs.store),
    )
    if recipe.page is None and not table.drawn:  # a page wants all that its face can write
        verdict = drop_repeats(verdict, find_repeats(runs.faces, runs.store))
    return Asked(faces=runs.faces, unread=runs.unread, store=runs.store, verdict=verdict)


def needs_runs(recipe: Recipe, table: ClassTable) -> bool:
    """Tell whether what a recipe draws is laid out as runs."""
    return recipe.page is not None or bool(table.drawn) or table.has_words


def _read_runs(
    recipe: Recipe, reader: FontReader, faces: Sequence[Face], table: ClassTable
) -> ReadRuns:
    n_vertical = len(table.all_forms) if is_vertical(recipe) else 0
    return reader.read_runs(faces, table.all_forms, **_find_shaping(recipe, n_vertical))


def _find_shaping(recipe: Recipe, n_vertical: int) -> Shaping:
    wobble, classes = recipe.render.wobble, recipe.classes
    return Shaping(
        wobble_grid=0 if wobble.is_neutral else wobble.grid,
        language=classes.language,
        features=classes.features,
        n_vertical=n_vertical,
    )


def _examine(
    recipe: Recipe,
    reader: FontReader,
    faces: Sequence[Face],
    hands: Hands,
    table: ClassTable,
    reporter: Reporter,
    *,
    n_shown: int | None = None,
    also: Sequence[str] = (),
) -> Asked:
    """Examine single characters; see ``examine_cells`` of the gate."""
    forms = table.all_forms
    panel = (*forms, *choose_panel(forms))
    # What characters are is proven by their horizontal forms, which others draw as well.
    own = forms if is_vertical(recipe) else ()
    read = _read(reader, faces, hands, (*own, *panel), _find_shaping(recipe, len(own)), reporter)
    store: OutlineStore = read.store.take_forms(range(len(forms)))
    compared = read.store
    if own:
        compared = compared.take_forms(range(len(own), len(own) + len(panel)))
    drawings = None
    if ENGINES[recipe.render.engine].opens_fonts:
        drawings = EngineDrawings(recipe, store, read.faces, forms, reporter)
    examining = Progress(step="examine cells", done=0, total=store.n_cells, unit="cells")
    reporter.progress(examining)
    framing = make_framing(recipe, store)
    varied = None
    if recipe.gate.on_changed != "allow":
        varied = CornerDrawings(recipe, store, framing)
    verdict = examine_cells(
        recipe,
        read.faces,
        table,
        store,
        framing,
        read.missing,
        Panel(forms=panel, store=compared),
        drawings,
        varied,
        n_shown=n_shown,
        also=also,
        reporter=reporter,
    )
    reporter.progress(replace(examining, done=examining.total))
    return Asked(faces=read.faces, unread=read.unread, store=store, verdict=verdict)


def _read(
    reader: FontReader,
    faces: Sequence[Face],
    hands: Hands,
    forms: Sequence[str],
    shaping: Shaping,
    reporter: Reporter,
) -> ReadOutlines:
    """Return what fonts draw, and hands write."""
    written = hands.read(forms, shaping["wobble_grid"], reporter)
    if not written:
        return reader.read_outlines(faces, forms, **shaping)
    none = hands.read(("",), 0, SILENT)  # a hand has no drawing for what it cannot write
    drawn = reader.read_outlines(faces, forms, **shaping) if faces else None
    return ReadOutlines(
        faces=(*(drawn.faces if drawn else ()), *hands.faces),
        store=join_written([*([drawn.store] if drawn else []), *written]),
        missing=join_written([*([drawn.missing] if drawn else []), *none]),
        unread=drawn.unread if drawn else (),
    )
