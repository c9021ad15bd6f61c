"""A store of objects that fsspec knows: S3, Google Cloud Storage, or the memory of this process.

Each object is put in one step, and is whole or absent. Nothing here needs more of a store than that what
was put is read and listed from then on: neither conditions nor ETags. Keys and addresses of servers come
from the environment and the settings of the store's own library; glyphgen sees none of them.
"""

import io
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import StoreError
from glyphgen.files.address import Address
from glyphgen.files.listed import ListedFile, read_listed
from glyphgen.files.opening import PAGE, FileKind, RefusedFileError

__all__ = ["ObjectStore"]

_PAUSE_S = 0.5  # before what has failed is tried once more; some libraries have tried several times
_LONGEST = 200  # characters of what a library says
_SECRET = re.compile(r"//[^/@\s]*@")
_NO_KEYS = re.compile("(No|Partial|Default|Invalid|Token).*(Credential|Token)s?.*Error")
_AGAIN = "then run the same command again"

Result = TypeVar("Result")


class ObjectStore:
    """A folder in a store; there are no empty folders.

    Args:
        root: Its address.
    """

    def __init__(self, root: Address) -> None:
        self._root = root

    @property
    def is_shared(self) -> bool:
        """Whether other processes see what is put here."""
        return self._root.scheme != "memory"

    def put(self, name: str, *parts: bytes | NDArray[np.generic], durable: bool = True) -> None:  # noqa: ARG002
        """Put one object; what was put is there for good."""
        views = (
            part if isinstance(part, bytes) else part.reshape(-1).view(np.uint8).data
            for part in parts
        )
        content = b"".join(views)
        try:
            self._ask(name, "written", lambda system, path: system.pipe_file(path, content))
        except FileNotFoundError as error:
            raise StoreError(
                f"{self._root / name}: cannot be written: there is no such bucket"
                " (make it, or check the address)"
            ) from error

    def get_range(
        self, name: str, start: int = 0, end: int | None = None, *, kind: FileKind = PAGE
    ) -> bytes:
        """Read from an object, no more than its kind may hold."""
        last = start + kind.most_bytes + 1 if end is None else end
        if last <= start:
            return b""

        def read(system: Any, path: str) -> bytes:
            try:
                return bytes(system.cat_file(path, start=start, end=last))
            except FileNotFoundError:
                raise
            except (OSError, ValueError):  # servers refuse a range without a byte in it
                if system.info(path)["size"] <= start:
                    return b""
                raise

        content = self._ask(name, "read", read)
        if end is None and len(content) > kind.most_bytes:
            raise RefusedFileError(f"larger than {kind.what} may be")
        return content

    def open(self, name: str, kind: FileKind) -> io.BytesIO:
        """Read an object into memory."""
        return io.BytesIO(self.get_range(name, kind=kind))

    def list(self, name: str = "") -> tuple[str, ...]:
        """List the objects and folders below a name."""
        try:
            found = self._ask(name, "read", _list)
        except FileNotFoundError:
            return ()
        return tuple(sorted(found))

    def list_files(self) -> Mapping[str, ListedFile]:
        """List the objects directly below the root."""
        try:
            return self._ask("", "read", _list_files)
        except FileNotFoundError:
            return {}

    def delete(self, name: str, *, durable: bool = False) -> None:  # noqa: ARG002
        """Delete an object, or all below a name."""
        with suppress(FileNotFoundError):
            self._ask(name, "deleted", lambda system, path: system.rm(_find(system, path)))

    def exists(self, name: str = "") -> bool:
        """Ask for an object of this name, or for one below it."""
        try:
            self._ask(name, "read", lambda system, path: system.info(path))
        except FileNotFoundError:
            return False
        return True

    def sweep(self, name: str = "") -> None:
        """Do nothing: what was not finished never was there."""

    def _ask(self, name: str, done: str, act: Callable[[Any, str], Result]) -> Result:
        """Return what a file system does with a path, which is tried again where it fails.

        Raises:
            FileNotFoundError: There is no such object, or no such bucket.
            StoreError: The store refused, or cannot be reached.
        """
        place = self._root / name
        for is_last in (False, True):
            try:
                system, root = _open_file_system(self._root.url, os.getpid())
                return act(system, f"{root}/{name}" if name else root)
            except (FileNotFoundError, StoreError, MemoryError):
                raise
            except Exception as error:  # what libraries of stores raise has no common parent
                if is_last or _is_final(error):
                    again = f"{_AGAIN}: finished shards are kept" if done == "written" else _AGAIN
                    said, advice = _explain(error)
                    raise StoreError(
                        f"{place}: cannot be {done}: {said} ({advice}, {again})"
                    ) from error
                time.sleep(_PAUSE_S)
        raise AssertionError("the last try returns or raises")


@lru_cache(maxsize=64)
def _open_file_system(url: str, _process: int) -> tuple[Any, str]:
    """Return the file system of an address and the path in it, without a slash at its end.

    Raises:
        StoreError: Its library is not installed, or nobody knows the scheme.
    """
    scheme = url.partition("://")[0]
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise StoreError(
            f"{url}: the library fsspec is not installed (pip install 'glyphgen[remote]')"
        ) from None
    try:
        # What another process puts is to be seen at once.
        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        library = (error.name or str(error)).partition(".")[0]
        raise StoreError(
            f"{url}: the library of {scheme}:// is not installed: {_shorten(library)}"
            " (pip install 'glyphgen[remote]' for s3; gcsfs for gs, adlfs for abfs)"
        ) from None
    except ValueError as error:
        raise StoreError(
            f"{url}: {_shorten(error)}, expected a scheme such as s3, gs or memory"
        ) from None
    return system, path.rstrip("/")


def _list(system: Any, path: str) -> set[str]:
    paths = (found.rstrip("/") for found in system.ls(path, detail=False))
    return {found.rpartition("/")[2] for found in paths if found != path}


def _list_files(system: Any, path: str) -> dict[str, ListedFile]:
    return {
        told["name"].rpartition("/")[2]: read_listed(told)
        for told in system.ls(path, detail=True)
        if told["type"] == "file"
    }


def _find(system: Any, path: str) -> list[str]:
    """Return an object, or all below a path.

    Raises:
        FileNotFoundError: There is none.
    """
    found: list[str] = system.find(path)
    if not found:
        raise FileNotFoundError(path)
    return found


def _is_final(error: Exception) -> bool:
    """Return whether to try again is of no use."""
    return isinstance(error, PermissionError) or bool(_NO_KEYS.match(type(error).__name__))


def _explain(error: Exception) -> tuple[str, str]:
    """Return why a store did not do something, and what to do."""
    said = _shorten(error)
    if _NO_KEYS.match(type(error).__name__):
        return f"no credentials: {said}", "set them as the store's own tools want them"
    if isinstance(error, PermissionError):
        return f"access denied: {said}", "check the credentials and what they permit"
    return said, "check the store and the way to it"


def _shorten(said: object) -> str:
    text = " ".join(_SECRET.sub("//***@", str(said)).split()).rstrip(".")
    return text[:_LONGEST] or type(said).__name__
