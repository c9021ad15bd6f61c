"""Image folders: ``class-name/*.png``, also with train, valid and test above; knows no other format."""

from pathlib import Path, PurePosixPath

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.source import ImportOptions, Source
from glyphgen.exchange.tree import Found, make_source, open_tree

__all__ = ["open_folder", "place_in_class_folder", "require_one_path"]

_SPLIT_NAMES = {"train": "train", "training": "train", "val": "val", "valid": "val"}
_SPLIT_NAMES |= {"validation": "val", "test": "test", "testing": "test"}
_DEEP = "in no class folder, expected class-name/picture or split/class-name/picture"


def open_folder(paths: tuple[Path, ...], options: ImportOptions) -> Source:  # noqa: ARG001
    """Open a folder of class folders.

    A folder is named after a character, ``U+3042``, or any word.

    Raises:
        SourceError: It holds no pictures in class folders, or a class twice.
    """
    path = require_one_path(paths)
    return make_source(
        open_tree(path),
        place=place_in_class_folder,
        name_class=name_class,
        kind="folder",
        name=path.resolve().name,
    )


def require_one_path(paths: tuple[Path, ...]) -> Path:
    """Return the only path.

    Raises:
        SourceError: There are more.
    """
    if len(paths) > 1:
        raise SourceError(f"{paths[1]}: one source too many, expected only {paths[0]}")
    return paths[0]


def place_in_class_folder(path: PurePosixPath) -> Found | str:
    """Say where ``class/picture`` or ``split/class/picture`` belongs."""
    match path.parts:
        case [folder, _]:
            return Found(split=None, folder=folder)
        case [split, folder, _] if split.lower() in _SPLIT_NAMES:
            return Found(split=SPLITS.index(_SPLIT_NAMES[split.lower()]), folder=folder)
    return _DEEP
