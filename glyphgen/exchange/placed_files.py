"""The files of an export, in a folder or in a store: libraries of formats know folders of this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from glyphgen.exchange.export_format import Exporter, ExportShard, WrittenFile
from glyphgen.exchange.exported_pages import read_export_page
from glyphgen.files.address import Address, Place
from glyphgen.files.opening import ARRAY, read_regular
from glyphgen.files.store import open_store
from glyphgen.files.temporary import make_temporary_folder, temporary_errors
from glyphgen.files.writing import disk_errors, make_folder, write_bytes

__all__ = ["are_there", "fetch_files", "write_files"]


def write_files(exporter: Exporter, shard: ExportShard, out: Place) -> tuple[WrittenFile, ...]:
    """Write the files of a shard into a folder, or write them here and put them into a store."""
    if isinstance(out, Path):
        return exporter.write(shard, out)
    with make_temporary_folder() as folder:
        files = exporter.write(shard, folder)
        for file in files:
            with temporary_errors(folder):
                content = read_regular(folder / file.name, ARRAY)
            open_store(out).put(file.name, content)
        return files


def are_there(out: Place, files: tuple[WrittenFile, ...]) -> bool:
    """Return whether the files of a shard are there; of a folder, with their sizes."""
    if isinstance(out, Address):  # where an object is whole or absent
        return all(open_store(out).exists(file.name) for file in files)
    with disk_errors(out, "read"):
        paths = [(out / file.name, file.bytes) for file in files]
        return all(path.is_file() and path.stat().st_size == n_bytes for path, n_bytes in paths)


@contextmanager
def fetch_files(out: Place, k: int, name: str) -> Iterator[Path]:
    """Give the folder that the files of a shard lie in: of a store one with copies of them.

    Args:
        out: Of the export.
        k: Number of the shard.
        name: Of the one file that holds all; empty where export.json names the files.
    """
    if isinstance(out, Path):
        yield out
        return
    page = None if name else read_export_page(out)
    names = [name] if page is None else [file.name for file in page.files[k]]
    with make_temporary_folder() as folder:
        for each in names:
            make_folder((folder / each).parent)
            write_bytes(folder / each, open_store(out).get_range(each, kind=ARRAY), durable=False)
        yield folder
