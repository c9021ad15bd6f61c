"""The recipe as frozen records, every default spelled out.

Each section of a recipe is one class, each key one field, and the text under a field is what the
JSON Schema and so the editor show. Checks that span two keys stand at the end of their section.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PrivateAttr, Strict, model_validator

from glyphgen.augment import MOST_STEPS, AugmentStep
from glyphgen.choices import (
    COMPRESSIONS,
    ON_CHANGED,
    ON_CUT_OFF,
    ON_REFUSED,
    ON_UNPROVEN,
    POLARITIES,
    SPLIT_METHODS,
    STORAGE_FORMATS,
    WHITE_ON_BLACK,
    OneOf,
)
from glyphgen.files.opening import MOST_SHARD_BYTES
from glyphgen.recipe.class_tables import Classes
from glyphgen.recipe.font_tables import Fonts
from glyphgen.recipe.kinds import find_page_misfits, find_stroke_misfits, find_style_misfits
from glyphgen.recipe.origin import Origin, split_key
from glyphgen.recipe.page_tables import Page
from glyphgen.recipe.render import Render, explain_unable
from glyphgen.recipe.stroke_tables import Strokes
from glyphgen.settings import Settings, Strings, show_value
from glyphgen.text import show_bytes

__all__ = ["CellChoice", "Gate", "Image", "Output", "Recipe", "Split"]

Share = Annotated[float, Field(ge=0, lt=1)]

_HOW_TO_SPLIT = 'expected 0 (or set split.by = "sample" or "face")'


class Image(Settings):
    """The frame of every image."""

    height: Annotated[int, Field(ge=8, le=4096)] = 64
    """Height in pixels."""

    width: Annotated[int, Field(ge=8, le=4096)] = 64
    """Width in pixels."""

    polarity: Annotated[str, OneOf(POLARITIES)] = WHITE_ON_BLACK
    """Which of ink and paper is 255 on disk; the other is 0."""


class Split(Settings):
    """How rows are divided into train, val and test."""

    by: Annotated[str, OneOf(SPLIT_METHODS)] = "none"
    """What is shared out among the splits."""

    val: Share = 0.0
    """Share of val."""

    test: Share = 0.0
    """Share of test; val and test together stay below 1."""

    val_faces: Strings = ()
    """Font file names of val instead of a share; `*`, `?` and `[ab]` match many where no file is called
    so. Only with `by = "face"`."""

    test_faces: Strings = ()
    """Font file names of test instead of a share; `*`, `?` and `[ab]` match many where no file is called
    so. Only with `by = "face"`."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if self.by == "none":
            for key in ("val", "test"):
                if getattr(self, key):
                    yield key, f'found {getattr(self, key)} with by = "none", {_HOW_TO_SPLIT}'
        if self.by != "face":
            for key in ("val_faces", "test_faces"):
                if getattr(self, key):
                    yield key, f'found by = "{self.by}", expected by = "face" with this key'
        has_faces = bool(self.val_faces or self.test_faces)
        if self.val + self.test >= 1:
            yield (
                "test",
                f"val and test take {self.val + self.test:g} of all rows,"
                " expected less than 1 (the rest is train)",
            )
        if self.by in ("sample", "form") and not self.val + self.test:
            yield "by", f'found "{self.by}" without shares, expected val or test above 0'
        if self.by == "face" and has_faces and self.val + self.test:
            yield "by", "found shares and face names, expected one or the other"
        if self.by == "face" and not (has_faces or self.val + self.test):
            yield (
                "by",
                'found "face" without shares or faces,'
                " expected val or test above 0, or val_faces or test_faces",
            )


class CellChoice(Settings):
    """Pairs of a face and a character that the gate shall admit, or refuse.

    `deny = [{ face = "Foo*.ttf", forms = "あいう" }]` leaves three characters of one font out.
    """

    face: str = "*"
    """Font file name; `*`, `?` and `[ab]` match many where no file is called so. Left out: every face."""

    forms: str | Strings = ()
    """Characters: a text, a range, or a list of texts and ranges. Left out: every one."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if self.face == "*" and not self.forms:
            yield "", "found neither face nor forms, expected at least one of them"


Cells = Annotated[tuple[CellChoice, ...], Strict(False)]


class Gate(Settings):
    """What happens to a cell, a pair of a face and a character, that the gate refuses."""

    on_refused: Annotated[str, OneOf(ON_REFUSED)] = "error"
    """What happens when a face does not draw a character, or its file cannot be read."""

    on_unproven: Annotated[str, OneOf(ON_UNPROVEN)] = "warn"
    """What happens where too few other typefaces draw a character, in the recipe or among the fonts that
    come with glyphgen, so that nobody can say whether a face draws it."""

    on_cut_off: Annotated[str, OneOf(ON_CUT_OFF)] = "shrink"
    """What happens where ink would leave the frame. Ink shrinks to a quarter of the smallest size at
    most; what leaves the frame even so is refused."""

    on_changed: Annotated[str, OneOf(ON_CHANGED)] = "shrink"
    """What happens where rotation, shear, stretch, weight, wobble and scatter together make another
    character of a cell than its own, as ツ of シ: the ranges of that cell shrink to a half, a quarter or
    nothing, or the cell is refused. A fixed value, as `rotation = 180`, cannot shrink: it is refused."""

    min_faces_per_class: Annotated[int, Field(ge=1)] = 1
    """Fewer faces than this that draw a class are an error."""

    allow: Cells = ()
    """What to admit though the gate refuses it. What cannot be drawn stays refused: no outline, too
    many points, huge coordinates."""

    deny: Cells = ()
    """What to refuse though the gate, or allow, admits it."""


class Output(Settings):
    """How the dataset lies on disk."""

    format: Annotated[str, OneOf(STORAGE_FORMATS)] = "npy"
    """What the arrays lie in."""

    rows_per_shard: Annotated[int, Field(ge=1)] | None = None
    """Rows that are made, hashed and committed as one unit, of 2 GiB of images at most. Left out: as many
    as make 32 MiB."""

    compression: Annotated[str, OneOf(COMPRESSIONS)] = "none"
    """Compression of the images; what is compressed is many times slower to read."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        if self.format == "npy" and self.compression != "none":
            yield (
                "compression",
                f'found "{self.compression}" with format "npy", expected "none"'
                ' (or set output.format = "hdf5")',
            )


class Recipe(Settings):
    """What a dataset is made of: which characters, which fonts, and how they vary."""

    extends: Annotated[str | None, Field(exclude=True)] = None
    """Another recipe, by its path or, of one that comes with glyphgen, by its name: all of its keys but
    `name` hold here as well, unless they are given again. Tables are joined key by key; a list, or
    `[[tables]]`, replace those of the other as a whole, and characters or words of one's own in
    `[classes]` all of its characters, words, `exclude` and `merge`. Relative paths start from the folder
    of the file that they are written in."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")] = "dataset"
    """Name of the dataset and of its folder. Left out: the recipe's file name without .toml."""

    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    """Where all random numbers come from: equal recipes, fonts and seeds give equal datasets."""

    classes: Classes = Classes()
    """Which characters the dataset has a class for."""

    fonts: Fonts = Fonts()
    """Which faces draw the classes."""

    strokes: Strokes | None = None
    """Which strokes are written with a pen, beside the fonts or instead of them."""

    image: Image = Image()
    """The frame of every image."""

    render: Render = Render()
    """How a class is drawn, and how its samples vary."""

    page: Page | None = None
    """Whole pages with boxes, instead of characters."""

    augment: Annotated[tuple[AugmentStep, ...], Strict(False)] = ()
    """What is done to the drawn images, one `[[augment]]` table for each step, in this order; 15 at
    most."""

    split: Split = Split()
    """How rows are divided into train, val and test."""

    gate: Gate = Gate()
    """What happens to a cell that the gate refuses."""

    output: Output = Output()
    """How the dataset lies on disk."""

    _origin: Origin = PrivateAttr(default_factory=Origin)

    @model_validator(mode="before")
    @classmethod
    def _take_page_size(cls, data: Any) -> Any:
        """The size of a page is that of its image."""
        match data:
            case {"page": {"size": [int(height), int(width)]}}:
                image = {"height": height, "width": width} | data.get("image", {})
                return data | {"image": image}
        return data

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        yield from find_page_misfits(self)
        yield from find_style_misfits(self)
        yield from find_stroke_misfits(self)
        if len(self.augment) > MOST_STEPS:
            yield "augment", f"found {len(self.augment)} steps, expected at most {MOST_STEPS}"
        row_bytes = self.image.height * self.image.width
        n_bytes = (self.output.rows_per_shard or 0) * row_bytes
        if n_bytes > MOST_SHARD_BYTES:
            yield (
                "output.rows_per_shard",
                f"found {self.output.rows_per_shard:,}, {show_bytes(n_bytes)} of images in memory,"
                f" expected at most {MOST_SHARD_BYTES // row_bytes:,}",
            )
        for key in ("language", "features", "direction", "words", "words_file"):
            unable = explain_unable(self.render.engine, f"classes.{key}")
            value = getattr(self.classes, key)
            if unable and value != Classes.model_fields[key].default:
                shown = f'"{value}"' if isinstance(value, str) else show_value(value)
                found = f'found {shown} with engine "{self.render.engine}"'
                yield f"classes.{key}", f"{found}, {unable}"
        alternates = [face.alternates for face in self.fonts.faces if face.alternates]
        unable = explain_unable(self.render.engine, "fonts.faces.alternates")
        if unable and alternates:
            found = f'found alternates {show_value(list(alternates[0]))} with engine "{self.render.engine}"'
            yield "fonts.faces", f"{found}, {unable}"
        if self.render.framing == "baseline" and self.classes.direction == "vertical":
            yield (
                "render.framing",
                'found "baseline" in vertical lines, expected "em", "ink" or "fit"',
            )
        heavy = [face.weight for face in self.fonts.faces if face.weight > 1]
        if heavy and self.render.mode == "grid":
            yield (
                "fonts.faces",
                f"found weight {heavy[0]}, but a grid draws every face equally often"
                ' (leave weight out, or set render.mode = "random")',
            )

    def _repr_html_(self) -> str:
        """Return the recipe as a table of its sections, as notebooks show it."""
        from html import escape

        rows = "".join(
            f"<tr><th>{escape(name)}</th><td><code>{escape(str(value))}</code></td></tr>"
            for name, value in self.model_dump(mode="json", exclude_defaults=True).items()
        )
        return f"<p>Recipe '{escape(self.name)}'</p><table>{rows}</table>"

    def model_post_init(self, context: Any) -> None:
        """Keep the origin that a reader passes as validation context."""
        if isinstance(context, Origin):
            self._origin = context

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the recipe start from."""
        return self._origin.folder

    def find_path(self, name: str) -> Path:
        """Return the path that a key names: ``~`` is the user's home, what is relative starts here.

        Names are UTF-8 on disk, whatever the locale.
        """
        path = Path(os.fsdecode(name.encode("utf-8", "surrogateescape")))
        with suppress(RuntimeError):  # nobody's home: a name like any other
            path = path.expanduser()
        return self.folder / path

    def place(self, key: str) -> str:
        """Return the place of a key as messages begin with it.

        Args:
            key: A dotted key; elements of lists go by their number, ``fonts.faces.0.file``.

        Returns:
            ``recipes/kana.toml:9: fonts.files``, without a line for a key left at its default, or
            ``--set fonts.files`` for one given on the command line.
        """
        return self._origin.place(split_key(key))
