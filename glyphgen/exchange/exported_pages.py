"""export.json and classes.json: what an export is of, and what its classes stand for.

Both lie beside the exported files, where their readers do not look. ``import`` reads them again, so that
labels, forms, the order of the classes and the polarity come back as they were.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from glyphgen.dataset.index import ClassInfo
from glyphgen.errors import DatasetError, SourceError
from glyphgen.exchange.export_format import WrittenFile
from glyphgen.exchange.source import SourceClass
from glyphgen.files.address import Place
from glyphgen.files.opening import PAGE, describe_unread, read_regular
from glyphgen.files.pages import PageError, dump_sealed, parse_page
from glyphgen.files.store import open_store
from glyphgen.text import compose_text, dump_json

__all__ = [
    "CLASSES_NAME",
    "EXPORTED_PAGES",
    "EXPORT_NAME",
    "ExportPage",
    "ExportedClasses",
    "dump_class_page",
    "dump_export_page",
    "read_class_page",
    "read_export_page",
]

EXPORT_NAME = "export.json"
CLASSES_NAME = "classes.json"
EXPORTED_PAGES = (
    EXPORT_NAME,
    CLASSES_NAME,
    "README.md",
    "croissant.json",
    "pictures/sample.png",
)
"""What may lie beside exported files, and is no data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPage:
    """What export.json says; its presence means that the export is complete.

    Attributes:
        content_key: Hash of all that its bytes depend on.
        format: A key of ``EXPORT_FORMATS``.
        dataset: Name of the dataset.
        digest: Of the dataset.
        polarity: Of the images.
        height: Of an image, in pixels.
        width: Of an image, in pixels.
        splits: How many rows each has.
        files: Of each shard; none where there are too many to be listed.
        versions: Of glyphgen and of the libraries that make bytes.
    """

    content_key: str
    format: str
    dataset: str
    digest: str
    polarity: str
    height: int
    width: int
    splits: Mapping[str, int]
    files: tuple[tuple[WrittenFile, ...], ...]
    versions: Mapping[str, str]


def dump_export_page(page: ExportPage) -> bytes:
    """Return the content of export.json."""
    return dump_sealed(asdict(page))


def read_export_page(folder: Place) -> ExportPage | None:
    """Read the export.json of a folder; None where there is none.

    Raises:
        DatasetError: It cannot be read.
    """
    path = folder / EXPORT_NAME
    try:
        return parse_page(open_store(folder).get_range(EXPORT_NAME), ExportPage)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise DatasetError(f"{path}: {describe_unread(error)}") from None
    except PageError as error:
        raise DatasetError(f"{path}: {error} (export again, with --force)") from None


def dump_class_page(classes: Sequence[ClassInfo], folders: Sequence[str] = ()) -> bytes:
    """Return the content of classes.json.

    Args:
        classes: In the order of their labels.
        folders: Names of their folders, where each has one.
    """
    entries: list[dict[str, Any]] = [
        {
            "index": info.index,
            "label": info.label,
            "forms": info.forms,
            "codepoints": info.codepoints,
            "names": info.names,
        }
        for info in classes
    ]
    for entry, name in zip(entries, folders, strict=False):
        entry["folder"] = name
    return dump_json({"classes": entries})


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassEntry:
    label: str
    forms: tuple[str, ...] = ()
    folder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _ClassPage:
    classes: tuple[_ClassEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedClasses:
    """What classes.json and export.json tell of exported files.

    Attributes:
        path: Of classes.json.
        classes: In the order of their labels.
        by_folder: Of these, by the names of their folders.
        polarity: Of the images; None where nothing tells it.
    """

    path: Path
    classes: tuple[SourceClass, ...]
    by_folder: Mapping[str, SourceClass] = field(default_factory=dict)
    polarity: str | None = None


def read_class_page(folder: Path) -> ExportedClasses | None:
    """Read what lies beside exported files; None where they are no export of glyphgen.

    Raises:
        SourceError: classes.json is no table of classes, or a class stands in it twice.
        DatasetError: export.json cannot be read.
    """
    path = folder / CLASSES_NAME
    page = read_export_page(folder)
    if page is None or not path.exists():
        return None
    try:
        entries = parse_page(read_regular(path, PAGE, within=folder), _ClassPage).classes
    except OSError as error:
        raise SourceError(f"{path}: {describe_unread(error)}") from None
    except PageError as error:
        raise SourceError(
            f"{path}: {error}, expected the classes as `glyphgen export` writes them"
        ) from None
    classes = tuple(SourceClass(label=entry.label, forms=entry.forms) for entry in entries)
    if len({entry.label for entry in classes}) < len(classes):
        raise SourceError(f"{path}: a label stands in it twice, expected each once")
    by_folder = {
        compose_text(entry.folder): known
        for entry, known in zip(entries, classes, strict=True)
        if entry.folder
    }
    return ExportedClasses(path=path, classes=classes, by_folder=by_folder, polarity=page.polarity)
