"""Remembers where a recipe came from, and writes places for messages."""

from dataclasses import dataclass, field
from pathlib import Path

from glyphgen.recipe.lines import KeyPath

__all__ = ["Origin", "show_key", "split_key"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a recipe came from, so that later messages can point at its lines.

    All origins are equal: a recipe is the same recipe wherever it was read.
    """

    file: str = field(default="recipe", compare=False)
    """The path as the user typed it."""

    folder: Path = field(default=Path(), compare=False)
    """What relative paths in the recipe start from."""

    lines: dict[KeyPath, int] = field(default_factory=dict, compare=False)
    """The line of each key."""

    files: dict[KeyPath, str] = field(default_factory=dict, compare=False)
    """The file of each key that stands in a recipe that is extended."""

    overrides: dict[KeyPath, str] = field(default_factory=dict, compare=False)
    """The keys that ``--set`` gave, each with the whole ``KEY=VALUE``."""

    def place(self, path: KeyPath) -> str:
        """Return the place of a key as messages begin with it."""
        key = show_key(path)
        if self.find_override(path):
            return f"--set {key}"
        line = self.find_line(path)
        file = self.files.get(self._find_written(path), self.file)
        return f"{file}: {key}" if line is None else f"{file}:{line}: {key}"

    def find_line(self, path: KeyPath) -> int | None:
        """Return the line of a key; an element that is not on its own line has that of its list."""
        return self.lines.get(self._find_written(path))

    def _find_written(self, path: KeyPath) -> KeyPath:
        is_element = path and path not in self.lines and isinstance(path[-1], int)
        return path[:-1] if is_element else path

    def find_override(self, path: KeyPath) -> str | None:
        """Return the ``KEY=VALUE`` that gave this key, a table around it, or all that is in it."""
        for given, override in self.overrides.items():
            is_inside = path not in self.lines and given[: len(path)] == path
            if is_inside or path[: len(given)] == given:
                return override
        return None


def show_key(path: KeyPath) -> str:
    """Return a path as a dotted key; elements of a list go by the name of the list."""
    named = path[:-1] if len(path) > 1 and isinstance(path[-1], int) else path
    return ".".join(map(str, named))


def split_key(key: str) -> KeyPath:
    """Split a dotted key; whole numbers are places in lists."""
    return tuple(int(part) if part.isdecimal() else part for part in key.split("."))
