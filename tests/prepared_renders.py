"""Walks the first half of the pipeline for tests, past what the gate's policy would stop."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import ClassTable
from glyphgen.engines import EngineInputs
from glyphgen.fonts import Face
from glyphgen.gate import Verdict
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.harfbuzz import read_face_outlines
from glyphgen.outlines.outline_store import join_stores
from glyphgen.plan import Plan, make_plan
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.preparing import PreparedRender, Survey, survey_faces


@dataclass(frozen=True)
class Parts:
    """A recipe, and what its faces draw."""

    recipe: Recipe
    survey: Survey

    @property
    def table(self) -> ClassTable:
        return self.survey.table

    @property
    def faces(self) -> tuple[Face, ...]:
        return self.survey.faces

    @property
    def store(self) -> OutlineStore:
        assert isinstance(self.survey.store, OutlineStore)
        return self.survey.store

    @property
    def verdict(self) -> Verdict:
        return self.survey.verdict

    @property
    def plan(self) -> Plan:
        found = self.survey
        return make_plan(
            self.recipe,
            found.table,
            found.faces,
            found.store,
            found.framing,
            found.verdict.admitted,
            found.verdict.changes.share,
        )

    @property
    def engine_inputs(self) -> EngineInputs:
        return EngineInputs.of_recipe(self.recipe, self.store, self.faces, self.table.all_forms)

    def draw(self, first: int, last: int) -> NDArray[np.uint8]:
        prepared = PreparedRender(
            recipe=self.recipe,
            table=self.table,
            faces=self.faces,
            store=self.store,
            verdict=self.verdict,
            planned=self.plan,
        )
        image = self.recipe.image
        out = np.full((last - first, image.height, image.width), 77, dtype=np.uint8)
        prepared.open_engine().draw(prepared.plan.rows(first, last), out)
        return out


def read_outlines(
    faces: Sequence[Face], forms: Sequence[str], *, wobble_grid: int = 0, language: str = ""
) -> OutlineStore:
    """Read outlines here and without limits, and not in another process."""
    return join_stores(
        [read_face_outlines(face, forms, wobble_grid, language)[0] for face in faces]
    )


def lay_out(path: Path, *overrides: str) -> Parts:
    """Read a recipe, and walk it up to the gate's verdict."""
    recipe = read_recipe(path, overrides)
    return Parts(recipe, survey_faces(recipe))


def give(faces: Sequence[Face], forms: Sequence[str], height: int, width: int) -> EngineInputs:
    """What engines that draw by font file are made from: they use no outlines."""
    return EngineInputs(
        store=cast(OutlineStore, None),
        faces=faces,
        forms=forms,
        height=height,
        width=width,
        scatter=(0.0, 0.0, 0.0),
    )
