"""How datasets are imported and merged: records that check what they are given."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from glyphgen.choices import FITS, LEVELS, POLARITIES, STORAGE_FORMATS, check_choice, check_seed
from glyphgen.errors import ChoiceError

__all__ = ["LARGEST_SIDE_PX", "AssemblyOptions", "ImportOptions"]

LARGEST_SIDE_PX = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class AssemblyOptions:
    """How a dataset is made of images that are there already.

    Attributes:
        name: Of the dataset; chosen from what it is made of without it.
        height: Of the images in pixels; with ``width`` or not at all.
        width: Of the images in pixels.
        fit: How images come to that size, a key of ``FITS``.
        format: A key of ``STORAGE_FORMATS``.

    Raises:
        ChoiceError: A word is not in its table, or a number is out of its range.
    """

    name: str = ""
    height: int | None = None
    width: int | None = None
    fit: str = "pad"
    format: str = "npy"

    def __post_init__(self) -> None:
        check_choice(self.fit, FITS, "fit")
        check_choice(self.format, STORAGE_FORMATS, "format")
        if (self.height is None) != (self.width is None):
            raise ChoiceError("height and width: found one, expected both or neither")
        for name, side in (("height", self.height), ("width", self.width)):
            if side is not None and not 1 <= side <= LARGEST_SIDE_PX:
                raise ChoiceError(f"{name}: found {side}, expected 1 to {LARGEST_SIDE_PX} pixels")

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width in pixels; None where the images keep theirs."""
        if self.height is None or self.width is None:
            return None
        return self.height, self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions(AssemblyOptions):
    """How images in another format are read, and how a dataset is made of them.

    Attributes:
        class_map: File with a table ``index,codepoint,char`` for labels or folders that are indices; what
            lies beside the images without it.
        codepoints: Labels are code points, and folders of one ASCII character are that character.
        crops: Of boxes, the level that is cut out: block, line, word or character; all without it.
        polarity: Of the source, a key of ``POLARITIES``; detected without it.
        split: How much of each class's train rows become ``val`` and ``test``: ``{"val": 0.1}``.
        seed: Chooses these rows, 0 to 2**64 - 1.
        strict: Refuse a source with files that give no row, which are skipped otherwise.
    """

    class_map: str | os.PathLike[str] | None = None
    codepoints: bool = False
    crops: str | None = None
    polarity: str | None = None
    split: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        AssemblyOptions.__post_init__(self)  # slots=True makes another class, which super() misses
        if self.polarity is not None:
            check_choice(self.polarity, POLARITIES, "polarity")
        if self.crops is not None:
            check_choice(self.crops, LEVELS, "crops")
        if self.class_map and self.codepoints:
            raise ChoiceError("class_map and codepoints: found both, expected one of them")
        for name in self.split:
            check_choice(name, ("val", "test"), "split")
        check_seed(self.seed)
