"""One file from a web server to the disk: whole or absent, and resumed where it was cut off."""

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from glyphgen.errors import SourceError
from glyphgen.files.opening import TEXT, read_regular
from glyphgen.files.writing import disk_errors, sync, write_bytes
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.text import show_bytes
from glyphgen.version import VERSION

if TYPE_CHECKING:
    from http.client import HTTPResponse

__all__ = ["check_address", "download_file", "name_part"]

_AT_ONCE = 1 << 20
_TIMEOUT_S = 60  # without a byte
_MOST_BYTES = 8 << 30
_AGAIN = "run the same command again: it goes on from there"


def name_part(path: Path) -> Path:
    """Return the name of a file that is not whole yet."""
    return path.with_name(f"{path.name}.part")


def _name_tag(path: Path) -> Path:
    """Return the file that holds the server's mark of the version that is being downloaded."""
    return path.with_name(f"{path.name}.part-tag")


def check_address(address: str) -> None:
    """Check that an address is one of the web.

    Raises:
        SourceError: It is another, such as that of a file.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SourceError(f"{address}: expected an address that begins with https:// or http://")


def download_file(address: str, path: Path, reporter: Reporter = SILENT) -> dict[str, str]:
    """Download what is not there yet into ``name_part(path)``; the caller proves and renames it.

    Args:
        address: Of the file.
        path: Where it is to lie; its folder is there.
        reporter: Is told how many bytes are there.

    Returns:
        What the server says of it: ``etag`` and ``last-modified``, each if it is said.

    Raises:
        SourceError: The server cannot be reached, refuses, or the connection was lost; what has come
            stays, and the same call goes on from it.
        DatasetError: The disk refused.
    """
    part = name_part(path)
    n_there = _find_start(path, part)
    headers = {"User-Agent": f"glyphgen/{VERSION}", "Accept-Encoding": "identity"}
    if n_there:
        headers |= {
            "Range": f"bytes={n_there}-",
            "If-Range": read_regular(_name_tag(path), TEXT).decode(),
        }
    with _opened(urllib.request.Request(address, headers=headers)) as response:
        if response.status != http.client.PARTIAL_CONTENT:  # it has changed, or it knows no ranges
            n_there = 0
        n_bytes = n_there + int(response.headers.get("Content-Length") or 0)
        if n_bytes > _MOST_BYTES:
            raise SourceError(
                f"{address}: has {show_bytes(n_bytes)}, expected {show_bytes(_MOST_BYTES)} or less"
            )
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        write_bytes(_name_tag(path), tag.encode(), durable=False)
        n_come = _write(response, part, n_there, n_bytes, reporter)
        known = {name: response.headers.get(name, "") for name in ("ETag", "Last-Modified")}
    if n_come < n_bytes:
        raise SourceError(
            f"{address}: the connection was lost after {show_bytes(n_come)} of {show_bytes(n_bytes)}"
            f" ({_AGAIN})"
        )
    with disk_errors(part):
        sync(part)
        _name_tag(path).unlink(missing_ok=True)
    return {name.lower(): value for name, value in known.items() if value}


def _find_start(path: Path, part: Path) -> int:
    """Return how many bytes are there of a version that the server can tell from others."""
    with disk_errors(part, "read"):
        tag = _name_tag(path)
        if not (part.is_file() and tag.is_file() and tag.stat().st_size):
            return 0
        if read_regular(tag, TEXT).startswith(b"W/"):  # a weak ETag is no mark of bytes
            return 0
        return part.stat().st_size


def _write(
    response: "HTTPResponse", part: Path, n_there: int, n_bytes: int, reporter: Reporter
) -> int:
    """Append what comes, and return how many bytes there are then."""
    flags = os.O_WRONLY | os.O_CREAT | (0 if n_there else os.O_TRUNC)
    with disk_errors(part):
        descriptor = os.open(part, flags, 0o666)
    try:
        os.lseek(descriptor, n_there, os.SEEK_SET)
        for content in _read(response):
            with disk_errors(part):
                left = memoryview(content)
                while left:
                    left = left[os.write(descriptor, left) :]
            n_there += len(content)
            step = f"fetch {part.name.removesuffix('.part')}"
            reporter.progress(Progress(step=step, done=n_there, total=n_bytes, unit="bytes"))
            if n_there > _MOST_BYTES:
                break
    finally:
        os.close(descriptor)
    return n_there


def _read(response: "HTTPResponse") -> Iterator[bytes]:
    """Yield what comes, until nothing more does."""
    while True:
        try:
            content = response.read1(_AT_ONCE)
        except (OSError, http.client.HTTPException):  # lost: the caller counts what is missing
            return
        if not content:
            return
        yield content


@contextmanager
def _opened(request: urllib.request.Request) -> Iterator[Any]:
    """Give the answer of a server.

    Raises:
        SourceError: There is none, or it is no file.
    """
    address, host = request.full_url, urlsplit(request.full_url).hostname
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        raise SourceError(
            f"{address}: the server answers {error.code} {error.reason} (has the file moved? --mirror"
            " names another place)"
        ) from None
    except (OSError, http.client.HTTPException) as error:  # URLError is an OSError
        said = getattr(error, "reason", None) or error
        text = said.strerror if isinstance(said, OSError) and said.strerror else str(said)
        raise SourceError(
            f"{address}: {host} cannot be reached: {text} (is this machine online? the file can be"
            " brought from another one)"
        ) from None
    with response:
        yield response
