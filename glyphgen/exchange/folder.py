"""Image folders: ``class-name/*.png``, also with train, valid and test above."""

import dataclasses
from functools import partial
from pathlib import Path, PurePosixPath

from glyphgen.choices import SPLITS
from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.tree import PicturePlace, make_source, open_tree
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["SPLIT_NAMES", "find_place", "open_folder", "require_one_path"]

SPLIT_NAMES = {name: name for name in SPLITS}
SPLIT_NAMES |= {"training": "train", "valid": "val", "validation": "val", "testing": "test"}
"""How folders and arrays of a split are named, and which split it is."""

_DEEP = "in no class folder, expected class-name/picture or split/class-name/picture"


def open_folder(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,
) -> ImportSource:
    """Open a folder of class folders.

    A folder is named after a character, ``U+3042``, or any word.

    Args:
        paths: Of the folder.
        options: May name a class map, whose indices are the names; or say that one ASCII character stands
            for itself.
        reporter: Is told how many pictures are read.

    Raises:
        SourceError: It holds no pictures in class folders, a class twice, or what is not in the class map.
    """
    path = require_one_path(paths)
    source = make_source(
        open_tree(path),
        find_place=find_place,
        name_class=partial(name_class, has_ascii_characters=options.codepoints),
        kind="folder",
        name=path.resolve().name,
        class_map=Path(options.class_map) if options.class_map else None,
        reporter=reporter,
    )
    unclear = [entry.label for entry in source.classes if not entry.forms and len(entry.label) == 1]
    note = (
        f"taken for words, not for characters: {show_some(unclear)} (--codepoints takes one ASCII"
        " character for itself, --class-map FILE names a table of indices)"
    )
    return dataclasses.replace(source, notes=(note,) if unclear else ())


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
        case [split, folder, _] if split.lower() in SPLIT_NAMES:
            return PicturePlace(split=SPLITS.index(SPLIT_NAMES[split.lower()]), folder=folder)
    return _DEEP
