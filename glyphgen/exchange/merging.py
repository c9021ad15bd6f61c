"""Several datasets -> one, with one class table; test rows never become train rows.

Knows no format but glyphgen's own.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import DatasetError
from glyphgen.exchange.assembling import (
    Assembly,
    Part,
    Say,
    assemble,
    check_places,
    describe_assembly,
    show_sizes,
)
from glyphgen.exchange.classmap import class_order
from glyphgen.exchange.glyphgen_dataset import open_dataset
from glyphgen.exchange.rows import LEFT_OUT
from glyphgen.exchange.source import ImportOptions, Size, Source, SourceClass
from glyphgen.images.polarity import to_ink
from glyphgen.production import Produced, Watch
from glyphgen.text import show_some, show_text

__all__ = ["merge_classes", "merge_datasets"]

_ROWS_AT_ONCE = 4096
_TRAIN = SPLITS.index("train")

Ints = NDArray[np.int64]


def merge_datasets(
    folders: tuple[Path, ...],
    folder: Path,
    *,
    name: str,
    size: Size | None = None,
    fit: str = "pad",
    format: str = "npy",
    workers: int = 1,
    force: bool = False,
    say: Say | None = None,
    watch: Watch | None = None,
) -> Produced:
    """Merge datasets, or finish it, or mend damaged shards.

    Train rows become train rows, val rows val rows and test rows test rows; a dataset without splits is
    train. A train row that is, byte for byte, a val or test row of another dataset is left out. A class
    without rows is left out.

    Args:
        folders: Of the datasets, two or more.
        folder: Of the new one; made when absent.
        name: Of the new one.
        size: Height and width of the images; that of the first dataset without it.
        fit: A member of ``choices.FITS``.
        format: A key of ``choices.STORAGE_FORMATS``.
        workers: Processes that read and write.
        force: Replace whatever the folder holds.
        say: Told what was found.
        watch: Called before the first shard and after each one.

    Raises:
        DatasetError: A dataset is missing, unfinished, damaged or given twice, or a class of one is
            several classes of another.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    say = say or (lambda _: None)
    check_places(folder, folders)
    sources = tuple(open_dataset((path,), ImportOptions()) for path in folders)
    _check_different(folders, sources)
    classes, positions = merge_classes(folders, sources)
    whole = _leave_out_leaks(_make_parts(sources, positions), folders, say)
    classes, parts = _drop_empty(classes, whole, say)
    chosen = size or next(iter(sources[0].sizes))
    assembly = Assembly(
        name=name,
        made_by="merge",
        classes=classes,
        parts=parts,
        size=chosen,
        fit=fit,
        seed=0,
        settings={
            "height": chosen[0],
            "width": chosen[1],
            "fit": fit,
            "left_out": sum(int((part.split == LEFT_OUT).sum()) for part in parts),
        },
        pages={},
    )
    for path, source in zip(folders, sources, strict=True):
        say(f"{path}: {source.n_rows:,} images, {show_sizes(source.sizes)}, {source.look.polarity}")
    say(describe_assembly(assembly))
    if size is None and len({next(iter(source.sizes)) for source in sources}) > 1:
        say(f"size: {chosen[0]}x{chosen[1]}, as {folders[0]} has it (--height and --width if not)")
    return assemble(assembly, folder, format=format, workers=workers, force=force, watch=watch)


def _check_different(folders: tuple[Path, ...], sources: tuple[Source, ...]) -> None:
    first: dict[str, Path] = {}
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


def merge_classes(
    folders: tuple[Path, ...], sources: tuple[Source, ...]
) -> tuple[tuple[SourceClass, ...], tuple[Ints, ...]]:
    """Make one class table of several: characters in code point order, then words.

    Classes with a form in common are one; so are words with the same label, and classes whose forms
    belong to others of their dataset too, as styles do.

    Returns:
        The table, and for each source the place in it of each of its classes.

    Raises:
        DatasetError: Two classes of one dataset would become one.
    """
    group_of: dict[tuple[str, str], int] = {}
    groups: dict[int, list[tuple[int, int]]] = {}
    for number, source in enumerate(sources):
        for index, keys in enumerate(_find_keys(source)):
            known = sorted({group_of[key] for key in keys if key in group_of})
            group = known[0] if known else len(groups) + len(group_of)
            members = groups.setdefault(group, [])
            for other in known[1:]:
                members += groups.pop(other)
            members.append((number, index))
            merged = {key: group for key, old in group_of.items() if old in known[1:]}
            group_of |= merged | dict.fromkeys(keys, group)
    _check_groups(folders, sources, groups)
    table = []
    for members in groups.values():
        entries = [sources[number].classes[index] for number, index in sorted(members)]
        forms = dict.fromkeys(form for entry in entries for form in entry.forms)
        table.append((SourceClass(label=entries[0].label, forms=tuple(forms)), members))
    table.sort(key=lambda entry: class_order(entry[0]))
    positions = tuple(np.zeros(len(source.classes), dtype=np.int64) for source in sources)
    for place, (_, members) in enumerate(table):
        for number, index in members:
            positions[number][index] = place
    return tuple(entry for entry, _ in table), positions


def _find_keys(source: Source) -> Iterator[list[tuple[str, str]]]:
    """Yield for each class what it is known by."""
    n_owners = Counter(form for entry in source.classes for form in set(entry.forms))
    for entry in source.classes:
        own = [("form", form) for form in entry.forms if n_owners[form] == 1]
        yield own or [("label", entry.label)]


def _check_groups(
    folders: tuple[Path, ...],
    sources: tuple[Source, ...],
    groups: dict[int, list[tuple[int, int]]],
) -> None:
    problems = []
    for members in groups.values():
        n_classes = Counter(number for number, _ in members)
        for number, n in n_classes.items():
            if n > 1:
                labels = [
                    show_text(sources[k].classes[index].label)
                    for k, index in sorted(members)
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


def _make_parts(sources: tuple[Source, ...], positions: tuple[Ints, ...]) -> list[Part]:
    return [
        Part(
            source=source,
            polarity=source.look.polarity,
            class_index=of_class[source.class_index].astype(np.uint32),
            split=source.split.copy(),
        )
        for source, of_class in zip(sources, positions, strict=True)
    ]


def _leave_out_leaks(parts: list[Part], folders: tuple[Path, ...], say: Say) -> list[Part]:
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
            say(
                f"{path}: {leaks.sum():,} train images left out, for they are val or test images of"
                " another dataset"
            )
    return parts


def _hash_images(part: Part) -> NDArray[np.uint64]:
    digests = np.empty(part.source.n_rows, dtype=np.uint64)
    for first in range(0, len(digests), _ROWS_AT_ONCE):
        rows = np.arange(first, min(first + _ROWS_AT_ONCE, len(digests)))
        images = to_ink(np.stack(list(part.source.images.read(rows))), part.polarity)
        words = b"".join(hashlib.blake2b(image, digest_size=8).digest() for image in images)
        digests[rows] = np.frombuffer(words, np.uint64)
    return digests


def _drop_empty(
    classes: tuple[SourceClass, ...], parts: list[Part], say: Say
) -> tuple[tuple[SourceClass, ...], tuple[Part, ...]]:
    """Leave out the classes that no row has."""
    has_rows = np.zeros(len(classes), dtype=bool)
    for part in parts:
        has_rows[part.class_index[part.split != LEFT_OUT]] = True
    if not has_rows.all():
        dropped = [classes[k].label for k in np.flatnonzero(~has_rows).tolist()]
        say(f"classes without an image are left out: {show_some(map(show_text, dropped))}")
    place = np.cumsum(has_rows) - 1
    return tuple(entry for entry, kept in zip(classes, has_rows, strict=True) if kept), tuple(
        Part(
            source=part.source,
            polarity=part.polarity,
            class_index=place[part.class_index].astype(np.uint32),
            split=part.split,
        )
        for part in parts
    )
