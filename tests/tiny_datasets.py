"""Small datasets on real disks: 23 rows in shards of 5, every byte a function of its row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.claim import Claim, claim_folder, remove_work_folder
from glyphgen.dataset.index import ClassInfo, FaceInfo, ImageInfo, Index, write_index
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Arrays, Layout, Shards, make_shards
from glyphgen.files.address import AnyPlace, parse_place
from glyphgen.files.pages import dump_sealed
from glyphgen.production import DatasetSpec, Produced, produce_dataset

RECIPE = "ab" * 32
N_ROWS = 23
SPLITS = {"train": (0, 12), "val": (12, 12), "test": (12, 23)}
FORMATS_AND_COMPRESSIONS = [("npy", "none"), ("hdf5", "none"), ("hdf5", "gzip")]

SAMPLE = np.dtype([("class_index", "<u4"), ("shift_x_px", "<f4"), ("source_row", "<i8")])


def make_layout(compression: str = "none", n_rows: int = N_ROWS) -> Layout:
    return Layout(
        n_rows=n_rows,
        height=3,
        width=7,
        sample_dtype=SAMPLE,
        rows_per_shard=5,
        compression=compression,
    )


def make_rows(rows: range) -> Arrays:
    numbers = np.array(rows)
    images = (numbers[:, None] * 21 + np.arange(21)).astype(np.uint8).reshape(-1, 3, 7)
    labels = (numbers % 2).astype(np.uint32)
    samples = np.zeros(len(numbers), SAMPLE)
    samples["class_index"] = labels
    samples["shift_x_px"] = numbers / 8
    samples["source_row"] = -1
    return Arrays(images, labels, samples)


def make_index(shards: Sequence[ShardInfo], **changes: Any) -> Index:
    labels = make_rows(range(N_ROWS)).labels
    classes = tuple(
        ClassInfo(
            index=index,
            label=form,
            forms=(form,),
            codepoints=((f"U+{ord(form):04X}",),),
            names=(f"HIRAGANA LETTER {form}",),
            rows={
                split: int((labels[first:end] == index).sum())
                for split, (first, end) in SPLITS.items()
            },
        )
        for index, form in enumerate("あい")
    )
    face = FaceInfo(
        file="Hand.ttf",
        index=0,
        axes={"wght": 400.5},
        sha256="cd" * 32,
        family="Hand",
        style="Regular",
        version="1.0",
        license="OFL-1.1",
        weight=1,
    )
    fields: dict[str, Any] = {
        "name": "tiny",
        "made_by": "render",
        "format": "npy",
        "compression": "none",
        "image": ImageInfo(height=3, width=7, polarity="white-on-black"),
        "sample_fields": make_layout().sample_fields,
        "classes": classes,
        "splits": SPLITS,
        "shards": shards,
        "faces": (face,),
        "seed": 2**64 - 1,
        "content_key": RECIPE,
        "versions": {"glyphgen": "0.1.0"},
    }
    return Index(**fields | changes)


def open_writer(folder: Path, format: str, compression: str = "none") -> Shards:
    return make_shards(folder, format, make_layout(compression))


def make_dataset(folder: Path, format: str, compression: str = "none") -> list[int]:
    """Make or finish a dataset, as a program does it; return the shards that had to be written."""
    if claim_folder(folder, RECIPE) is Claim.COMPLETE:
        return []
    shards = open_writer(folder, format, compression)
    shards.prepare()
    noted = shards.read_notes()
    done = {k: shards.find_done(k, noted) for k in range(shards.layout.n_shards)}
    missing = [k for k, info in done.items() if info is None]
    for k in missing:
        done[k] = shards.write(k, *make_rows(shards.layout.find_rows(k)))
    shards.finish()
    infos = tuple(info for info in done.values() if info)
    index = make_index(infos, format=format, compression=compression)
    write_index(folder, index)
    remove_work_folder(folder)
    return missing


def read_all_bytes(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class TinyJob:
    """Makes the rows above, as a command's job does."""

    def open(self) -> "TinyJob":
        return self

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        made = make_rows(rows)
        images[:], samples[:] = made.images, made.samples


def produce_tiny(
    place: AnyPlace,
    format: str = "npy",
    *,
    key: str = RECIPE,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    job: TinyJob | None = None,
    mend: bool = False,
) -> Produced:
    """Make or finish the dataset above as a command does it, wherever it lies."""
    spec = DatasetSpec(
        folder=parse_place(place), format=format, layout=make_layout(), content_key=key
    )
    run = {"finished": "2026-01-01", "host": "here", "workers": workers}
    return produce_dataset(
        spec,
        lambda _: job or TinyJob(),
        lambda shards: make_index(shards, format=format, content_key=key),
        lambda _: {"note.txt": b"a page", "run.json": dump_sealed(run)},
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
    )
