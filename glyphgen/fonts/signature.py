"""The first bytes of a file -> what it is, where it is no font that can be read."""

import re

__all__ = ["describe_no_font"]

_FONTS = (b"\0\1\0\0", b"OTTO", b"true", b"ttcf", b"wOFF", b"wOF2")

_OUTLINES = "look for the font's .ttf or .otf"
_UNPACK = "unpack it first"
_RAW = "download the font itself: its raw file"

# What a file begins with -> what it is, and what to do. Source: `file`'s magic; the formats' own pages.
_KINDS = (
    (rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)\b", "a web page", _RAW),
    (
        rb"version https://git-lfs\.github\.com/",
        "a Git LFS pointer",
        "`git lfs pull` gets the font",
    ),
    (rb"%!(PS-AdobeFont|FontType1)|\x80\x01.{4}%!", "a Type 1 font", _OUTLINES),
    (rb"typ1", "a Type 1 font in the wrapping of TrueType", _OUTLINES),
    (rb".{34}LP", "an Embedded OpenType font (.eot)", _OUTLINES),
    (rb"\x00\x00\x01\x00.{12}\x00{48}", "a font of the classic Mac OS (.dfont)", _OUTLINES),
    (rb"STARTFONT |\x01fcp", "a font of bitmaps (.bdf, .pcf)", _OUTLINES),
    (rb"SplineFontDB:", "a FontForge source (.sfd)", "generate a font from it"),
    (rb"(\xef\xbb\xbf)?\s*(<\?xml|<svg|<plist)", "an XML file", _OUTLINES),
    (rb"%PDF-", "a PDF", _OUTLINES),
    (rb"PK\x03\x04", "a ZIP archive", _UNPACK),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!", "a packed file", _UNPACK),
    (rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF", "a picture", _OUTLINES),
)
_LOOKED_AT = 512  # bytes


def describe_no_font(data: bytes) -> str | None:
    """Return what a file is that holds no font, and what to do: None where it may hold one."""
    found = _describe(data)
    return found and f"{found[0]}, expected TrueType or OpenType ({found[1]})"


def _describe(data: bytes) -> tuple[str, str] | None:
    head = data[:_LOOKED_AT]
    if head.startswith(_FONTS):
        return None
    if not any(data):
        return ("nothing but zeros" if data else "an empty file"), _RAW
    for pattern, what, advice in _KINDS:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            return what, advice
    if _is_text(head):
        line = head.decode().split("\n", 1)[0].strip()[:40]
        return f"a text that begins '{line}'", _RAW
    return None


def _is_text(head: bytes) -> bool:
    return len(head) > 4 and head.isascii() and not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", head)
