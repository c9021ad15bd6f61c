"""A dataset that is hard to export: odd labels, images that are not square, a split without rows."""

import dataclasses
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.claim import claim_folder, remove_work_folder
from glyphgen.dataset.index import ClassInfo, ImageInfo, Index, write_index
from glyphgen.dataset.reader import Dataset, load
from glyphgen.dataset.shards import Layout, make_shards
from glyphgen.text import list_codepoints, name_characters

CLASSES = ("あ", "a", "A", "..", "NUL", "x/y", "か\u3099", "", "con.")
"""Of which those of one character are characters, the others words."""

_SAMPLE = np.dtype([("class_index", "<u4"), ("sample", "<u4")])
_SPLITS = {"train": (0, 40), "val": (40, 40), "test": (40, 47)}


def make_dataset(
    folder: Path,
    labels: tuple[str, ...] = CLASSES,
    *,
    height: int = 5,
    width: int = 9,
    polarity: str = "white-on-black",
    splits: dict[str, tuple[int, int]] = _SPLITS,
) -> Dataset:
    """Make a dataset of noise, whose rows run through the classes."""
    n = max(end for _, end in splits.values())
    layout = Layout(n_rows=n, height=height, width=width, sample_dtype=_SAMPLE, rows_per_shard=32)
    random = np.random.default_rng(n * height * width)
    images = random.integers(0, 256, (n, height, width), dtype=np.uint8)
    samples = np.zeros(n, _SAMPLE)
    samples["class_index"] = np.arange(n) % len(labels)
    claim_folder(folder, "ab" * 32)
    shards = make_shards(folder, "npy", layout)
    shards.prepare()
    infos = []
    for k in range(layout.n_shards):
        rows = layout.find_rows(k)
        part = slice(rows.start, rows.stop)
        infos.append(
            shards.write(k, images[part], samples["class_index"][part].copy(), samples[part])
        )
    shards.finish()
    forms = [(label,) if len(label) == 1 else () for label in labels]
    index = Index(
        name="odd",
        made_by="render",
        format="npy",
        compression="none",
        image=ImageInfo(height=height, width=width, polarity=polarity),
        sample_fields=layout.sample_fields,
        classes=tuple(
            ClassInfo(
                index=k,
                label=label,
                forms=forms[k],
                codepoints=tuple(map(list_codepoints, forms[k])),
                names=tuple(map(name_characters, forms[k])),
                rows={
                    name: int((samples["class_index"][first:end] == k).sum())
                    for name, (first, end) in splits.items()
                },
            )
            for k, label in enumerate(labels)
        ),
        splits=splits,
        shards=tuple(infos),
        faces=(),
        seed=0,
        content_key="ab" * 32,
        versions={},
    )
    write_index(folder, dataclasses.replace(index))
    remove_work_folder(folder)
    return load(folder)


def read_split(dataset: Dataset, split: str) -> tuple[NDArray[np.uint8], list[str]]:
    """Return the images and the labels of a split, as texts."""
    own = load(dataset.folder, split)
    return np.asarray(own.images), [own.classes[k].label for k in np.asarray(own.labels).tolist()]
