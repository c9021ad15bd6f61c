"""Placements -> ink: the contract of a engine and the table of engines; knows no engine itself.

To add an engine, write one file with a class that keeps the contract, and one line in ``ENGINES``.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.outlines import OutlineStore
from glyphgen.plan import Placements

__all__ = ["ENGINES", "Engine", "make_engine"]


class Engine(Protocol):
    """Draws samples of any cells, in any order.

    Attributes:
        version: Of what makes the pixels, for index.json: ``FreeType 2.13.2``.
    """

    version: str

    def draw(self, placements: Placements, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` with the ink of n placements.

        Args:
            placements: n samples; cells may be mixed.
            out: uint8 (n, H, W), contiguous; every pixel is set: ink 255, paper 0.
        """


# name in a recipe -> module and class; imported when used, so that an absent library costs nothing
ENGINES = {
    "vector": ("glyphgen.engines.vector", "VectorEngine"),
    "pillow": ("glyphgen.engines.pillow", "PillowEngine"),
    "imagemagick": ("glyphgen.engines.imagemagick", "ImageMagickEngine"),
}


def make_engine(
    engine: str,
    *,
    store: OutlineStore,
    faces: Sequence[Face],
    forms: Sequence[str],
    height: int,
    width: int,
    scatter: tuple[float, float, float],
) -> Engine:
    """Return the engine of that name, ready to draw.

    Args:
        engine: A key of ``ENGINES``.
        store: Outlines, which the vector engine draws; it opens no font.
        faces, forms: Fonts and texts, which the other engines draw; cell = face * forms + form.
        height, width: Of the images, in pixels.
        scatter: Largest shift (em), turn (degrees) and scale of a piece; the vector engine's alone.

    Raises:
        EngineError: The engine's library is not installed, or cannot draw these faces or forms.
    """
    module, name = ENGINES[engine]
    engine_class = getattr(import_module(module), name)
    made: Engine
    if engine == "vector":
        made = engine_class(store, height, width, scatter)
    else:
        made = engine_class(faces, forms, height, width)
    return made
