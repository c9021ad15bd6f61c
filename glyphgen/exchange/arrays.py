"""Images and labels as NumPy saves them, .npy or .npz."""

from pathlib import Path

import numpy as np

from glyphgen.errors import SourceError
from glyphgen.exchange.array_source import ArrayImages, check_as_many, check_images, vote_on_array
from glyphgen.exchange.classmap import check_labels, make_classes_of_codepoints, read_class_map
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.source import ImportSource, SourceClass
from glyphgen.exchange.stored import (
    StoredArray,
    describe_file,
    find_arrays,
    read_values,
)
from glyphgen.progress import Reporter
from glyphgen.text import show_some

__all__ = ["open_arrays"]


def open_arrays(
    paths: tuple[Path, ...],
    options: ImportOptions,
    reporter: Reporter,  # noqa: ARG001 - read at once
) -> ImportSource:
    """Open an array of images and one of labels.

    Args:
        paths: One .npz that holds both, or the file of the images and that of the labels.
        options: Whether the labels are code points, as those of an array called ``codepoints`` are, or
            positions in a class map; without either they are words.

    Raises:
        SourceError: They cannot be read, do not fit each other, or are not what they should be.
    """
    images, labels = _find_pair(paths)
    images = check_images(images)
    check_as_many(images, labels)
    values = read_values(labels)
    class_map = Path(options.class_map) if options.class_map else None
    if class_map:
        classes = read_class_map(class_map)
        check_labels(labels.place, values, len(classes), class_map.name)
        class_index = values.astype(np.uint32)
    elif options.codepoints or labels.member == "codepoints.npy":
        classes, class_index = make_classes_of_codepoints(labels.place, values)
    else:
        found, positions = np.unique(values, return_inverse=True)
        classes = tuple(SourceClass(label=str(value), forms=()) for value in found.tolist())
        class_index = positions.astype(np.uint32)
    infos = [describe_file(images.path, "arrays", images.shape[0])]
    if labels.path != images.path:
        infos.append(describe_file(labels.path, "arrays", 0))
    if class_map:
        infos.append(describe_file(class_map, "class map", 0))
    source_images = ArrayImages((images,))
    return ImportSource(
        name=images.path.name.removesuffix(".npz").removesuffix(".npy"),
        files=tuple(infos),
        classes=classes,
        class_index=class_index,
        split=np.zeros(len(class_index), dtype=np.uint8),
        own_splits=(),
        images=source_images,
        sizes=source_images.sizes,
        polarity_vote=vote_on_array(images),
    )


def _find_pair(paths: tuple[Path, ...]) -> tuple[StoredArray, StoredArray]:
    if len(paths) > 2:
        raise SourceError(f"{paths[2]}: one source too many, expected images and labels")
    found = [list(find_arrays(path).values()) for path in paths]
    if len(paths) == 1:
        images = [array for array in found[0] if len(array.shape) >= 3]
        labels = [array for array in found[0] if len(array.shape) == 1]
    else:
        images, labels = found
    if len(images) != 1 or len(labels) != 1:
        names = [
            f"{array.member.removesuffix('.npy') or 'an array'} {array.shape}"
            for arrays in found
            for array in arrays
        ]
        raise SourceError(
            f"{' '.join(map(str, paths))}: holds {show_some(names)}, expected one array of images"
            " (n, height, width) and one of labels (n,)"
        )
    return images[0], labels[0]
