"""Placements -> ink: what an engine is given and does.

To add an engine, write one file with a class that keeps the contract, and one line in ``choices.ENGINES``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import ENGINES, check_choice
from glyphgen.fonts import Face
from glyphgen.outlines import Outlines
from glyphgen.plan import Placements
from glyphgen.recipe import Recipe

__all__ = ["Engine", "EngineInputs", "find_engine_version", "make_engine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInputs:
    """What an engine is made from; each uses what it needs.

    Attributes:
        store: Outlines of all cells; who draws them opens no font.
        faces, forms: Fonts and texts; cell = face * len(forms) + form.
        height, width: Of the images, in pixels.
        scatter: Largest shift (em), turn (degrees) and change of scale of a piece of ink.
    """

    store: Outlines
    faces: Sequence[Face]
    forms: Sequence[str]
    height: int
    width: int
    scatter: tuple[float, float, float]

    @classmethod
    def of_recipe(
        cls, recipe: Recipe, store: Outlines, faces: Sequence[Face], forms: Sequence[str]
    ) -> Self:
        """Return the inputs for a recipe's frame and scatter."""
        scatter = recipe.render.scatter
        return cls(
            store=store,
            faces=faces,
            forms=forms,
            height=recipe.image.height,
            width=recipe.image.width,
            scatter=(scatter.shift, scatter.turn, scatter.scale),
        )


class Engine(Protocol):
    """Draws samples of any cells, in any order."""

    @staticmethod
    def find_version() -> str:
        """Return the version of what makes the pixels, for index.json: ``FreeType 2.13.2``."""

    def draw(self, placements: Placements, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` with the ink of n placements.

        Args:
            placements: n samples; cells may be mixed.
            out: uint8 (n, H, W), contiguous; every pixel is set: ink 255, paper 0.
        """


def make_engine(engine: str, inputs: EngineInputs) -> Engine:
    """Return the engine of that name, ready to draw.

    Raises:
        ChoiceError: There is no such engine.
        EngineError: The engine's library is not installed, or cannot draw these faces or forms.
    """
    made: Engine = ENGINES[check_choice(engine, ENGINES, "engine")].load()(inputs)
    return made


def find_engine_version(engine: str) -> str:
    """Return the version of what an engine of that name draws with.

    Raises:
        ChoiceError: There is no such engine.
        EngineError: The engine's library is not installed.
    """
    version: str = ENGINES[check_choice(engine, ENGINES, "engine")].load().find_version()
    return version
