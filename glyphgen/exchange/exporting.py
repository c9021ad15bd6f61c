"""A dataset -> another format, in a folder of its own."""

import os
from pathlib import Path

from glyphgen.choices import EXPORT_FORMATS, check_choice
from glyphgen.dataset.reader import load
from glyphgen.errors import DatasetError
from glyphgen.progress import SILENT, Reporter

__all__ = ["export_dataset"]


def export_dataset(
    target_format: str,
    dataset: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    polygons: bool = False,
    force: bool = False,
    reporter: Reporter = SILENT,
) -> None:
    """Write a dataset in another format.

    Args:
        target_format: A key of ``EXPORT_FORMATS``.
        dataset: Folder of a complete dataset.
        out: Folder to write; made when absent.
        polygons: Of the ink of characters on pages, in place of their boxes: for ``coco``.
        force: Write into a folder that holds something.
        reporter: Is told how much is written.

    Raises:
        ChoiceError: There is no such format.
        DatasetError: The dataset is missing or unfinished, lacks what the format is about, the folder
            holds something, or the disk refused.
    """
    entry = EXPORT_FORMATS[check_choice(target_format, EXPORT_FORMATS, "target_format")]
    folder = Path(out)
    if not force and folder.exists() and any(folder.iterdir()):
        raise DatasetError(
            f"{folder}: holds something, expected an empty folder, or none (--force writes into it)"
        )
    entry.load()(load(dataset), folder, reporter, polygons=polygons)
