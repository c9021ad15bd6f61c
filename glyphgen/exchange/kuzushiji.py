"""The arrays of the EfficientNet project for Kuzushiji: ``images.npy``, ``labels.npy`` and ``index.json``.

Of train rows alone. The training script of that project reads the three files, and takes the number of
classes from ``codepoint_to_id`` of index.json.

Source: github.com/davidgeorgewilliams/EfficientNet-KuzushijiKanji, src/arrays.py.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import WHITE_ON_BLACK
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import ChoiceError, SourceError
from glyphgen.exchange.array_source import (
    ArrayPair,
    check_images,
    make_array_source,
    read_class_index,
)
from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    describe_written,
    whole_splits,
)
from glyphgen.exchange.exported_pages import read_class_page
from glyphgen.exchange.folder import require_one_path
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource, SourceClass
from glyphgen.exchange.stored import (
    StoredArray,
    choose_array,
    find_arrays,
    read_pairs,
    source_errors,
    write_npy,
)
from glyphgen.files.opening import PAGE, read_regular
from glyphgen.files.pages import PageError, parse_json
from glyphgen.progress import Reporter
from glyphgen.text import dump_json, show_codepoints

__all__ = ["KuzushijiExporter", "open_kuzushiji"]

_IMAGES, _LABELS, _TABLE = "images.npy", "labels.npy", "index.json"


class KuzushijiExporter(Exporter):
    """Train rows as two arrays and a table of code points."""

    format = "kuzushiji"
    conventional_polarity = WHITE_ON_BLACK
    libraries = ()

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        if "train" not in self.splits or options.splits not in ((), ("train",)):
            raise ChoiceError(
                f"{dataset.folder}: kuzushiji has train rows alone, expected the split train, and some rows"
                " in it (export npz for others)"
            )
        self.splits = {"train": self.splits["train"]}

    @property
    def n_bytes(self) -> int:
        """Pixels and labels of four bytes."""
        image = self.dataset.index.image
        return self.n_rows * (image.height * image.width + 4)

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return one."""
        return whole_splits(self, _IMAGES)

    def make_pages(self) -> Mapping[str, bytes]:
        """Return index.json."""
        ids = {
            f"{info.label} ({show_codepoints(info.label)})": info.index
            for info in self.dataset.classes
        }
        return {_TABLE: dump_json({"codepoint_to_id": ids})}

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:
        """Write both arrays."""
        write_npy(out / _IMAGES, self.blocks_of_images(shard))
        write_npy(out / _LABELS, self.blocks_of_labels(shard, np.int32))
        return describe_written(out, _IMAGES), describe_written(out, _LABELS)

    def read_back(
        self,
        shard: ExportShard,  # noqa: ARG002
        out: Path,
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read both as NumPy does."""
        images, labels = (_find_array(out / name) for name in (_IMAGES, _LABELS))
        yield from read_pairs(images, labels)


def _find_array(path: Path) -> StoredArray:
    return choose_array(find_arrays(path), "arr_0", path)


def open_kuzushiji(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open the arrays of that project.

    Args:
        paths: Of their folder.
        options: None is used.
        reporter: Is told how many images are read.

    Raises:
        SourceError: A file is missing, or is not what it is named.
    """
    folder = require_one_path(paths)
    exported = read_class_page(folder)
    classes = exported.classes if exported else _read_table(folder / _TABLE)
    images, labels = (_find_array(folder / name) for name in (_IMAGES, _LABELS))
    pairs = [ArrayPair(split="", images=check_images(images), labels=labels)]
    return make_array_source(
        pairs,
        classes,
        read_class_index(pairs, len(classes), among=_TABLE),
        name=folder.resolve().name,
        kind="kuzushiji",
        class_map=folder / _TABLE,
        polarity=exported.polarity if exported else None,
        reporter=reporter,
    )


def _read_table(path: Path) -> tuple[SourceClass, ...]:
    """Return the classes in the order of their ids."""
    try:
        with source_errors(path):
            page = parse_json(read_regular(path, PAGE))
        ids = page["codepoint_to_id"]
        ordered = sorted(ids, key=ids.__getitem__)
        if sorted(ids.values()) != list(range(len(ids))):
            raise PageError("its ids are not 0, 1, 2 and so on")
    except (PageError, LookupError, TypeError, AttributeError) as error:
        said = f"{error}, " if isinstance(error, PageError) else ""
        raise SourceError(
            f'{path}: {said}expected such as {{"codepoint_to_id": {{"あ (U+3042)": 0}}}}'
        ) from None
    return tuple(name_class(str(key).rpartition(" (")[0] or str(key)) for key in ordered)
