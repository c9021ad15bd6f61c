"""The section ``[render]`` of a recipe: how a class is drawn, and how its samples vary."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field, Strict, ValidationInfo, field_validator, model_validator

from glyphgen.choices import ENGINES, FRAMINGS, MODES, SHIFT_UNITS, OneOf
from glyphgen.settings import UNIT, Settings, Varying, list_values, read_random_range, show_value

__all__ = [
    "GRID_DEFAULTS",
    "Render",
    "Scatter",
    "Wobble",
    "explain_unable",
    "find_able_engines",
]

_OF_EM = {UNIT: "a fraction of the em, not pixels"}

Degrees = Annotated[float, Field(ge=-360, le=360)]
SlantDegrees = Annotated[float, Field(ge=-80, le=80)]
Size = Annotated[
    float,
    Field(gt=0, le=4, json_schema_extra={UNIT: "a fraction of the image height, not pixels"}),
]
Factor = Annotated[float, Field(gt=0, le=10)]
Weight = Annotated[float, Field(ge=-0.1, le=0.1, json_schema_extra=_OF_EM)]
_RowsColumns = Annotated[
    tuple[Annotated[int, Field(ge=1, le=50)], Annotated[int, Field(ge=1, le=50)]], Strict(False)
]
Amplitude = Annotated[float, Field(ge=0, le=0.2, json_schema_extra=_OF_EM)]

GRID_DEFAULTS = {
    "per_class": None,
    "size": (0.75,),
    "shift_x": (0.0,),
    "shift_y": (0.0,),
    "rotation": (0.0,),
    "shear": (0.0,),
    "stretch": (1.0,),
    "weight": (0.0,),
}


class Wobble(Settings):
    """A smooth bend of the whole outline, another for every sample."""

    amplitude: Annotated[tuple[Amplitude, ...], Strict(False), Varying(steps=False)] = (
        0.0,
        0.0,
    )
    """How far the nodes of the grid move, in em; one number in grid mode."""

    grid: Annotated[int, Field(ge=2, le=6)] = 3
    """Nodes a side of the grid that bends the outline: more nodes, tighter bends."""

    @field_validator("amplitude", mode="before")
    @classmethod
    def _read_amplitude(cls, value: object) -> tuple[float, float]:
        return read_random_range(value)

    @property
    def is_neutral(self) -> bool:
        """Whether nothing bends."""
        return not any(self.amplitude)


class Scatter(Settings):
    """How far separate pieces of ink move, each on its own.

    Contours whose ink overlaps or touches are one piece, with the holes in it.
    """

    shift: Amplitude = 0.0
    """The longest shift of a piece, in em."""

    turn: Annotated[float, Field(ge=0, le=45)] = 0.0
    """The largest turn of a piece to either side, in degrees."""

    scale: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """The largest growth or shrinkage of a piece, as a fraction of its size."""

    @property
    def is_neutral(self) -> bool:
        """Whether no piece moves."""
        return not (self.shift or self.turn or self.scale)


class Render(Settings):
    """How a class is drawn, and how its samples vary.

    In Python every value that varies is a tuple: `(low, high)` in random mode, in grid mode the values
    that are combined.
    """

    engine: Annotated[str, OneOf(ENGINES)] = "vector"
    """What draws."""

    mode: Annotated[str, OneOf(MODES)] = "random"
    """How samples vary."""

    per_class: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = 1000
    """Samples of each class; in random mode only."""

    count: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Pages; only with `[page]`."""

    size: Annotated[tuple[Size, ...], Strict(False), Varying()] = (0.6, 0.8)
    """Em size as a fraction of the image height: 0.75 in 64 pixels is an em of 48."""

    shift_x: Annotated[tuple[float, ...], Strict(False), Varying()] = (-0.5, 0.5)
    """Shift to the right, in units of shift_of."""

    shift_y: Annotated[tuple[float, ...], Strict(False), Varying()] = (-0.5, 0.5)
    """Shift downwards, in units of shift_of."""

    shift_of: Annotated[str, OneOf(SHIFT_UNITS)] = "blank"
    """The unit of shifts."""

    min_blank: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Do not shift where the margin on one side is smaller than this fraction of the height."""

    rotation: Annotated[tuple[Degrees, ...], Strict(False), Varying()] = (-5.0, 5.0)
    """Degrees, positive is counter-clockwise."""

    shear: Annotated[tuple[SlantDegrees, ...], Strict(False), Varying()] = (0.0, 0.0)
    """Slant in degrees, positive leans to the right."""

    stretch: Annotated[tuple[Factor, ...], Strict(False), Varying()] = (1.0, 1.0)
    """Factor on the width."""

    weight: Annotated[tuple[Weight, ...], Strict(False), Varying()] = (0.0, 0.0)
    """Emboldening in em; below 0 is thinner, down to half of what the strokes are wide."""

    wobble: Wobble = Wobble()
    """A smooth bend of the whole outline."""

    scatter: Scatter = Scatter()
    """Shifts, turns and scales of separate pieces of ink."""

    characters: Annotated[tuple[_RowsColumns, _RowsColumns], Strict(False)] = ((1, 1), (1, 1))
    """Rows and columns of characters on one image, fewest and most: `[[1, 1], [5, 4]]`; columns stand from
    right to left. Only where labels stand for styles, as the two keys below."""

    lines: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How many images have lines between the columns and about them."""

    seal: Annotated[float, Field(ge=0, le=1)] = 0.0
    """How many images have a seal at the foot of the last column."""

    framing: Annotated[str, OneOf(FRAMINGS)] = "em"
    """What is centered in the frame."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out_defaults(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("mode") == "grid":
            return {**GRID_DEFAULTS, **data}
        return data

    @field_validator(
        "size", "shift_x", "shift_y", "rotation", "shear", "stretch", "weight", mode="before"
    )
    @classmethod
    def _read_values(cls, value: object, info: ValidationInfo) -> tuple[float, ...]:
        match info.data.get("mode"):
            case "random":
                return read_random_range(value)
            case "grid":
                return list_values(value)
        return ()  # the mode itself is wrong, and reported

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        yield from self._find_character_misfits()
        if self.mode == "grid":
            yield from self._find_grid_misfits()
        for key in type(self).model_fields:
            unable = explain_unable(self.engine, f"render.{key}")
            if unable and not _is_neutral(getattr(self, key)):
                yield key, f'found engine "{self.engine}", {unable}'

    def _find_character_misfits(self) -> Iterator[tuple[str, str]]:
        (few_rows, few_columns), (rows, columns) = self.characters
        if few_rows > rows or few_columns > columns:
            found = show_value([list(ends) for ends in self.characters])
            yield "characters", f"found {found}, expected the fewest rows and columns first"

    def _find_grid_misfits(self) -> Iterator[tuple[str, str]]:
        if self.per_class is not None:
            yield (
                "per_class",
                f"found {self.per_class}, but a grid has as many samples as combinations"
                ' (leave it out, or set render.mode = "random")',
            )
        low, high = self.wobble.amplitude
        if low != high:
            yield (
                "wobble.amplitude",
                f"found {show_value([low, high])}, expected one number in grid mode",
            )


def find_able_engines(key: str) -> list[str]:
    """Return the engines that can do what a key of a recipe asks; none for what all can do."""
    return [name for name, entry in ENGINES.items() if key in entry.can]


def explain_unable(engine: str, key: str) -> str:
    """Return why an engine cannot do what a key asks, and what can; nothing where it can."""
    able = find_able_engines(key)
    if not able or engine in able:
        return ""
    return (
        f"but only the {' and '.join(able)} engine{'s' * (len(able) > 1)} can do this"
        f' (set render.engine = "{able[0]}")'
    )


def _is_neutral(value: Any) -> bool:
    """Return whether a varying value, or a table of them, leaves the outline as it is."""
    return bool(value.is_neutral) if isinstance(value, Wobble | Scatter) else not any(value)
