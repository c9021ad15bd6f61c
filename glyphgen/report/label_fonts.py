"""Which font writes the label of a class in a figure: one that has all its characters, or none.

A font that the user names comes first, then the faces of the dataset, then those that come with glyphgen.
Where none has a label's characters, figures show images of the class instead.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font

from glyphgen.dataset.reader import Dataset
from glyphgen.errors import GlyphgenError, ReportError
from glyphgen.files.opening import FONT, describe_unread, read_regular
from glyphgen.fonts import find_requests, read_face
from glyphgen.recipe import find_bundled_fonts
from glyphgen.text import show_some

__all__ = ["LabelFonts", "find_label_fonts", "shorten_label"]

# Of the bundle, those that are easiest to read come first.
_PLAIN = ("Vazirmatn_400Regular.ttf", "KosugiMaru_400Regular.ttf", "ZenMaruGothic_400Regular.ttf")
_DRAWN_BY_NONE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufe0e\ufe0f"))  # joiners, selectors
_MOST_SHOWN = 24  # characters of a label


class LabelFonts:
    """Fonts for labels, in the order in which they are asked for their characters.

    Args:
        paths: Of the fonts.
        plain_first: Write ASCII with matplotlib's own font.
    """

    def __init__(self, paths: Iterable[Path] = (), *, plain_first: bool = True) -> None:
        self._paths = tuple(dict.fromkeys(paths))
        self._plain_first = plain_first

    def find(self, label: str) -> FontProperties | None:
        """Return the font that writes a label; None where its characters are in none, or show nothing."""
        shown = shorten_label(label).translate(_DRAWN_BY_NONE)
        if not shown.strip() or not shown.isprintable():
            return None
        if self._plain_first and shown.isascii():
            return FontProperties()
        path = next((path for path in self._paths if _has_characters(path, shown)), None)
        if path is None:
            return FontProperties() if shown.isascii() else None
        return FontProperties(fname=path)


def shorten_label(label: str) -> str:
    """Return a label no longer than there is room for in a figure."""
    return label if len(label) <= _MOST_SHOWN else f"{label[: _MOST_SHOWN - 1]}…"


def find_label_fonts(
    dataset: Dataset | None = None,
    labels: Sequence[str] = (),
    label_font: str | os.PathLike[str] | None = None,
) -> LabelFonts:
    """Return the fonts for the labels of a dataset.

    Args:
        dataset: Whose faces are looked for, where it has some.
        labels: That are to be written.
        label_font: A font file that comes first.

    Raises:
        ReportError: ``label_font`` is no font, or has the characters of no label.
    """
    shipped = _list_shipped()
    own = tuple(_find_own(dataset, shipped)) if dataset else ()
    if label_font is None:
        return LabelFonts([*own, *shipped])
    path = Path(label_font)
    try:
        read_face(path, sanitize=True)
    except GlyphgenError as error:
        raise ReportError(f"--label-font: {error}") from None
    if labels and not any(_has_characters(path, label) for label in labels):
        raise ReportError(
            f"--label-font: {path}: has the characters of no label, expected those of {show_some(labels)}"
        )
    return LabelFonts([path, *own, *shipped], plain_first=False)


def _list_shipped() -> tuple[Path, ...]:
    """Return the fonts that come with glyphgen, those that are easiest to read first."""
    paths = sorted(find_bundled_fonts().glob("*/*.ttf"))
    return tuple(sorted(paths, key=lambda path: (_rank(path), path.name)))


def _rank(path: Path) -> int:
    return _PLAIN.index(path.name) if path.name in _PLAIN else len(_PLAIN)


def _find_own(dataset: Dataset, shipped: Sequence[Path]) -> Iterator[Path]:
    """Yield the font files of a dataset's faces that are still here: shipped ones, then the recipe's."""
    wanted = {info.file: info.sha256 for info in dataset.index.faces}
    yield from (
        path for path in shipped if path.name in wanted and _hash(path) == wanted[path.name]
    )
    known = {path.name for path in shipped}
    if not wanted.keys() - known:
        return
    from glyphgen.render.recalling import recall_recipe

    try:
        requests, _ = find_requests(recall_recipe(dataset.folder, dataset.index))
    except GlyphgenError:  # the recipe or its folders are gone
        return
    for path in dict.fromkeys(request.path for request in requests):
        if path.name in wanted and path.name not in known and _hash(path) == wanted[path.name]:
            try:
                read_face(path, sanitize=True)
            except GlyphgenError:
                continue
            yield path


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(read_regular(path, FONT)).hexdigest()
    except OSError as error:
        return describe_unread(error)


def _has_characters(path: Path, text: str) -> bool:
    needed = frozenset(map(ord, text.translate(_DRAWN_BY_NONE))) - {ord(" ")}
    return needed <= _read_characters(path)


@lru_cache(maxsize=256)
def _read_characters(path: Path) -> frozenset[int]:
    """Return the code points that a font has; none where matplotlib cannot read it."""
    try:
        return frozenset(FT2Font(os.fspath(path)).get_charmap())
    except (RuntimeError, OSError):
        return frozenset()
