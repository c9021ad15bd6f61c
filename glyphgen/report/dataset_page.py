"""A dataset and its statistics -> the sections of a page."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import MAKERS
from glyphgen.dataset.index import ClassInfo
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.opening import RECIPE, describe_unread
from glyphgen.files.store import open_store
from glyphgen.gate.page import GatePage, RefusedEntry, read_gate_page
from glyphgen.images.fitting import shrink_images
from glyphgen.images.png import make_data_uri, make_strip
from glyphgen.render.indexing import RECIPE_NAME
from glyphgen.report.blocks import (
    Block,
    Section,
    charts,
    class_cards,
    details,
    facts,
    gallery,
    heading,
    image,
    table,
    text,
)
from glyphgen.report.boxes_section import describe_boxes
from glyphgen.report.dataset_charts import chart_ink, chart_values
from glyphgen.report.statistics import Statistics, read_scattered
from glyphgen.report.support_section import describe_support
from glyphgen.text import format_json, show_codepoints, show_count, show_foreign, show_some

__all__ = ["describe_class", "make_sections", "make_subtitle"]

_THUMBNAIL = 48  # pixels a side at most
_MOST_FORMS, _LONGEST_FORM = 6, 3  # of a class, that are spelled out as code points
_CLASSES_A_SPRITE = 64
_MEANS = 120  # classes at most whose mean and variance are shown
_REFUSED = 200  # rows of the table of refused cells
_JOINERS = "\u200c\u200d"  # between the letters of a word
_COVERED = 400  # classes of the coverage picture, at most


def make_subtitle(dataset: Dataset) -> str:
    """Return what a dataset is, in one line."""
    index = dataset.index
    return (
        f"{show_count(len(dataset), 'image')} of {show_count(len(dataset.classes), 'class', 'classes')},"
        f" {index.image.height} x {index.image.width} pixels, made by glyphgen {index.made_by}"
    )


def describe_class(info: ClassInfo) -> tuple[str, str, str]:
    """Return label, code points and Unicode name of a class, safe to show.

    Of words, and of many forms, the first few stand in place of code points and names.
    """
    label = "".join(
        char if char.isprintable() or char in _JOINERS else show_codepoints(char)
        for char in info.label
    )
    if len(info.forms) > _MOST_FORMS or any(len(form) > _LONGEST_FORM for form in info.forms):
        forms = () if info.forms == (info.label,) else info.forms
        return label or "(no name)", show_some(map(show_foreign, forms), most=_MOST_FORMS), ""
    codes = " / ".join(" ".join(codepoints) for codepoints in info.codepoints)
    names = " / ".join(name.lower() for name in info.names)
    return label or "(no name)", codes, names


def make_sections(
    dataset: Dataset, found: Statistics, *, per_class: int
) -> tuple[list[Section], list[str], int]:
    """Return the sections of a dataset's page, the sprites of its sheet, and a card's width."""
    cards, sprites, width = _make_cards(dataset, found, per_class)
    gate = read_gate_page(dataset.folder)
    labels = [describe_class(info)[0] for info in dataset.classes]
    sections = [
        Section(id="facts", title="Facts", blocks=tuple(_describe_facts(dataset))),
        Section(id="classes", title="Classes", blocks=(class_cards(cards),)),
        Section(id="boxes", title="Boxes", blocks=tuple(describe_boxes(dataset))),
        Section(id="support", title="Support", blocks=tuple(describe_support(found, labels))),
        Section(id="ink", title="Ink", blocks=tuple(_describe_ink(dataset, found))),
        Section(id="means", title="Means", blocks=tuple(_describe_means(dataset, found))),
        Section(id="faces", title="Faces", blocks=tuple(_describe_faces(dataset, gate))),
        Section(id="twins", title="Twins", blocks=tuple(_describe_twins(dataset, gate))),
        Section(id="values", title="Values", blocks=tuple(_describe_values(found))),
        Section(id="copies", title="Copies", blocks=tuple(_describe_copies(dataset))),
        Section(id="doubles", title="Doubles", blocks=tuple(_describe_doubles(dataset, found))),
    ]
    return sections, sprites, width


def _describe_facts(dataset: Dataset) -> list[Block]:
    index = dataset.index
    splits = ", ".join(f"{name} {end - first:,}" for name, (first, end) in index.splits.items())
    blocks = [
        facts(
            [
                ("rows", f"{len(dataset):,}"),
                ("classes", f"{len(dataset.classes):,}"),
                ("image", f"{index.image.height} x {index.image.width}"),
                ("polarity on disk", index.image.polarity),
                ("splits", splits or "none"),
                ("faces", f"{len(index.faces):,}" if index.faces else "unknown"),
                ("seed", index.seed),
                ("made by", f"glyphgen {index.made_by}"),
                ("format", index.format),
                ("content key: equal in equal datasets", index.content_key[:16]),
                *((name, version) for name, version in sorted(index.versions.items())),
            ]
        )
    ]
    if index.sources:
        rows = [(s.name, s.kind, f"{s.rows:,}", s.sha256[:16]) for s in index.sources[:50]]
        blocks.append(table("Sources", ["source", "kind", "rows", "sha-256"], rows, [2]))
    if open_store(dataset.folder).exists(RECIPE_NAME):
        recipe = _read_text(dataset.folder, RECIPE_NAME)
        blocks.append(details("The recipe, every default spelled out", recipe))
    if index.settings:
        settings = format_json(dict(index.settings), indent=2)
        blocks.append(details("Settings", settings))
    return blocks


def _read_text(folder: Place, name: str) -> str:
    try:
        return open_store(folder).get_range(name, kind=RECIPE).decode("utf-8", "replace")
    except OSError as error:
        raise DatasetError(f"{folder / name}: {describe_unread(error)}") from None


def _make_cards(
    dataset: Dataset, found: Statistics, per_class: int
) -> tuple[list[dict[str, Any]], list[str], int]:
    thumbnails, rows = choose_samples(dataset, found, per_class)
    height, width = thumbnails.shape[2:]
    sprites, cards = [], []
    for k, info in enumerate(dataset.classes):
        number, place = divmod(k, _CLASSES_A_SPRITE)
        if place == 0:
            some = thumbnails[k : k + _CLASSES_A_SPRITE]
            last = max(len(some) - 1, 1)
            sprites.append(make_data_uri(some.swapaxes(1, 2).reshape(-1, per_class * width)))
        label, codes, names = describe_class(info)
        first = ord(info.forms[0][0]) if info.forms and info.forms[0] else 0
        near = ""
        if found.nearest[k] >= 0:
            other = describe_class(dataset.classes[int(found.nearest[k])])[0]
            near = f"mean image most like that of {other}: {1 - found.distance[k] ** 2:.0%} alike"
        cards.append(
            {
                "label": label,
                "codes": codes,
                "name": ""
                if names.endswith(f"-{first:x}")
                else names,  # cjk unified ideograph-4e00
                "count": int(found.total[k]),
                "codepoint": first,
                "distance": f"{found.distance[k]:.4f}",
                "near": near,
                "rows": _name_rows(rows[k, : int(found.total[k])].tolist()),
                "find": f"{label.lower()}\n{first:04x}\n{names}",
                "sprite": number,
                "top": f"{100 * place / last:.4f}",
                "n": len(some),
                "width": per_class * width,
                "height": height,
            }
        )
    return cards, sprites, per_class * width + 18


def _name_rows(rows: Sequence[int]) -> str:
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}" if rows else ""


def choose_samples(
    dataset: Dataset, found: Statistics, per_class: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return different samples of each class, paper where it has fewer, and their rows.

    Returns:
        uint8 (C, k, h, w), and int64 (C, k), of which only as many count as the class has rows.
    """
    labels = np.asarray(dataset.labels)
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(found.total)])
    rows = np.zeros((len(found.total), per_class), dtype=np.int64)
    is_there = np.arange(per_class) < found.total[:, None]
    for k, n in enumerate(found.total.tolist()):
        lot = np.random.default_rng(k).choice(n, min(n, per_class), replace=False)
        rows[k, is_there[k]] = order[starts[k] + lot]
    flat = rows.ravel()
    in_order = np.argsort(flat, kind="stable")
    images = np.empty((flat.size, *dataset.images.shape[1:]), dtype=np.uint8)
    images[in_order] = np.concatenate(list(read_scattered(dataset, flat[in_order])))
    images[~is_there.ravel()] = 0
    small = shrink_images(images, _THUMBNAIL)
    return small.reshape(len(found.total), per_class, *small.shape[1:]), rows


def _describe_ink(dataset: Dataset, found: Statistics) -> list[Block]:
    shapes, n = found.shapes, len(found.shape_rows)
    return [
        text(
            f"Measured on {n:,} of {len(dataset):,} rows, spread evenly. Ink touches the frame in"
            f" {shapes.touches.mean():.1%} of them; {float((shapes.density == 0).mean()):.2%} have no ink."
        ),
        charts(chart_ink([("", shapes)], dataset.index.image.height)),
    ]


def _describe_means(dataset: Dataset, found: Statistics) -> list[Block]:
    hardest = np.argsort(found.distance, kind="stable")[:_MEANS]
    shown = sorted(hardest.tolist())
    mean = shrink_images(found.mean[shown].astype(np.uint8), _THUMBNAIL)
    spread = np.sqrt(found.variance[shown])
    spread = shrink_images(
        (spread * (255 / max(float(spread.max()), 1e-9))).astype(np.uint8), _THUMBNAIL
    )
    few = "" if len(shown) == len(dataset.classes) else f" of the {len(shown)} hardest classes"
    if np.any(found.mean_rows < found.total):
        few += f", on {found.mean_rows.max():,} rows of each class at most, spread evenly,"
    columns = 20
    rows = []
    for start in range(0, len(shown), columns):
        for images in (mean, spread):
            part = images[start : start + columns]
            blank = np.zeros((columns - len(part), *part.shape[1:]), np.uint8)
            rows.append(np.hstack(list(np.concatenate([part, blank]))))
    return [
        image(
            make_data_uri(np.vstack(rows)),
            f"Mean image{few} in the order of the table, and below each row the spread: strong"
            " where samples differ",
        )
    ]


def _describe_faces(dataset: Dataset, gate: GatePage | None) -> list[Block]:
    faces = dataset.index.faces
    if not faces:
        return [text("Unknown: the dataset names no font that drew its rows.")]
    used = np.bincount(dataset.samples[:]["face"], minlength=len(faces))
    n_unknown = int(used[len(faces) :].sum())
    rows: list[tuple[object, ...]] = [
        (
            info.file,
            f"{info.family} {info.style}",
            f"{used[k]:,}",
            f"{used[k] / max(used.sum(), 1):.1%}",
            info.license[:80],
            gate.coverage.get(info.file, "") if gate else "",
        )
        for k, info in enumerate(faces)
    ]
    if n_unknown:
        share = f"{n_unknown / used.sum():.1%}"
        rows.append(("unknown", "unknown", f"{n_unknown:,}", share, "unknown", ""))
    columns = ["file", "face", "rows", "share", "license", "cells admitted"]
    blocks: list[Block] = [table("Each face", columns, rows, [2, 3, 5])]
    refused = gate.refused if gate else ()
    if refused:
        blocks.append(heading(f"{len(refused):,} cells refused"))
        blocks += _draw_coverage(dataset, refused)
        columns = ["face", "forms", "code points", "reason", "figure"]
        blocks.append(table("Refused cells", columns, _list_refused(refused)[:_REFUSED], [4]))
    elif gate:
        blocks.append(text("The gate refused no cell: every face draws every class."))
    return blocks


def _list_refused(refused: Sequence[RefusedEntry]) -> list[tuple[str, ...]]:
    """Return a row for each face's cells that are refused for one reason with one figure."""
    alike = groupby(refused, key=lambda cell: (cell.face, cell.reason, cell.figure))
    rows: list[tuple[str, ...]] = []
    for (face, reason, figure), group in alike:
        cells = list(group)
        codepoints = show_some(" ".join(cell.codepoints) for cell in cells)
        rows.append((face, show_some(c.form for c in cells), codepoints, reason, f"{figure:.4g}"))
    return rows


def _draw_coverage(dataset: Dataset, refused: Sequence[RefusedEntry]) -> list[Block]:
    faces = {info.file: k for k, info in enumerate(dataset.index.faces)}
    forms = [form for info in dataset.classes for form in info.forms][:_COVERED]
    place = {form: k for k, form in enumerate(forms)}
    picture = np.full((len(faces), len(forms), 3), (60, 130, 90), np.uint8)
    for cell in refused:
        name = cell.face.split("#")[0]
        if name in faces and cell.form in place:
            picture[faces[name], place[cell.form]] = (200, 70, 40)
    scale = max(1, min(8, 1100 // max(len(forms), 1)))
    large = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    words = (
        f"Faces (rows) by the first {len(forms)} forms (columns): green is admitted, red refused"
    )
    return [image(make_data_uri(large), words, style="sharp")]


def _describe_twins(dataset: Dataset, gate: GatePage | None) -> list[Block]:
    class_of = {form: k for k, info in enumerate(dataset.classes) for form in info.forms}
    labels_of = dict(zip(*np.unique(np.asarray(dataset.labels), return_index=True), strict=True))
    shown = []
    for group in (pair for pair in (gate.twins if gate else ()) if pair.are_twins):
        members = sorted({class_of[form] for form in group.forms if form in class_of})
        members = [k for k in members if k in labels_of]
        if members:
            first = np.array([labels_of[k] for k in members])
            strip = make_strip(dataset.ink[first])
            labels = " ".join(group.forms)
            width = min(60 * len(members), 300)
            caption = f"{labels}  in {group.faces_alike} of {group.faces} typefaces"
            shown.append((strip, caption, width))
    if not shown:
        return []
    return [
        text(
            "Classes that a fifth of the typefaces or more draw alike, at the sizes and shifts of this"
            " dataset: there no classifier can tell them apart without context."
        ),
        gallery(shown),
    ]


def _describe_values(found: Statistics) -> list[Block]:
    if not found.values:
        return []
    return [
        text(f"Values that were sampled, of {len(found.shape_rows):,} rows."),
        charts(chart_values(found)),
    ]


def _describe_copies(dataset: Dataset) -> list[Block]:
    if not MAKERS[dataset.index.made_by].has_copies:
        return []
    samples = np.asarray(dataset.samples[: min(len(dataset), 200_000)])
    changed = [
        n
        for n in samples.dtype.names or ()
        if n.startswith(("augment_rotation", "augment_elastic"))
    ]
    if not changed:
        return []
    is_copy = np.any([samples[name] != 0 for name in changed], axis=0)
    shown = []
    for k in np.unique(np.linspace(0, len(dataset.classes) - 1, 10).astype(int)).tolist():
        own = np.flatnonzero(samples["class_index"] == k)
        copies = own[is_copy[own]]
        if not len(copies):
            continue
        source = samples["source_row"][copies[0]]
        family = own[samples["source_row"][own] == source]
        ordered = family[np.argsort(is_copy[family], kind="stable")][:7]
        label = describe_class(dataset.classes[k])[0]
        strip = make_strip(dataset.ink[ordered])
        shown.append((strip, f"{label}: original, then copies", min(56 * len(ordered), 330)))
    return (
        [text("Ten classes: an original, and what was made of it."), gallery(shown)]
        if shown
        else []
    )


def _describe_doubles(dataset: Dataset, found: Statistics) -> list[Block]:
    if not found.n_duplicates:
        return [text("No two images are equal.")]
    share = found.n_duplicates / max(len(dataset), 1)
    labels = np.asarray(dataset.labels)
    mixed = [rows for rows in found.duplicates if len({int(labels[row]) for row in rows}) > 1]
    words = f"{found.n_duplicates:,} images ({share:.2%}) are equal to an earlier one."
    blocks = [text(words)]
    if mixed:
        shown = []
        for rows in mixed[:12]:
            picture = make_data_uri(dataset.ink[rows[0]])
            names = sorted({describe_class(dataset.classes[int(labels[row])])[0] for row in rows})
            shown.append((picture, f"one image, classes {' '.join(names)}", 56))
        blocks += [
            text(f"{len(mixed):,} images stand under more than one class:", warn=True),
            gallery(shown),
        ]
    return blocks
