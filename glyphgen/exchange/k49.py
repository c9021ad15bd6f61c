"""Kuzushiji-49 and Kuzushiji-MNIST as they are handed out: .npz files with ``arr_0`` and a class map.

Source: Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018;
github.com/rois-codh/kmnist.
"""

from pathlib import Path

from glyphgen.errors import SourceError
from glyphgen.exchange.array_source import (
    ArrayPair,
    check_images,
    make_array_source,
    read_class_index,
)
from glyphgen.exchange.classmap import read_class_map
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.stored import StoredArray, choose_array, find_arrays
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["open_k49"]

_OFFICIAL = ("train", "test")


def open_k49(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open Kuzushiji-49 or KMNIST.

    Args:
        paths: The folder that holds ``*-train-imgs.npz``, ``*-train-labels.npz``, the same of test, and
            ``*_classmap.csv``; or the files themselves.
        options: May name another class map.
        reporter: Is told how many images are read.

    Raises:
        SourceError: A file is missing or is not what it is named.
    """
    files = _list_files(paths)
    prefix = _find_prefix(paths[0], files)
    splits = [split for split in _OFFICIAL if f"{prefix}-{split}-imgs.npz" in files]
    wanted = [f"{prefix}-{split}-labels.npz" for split in splits]
    if lacking := [name for name in wanted if name not in files]:
        raise SourceError(f"{paths[0]}: lacks {' and '.join(lacking)}, expected labels for images")
    class_map = (
        Path(options.class_map) if options.class_map else _find_class_map(paths[0], prefix, files)
    )
    pairs = [
        ArrayPair(
            split=split,
            images=check_images(_find_array(files[f"{prefix}-{split}-imgs.npz"])),
            labels=_find_array(files[f"{prefix}-{split}-labels.npz"]),
        )
        for split in splits
    ]
    classes = read_class_map(class_map)
    return make_array_source(
        pairs,
        classes,
        read_class_index(pairs, len(classes), among=class_map.name),
        name=prefix,
        kind="k49",
        class_map=class_map,
        reporter=reporter,
    )


def _find_array(path: Path) -> StoredArray:
    return choose_array(find_arrays(path), "arr_0", path)


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
