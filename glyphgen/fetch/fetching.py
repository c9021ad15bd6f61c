"""A public collection -> its files in a folder, with their hashes, license and attribution."""

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from glyphgen.choices import COLLECTIONS, check_choice
from glyphgen.errors import SourceError
from glyphgen.fetch.catalog import (
    CATALOG_ADDRESS,
    COLLECTION_FILES,
    CollectionFile,
    describe_terms,
)
from glyphgen.fetch.downloading import check_address, download_file, name_part
from glyphgen.files.opening import PAGE, FileKind, describe_unread, open_regular, read_regular
from glyphgen.files.pages import PageError, parse_page
from glyphgen.files.writing import disk_errors, sync, write_bytes
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json, show_bytes

__all__ = ["FETCHED_NAME", "FetchedFile", "fetch_collection"]

FETCHED_NAME, TERMS_NAME = "fetched.json", "LICENSE-AND-ATTRIBUTION.txt"

_FETCHED = FileKind("a file of a collection", 8 << 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFile:
    """One file of a collection, as it was fetched.

    Attributes:
        name: In the folder.
        address: Where it came from.
        n_bytes: Its size.
        sha256, md5: Of its bytes.
        proven_by: Which hash was known before, ``sha256`` or ``md5``; empty where none is published.
        etag, last_modified: What the server said of it, if it did.
    """

    name: str
    address: str
    n_bytes: int
    sha256: str
    md5: str
    proven_by: str
    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FetchedPage:
    collection: str
    files: tuple[FetchedFile, ...]


def fetch_collection(
    collection: str,
    out: str | os.PathLike[str],
    *,
    mirror: str = CATALOG_ADDRESS,
    reporter: Reporter = SILENT,
) -> tuple[FetchedFile, ...]:
    """Fetch the files of a public collection; those that are there and right are kept.

    Args:
        collection: A key of ``COLLECTIONS``.
        out: The folder; made when absent.
        mirror: The address that holds the collection's folder.
        reporter: Is told how far each file is, what proves it, and the license.

    Returns:
        Each file.

    Raises:
        ChoiceError: There is no such collection.
        SourceError: The server cannot be reached or refuses, the connection was lost, or a file is not
            what its hash says. What has come stays, and the same call goes on.
        DatasetError: The disk refused.
    """
    check_choice(collection, COLLECTIONS, "collection")
    check_address(mirror)
    folder = Path(out)
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    terms = describe_terms(collection)
    write_bytes(folder / TERMS_NAME, "\n".join(terms).encode() + b"\n")
    before = _read_fetched(folder, collection)
    fetched: dict[str, FetchedFile] = {}
    for wanted in COLLECTION_FILES[collection]:
        address = f"{mirror.rstrip('/')}/{collection}/{wanted.name}"
        found = _find_there(folder / wanted.name, wanted, before.get(wanted.name))
        fetched[wanted.name] = found or _fetch(folder / wanted.name, wanted, address, reporter)
        reporter.message(_describe(fetched[wanted.name], was_there=found is not None))
        known = tuple((before | fetched).values())
        page = _FetchedPage(collection=collection, files=known)
        write_bytes(folder / FETCHED_NAME, dump_json(asdict(page)))
    for line in terms:
        reporter.message(line)
    return tuple(fetched.values())


def _fetch(path: Path, wanted: CollectionFile, address: str, reporter: Reporter) -> FetchedFile:
    said = download_file(address, path, reporter)
    part = name_part(path)
    fetched = _describe_file(part, wanted, address, said)
    if fetched is None:
        with disk_errors(part):
            part.unlink()
        raise SourceError(
            f"{address}: is not the file of this name that others have published hashes of (it has"
            " changed on the server or on its way: run the same command again, or take another --mirror)"
        )
    with disk_errors(path):
        part.replace(path)
        sync(path.parent)
    return fetched


def _find_there(
    path: Path, wanted: CollectionFile, before: FetchedFile | None
) -> FetchedFile | None:
    """Return what is known of a file that is there; None if it has to be fetched."""
    if not path.exists():
        return None
    found = _describe_file(path, wanted, before.address if before else "", {})
    if found is None or (not found.proven_by and (before is None or before.sha256 != found.sha256)):
        return None
    return before or found


def _describe_file(
    path: Path, wanted: CollectionFile, address: str, said: dict[str, str]
) -> FetchedFile | None:
    """Return what a file is; None where it is not what its published hash says."""
    hashes = {"sha256": hashlib.sha256(), "md5": hashlib.md5(usedforsecurity=False)}
    n_bytes = 0
    try:
        with open_regular(path, _FETCHED) as file:
            while content := file.read(1 << 20):
                n_bytes += len(content)
                for each in hashes.values():
                    each.update(content)
    except OSError as error:
        raise SourceError(f"{path}: {describe_unread(error)}") from None
    found = {kind: each.hexdigest() for kind, each in hashes.items()}
    published = {"sha256": wanted.sha256, "md5": wanted.md5}
    if any(known and found[kind] != known for kind, known in published.items()):
        return None
    return FetchedFile(
        name=wanted.name,
        address=address,
        n_bytes=n_bytes,
        proven_by=next((kind for kind, known in published.items() if known), ""),
        etag=said.get("etag", ""),
        last_modified=said.get("last-modified", ""),
        **found,
    )


def _read_fetched(folder: Path, collection: str) -> dict[str, FetchedFile]:
    """Return what an earlier call has noted of each file."""
    try:
        page = parse_page(read_regular(folder / FETCHED_NAME, PAGE), _FetchedPage)
    except FileNotFoundError:
        return {}
    except (OSError, PageError) as error:
        said = describe_unread(error) if isinstance(error, OSError) else error
        raise SourceError(
            f"{folder / FETCHED_NAME}: {said} (remove it, and the files are fetched again)"
        ) from None
    if page.collection != collection:
        raise SourceError(
            f"{folder}: holds '{page.collection}', expected a folder for '{collection}' (--out DIR)"
        )
    return {file.name: file for file in page.files}


def _describe(file: FetchedFile, *, was_there: bool) -> str:
    """Return a line about a file."""
    proof = {
        "sha256": "its SHA-256 is the published one",
        "md5": "its MD5 is the published one",
        "": f"no hash of it is published; SHA-256 {file.sha256[:16]} is noted",
    }[file.proven_by]
    verb = "is there" if was_there else "fetched"
    return f"{file.name}: {verb}, {show_bytes(file.n_bytes)}; {proof}"
