"""Sources -> one dataset: one class table, one size, one polarity."""

import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS, WHITE_ON_BLACK
from glyphgen.dataset.index import ClassInfo, ImageInfo, Index, SourceInfo
from glyphgen.dataset.run_page import RUN_NAME
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Layout
from glyphgen.exchange.provenance import (
    NO_FORM,
    NO_PROVENANCE,
    JoinedProvenance,
    join_provenance,
    list_carried,
)
from glyphgen.exchange.rows import LEFT_OUT, RowOrder
from glyphgen.exchange.source import ImportSource, Size, SourceClass, SourceImages
from glyphgen.files.address import Place
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.files.pages import dump_sealed
from glyphgen.files.writing import committed, disk_errors, read_items
from glyphgen.images.fitting import find_opencv_version, fit_image
from glyphgen.images.polarity import to_ink
from glyphgen.production import (
    DatasetSpec,
    Produced,
    choose_rows_per_shard,
    count_workers,
    describe_run,
    produce_dataset,
)
from glyphgen.progress import Reporter
from glyphgen.text import list_codepoints, name_characters, show_count, show_some
from glyphgen.version import VERSION

__all__ = [
    "Assembly",
    "AssemblyPart",
    "assemble",
    "count_rows",
    "describe_assembly",
    "hash_assembly",
    "join_parts",
    "order_rows",
    "show_sizes",
]

_ROWS_AT_ONCE = 1024  # read together: they are in memory as the source has them
_LIBRARIES = ("numpy", "pillow", "h5py")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyPart:
    """A source within a new dataset.

    Attributes:
        source: What it is.
        polarity: Of its images.
        class_of: int64, of each of its classes the place in the new table; -1 where it has none there.
        split: uint8 (n,), the position in ``SPLITS`` of each, or ``LEFT_OUT``.
    """

    source: ImportSource
    polarity: str
    class_of: NDArray[np.int64]
    split: NDArray[np.uint8]

    @property
    def class_index(self) -> NDArray[np.uint32]:
        """The class of each of its rows in the new table: (n,)."""
        return self.class_of[self.source.class_index].astype(np.uint32)


def hash_assembly(
    whole: "Assembly | Index", splits: Sequence[NDArray[np.uint8]], carried: Sequence[Any]
) -> str:
    """Return the hash of all that the bytes of a dataset depend on.

    Args:
        whole: What is put together, or the index of what was.
        splits: Of each part, the position in ``SPLITS`` of each row, or ``LEFT_OUT``: uint8 (n,) each.
        carried: See ``list_carried``.
    """
    page = [
        whole.made_by,
        whole.name,
        whole.format,
        whole.settings,
        whole.seed,
        whole.versions,
        [(info.name, info.kind, info.sha256, info.rows) for info in whole.sources],
        [(entry.label, entry.forms) for entry in whole.classes],
        [hashlib.sha256(split.tobytes()).hexdigest() for split in splits],
        *([carried, [info.unknown for info in whole.sources]] if carried else []),
    ]
    return hashlib.sha256(json.dumps(page, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A dataset that is to be put together.

    Attributes:
        name: Its name.
        made_by: The command, a key of ``MAKERS``.
        classes: Its table.
        parts: What its rows come from.
        size: Of its images.
        fit: A key of ``FITS``.
        format: A key of ``STORAGE_FORMATS``.
        seed: That splits were cut with.
        settings: The options, as index.json holds them.
        pages: Files that lie beside the arrays.
        provenance: What the parts tell of how their rows were drawn; see ``join_parts``.
    """

    name: str
    made_by: str
    classes: tuple[SourceClass, ...]
    parts: tuple[AssemblyPart, ...]
    size: Size
    fit: str
    format: str
    seed: int
    settings: Mapping[str, Any]
    pages: Mapping[str, bytes]
    provenance: JoinedProvenance = NO_PROVENANCE

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """Every file and dataset that was read, in the order of the parts."""
        return tuple(info for part in self.parts for info in part.source.files)

    @property
    def versions(self) -> dict[str, str]:
        """Of all that makes its bytes."""
        return {
            "glyphgen": VERSION,
            "opencv": find_opencv_version(),
            "pillow": version("pillow"),
        }

    @property
    def content_key(self) -> str:
        """Hash of all that the dataset's bytes depend on, but for no path."""
        splits = [part.split for part in self.parts]
        return hash_assembly(self, splits, list_carried(self.provenance, self.pages))


def join_parts(classes: Sequence[SourceClass], parts: Sequence[AssemblyPart]) -> JoinedProvenance:
    """Return what the parts of a dataset tell of how their rows were drawn.

    Args:
        classes: Of the new dataset.
        parts: In their order there.
    """
    if all(part.source.provenance is None for part in parts):
        return NO_PROVENANCE
    class_of = [part.class_of.tolist() for part in parts]
    return join_provenance([part.source.provenance for part in parts], class_of, len(classes))


def assemble(
    assembly: Assembly,
    folder: Place,
    *,
    workers: int,
    executor: str,
    force: bool,
    mend: bool,
    reporter: Reporter,
) -> Produced:
    """Make the dataset.

    Raises:
        GlyphgenError: A source, the folder, the disk or a worker failed; finished shards stay.
    """
    order = order_rows(assembly.parts)
    height, width = assembly.size
    layout = Layout(
        n_rows=len(order.rows),
        height=height,
        width=width,
        sample_dtype=assembly.provenance.sample_dtype,
        rows_per_shard=choose_rows_per_shard(height, width),
    )
    work_bytes = sum(part.source.images.work_bytes for part in assembly.parts)
    return produce_dataset(
        DatasetSpec(
            folder=folder,
            format=assembly.format,
            layout=layout,
            content_key=assembly.content_key,
            work_bytes=work_bytes + layout.n_rows * layout.sample_dtype.itemsize,
        ),
        lambda work: _make_job(assembly, order, work),
        lambda shards: _make_index(assembly, order, layout, shards),
        lambda produced: {
            **assembly.pages,
            **assembly.provenance.pages,
            RUN_NAME: dump_sealed(
                describe_run(produced, count_workers(workers, executor), _LIBRARIES)
            ),
        },
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def order_rows(parts: Sequence[AssemblyPart]) -> RowOrder:
    """Return which rows of the parts the rows of the new dataset are."""
    return RowOrder(
        np.concatenate([part.class_index for part in parts]),
        np.concatenate([part.split for part in parts]),
        np.repeat(
            np.arange(len(parts), dtype=np.uint16), [len(part.class_index) for part in parts]
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyJob:
    """What a worker needs to make any row.

    Attributes:
        samples_file: The samples of all rows, as they lie on disk.
        images: Of each part.
        part_of: The part that each source of index.json belongs to.
        first_row: The part's row that is the first of each source.
        polarities: Of the images of each part.
        fit: A key of ``FITS``.
    """

    samples_file: Path
    images: tuple[SourceImages, ...]
    part_of: tuple[int, ...]
    first_row: tuple[int, ...]
    polarities: tuple[str, ...]
    fit: str

    def open(self) -> "_RowReader":
        """Return what reads the rows."""
        return _RowReader(self)


class _RowReader:
    def __init__(self, job: AssemblyJob) -> None:
        self._job = job

    def make_rows(self, rows: range, images: NDArray[np.uint8], samples: NDArray[Any]) -> None:
        # Not through a map: every page that was ever looked at would stay in the worker's memory.
        first_byte = rows.start * samples.itemsize
        path = self._job.samples_file
        with disk_errors(path, "read"), open_regular(path, ARRAY) as file:
            samples[:] = read_items(file, samples.dtype, len(rows), first_byte)
        for first in range(0, len(samples), _ROWS_AT_ONCE):
            part = slice(first, first + _ROWS_AT_ONCE)
            self._read(samples["source"][part], samples["source_row"][part], images[part])

    def _read(
        self, source: NDArray[Any], source_row: NDArray[np.int64], images: NDArray[np.uint8]
    ) -> None:
        job = self._job
        part_of = np.array(job.part_of)[source]
        row = source_row + np.array(job.first_row)[source]
        height, width = images.shape[1:]
        for part in np.unique(part_of).tolist():
            at = np.flatnonzero(part_of == part)
            found = job.images[part].read(row[at])
            for number, image in zip(at.tolist(), found, strict=True):
                ink = to_ink(image, job.polarities[part])
                images[number] = fit_image(ink, height, width, job.fit)


def _make_job(assembly: Assembly, order: RowOrder, work: Path) -> AssemblyJob:
    part_of, first_row = [], []
    for number, part in enumerate(assembly.parts):
        rows = [info.rows for info in part.source.files]
        part_of += [number] * len(rows)
        first_row += list(itertools.accumulate(rows, initial=0))[:-1]
    path = work / "samples.bin"
    with committed(path, durable=False) as temporary, temporary.open("wb") as file:
        file.write(_make_samples(assembly, order).data)
    return AssemblyJob(
        samples_file=path,
        images=tuple(part.source.images.unpack(work) for part in assembly.parts),
        part_of=tuple(part_of),
        first_row=tuple(first_row),
        polarities=tuple(part.polarity for part in assembly.parts),
        fit=assembly.fit,
    )


def _make_samples(assembly: Assembly, order: RowOrder) -> NDArray[Any]:
    ends = np.cumsum([info.rows for info in assembly.sources])
    source = np.searchsorted(ends, order.rows, side="right")
    n_forms = [len(entry.forms) for entry in assembly.classes]
    first_form = np.cumsum([0, *n_forms])[:-1]
    form = np.where(np.array(n_forms) > 0, first_form, NO_FORM)
    samples = np.zeros(len(order.rows), assembly.provenance.sample_dtype)
    class_index = np.concatenate([part.class_index for part in assembly.parts])
    samples["class_index"] = class_index[order.rows]
    samples["sample"] = order.sample
    samples["form"] = form[samples["class_index"]]
    samples["source_row"] = order.rows - np.concatenate([[0], ends])[source]
    samples["source"] = source
    place_of = {
        (k, form): int(first_form[k]) + nth
        for k, entry in enumerate(assembly.classes)
        for nth, form in enumerate(entry.forms)
    }
    first = 0
    for number, part in enumerate(assembly.parts):
        at = np.flatnonzero((order.rows >= first) & (order.rows < first + part.source.n_rows))
        of_part, found = samples[at], part.source.provenance
        assembly.provenance.fill(of_part, number, found, order.rows[at] - first, place_of)
        samples[at] = of_part
        first += part.source.n_rows
    return samples


def _make_index(
    assembly: Assembly,
    order: RowOrder,
    layout: Layout,
    shards: Sequence[ShardInfo],
) -> Index:
    rows, provenance = count_rows(assembly), assembly.provenance
    n_unproven = provenance.unproven or (0,) * len(assembly.classes)
    return Index(
        name=assembly.name,
        made_by=assembly.made_by,
        format=assembly.format,
        compression=layout.compression,
        image=ImageInfo(height=layout.height, width=layout.width, polarity=WHITE_ON_BLACK),
        sample_fields=layout.sample_fields,
        classes=tuple(
            ClassInfo(
                index=k,
                label=entry.label,
                forms=entry.forms,
                codepoints=tuple(map(list_codepoints, entry.forms)),
                names=tuple(map(name_characters, entry.forms)),
                rows={name: int(rows[SPLITS.index(name), k]) for name in order.splits},
                unproven=unproven,
            )
            for k, (entry, unproven) in enumerate(zip(assembly.classes, n_unproven, strict=True))
        ),
        splits=order.splits,
        shards=shards,
        faces=provenance.faces,
        seed=assembly.seed,
        content_key=assembly.content_key,
        sources=assembly.sources,
        settings=assembly.settings,
        versions=assembly.versions,
    )


def count_rows(assembly: Assembly) -> NDArray[np.int64]:
    """Return how many rows each split has of each class: (splits, classes)."""
    counts = np.zeros((len(SPLITS), len(assembly.classes)), dtype=np.int64)
    for part in assembly.parts:
        kept = part.split != LEFT_OUT
        np.add.at(counts, (part.split[kept], part.class_index[kept]), 1)
    return counts


def describe_assembly(assembly: Assembly) -> str:
    """Return what will be made, in one line."""
    counts = count_rows(assembly)
    splits = ", ".join(
        f"{name} {n:,}" for name, n in zip(SPLITS, counts.sum(axis=1).tolist(), strict=True) if n
    )
    height, width = assembly.size
    return (
        f"{assembly.name}: {show_count(int(counts.sum()), 'image')} of {height}x{width},"
        f" {show_count(len(assembly.classes), 'class', 'classes')} ({splits})"
    )


def show_sizes(sizes: Mapping[Size, int]) -> str:
    """Return the sizes of images, the most frequent first: ``28x28 (70,000), 64x64 (3)``."""
    ordered = sorted(sizes.items(), key=lambda entry: (-entry[1], entry[0]))
    return show_some((f"{height}x{width} ({n:,})" for (height, width), n in ordered), most=5)
