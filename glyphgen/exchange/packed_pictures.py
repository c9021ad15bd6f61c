"""Image files that lie within larger files, each with a label: in a .tar, in records, in a database."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import ImageError, SourceError
from glyphgen.exchange.classmap import class_order, name_class
from glyphgen.exchange.exported_pages import ExportedClasses
from glyphgen.exchange.folder import SPLIT_NAMES
from glyphgen.exchange.source import (
    ImageFindings,
    ImportSource,
    Size,
    Skipped,
    SourceClass,
    SourceImages,
    examine_images,
)
from glyphgen.exchange.stored import describe_file, source_errors
from glyphgen.files.opening import ARRAY, open_regular
from glyphgen.images.decoding import decode_image
from glyphgen.progress import Progress, Reporter
from glyphgen.text import show_some

__all__ = [
    "FoundPicture",
    "PackedPictures",
    "find_files",
    "find_split",
    "make_picture_source",
]

_REPORTED = 1000  # pictures between two reports


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPicture:
    """One picture within a larger file.

    Attributes:
        name: For people.
        label: A number, or the name of a class.
        file: Number of the file.
        offset: Of its first byte there, or whatever finds it again.
        data: Its content; None where it cannot give a row, and ``fault`` says why.
        fault: Why it gives no row.
    """

    name: str
    label: int | str = ""
    file: int
    offset: int = 0
    data: bytes | None = None
    fault: str = ""


class PackedPictures(SourceImages):
    """Pictures that are read by their positions.

    Args:
        files: That hold them.
        spans: int64 (n, 3): of each the number of its file, its first byte, its size.
    """

    def __init__(self, files: tuple[Path, ...], spans: NDArray[np.int64]) -> None:
        self._files, self._spans = files, spans

    def read(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Decode some pictures, one at a time."""
        spans = self._spans[rows]
        for number in np.unique(spans[:, 0]).tolist() if len(rows) else ():
            if (spans[:, 0] == number).all():
                yield from self._read_file(self._files[number], spans[:, 1:].tolist())
                return
        for row in rows:
            yield from self.read(np.array([row]))

    def _read_file(
        self, path: Path, places: Sequence[tuple[int, int]]
    ) -> Iterator[NDArray[np.uint8]]:
        with source_errors(path), open_regular(path, ARRAY) as file:
            for offset, size in places:
                try:
                    yield decode_image(os.pread(file.fileno(), size, offset))
                except ImageError as error:
                    raise SourceError(
                        f"{path}: {error} at byte {offset:,}, but it was whole a moment ago"
                        " (leave the source alone while it is imported)"
                    ) from None


def find_files(paths: Sequence[Path], suffix: str) -> tuple[Path, ...]:
    """Return the files of a source: those that are named, and those of a suffix in folders, by name.

    Raises:
        SourceError: There is none.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            with source_errors(path):
                files += sorted(path.rglob(f"*{suffix}"), key=_find_order)
        elif path.exists():
            files.append(path)
        else:
            raise SourceError(f"{path}: no such file or folder")
    if not files:
        raise SourceError(f"{paths[0]}: holds no *{suffix}, expected one or more")
    return tuple(files)


def _find_order(path: Path) -> tuple[int, str]:
    return find_split(path) or 0, str(path)


def find_split(path: Path) -> int | None:
    """Return the split that the name of a file or its folder tells: a position in ``SPLITS``; or None."""
    for name in (path.name, path.parent.name):
        for word in re.split(r"[^a-z]+", name.lower()):
            if word in SPLIT_NAMES:
                return SPLITS.index(SPLIT_NAMES[word])
    return None


def make_picture_source(
    files: tuple[Path, ...],
    found: Iterable[FoundPicture],
    *,
    kind: str,
    name: str,
    exported: ExportedClasses | None,
    names: Sequence[str] = (),
    make_images: Callable[[tuple[Path, ...], NDArray[np.int64]], SourceImages] | None = None,
    reporter: Reporter,
) -> ImportSource:
    """Look at every picture once, and return them as a source.

    Args:
        files: That hold them.
        found: The pictures, file after file.
        kind: Name of the format.
        name: Of the source.
        exported: What glyphgen wrote beside them.
        names: Of the classes, by number, where the files tell them.
        make_images: Returns how they are read again, given the files and of each picture the number of
            its file, its ``offset`` and its size, (n, 3); by their positions without it.
        reporter: Is told how many are read.

    Raises:
        SourceError: A label is of no class, or there is no picture.
    """
    survey = _Survey()
    for number, picture in enumerate(found):
        if number % _REPORTED == 0:
            reporter.progress(Progress(step="read pictures", done=number, total=0, unit="pictures"))
        survey.add(picture)
    if not survey.spans:
        skipped = show_some(f"{entry.name}: {entry.reason}" for entry in survey.skipped)
        raise SourceError(f"{name}: holds no pictures{f' (skipped: {skipped})' if skipped else ''}")
    spans = np.array(survey.spans, dtype=np.int64)
    classes, class_index = _find_classes(name, survey.labels, exported, names)
    splits = [find_split(path) for path in files]
    n_rows = np.bincount(spans[:, 0], minlength=len(files)).tolist()
    return ImportSource(
        name=name,
        files=tuple(describe_file(path, kind, n) for path, n in zip(files, n_rows, strict=True)),
        classes=classes,
        class_index=class_index,
        split=np.array([split or 0 for split in splits], np.uint8)[spans[:, 0]],
        own_splits=tuple(SPLITS[k] for k in sorted({k for k in splits if k is not None})),
        images=(make_images or PackedPictures)(files, spans),
        sizes=dict(survey.sizes),
        findings=survey.findings,
        skipped=tuple(survey.skipped),
        polarity=exported.polarity if exported else None,
    )


class _Survey:
    """What a look at every picture has found."""

    def __init__(self) -> None:
        self.spans: list[tuple[int, int, int]] = []
        self.labels: list[int | str] = []
        self.sizes: Counter[Size] = Counter()
        self.findings = ImageFindings()
        self.skipped: list[Skipped] = []

    def add(self, picture: FoundPicture) -> None:
        """Look at a picture."""
        if picture.data is None:
            self.skipped.append(Skipped(name=picture.name, reason=picture.fault))
            return
        try:
            image = decode_image(picture.data)
        except ImageError as error:
            self.skipped.append(Skipped(name=picture.name, reason=str(error)))
            return
        self.sizes[image.shape[0], image.shape[1]] += 1
        self.findings += examine_images(image[None], [picture.name])
        self.spans.append((picture.file, picture.offset, len(picture.data)))
        self.labels.append(picture.label)


def _find_classes(
    place: str,
    labels: Sequence[int | str],
    exported: ExportedClasses | None,
    names: Sequence[str],
) -> tuple[tuple[SourceClass, ...], NDArray[np.uint32]]:
    """Return what labels stand for, and the class of each row."""
    table = exported.classes if exported else tuple(map(name_class, names))
    if not table:
        by_label = {label: name_class(str(label)) for label in dict.fromkeys(labels)}
        table = tuple(sorted(dict.fromkeys(by_label.values()), key=class_order))
        position = {entry: k for k, entry in enumerate(table)}
        numbers: dict[int | str, int] = {k: position[entry] for k, entry in by_label.items()}
    else:
        numbers = {entry.label: k for k, entry in enumerate(table)} | {
            k: k for k in range(len(table))
        }
    if unknown := sorted({str(label) for label in labels if label not in numbers}):
        raise SourceError(
            f"{place}: holds the labels {show_some(unknown)}, expected 0 to {len(table) - 1}, or the names"
            " of classes"
        )
    return table, np.array([numbers[label] for label in labels], dtype=np.uint32)
