"""Records of arrays in one file, which every worker of a machine maps into its memory."""

import io
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from glyphgen.files.writing import disk_errors, write_bytes

__all__ = ["ArrayFile"]

_LONGEST_HEADER = 256  # of an array of one or two dimensions; NumPy's has 128 bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrayFile:
    """A record whose fields are arrays, or records of arrays again."""

    @property
    def n_bytes(self) -> int:
        """Size of all arrays, in memory and on disk."""
        parts = (getattr(self, field.name) for field in fields(self))
        return sum(part.n_bytes if isinstance(part, ArrayFile) else part.nbytes for part in parts)

    def write(self, path: Path) -> None:
        """Write all arrays to one file; maps of an older one stay whole.

        Raises:
            DatasetError: The disk refused.
        """
        content = io.BytesIO()
        self.dump(content)
        write_bytes(path, np.frombuffer(content.getbuffer(), np.uint8), durable=False)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Memory-map a record that was written; workers on one machine share its pages.

        Raises:
            DatasetError: It cannot be read.
        """
        with disk_errors(path, "read"):
            # A plain array over the map: np.memmap costs a microsecond more at every indexing.
            return cls.parse(np.asarray(np.memmap(path, np.uint8, "r")))[0]

    def dump(self, file: BinaryIO) -> None:
        """Write every array as ``.npy``, one after the other, each from a multiple of 64 bytes on."""
        for field in fields(self):
            part = getattr(self, field.name)
            if isinstance(part, ArrayFile):
                part.dump(file)
                continue
            content = io.BytesIO()
            npy.write_array(content, part, allow_pickle=False)
            content.write(bytes(-content.tell() % npy.ARRAY_ALIGN))
            file.write(content.getbuffer())

    @classmethod
    def parse(cls, content: NDArray[np.uint8], first: int = 0) -> tuple[Self, int]:
        """Return the record that ``dump`` has written from a byte on, and where it ends.

        Its arrays are views of ``content``.
        """
        parts: dict[str, Any] = {}
        for field in fields(cls):
            if isinstance(field.type, type) and issubclass(field.type, ArrayFile):
                parts[field.name], first = field.type.parse(content, first)
                continue
            header = io.BytesIO(content[first : first + _LONGEST_HEADER].tobytes())
            npy.read_magic(header)
            shape, in_columns, dtype = npy.read_array_header_1_0(header)
            first += header.tell()
            end = first + math.prod(shape) * dtype.itemsize
            order: Literal["F", "C"] = "F" if in_columns else "C"
            parts[field.name] = content[first:end].view(dtype).reshape(shape, order=order)
            first = end + -end % npy.ARRAY_ALIGN
        return cls(**parts), first
