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
from functools import lru_cache, partial
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import StoreError
from glyphgen.files.address import Address
from glyphgen.files.listed import ListedFile, read_listed
from glyphgen.files.opening import PAGE, FileKind, RefusedFileError
from glyphgen.text import show_foreign

__all__ = ["ObjectStore"]

_PAUSE_S = 0.5  # before what has failed is tried once more; some libraries have tried several times
_TIMEOUT_S = 60.0  # of a question; for each MiB that travels as much again
_SHARD_BYTES = 32 << 20  # as many as it has where nobody says another number
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
            self._ask(
                name,
                "written",
                lambda call, path: call("pipe_file", path, content),
                n_bytes=len(content),
            )
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

        def read(call: _Call, path: str) -> bytes:
            try:
                return bytes(call("cat_file", path, start=start, end=last))
            except (FileNotFoundError, TimeoutError):
                raise
            except (OSError, ValueError):  # servers refuse a range without a byte in it
                if call("info", path)["size"] <= start:
                    return b""
                raise

        # Of a whole file nobody knows how large it is: an array counts as a shard, a page as a MiB.
        n_bytes = end - start if end else min(kind.most_bytes >> 7, _SHARD_BYTES)
        content = self._ask(name, "read", read, n_bytes=n_bytes)
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
            self._ask(name, "deleted", lambda call, path: call("rm", _find(call, path)))

    def exists(self, name: str = "") -> bool:
        """Ask for an object of this name, or for one below it."""
        try:
            self._ask(name, "read", lambda call, path: call("info", path))
        except FileNotFoundError:
            return False
        return True

    def sweep(self, name: str = "") -> None:
        """Do nothing: what was not finished never was there."""

    def _ask(
        self, name: str, done: str, act: Callable[["_Call", str], Result], *, n_bytes: int = 0
    ) -> Result:
        """Return what a file system does with a path, which is tried again where it fails.

        Args:
            name: Of the object.
            done: What is done with it, in a word.
            act: Is given what calls the file system, and the path.
            n_bytes: That travel, about.

        Raises:
            FileNotFoundError: There is no such object, or no such bucket.
            StoreError: The store refused, or cannot be reached.
        """
        place = self._root / name
        limit_s = 0.0
        for is_last in (False, True):
            try:
                system, root = _open_file_system(self._root.url, os.getpid())
                limit_s = _find_timeout() * (1 + n_bytes / (1 << 20))
                return act(partial(_call, system, limit_s), f"{root}/{name}" if name else root)
            except (FileNotFoundError, StoreError, MemoryError):
                raise
            except Exception as error:  # what libraries of stores raise has no common parent
                if is_last or _is_final(error):
                    again = f"{_AGAIN}: finished shards are kept" if done == "written" else _AGAIN
                    said, advice = _explain(error, limit_s)
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


def _find_timeout() -> float:
    """Return the seconds that a question may take, as fsspec's settings say it of ``glyphgen``.

    Raises:
        StoreError: They say no number.
    """
    from fsspec.config import conf

    given = conf.get("glyphgen", {}).get("timeout", _TIMEOUT_S)
    with suppress(TypeError, ValueError):
        if float(given) > 0:
            return float(given)
    raise StoreError(
        f"FSSPEC_GLYPHGEN_TIMEOUT: found {show_foreign(str(given))}, expected seconds, more than 0"
    )


class _Call(Protocol):
    """Calls a method of a file system by its name."""

    def __call__(self, method: str, *given: Any, **named: Any) -> Any: ...


def _call(system: Any, limit_s: float, method: str, *given: Any, **named: Any) -> Any:
    """Call a file system; a library that waits for its answers in a loop of events can be called off.

    Raises:
        TimeoutError: It took longer than ``limit_s``.
    """
    if system.async_impl:
        named["timeout"] = limit_s
    return getattr(system, method)(*given, **named)


def _list(call: _Call, path: str) -> set[str]:
    paths = (found.rstrip("/") for found in call("ls", path, detail=False))
    return {found.rpartition("/")[2] for found in paths if found != path}


def _list_files(call: _Call, path: str) -> dict[str, ListedFile]:
    return {
        told["name"].rpartition("/")[2]: read_listed(told)
        for told in call("ls", path, detail=True)
        if told["type"] == "file"
    }


def _find(call: _Call, path: str) -> list[str]:
    """Return an object, or all below a path.

    Raises:
        FileNotFoundError: There is none.
    """
    found: list[str] = call("find", path)
    if not found:
        raise FileNotFoundError(path)
    return found


def _is_final(error: Exception) -> bool:
    """Return whether to try again is of no use."""
    return isinstance(error, PermissionError) or bool(_NO_KEYS.match(type(error).__name__))


def _explain(error: Exception, limit_s: float) -> tuple[str, str]:
    """Return why a store did not do something, and what to do."""
    if isinstance(error, TimeoutError) and not str(error):
        return (
            f"no answer within {limit_s:.3g} s",
            "check the store and the way to it, or let FSSPEC_GLYPHGEN_TIMEOUT be more seconds",
        )
    said = _shorten(error)
    if _NO_KEYS.match(type(error).__name__):
        return f"no credentials: {said}", "set them as the store's own tools want them"
    if isinstance(error, PermissionError):
        return f"access denied: {said}", "check the credentials and what they permit"
    return said, "check the store and the way to it"


def _shorten(said: object) -> str:
    text = " ".join(_SECRET.sub("//***@", str(said)).split()).rstrip(".")
    return text[:_LONGEST] or type(said).__name__
