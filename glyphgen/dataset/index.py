"""index.json, the page that describes a dataset.

It is written after all else, so its presence means that the dataset is complete. There is no clock,
host or path in it: equal datasets have equal bytes here.
"""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Self

from annotated_types import Interval

from glyphgen.choices import COMPRESSIONS, MAKERS, POLARITIES, OneOf
from glyphgen.dataset.shard_table import Count, ShardInfo, ShardTable
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.opening import MOST_SHARD_BYTES, describe_unread
from glyphgen.files.pages import PageError, dump_sealed, is_sealed, parse_json, parse_page
from glyphgen.files.store import open_store
from glyphgen.images.decoding import MOST_PIXELS
from glyphgen.text import show_bytes

__all__ = [
    "FORMAT_VERSION",
    "INDEX_NAME",
    "MOST_LISTED",
    "ClassInfo",
    "FaceInfo",
    "ImageInfo",
    "Index",
    "SourceInfo",
    "dump_index",
    "find_digest",
    "hash_index",
    "hash_pages",
    "is_index_sealed",
    "read_index",
    "write_index",
]

INDEX_NAME = "index.json"
FORMAT_VERSION = 4
"""Of index.json as it is written, but for datasets of more shards than ``MOST_LISTED``.

Formats 3 and 2 had the SHA-256 of shards, format 2 neither ``files`` nor a checksum; both are read, too.
"""

MOST_LISTED = 20_000
"""Shards that have an entry each; of more, format 5 has a table."""

_TABLE_VERSION = 5
_TABLE_MARK = f'\n  "format_version": {_TABLE_VERSION},'.encode()
_READ_VERSIONS = (2, 3, FORMAT_VERSION, _TABLE_VERSION)
_VOLATILE = ("run.json",)  # differs between equal datasets, and has a checksum of its own

_TEXT_KEY = 16  # hexadecimal digits of the SHA-256 of a text: its key among the license texts
_REMAKE = "make the dataset again, with --force"

_Side = Annotated[int, Interval(ge=1, le=MOST_PIXELS)]
_Seed = Annotated[int, Interval(ge=0, lt=1 << 64)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What every image is.

    Attributes:
        height: In pixels.
        width: In pixels.
        polarity: Which of ink and paper is 255 on disk, in the words of the recipe.
    """

    height: _Side
    width: _Side
    polarity: Annotated[str, OneOf(POLARITIES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassInfo:
    """One class, its forms and how many rows it has.

    Attributes:
        index: The label of its rows.
        label: Its name for people.
        forms: The texts that are drawn for it; none where rows came without a text.
        codepoints: Of each form: ``("U+3042",)``.
        names: Unicode name of each form; those of its characters joined by `` + ``.
        rows: Number of rows in each split.
        unproven: Faces that draw it though nothing is known to compare them with.
    """

    index: int
    label: str
    forms: tuple[str, ...]
    codepoints: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    rows: Mapping[str, Count]
    unproven: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceInfo:
    """One face that rows were drawn with.

    Attributes:
        file: File name, without its folder.
        index: Position in a font collection, 0 for a single font.
        axes: Variation settings by tag.
        sha256: Of the font file.
        family: Name ID 16 or 1.
        style: Name ID 17 or 2.
        version: Name ID 5.
        license: An SPDX identifier where it is recognized, else what the font says.
        weight: Turns that the face takes for each turn of a face of weight 1.
        license_text: Name ID 13; on the page equal texts stand once, in ``license_texts``.
        license_url: Name ID 14.
        copyright: Name ID 0.
        vendor: Name ID 8 and the vendor of OS/2.
        fs_type: The embedding bits of OS/2 in words.
        hand: Name of the style that it writes, in a recipe of styles.
        alternate: An OpenType feature that draws characters another way; empty for the face itself.
        is_written: Whether it is no font, but a hand that writes along centre lines.
    """

    file: str
    index: int
    axes: Mapping[str, float]
    sha256: str
    family: str
    style: str
    version: str
    license: str
    weight: int
    license_text: str = ""
    license_url: str = ""
    copyright: str = ""
    vendor: str = ""
    fs_type: str = "unknown"
    hand: str = ""
    alternate: str = ""
    is_written: bool = False

    def to_page(self) -> dict[str, Any]:
        """Return the face as JSON can hold it; as ever, where it is no alternate and no hand."""
        page = dataclasses.asdict(self)
        for name in ("alternate", "is_written"):
            if not page[name]:
                del page[name]
        return page


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """One thing that rows were taken from: another dataset, or a file of another format.

    Attributes:
        name: The dataset's, or the file's without its folder.
        kind: ``dataset``, or the name of the format.
        sha256: Of the file, or of all that the dataset's bytes depend on.
        rows: How many rows it holds.
        unknown: How many of a dataset's rows no face is known of.
    """

    name: str
    kind: str
    sha256: str
    rows: int
    unknown: Count = 0

    @property
    def n_without_face(self) -> int:
        """How many of its rows no face is known of; of another format, all."""
        return self.unknown if self.kind == "dataset" else self.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All that a reader has to know of a dataset, and all that its bytes depend on.

    Attributes:
        name: The dataset's name.
        made_by: The command that made it, a key of ``MAKERS``.
        format: A key of ``STORAGE_FORMATS``.
        compression: ``none`` or ``gzip``.
        image: Size and polarity of the images.
        sample_fields: Name and NumPy type (``<f4``) of each field of ``samples``.
        classes: In the order of their labels.
        splits: First row and the row after the last, for each split.
        shards: In the order of their rows.
        faces: In the order of the recipe; none where no font has drawn the rows.
        seed: 0 to 2**64 - 1.
        content_key: Of all that the bytes depend on: the recipe as resolved and its fonts, or
            what was asked of the command and the hashes of its sources.
        sources: What the rows were taken from; none where they were drawn.
        settings: What was asked of a command that takes no recipe.
        versions: Of glyphgen and of the libraries that make bytes.
        files: SHA-256 of every other file that lies beside the arrays, by its name, but for run.json,
            which may differ between equal datasets.
        format_version: Of this page.
    """

    name: str
    made_by: str
    format: str
    compression: Annotated[str, OneOf(COMPRESSIONS)]
    image: ImageInfo
    sample_fields: tuple[tuple[str, str], ...]
    classes: tuple[ClassInfo, ...]
    splits: Mapping[str, tuple[Count, Count]]
    shards: Sequence[ShardInfo]
    faces: tuple[FaceInfo, ...]
    seed: _Seed
    content_key: str
    versions: Mapping[str, str]
    sources: tuple[SourceInfo, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def n_rows(self) -> int:
        """Number of rows of all splits."""
        return self.shards[-1].first_row + self.shards[-1].rows if self.shards else 0

    @property
    def n_without_face(self) -> int:
        """Number of rows that no face is known of; those of its sources, where it has some."""
        if not self.faces:
            return self.n_rows
        return sum(source.n_without_face for source in self.sources)

    @property
    def codepoint_to_index(self) -> dict[str, int]:
        """Label of each character that is a form of one class alone, by its code point."""
        owners = [
            (codepoints[0], info.index)
            for info in self.classes
            for codepoints in info.codepoints
            if len(codepoints) == 1
        ]
        n_owners = Counter(codepoint for codepoint, _ in owners)
        return {codepoint: index for codepoint, index in owners if n_owners[codepoint] == 1}


def hash_pages(pages: Mapping[str, bytes]) -> dict[str, str]:
    """Return what ``Index.files`` says of the files beside the arrays, given their contents."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in sorted(pages.items())
        if name not in _VOLATILE
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page(Index):
    """What index.json holds: an index, with each license text once.

    Attributes:
        format_version: Of this page; no page goes without.
        license_texts: By their keys, which ``license_text`` of a face names.
    """

    format_version: int
    license_texts: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_index(cls, index: Index) -> Self:
        """Return the page of an index."""
        keys = {
            text: hashlib.sha256(text.encode()).hexdigest()[:_TEXT_KEY] if text else ""
            for text in dict.fromkeys(face.license_text for face in index.faces)
        }
        faces = (dataclasses.replace(f, license_text=keys[f.license_text]) for f in index.faces)
        return cls(
            **_list_fields(index) | {"faces": tuple(faces)},
            license_texts={key: text for text, key in keys.items() if text},
        )

    def take_index(self) -> Index:
        """Return the index, with each face's own license text, and the splits in order."""
        texts = {"": "", **self.license_texts}
        faces = tuple(
            dataclasses.replace(face, license_text=texts.get(face.license_text, ""))
            for face in self.faces
        )
        splits = dict(sorted(self.splits.items(), key=lambda split: split[1]))  # sorted by name
        return Index(**_list_fields(self) | {"faces": faces, "splits": splits})


@dataclass(frozen=True, slots=True, kw_only=True)
class _ListPage(_Page):
    """Of the formats up to 4."""

    shards: tuple[ShardInfo, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _TablePage(_Page):
    """Of format 5."""

    shards: ShardTable


def _list_fields(index: Index) -> dict[str, Any]:
    return {field.name: getattr(index, field.name) for field in dataclasses.fields(Index)}


def dump_index(index: Index, format_version: int | None = None) -> bytes:
    """Return the bytes of index.json, in the format of its number of shards, or in format 3 or 4."""
    if format_version is None:
        is_table = isinstance(index.shards, ShardTable) and len(index.shards) > MOST_LISTED
        format_version = _TABLE_VERSION if is_table else FORMAT_VERSION
    shards = index.shards if format_version == _TABLE_VERSION else tuple(index.shards)
    index = dataclasses.replace(index, shards=shards, format_version=format_version)
    whole = _Page.of_index(index)
    page = dataclasses.asdict(whole) | {"faces": [face.to_page() for face in whole.faces]}
    if format_version < _TABLE_VERSION:
        unused = "sha256" if format_version > 3 else "blake3"
        for shard in page["shards"]:
            del shard[unused]
    page["codepoint_to_index"] = index.codepoint_to_index
    for source in page["sources"]:
        if not source["unknown"]:  # as it was written before there was such a key
            del source["unknown"]
    return dump_sealed(page, sort_keys=True)


def hash_index(index: Index) -> str:
    """Return what ``find_digest`` gives for a dataset of this index."""
    return hashlib.sha256(dump_index(index, index.format_version)).hexdigest()


def write_index(folder: Place, index: Index) -> str:
    """Write index.json, which makes the dataset complete, and return its digest.

    Raises:
        DatasetError: The disk refused; there is no index.json then.
    """
    content = dump_index(index)
    open_store(folder).put(INDEX_NAME, content)
    return hashlib.sha256(content).hexdigest()


def find_digest(folder: Place) -> str:
    """Return the SHA-256 of a dataset's index.json, and so of all that it names: of the whole dataset.

    Raises:
        DatasetError: The folder is missing or unfinished.
    """
    return hashlib.sha256(_read_content(folder)).hexdigest()


def is_index_sealed(folder: Place) -> bool:
    """Return whether index.json is, to the last byte, as it was written; format 2 does not tell.

    Raises:
        DatasetError: The folder is missing or unfinished, or its index.json is no page.
    """
    return read_index(folder).format_version == 2 or is_sealed(_read_content(folder))


def read_index(folder: Place) -> Index:
    """Read the index.json of a complete dataset.

    Raises:
        DatasetError: The folder is missing or unfinished, or its index.json cannot be used.
    """
    path, content = folder / INDEX_NAME, _read_content(folder)
    try:
        index = _parse(path, content).take_index()
    except PageError as error:
        raise DatasetError(f"{path}: {error} ({_REMAKE})") from None
    if problem := next(_find_misfits(index), None):
        raise DatasetError(f"{path}: {problem} ({_REMAKE})")
    return index


def _read_content(folder: Place) -> bytes:
    store = open_store(folder)
    try:
        return store.get_range(INDEX_NAME)
    except (FileNotFoundError, NotADirectoryError):
        if not store.exists():
            raise DatasetError(
                f"{folder}: no such folder, expected a dataset (see `glyphgen render`)"
            ) from None
        raise DatasetError(
            f"{folder}: unfinished, it has no {INDEX_NAME} (run the command that makes it again)"
        ) from None
    except OSError as error:
        raise DatasetError(f"{folder / INDEX_NAME}: {describe_unread(error)}") from error


def _parse(path: Place, content: bytes) -> _Page:
    record: type[_Page] = _TablePage if _TABLE_MARK in content else _ListPage
    try:
        page = parse_page(content, record)
    except PageError:
        _check_version(path, parse_json(content))  # of another version nothing else is told
        raise
    _check_version(path, {"format_version": page.format_version})
    return page


def _check_version(path: Place, page: Any) -> None:
    if not isinstance(page, dict):
        raise PageError("not a JSON object")
    version = page.get("format_version")
    if type(version) is not int or version not in _READ_VERSIONS:
        is_newer = isinstance(version, int) and version > _READ_VERSIONS[-1]
        advice = "a newer glyphgen made it: upgrade glyphgen"
        expected = f"{_READ_VERSIONS[0]} to {_READ_VERSIONS[-1]}"
        raise DatasetError(
            f"{path}: format_version is {version!r}, expected {expected}"
            f" ({advice if is_newer else f'an older glyphgen made it: {_REMAKE}'})"
        )


def _find_misfits(index: Index) -> Iterator[str]:
    """Yield what cannot stand together in an index, so that no reader has to look."""
    if index.made_by not in MAKERS:
        yield f"made_by is '{index.made_by}', expected one of {', '.join(MAKERS)}"
    if index.image.height * index.image.width > MOST_PIXELS:
        yield (
            f"image: {index.image.height} x {index.image.width} pixels,"
            f" expected at most {MOST_PIXELS:,}"
        )
    for k, info in enumerate(index.classes):
        if info.index != k:
            yield f"classes.{k}.index: {info.index}, expected {k}"
    yield from _find_row_misfits(index)


def _find_row_misfits(index: Index) -> Iterator[str]:
    if not index.shards:
        yield "shards: none, expected one or more"
        return
    next_row, most = 0, index.shards[0].rows
    pixels = index.image.height * index.image.width
    listed: Sequence[ShardInfo] = index.shards
    if isinstance(listed, ShardTable):
        yield from listed.find_misfits()
        listed = ()  # it cannot say anything else that does not fit
    for k, shard in enumerate(listed):
        if shard.first_row != next_row or shard.rows < 1:
            yield (
                f"shards.{k}: holds {shard.rows} rows from row {shard.first_row},"
                f" expected one row or more from row {next_row}"
            )
        if not shard.digest:
            yield f"shards.{k}: has no hash, expected blake3"
        if shard.rows > most or (shard.rows < most and k + 1 < len(listed)):
            yield f"shards.{k}: holds {shard.rows} rows, expected {most} as the first"
        next_row += shard.rows
    if most * pixels > MOST_SHARD_BYTES:
        yield (
            f"shards.0: holds {show_bytes(most * pixels)} of images,"
            f" expected at most {show_bytes(MOST_SHARD_BYTES)}"
        )
    last_end = 0
    for name, (first, end) in index.splits.items():
        if not 0 <= first <= end <= index.n_rows:
            yield (
                f"splits.{name}: rows {first} to {end}, expected an interval of 0 to {index.n_rows}"
            )
        if first < last_end:
            yield f"splits.{name}: begins at row {first}, which is of another split"
        last_end = end
