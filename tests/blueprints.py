"""Walks the first half of the pipeline for tests: from a recipe's text to a plan and a renderer."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable, make_class_table
from glyphgen.fonts import Face, find_faces
from glyphgen.framing import Framing, make_framing
from glyphgen.gate import Verdict, examine_cells
from glyphgen.outlines import OutlineStore, read_outlines
from glyphgen.plan import Plan, make_plan
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.rendering import make_renderer


@dataclass(frozen=True)
class Parts:
    """Every stage of one recipe up to its plan."""

    recipe: Recipe
    table: ClassTable
    faces: tuple[Face, ...]
    store: OutlineStore
    framing: Framing
    verdict: Verdict

    @property
    def plan(self) -> Plan:
        return make_plan(
            self.recipe, self.table, self.faces, self.store, self.framing, self.verdict.admitted
        )

    def draw(self, first: int, last: int) -> NDArray[np.uint8]:
        image, scatter = self.recipe.image, self.recipe.render.scatter
        renderer = make_renderer(
            self.recipe.render.engine,
            store=self.store,
            faces=self.faces,
            forms=self.table.all_forms,
            height=image.height,
            width=image.width,
            scatter=(scatter.shift, scatter.turn, scatter.scale),
        )
        out = np.full((last - first, image.height, image.width), 77, dtype=np.uint8)
        renderer.draw(self.plan.rows(first, last), out)
        return out


def lay_out(path: Path, *overrides: str) -> Parts:
    """Read a recipe and walk it up to the gate's verdict."""
    recipe = read_recipe(path, overrides)
    table, faces = make_class_table(recipe), find_faces(recipe)
    wobble = recipe.render.wobble
    store = read_outlines(
        faces, table.all_forms, wobble_grid=0 if wobble.is_neutral else wobble.grid
    )
    framing = make_framing(recipe, store)
    return Parts(recipe, table, faces, store, framing, examine_cells(recipe, faces, store, framing))
