"""The tables of a recipe that say which faces draw."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, Strict

from glyphgen.settings import Range, Settings, Strings, show_value

__all__ = ["FaceChoice", "Fonts", "StyleFonts"]

Feature = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{4}(=[1-9][0-9]?)?$", examples=["ss01"])]


class StyleFonts(Settings):
    """A style, such as kaishu, and the faces that write it: a class where `classes.label_by = "style"`."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    """What the class is called."""

    files: Annotated[Strings, Field(min_length=1)]
    """Its font files, as in `fonts.files`."""


class FaceChoice(Settings):
    """One face that needs more than its file name."""

    file: str | None = None
    """A font file, relative to the recipe. Give this or system."""

    system: str | None = None
    """A family name that fontconfig knows. Give this or file."""

    style: str | None = None
    """Style of the face, "Regular" or "Semi Bold", where the family of system has several."""

    index: Annotated[int, Field(ge=0)] | None = None
    """Which font of a collection (.ttc, .otc), counted from 0. Left out: the first of a file, and of a
    family the one that has the style."""

    axes: dict[str, Range[float]] = Field(default_factory=dict)
    """Where a variable font stands on its axes: `{ wght = 620 }`, or between which places,
    `{ wght = [100, 900] }`, of which `instances` are taken."""

    instances: Annotated[int, Field(ge=2, le=100)] = 5
    """How many faces a range of axes stands for: they are spread evenly, ends included, and take a turn
    each. Of several ranges every axis has its own order."""

    alternates: Annotated[tuple[Feature, ...], Strict(False)] = ()
    """OpenType features that draw characters another way, such as `["salt", "ss01"]` or `["salt=2"]` for
    the second of several ways. Each is one more face, of those characters that the feature changes."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many turns the face takes where others take one."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if (self.file is None) == (self.system is None):
            found = "neither file nor system" if self.file is None else "both file and system"
            yield "", f"found {found}, expected exactly one of them"
        elif self.style is not None and self.system is None:
            found = f"found {show_value(self.style)} with file"
            yield (
                "style",
                f"{found}, expected it with system (index chooses a font of a collection)",
            )


class Fonts(Settings):
    """Which faces draw the classes, in equal turns: at least one, unless there are strokes.

    TrueType, OpenType, collections of them, WOFF and WOFF2 are read; a packed font may unpack to 64 MiB.
    Fonts are read in a process of its own, within limits on memory and time, and only regular files are
    opened. A file that is no whole font or does not match its checksums, that the sanitizer rejects, or
    that crashes its reader or exceeds the limits, is an error that names it; with
    `gate.on_refused = "skip"` it is left out with a warning, and `gate.json` has it under `unread`. What
    the machine lacks while fonts are read (room for temporary files, memory, processes) is an error always.

    A font that says nothing of its license may be described by a catalog: a file `FONTS.tsv` in the
    folder above, with columns `folder`, `file`, `licence` and `package`, whose text is
    `licences/<package>.txt`. `glyphgen fonts licenses` prints the notice to ship with a dataset.
    """

    files: Strings = ()
    """Font files, relative to the recipe; `~` is your home. `*`, `?` and `[ab]` match many, `**` crosses
    folders; a file that is called so, such as `Inter[opsz,wght].ttf`, comes before what matches. A folder
    means the fonts that lie in it."""

    system: Strings = ()
    """Family names that fontconfig knows, of one face each; of a family that has more, `faces` chooses
    one. A family that is absent is an error, never replaced."""

    faces: Annotated[tuple[FaceChoice, ...], Strict(False)] = ()
    """Faces that need an index, axes or a weight, one `[[fonts.faces]]` table each."""

    style: Annotated[tuple[StyleFonts, ...], Strict(False)] = ()
    """Styles, one `[[fonts.style]]` table each, with `classes.label_by = "style"`; their classes stand in
    this order."""

    sanitize: bool = True
    """Check the tables, checksums and glyphs of every file first, and ask the OpenType Sanitizer about it.
    It comes with glyphgen but for Linux on other processors than x86-64."""

    require_license: bool = False
    """Stop where the license of a face is unknown, or its maker restricts embedding, rather than warn."""

    @property
    def names_none(self) -> bool:
        """Whether no key names a font."""
        return not (self.files or self.system or self.faces or self.style)

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        names = [style.name for style in self.style]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield f"style.{number}.name", f"found '{name}' again, expected each name once"
