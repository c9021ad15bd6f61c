"""The tables of a recipe of pages: fields, blocks of text, rules, and what a scanner does."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, Strict

from glyphgen.choices import STAMP_SHAPES, OneOf
from glyphgen.settings import Range, Settings, Strings

__all__ = ["Page", "PageField", "PageRule", "PageStamp", "PageText"]

Share = Annotated[float, Field(ge=0, le=1)]
Place = Annotated[tuple[Share, Share], Strict(False)]
EmShare = Annotated[float, Field(gt=0, le=0.5)]


class PageField(Settings):
    """One field of a page, such as a date: a printed label, and a value that differs from page to page.

    Its box holds label and value; it is of the class that `label` names.
    """

    label: Annotated[str, Field(min_length=1, max_length=100)]
    """What the class is called, and what is printed before the value."""

    value: str = ""
    """What stands behind the label: a text with names in braces, as `{year}/{month}/{day}`. Known are
    year, month, day, number, and the names of `[page.values]`."""

    at: Place
    """Where the line begins: a fraction of the width and of the height of the page. Lines from right to
    left begin at their right end. The height is that of the middle of the line."""

    jitter: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """How far the field may stand from there, to all sides, as a fraction of the page's height."""

    size: Range[float] = (0.012, 0.018)
    """Em size as a fraction of the page's height."""

    separator: str = ":"
    """What is printed between label and value, right behind the label."""

    show_label: bool = True
    """Whether the label is printed."""

    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How many of the pages have the field."""


class PageText(Settings):
    """A block of text: lines of words drawn by lot, or of a text file, as long as the block is wide."""

    label: str = "text"
    """What the class of its box is called."""

    words: Strings = ()
    """The words to draw from. Give this or file."""

    file: str | None = None
    """A UTF-8 text file, relative to the recipe, whose words are drawn from."""

    at: Place
    """Where the first line begins: a fraction of the width and of the height of the page. Lines from
    right to left begin at their right end."""

    width: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Length of the lines, as a fraction of the page's width."""

    lines: Annotated[tuple[int, int], Strict(False)] = (3, 8)
    """Fewest and most lines."""

    size: Range[float] = (0.012, 0.016)
    """Em size as a fraction of the page's height."""

    leading: Annotated[float, Field(ge=0.8, le=5)] = 1.8
    """From line to line, in em."""

    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How many of the pages have the block."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if bool(self.words) == (self.file is not None):
            found = "both words and file" if self.words else "neither words nor file"
            yield "", f"found {found}, expected exactly one of them"
        low, high = self.lines
        if not 1 <= low <= high <= 500:
            yield "lines", f"found [{low}, {high}], expected [fewest, most] from 1 to 500"


class PageRule(Settings):
    """A straight line on the page, as under a letterhead; no box belongs to it."""

    start: Place
    """One end, as fractions of the width and of the height of the page."""

    end: Place
    """The other end."""

    thickness: Annotated[float, Field(gt=0, le=0.1)] = 0.001
    """As a fraction of the page's height."""

    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How many of the pages have it."""


class PageStamp(Settings):
    """A stamp over the writing: a ring or a frame of worn ink, with marks in it that no one reads.

    No box belongs to it.
    """

    shape: Annotated[str, OneOf(STAMP_SHAPES)] = "round"
    """What its rim is."""

    at: Place
    """Where its middle is: a fraction of the width and of the height of the page."""

    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.03
    """How far it may stand from there, to all sides, as a fraction of the page's height."""

    size: Range[EmShare] = (0.07, 0.1)
    """Its width as a fraction of the page's height."""

    rotation: Range[float] = (-20.0, 20.0)
    """How far it is turned on the page, in degrees; positive is counter-clockwise."""

    darkness: Range[Annotated[float, Field(gt=0, le=1)]] = (0.3, 0.8)
    """How dark its ink is, where 1 is that of the writing."""

    wear: Range[Share] = (0.05, 0.3)
    """The share of its frame where the ink has not taken."""

    chance: Annotated[float, Field(gt=0, le=1)] = 1.0
    """How many of the pages have it."""


class Page(Settings):
    """Whole pages with boxes instead of single characters; `render.count` says how many.

    `annotations.npy` beside the images holds the boxes of fields, blocks, lines, words and characters.
    Fields and blocks are classes; the first class, `page`, is that of the images.
    """

    size: Annotated[
        tuple[Annotated[int, Field(ge=64, le=4096)], Annotated[int, Field(ge=64, le=4096)]],
        Strict(False),
    ]
    """Height and width in pixels; `[image]` need not say it again."""

    direction: Annotated[str, Field(pattern=r"^(auto|ltr|rtl)$", examples=["auto", "rtl"])] = "auto"
    """Of the lines: that of their first letters, or always one of the two."""

    skew: Range[float] = (0.0, 0.0)
    """How far the page is turned, in degrees; positive is counter-clockwise."""

    field: Annotated[tuple[PageField, ...], Strict(False)] = ()
    """Fields, one `[[page.field]]` table each."""

    text: Annotated[tuple[PageText, ...], Strict(False)] = ()
    """Blocks of text, one `[[page.text]]` table each."""

    rule: Annotated[tuple[PageRule, ...], Strict(False)] = ()
    """Straight lines, one `[[page.rule]]` table each."""

    stamp: Annotated[tuple[PageStamp, ...], Strict(False)] = ()
    """Stamps, one `[[page.stamp]]` table each."""

    values: dict[str, Strings] = Field(default_factory=dict)
    """Names for the braces of values, and what they stand for: `city = ["تهران", "شیراز"]`."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if not (self.field or self.text):
            yield (
                "",
                "has neither field nor text, expected at least one [[page.field]] or [[page.text]]",
            )
