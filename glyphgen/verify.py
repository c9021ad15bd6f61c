"""Whether a dataset is what its index says and what it was made of.

Every shard is read and hashed again. Then some rows are made again from the recipe, or from the dataset
that was balanced, and compared; for a recipe the gate is asked again, too.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from glyphgen.choices import MAKERS
from glyphgen.dataset.integrity import verify_shards
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import GlyphgenError
from glyphgen.production import RowMaker
from glyphgen.progress import SILENT, Reporter, track

__all__ = ["Verified", "verify_dataset"]

_REMADE = 1000  # rows that are made again, in runs spread over the dataset
_RUN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What ``verify_dataset`` found.

    Attributes:
        problems: One line for each thing that is wrong.
        n_rows: Rows that were read and hashed.
        n_redrawn: Rows that were made again and compared.
        unproven: Why no row could be made again; empty where rows were.
    """

    problems: tuple[str, ...]
    n_rows: int
    n_redrawn: int
    unproven: str


def verify_dataset(folder: str | os.PathLike[str], *, reporter: Reporter = SILENT) -> Verified:
    """Check a dataset.

    Args:
        folder: Of the dataset.
        reporter: Is told how many shards are read, and how many rows are made again.

    Raises:
        DatasetError: There is no complete dataset in the folder.
    """
    dataset = load(folder)
    problems = verify_shards(dataset.folder, reporter=reporter)
    n_redrawn, unproven = 0, ""
    if not problems:
        runs = _choose_rows(len(dataset))
        try:
            problems = list(_make_again(dataset, runs, reporter))
        except GlyphgenError as error:
            unproven = str(error)
        else:
            n_redrawn = sum(map(len, runs))
    return Verified(
        problems=tuple(problems), n_rows=len(dataset), n_redrawn=n_redrawn, unproven=unproven
    )


def _choose_rows(n_rows: int) -> list[range]:
    if n_rows <= _REMADE:
        return [range(n_rows)]
    starts = np.linspace(0, n_rows - _RUN, _REMADE // _RUN).astype(int).tolist()
    return [range(start, start + _RUN) for start in starts]


def _make_again(dataset: Dataset, runs: list[range], reporter: Reporter) -> Iterator[str]:
    """Yield a problem for whatever is not as it is made again.

    Raises:
        GlyphgenError: What the dataset was made of is not there any more.
    """
    made_by = dataset.index.made_by
    maker = MAKERS[made_by]
    if maker.remake is None:
        raise GlyphgenError(
            f"{dataset.folder}: made by `glyphgen {made_by}`, not drawn from a recipe"
        )
    with maker.remake.load()(dataset, runs, reporter) as (row_maker, problems):
        yield from problems
        for run in track(runs, step="make rows again", unit="runs", reporter=reporter):
            yield from _compare(dataset, row_maker, run, maker.shows)


def _compare(dataset: Dataset, row_maker: RowMaker, run: range, shows: str) -> Iterator[str]:
    """Yield a problem for the first row of a run that differs."""
    rows = slice(run.start, run.stop)
    stored_images, stored_samples = dataset.images[rows], dataset.samples[rows]
    images, samples = np.empty_like(stored_images), np.empty_like(stored_samples)
    row_maker.make_rows(run, images, samples)
    differ = (images != stored_images).any(axis=(1, 2)) | (samples != stored_samples)
    differ |= samples["class_index"] != dataset.labels[rows]
    for row in np.flatnonzero(differ)[:1]:
        yield (
            f"{dataset.folder}: row {run.start + row} is not what {shows}"
            " (make the dataset again, with --force)"
        )
