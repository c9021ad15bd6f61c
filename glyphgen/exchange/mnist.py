"""MNIST and EMNIST: IDX files of images and labels, gzipped or not; knows no other format.

Source: LeCun et al., "The MNIST database"; Cohen et al., "EMNIST: an extension of MNIST to handwritten
letters", 2017 (its images lie with rows and columns exchanged).
"""

import re
from pathlib import Path

import numpy as np

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import check_labels, make_character, read_class_map
from glyphgen.exchange.source import ImportOptions, PolarityVote, Source, SourceClass
from glyphgen.exchange.stacks import ArrayImages, check_as_many, check_images, look_through
from glyphgen.exchange.stored import (
    describe_file,
    find_idx,
    read_errors,
    read_values,
)
from glyphgen.text import show_some

__all__ = ["open_mnist"]

_NAME = re.compile(r"(?P<stem>.*?)(?P<side>train|t10k|test)-(?P<what>images|labels)[-.]idx.*")
_SIDES = {"train": "train", "t10k": "test", "test": "test"}
_DIGITS = tuple(make_character(ord(digit)) for digit in "0123456789")


def open_mnist(paths: tuple[Path, ...], options: ImportOptions) -> Source:
    """Open MNIST, or what is stored like it.

    Args:
        paths: The folder that holds ``train-images-idx3-ubyte.gz`` and its fellows, or the files.
        options: May name a class map; without one an EMNIST mapping file beside the images is read, and
            without that the labels are the digits.

    Raises:
        SourceError: A file is missing or is not what it is named.
    """
    files, stem = _find_files(paths)
    maps = sorted(files[next(iter(files))].parent.glob(f"{stem}mapping.txt")) if stem else []
    map_file = options.class_map or (maps[0] if maps else None)
    classes, first_label = _DIGITS, 0
    if options.class_map:
        classes = read_class_map(options.class_map)
    elif map_file:
        classes, first_label = _read_mapping(map_file)
    arrays, labels, splits, infos = [], [], [], []
    look = PolarityVote(white_on_black=0, black_on_white=0)
    for split in ("train", "test"):
        if (split, "images") not in files:
            continue
        images_path, labels_path = files[split, "images"], files[split, "labels"]
        images = check_images(find_idx(images_path, 3))
        labels_array = find_idx(labels_path, 1)
        check_as_many(images, labels_array)
        found = read_values(labels_array) - first_label
        check_labels(str(labels_path), found, len(classes), map_file.name if map_file else "digits")
        look += look_through(images)
        arrays.append(images)
        labels.append(found.astype(np.uint32))
        splits.append(np.full(len(found), SPLITS.index(split), dtype=np.uint8))
        infos.append(describe_file(images_path, "mnist", len(found)))
        infos.append(describe_file(labels_path, "mnist", 0))
    if map_file:
        infos.append(describe_file(map_file, "class map", 0))
    transposed = stem.startswith("emnist")
    images_of_all = ArrayImages(tuple(arrays), transposed=transposed)
    return Source(
        name=stem.rstrip("-") or "mnist",
        files=tuple(infos),
        classes=classes,
        class_index=np.concatenate(labels),
        split=np.concatenate(splits),
        own_splits=tuple(split for split in ("train", "test") if (split, "images") in files),
        images=images_of_all,
        sizes=images_of_all.sizes,
        look=look,
        notes=(
            *(() if map_file else ("labels 0 to 9 are the digits (--class-map names others)",)),
            *(("rows and columns exchanged, as EMNIST has them",) if transposed else ()),
        ),
    )


def _find_files(paths: tuple[Path, ...]) -> tuple[dict[tuple[str, str], Path], str]:
    """Return the files by split and content, and what their names begin with."""
    files: dict[tuple[str, str], Path] = {}
    stems = set()
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: no such file or folder")
        for entry in sorted(path.iterdir()) if path.is_dir() else [path]:
            if match := _NAME.fullmatch(entry.name):
                key = (_SIDES[match["side"]], match["what"])
                # Both the .gz and the unpacked file may be there: they are one.
                files.setdefault(key, entry)
                stems.add(match["stem"])
    if not any(what == "images" for _, what in files):
        raise SourceError(
            f"{paths[0]}: holds no IDX images, expected such as train-images-idx3-ubyte.gz"
        )
    if len(stems) > 1:
        raise SourceError(
            f"{paths[0]}: holds {show_some(sorted(stem.rstrip('-') for stem in stems))},"
            " expected one dataset (name its files)"
        )
    for split, what in list(files):
        other = "labels" if what == "images" else "images"
        if (split, other) not in files:
            raise SourceError(
                f"{files[split, what]}: has no {other} beside it, expected images and labels"
            )
    return files, stems.pop()


def _read_mapping(path: Path) -> tuple[tuple[SourceClass, ...], int]:
    """Read an EMNIST mapping: on each line a label and the code points that it stands for.

    Returns:
        The classes in the order of their labels, and the first label.
    """
    with read_errors(path):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    try:
        entries = sorted(list(map(int, line.split())) for line in lines if line.strip())
        numbers = [label for label, *_ in entries]
        forms = [tuple(map(chr, codepoints)) for _, *codepoints in entries]
    except (ValueError, OverflowError):
        entries = []
    chars = [char for of_class in forms for char in of_class] if entries else []
    if (
        not entries
        or not all(forms)
        or numbers != list(range(numbers[0], numbers[0] + len(numbers)))
        or len(set(chars)) < len(chars)
    ):
        raise SourceError(
            f"{path}: not a mapping, expected a label and its code points on each line, such as"
            " 10 65, labels without gaps and each code point once"
        )
    return tuple(SourceClass(label=of_class[0], forms=of_class) for of_class in forms), numbers[0]
