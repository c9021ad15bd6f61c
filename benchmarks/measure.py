"""Times things side by side; knows nothing of what they are."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Measured", "Unavailable", "find_best"]


class Unavailable(Exception):  # noqa: N818 - no error: the row says so
    """What a row measures is not on this machine; the message says how to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A row of the table.

    Attributes:
        what: Was measured.
        rate: Images a second, or what ``what`` says instead; None where nothing was measured.
        is_compared: Whether to compare it with FreeType alone.
        note: What else is to be known.
    """

    what: str
    rate: float | None = None
    is_compared: bool = True
    note: str = ""


def find_best(runs: Sequence[Callable[[], object]], repeats: int) -> list[float]:
    """Return the shortest time in seconds of each run.

    They are run in turns, so that what else the machine does falls on all of them alike; what it
    does can only lengthen a run, so the shortest is the nearest to the truth.
    """
    seconds = [float("inf")] * len(runs)
    for _ in range(repeats):
        for k, run in enumerate(runs):
            start = time.perf_counter()
            run()
            seconds[k] = min(seconds[k], time.perf_counter() - start)
    return seconds
