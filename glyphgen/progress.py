"""How long work says how far it is: one protocol for all commands, and one that stays silent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["SILENT", "Progress", "Reporter", "track"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a step has come.

    Attributes:
        step: What is being done, in a word or two: ``render``, ``hash``.
        done: Units that are done; those of an earlier run count.
        total: Units in all; 0 where nobody knows.
        unit: What is counted: ``images``, ``shards``, ``cells``.
        detail: More in a few words: ``3 of 21 shards``.
    """

    step: str
    done: int
    total: int
    unit: str
    detail: str = ""


class Reporter(Protocol):
    """Is told what long work is doing; commands show it, and Python callers may."""

    def message(self, line: str) -> None:
        """Take a line about what is going to be done, or was found."""

    def warning(self, line: str) -> None:
        """Take a line about what the user should look at."""

    def progress(self, progress: Progress) -> None:
        """Take how far a step has come: before it begins, now and then, and at its end."""


class _Silent:
    """Shows nothing."""

    def message(self, line: str) -> None:
        """Ignore a line."""

    def warning(self, line: str) -> None:
        """Ignore a line."""

    def progress(self, progress: Progress) -> None:
        """Ignore how far a step has come."""


SILENT: Reporter = _Silent()
"""What functions report to where the caller names nothing."""


def track(items: Sequence[T], *, step: str, unit: str, reporter: Reporter) -> Iterator[T]:
    """Yield some items, and report how many are done: before each of them and at the end."""
    for done, item in enumerate(items):
        reporter.progress(Progress(step=step, done=done, total=len(items), unit=unit))
        yield item
    reporter.progress(Progress(step=step, done=len(items), total=len(items), unit=unit))
