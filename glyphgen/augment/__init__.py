"""Images -> images: the table of steps, and what draws and applies them.

To add a step, write one file with a record that extends ``Step``, and one line in the table.
"""

from collections.abc import Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Annotated, Union

from pydantic import Discriminator, Tag

from glyphgen.augment.augmenter import MOST_STEPS, Augmenter, make_augmenter
from glyphgen.augment.step import Step
from glyphgen.settings import show_value

__all__ = [
    "DEFAULT_STEPS",
    "MOST_STEPS",
    "STEPS",
    "AugmentStep",
    "Augmenter",
    "Step",
    "make_augmenter",
]

STEPS: Mapping[str, type[Step]] = {
    name: resolve_name(f"glyphgen.augment.{place}")
    for name, place in {
        "elastic": "elastic:ElasticStep",
        "affine": "affine:AffineStep",
        "noise": "noise:NoiseStep",
        "blur": "blur:BlurStep",
        "contrast": "contrast:ContrastStep",
        "stroke": "stroke:StrokeStep",
        "pen": "pen:PenStep",
        "cutout": "cutout:CutoutStep",
        "grain": "grain:GrainStep",
        "paper": "paper:PaperStep",
        "albumentations": "albumentations_step:AlbumentationsStep",
    }.items()
}
"""The record of each step."""

# Of defaults alone, so not checked: to check them is to build their schemas, in every worker.
DEFAULT_STEPS = tuple(STEPS[name].model_construct() for name in ("elastic", "affine", "noise"))
"""What changes a copy enough to teach something, and leaves it readable as its class."""


def _find_tag(value: object) -> str | None:
    """Return which step a table is: its step, or that it names a transform of albumentations."""
    if isinstance(value, Step):
        return str(getattr(value, "step", "albumentations"))
    if isinstance(value, dict):
        if "step" in value:
            return value["step"] if isinstance(value["step"], str) else show_value(value["step"])
        if "albumentations" in value:
            return "albumentations"
    return None


if TYPE_CHECKING:
    AugmentStep = Step
else:
    AugmentStep = Annotated[
        Union[tuple(Annotated[record, Tag(name)] for name, record in STEPS.items())],  # noqa: UP007
        Discriminator(_find_tag),
    ]
"""One step: a table with ``step``, or one with ``albumentations``."""
