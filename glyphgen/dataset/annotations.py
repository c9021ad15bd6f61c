"""Boxes on images: what an annotation is, and the file that lies beside the arrays."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.errors import DamagedError
from glyphgen.files.address import Place
from glyphgen.files.fetched import open_local
from glyphgen.files.opening import describe_unread

__all__ = [
    "ANNOTATIONS_NAME",
    "ANNOTATION_DTYPE",
    "MOST_CODEPOINTS",
    "clip_boxes",
    "dump_annotations",
    "frame_boxes",
    "read_annotations",
]

ANNOTATIONS_NAME = "annotations.npy"

_COLORS = ((220, 40, 40), (30, 150, 60), (50, 90, 230), (230, 170, 30))  # of ``LEVELS``

MOST_CODEPOINTS = 4
"""Of a character with its marks, or of a ligature, that are kept."""

ANNOTATION_DTYPE = np.dtype(
    [
        ("row", "<u4"),
        ("level", "u1"),
        ("class_index", "<u4"),
        ("parent", "<i4"),
        ("order", "<u4"),
        ("x", "<f4"),
        ("y", "<f4"),
        ("width", "<f4"),
        ("height", "<f4"),
        ("corners", "<f4", (4, 2)),
        ("codepoints", "<u4", (MOST_CODEPOINTS,)),
    ]
)
"""One box.

``row`` is that of its image, ``level`` a place in ``choices.LEVELS``, ``class_index`` the class of its
field or block. ``parent`` is the place, among the boxes of its image, of the box that it is a part of; -1
for blocks. ``order`` tells when it is read among the boxes of its image and level. ``x, y, width, height``,
in pixels from the upper left corner of the image, hold all of its ink and nothing else. ``corners`` are
those of the box about the same ink before the page was turned, from its upper left corner clockwise.
``codepoints`` are of a character, with zeros behind them.
"""


def clip_boxes(
    annotations: NDArray[Any], boxes: NDArray[np.float64], height: int, width: int
) -> None:
    """Fill ``x, y, width, height`` with boxes (n, 4), left, top, right, bottom, within the image."""
    most = np.array([width, height, width, height], dtype=np.float64)
    left, top, right, bottom = np.clip(boxes, 0.0, most).T
    annotations["x"], annotations["y"] = left, top
    annotations["width"], annotations["height"] = right - left, bottom - top


def frame_boxes(page: NDArray[np.uint8], annotations: NDArray[Any]) -> None:
    """Draw the boxes of a page onto its picture, RGB (H, W, 3); each level has its color."""
    height, width = page.shape[:2]
    for box in annotations[::-1]:  # blocks last, on top of what they hold
        left, top = int(box["x"]), int(box["y"])
        right = min(int(np.ceil(box["x"] + box["width"])), width) - 1
        bottom = min(int(np.ceil(box["y"] + box["height"])), height) - 1
        color = _COLORS[int(box["level"])]
        page[top : bottom + 1, [left, right]] = color
        page[[top, bottom], left : right + 1] = color


def dump_annotations(annotations: NDArray[Any]) -> bytes:
    """Return annotations as the content of their file."""
    content = io.BytesIO()
    np.lib.format.write_array(content, annotations, allow_pickle=False)
    return content.getvalue()


def read_annotations(folder: Place, files: Mapping[str, str]) -> NDArray[Any] | None:
    """Return the annotations of a dataset, memory-mapped; None where it has none.

    Args:
        folder: Of the dataset.
        files: ``Index.files``: what is fetched from a store is checked by its hash.

    Raises:
        DamagedError: The file is no array of annotations.
    """
    path = folder / ANNOTATIONS_NAME
    try:
        with open_local(folder, ANNOTATIONS_NAME, files) as file:
            version = np.lib.format.read_magic(file)
            if version != (1, 0):
                raise ValueError(version)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if dtype != ANNOTATION_DTYPE or len(shape) != 1:
                raise ValueError(dtype)
            if not shape[0]:
                return np.zeros(0, ANNOTATION_DTYPE)
            return np.memmap(file, ANNOTATION_DTYPE, "r", file.tell(), shape)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        why = describe_unread(error) if isinstance(error, OSError) else "is no array of annotations"
        raise DamagedError(f"{path}: {why} (make the dataset again, with --force)") from None
