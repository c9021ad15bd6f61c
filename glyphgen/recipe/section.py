"""What all sections of a recipe share; knows no key by name."""

from collections.abc import Iterator
from typing import Self

from pydantic import BaseModel, ConfigDict, model_validator

__all__ = ["MisfitError", "Section"]


class MisfitError(ValueError):
    """Keys of one section that are well formed alone and cannot stand together."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{key}: {text}" for key, text in problems))
        self.problems = problems


class Section(BaseModel):
    """One table of a recipe."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        problems = list(self._find_misfits())
        if problems:
            raise MisfitError(problems)
        return self

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        """Yield the key and the trouble of every pair of keys that cannot stand together."""
        yield from ()
