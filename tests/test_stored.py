"""What a header says of an array is checked before memory is taken."""

import gzip
import io
import struct
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tiny_sources import write_tree

from glyphgen.errors import SourceError
from glyphgen.exchange.importing import open_source
from glyphgen.exchange.stored import StoredArray, find_arrays, find_idx, read_values


def test_a_header_that_tells_of_rows_larger_than_memory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 2, 2**31, 2**20)))
    with pytest.raises(SourceError) as caught:
        find_idx(path, 3)
    assert str(caught.value) == (
        f"{path}: says that one image has 2251.8 TB, expected at most 268.4 MB"
        " (download or save it again)"
    )
    header = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": (2, 2**31, 2**20)}
    np.lib.format.write_array_header_1_0(header, fields)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue())
    with pytest.raises(SourceError) as caught:
        find_arrays(tmp_path / "x.npz")
    assert str(caught.value) == (
        f"{tmp_path}/x.npz: images: says that one image has 2251.8 TB, expected at most 268.4 MB"
        " (download or save it again)"
    )


def test_a_tar_whose_names_take_more_than_it_has_takes_no_memory(tmp_path: Path) -> None:
    path = write_tree(tmp_path / "tree", {"U+3042": 1})
    for size in (b"77777777777\0", b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7, b"\xff" * 12):
        with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as archive:
            archive.add(path, "あ" * 60)  # a name that takes a header of its own
        content = bytearray((tmp_path / "x.tar").read_bytes())
        content[124:136] = size
        content[148:156] = b" " * 8
        content[148:156] = b"%06o\0 " % sum(content[:512])
        (tmp_path / "x.tar").write_bytes(content)
        tracemalloc.start()
        with pytest.raises(
            SourceError, match=r"x\.tar: (damaged or cut short|not a \.tar archive)"
        ):
            open_source("kkanji", tmp_path / "x.tar")
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
        tracemalloc.stop()


def test_more_labels_than_fit_in_memory_are_refused(tmp_path: Path) -> None:
    labels = StoredArray(
        path=tmp_path / "x", offset=0, shape=(2**26 + 1,), dtype=np.dtype(np.uint8)
    )
    with pytest.raises(SourceError) as caught:
        read_values(labels)
    assert str(caught.value) == (f"{tmp_path}/x: 67,108,865 labels, expected at most 67,108,864")


def test_an_array_without_rows_has_no_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(bytes((0, 0, 8, 3)) + struct.pack(">3I", 0, 8, 8)))
    assert list(find_idx(path, 3).read_blocks()) == []
