"""Other formats of labelled images, one file each; knows nothing of fonts or training."""

from collections.abc import Callable
from pathlib import Path

from glyphgen.exchange.arrays import open_arrays
from glyphgen.exchange.folder import open_folder
from glyphgen.exchange.glyphgen_dataset import open_dataset
from glyphgen.exchange.k49 import open_k49
from glyphgen.exchange.kkanji import open_kkanji
from glyphgen.exchange.mnist import open_mnist
from glyphgen.exchange.source import ImportOptions, Source

__all__ = ["FORMATS", "ImportOptions", "Source"]

FORMATS: dict[str, Callable[[tuple[Path, ...], ImportOptions], Source]] = {
    "k49": open_k49,
    "kkanji": open_kkanji,
    "mnist": open_mnist,
    "folder": open_folder,
    "arrays": open_arrays,
    "dataset": open_dataset,
}
