"""COCO as ``glyphgen export`` writes it: one shard, that of ``write_coco``."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DatasetError
from glyphgen.exchange.coco import write_coco
from glyphgen.exchange.export_format import (
    Exporter,
    ExportOptions,
    ExportShard,
    WrittenFile,
    describe_written,
    require_library,
)
from glyphgen.images.decoding import decode_image, read_image_file
from glyphgen.progress import SILENT

__all__ = ["CocoExporter"]


class CocoExporter(Exporter):
    """Pages and their boxes; see ``write_coco``."""

    format = "coco"
    in_stores = False

    def __init__(self, dataset: Dataset, options: ExportOptions) -> None:
        super().__init__(dataset, options)
        if options.polygons:
            require_library("pyclipper", "polygons", "polygons")

    def list_shards(self) -> tuple[ExportShard, ...]:
        """Return one: boxes and pages name each other."""
        folder = self.dataset.folder
        if not self.dataset.has_boxes:
            raise DatasetError(
                f"{folder}: has no boxes, expected pages (a recipe with [page] makes them)"
            )
        rows = tuple(range(*interval) for interval in self.splits.values())
        return (
            ExportShard(name=f"annotations-{next(iter(self.splits))}.json", rows=rows, split=""),
        )

    def write(self, shard: ExportShard, out: Path) -> tuple[WrittenFile, ...]:  # noqa: ARG002
        """Write pages and boxes."""
        write_coco(self.dataset, out, SILENT, polygons=self.options.polygons)
        return tuple(
            describe_written(out, f"annotations-{split}.json")
            for split in self.dataset.index.splits
        )

    def read_back(
        self,
        shard: ExportShard,  # noqa: ARG002
        out: Path,
    ) -> Iterator[tuple[NDArray[np.uint8], int | str]]:
        """Read pages through pycocotools; every page is of the class 0."""
        coco = require_library("pycocotools.coco", "coco", "export coco")
        for split in self.splits:
            with contextlib.redirect_stdout(io.StringIO()):
                page = coco.COCO(str(out / f"annotations-{split}.json"))
            for image in page.loadImgs(sorted(page.getImgIds())):
                yield decode_image(read_image_file(out / "images" / image["file_name"])), 0
