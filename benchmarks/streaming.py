"""Streams batches of kana at 64 x 64, side by side with the engine that draws them; writes one dataset.

Beside images a second stands what processor time says: what else the machine does lengthens it less.
"""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.measure import Measured, find_best
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render
from glyphgen.render.rendering import render_dataset
from glyphgen.streaming import BatchStream, stream
from glyphgen.torch import GlyphDataset, GlyphStream, to_floats

__all__ = [
    "DATASET_BATCHES",
    "ONE_THREAD",
    "ONE_WORKER",
    "STREAM",
    "STREAM_ENGINE",
    "TWO_THREADS",
    "TWO_WORKERS",
    "measure_streams",
]

STREAM_ENGINE = "vector engine, affine, beside the stream"
STREAM = "stream of a recipe, one thread"
ONE_WORKER = "stream, DataLoader with one worker"
TWO_WORKERS = "stream, DataLoader with two workers"
ONE_THREAD = "stream, drawn ahead by one thread"
TWO_THREADS = "stream, drawn ahead by two threads"
COPIES = "stream of changed copies of a dataset, one thread"
DATASET_BATCHES = "GlyphDataset, DataLoader, random batches of 256, warm"
FLOATS = "to_floats into the same memory"

_RECIPE = Path(__file__).with_name("kana.toml")
_SIZE = 256
_BATCHES = 96  # of a run: three plans


def measure_streams(repeats: int, folder: Path) -> list[Measured]:
    """Return images a second, the best of several repeats in turns.

    Args:
        repeats: Of each row.
        folder: Where a dataset of 10,140 images is made, and removed again.
    """
    recipe = read_recipe(_RECIPE, ["render.per_class=60"])
    prepared = prepare_render(recipe)
    engine, placements = prepared.open_engine(), prepared.plan.rows(0, 8192)
    drawn = np.zeros((8192, 64, 64), dtype=np.uint8)
    fresh = stream(recipe, batch_size=_SIZE)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as name:
        dataset = render_dataset(recipe, Path(name) / "kana").folder
        copies = stream(dataset, batch_size=_SIZE)
        loader = DataLoader(GlyphDataset(dataset), _SIZE, shuffle=True, drop_last=True)
        images = torch.from_numpy(fresh.batch(0)[0])
        floats = torch.empty(images.shape)
        n = _BATCHES * _SIZE
        runs: dict[str, tuple[Callable[[], object], int]] = {
            STREAM_ENGINE: (lambda: engine.draw(placements, drawn), len(drawn)),
            STREAM: (lambda: _take(fresh.list_batches(range(_BATCHES))), n),
            COPIES: (lambda: _take(copies.list_batches(range(8))), 8 * _SIZE),
            DATASET_BATCHES: (lambda: _take(loader), len(loader) * _SIZE),
            FLOATS: (lambda: to_floats(images, floats), _SIZE),
        }
        for run, _ in runs.values():
            run()  # once, so that files are open and memory has been touched
        seconds = find_best([run for run, _ in runs.values()], repeats)
        rows = [
            Measured(what=what, rate=n_images / taken, note=_tell_processor_time(run, n_images))
            for (what, (run, n_images)), taken in zip(runs.items(), seconds, strict=True)
        ]
    shared = [
        (ONE_WORKER, _measure_workers(fresh, 1)),
        (TWO_WORKERS, _measure_workers(fresh, 2)),
        (ONE_THREAD, _rate(stream(recipe, batch_size=_SIZE, threads=1))),
        (TWO_THREADS, _rate(stream(recipe, batch_size=_SIZE, threads=2))),
    ]
    return rows + [Measured(what=what, rate=rate) for what, rate in shared]


def _take(batches: object) -> None:
    for _ in batches:  # type: ignore[attr-defined]
        pass


def _tell_processor_time(run: Callable[[], object], n_images: int) -> str:
    start = time.thread_time()
    run()
    return f"{n_images / (time.thread_time() - start):,.0f} by processor time"


def _rate(batches: object) -> float:
    """Return images a second once batches come steadily."""
    iterator = iter(batches)  # type: ignore[call-overload]
    _take(itertools.islice(iterator, _BATCHES))
    start = time.perf_counter()
    _take(itertools.islice(iterator, 3 * _BATCHES))
    return 3 * _BATCHES * _SIZE / (time.perf_counter() - start)


def _measure_workers(fresh: BatchStream, n_workers: int) -> float:
    loader = DataLoader(
        GlyphStream(fresh),
        batch_size=None,
        num_workers=n_workers,
        prefetch_factor=8,
        multiprocessing_context="fork",
    )
    return _rate(loader)
