"""Images and labels as NumPy saves them, .npy or .npz; knows no dataset by its name."""

from pathlib import Path

import numpy as np

from glyphgen.errors import SourceError
from glyphgen.exchange.classmap import check_labels, make_classes_of_codepoints, read_class_map
from glyphgen.exchange.source import ImportOptions, Source, SourceClass
from glyphgen.exchange.stacks import ArrayImages, check_as_many, check_images, look_through
from glyphgen.exchange.stored import (
    StoredArray,
    describe_file,
    find_arrays,
    read_values,
)
from glyphgen.text import show_some

__all__ = ["open_arrays"]


def open_arrays(paths: tuple[Path, ...], options: ImportOptions) -> Source:
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
    if options.class_map:
        classes = read_class_map(options.class_map)
        check_labels(labels.place, values, len(classes), options.class_map.name)
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
    if options.class_map:
        infos.append(describe_file(options.class_map, "class map", 0))
    lie = ArrayImages((images,))
    return Source(
        name=images.path.name.removesuffix(".npz").removesuffix(".npy"),
        files=tuple(infos),
        classes=classes,
        class_index=class_index,
        split=np.zeros(len(class_index), dtype=np.uint8),
        own_splits=(),
        images=lie,
        sizes=lie.sizes,
        look=look_through(images),
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
