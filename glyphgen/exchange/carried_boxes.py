"""The boxes on the images of datasets, carried along into a dataset that is made of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from glyphgen.dataset.annotations import ANNOTATION_DTYPE, ANNOTATIONS_NAME, dump_annotations
from glyphgen.exchange.assembling import AssemblyPart, order_rows
from glyphgen.exchange.source import Size
from glyphgen.images.fitting import find_fitted_place
from glyphgen.layout.page_lines import turn

__all__ = ["carry_boxes"]


def carry_boxes(parts: Sequence[AssemblyPart], size: Size, fit: str) -> dict[str, bytes]:
    """Return the file of the boxes of a new dataset; none where no part has boxes.

    Args:
        parts: In their order there.
        size: Of its images.
        fit: A key of ``FITS``: boxes move as the images do.
    """
    if all(part.source.boxes is None for part in parts):
        return {}
    order = order_rows(parts)
    new_row = np.full(sum(part.source.n_rows for part in parts), -1, dtype=np.int64)
    new_row[order.rows] = np.arange(len(order.rows))
    found = [np.zeros(0, ANNOTATION_DTYPE)]
    first = 0
    for part in parts:
        if part.source.boxes is not None:
            row = new_row[first + part.source.boxes["row"].astype(np.int64)]
            boxes = _fit_boxes(part, size, fit)
            boxes["row"] = row
            boxes["class_index"] = part.class_of[boxes["class_index"]]
            found.append(boxes[row >= 0])
        first += part.source.n_rows
    boxes = np.concatenate(found)
    return {ANNOTATIONS_NAME: dump_annotations(boxes[np.argsort(boxes["row"], kind="stable")])}


def _fit_boxes(part: AssemblyPart, size: Size, fit: str) -> NDArray[np.void]:
    """Return the boxes of a part on images of another size; their rows and classes are the part's."""
    source = part.source
    assert source.boxes is not None
    [old] = source.sizes  # those of a dataset have one
    boxes = np.array(source.boxes)
    if old == size:
        return boxes
    top, left, height, width = find_fitted_place(old, *size, fit)
    scale, shift = np.array([width / old[1], height / old[0]]), np.array([left, top])
    low = np.stack([boxes["x"], boxes["y"]], axis=1) * scale + shift
    boxes["x"], boxes["y"] = low.T
    boxes["width"] *= scale[0]
    boxes["height"] *= scale[1]
    # Corners stand before the page is turned: what the turned page's corners become is turned back.
    skew = np.zeros(len(boxes))
    provenance = source.provenance
    if provenance and "rotation_deg" in (provenance.samples.dtype.names or ()):
        skew = provenance.samples["rotation_deg"][boxes["row"]].astype(np.float64)
    skew = skew[:, None]
    corners = turn(boxes["corners"].astype(np.float64), skew, old) * scale + shift
    boxes["corners"] = turn(corners, -skew, size)
    return boxes
