"""index.json -> the notice that whoever publishes a dataset has to ship."""

from collections.abc import Iterable
from itertools import groupby

from glyphgen.dataset.index import FaceInfo, Index
from glyphgen.text import show_count

__all__ = ["make_notice"]

_RULE = "-" * 78
_INTRODUCTION = """\
Images in this dataset were drawn with the fonts below. What is said of each font's license is what
the font itself, or a catalogue beside it, says."""
_OF_STROKES = """\
Some were written along centre lines of strokes, which stand among the fonts."""


def make_notice(index: Index) -> str:
    """Return the fonts of a dataset with their makers, licenses and the texts of these.

    Fonts of one family and one license stand together; each text stands once, at its first font.
    """
    parts = [f"Fonts in the dataset {index.name}", *([_INTRODUCTION] if index.faces else [])]
    if any(face.is_written for face in index.faces):
        parts.append(_OF_STROKES)
    titles: dict[str, str] = {}
    by_family = sorted(index.faces, key=_family)
    for number, (_, faces) in enumerate(groupby(by_family, key=_family), start=1):
        parts.append(f"{_RULE}\n{_describe(number, list(faces), titles)}")
    if index.n_without_face:
        parts.append(f"{_RULE}\n{_describe_unknown(index)}")
    return "\n\n".join(parts) + "\n"


def _describe_unknown(index: Index) -> str:
    """Return what is not known of images that no known face has drawn."""
    sources = [source for source in index.sources if source.n_without_face]
    lines = [
        f"Unknown: the fonts or writers, and the license, of {show_count(index.n_without_face, 'image')}.",
        *(f"    {source.n_without_face:,} of {source.name} ({source.kind})" for source in sources),
    ]
    return "\n".join(lines)


def _family(face: FaceInfo) -> tuple[str, ...]:
    return face.family, face.license, face.license_url, face.copyright, face.license_text


def _describe(number: int, faces: list[FaceInfo], titles: dict[str, str]) -> str:
    first = faces[0]
    title = f"{number}. {first.family}"
    lines = [
        title,
        *_line("Files", (face.file for face in faces)),
        *_line("Versions", (face.version for face in faces)),
        *_line("Made by", (face.vendor for face in faces)),
        *_line("Copyright", [first.copyright]),
        *_line("License", [first.license]),
        *_line("Address", [first.license_url]),
        *_line("Embedding", (face.fs_type for face in faces)),
    ]
    text = first.license_text
    if text and text in titles:
        lines.append(f"Text: as of {titles[text]}")
    elif text:
        titles[text] = title
        lines += ["Text:", "", *(f"    {line}".rstrip() for line in text.splitlines())]
    else:
        lines.append("Text: the font holds none")
    return "\n".join(lines)


def _line(name: str, values: Iterable[str]) -> list[str]:
    """Return one line with the distinct values that say something, or none."""
    said = dict.fromkeys(" ".join(value.split()) for value in values)
    said.pop("", None)
    return [f"{name}: {'; '.join(said)}"] if said else []
