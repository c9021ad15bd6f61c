"""README.md of a dataset in the form of Hugging Face's dataset cards, with a picture, and croissant.json.

All of it comes from index.json, gate.json and recipe.toml; there is no clock, host or path in it.

Source: huggingface.co/docs/hub, "Dataset Cards".
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from glyphgen.choices import EXPORT_FORMATS, MAKERS
from glyphgen.dataset.claim import hold_folder
from glyphgen.dataset.index import INDEX_NAME, FaceInfo, Index
from glyphgen.dataset.reader import Dataset, load
from glyphgen.dataset.shards import open_shards
from glyphgen.errors import DatasetError
from glyphgen.exchange.croissant import dump_croissant
from glyphgen.exchange.export_format import WrittenFile, describe_written
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.files.opening import RECIPE
from glyphgen.files.store import open_store
from glyphgen.images.png import encode_png
from glyphgen.images.polarity import from_ink
from glyphgen.progress import SILENT, Reporter, track
from glyphgen.text import show_count, show_foreign
from glyphgen.version import VERSION

__all__ = ["CardSubject", "make_card_pages", "write_card"]

CARD_NAME, CROISSANT_NAME, PICTURE_NAME = "README.md", "croissant.json", "pictures/sample.png"

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))  # fmt: skip
_HUB_LICENSES = {
    "OFL-1.1": "ofl-1.1",
    "Apache-2.0": "apache-2.0",
    "CC0-1.0": "cc0-1.0",
    "MIT": "mit",
}
_MOST_CLASSES = 200  # in the table
_MOST_TWINS = 20
_PICTURE_PX = (384, 1024)  # height and width of the sample picture, about


@dataclass(frozen=True, slots=True, kw_only=True)
class CardSubject:
    """What a card is about: a dataset as it lies on disk, or an export of it.

    Attributes:
        dataset: All of its rows.
        splits: Rows of each split that is there.
        polarity: Of the images that are there.
        files: That hold them; none where there are too many to be listed.
        format: A key of ``EXPORT_FORMATS``; empty for the dataset itself.
        data_files: Patterns of the files of each split, as Hugging Face's datasets takes them.
    """

    dataset: Dataset
    splits: Mapping[str, int]
    polarity: str
    files: tuple[WrittenFile, ...]
    format: str = ""
    data_files: Mapping[str, str] | None = None


def write_card(
    dataset: AnyPlace, out: AnyPlace | None = None, *, reporter: Reporter = SILENT
) -> Path | Any:
    """Write README.md, croissant.json and a picture of a dataset.

    Args:
        dataset: A complete dataset, in a folder or in a store.
        out: Where they go; into the dataset's folder without it.
        reporter: Is told how many files are hashed.

    Returns:
        Where README.md lies: a path, or an address in a store.

    Raises:
        DatasetError: The dataset is missing or unfinished, or the disk refused.
    """
    whole = load(dataset)
    folder = parse_place(out) if out is not None else whole.folder
    arrays = open_shards(whole.folder, whole.index).name_files()
    own = {INDEX_NAME, *whole.index.files, *arrays}
    names = track(sorted(own), step="hash", unit="files", reporter=reporter)
    subject = CardSubject(
        dataset=whole,
        splits={name: end - first for name, (first, end) in whole.index.splits.items()},
        polarity=whole.index.image.polarity,
        files=tuple(describe_written(whole.folder, name) for name in names),
    )
    with hold_folder(folder, reporter):
        for name, content in make_card_pages(subject).items():
            open_store(folder).put(name, content)
    return folder / CARD_NAME


def make_card_pages(subject: CardSubject) -> dict[str, bytes]:
    """Return README.md, croissant.json and the picture, by their names."""
    index = subject.dataset.index
    license, _ = _find_license(index)
    return {
        CARD_NAME: "\n".join(_write_card(subject)).encode(),
        CROISSANT_NAME: dump_croissant(
            index,
            subject.dataset.digest,
            subject.files,
            license=license,
            limits=" ".join(_describe_limits(subject)),
            splits=subject.splits if subject.format == "parquet" else {},
        ),
        PICTURE_NAME: encode_png(_draw_sample(subject)),
    }


def _draw_sample(subject: CardSubject) -> Any:
    from glyphgen.images.sheets import join_images

    image = subject.dataset.index.image
    columns = max(1, _PICTURE_PX[1] // image.width)
    n = columns * max(1, _PICTURE_PX[0] // image.height)
    ink = np.asarray(subject.dataset.ink[:n])
    return from_ink(join_images(ink, min(columns, len(ink))), subject.polarity)


# --- The front matter


def _find_license(index: Index) -> tuple[str, list[str]]:
    """Return the licenses in words, and those that the hub knows; none where it does not know all."""
    found = sorted({face.license or "unknown" for face in index.faces})
    if index.n_without_face:
        found.append("unknown")
    known = [_HUB_LICENSES[name] for name in found if name in _HUB_LICENSES]
    return ", ".join(dict.fromkeys(found)) or "unknown", known if len(known) == len(found) else []


def _write_front_matter(subject: CardSubject) -> Iterator[str]:
    index = subject.dataset.index
    n_rows = sum(subject.splits.values())
    _, licenses = _find_license(index)
    is_synthetic = index.made_by in ("render", "balance")
    page: dict[str, Any] = {
        "pretty_name": index.name,
        "license": licenses[0] if len(licenses) == 1 else licenses or "other",
        **({} if licenses else {"license_name": "fonts", "license_link": "README.md#fonts"}),
        "task_categories": [
            "object-detection" if subject.format == "coco" else "image-classification"
        ],
        "size_categories": [next((name for most, name in _SIZES if n_rows < most), "100M<n<1B")],
        "annotations_creators": ["machine-generated" if is_synthetic else "other"],
        "source_datasets": ["original"],
        "tags": ["glyphs", "ocr", "fonts", *(["synthetic"] if is_synthetic else [])],
    }
    if subject.data_files:
        files = [{"split": name, "path": path} for name, path in subject.data_files.items()]
        page["configs"] = [{"config_name": "default", "data_files": files}]
    yield "---"
    # JSON is YAML, so that no name has to be quoted otherwise.
    yield from (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in page.items())
    yield "---"


# --- The text


def _write_card(subject: CardSubject) -> Iterator[str]:
    dataset, index = subject.dataset, subject.dataset.index
    yield from _write_front_matter(subject)
    n_rows = sum(subject.splits.values())
    image = index.image
    yield from ("", f"# {_show(index.name)}", "", f"![The first images]({PICTURE_NAME})", "")
    yield (
        f"{show_count(n_rows, 'image')} of {image.height} x {image.width} gray pixels,"
        f" {show_count(len(index.classes), 'class', 'classes')}, {subject.polarity}: the"
        f" {'ink' if subject.polarity == 'white-on-black' else 'paper'} is 255."
    )
    if subject.format:
        yield f"In the format {subject.format}: {EXPORT_FORMATS[subject.format].help}"
    yield from ("", "## How it was made", "", *_describe_making(index), "")
    yield from ("## Splits", "", *_tabulate(["split", "images"], subject.splits.items()), "")
    yield from ("## Classes", "", *_list_classes(subject), "")
    yield from ("## Fonts", "", *_list_fonts(index), "")
    yield from ("## Limits", "", *_describe_limits(subject), "", *_list_twins(dataset), "")
    yield from ("## To make it again", "", *_describe_repeat(dataset), "")
    yield from ("## Citation", "", *_cite(index, dataset.digest), "")


def _describe_making(index: Index) -> Iterator[str]:
    yield f"By `glyphgen {index.made_by}` {VERSION}. {MAKERS[index.made_by].help}"
    if index.made_by in ("render", "balance"):
        is_written = any(face.is_written for face in index.faces)
        along = " or along centre lines of strokes" if is_written else ""
        yield (
            f"No person wrote or labeled these images: each was drawn with a font{along}, and every label"
            " was proven against what the font draws."
        )
    for source in index.sources:
        yield f"From {_show(source.name)} ({source.kind}): {show_count(source.rows, 'image')}."


def _list_classes(subject: CardSubject) -> Iterator[str]:
    splits = list(subject.splits)
    rows = [
        [info.index, info.label, " ".join(codes for form in info.codepoints for codes in form),
         ", ".join(info.names), *(info.rows.get(name, 0) for name in splits)]
        for info in subject.dataset.classes[:_MOST_CLASSES]
    ]  # fmt: skip
    yield from _tabulate(["label", "class", "code points", "name", *splits], rows)
    more = len(subject.dataset.classes) - _MOST_CLASSES
    if more > 0:
        page = "classes.json" if subject.format else "index.json"
        yield from ("", f"And {more:,} more: see {page}.")


def _list_fonts(index: Index) -> Iterator[str]:
    by_family: dict[tuple[str, str, str], list[FaceInfo]] = {}
    for face in index.faces:
        by_family.setdefault((face.family, face.license, face.copyright), []).append(face)
    if by_family:
        rows = [
            [family, len(faces), license or "unknown", owner]
            for (family, license, owner), faces in sorted(by_family.items())
        ]
        yield from _tabulate(["family", "faces", "license", "copyright"], rows)
        yield from ("", "The texts of the licenses: `glyphgen fonts licenses` of the dataset.")
    if index.n_without_face:
        yield f"The fonts or writers of {show_count(index.n_without_face, 'image')} are not known."


def _describe_limits(subject: CardSubject) -> list[str]:
    index = subject.dataset.index
    said = []
    if index.faces:
        said.append(
            f"Drawn with {show_count(len(index.faces), 'face')}: what reads these images well may read"
            " handwriting, scans and other typefaces worse."
        )
    if index.made_by == "balance":
        said.append("Rows may be changed copies of others.")
    unproven = sum(info.unproven > 0 for info in index.classes)
    if unproven:
        said.append(
            f"Of {show_count(unproven, 'class', 'classes')} some faces were compared with nothing known."
        )
    if not any(name != "train" for name in subject.splits):
        said.append("There is no split to test on.")
    return said or ["None is known."]


def _list_twins(dataset: Dataset) -> Iterator[str]:
    from glyphgen.gate.page import read_gate_page

    gate = read_gate_page(dataset.folder)
    if gate is None:
        return
    twins = [pair for pair in gate.twins if pair.are_twins and not pair.one_class]
    if gate.refused:
        yield f"{show_count(len(gate.refused), 'cell')} of face and form were refused: see gate.json."
    if twins:
        shown = ", ".join(" / ".join(map(_show, pair.forms)) for pair in twins[:_MOST_TWINS])
        more = f" and {len(twins) - _MOST_TWINS} more" if len(twins) > _MOST_TWINS else ""
        yield f"Twins, which fonts draw alike and a reader may take for each other: {shown}{more}."


def _describe_repeat(dataset: Dataset) -> Iterator[str]:
    recipe = _read_recipe(dataset.folder)
    index = dataset.index
    if not recipe:
        yield f"Its digest is `{dataset.digest}`."
        return
    fence = "`" * (1 + max(map(len, re.findall("`{3,}", recipe)), default=2))
    yield from (f"{fence}toml", recipe.rstrip("\n"), fence, "")
    name = re.sub(r"[^\w-]+", "-", index.name) or "dataset"
    version = index.versions.get("glyphgen", VERSION)
    yield from (
        f"With this recipe as {name}.toml, its fonts, and glyphgen {version}:",
        "",
        f"    glyphgen render {name}.toml --out {name}",
        f"    glyphgen verify {name} --expect {dataset.digest}",
    )


def _read_recipe(folder: Place) -> str:
    try:
        return open_store(folder).get_range("recipe.toml", kind=RECIPE).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise DatasetError(f"{folder / 'recipe.toml'}: cannot be read: {error}") from None


def _cite(index: Index, digest: str) -> Iterator[str]:
    yield from (
        "```bibtex",
        f"@misc{{{re.sub('[^A-Za-z0-9]+', '-', index.name).strip('-') or 'dataset'},",
        f"  title = {{{_show(index.name)}, a dataset of glyph images}},",
        f"  note = {{made by glyphgen {index.versions.get('glyphgen', VERSION)},"
        f" SHA-256 {digest}}}",
        "}",
        "```",
    )


def _tabulate(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    columns = list(columns)
    yield f"| {' | '.join(columns)} |"
    yield "|" + "---|" * len(columns)
    for row in rows:
        shown = (f"{value:,}" if isinstance(value, int) else _show(str(value)) for value in row)
        yield f"| {' | '.join(shown)} |"


def _show(text: str) -> str:
    """Return a text of strangers as Markdown that shows it as it is."""
    return re.sub(r"([\\`*_\[\]<>#!|&~])", r"\\\1", show_foreign(text))
