"""Kuzushiji-49 and Kuzushiji-MNIST as they are handed out: .npz files with ``arr_0`` and a class map.

Source: Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018;
github.com/rois-codh/kmnist.
"""

from pathlib import Path

import numpy as np

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import check_labels, read_class_map
from glyphgen.exchange.source import ImportOptions, PolarityVote, Source
from glyphgen.exchange.stacks import ArrayImages, check_as_many, check_images, look_through
from glyphgen.exchange.stored import (
    choose_array,
    describe_file,
    find_arrays,
    read_values,
)
from glyphgen.text import show_some

__all__ = ["open_k49"]

_OFFICIAL = ("train", "test")


def open_k49(paths: tuple[Path, ...], options: ImportOptions) -> Source:
    """Open Kuzushiji-49 or KMNIST.

    Args:
        paths: The folder that holds ``*-train-imgs.npz``, ``*-train-labels.npz``, the same of test, and
            ``*_classmap.csv``; or the files themselves.
        options: May name another class map.

    Raises:
        SourceError: A file is missing or is not what it is named.
    """
    files = _list_files(paths)
    prefix = _find_prefix(paths[0], files)
    pairs = {
        split: (files[f"{prefix}-{split}-imgs.npz"], files.get(f"{prefix}-{split}-labels.npz"))
        for split in _OFFICIAL
        if f"{prefix}-{split}-imgs.npz" in files
    }
    lacking = [f"{prefix}-{split}-labels.npz" for split, pair in pairs.items() if pair[1] is None]
    if lacking:
        raise SourceError(f"{paths[0]}: lacks {' and '.join(lacking)}, expected labels for images")
    class_map = options.class_map or _find_class_map(paths[0], prefix, files)
    classes = read_class_map(class_map)
    arrays, labels, infos = [], [], []
    look = PolarityVote(white_on_black=0, black_on_white=0)
    for images_path, labels_path in pairs.values():
        assert labels_path is not None
        images = check_images(choose_array(find_arrays(images_path), "arr_0", images_path))
        labels_array = choose_array(find_arrays(labels_path), "arr_0", labels_path)
        check_as_many(images, labels_array)
        found = read_values(labels_array)
        check_labels(str(labels_path), found, len(classes), class_map.name)
        look += look_through(images)
        arrays.append(images)
        labels.append(found.astype(np.uint32))
        infos.append(describe_file(images_path, "k49", images.shape[0]))
        infos.append(describe_file(labels_path, "k49", 0))
    images_of_all = ArrayImages(tuple(arrays))
    return Source(
        name=prefix,
        files=(*infos, describe_file(class_map, "class map", 0)),
        classes=classes,
        class_index=np.concatenate(labels),
        split=np.concatenate(
            [
                np.full(len(found), SPLITS.index(split), dtype=np.uint8)
                for split, found in zip(pairs, labels, strict=True)
            ]
        ),
        own_splits=tuple(pairs),
        images=images_of_all,
        sizes=images_of_all.sizes,
        look=look,
    )


def _list_files(paths: tuple[Path, ...]) -> dict[str, Path]:
    files: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            files |= {entry.name: entry for entry in sorted(path.iterdir())}
        elif path.exists():
            files[path.name] = path
        else:
            raise SourceError(f"{path}: no such file or folder")
    return files


def _find_prefix(place: Path, files: dict[str, Path]) -> str:
    prefixes = sorted(
        {
            name.removesuffix(f"-{split}-imgs.npz")
            for name in files
            for split in _OFFICIAL
            if name.endswith(f"-{split}-imgs.npz")
        }
    )
    if not prefixes:
        raise SourceError(f"{place}: holds no *-train-imgs.npz or *-test-imgs.npz")
    if len(prefixes) > 1:
        raise SourceError(
            f"{place}: holds {show_some(prefixes)}, expected one dataset (name its files)"
        )
    return prefixes[0]


def _find_class_map(place: Path, prefix: str, files: dict[str, Path]) -> Path:
    name = f"{prefix}_classmap.csv"
    beside = files[next(name for name in files if name.endswith("-imgs.npz"))].parent / name
    if name not in files and not beside.exists():
        raise SourceError(f"{place}: lacks {name} (--class-map FILE names another table)")
    return files.get(name, beside)
