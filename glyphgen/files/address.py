"""Where a dataset lies: a folder of this machine, or an address in a store of objects.

An address is ``scheme://bucket/path`` as fsspec knows it. It is no path: whoever would open it as one is
stopped by Python, and goes through ``open_store`` instead.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from glyphgen.errors import DatasetError
from glyphgen.text import show_foreign

__all__ = ["Address", "AnyPlace", "Place", "parse_place"]

_ADDRESS = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL | re.IGNORECASE)
_CUT_SHORT = re.compile(r"[a-z][a-z0-9+.-]+:/(?!/)", re.IGNORECASE)  # what Path makes of an address
_HERE = ("file", "local")  # schemes of fsspec for folders of this machine


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A folder or file in a store.

    Attributes:
        url: ``scheme://bucket/path``, without a slash at its end; it holds no secret, and can be shown.
    """

    url: str

    def __str__(self) -> str:
        return self.url

    def __truediv__(self, name: str) -> "Address":
        return Address(f"{self.url}/{name}") if name else self

    @property
    def scheme(self) -> str:
        """What stands before ``://``."""
        return self.url.partition("://")[0]

    @property
    def name(self) -> str:
        """The last part."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What the last part ends with, from its last dot on."""
        return Path(self.name).suffix

    @property
    def parent(self) -> "Address":
        """What it lies in."""
        return Address(self.url.rpartition("/")[0])

    def resolve(self) -> "Address":
        """Return the same address: it is whole."""
        return self

    def is_relative_to(self, other: "Address") -> bool:
        """Return whether it is another address, or lies below it."""
        return f"{self.url}/".startswith(f"{other.url}/")


Place: TypeAlias = Path | Address
"""A folder of this machine, or an address in a store."""

AnyPlace: TypeAlias = str | os.PathLike[str] | Address
"""What public functions take for a place; ``parse_place`` makes a place of it."""


def parse_place(given: AnyPlace) -> Place:
    """Return the place that a text, a path or a place names.

    Raises:
        DatasetError: It is an address that cannot be one of a dataset; no secret in it is shown.
    """
    if isinstance(given, Address | Path) and not _is_cut_short(given):
        return given
    text = os.fspath(given) if not isinstance(given, Address) else given.url
    if _is_cut_short(given):
        scheme, _, rest = text.partition(":/")
        raise DatasetError(
            f"{text}: an address with one slash, expected {scheme}://{rest}"
            " (Path cuts addresses short: in Python give a text)"
        )
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return Path(text)
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme in _HERE:
        return Path(rest)
    return _check_address(scheme, rest)


def _is_cut_short(given: AnyPlace) -> bool:
    return isinstance(given, os.PathLike) and bool(_CUT_SHORT.match(os.fspath(given)))


def _check_address(scheme: str, rest: str) -> Address:
    parts = rest.rstrip("/").split("/")
    if "@" in parts[0] or any(character in rest for character in "?#"):
        raise DatasetError(
            f"{scheme}://...: holds a name, a password or a query, expected {scheme}://bucket/path"
            " (credentials belong into the environment or the settings of the store)"
        )
    shown = show_foreign(f"{scheme}://{rest}")
    if not rest.isprintable():
        raise DatasetError(f"{shown}: holds control characters, expected {scheme}://bucket/path")
    if not all(parts) or {".", ".."} & set(parts):
        raise DatasetError(f"{shown}: holds an empty part or dots, expected {scheme}://bucket/path")
    return Address(f"{scheme}://{'/'.join(parts)}")
