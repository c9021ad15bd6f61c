"""What threads make ahead, while somebody else uses what was made before."""

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

__all__ = ["make_ahead"]

T = TypeVar("T")

_LOOKS_S = 0.1  # how often a thread with nothing to do looks whether it is still wanted


class _End:
    """The last that a thread gives."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def make_ahead(sources: Sequence[Iterable[T]], depth: int) -> Iterator[T]:
    """Yield the items of iterables in turns, each made ahead by a thread of its own.

    Args:
        sources: One for each thread. It ends when the one whose turn it is has ended.
        depth: Items of each that wait at most.

    Raises:
        BaseException: Whatever an iterable raises, in its turn.
    """
    stopped = threading.Event()
    queues: list[queue.Queue[T | _End]] = [queue.Queue(depth) for _ in sources]

    def put(ready: queue.Queue[T | _End], item: T | _End) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                ready.put(item, timeout=_LOOKS_S)
                return

    def make(source: Iterable[T], ready: queue.Queue[T | _End]) -> None:
        try:
            for item in source:
                put(ready, item)
                if stopped.is_set():
                    return
            put(ready, _End())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that takes
            put(ready, _End(error))

    for pair in zip(sources, queues, strict=True):
        threading.Thread(target=make, args=pair, daemon=True).start()
    try:
        while True:
            for ready in queues:
                item = ready.get()
                if isinstance(item, _End):
                    if item.error is not None:
                        raise item.error
                    return
                yield item
    finally:
        stopped.set()
