"""What every table of settings is: a frozen record, and the ways to write a number that varies.

A number that varies is a tuple of floats: a range ``(low, high)`` that samples draw from, or, in the
grid mode of a recipe, the list of values that are combined.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Any, Self, TypeGuard, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    Strict,
    model_validator,
)
from pydantic_core import CoreSchema

__all__ = [
    "UNIT",
    "MisfitError",
    "Range",
    "Settings",
    "Strings",
    "Varying",
    "list_values",
    "read_random_range",
    "read_range",
    "show_value",
]

UNIT = "x-unit"
"""Key in a field's schema of what its number counts, for messages: a small number seems a wrong one."""

_MOST_VALUES = 10_000
_STEP_KEYS = ("start", "stop", "step")


class MisfitError(ValueError):
    """Keys of one table that are well formed alone and cannot stand together.

    Attributes:
        problems: The key and what is wrong with it, for each.
    """

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {text}" for key, text in problems))
        self.problems = problems


class Settings(BaseModel):
    """One table of settings."""

    model_config = ConfigDict(
        defer_build=True,  # a worker that is sent a recipe checks none
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = list(self._find_misfits())
        if problems:
            raise MisfitError(problems)
        return self

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        """Yield the key and what is wrong, for each pair of keys that cannot stand together."""
        yield from ()


@dataclass(frozen=True, slots=True)
class Varying:
    """Marks a tuple that may also be written as one number, or as start, stop and step."""

    steps: bool = True
    """Whether start, stop and step are among the spellings."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Offer the spellings to editors."""
        array = {**handler(core_schema), "minItems": 1}
        steps = {
            "type": "object",
            "properties": {key: {"type": "number"} for key in _STEP_KEYS},
            "required": list(_STEP_KEYS),
            "additionalProperties": False,
        }
        return {"anyOf": [array["items"], array, *([steps] if self.steps else [])]}


def read_range(value: object) -> tuple[float, float]:
    """Read a number, or ``[low, high]``.

    Raises:
        ValueError: It is something else, or low is above high.
    """
    if _is_number(value):
        return float(value), float(value)
    if not (_is_numbers(value) and len(value) == 2):
        raise _NoRangeError(f"found {show_value(value)}, expected a number or [low, high]")
    low, high = value
    if low > high:
        raise ValueError(f"found {show_value(value)}, expected the lower end first")
    return float(low), float(high)


def read_random_range(value: object) -> tuple[float, float]:
    """Read a range of random mode; a list of grid mode gets a hint.

    Raises:
        ValueError: As ``read_range``.
    """
    try:
        return read_range(value)
    except _NoRangeError as error:
        raise ValueError(f'{error} (lists and steps are for render.mode = "grid")') from None


class _NoRangeError(ValueError):
    """Neither a number nor two."""


T = TypeVar("T")
Strings = Annotated[tuple[str, ...], Strict(False)]
"""Texts; in Python a list of them serves as well."""
Range = Annotated[tuple[T, ...], Strict(False), BeforeValidator(read_range), Varying(steps=False)]
"""A range ``(low, high)`` of numbers of a kind, which may be written as one number."""


def list_values(value: object) -> tuple[float, ...]:
    """Read the values of grid mode: a number, a list of numbers, or ``{start, stop, step}``.

    Raises:
        ValueError: It is something else, holds a number twice, or its steps lead nowhere.
    """
    if _is_number(value):
        return (float(value),)
    if isinstance(value, dict):
        return _list_steps(value)
    if not (_is_numbers(value) and len(value)):
        raise ValueError(
            f"found {show_value(value)},"
            " expected a number, a list of numbers, or {start, stop, step}"
        )
    repeated = [number for i, number in enumerate(value) if number in value[:i]]
    if repeated:
        raise ValueError(f"found {show_value(repeated[0])} twice, expected each number once")
    return tuple(float(number) for number in value)


def show_value(value: object) -> str:
    """Return a value as messages show it: close to how TOML writes it, and never long."""
    match value:
        case bool():
            shown = str(value).lower()
        case dict():
            shown = "{" + ", ".join(f"{key} = {show_value(v)}" for key, v in value.items()) + "}"
        case list() | tuple():
            shown = "[" + ", ".join(map(show_value, value)) + "]"
        case str() | int() | float():
            shown = repr(value)
        case _:
            shown = str(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _list_steps(table: dict[str, object]) -> tuple[float, ...]:
    """Expand ``{start, stop, step}``, stop included, with the decimals as they are written."""
    numbers = [table.get(key) for key in _STEP_KEYS]
    if len(table) != len(_STEP_KEYS) or not _is_numbers(numbers):
        raise ValueError(
            f"found {show_value(table)}, expected {{start, stop, step}} with three numbers"
        )
    start, stop, step = (Fraction(repr(number)) for number in numbers)
    if step <= 0 or stop < start:
        raise ValueError(
            f"found {show_value(table)}, expected a step above 0 and a stop not below start"
        )
    n_values = (stop - start) // step + 1
    if n_values > _MOST_VALUES:
        raise ValueError(f"found {n_values:,} steps, expected at most {_MOST_VALUES:,}")
    return tuple(float(start + i * step) for i in range(n_values))


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_numbers(value: object) -> TypeGuard[Sequence[int | float]]:
    return isinstance(value, list | tuple) and all(map(_is_number, value))
