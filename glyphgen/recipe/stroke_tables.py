"""The tables of a recipe that say which strokes are written, and by what hands."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from glyphgen.settings import UNIT, Range, Settings, Strings

__all__ = ["Hand", "Strokes"]

_OF_EM = {UNIT: "a fraction of the em, not pixels"}

_Width = Annotated[float, Field(gt=0, le=0.3, json_schema_extra=_OF_EM)]
_Length = Annotated[float, Field(ge=0, le=0.2, json_schema_extra=_OF_EM)]
_Degrees = Annotated[float, Field(ge=0, le=45)]
_Fraction = Annotated[float, Field(ge=0, le=1)]


class Hand(Settings):
    """The laws of a hand: how far strokes may leave their centre lines.

    Each number is the most that a careless hand does on a careless day; neat ones do a third of it. What
    is counted in em shrinks where a character has many strokes.
    """

    pen: Range[_Width] = (0.03, 0.085)
    """Width of the pen's line, in em."""

    pressure: _Fraction = 0.25
    """How much wider or thinner the line gets along a stroke, as a fraction of its width."""

    taper: _Fraction = 0.45
    """How much of its width a line may lose towards its end."""

    tremor: _Length = 0.015
    """How far a line strays to either side, in em."""

    overshoot: _Length = 0.09
    """How far each end of a stroke goes beyond its place or falls short of it, in em."""

    shift: _Length = 0.05
    """The longest shift of a stroke, in em."""

    turn: _Degrees = 7.0
    """The largest turn of a stroke to either side, in degrees."""

    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.18
    """The largest growth or shrinkage of a stroke, as a fraction of its size."""

    bow: Annotated[float, Field(ge=0, le=0.3)] = 0.1
    """How far a stroke bends to either side of its line, as a fraction of its length."""

    corner: _Fraction = 0.5
    """How many strokes have round corners."""

    loop: _Fraction = 0.05
    """How many strokes have loops for sharp corners."""

    trim: _Fraction = 0.08
    """How many strokes lose the flag before their first corner, or the hook after their last."""

    join: _Fraction = 0.2
    """How many strokes are joined to the next: the pen leaves the paper late, or not at all."""

    dots: _Fraction = 0.6
    """How much more freely short strokes move, turn and grow: dots that become strokes, or touch."""

    slant: _Degrees = 6.0
    """How far a hand leans to either side, in degrees."""

    breadth: Annotated[float, Field(ge=0, le=0.5)] = 0.12
    """How much broader or narrower than the centre lines a hand writes, as a fraction."""

    warp: Annotated[float, Field(ge=0, le=0.5)] = 0.15
    """How far the corners of a character move in a smooth bend of the whole, as a fraction of its size."""

    habit: _Fraction = 0.5
    """How much of all this is a hand's own, the same whenever it writes a character; the rest is another
    for every sample."""


class Strokes(Settings):
    """Which strokes are written with a pen: centre lines, with an order, which hands draw each in its way.

    What other faces draw proves them, as it proves a font. All hands of a source are one typeface to the
    gate; a split by face may hold some of them out. Only single characters in the default engine, with
    `render.mode = "random"`.
    """

    sources: Annotated[Strings, Field(min_length=1)]
    """`"glyphgen"`: kana, digits, Latin and Greek letters, Persian digits and letters, as people write
    them; `"kanjivg"`, which takes `pip install 'glyphgen[kanjivg]'`: kana, 6,413 kanji, Latin letters and
    digits, CC BY-SA 3.0; a folder of SVG files in the same form, relative to the recipe; or a Hershey
    font file (`.jhf`) whose glyphs are those of ASCII in their order."""

    hands: Annotated[int, Field(ge=1, le=1000)] = 40
    """How many hands write each source: each is a face with its own habits. Memory grows with them: 20
    hands of 3,000 kanji take 0.3 GB."""

    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """How many images of every class are written, where fonts draw it, too. Without `[fonts]` all are."""

    hand: Hand = Hand()
    """The laws that hands differ in."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        for number, source in enumerate(self.sources):
            if source in self.sources[:number]:
                yield f"sources.{number}", f"found '{source}' again, expected each source once"
