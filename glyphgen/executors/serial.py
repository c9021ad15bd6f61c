"""Shards are made in this process, one after the other."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["run_serially"]

R = TypeVar("R")


def run_serially(
    task: Callable[[int], R],
    numbers: Iterable[int],
    *,
    initializer: Callable[..., object] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[tuple[int, R]]:
    """Run ``task`` in this process; see ``run_shards``."""
    if initializer:
        initializer(*initargs)
    for number in numbers:
        yield number, task(number)
