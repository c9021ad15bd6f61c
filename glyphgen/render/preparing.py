"""A recipe worked out: all that is known of its dataset before a pixel is drawn; writes nothing."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from glyphgen.classes import ClassTable, make_class_table
from glyphgen.engines import Engine, EngineInputs, find_engine_version, make_engine
from glyphgen.errors import FontError, RecipeError
from glyphgen.fonts import Face, KnownFaces, find_license_troubles, find_requests
from glyphgen.gate import (
    Verdict,
    describe_changed,
    describe_twins,
    describe_unproven,
    require_classes,
)
from glyphgen.gate.alternates import describe_idle
from glyphgen.gate.twin_classes import merge_twins
from glyphgen.gate.verdict_cache import name_entry, read_entry, write_entry
from glyphgen.gate.vertical import describe_unturned, is_vertical
from glyphgen.kernel.library import find_kernel
from glyphgen.layout.framing import Framing, make_framing
from glyphgen.layout.page_texts import PageTexts, make_page_texts
from glyphgen.outlines import Outlines, OutlineStore, RunStore
from glyphgen.outlines.process import FontReader, UnreadFace
from glyphgen.outlines.typefaces import find_typefaces
from glyphgen.plan import Plan, describe_undrawn, make_plan
from glyphgen.plan.page_plan import PagePlan, make_page_plan
from glyphgen.plan.style_plan import StylePlan, make_style_plan
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe
from glyphgen.render.asking_gate import ask_gate, needs_runs
from glyphgen.strokes import StrokeStore
from glyphgen.strokes.hands import find_hands
from glyphgen.text import show_some
from glyphgen.version import VERSION

__all__ = ["PreparedRender", "Survey", "hash_content", "prepare_render", "survey_faces"]


def hash_content(
    recipe: Recipe,
    labels: Sequence[str],
    forms: Sequence[Sequence[str]],
    faces: Sequence[tuple[str, int, Sequence[tuple[str, float]], int, str, str]],
) -> str:
    """Return the hash of all that the bytes of a rendered dataset depend on.

    Args:
        recipe: Of which fonts and classes do not count.
        labels, forms: Of each class.
        faces: SHA-256, index, axes, weight, hand and alternate of each.
    """
    settings = recipe.model_dump(mode="json", exclude={"fonts", "classes"})
    if not recipe.augment:
        del settings["augment"]
    if recipe.page is None:  # what is neutral is as if it were not known
        del settings["page"], settings["render"]["count"]
    elif not recipe.page.stamp:
        del settings["page"]["stamp"]
    if recipe.strokes is None:
        del settings["strokes"]
    if recipe.classes.label_by != "style":
        for key in ("characters", "lines", "seal"):
            del settings["render"][key]
    settings["language"] = recipe.classes.language
    if recipe.classes.features:
        settings["features"] = recipe.classes.features
    if is_vertical(recipe):
        settings["direction"] = recipe.classes.direction
    # What is neutral is as if it were not known.
    told = [face if face[5] else face[: 5 if face[4] else 4] for face in faces]
    text = json.dumps([VERSION, settings, labels, forms, told], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRender:
    """What every stage up to the plan has found.

    Attributes:
        unread: Faces that are left out, for their files cannot be read, or not safely.
        warnings: What the user should know, one line each.
    """

    recipe: Recipe
    table: ClassTable
    faces: tuple[Face, ...]
    store: Outlines
    verdict: Verdict
    planned: Plan | PagePlan | StylePlan
    unread: tuple[UnreadFace, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def plan(self) -> Plan:
        """What every image of one character or word shows.

        Raises:
            RecipeError: The recipe is of pages.
        """
        if not isinstance(self.planned, Plan):
            key = "page" if isinstance(self.planned, PagePlan) else "classes.label_by"
            raise RecipeError(
                f"{self.recipe.place(key)}: images show several characters, expected one each"
            )
        return self.planned

    @property
    def content_key(self) -> str:
        """Hash of all that the dataset's bytes depend on, but for no path.

        The recipe without its fonts, the forms, each face's file hash and settings, the version.
        """
        faces = [
            (face.sha256, face.index, face.axes, face.weight, face.hand, face.alternate)
            for face in self.faces
        ]
        return hash_content(self.recipe, self.table.labels, self.table.forms, faces)

    def describe(self) -> str:
        """Return the plan in one line."""
        return self.planned.describe(len(self.table), len(self.faces))

    def open_engine(self) -> Engine:
        """Return the recipe's engine, ready to draw the plan's rows.

        Raises:
            EngineError: The engine is not installed, or cannot draw these faces or forms.
        """
        inputs = EngineInputs.of_recipe(self.recipe, self.store, self.faces, self.table.all_forms)
        return make_engine(self.recipe.render.engine, inputs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What a recipe's faces draw of its classes, before any policy says what that means.

    Attributes:
        texts: What may stand on its pages; None where it is of none.
        unread: Faces that are left out, for their files cannot be read, or not safely.
        warnings: What the user should know, one line each.
    """

    table: ClassTable
    faces: tuple[Face, ...]
    store: Outlines
    framing: Framing
    verdict: Verdict
    texts: PageTexts | None = None
    unread: tuple[UnreadFace, ...] = ()
    warnings: tuple[str, ...] = ()


def survey_faces(recipe: Recipe, *, use_cache: bool = True, reporter: Reporter = SILENT) -> Survey:
    """Read every outline that a recipe names, and ask the gate about it.

    Args:
        recipe: Whose faces and classes.
        use_cache: Take what an earlier run found for the same fonts, forms and options, and keep what
            this one finds.
        reporter: Is told how many faces are read, and what is examined.

    Raises:
        RecipeError: The class table cannot be made, or the gate's policy names what is not there.
        FontError: A font is missing or cannot be read.
    """
    texts = None if recipe.page is None else make_page_texts(recipe)
    table = texts.table if texts else make_class_table(recipe)
    requests, problems = find_requests(recipe)
    sanitize = recipe.fonts.sanitize
    known = KnownFaces(sanitize=sanitize) if use_cache else None
    hands = find_hands(recipe, table.all_forms)
    with FontReader(sanitize=sanitize, known=known, reporter=reporter) as reader:
        fonts: tuple[Face, ...] = ()
        unread: tuple[UnreadFace, ...] = ()
        if requests or problems or not hands.faces:
            fonts, unread = reader.read_faces(requests, problems)
        faces = (*fonts, *hands.faces)
        engine_version = find_engine_version(recipe.render.engine)
        name = name_entry(recipe, faces, table.all_forms, engine_version)
        kind = (
            RunStore if needs_runs(recipe, table) else StrokeStore if hands.faces else OutlineStore
        )
        cached = read_entry(name, kind) if use_cache else None
        if cached is None:
            examined = ask_gate(recipe, reader, fonts, hands, table, reporter)
            unread += examined.unread
            faces, store, verdict = examined.faces, examined.store, examined.verdict
            if use_cache and not examined.unread:
                write_entry(name, store, verdict)
        else:
            store, verdict = cached
    if recipe.classes.merge_twins:
        table, store, verdict = merge_twins(table, store, verdict)
    return Survey(
        table=table,
        faces=faces,
        store=store,
        framing=make_framing(recipe, store),
        verdict=verdict,
        unread=unread,
        texts=texts,
        warnings=(*table.notices, *_warn(recipe, table, faces, unread, verdict)),
    )


def _warn(
    recipe: Recipe,
    table: ClassTable,
    faces: Sequence[Face],
    unread: Sequence[UnreadFace],
    verdict: Verdict,
) -> tuple[str, ...]:
    """Return a line for each face that is left out, each trouble with licenses, and unproven cells."""
    problems = dict.fromkeys(line for face in unread for line in face.problems)
    lines = [f"{line}: left out" for line in problems]
    for trouble, names in find_license_troubles(faces).items():
        lines.append(
            f"{trouble}: {show_some(names)}"
            " (look before a dataset is published; `glyphgen fonts list` tells more)"
        )
    if (kernel := find_kernel()).is_ignored:
        lines.append(kernel.reason)
    unproven = describe_unproven(table, verdict)
    if unproven and recipe.gate.on_unproven == "warn":
        lines.append(f'{unproven}; gate.on_unproven = "allow" says nothing')
    if twins := describe_twins(table, verdict):
        lines.append(f"{twins}; classes.merge_twins = true makes one class of them")
    if unturned := describe_unturned(faces, verdict.unturned):
        lines.append(unturned)
    if idle := describe_idle(faces, verdict):
        lines.append(idle)
    if changed := describe_changed(table, faces, verdict):
        lines.append(f'{changed}; gate.on_changed = "allow" varies them all the same')
    return tuple(lines)


def _require_fonts(recipe: Recipe, found: Survey) -> None:
    """Check what the faces' files are against the recipe's policy.

    Raises:
        FontError: A file cannot be read, and ``gate.on_refused`` is ``"error"``; or a license is
            unknown or restricted, and ``fonts.require_license`` is set: one line each.
    """
    problems: list[str] = []
    if recipe.gate.on_refused == "error":
        problems += dict.fromkeys(line for face in found.unread for line in face.problems)
    if recipe.fonts.require_license:
        place = recipe.place("fonts.require_license")
        for trouble, names in find_license_troubles(found.faces).items():
            problems += [f"{place}: {trouble}: {name}" for name in names]
    if problems:
        raise FontError(*problems)


def prepare_render(
    recipe: Recipe, *, use_cache: bool = True, reporter: Reporter = SILENT
) -> PreparedRender:
    """Work a recipe out: classes, faces, outlines, gate, plan.

    Args:
        recipe: What to work out.
        use_cache, reporter: As for ``survey_faces``.

    Raises:
        RecipeError: The recipe asks for what its characters, fonts or splits cannot give.
        FontError: A font is missing or cannot be read.
        GateError: Cells are refused, or a class is left without a face.
    """
    found = survey_faces(recipe, use_cache=use_cache, reporter=reporter)
    _require_fonts(recipe, found)
    require_classes(recipe, found.table, found.faces, found.verdict)
    plan, undrawn = _make_plan(recipe, found)
    return PreparedRender(
        recipe=recipe,
        table=found.table,
        faces=found.faces,
        store=found.store,
        verdict=found.verdict,
        planned=plan,
        unread=found.unread,
        warnings=(*found.warnings, *([undrawn] if undrawn else [])),
    )


def _make_plan(recipe: Recipe, found: Survey) -> tuple[Plan | PagePlan | StylePlan, str]:
    """Return the plan, and in a line what it leaves out."""
    if found.table.drawn:
        typefaces = find_typefaces(found.faces, found.store)
        admitted = found.verdict.admitted
        return make_style_plan(recipe, found.table, found.faces, admitted, typefaces), ""
    if isinstance(found.store, RunStore) and found.texts is not None:
        typefaces = find_typefaces(found.faces, found.store)
        admitted = found.verdict.admitted
        return make_page_plan(
            recipe, found.texts, found.store, admitted, found.faces, typefaces
        ), ""
    plan = make_plan(
        recipe,
        found.table,
        found.faces,
        found.store,
        found.framing,
        found.verdict.admitted,
        found.verdict.changes.share,
    )
    return plan, describe_undrawn(plan, found.table)
