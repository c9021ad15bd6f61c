"""Names of folders for classes: the label itself where Linux, Windows and macOS can all take it.

What one of them cannot take is written as ``%`` and two hexadecimal digits for each byte of its UTF-8, as
in addresses, so that a name tells its label: a slash, a colon, a percent sign, a control, a dot or space at
an end, the first letter of a name that Windows keeps for a device, and the capitals of a label that differs
from another only in them. A label that is too long is cut, and ends with ``%~`` and its hash; classes.json
has all labels.

Source: Microsoft, "Naming Files, Paths, and Namespaces"; Apple, "APFS Guide", on case and normalization.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from glyphgen.dataset.index import ClassInfo

__all__ = ["name_folders"]

_REFUSED = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|%\ud800-\udfff\u2028\u2029]')
_ENDS = re.compile(r"^[. ~-]|[. ]$")  # hidden, cut off by Windows, or taken for an option
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
_MOST_BYTES = 200  # of 255: of the rest, a hash


def name_folders(classes: Sequence[ClassInfo], names: str) -> tuple[str, ...]:
    """Return a name for the folder of each class, all different on any file system.

    Args:
        classes: Whose labels differ.
        names: A key of ``FOLDER_NAMES``. A class without forms, or whose first form is another's too, is
            named by its label.
    """
    wanted = [info.label for info in classes]
    if names == "codepoint":
        spelled = ["_".join(info.codepoints[0]) if info.codepoints else "" for info in classes]
        owners = Counter(spelled)
        wanted = [
            code if code and owners[code] == 1 else info.label
            for code, info in zip(spelled, classes, strict=True)
        ]
    n_alike = Counter(map(_fold, wanted))
    return tuple(_name_folder(label, has_twin=n_alike[_fold(label)] > 1) for label in wanted)


def _fold(label: str) -> str:
    """Return what is the same for names that some file system takes for one."""
    decomposed = unicodedata.normalize("NFD", label)
    return unicodedata.normalize("NFD", decomposed.casefold())


def _name_folder(label: str, *, has_twin: bool) -> str:
    name = _REFUSED.sub(lambda found: _escape(found[0]), label)
    name = _ENDS.sub(lambda found: _escape(found[0]), name)
    if _DEVICE.match(name):
        name = _escape(name[0]) + name[1:]
    if has_twin:
        # What is neither lower case nor composed differs from its twin in this; escapes stay as they are.
        name = "".join(
            part if part.startswith("%") else _escape_twin(part)
            for part in re.split(r"(%[0-9A-F]{2})", name)
        )
    if not name or len(name.encode()) > _MOST_BYTES:
        digest = hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        name = f"{name.encode()[:_MOST_BYTES].decode(errors='ignore').rstrip('%. ')}%~{digest}"
    return name


def _escape_twin(text: str) -> str:
    return "".join(
        char if char == char.casefold() == unicodedata.normalize("NFD", char) else _escape(char)
        for char in text
    )


def _escape(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
