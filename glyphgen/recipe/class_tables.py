"""The tables of a recipe that say what its classes are."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, Strict, create_model

from glyphgen.choices import DIRECTIONS, LABELS_BY, OneOf
from glyphgen.settings import Settings, Strings, show_value

__all__ = ["Classes", "NamedClass"]


class NamedClass(Settings):
    """A class with a name of its own, and what is drawn for it.

    `[[classes.class]]` with `label = "other"` and `forms = ["ا", "ب", "نام"]` is one class, whose samples
    show its forms in equal turns.
    """

    label: Annotated[str, Field(min_length=1, max_length=100)]
    """What the class is called."""

    forms: str | Strings
    """What is drawn for it: the characters of a text; a range, which begins with U+; or a list, whose
    entries are characters, words or ranges."""

    weights: Annotated[tuple[Annotated[int, Field(ge=1, le=1000)], ...], Strict(False)] = ()
    """How many turns each form takes where another takes one. Left out: one each."""


# A keyword of Python, so that no attribute can be written down so.
_WithNamed: Any = create_model(  # type: ignore[call-overload]
    "_WithNamed",
    __base__=Settings,
    **{
        "class": (
            Annotated[tuple[NamedClass, ...], Strict(False)],
            Field(
                default=(), description="Classes with a name, one `[[classes.class]]` table each."
            ),
        )
    },
)


class Classes(_WithNamed):  # type: ignore[misc]
    """Which characters and words the dataset has a class for: at least one class, at most 100,000.

    Classes stand in code point order, except those of `text`, which keep theirs and come after; then
    words, and then classes with a name. Giving a character or word twice is an error.

    A word is shaped as a whole: letters join, and numbers within text from right to left stay in order.
    Its letters are examined one by one, and it is refused where one of them is, or loses its marks.
    """

    sets: Strings = ()
    """Names of [character sets](#character-sets), for example "hiragana" and "katakana"."""

    ranges: Strings = ()
    """Code point ranges, both ends included: "U+3041..U+3093", "0x3041-0x3093", "U+3042"."""

    text: str = ""
    """Characters, one class each; white space does not count. A letter and a mark that Unicode has as one
    character are that one, as where macOS wrote が in two."""

    file: str | None = None
    """A UTF-8 text file, relative to the recipe; each character but white space is a class."""

    label_by: Annotated[str, OneOf(LABELS_BY)] = "form"
    """What a label stands for."""

    words: Strings = ()
    """Words, one class each: `["تاریخ", "پیوست"]`. A space within one is drawn."""

    words_file: str | None = None
    """A UTF-8 text file, relative to the recipe; each line is a word."""

    exclude: str | Strings = ()
    """Characters to leave out again: a text, a range, which begins with U+ or 0x, or a list of them."""

    language: Annotated[
        str,
        Field(pattern=r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$", examples=["fa", "zh-Hant"]),
    ] = ""
    """Language that the characters are written in, as BCP 47 says it: "fa", "zh-Hant". Fonts may
    draw ۴ or 骨 in another way for each."""

    features: Annotated[
        tuple[
            Annotated[
                str,
                Field(pattern=r"^[+-]?[A-Za-z0-9]{4}(=\d{1,3})?$", examples=["-calt", "ss01"]),
            ],
            ...,
        ],
        Strict(False),
    ] = ()
    """OpenType features to draw with or without, as HarfBuzz writes them: "-calt", "-liga", "ss01"."""

    direction: Annotated[str, OneOf(DIRECTIONS)] = "horizontal"
    """Which way lines run. In vertical ones, words run from top to bottom, and single characters are
    drawn as they stand there: ー and （ turned, 。 and ぁ moved. A face without such forms draws the
    horizontal ones, with a warning."""

    merge: Annotated[tuple[Strings, ...], Strict(False)] = ()
    """Groups of characters that become one class each, called after the first of the group:
    `[["へ", "ヘ"]]`."""

    merge_twins: bool = False
    """Whether characters that the fonts draw alike become one class, called after the first;
    `glyphgen fonts check` names them."""

    @property
    def named(self) -> tuple[NamedClass, ...]:
        """The tables ``[[classes.class]]``."""
        named: tuple[NamedClass, ...] = getattr(self, "class")
        return named

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        for number, group in enumerate(self.merge):
            if len(group) < 2:
                found = show_value(group)
                yield f"merge.{number}", f"found {found}, expected two or more characters"
