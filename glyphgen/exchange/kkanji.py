"""Kuzushiji-Kanji: ``U+XXXX/*.png`` in a folder or a .tar.

Source: Clanuwat et al., "Deep Learning for Classical Japanese Literature", 2018;
github.com/rois-codh/kmnist (kkanji.tar holds kkanji2/U+XXXX/).
"""

import re
from pathlib import Path, PurePosixPath

from glyphgen.exchange.classmap import name_class
from glyphgen.exchange.folder import require_one_path
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource
from glyphgen.exchange.tree import PicturePlace, make_source, open_tree
from glyphgen.progress import Reporter

__all__ = ["open_kkanji"]

_CLASS_FOLDER = re.compile(r"U\+[0-9A-F]{4,6}", re.IGNORECASE)


def open_kkanji(
    paths: tuple[Path, ...],
    options: ImportOptions,  # noqa: ARG001
    reporter: Reporter,
) -> ImportSource:
    """Open Kuzushiji-Kanji.

    Raises:
        SourceError: It holds no pictures in folders of this name, or is a damaged archive.
    """
    path = require_one_path(paths)
    return make_source(
        open_tree(path, (".tar",)),
        find_place=_find_place,
        name_class=name_class,
        kind="kkanji",
        name=path.resolve().name.removesuffix(".tar"),
        reporter=reporter,
    )


def _find_place(path: PurePosixPath) -> PicturePlace | str:
    folder = path.parent.name
    if _CLASS_FOLDER.fullmatch(folder):
        return PicturePlace(split=None, folder=folder.upper())
    return "in no folder named after a code point, expected such as U+3042/picture.png"
