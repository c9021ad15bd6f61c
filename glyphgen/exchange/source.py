"""What a format's reader finds: classes, rows and where their images lie."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import BLACK_ON_WHITE, WHITE_ON_BLACK
from glyphgen.dataset.index import SourceInfo
from glyphgen.errors import SourceError
from glyphgen.exchange.provenance import Provenance
from glyphgen.files.address import Place
from glyphgen.images.polarity import LEAST_CONTRAST, find_polarity

__all__ = [
    "ImageFindings",
    "ImportSource",
    "Size",
    "Skipped",
    "SourceClass",
    "SourceImages",
    "examine_images",
]

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClass:
    """What a label of a source stands for.

    Attributes:
        label: Its name for people.
        forms: Its texts; none where it is only a word.
    """

    label: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A file that gives no row, and why."""

    name: str
    reason: str


_NAMED = 3  # images without ink that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFindings:
    """What a look at the images of a source has found.

    Attributes:
        white_on_black, black_on_white: How many look like ink 255 on paper 0, and how many the other way.
        lowest, highest: Of all gray levels.
        n_blank: How many have no ink: their levels are all but one.
        blank: Names of the first of these.
    """

    white_on_black: int = 0
    black_on_white: int = 0
    lowest: int = 255
    highest: int = 0
    n_blank: int = 0
    blank: tuple[str, ...] = ()

    @property
    def polarity(self) -> str:
        """What most of them look like."""
        return WHITE_ON_BLACK if self.white_on_black >= self.black_on_white else BLACK_ON_WHITE

    @property
    def agreement(self) -> float:
        """Share of the images that look like most: 0.5 to 1."""
        both = self.white_on_black + self.black_on_white
        return max(self.white_on_black, self.black_on_white) / both if both else 1.0

    def __add__(self, other: "ImageFindings") -> "ImageFindings":
        return ImageFindings(
            white_on_black=self.white_on_black + other.white_on_black,
            black_on_white=self.black_on_white + other.black_on_white,
            lowest=min(self.lowest, other.lowest),
            highest=max(self.highest, other.highest),
            n_blank=self.n_blank + other.n_blank,
            blank=(*self.blank, *other.blank)[:_NAMED],
        )


def examine_images(
    images: NDArray[np.uint8], names: Sequence[str], *, step: int = 1, first: int = 0
) -> ImageFindings:
    """Look at images (n, H, W), n above 0.

    Args:
        images: In which ink may be dark or light.
        names: Of each, for people.
        step: The polarity is looked at in every image whose number can be divided by ``step``.
        first: Number of the first image.
    """
    flat = images.reshape(len(images), -1)
    lowest, highest = flat.min(axis=1), flat.max(axis=1)
    is_blank = highest - lowest < LEAST_CONTRAST
    voters = [k for k in range(-first % step, len(images), step) if not is_blank[k]]
    n_white = sum(find_polarity(images[k]) == WHITE_ON_BLACK for k in voters)
    return ImageFindings(
        white_on_black=n_white,
        black_on_white=len(voters) - n_white,
        lowest=int(lowest.min()),
        highest=int(highest.max()),
        n_blank=int(is_blank.sum()),
        blank=tuple(names[k] for k in np.flatnonzero(is_blank)[:_NAMED]),
    )


class SourceImages(ABC):
    """The images of a source, to be read in any order by any worker; small enough to be pickled."""

    @property
    def work_bytes(self) -> int:
        """Room on the disk that ``unpack`` takes."""
        return 0

    def unpack(self, work_folder: Path) -> "SourceImages":  # noqa: ARG002 - most need no room
        """Unpack what is compressed into the work folder, and return the images as they lie then.

        Raises:
            SourceError: The source cannot be read.
            DatasetError: The disk refused.
        """
        return self

    @abstractmethod
    def read(self, rows: NDArray[np.int64]) -> Iterable[NDArray[np.uint8]]:
        """Read some images, each (H, W), as the source has them.

        Raises:
            SourceError: The source has changed since it was opened.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSource:
    """Labeled images of another format, described but not read.

    Attributes:
        name: For people, and of the dataset where nobody gives another.
        files: What it was read from; those with rows hold the source's rows, one after the other.
        classes: What its labels stand for, each form in one class.
        class_index: uint32 (n,), the class of each row.
        split: uint8 (n,), the position in ``SPLITS`` of each row.
        own_splits: The splits that the source itself makes; none where all rows are train for want
            of any.
        images: Of the rows.
        sizes: How many rows have each size.
        findings: Of a look at its images; for their polarity at a sample of them.
        skipped: Files that give no row.
        notes: What the user has to know of how it was read, a line each.
        pages: Files for the dataset's folder.
        paths: Where it lies, and nothing is ever written.
        provenance: What it tells of how its rows were drawn; None where it tells nothing.
        boxes: Of ``ANNOTATION_DTYPE``, on its images, row by row; None where it has none.
        polarity: Of its images, where the source tells it.
    """

    name: str
    files: tuple[SourceInfo, ...]
    classes: tuple[SourceClass, ...]
    class_index: NDArray[np.uint32]
    split: NDArray[np.uint8]
    own_splits: tuple[str, ...]
    images: SourceImages
    sizes: Mapping[Size, int]
    findings: ImageFindings
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    pages: Mapping[str, bytes] = field(default_factory=dict)
    paths: tuple[Place, ...] = ()
    provenance: Provenance | None = None
    boxes: NDArray[np.void] | None = None
    polarity: str | None = None

    def __post_init__(self) -> None:
        if not len(self.class_index):
            raise SourceError(f"{self.name}: holds no images, expected one or more")

    @property
    def n_rows(self) -> int:
        """Number of its images."""
        return len(self.class_index)
