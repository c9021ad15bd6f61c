"""Small sources in other people's formats: every pixel a function of its row, a blob on clean paper."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.uint8]


def make_images(n: int, height: int = 8, width: int = 8, first: int = 0) -> Array:
    """Ink 255 - row in the middle of paper 0."""
    images = np.zeros((n, height, width), dtype=np.uint8)
    ink = 255 - (np.arange(n) + first) % 100
    images[:, 2 : height - 2, 2 : width - 2] = ink[:, None, None]
    return images


def write_k49(folder: Path, *, train: int = 12, test: int = 6, prefix: str = "k49") -> Path:
    """Three classes, あ い う, in turns; the test images go on where the train images end."""
    folder.mkdir(exist_ok=True)
    for split, n, first in (("train", train, 0), ("test", test, train)):
        if n:
            np.savez_compressed(folder / f"{prefix}-{split}-imgs.npz", make_images(n, first=first))
            labels = (np.arange(n) % 3).astype(np.uint8)
            np.savez_compressed(folder / f"{prefix}-{split}-labels.npz", labels)
    write_class_map(folder / f"{prefix}_classmap.csv")
    return folder


def write_class_map(path: Path, chars: str = "あいう") -> Path:
    lines = [f"{index},U+{ord(char):04X},{char}" for index, char in enumerate(chars)]
    path.write_text("\n".join(["index,codepoint,char", *lines, ""]), encoding="utf-8")
    return path


def write_picture(path: Path, image: Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def write_tree(root: Path, classes: dict[str, int], *, size: int = 8) -> Path:
    """Write so many pictures into each class folder."""
    first = 0
    for name, n in classes.items():
        for number, image in enumerate(make_images(n, size, size, first)):
            write_picture(root / name / f"{number:03d}.png", image)
        first += n
    return root


def pack_idx(array: Array) -> bytes:
    magic = bytes((0, 0, 8, array.ndim))
    return magic + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def write_idx(path: Path, array: Array) -> Path:
    data = pack_idx(array)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_mnist(folder: Path, *, suffix: str = ".gz", prefix: str = "") -> Path:
    """Ten train images and five test images, labels 0 1 2 3 4 in turns."""
    folder.mkdir(exist_ok=True)
    for split, n, first in (("train", 10, 0), ("test" if prefix else "t10k", 5, 10)):
        images, labels = make_images(n, 8, 6, first), (np.arange(n) % 5).astype(np.uint8)
        write_idx(folder / f"{prefix}{split}-images-idx3-ubyte{suffix}", images)
        write_idx(folder / f"{prefix}{split}-labels-idx1-ubyte{suffix}", labels)
    return folder
