"""What a font says of its license, maker and embedding -> short words; reads no font."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from glyphgen.errors import UnreadableFontError
from glyphgen.files.opening import CATALOG, LICENSE_TEXT, FileKind, describe_unread, read_regular

__all__ = [
    "UNKNOWN",
    "License",
    "describe_embedding",
    "find_beside",
    "read_license",
    "recognize_license",
]

UNKNOWN = "unknown"
_LONGEST_NAME = 300  # characters of a license that is not recognized: its first sentences name it

# SPDX identifier -> what its text or address says. The first that is found names the license.
# Source: SPDX License List 3.24.
_LICENSES = {
    "OFL-1.0": r"Open Font License,? \(?(OFL\) )?v(ersion )?1\.0",
    "OFL-1.1": r"Open Font License|scripts\.sil\.org/(OFL|cms/scripts/page\.php\?.*OFL)"
    r"|openfontlicense\.org",
    "Apache-2.0": r"Apache License,? Version 2\.0|apache\.org/licenses/LICENSE-2\.0",
    "Ubuntu-font-1.0": r"Ubuntu Font Licen[cs]e",
    "Bitstream-Vera": r"Bitstream Vera is a trademark|Fonts are \(c\) Bitstream",
    "IPA": r"IPA Font License",
    "CC0-1.0": r"publicdomain/zero/1\.0|CC0 1\.0",
    "GPL-3.0-only WITH Font-exception-2.0": r"General Public License.*version 3.*font exception",
    "GPL-2.0-only WITH Font-exception-2.0": r"General Public License.*font exception",
    "MIT": r"MIT License|opensource\.org/licenses/MIT",
    "mplus": r"M\+ FONTS? (License|PROJECT)|free software\..*Unlimited permission",
}
_CREATIVE_COMMONS = re.compile(r"creativecommons\.org/licenses/(by[a-z-]*)/(\d\.\d)", re.IGNORECASE)

# Source: OpenType 1.9.1, table OS/2, fsType. Of several of these bits, the least strict holds.
_EMBEDDING = ((0x8, "editable"), (0x4, "preview and print"), (0x2, "restricted"))
_NARROWER = ((0x100, "no subsetting"), (0x200, "bitmap only"))

_COLUMNS = {"folder", "file", "licence", "package"}  # that a catalogue must have


@dataclass(frozen=True, slots=True, kw_only=True)
class License:
    """A license by name and text.

    Attributes:
        name: An SPDX identifier where it is recognized.
        text: As it is given.
    """

    name: str
    text: str


def recognize_license(text: str, url: str) -> str:
    """Return the SPDX identifier of a license, or its first words, or its address, or ``unknown``."""
    said = " ".join(f"{text} {url}".split())
    for name, pattern in _LICENSES.items():
        if re.search(pattern, said, re.IGNORECASE):
            return name
    commons = _CREATIVE_COMMONS.search(said)
    if commons:
        return f"CC-{commons[1].upper().rstrip('-')}-{commons[2]}"
    return said[:_LONGEST_NAME] or UNKNOWN


def describe_embedding(fs_type: int) -> str:
    """Return the embedding bits of OS/2 in words: ``"preview and print, no subsetting"``.

    They speak of fonts that are embedded in documents, not of pictures that are drawn with them.
    """
    words = [next((word for bit, word in _EMBEDDING if fs_type & bit), "installable")]
    return ", ".join(words + [word for bit, word in _NARROWER if fs_type & bit])


def find_beside(path: Path) -> License | None:
    """Return the license that a catalogue beside a font file gives: ``None`` without one.

    A catalogue is a file ``FONTS.tsv`` in the folder above, with columns ``folder``, ``file``,
    ``licence`` and ``package``; the text is ``licences/<package>.txt``. Links that lead out of that folder
    are not followed, for what is read here is published with the dataset.

    Raises:
        UnreadableFontError: The catalogue or the text is there, and cannot be read.
    """
    home = path.absolute().parent
    row = _read_catalogue(home.parent).get((home.name, path.name))
    if row is None:
        return None
    text = _read_text(f"licences/{Path(row['package']).name}.txt", home.parent, LICENSE_TEXT)
    return License(name=row["licence"], text=text.strip())


def read_license(folder: Path) -> License | None:
    """Return what the file ``LICENSE`` of a folder says: ``None`` without one.

    A link that leads out of the folder is not followed, for what is read here is published.

    Raises:
        UnreadableFontError: The file is there, and cannot be read.
    """
    text = _read_text("LICENSE", folder, LICENSE_TEXT)
    return License(name=recognize_license(text, ""), text=text.strip()) if text else None


@cache
def _read_catalogue(folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    head, *lines = _read_text("FONTS.tsv", folder, CATALOG).splitlines() or [""]
    if not set(head.split("\t")) >= _COLUMNS:
        return {}
    rows = [dict(zip(head.split("\t"), line.split("\t"), strict=False)) for line in lines]
    return {(row["folder"], row["file"]): row for row in rows if row.keys() >= _COLUMNS}


def _read_text(name: str, folder: Path, kind: FileKind) -> str:
    """Return the content of a file in a folder; nothing where there is none."""
    try:
        text = read_regular(folder / name, kind, within=folder).decode("utf-8", "replace")
        return text.replace("\r\n", "\n")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UnreadableFontError(f"{folder / name}: {describe_unread(error)}") from None
