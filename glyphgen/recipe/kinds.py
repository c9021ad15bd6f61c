"""What cannot stand together in recipes of pages, of styles and of strokes."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glyphgen.recipe.model import Recipe

__all__ = ["find_page_misfits", "find_stroke_misfits", "find_style_misfits"]

_NOT_OF_PAGES = frozenset(
    {
        *("mode", "per_class", "size", "shift_x", "shift_y", "shift_of", "min_blank", "rotation"),
        *("shear", "stretch", "weight", "wobble", "scatter", "framing"),
    }
)
_NOT_OF_STYLES = frozenset(
    {
        *("mode", "shift_of", "min_blank", "shear", "stretch", "weight", "wobble", "scatter"),
        *("framing", "count"),
    }
)


def find_page_misfits(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    """Yield the key and what is wrong with it, of what cannot stand with ``[page]``, or without."""
    page = recipe.page
    if page is None:
        if recipe.render.count is not None:
            yield "render.count", "found without [page], expected per_class"
        return
    if page.size != (recipe.image.height, recipe.image.width):
        found = f"{recipe.image.height} x {recipe.image.width}"
        yield "image", f"found {found}, expected page.size or nothing"
    if recipe.render.count is None:
        yield "render.count", "missing, expected the number of pages"
    given = recipe.render.model_fields_set - {"engine", "count"}
    for key in sorted(given & _NOT_OF_PAGES):
        yield f"render.{key}", "found with [page], whose fields and blocks say it"
    for key in ("sets", "ranges", "text", "file", "words", "words_file", "class"):
        if getattr(recipe.classes, key):
            yield f"classes.{key}", "found with [page], whose fields and blocks are the classes"
    if recipe.classes.direction != "horizontal":
        found = f'found "{recipe.classes.direction}" with [page]'
        yield "classes.direction", f'{found}, whose lines run from side to side (set "horizontal")'
    yield from _find_other_engine(recipe, "draws pages")
    for number, step in enumerate(recipe.augment):
        if step.moves_ink:
            yield f"augment.{number}", "moves ink, and boxes would not follow (use page.skew)"


def find_style_misfits(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    """Yield the key and what is wrong with it, of what cannot stand with styles, or without."""
    if recipe.classes.label_by == "style":
        yield from _find_unfit_keys(recipe)
        return
    if recipe.fonts.style:
        yield "fonts.style", 'found with classes.label_by = "form", expected "style"'
    for key in ("characters", "lines", "seal"):
        if getattr(recipe.render, key) != type(recipe.render).model_fields[key].default:
            yield f"render.{key}", 'found with classes.label_by = "form", expected "style"'
    if recipe.split.by == "form":
        yield "split.by", 'found "form" with classes.label_by = "form", expected "style"'


def _find_unfit_keys(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    if not recipe.fonts.style:
        yield "fonts", 'has no style, expected [[fonts.style]] with classes.label_by = "style"'
    for key in ("files", "system", "faces"):
        if getattr(recipe.fonts, key):
            yield f"fonts.{key}", "found with styles, expected all faces in [[fonts.style]]"
    for key in ("words", "words_file", "class", "merge", "merge_twins"):
        if getattr(recipe.classes, key):
            yield f"classes.{key}", 'found with label_by = "style", expected characters alone'
    for key in sorted(recipe.render.model_fields_set & _NOT_OF_STYLES):
        if getattr(recipe.render, key) != type(recipe.render).model_fields[key].default:
            yield f"render.{key}", 'found with label_by = "style", which has no use for it'
    yield from _find_other_engine(recipe, "draws styles")


def find_stroke_misfits(recipe: "Recipe") -> Iterator[tuple[str, str]]:
    """Yield the key and what is wrong with it, of what cannot stand with ``[strokes]``, or without."""
    if recipe.strokes is None:
        if recipe.fonts.names_none:
            yield "fonts", "names no font, expected at least one of files, system or faces"
        return
    if recipe.page is not None or recipe.classes.label_by == "style":
        kind = "[page]" if recipe.page is not None else 'classes.label_by = "style"'
        yield "strokes", f"found with {kind}, expected single characters (leave one of them out)"
    for key in ("words", "words_file"):
        if getattr(recipe.classes, key):
            yield f"classes.{key}", "found with [strokes], expected single characters"
    if recipe.classes.direction != "horizontal":
        found = f'found "{recipe.classes.direction}" with [strokes]'
        yield "classes.direction", f'{found}, whose characters lie in lines (set "horizontal")'
    if recipe.render.mode != "random":
        found = f'found "{recipe.render.mode}" with [strokes]'
        yield "render.mode", f'{found}, which no grid can list (set "random")'
    yield from _find_other_engine(recipe, "writes strokes")


def _find_other_engine(recipe: "Recipe", does: str) -> Iterator[tuple[str, str]]:
    """Yield an engine that is not ``vector``, which alone ``does`` what the recipe wants."""
    if recipe.render.engine != "vector":
        found = f'found engine "{recipe.render.engine}"'
        yield "render.engine", f'{found}, but only the vector engine {does} (set "vector")'
