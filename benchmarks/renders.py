"""Makes whole datasets with the command line, on a disk and in memory; draws nothing itself."""

import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.launch import launch
from benchmarks.measure import Measured, Unavailable
from glyphgen.files.writing import flush_to_disk

__all__ = [
    "N_CLASSES",
    "ROW_BYTES",
    "Folder",
    "PlainWrite",
    "Render",
    "choose_folder",
    "kept_at_hand",
    "measure_help",
]

_RECIPE = Path(__file__).with_name("kana.toml")
N_CLASSES = 169
ROW_BYTES = 64 * 64 + 58  # image, label, sample
_BLOCK_BYTES = 32 << 20  # as a shard has
_MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """Where datasets are made.

    Attributes:
        name: ``disk`` or ``memory disk``.
        parent: Where folders are made, and removed afterwards.
        short, long: Images per class of a short and of a long render.
    """

    name: str
    parent: Path
    short: int
    long: int

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """Make a folder, and remove it with all that is in it at the end."""
        with tempfile.TemporaryDirectory(prefix=".bench-", dir=self.parent) as folder:
            yield Path(folder)


def choose_folder(name: str, parent: Path, *, short: int, long: int) -> Folder:
    """Return a folder with datasets that fill half of what is free, at most.

    Raises:
        Unavailable: There is no such place, or too little is free.
    """
    if not parent.is_dir():
        raise Unavailable(f"{parent} is not there")
    room = shutil.disk_usage(parent).free // (2 * N_CLASSES * ROW_BYTES)
    if room < 2 * short:
        raise Unavailable(f"{parent} has too little room")
    return Folder(name=name, parent=parent, short=short, long=min(long, room))


@contextmanager
def kept_at_hand(n_bytes: int) -> Iterator[None]:
    """Keep free memory from going back to the host of a virtual machine.

    There, a page of 4 KiB that is touched for the first time can cost several times what it takes to
    draw an image of that size, and memory counts as untouched a moment after it was freed. So memory
    is touched here, and all but one page in each MiB freed: only larger stretches are given back.
    """
    if sys.platform != "linux":
        yield
        return
    n_bytes = min(n_bytes, os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE // 2)
    with mmap.mmap(-1, n_bytes) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        np.frombuffer(memory, np.uint8)[:: mmap.PAGESIZE] = 1
        for start in range(0, n_bytes - _MIB, _MIB):
            memory.madvise(mmap.MADV_DONTNEED, start + mmap.PAGESIZE, _MIB - mmap.PAGESIZE)
        yield


@dataclass(slots=True, kw_only=True)
class Render:
    """A whole ``glyphgen render`` in two lengths, again and again.

    Attributes:
        format: ``npy`` or ``hdf5``.
        folder: Where.
        workers: Processes that draw.
        seconds: Of the whole command, by images.
        peak_bytes: Memory of the largest process, by images.
    """

    format: str
    folder: Folder
    workers: int
    seconds: dict[int, list[float]] = field(default_factory=dict)
    peak_bytes: dict[int, int] = field(default_factory=dict)

    def run(self) -> None:
        """Make a short and a long dataset, and remove them."""
        for per_class in (self.folder.short, self.folder.long):
            n_rows = per_class * N_CLASSES
            with self.folder.opened() as folder:
                seconds, peak_bytes = _render(folder / "kana", self.format, self.workers, per_class)
            self.seconds.setdefault(n_rows, []).append(seconds)
            self.peak_bytes[n_rows] = max(self.peak_bytes.get(n_rows, 0), peak_bytes)

    @property
    def rate(self) -> float:
        """Images a second, from the difference of the two lengths.

        What both have is not in it: the start of processes, the reading of fonts.
        """
        (short, short_s), (long, long_s) = self._find_best()
        return (long - short) / (long_s - short_s)

    @property
    def row(self) -> Measured:
        """The row of the table."""
        _, (long, long_s) = self._find_best()
        many = "s" if self.workers > 1 else ""
        return Measured(
            what=f"render, {self.format}, {self.folder.name}, {self.workers} worker{many}",
            rate=self.rate,
            note=f"after {long_s - long / self.rate:.1f} s of start",
        )

    def _find_best(self) -> list[tuple[int, float]]:
        return [(n_rows, min(seconds)) for n_rows, seconds in sorted(self.seconds.items())]


def _render(folder: Path, format: str, workers: int, per_class: int) -> tuple[float, int]:
    command = [sys.executable, "-m", "glyphgen"]
    command += ["render", str(_RECIPE), "--out", str(folder), "--format", format, "--quiet"]
    command += ["--workers", str(workers), "--set", f"render.per_class={per_class}"]
    return launch(command)


@dataclass(slots=True, kw_only=True)
class PlainWrite:
    """The bytes of a long render, written from memory that has been touched, and made durable.

    Attributes:
        folder: Where.
        speed: Bytes a second, the best.
    """

    folder: Folder
    speed: float = 0.0

    def run(self) -> None:
        """Write a file and remove it."""
        n_blocks = self.folder.long * N_CLASSES * ROW_BYTES // _BLOCK_BYTES
        block = np.random.default_rng(0).bytes(_BLOCK_BYTES)
        with self.folder.opened() as folder:
            start = time.perf_counter()
            descriptor = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT)
            for _ in range(n_blocks):
                os.write(descriptor, block)
                flush_to_disk(
                    descriptor
                )  # as a render does; without it the pages cost more than the disk
            os.close(descriptor)
            seconds = time.perf_counter() - start
        self.speed = max(self.speed, n_blocks * _BLOCK_BYTES / seconds)

    @property
    def row(self) -> Measured:
        """The row of the table."""
        return Measured(
            what=f"plain write, {self.folder.name}",
            rate=self.speed / ROW_BYTES,
            note=f"{self.speed / 1e9:.2f} GB/s",
        )


def measure_help(repeats: int) -> float:
    """Return the median of the seconds that ``glyphgen --help`` takes."""
    command = [str(Path(sys.executable).with_name("glyphgen")), "--help"]
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)
