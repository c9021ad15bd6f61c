"""index.json, the page that describes a dataset.

It is written after all else, so its presence means that the dataset is complete. There is no clock,
host or path in it: equal datasets have equal bytes here.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glyphgen.choices import MAKERS
from glyphgen.errors import DatasetError
from glyphgen.files.store import open_store
from glyphgen.text import format_json, show_some

__all__ = [
    "FORMAT_VERSION",
    "INDEX_NAME",
    "ClassInfo",
    "FaceInfo",
    "ImageInfo",
    "Index",
    "ShardInfo",
    "SourceInfo",
    "read_index",
    "write_index",
]

INDEX_NAME = "index.json"
FORMAT_VERSION = 2

_TEXT_KEY = 16  # hexadecimal digits of the SHA-256 of a text: its key among the license texts
_REMAKE = "make the dataset again, with --force"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What every image is.

    Attributes:
        height: In pixels.
        width: In pixels.
        polarity: Which of ink and paper is 255 on disk, in the words of the recipe.
    """

    height: int
    width: int
    polarity: str


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
    rows: Mapping[str, int]
    unproven: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardInfo:
    """Consecutive rows that were made and hashed as one unit.

    Attributes:
        file: The file that holds its images, relative to the dataset's folder.
        first_row: Position of its first row in the dataset.
        rows: Number of rows.
        bytes: Size of its three arrays, uncompressed.
        sha256: Of the bytes of images, labels and samples, in this order; the same in every format.
    """

    file: str
    first_row: int
    rows: int
    bytes: int
    sha256: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceInfo:
    """One thing that rows were taken from: another dataset, or a file of another format.

    Attributes:
        name: The dataset's, or the file's without its folder.
        kind: ``dataset``, or the name of the format.
        sha256: Of the file, or of all that the dataset's bytes depend on.
        rows: How many rows it holds.
    """

    name: str
    kind: str
    sha256: str
    rows: int


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
        format_version: Of this page.
    """

    name: str
    made_by: str
    format: str
    compression: str
    image: ImageInfo
    sample_fields: tuple[tuple[str, str], ...]
    classes: tuple[ClassInfo, ...]
    splits: Mapping[str, tuple[int, int]]
    shards: tuple[ShardInfo, ...]
    faces: tuple[FaceInfo, ...]
    seed: int
    content_key: str
    versions: Mapping[str, str]
    sources: tuple[SourceInfo, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    @property
    def n_rows(self) -> int:
        """Number of rows of all splits."""
        return sum(shard.rows for shard in self.shards)

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


def write_index(folder: Path, index: Index) -> None:
    """Write index.json, which makes the dataset complete.

    Raises:
        DatasetError: The disk refused; there is no index.json then.
    """
    page = dataclasses.asdict(index) | {"codepoint_to_index": index.codepoint_to_index}
    page["license_texts"] = {}
    for face in page["faces"]:
        text = face["license_text"]
        key = hashlib.sha256(text.encode()).hexdigest()[:_TEXT_KEY] if text else ""
        page["license_texts"] |= {key: text} if text else {}
        face["license_text"] = key
    text = format_json(page, indent=2, sort_keys=True, allow_nan=False)
    open_store(folder).put(INDEX_NAME, f"{text}\n".encode())


def read_index(folder: Path) -> Index:
    """Read the index.json of a complete dataset.

    Raises:
        DatasetError: The folder is missing or unfinished, or its index.json cannot be used.
    """
    path = folder / INDEX_NAME
    index = _build_index(path, _read_page(folder))
    _check_rows(path, index)
    return index


def _read_page(folder: Path) -> dict[str, Any]:
    path = folder / INDEX_NAME
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder, expected a dataset (see `glyphgen render`)")
    try:
        page = json.loads(open_store(folder).get_range(INDEX_NAME))
    except FileNotFoundError:
        raise DatasetError(
            f"{folder}: unfinished, it has no {INDEX_NAME} (run the command that makes it again)"
        ) from None
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not UTF-8
        raise DatasetError(f"{path}: not JSON: {error} ({_REMAKE})") from error
    if not isinstance(page, dict):
        raise DatasetError(f"{path}: not a JSON object ({_REMAKE})")
    return page


def _build_index(path: Path, page: dict[str, Any]) -> Index:
    from pydantic import TypeAdapter, ValidationError

    version = page.get("format_version")
    if version != FORMAT_VERSION:
        is_newer = isinstance(version, int) and version > FORMAT_VERSION
        advice = "a newer glyphgen made it: upgrade glyphgen"
        raise DatasetError(
            f"{path}: format_version is {version!r}, expected {FORMAT_VERSION}"
            f" ({advice if is_newer else f'an older glyphgen made it: {_REMAKE}'})"
        )
    try:
        index = TypeAdapter(Index).validate_python(_put_texts_in_place(page))
    except ValidationError as error:
        problems = (
            f"{'.'.join(map(str, problem['loc']))}: "
            + ("missing key" if problem["type"] == "missing" else problem["msg"])
            for problem in error.errors()
        )
        raise DatasetError(f"{path}: {show_some(problems)} ({_REMAKE})") from error
    if index.made_by not in MAKERS:
        raise DatasetError(
            f"{path}: made_by is '{index.made_by}', expected one of {', '.join(MAKERS)} ({_REMAKE})"
        )
    in_order = sorted(index.splits.items(), key=lambda split: split[1])  # the page sorts by name
    return dataclasses.replace(index, splits=dict(in_order))


def _put_texts_in_place(page: dict[str, Any]) -> dict[str, Any]:
    """Return a page whose faces hold their license texts, not the keys of them."""
    texts, faces = page.get("license_texts", {}), page.get("faces")
    if not isinstance(texts, dict) or not isinstance(faces, list):
        return page
    put = [
        {**face, "license_text": texts.get(face.get("license_text"), "")}
        if isinstance(face, dict)
        else face
        for face in faces
    ]
    return page | {"faces": put}


def _check_rows(path: Path, index: Index) -> None:
    if not index.shards:
        raise DatasetError(f"{path}: shards: none, expected one or more ({_REMAKE})")
    next_row = 0
    for k, shard in enumerate(index.shards):
        if shard.first_row != next_row or shard.rows < 1:
            raise DatasetError(
                f"{path}: shards.{k}: holds {shard.rows} rows from row {shard.first_row},"
                f" expected one row or more from row {next_row} ({_REMAKE})"
            )
        next_row += shard.rows
    for name, (first, end) in index.splits.items():
        if not 0 <= first <= end <= index.n_rows:
            raise DatasetError(
                f"{path}: splits.{name}: rows {first} to {end},"
                f" expected an interval of 0 to {index.n_rows} ({_REMAKE})"
            )
