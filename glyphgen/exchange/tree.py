"""Pictures in folders named after classes, on disk or in a .tar."""

import errno
import hashlib
import io
import os
import tarfile
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.dataset.index import SourceInfo
from glyphgen.errors import ImageError, SourceError
from glyphgen.exchange.classmap import choose_class, class_order, read_class_map
from glyphgen.exchange.exported_pages import EXPORTED_PAGES, ExportedClasses
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
from glyphgen.images.decoding import MOST_BYTES, SUFFIXES, decode_image, read_image_file
from glyphgen.progress import Reporter, track
from glyphgen.text import compose_text, show_some

__all__ = ["FindPlace", "PicturePlace", "list_members", "make_source", "open_tree"]

_LEADS_NOWHERE = (errno.ENOENT, errno.ELOOP, errno.ENOTDIR)


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePlace:
    """Where a picture belongs.

    Attributes:
        split: A position in ``SPLITS``, or None where the tree makes no splits.
        folder: The name of its class folder.
    """

    split: int | None
    folder: str


FindPlace = Callable[[PurePosixPath], PicturePlace | str]
"""Returns for a picture's path within the tree where it belongs, or why it belongs nowhere."""


class Tree(ABC):
    """The files of a folder or an archive, in the order of their names."""

    names: list[str]

    @abstractmethod
    def read(self, number: int) -> bytes:
        """Return the content of a file.

        Raises:
            ImageError: It is no file, or too big.
            SourceError: It cannot be read.
        """

    @abstractmethod
    def describe(self, kind: str, content_sha256: str, rows: int) -> SourceInfo:
        """Return the entry of index.json; ``content_sha256`` is of every file that gives a row."""


class Folder(Tree):
    """A folder on disk. Hidden files are not there."""

    def __init__(self, root: Path) -> None:
        self._root = root
        with source_errors(root):
            self.names = sorted(_walk(root))

    def read(self, number: int) -> bytes:
        """Return the content of a file."""
        path = self._root / self.names[number]
        with source_errors(path):
            try:
                return read_image_file(path)
            except OSError as error:
                if path.is_symlink() and error.errno in _LEADS_NOWHERE:
                    raise ImageError("a link that leads nowhere") from None
                raise

    def describe(self, kind: str, content_sha256: str, rows: int) -> SourceInfo:
        """Return the entry of index.json."""
        return SourceInfo(
            name=self._root.resolve().name, kind=kind, sha256=content_sha256, rows=rows
        )


def _walk(root: Path) -> Iterator[str]:
    """Yield the files up to three folders deep: enough for a split, a class and one too many.

    A link to a folder that it lies in is yielded as if it were a file.
    """
    for folder, folders, files in os.walk(root, onerror=_raise, followlinks=True):
        here = Path(folder)
        loops = [name for name in folders if here.resolve().is_relative_to((here / name).resolve())]
        depth = len(here.relative_to(root).parts)
        folders[:] = [
            name for name in folders if not name.startswith(".") and depth < 3 and name not in loops
        ]
        for name in (*files, *loops):
            if not name.startswith("."):
                yield (here / name).relative_to(root).as_posix()


def _raise(error: OSError) -> None:
    raise error


class Archive(Tree):
    """A .tar, read by position: nothing of it is ever written to the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refused: dict[str, str] = {}
        members: dict[str, tuple[int, int]] = {}
        for name, at, size, fault in list_members(path):
            members[name] = (at, size)  # of equal names the last counts, as for tar
            self._refused.pop(name, None)
            if fault:
                self._refused[name] = fault
        ordered = sorted(members)
        self.names = ordered
        self._spans = np.array([members[name] for name in ordered], dtype=np.int64).reshape(-1, 2)

    def read(self, number: int) -> bytes:
        """Return the content of a member."""
        fault = self._refused.get(self.names[number])
        if fault:
            raise ImageError(fault)
        at, size = self._spans[number].tolist()
        if size > MOST_BYTES:
            raise ImageError(f"{size:,} bytes, expected at most {MOST_BYTES:,}")
        with source_errors(self._path), open_regular(self._path, ARRAY) as stream:
            stream.seek(at)
            return stream.read(size)

    def describe(self, kind: str, content_sha256: str, rows: int) -> SourceInfo:  # noqa: ARG002
        """Return the entry of index.json, with the hash of the archive itself."""
        with source_errors(self._path), open_regular(self._path, ARRAY) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return SourceInfo(name=self._path.name, kind=kind, sha256=digest, rows=rows)


def list_members(path: Path) -> Iterator[tuple[str, int, int, str]]:
    """Yield name, position, size and fault of each member of a .tar that is no folder.

    Raises:
        SourceError: It is no archive, or a damaged one.
    """
    with source_errors(path):
        n_bytes = path.stat().st_size
        with _open_archive(path) as archive:
            while (member := _find_next(archive)) is not None:
                if member.isdir():
                    continue
                yield (
                    member.name,
                    member.offset_data,
                    member.size,
                    _find_fault(member, n_bytes),
                )
            _check_end(path, archive.offset)


class _BoundedFile(io.BufferedReader):
    """A file of which nobody can read more than it has: a header may say that a name takes gigabytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most so many bytes; no memory is taken for those that are not there."""
        left = os.fstat(self.fileno()).st_size - self.tell()
        return super().read(left if size in (None, -1) else min(max(size or 0, 0), max(left, 0)))


@contextmanager
def _open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    with _BoundedFile(open_regular(path, ARRAY).detach()) as file:
        try:
            archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - closed below
        except (tarfile.TarError, ValueError, OverflowError):
            raise SourceError(
                f"{path}: not a .tar archive (unpack a .gz or .xz to a .tar first)"
            ) from None
        with archive:
            yield archive


def _find_next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        member = archive.next()
    except (
        tarfile.TarError,
        ValueError,
        OverflowError,
    ):  # _check_end tells it from the end of the archive
        return None
    kept: list[tarfile.TarInfo] = archive.members  # type: ignore[attr-defined]
    kept.clear()  # or every member would stay in memory
    return member


def _find_fault(member: tarfile.TarInfo, n_bytes: int) -> str:
    parts = PurePosixPath(member.name).parts
    if member.name.startswith("/") or ".." in parts:
        return "a path that leads out of the archive"
    if not member.isreg() or member.issparse():
        return "not a file"
    if member.offset_data + member.size > n_bytes:
        return "damaged or cut short"
    return ""


def _check_end(path: Path, at: int) -> None:
    """Check that the listing ended where the archive says that it ends, not at a damaged header."""
    with open_regular(path, ARRAY) as stream:
        stream.seek(min(at, path.stat().st_size))
        block = stream.read(tarfile.BLOCKSIZE)
    if block != bytes(tarfile.BLOCKSIZE):
        raise SourceError(
            f"{path}: damaged or cut short at byte {at:,} (download or make the archive again)"
        )


def open_tree(path: Path, suffixes: tuple[str, ...] = ()) -> Tree:
    """Open a folder, or an archive where the format has some.

    Args:
        path: Of it.
        suffixes: Of the archives that are allowed.

    Raises:
        SourceError: It is neither.
    """
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if not suffixes:
        raise SourceError(f"{path}: is a file, expected a folder of class folders")
    return Archive(path)


class TreeImages(SourceImages):
    """The pictures of a tree that give rows."""

    def __init__(self, tree: Tree, numbers: NDArray[np.int64]) -> None:
        self._tree = tree
        self._numbers = numbers

    def read(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Decode some pictures, one at a time: they may be large."""
        for number in self._numbers[rows].tolist():
            try:
                image = decode_image(self._tree.read(number))
            except ImageError as error:
                raise SourceError(
                    f"{self._tree.names[number]}: {error}, but it was whole a moment ago"
                    " (leave the source alone while it is imported)"
                ) from None
            yield image


def make_source(
    tree: Tree,
    *,
    find_place: FindPlace,
    name_class: Callable[[str], SourceClass],
    kind: str,
    name: str,
    class_map: Path | None = None,
    exported: ExportedClasses | None = None,
    reporter: Reporter,
) -> ImportSource:
    """Read every picture of a tree once, and return it as a source.

    Args:
        tree: Of pictures.
        find_place: Returns where each belongs.
        name_class: Returns what a folder stands for, by its name, composed.
        kind: Name of the format.
        name: Of the source.
        class_map: A table ``index,codepoint,char`` whose indices are the names of the folders, instead of
            ``name_class``.
        exported: What glyphgen wrote beside the tree, instead of both.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: A class has two folders, a folder is not in the class map, or there is no picture in a
            class folder.
    """
    table = read_class_map(class_map) if class_map else ()
    survey = _Survey(tree, find_place, reporter, passed_over=EXPORTED_PAGES if exported else ())
    if exported:
        classes = _choose_exported(name, survey.folders, exported)
        table = exported.classes
    elif class_map:
        classes = _choose_classes(name, survey.folders, table, class_map)
    else:
        classes = {folder: name_class(folder) for folder in survey.folders}
        table = tuple(sorted(set(classes.values()), key=class_order))
    _check_one_folder_each(name, classes)
    position = {entry.label: index for index, entry in enumerate(table)}
    index_of = np.array([position[classes[folder].label] for folder in survey.folders], np.uint32)
    numbers = np.array(survey.numbers, dtype=np.int64)
    names = "".join(f"{tree.names[number]}\n" for number in numbers.tolist())
    if not len(numbers):
        raise SourceError(
            f"{name}: holds no pictures in class folders, expected such as U+3042/0001.png"
            + (f" (skipped: {_show_skipped(survey.skipped)})" if survey.skipped else "")
        )
    return ImportSource(
        name=name,
        files=(
            tree.describe(kind, survey.digest.hexdigest(), len(numbers)),
            *((describe_file(class_map, "class map", 0),) if class_map else ()),
        ),
        classes=table,
        class_index=index_of[np.array(survey.folder_of, dtype=np.int64)],
        split=np.array(survey.splits, dtype=np.uint8),
        own_splits=tuple(SPLITS[k] for k in sorted(survey.own_splits)),
        images=TreeImages(tree, numbers),
        sizes=dict(survey.sizes),
        findings=survey.findings,
        skipped=tuple(survey.skipped),
        pages={"files.txt": names.encode("utf-8", "surrogateescape")},
        polarity=exported.polarity if exported else None,
    )


def _show_skipped(skipped: list[Skipped]) -> str:
    return show_some(f"{entry.name}: {entry.reason}" for entry in skipped)


class _Survey:
    """What reading every file of a tree has found."""

    def __init__(
        self,
        tree: Tree,
        find_place: FindPlace,
        reporter: Reporter,
        passed_over: Collection[str] = (),
    ) -> None:
        self.numbers: list[int] = []
        self.folder_of: list[int] = []
        self.splits: list[int] = []
        self.folders: dict[str, int] = {}
        self.own_splits: set[int] = set()
        self.sizes: Counter[Size] = Counter()
        self.findings = ImageFindings()
        self.skipped: list[Skipped] = []
        self.digest = hashlib.sha256()
        names = track(tree.names, step="read pictures", unit="pictures", reporter=reporter)
        for number, name in enumerate(names):
            if name in passed_over:
                continue
            try:
                self._add(tree, number, name, find_place)
            except ImageError as error:
                self.skipped.append(Skipped(name=name, reason=str(error)))

    def _add(self, tree: Tree, number: int, name: str, find_place: FindPlace) -> None:
        path = PurePosixPath(name)
        if "\n" in name:
            raise ImageError("a line break in its name")
        if path.suffix.lower() not in SUFFIXES:
            raise ImageError(f"not an image, expected {', '.join(SUFFIXES)}")
        found = find_place(path)
        if isinstance(found, str):
            raise ImageError(found)
        data = tree.read(number)
        image = decode_image(data)
        self.digest.update(hashlib.sha256(os.fsencode(name)).digest())
        self.digest.update(hashlib.sha256(data).digest())
        self.sizes[image.shape[0], image.shape[1]] += 1
        self.findings += examine_images(image[None], [name])
        self.numbers.append(number)
        folder = compose_text(found.folder)  # macOS stores が as か and a mark
        self.folder_of.append(self.folders.setdefault(folder, len(self.folders)))
        self.splits.append(found.split or 0)
        if found.split is not None:
            self.own_splits.add(found.split)


def _choose_exported(
    place: str, folders: Iterable[str], exported: ExportedClasses
) -> dict[str, SourceClass]:
    if unknown := sorted(set(folders) - set(exported.by_folder)):
        raise SourceError(
            f"{place}: holds the folders {show_some(unknown)}, expected those of {exported.path.name}"
        )
    return {folder: exported.by_folder[folder] for folder in folders}


def _choose_classes(
    place: str, folders: Iterable[str], table: Sequence[SourceClass], class_map: Path
) -> dict[str, SourceClass]:
    chosen = {folder: choose_class(folder, table) for folder in folders}
    if unknown := sorted(folder for folder, entry in chosen.items() if entry is None):
        raise SourceError(
            f"{place}: holds the folders {show_some(unknown)}, expected 0 to {len(table) - 1}, which are"
            f" the indices of {class_map.name}"
        )
    return {folder: entry for folder, entry in chosen.items() if entry}


def _check_one_folder_each(place: str, classes: Mapping[str, SourceClass]) -> None:
    owners: dict[str, list[str]] = {}
    for folder, entry in classes.items():
        owners.setdefault(entry.label, []).append(folder)
    problems = [
        f"{place}: the folders {' and '.join(sorted(names))} are one class: {label},"
        " expected one folder a class (put their pictures together)"
        for label, names in owners.items()
        if len(names) > 1
    ]
    if problems:
        raise SourceError(*problems)
