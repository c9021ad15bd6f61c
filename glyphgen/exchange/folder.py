"""Image folders: ``class-name/*.png``, also with train, valid and test above."""

from pathlib import Path, PurePosixPath

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.tree import PicturePlace, make_source, open_tree
from glyphgen.progress import Reporter

__all__ = ["find_place", "open_folder", "require_one_path"]

_SPLIT_NAMES = {name: name for name in SPLITS}
_SPLIT_NAMES |= {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
_DEEP = "in no class folder, expected class-name/picture or split/class-name/picture"


def open_folder(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open a folder of class folders.

    A folder is named after a character, ``U+3042``, or any word.

    Raises:
        SourceError: It holds no pictures in class folders, or a class twice.
    """
    path = require_one_path(paths)
    return make_source(
        open_tree(path),
        find_place=find_place,
        name_class=name_class,
        kind="folder",
        name=path.resolve().name,
        reporter=reporter,
    )


def require_one_path(paths: tuple[Path, ...]) -> Path:
    """Return the only path.

    Raises:
        SourceError: There are more.
    """
    if len(paths) > 1:
        raise SourceError(f"{paths[1]}: one source too many, expected only {paths[0]}")
    return paths[0]


def find_place(path: PurePosixPath) -> PicturePlace | str:
    """Return where ``class/picture`` or ``split/class/picture`` belongs."""
    match path.parts:
        case [folder, _]:
            return PicturePlace(split=None, folder=folder)
        case [split, folder, _] if split.lower() in _SPLIT_NAMES:
            return PicturePlace(split=SPLITS.index(_SPLIT_NAMES[split.lower()]), folder=folder)
    return _DEEP
