"""Parquet as Hugging Face's datasets reads it: a column of PNG images and one of labels, with their names.

``load_dataset(FOLDER)`` gives Image and ClassLabel, for the schema carries the features. Every page has a
checksum.

Source: huggingface.co/docs/datasets, "Create an image dataset"; Apache Parquet, "Data Pages".
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import SourceError
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    cut_rows,
    describe_written,
    name_hf_split,
    require_library,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.packed_pictures import (
    FoundPicture,
    PackedPictures,
    find_files,
    make_picture_source,
)
from glyphgen.exchange.source import ImportSource, SourceImages
from glyphgen.exchange.stored import source_errors
from glyphgen.files.opening import ARRAY, RefusedFileError, open_regular
from glyphgen.files.writing import committed, make_folder
from glyphgen.images.decoding import decode_image
from glyphgen.images.png import encode_pngs
from glyphgen.progress import Reporter
from glyphgen.text import show_some

if TYPE_CHECKING:
    from pyarrow import Schema
    from pyarrow.parquet import ParquetFile

__all__ = ["ParquetExporter", "open_parquet"]

_BATCH = 1000  # rows that are read at once
_Batch = tuple[Sequence[bytes | None], Sequence[int | str | None]]


class ParquetExporter(Exporter):
    """``data/train-00000-of-00001.parquet`` and so on."""

    format = "parquet"
    libraries = ("zlib-ng", "pyarrow")

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        require_library("pyarrow.parquet", "parquet", "export parquet")

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return intervals of rows."""
        return tuple(
            ExportShard(
                name=f"data/{name_hf_split(split)}-{k:05}-of-{n:05}.parquet",
                rows=(rows,),
                split=split,
            )
            for split, k, n, rows in cut_rows(self)
        )

    def list_data_files(self) -> Mapping[str, str]:
        """Return the patterns; Hugging Face calls val ``validation``."""
        return {name: f"data/{name}-*" for name in map(name_hf_split, self.splits)}

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write a file, a row group for each block."""
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter

        schema = self._make_schema()
        path = out / shard.name
        make_folder(path.parent)
        with (
            committed(path) as temporary,
            temporary.open("wb") as file,
            ParquetWriter(
                file,
                schema,
                compression="none",  # PNG is packed already
                use_dictionary=False,
                write_statistics=False,
                write_page_checksum=True,
            ) as writer,
        ):
            for _, images, labels in self.read_blocks(shard):
                pictures = pa.array(list(encode_pngs(images)), pa.binary())
                paths = pa.nulls(len(pictures), pa.string())
                columns = [
                    pa.StructArray.from_arrays(
                        [pictures, paths], fields=list(schema.field(0).type)
                    ),
                    pa.array(labels.astype(np.int64)),
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
        return (describe_written(out, shard.name),)

    def _make_schema(self) -> "Schema":
        import pyarrow as pa

        features = {
            "image": {"_type": "Image"},
            "label": {
                "names": [info.label for info in self.dataset.classes],
                "_type": "ClassLabel",
            },
        }
        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        return pa.schema(
            [("image", image), ("label", pa.int64())],
            metadata={"huggingface": json.dumps({"info": {"features": features}})},
        )

    def read_back(
        self, shard: ExportShard, out: Path
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read the file through pyarrow, and compare the checksum of every page."""
        with open_regular(out / shard.name, ARRAY) as file:
            table = _open_table(file)
            names = _read_names(table)
            if names != [info.label for info in self.dataset.classes]:
                raise SourceError("its schema has other names of classes")
            for pictures, labels in _read_batches(table):
                for picture, label in zip(pictures, labels, strict=True):
                    yield decode_image(picture or b""), -1 if label is None else label


def _open_table(file: Any) -> "ParquetFile":
    from pyarrow.parquet import ParquetFile

    return ParquetFile(file, page_checksum_verification=True, pre_buffer=False)


def _read_names(table: "ParquetFile") -> list[str]:
    """Return the names of the labels that the schema tells; none where it tells none."""
    try:
        page = json.loads((table.schema_arrow.metadata or {})[b"huggingface"])
        names = page["info"]["features"]["label"]["names"]
    except (ValueError, LookupError, TypeError):
        return []
    return [str(name) for name in names] if isinstance(names, list) else []


def _read_batches(table: "ParquetFile") -> Iterator[_Batch]:
    for batch in table.iter_batches(batch_size=_BATCH, columns=["image", "label"]):
        column = batch.column(0)
        pictures = column.field("bytes") if hasattr(column, "field") else column
        yield pictures.to_pylist(), batch.column(1).to_pylist()


# --- Reading


class ParquetImages(SourceImages):
    """Pictures of Parquet files; unpacked before they are read in any order.

    Args:
        files: Of them.
        spans: int64 (n, 3): of each the number of its file, its row among those of all files, its size.
    """

    def __init__(self, files: tuple[Path, ...], spans: NDArray[np.int64]) -> None:
        self._files, self._spans = files, spans

    @property
    def work_bytes(self) -> int:
        """Room for all pictures."""
        return int(self._spans[:, 2].sum())

    def unpack(self, work_folder: Path) -> SourceImages:
        """Write all pictures into one file, one after the other."""
        path = work_folder / "pictures.bin"
        with committed(path, durable=False) as temporary, temporary.open("wb") as file:
            for _, picture in self._read_some(self._spans[:, 1].tolist()):
                file.write(picture)
        spans = self._spans.copy()
        spans[:, 0], spans[:, 1] = 0, np.cumsum(spans[:, 2]) - spans[:, 2]
        return PackedPictures((path,), spans)

    def read(self, rows: NDArray[np.int64]) -> list[NDArray[np.uint8]]:
        """Read through the files for some pictures."""
        wanted = self._spans[rows, 1].tolist()
        kept = dict(self._read_some(wanted))
        return [decode_image(kept[row]) for row in wanted]

    def _read_some(self, wanted: list[int]) -> Iterator[tuple[int, bytes]]:
        """Yield the pictures of some rows, in order."""
        kept = frozenset(wanted)
        for row, (picture, _) in enumerate(p for path in self._files for p in _read_file(path)):
            if row in kept:
                yield row, picture or b""


def open_parquet(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open Parquet files with the columns ``image`` and ``label``, as Hugging Face's datasets writes them.

    Args:
        paths: Of the files, or of their folder.
        options: None is used.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: There are no such columns, or a file is damaged.
        MachineError: pyarrow is not installed.
    """
    require_library("pyarrow.parquet", "parquet", "import parquet")
    files = find_files(paths, ".parquet")
    names = _find_columns(files[0])
    exported = read_class_page(files[0].parent) or read_class_page(files[0].parent.parent)
    return make_picture_source(
        files,
        _find_pictures(files),
        kind="parquet",
        name=paths[0].resolve().name.removesuffix(".parquet"),
        exported=exported,
        names=names,
        make_images=ParquetImages,
        reporter=reporter,
    )


def _find_columns(path: Path) -> list[str]:
    """Return the names of the classes, after a look at the columns."""
    with _parquet_errors(path), open_regular(path, ARRAY) as file:
        table = _open_table(file)
        columns = table.schema_arrow.names
        if not {"image", "label"} <= {*columns}:
            raise SourceError(
                f"{path}: has the columns {show_some(columns)}, expected image and label"
            )
        return _read_names(table)


def _read_file(path: Path) -> Iterator[tuple[bytes | None, int | str | None]]:
    with _parquet_errors(path), open_regular(path, ARRAY) as file:
        for pictures, labels in _read_batches(_open_table(file)):
            yield from zip(pictures, labels, strict=True)


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    from pyarrow import ArrowException

    with source_errors(path):
        try:
            yield
        except (ArrowException, OSError) as error:
            if isinstance(error, FileNotFoundError | RefusedFileError):
                raise
            said = " ".join(str(error).split())
            raise SourceError(f"{path}: damaged: {said} (download or save it again)") from None


def _find_pictures(files: tuple[Path, ...]) -> Iterator[FoundPicture]:
    row = 0
    for number, path in enumerate(files):
        for nth, (picture, label) in enumerate(_read_file(path)):
            name = f"{path.name}: row {nth}"
            if picture is None or label is None:
                fault = "no image in it" if picture is None else "no label"
                yield FoundPicture(name=name, file=number, fault=fault)
            else:
                yield FoundPicture(name=name, label=label, file=number, offset=row, data=picture)
            row += 1
