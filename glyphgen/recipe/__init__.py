"""Reads a TOML recipe into frozen records and points at its lines when something is wrong.

Whether a character set or a font exists is found later, by whoever needs it, and reported with
``Recipe.place``.
"""

from glyphgen.recipe.class_tables import Classes, NamedClass
from glyphgen.recipe.font_tables import FaceChoice, Fonts, StyleFonts
from glyphgen.recipe.model import CellChoice, Gate, Image, Output, Recipe, Split
from glyphgen.recipe.problems import guess_key
from glyphgen.recipe.reading import (
    dump_recipe,
    find_bundled_fonts,
    find_shipped,
    list_shipped,
    parse_recipe,
    read_recipe,
    read_steps,
)
from glyphgen.recipe.render import Render, Scatter, Wobble
from glyphgen.recipe.schema import recipe_schema
from glyphgen.recipe.stroke_tables import Hand, Strokes

__all__ = [
    "CellChoice",
    "Classes",
    "FaceChoice",
    "Fonts",
    "Gate",
    "Hand",
    "Image",
    "NamedClass",
    "Output",
    "Recipe",
    "Render",
    "Scatter",
    "Split",
    "Strokes",
    "StyleFonts",
    "Wobble",
    "dump_recipe",
    "find_bundled_fonts",
    "find_shipped",
    "guess_key",
    "list_shipped",
    "parse_recipe",
    "read_recipe",
    "read_steps",
    "recipe_schema",
]
