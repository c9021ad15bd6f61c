"""What a header says of an array is checked before memory is taken."""

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from glyphgen.errors import SourceError
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
