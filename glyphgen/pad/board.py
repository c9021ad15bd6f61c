"""A drawing -> what a network reads in it, and where it looked; knows nothing of the browser."""

import base64
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.baseline.predicting import Reader
from glyphgen.pad.collecting import Collection

__all__ = ["SIDE_PX", "Board", "Drawing"]

SIDE_PX = 256
"""Side of a drawing: the page scales its canvas to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """What was drawn.

    Attributes:
        pixels: uint8 (SIDE_PX, SIDE_PX), dark ink on white.
        strokes: Each a list of points ``(x, y, ms, pressure)``: pixels of the drawing, milliseconds since
            the first, and 0 to 1, as pens tell it.
    """

    pixels: NDArray[np.uint8]
    strokes: tuple[tuple[tuple[float, float, float, float], ...], ...] = ()


class Board:
    """Answers what the page asks; one question after the other, whichever thread asks.

    Args:
        reader: Reads drawings.
        collection: Takes drawings in; None where none are kept.
    """

    def __init__(self, reader: Reader, collection: Collection | None = None) -> None:
        self._reader = reader
        self._collection = collection
        self._lock = threading.Lock()

    def describe(self) -> dict[str, Any]:
        """Return what the page has to know at first."""
        info = self._reader.info
        page = {"name": info.dataset, "n_classes": len(info.labels), "side": SIDE_PX}
        return page | {"collecting": self._tell_next()}

    def read(self, drawing: Drawing) -> dict[str, Any]:
        """Return the five most probable classes, and the framed image with where the network looked."""
        with self._lock:
            looked = self._reader.look(drawing.pixels)
        page: dict[str, Any] = {
            "guesses": [
                {"label": guess.label, "probability": guess.probability}
                for guess in looked.reading.guesses
            ],
            "warning": looked.reading.warning,
            "problem": looked.reading.problem.removeprefix(f"{looked.reading.name}: "),
        }
        if looked.ink is not None:
            page |= {"size": looked.ink.shape, "ink": _encode(looked.ink)}
        if looked.heat is not None:
            page["heat"] = _encode(np.rint(looked.heat * 255).astype(np.uint8))
        return page

    def keep(self, label: str, drawing: Drawing) -> dict[str, Any]:
        """Keep a drawing of a class, and return which is asked for next.

        Raises:
            PadError: Nothing is collected, the class is not asked for, or the drawing has no ink.
            DatasetError: The disk refused.
        """
        with self._lock:
            if self._collection:
                self._collection.keep(label, drawing.pixels, drawing.strokes)
        return {"collecting": self._tell_next()}

    def take_back(self) -> dict[str, Any]:
        """Remove the drawing that was kept last, and return which class is asked for next."""
        with self._lock:
            if self._collection:
                self._collection.take_back()
        return {"collecting": self._tell_next()}

    def _tell_next(self) -> dict[str, Any] | None:
        return self._collection.tell_next() if self._collection else None


def _encode(image: NDArray[np.uint8]) -> str:
    return base64.b64encode(image.tobytes()).decode()
