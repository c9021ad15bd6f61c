"""What a listing of a place tells of each file, without one of them being opened."""

from datetime import datetime
from typing import Any, NamedTuple

__all__ = ["ListedFile", "read_listed"]

_WHEN = ("LastModified", "last_modified", "updated", "mtime", "modified", "created")
"""What libraries of stores call the time of the last change; in a store it is that of the put."""


class ListedFile(NamedTuple):
    """One file.

    Attributes:
        n_bytes: Its size.
        changed: When it was last written, in nanoseconds since 1970 by the clock of its place; None where
            nobody tells.
    """

    n_bytes: int
    changed: int | None

    def is_older(self, other: "ListedFile") -> bool:
        """Return whether it is known to have been written before another; in one moment is not before."""
        return None not in (self.changed, other.changed) and self.changed < other.changed  # type: ignore[operator]


def read_listed(told: dict[str, Any]) -> ListedFile:
    """Return what fsspec has told of a file."""
    when: Any = next((told[key] for key in _WHEN if told.get(key)), None)
    if isinstance(when, str):
        when = _parse(when)
    seconds = when.timestamp() if isinstance(when, datetime) else when
    is_known = isinstance(seconds, (int, float))
    return ListedFile(int(told["size"] or 0), round(seconds * 1e9) if is_known else None)


def _parse(when: str) -> datetime | None:
    try:
        return datetime.fromisoformat(when)
    except ValueError:
        return None
