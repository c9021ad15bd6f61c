"""Drawings kept one by one, as PNG files with their strokes beside them, and made a dataset at the end."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes.character_sets import CHARACTER_SETS
from glyphgen.errors import PadError
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.importing import import_dataset
from glyphgen.files.writing import make_folder, write_bytes
from glyphgen.images.ink import extract_ink, find_ink
from glyphgen.images.png import write_png
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import show_some, show_text

__all__ = ["Collection", "choose_classes"]

_SPLIT = "test"  # drawings are for measuring, and the folder says so
_SUFFIX = "-drawings"

Strokes = Sequence[Sequence[tuple[float, float, float, float]]]


def choose_classes(words: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the classes that are asked for.

    Args:
        words: ``all``, the name of a character set, or the characters themselves.
        labels: That the network knows.

    Raises:
        PadError: The network knows some of them not.
    """
    if words == "all":
        wanted = list(labels)
    elif words in CHARACTER_SETS:
        wanted = list(CHARACTER_SETS[words].list_chars())
    else:
        wanted = [char for char in dict.fromkeys(words) if not char.isspace()]
    long = [label for label in wanted if len(label) != 1]
    if long:
        raise PadError(
            f"--collect: {show_some([show_text(label) for label in long])}: not one character each,"
            " expected classes that can be drawn (name characters, or a set of them)"
        )
    known = set(labels)
    unknown = [char for char in wanted if char not in known]
    if unknown or not wanted:
        found = show_some([show_text(char) for char in unknown]) or "no character"
        raise PadError(
            f"--collect: found {found}, expected classes that the network knows:"
            f" {show_some([show_text(label) for label in labels])} (or 'all')"
        )
    return tuple(wanted)


class Collection:
    """Asks for one character after the other, and keeps what is drawn.

    What was kept earlier counts: a collection can be left and taken up again.

    Args:
        out: Folder of the dataset that is made in the end; drawings lie beside it, in ``<out>-drawings``.
        labels: The characters, in the order in which they are asked for.
        times: How often each.
    """

    def __init__(self, out: str | os.PathLike[str], labels: Sequence[str], times: int = 1) -> None:
        self._out = Path(out)
        self._labels, self._times = tuple(labels), times
        self._kept: list[Path] = []

    @property
    def folder(self) -> Path:
        """Where the drawings lie."""
        return self._out.with_name(self._out.name + _SUFFIX)

    def tell_next(self) -> dict[str, Any]:
        """Return what is asked for next, and how far the work is."""
        counts = [len(self._find_kept(label)) for label in self._labels]
        done = sum(min(count, self._times) for count in counts)
        # Once through all of them, then again: the hand is another by then.
        least = min(counts)
        label = self._labels[counts.index(least)] if least < self._times else ""
        return {"label": label, "done": done, "total": len(counts) * self._times}

    def keep(self, label: str, pixels: NDArray[np.uint8], strokes: Strokes) -> None:
        """Keep a drawing, the strokes first: a picture without them would count.

        Raises:
            PadError: It is not asked for, or has no ink.
            DatasetError: The disk refused.
        """
        if label not in self._labels:
            raise PadError(f"{show_text(label)}: not among the characters that are asked for")
        if find_ink(extract_ink(pixels)) is None:
            raise PadError("no ink, expected a character")
        place = self._find_place(label)
        number = max((int(path.stem) for path in self._find_kept(label)), default=0) + 1
        make_folder(place)
        page = {"label": label, "side": len(pixels), "strokes": strokes}
        text = json.dumps(page, ensure_ascii=False)
        write_bytes(place / f"{number:04}.json", text.encode(), durable=False)
        path = place / f"{number:04}.png"
        write_png(path, pixels)
        self._kept.append(path)

    def take_back(self) -> None:
        """Remove what was kept last, if anything was since the collection was opened."""
        if self._kept:
            path = self._kept.pop()
            path.unlink(missing_ok=True)
            path.with_suffix(".json").unlink(missing_ok=True)

    def make_dataset(self, *, side: int, reporter: Reporter = SILENT) -> Path | None:
        """Make a dataset of all drawings, of split ``test``; None where there is no drawing.

        Args:
            side: Of its images, in pixels.
            reporter: Is told what is done.

        Raises:
            GlyphgenError: The folder holds something else, or the disk refused.
        """
        if not any(self._find_kept(label) for label in self._labels):
            return None
        options = ImportOptions(height=side, width=side, polarity="black-on-white")
        import_dataset(
            "folder", self.folder, self._out, options=options, force=True, reporter=reporter
        )
        return self._out

    def _find_place(self, label: str) -> Path:
        return self.folder / _SPLIT / f"U+{ord(label):04X}"

    def _find_kept(self, label: str) -> list[Path]:
        return [path for path in self._find_place(label).glob("*.png") if path.stem.isdigit()]
