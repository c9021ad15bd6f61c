"""Where the files of public collections lie, how they are known, and what their makers ask for."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["CATALOG_ADDRESS", "COLLECTION_FILES", "CollectionFile", "describe_terms"]

CATALOG_ADDRESS = "https://codh.rois.ac.jp/kmnist/dataset"
"""Source: https://github.com/rois-codh/kmnist, README.md, which names every file with http."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFile:
    """One file.

    Attributes:
        name: At the end of its address.
        sha256, md5: Of its bytes, as others have published them; both empty where nobody has.
    """

    name: str
    sha256: str = ""
    md5: str = ""


# SHA-256 as TensorFlow Datasets pins them (tensorflow_datasets/url_checksums/kmnist.txt).
_KMNIST = (
    CollectionFile(
        name="train-images-idx3-ubyte.gz",
        sha256="51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    CollectionFile(
        name="train-labels-idx1-ubyte.gz",
        sha256="e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    CollectionFile(
        name="t10k-images-idx3-ubyte.gz",
        sha256="edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    CollectionFile(
        name="t10k-labels-idx1-ubyte.gz",
        sha256="20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
    CollectionFile(name="kmnist_classmap.csv"),
)

# MD5 as several programs that read Kuzushiji-49 pin them, all alike.
_K49 = (
    CollectionFile(name="k49-train-imgs.npz", md5="7ac088b20481cf51dcd01ceaab89d821"),
    CollectionFile(name="k49-train-labels.npz", md5="44a8e1b893f81e63ff38d73cad420f7a"),
    CollectionFile(name="k49-test-imgs.npz", md5="d352e201d846ce6b94f42c990966f374"),
    CollectionFile(name="k49-test-labels.npz", md5="4da6f7a62e67a832d5eb1bd85c5ee448"),
    CollectionFile(name="k49_classmap.csv"),
)

COLLECTION_FILES: Mapping[str, tuple[CollectionFile, ...]] = {
    "k49": _K49,
    "kmnist": _KMNIST,
    "kkanji": (CollectionFile(name="kkanji.tar"),),
}
"""The files of each collection; a key is also the folder of its address."""


def describe_terms(name: str) -> tuple[str, ...]:
    """Return the license of a collection, and how to name its makers, in lines."""
    title = {"k49": "Kuzushiji-49", "kmnist": "Kuzushiji-MNIST", "kkanji": "Kuzushiji-Kanji"}[name]
    return (
        f"{title}: license CC BY-SA 4.0 (https://creativecommons.org/licenses/by-sa/4.0/), which asks"
        " whoever passes it on, changed or not, to name its makers and to keep this license",
        '"KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and'
        " others), doi:10.20676/00000341",
    )
