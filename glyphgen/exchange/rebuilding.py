"""An imported or merged dataset -> its index.json proven by itself, without its sources.

The content key is the hash of all that such a dataset was made of: name, options, classes, sources, and
the split of each of their rows, and the faces, sample fields and gate.json that it carries along of them.
All of that can be read from the dataset again; what the images were before cannot.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS, WHITE_ON_BLACK
from glyphgen.dataset.index import ClassInfo, ImageInfo, Index
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DamagedError, GlyphgenError
from glyphgen.exchange.assembling import hash_assembly
from glyphgen.exchange.provenance import list_carried
from glyphgen.exchange.rows import LEFT_OUT
from glyphgen.production import Remade
from glyphgen.progress import Reporter
from glyphgen.text import list_codepoints, name_characters
from glyphgen.version import VERSION

__all__ = ["rebuild_assembled"]


@contextmanager
def rebuild_assembled(
    dataset: Dataset,
    runs: Sequence[range],  # noqa: ARG001 - as of a rendered dataset
    reporter: Reporter,  # noqa: ARG001
) -> Iterator[Remade]:
    """Give what index.json of an imported or merged dataset would be; its rows cannot be made again.

    Raises:
        DamagedError: The rows name sources that are not there.
        GlyphgenError: Another glyphgen made the dataset, which may have counted otherwise.
    """
    index = dataset.index
    made_by_version = index.versions.get("glyphgen")
    if made_by_version != VERSION:
        raise GlyphgenError(
            f"{dataset.folder}: made by glyphgen {made_by_version}, this is {VERSION}"
        )
    yield Remade(
        index=_rebuild_index(dataset, index),
        unproven=f"{dataset.folder}: made by `glyphgen {index.made_by}`, not drawn from a recipe",
    )


def _rebuild_index(dataset: Dataset, index: Index) -> Index:
    labels, classes = dataset.targets, []
    for info in index.classes:
        rows = {
            name: int((labels[first:end] == info.index).sum())
            for name, (first, end) in index.splits.items()
        }
        classes.append(
            ClassInfo(
                index=info.index,
                label=info.label,
                forms=info.forms,
                codepoints=tuple(map(list_codepoints, info.forms)),
                names=tuple(map(name_characters, info.forms)),
                rows=rows,
                unproven=info.unproven,
            )
        )
    image = ImageInfo(height=index.image.height, width=index.image.width, polarity=WHITE_ON_BLACK)
    return replace(
        index,
        classes=tuple(classes),
        image=image,
        compression="none",
        content_key=hash_assembly(index, _find_splits(dataset, index), list_carried(index)),
    )


def _find_splits(dataset: Dataset, index: Index) -> list[NDArray[np.uint8]]:
    """Return the split of each row of each source, in the order of the sources: uint8 (n,) each.

    An import has one source of several files, a merge has one file a source.
    """
    n_rows = [info.rows for info in index.sources]
    starts = np.cumsum([0, *n_rows])
    found = np.full(starts[-1], LEFT_OUT, dtype=np.uint8)
    samples = np.asarray(dataset.samples)
    if not {"source", "source_row"} <= set(samples.dtype.names or ()):
        raise DamagedError(f"{dataset.folder}: its rows name no source")
    source, source_row = samples["source"].astype(np.int64), samples["source_row"]
    if not (source < len(n_rows)).all():
        raise DamagedError(f"{dataset.folder}: its rows name sources that index.json does not")
    if not ((source_row >= 0) & (source_row < np.array(n_rows)[source])).all():
        raise DamagedError(f"{dataset.folder}: its rows name rows that their sources do not have")
    for name, (first, end) in index.splits.items():
        rows = slice(first, end)
        found[starts[source[rows]] + source_row[rows]] = SPLITS.index(name)
    return [found] if index.made_by == "import" else np.split(found, starts[1:-1])
