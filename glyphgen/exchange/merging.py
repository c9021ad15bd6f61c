"""Several datasets -> one, with one class table; test rows never become train rows."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS, check_executor
from glyphgen.dataset.annotations import ANNOTATIONS_NAME
from glyphgen.errors import DatasetError
from glyphgen.exchange.assembling import (
    Assembly,
    AssemblyPart,
    assemble,
    describe_assembly,
    join_parts,
    show_sizes,
)
from glyphgen.exchange.carried_boxes import carry_boxes
from glyphgen.exchange.classmap import class_order
from glyphgen.exchange.glyphgen_dataset import open_dataset
from glyphgen.exchange.import_options import AssemblyOptions, ImportOptions
from glyphgen.exchange.rows import LEFT_OUT
from glyphgen.exchange.source import ImportSource, SourceClass
from glyphgen.files.address import AnyPlace, Place, parse_place
from glyphgen.images.polarity import to_ink
from glyphgen.partition import join_groups
from glyphgen.production import Produced, check_places
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import show_count, show_some, show_text

__all__ = ["join_class_tables", "merge_datasets"]

_DEFAULTS = AssemblyOptions()
_ROWS_AT_ONCE = 4096
_TRAIN = SPLITS.index("train")

Ints = NDArray[np.int64]


def merge_datasets(
    datasets: Sequence[AnyPlace],
    out: AnyPlace,
    *,
    options: AssemblyOptions = _DEFAULTS,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Merge datasets into a new one, or finish it, or mend its damaged shards.

    Train rows become train rows, val rows val rows and test rows test rows; a dataset without splits is
    train. A train row that is, byte for byte, a val or test row of another dataset is left out. A class
    without rows is left out.

    Args:
        datasets: Folders of two or more.
        out: Folder of the new one; made when absent.
        options: How; the images get the size of the first dataset without another, and the new dataset
            the name of its folder.
        workers: Processes that read and write.
        executor: Where: see ``check_executor``.
        force: Replace whatever the folder holds.
        mend: Read all of a complete dataset, as after ``verify`` has found damage in it.
        reporter: Is told what was found, and how far the work is.

    Raises:
        DatasetError: A dataset is missing, unfinished, damaged or given twice, or a class of one is
            several classes of another.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    executor = check_executor(executor)
    folders, folder = tuple(map(parse_place, datasets)), parse_place(out)
    check_places(folder, folders)
    sources = tuple(open_dataset((path,), ImportOptions(), reporter) for path in folders)
    _check_different(folders, sources)
    classes, positions = join_class_tables(folders, sources)
    parts = _leave_out_leaks(_make_parts(sources, positions), folders, reporter)
    classes, kept_parts = _drop_empty(classes, parts, reporter)
    size = options.size or next(iter(sources[0].sizes))
    assembly = Assembly(
        name=options.name or folder.resolve().name,
        made_by="merge",
        classes=classes,
        parts=kept_parts,
        size=size,
        fit=options.fit,
        format=options.format,
        seed=0,
        settings={
            "height": size[0],
            "width": size[1],
            "fit": options.fit,
            "left_out": sum(int((part.split == LEFT_OUT).sum()) for part in kept_parts),
        },
        pages=carry_boxes(kept_parts, size, options.fit),
        provenance=join_parts(classes, kept_parts),
    )
    for path, source in zip(folders, sources, strict=True):
        reporter.message(
            f"{path}: {show_count(source.n_rows, 'image')}, {show_sizes(source.sizes)},"
            f" {source.findings.polarity}"
        )
    for note in (note for source in sources for note in source.notes):
        reporter.warning(note)
    for path, part in zip(folders, kept_parts, strict=True):
        if part.source.boxes is None and ANNOTATIONS_NAME in assembly.pages:
            reporter.warning(f"{path}: has no boxes, its images will have none beside the others'")
    reporter.message(describe_assembly(assembly))
    if alike := _find_doubled_labels(classes):
        reporter.warning(
            f"a word and a character each, which stay two classes: {show_some(alike)} (import with"
            " --codepoints where folders of one ASCII character are that character)"
        )
    if options.size is None and len({next(iter(source.sizes)) for source in sources}) > 1:
        reporter.message(
            f"size: {size[0]}x{size[1]}, as {folders[0]} has it (--height and --width if not)"
        )
    return assemble(
        assembly,
        folder,
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def _check_different(folders: tuple[Place, ...], sources: tuple[ImportSource, ...]) -> None:
    first: dict[str, Place] = {}
    problems = []
    for path, source in zip(folders, sources, strict=True):
        sha256 = source.files[0].sha256
        if sha256 in first:
            problems.append(f"{path}: is the same dataset as {first[sha256]}, expected each once")
        first.setdefault(sha256, path)
    if len(folders) < 2:
        problems.append(f"{folders[0]}: the only dataset, expected two or more to merge")
    if problems:
        raise DatasetError(*problems)


def join_class_tables(
    folders: tuple[Place, ...], sources: tuple[ImportSource, ...]
) -> tuple[tuple[SourceClass, ...], tuple[Ints, ...]]:
    """Make one class table of several: characters in code point order, then words.

    Classes with a form in common are one; so are words with the same label, classes whose forms
    belong to others of their dataset too, as styles do, and fields and blocks of pages.

    Returns:
        The table, and for each source the place in it of each of its classes.

    Raises:
        DatasetError: Two classes of one dataset would become one.
    """
    all_classes = [
        (number, index)
        for number, source in enumerate(sources)
        for index in range(len(source.classes))
    ]
    with_key: dict[tuple[str, str], list[int]] = {}
    for k, keys in enumerate(keys for source in sources for keys in _find_keys(source)):
        for key in keys:
            with_key.setdefault(key, []).append(k)
    groups: dict[int, list[tuple[int, int]]] = {}
    for k, first in enumerate(join_groups(len(all_classes), with_key.values()).tolist()):
        groups.setdefault(first, []).append(all_classes[k])
    _check_groups(folders, sources, groups.values())
    table = []
    for members in groups.values():
        entries = [sources[number].classes[index] for number, index in members]
        forms = dict.fromkeys(form for entry in entries for form in entry.forms)
        table.append((SourceClass(label=entries[0].label, forms=tuple(forms)), members))
    table.sort(key=lambda entry: class_order(entry[0]))
    positions = tuple(np.zeros(len(source.classes), dtype=np.int64) for source in sources)
    for place, (_, members) in enumerate(table):
        for number, index in members:
            positions[number][index] = place
    return tuple(entry for entry, _ in table), positions


def _find_keys(source: ImportSource) -> Iterator[list[tuple[str, str]]]:
    """Yield for each class what it is known by."""
    n_owners = Counter(form for entry in source.classes for form in set(entry.forms))
    has_boxes = source.boxes is not None  # its classes are known by name: many show the same words
    for entry in source.classes:
        own = [("form", form) for form in entry.forms if n_owners[form] == 1 and not has_boxes]
        yield own or [("label", entry.label)]


def _check_groups(
    folders: tuple[Place, ...],
    sources: tuple[ImportSource, ...],
    groups: Iterable[list[tuple[int, int]]],
) -> None:
    problems = []
    for members in groups:
        n_classes = Counter(number for number, _ in members)
        for number, n in n_classes.items():
            if n > 1:
                labels = [
                    show_text(sources[k].classes[index].label)
                    for k, index in members
                    if k == number
                ]
                others = [str(folders[k]) for k in n_classes if k != number]
                problems.append(
                    f"{folders[number]}: {' and '.join(labels)} are one class in"
                    f" {' and '.join(others)}, expected one here too (make them one class of two"
                    " forms in its recipe, or import them so)"
                )
    if problems:
        raise DatasetError(*problems)


def _find_doubled_labels(classes: Iterable[SourceClass]) -> list[str]:
    """Return the labels that a word has and a character, too."""
    entries = list(classes)
    characters = {entry.label for entry in entries if entry.forms}
    return [
        show_text(entry.label) for entry in entries if not entry.forms and entry.label in characters
    ]


def _make_parts(
    sources: tuple[ImportSource, ...], positions: tuple[Ints, ...]
) -> list[AssemblyPart]:
    return [
        AssemblyPart(
            source=source,
            polarity=source.findings.polarity,
            class_of=of_class,
            split=source.split.copy(),
        )
        for source, of_class in zip(sources, positions, strict=True)
    ]


def _leave_out_leaks(
    parts: list[AssemblyPart], folders: tuple[Place, ...], reporter: Reporter
) -> list[AssemblyPart]:
    """Leave out train rows that are held out elsewhere."""
    if not any((part.split != _TRAIN).any() for part in parts):
        return parts
    digests = [_hash_images(part) for part in parts]
    for number, (part, path) in enumerate(zip(parts, folders, strict=True)):
        held_out = [
            digest[other.split != _TRAIN]
            for k, (digest, other) in enumerate(zip(digests, parts, strict=True))
            if k != number
        ]
        leaks = (part.split == _TRAIN) & np.isin(digests[number], np.concatenate(held_out))
        if leaks.any():
            part.split[leaks] = LEFT_OUT
            reporter.message(
                f"{path}: {leaks.sum():,} train images left out, for they are val or test images of"
                " another dataset"
            )
    return parts


def _hash_images(part: AssemblyPart) -> NDArray[np.uint64]:
    digests = np.empty(part.source.n_rows, dtype=np.uint64)
    for first in range(0, len(digests), _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, len(digests)))
        images = to_ink(np.stack(list(part.source.images.read(rows))), part.polarity)
        words = b"".join(hashlib.blake2b(image, digest_size=8).digest() for image in images)
        digests[rows] = np.frombuffer(words, np.uint64)
    return digests


def _drop_empty(
    classes: tuple[SourceClass, ...], parts: list[AssemblyPart], reporter: Reporter
) -> tuple[tuple[SourceClass, ...], tuple[AssemblyPart, ...]]:
    """Leave out the classes that no row has, but for fields and blocks of pages."""
    is_kept = np.zeros(len(classes), dtype=bool)
    for part in parts:
        is_kept[part.class_index[part.split != LEFT_OUT]] = True
        if part.source.boxes is not None:
            is_kept[part.class_of] = True
    if not is_kept.all():
        dropped = [classes[k].label for k in np.flatnonzero(~is_kept).tolist()]
        reporter.message(
            f"classes without an image are left out: {show_some(map(show_text, dropped))}"
        )
    place = np.where(is_kept, np.cumsum(is_kept) - 1, -1)
    return tuple(entry for entry, kept in zip(classes, is_kept, strict=True) if kept), tuple(
        AssemblyPart(
            source=part.source,
            polarity=part.polarity,
            class_of=place[part.class_of],
            split=part.split,
        )
        for part in parts
    )
