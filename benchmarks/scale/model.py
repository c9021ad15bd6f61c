"""A discrete-event model of a run: driver, scheduler, workers, their cores, disk and store.

Knows nothing of where its costs come from. What work waits for is of two kinds: shared equally by all who
use it at the same moment (cores, bandwidth), or serving one after the other (driver, scheduler, requests).
"""

import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

__all__ = ["Costs", "Outcome", "Setup", "simulate", "simulate_part"]

_Then = Callable[[], None]
_Total = Callable[[int], float]

_MOST_SHARDS = 12_000  # whose events are simulated; more go on at their pace


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What each step takes; seconds are those of one core that does nothing else.

    Attributes:
        start: Of the driver, before the first shard is sent.
        start_wait: That it waits meanwhile, for a disk.
        end: Of the driver, after the last shard.
        driver: Of the driver for each shard: it sends the number and takes the result.
        scheduler: Of a scheduler of its own for each shard; 0 where there is none.
        open: Of each worker, before its first shard: process, libraries, job.
        open_bytes: That each worker fetches from the store then.
        shard: Of a worker for a typical shard: drawn, hashed, handed to the store's library.
        spread: Other shards take so many times as much; one is drawn for each shard.
        disk: Seconds that a shard waits for a local disk, which all workers share.
        put_bytes: Of a shard, to the store.
        put_waits: Requests for a shard, one after the other; each waits ``Setup.latency``.
        put_server: Seconds of the store's counter of requests for a shard.
    """

    start: float = 0.0
    start_wait: float = 0.0
    end: float = 0.0
    driver: float = 0.0
    scheduler: float = 0.0
    open: float = 0.0
    open_bytes: float = 0.0
    shard: float = 0.0
    spread: Sequence[float] = (1.0,)
    disk: float = 0.0
    put_bytes: float = 0.0
    put_waits: float = 0.0
    put_server: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a run has.

    Attributes:
        workers: Processes that make shards.
        cores: What that many busy processes get of the one machine where all run, the driver, too;
            None where each worker, the driver and the scheduler have a core of their own.
        per_core: Workers of a cluster that share a core.
        ahead: Shards under way for each worker: one that is made, the others wait.
        connection: Bytes a second that one transfer takes at most.
        bandwidth: Bytes a second that the store takes of all.
        latency: Seconds that a request waits for the store.
        jitter: Up to so much less or more of it, as a share, is drawn for each shard: else workers that
            began together would go on in step.
    """

    workers: int
    cores: _Total | None = None
    per_core: int = 1
    ahead: int = 2
    connection: float = float("inf")
    bandwidth: float = float("inf")
    latency: float = 0.0
    jitter: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run came to.

    Attributes:
        seconds: From the driver's start to its end.
        pace: Shards a second while the second half of them was made.
        busy: Share of that time that each thing worked, 0 to 1; of several cores the mean.
    """

    seconds: float
    pace: float
    busy: Mapping[str, float]


class _Clock:
    """The events to come, in their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = count()
        self._events: list[tuple[float, int, _Then]] = []

    def call(self, delay: float, then: _Then) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), then))

    def run(self) -> None:
        while self._events:
            self.now, _, then = heapq.heappop(self._events)
            then()


class _Shared:
    """What those who use it at the same moment share equally.

    Args:
        clock: Of the run.
        total: How much work is done in a second for so many at once.
    """

    def __init__(self, clock: _Clock, total: _Total) -> None:
        self._done = 0.0
        self._clock = clock
        self._total = total
        self._level = 0.0  # how much work each one that was there all the time has got
        self._since = 0.0
        self._order = count()
        self._jobs: list[tuple[float, int, _Then]] = []  # by the level at which they are finished
        self._planned = 0

    def submit(self, work: float, then: _Then) -> None:
        self._advance()
        heapq.heappush(self._jobs, (self._level + work, next(self._order), then))
        self._plan()

    def find_done(self) -> float:
        """Return the work that was done until now."""
        self._advance()
        return self._done

    def _advance(self) -> None:
        if n := len(self._jobs):
            done = (self._clock.now - self._since) * self._total(n)
            self._done += done
            self._level += done / n
        self._since = self._clock.now

    def _plan(self) -> None:
        self._planned += 1
        if n := len(self._jobs):
            planned = self._planned
            left = max(0.0, self._jobs[0][0] - self._level)
            self._clock.call(left * n / self._total(n), lambda: self._finish(planned))

    def _finish(self, planned: int) -> None:
        if planned != self._planned:  # others came or went since
            return
        self._advance()
        _, _, then = heapq.heappop(self._jobs)
        self._plan()
        then()


class _Server:
    """What serves one after the other.

    Args:
        place: Where it works: a core, maybe shared with others.
    """

    def __init__(self, place: _Shared) -> None:
        self.worked = 0.0
        self._place = place
        self._waiting: deque[tuple[float, _Then]] = deque()
        self._is_busy = False

    def submit(self, work: float, then: _Then) -> None:
        self._waiting.append((work, then))
        if not self._is_busy:
            self._serve()

    def _serve(self) -> None:
        self._is_busy = bool(self._waiting)
        if self._waiting:
            work, then = self._waiting.popleft()
            self.worked += work

            def finish() -> None:
                then()
                self._serve()

            self._place.submit(work, finish)


def _one_each(n: int) -> float:
    return float(n > 0)


@dataclass(slots=True)
class _Run:
    """One run, from the driver's start to its end."""

    costs: Costs
    setup: Setup
    n_shards: int
    random: random.Random
    clock: _Clock = field(default_factory=_Clock)
    n_sent: int = 0
    n_done: int = 0
    waiting: int = 0  # shards that were sent and not begun
    idle: deque[int] = field(default_factory=deque)
    end: float = 0.0
    cores: list[_Shared] = field(default_factory=list)
    marks: list[tuple[float, dict[str, float]]] = field(default_factory=list)

    def run(self) -> Outcome:
        clock, setup, costs = self.clock, self.setup, self.costs
        if setup.cores:
            machine = _Shared(clock, setup.cores)
            self.cores = [machine] * setup.workers
            homes = (machine, machine)
        else:
            alone = [_Shared(clock, _one_each) for _ in range(-(-setup.workers // setup.per_core))]
            self.cores = [alone[k // setup.per_core] for k in range(setup.workers)]
            homes = (_Shared(clock, _one_each), _Shared(clock, _one_each))
        self.driver, self.scheduler = map(_Server, homes)
        self.counter = _Server(_Shared(clock, _one_each))
        self.disk = _Shared(clock, _one_each)
        self.store = _Shared(clock, lambda n: min(n * setup.connection, setup.bandwidth))
        self.driver.submit(costs.start, lambda: clock.call(costs.start_wait, self._begin))
        clock.run()
        (half, before), (last, after) = self.marks
        seconds = max(last - half, 1e-9)
        busy = {name: (after[name] - before[name]) / seconds for name in after}
        n = self.n_shards - self.n_shards // 2
        return Outcome(seconds=self.end, pace=n / seconds, busy=busy)

    driver: _Server = field(init=False)
    scheduler: _Server = field(init=False)
    counter: _Server = field(init=False)
    disk: _Shared = field(init=False)
    store: _Shared = field(init=False)

    def _begin(self) -> None:
        for worker in range(self.setup.workers):
            self._open(worker)
        for _ in range(min(self.n_shards, self.setup.workers * self.setup.ahead)):
            self._send()

    def _open(self, worker: int) -> None:
        def fetch() -> None:
            if self.costs.open_bytes:
                self.store.submit(self.costs.open_bytes, lambda: self._take(worker))
            else:
                self._take(worker)

        self.cores[worker].submit(self.costs.open, fetch)

    def _send(self) -> None:
        """The driver sends a shard, and the scheduler passes it on."""
        self.n_sent += 1
        self.driver.submit(
            self.costs.driver, lambda: self.scheduler.submit(self.costs.scheduler, self._arrive)
        )

    def _arrive(self) -> None:
        self.waiting += 1
        if self.idle:
            self._take(self.idle.popleft())

    def _take(self, worker: int) -> None:
        """A worker begins the next shard, or waits for one."""
        if not self.waiting:
            self.idle.append(worker)
            return
        self.waiting -= 1
        work = self.costs.shard * self.random.choice(self.costs.spread)
        self.cores[worker].submit(work, lambda: self._put(worker))

    def _put(self, worker: int) -> None:
        """A shard goes to the disk or the store, while its worker waits."""
        costs, jitter = self.costs, self.setup.jitter

        def travel() -> None:
            self.store.submit(costs.put_bytes, lambda: self._finish(worker))

        def ask() -> None:
            wait = (
                self.setup.latency * costs.put_waits * self.random.uniform(1 - jitter, 1 + jitter)
            )
            self.counter.submit(costs.put_server, lambda: self.clock.call(wait, travel))

        if costs.disk:
            self.disk.submit(costs.disk, lambda: self._finish(worker))
        elif costs.put_bytes:
            ask()
        else:
            self._finish(worker)

    def _finish(self, worker: int) -> None:
        self.n_done += 1
        if self.n_done in (self.n_shards // 2, self.n_shards):
            self.marks.append((self.clock.now, self._find_work()))
        if self.n_sent < self.n_shards:
            self._send()
        if self.n_done == self.n_shards:
            self.driver.submit(self.costs.end, self._stop)
        self._take(worker)

    def _stop(self) -> None:
        self.end = self.clock.now

    def _find_work(self) -> dict[str, float]:
        """Return the seconds that each thing would have worked alone until now."""
        cores = {id(core): core for core in self.cores}.values()
        return {
            "workers": sum(core.find_done() for core in cores) / len(cores),
            "driver": self.driver.worked,
            "scheduler": self.scheduler.worked,
            "requests": self.counter.worked,
            "bandwidth": self.store.find_done() / self.setup.bandwidth,
        }


def simulate_part(costs: Costs, setup: Setup, n_shards: int, seed: int = 0) -> Outcome:
    """Return what a run comes to, of which every event is simulated.

    Args:
        costs: Of each step.
        setup: What it has.
        n_shards: Of the dataset, 2 or more.
        seed: Of which shard takes how long.
    """
    return _Run(costs, setup, n_shards, random.Random(seed)).run()


def simulate(costs: Costs, setup: Setup, n_shards: int, seed: int = 0) -> Outcome:
    """Return what a run comes to; of very many shards the pace of the first thousands is carried on.

    Arguments as for ``simulate_part``.
    """
    most = max(_MOST_SHARDS, 60 * setup.workers)
    done = simulate_part(costs, setup, min(n_shards, most), seed)
    return replace(done, seconds=done.seconds + max(0, n_shards - most) / done.pace)
