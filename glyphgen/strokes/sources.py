"""Recipe -> the stroke files that it names, and what hands they are written by."""

import hashlib
import importlib.metadata
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import FontError, RecipeError
from glyphgen.files.opening import FileKind, describe_unread, read_regular
from glyphgen.fonts import Face
from glyphgen.fonts.license import UNKNOWN, read_license
from glyphgen.recipe import Recipe, find_bundled_fonts
from glyphgen.strokes.hershey import parse_hershey
from glyphgen.strokes.stroke_pictures import parse_strokes
from glyphgen.text import show_foreign

__all__ = ["BUNDLED", "KANJIVG", "StrokeSource", "find_sources", "list_hands"]

Floats = NDArray[np.float64]
Strokes = list[Floats]

BUNDLED, KANJIVG = "glyphgen", "kanjivg"
_STROKE_FILE = FileKind("a file of strokes", 4 << 20)
_NAME = re.compile(r"([0-9a-f]{5})(-[^.]+)?\.svg")
# Of KanjiVG's files: as a character is printed for schools, and in block script.
_OF_KANJIVG = frozenset({None, "-Kaisho"})

_KANJIVG_TEXT = """\
KanjiVG is copyright (C) 2009/2010/2011 Ulrich Apel. It is distributed under the conditions of the Creative
Commons Attribution-Share Alike 3.0 Licence: you must state your use of KanjiVG and link to its website
(https://kanjivg.tagaini.net), and what you alter, transform or build upon it may be distributed only under
the same or a similar license. The strokes in these images were altered: each hand moves, bends and joins
them in its own way."""
_HERSHEY_TEXT = """\
The Hershey Fonts were originally created by Dr. A. V. Hershey while working at the U. S. National Bureau of
Standards. The format of the font data in this distribution was originally created by James Hurt, Cognition,
Inc., 900 Technology Park Drive, Billerica, MA 01821. The data may be used by anyone for any purpose, and be
converted into any other format except the format distributed by the U. S. NTIS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrokeSource:
    """Centre lines of many characters.

    Attributes:
        path: A folder or file, as messages and faces have it.
        family: What all its hands are called.
        version, license, license_text, license_url, copyright: As of a ``Face``.
        read: Returns the ways to write a character, each a list of strokes; none where there is none.
        digest: Returns the hash of what is read for some characters.
    """

    path: Path
    family: str
    version: str = ""
    license: str = UNKNOWN
    license_text: str = ""
    license_url: str = ""
    copyright: str = ""
    read: Callable[[str], list[Strokes]]
    digest: Callable[[Sequence[str]], str]


def find_sources(recipe: Recipe) -> tuple[StrokeSource, ...]:
    """Return the sources of a recipe, in its order; none where it has no strokes.

    Raises:
        RecipeError: The package of one is not installed, or there is no such file: a line for each.
        FontError: A file is no file of strokes.
    """
    found, problems = [], []
    for number, name in enumerate(recipe.strokes.sources if recipe.strokes else ()):
        place = recipe.place(f"strokes.sources.{number}")
        try:
            opened = _NAMED[name]() if name in _NAMED else _open_path(recipe.find_path(name))
            found.append(opened)
        except RecipeError as error:
            problems.append(f"{place}: {error}")
    if problems:
        raise RecipeError(*problems)
    return tuple(found)


def list_hands(
    sources: Sequence[StrokeSource], n_hands: int, forms: Sequence[str]
) -> tuple[Face, ...]:
    """Return every hand of every source as a face, in order.

    Args:
        sources: As ``find_sources`` gives them.
        n_hands: Of each.
        forms: Those that the hands shall write: the hash of a face is that of their files.
    """
    faces = []
    for source in sources:
        sha256 = source.digest(forms)
        faces += [
            Face(
                path=source.path,
                index=number,
                axes=(),
                location=(),
                weight=1,
                sha256=sha256,
                family=source.family,
                style=f"hand {number}",
                version=source.version,
                license=source.license,
                license_text=source.license_text,
                license_url=source.license_url,
                copyright=source.copyright,
                is_written=True,
            )
            for number in range(1, n_hands + 1)
        ]
    return tuple(faces)


def _open_kanjivg() -> StrokeSource:
    """Return the data of the package kanjivg, which is a folder of SVG files beside other packages."""
    try:
        package = importlib.metadata.distribution(KANJIVG)
    except importlib.metadata.PackageNotFoundError:
        raise RecipeError(
            "the package kanjivg is not installed (pip install 'glyphgen[kanjivg]')"
        ) from None
    pictures = (file for file in package.files or () if str(file).endswith(".svg"))
    picture = next(pictures, None)
    if picture is None:
        raise RecipeError(
            "the package kanjivg holds no SVG files (pip install --force-reinstall kanjivg)"
        )
    return _make_folder(
        Path(str(picture.locate())).parent,
        variants=_OF_KANJIVG,
        shown=Path(KANJIVG),
        family="KanjiVG",
        version=package.version,
        license="CC-BY-SA-3.0",
        license_text=_KANJIVG_TEXT,
        license_url="https://creativecommons.org/licenses/by-sa/3.0/",
        copyright="Copyright (C) 2009/2010/2011 Ulrich Apel, https://kanjivg.tagaini.net",
    )


def _open_bundled() -> StrokeSource:
    """Return the strokes that lie beside the fonts that come with glyphgen."""
    folder = find_bundled_fonts() / "strokes"
    return _make_folder(folder, shown=Path(BUNDLED), family=BUNDLED, **_describe_license(folder))


_NAMED = {BUNDLED: _open_bundled, KANJIVG: _open_kanjivg}


def _open_path(path: Path) -> StrokeSource:
    if path.is_dir():
        return _make_folder(
            path, shown=path, family=show_foreign(path.name), **_describe_license(path)
        )
    if path.suffix.lower() == ".jhf" and path.exists():
        return _open_hershey(path)
    found = "neither a folder nor a .jhf file" if path.exists() else "no such file or folder"
    raise RecipeError(
        f"'{show_foreign(str(path))}': {found},"
        f' expected "{BUNDLED}", "{KANJIVG}", a folder of SVG files or a Hershey font (.jhf)'
    )


def _describe_license(folder: Path) -> dict[str, str]:
    """Return the license of a folder as a ``StrokeSource`` has it; nothing without one."""
    found = read_license(folder)
    if found is None:
        return {}
    lines = (line.strip() for line in found.text.splitlines())
    said = next((line for line in lines if line.lower().startswith("copyright")), "")
    return {
        "license": found.name,
        "license_text": found.text,
        "copyright": show_foreign(said),
    }


def _make_folder(
    folder: Path,
    *,
    variants: Container[str | None] | None = None,
    shown: Path,
    family: str,
    **known: str,
) -> StrokeSource:
    """Return a folder of SVG files.

    Args:
        folder: Where they lie.
        variants: What the names of files may have after the code point; None for anything.
        shown: As messages and faces have the folder.
        family, known: See ``StrokeSource``.
    """
    files = _list_files(folder, variants)

    def read_files(form: str) -> dict[str, bytes]:
        return {name: _read(folder / name) for name in files.get(form, ())}

    def read(form: str) -> list[Strokes]:
        return [parse_strokes(folder / name, data) for name, data in read_files(form).items()]

    def digest(forms: Sequence[str]) -> str:
        total = hashlib.sha256()
        for form in sorted(set(forms)):
            for name, data in read_files(form).items():
                total.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
        return total.hexdigest()

    return StrokeSource(path=shown, family=family, read=read, digest=digest, **known)


def _list_files(folder: Path, variants: Container[str | None] | None) -> dict[str, list[str]]:
    """Return the names of the files of each character, the one without a variant first."""
    files: dict[str, list[str]] = {}
    for name in sorted(
        (path.name for path in folder.iterdir()), key=lambda name: (len(name), name)
    ):
        found = _NAME.fullmatch(name)
        if found and (variants is None or found[2] in variants):
            files.setdefault(chr(int(found[1], 16)), []).append(name)
    return files


def _open_hershey(path: Path) -> StrokeSource:
    data = _read(path)
    characters = parse_hershey(path, data)

    def read(form: str) -> list[Strokes]:
        strokes = characters.get(form)
        return [strokes] if strokes else []

    return StrokeSource(
        path=path,
        family=f"Hershey {show_foreign(path.stem)}",
        license="Hershey",
        license_text=_HERSHEY_TEXT,
        copyright="Dr. A. V. Hershey, James Hurt",
        read=read,
        digest=lambda _: hashlib.sha256(data).hexdigest(),
    )


def _read(path: Path) -> bytes:
    """Return the content of a stroke file.

    Raises:
        FontError: It cannot be read.
    """
    try:
        return read_regular(path, _STROKE_FILE)
    except OSError as error:
        raise FontError(f"{path}: {describe_unread(error)}") from None
