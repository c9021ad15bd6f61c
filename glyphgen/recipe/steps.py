"""The steps of [[augment]] as frozen records, every default spelled out; knows nothing of pixels.

What varies is a range ``(low, high)`` that each sample draws from. A step at its neutral values
leaves every byte as it is.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Discriminator, Field, Strict, Tag

from glyphgen.recipe.section import Section
from glyphgen.recipe.values import SpelledFreely, read_plain_range, show_value

__all__ = [
    "MOST_STEPS",
    "STEP_NAMES",
    "AffineStep",
    "AlbumentationsStep",
    "AugmentStep",
    "BlurStep",
    "ContrastStep",
    "CutoutStep",
    "ElasticStep",
    "GrainStep",
    "NoiseStep",
    "PenStep",
    "StrokeStep",
]

MOST_STEPS = 15  # each owns a block of random words, and so do the samples as a whole

T = TypeVar("T")
Range = Annotated[
    tuple[T, ...],
    Strict(False),
    BeforeValidator(read_plain_range),
    SpelledFreely(steps=False),
]
Chance = Annotated[float, Field(ge=0, le=1)]
Fifth = Annotated[float, Field(ge=0, le=0.2)]
Quarter = Annotated[float, Field(ge=0, le=0.25)]
Half = Annotated[float, Field(ge=0, le=0.5)]
Whole = Annotated[float, Field(ge=0, le=1)]
AnyTurn = Annotated[float, Field(ge=-180, le=180)]
Slant = Annotated[float, Field(ge=-45, le=45)]
Factor = Annotated[float, Field(ge=0.5, le=2)]
Shift = Annotated[float, Field(ge=-0.5, le=0.5)]
Thickness = Annotated[float, Field(ge=-0.05, le=0.05)]
Contrast = Annotated[float, Field(ge=0, le=4)]
Brightness = Annotated[float, Field(ge=-1, le=1)]


class _Step(Section):
    """What all steps share."""

    chance: Chance = 1.0
    """The share of samples that the step is applied to."""


class ElasticStep(_Step):
    """A smooth bend of the image. Next to affine steps it is done in one resampling with them."""

    step: Literal["elastic"] = "elastic"
    """Which step this is."""

    amplitude: Range[Fifth] = (0.02, 0.06)
    """The furthest that any pixel moves along either axis, as a fraction of the image height;
    most move about a quarter of it. A number, or [low, high]."""

    scale: Annotated[float, Field(ge=0.1, le=1)] = 0.25
    """Distance between the nodes of the bend, as a fraction of the image height: smaller is
    rougher."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        most = self.scale / 2
        if max(self.amplitude) > most:
            yield (
                "amplitude",
                f"found {show_value(max(self.amplitude))}, expected at most {most:g}, which is half"
                " of scale: more folds the image over itself (give a larger scale)",
            )


class AffineStep(_Step):
    """Rotation, scale, shear and shift about the center of the ink."""

    step: Literal["affine"] = "affine"
    """Which step this is."""

    rotation: Range[AnyTurn] = (-10.0, 10.0)
    """Degrees, positive is counter-clockwise. A number, or [low, high]."""

    scale: Range[Factor] = (0.9, 1.1)
    """Factor on width and height."""

    stretch: Range[Factor] = (1.0, 1.0)
    """Factor on the width alone."""

    shear: Range[Slant] = (-5.0, 5.0)
    """Slant in degrees, positive leans to the right."""

    shift_x: Range[Shift] = (-0.04, 0.04)
    """Shift to the right, as a fraction of the image height."""

    shift_y: Range[Shift] = (-0.04, 0.04)
    """Shift downwards, as a fraction of the image height."""


class NoiseStep(_Step):
    """Noise of every pixel on its own. All levels are fractions of the way from paper to ink."""

    step: Literal["noise"] = "noise"
    """Which step this is."""

    gaussian: Range[Quarter] = (0.0, 0.06)
    """Standard deviation of what is added. A number, or [low, high]."""

    salt_and_pepper: Range[Half] = (0.0, 0.0)
    """Share of pixels that turn into full ink or bare paper, half of them each."""

    speckle: Range[Whole] = (0.0, 0.0)
    """Standard deviation of what the ink is multiplied by, about 1: bare paper stays bare."""


class BlurStep(_Step):
    """A Gaussian blur."""

    step: Literal["blur"] = "blur"
    """Which step this is."""

    sigma: Range[Annotated[float, Field(ge=0, le=0.1)]] = (0.0, 0.015)
    """Standard deviation of the blur, as a fraction of the image height. A number, or [low, high]."""


class ContrastStep(_Step):
    """Contrast about the middle gray, and brightness."""

    step: Literal["contrast"] = "contrast"
    """Which step this is."""

    contrast: Range[Contrast] = (0.7, 1.3)
    """Factor on the distance from the middle gray. A number, or [low, high]."""

    brightness: Range[Brightness] = (0.0, 0.0)
    """What is added, as a fraction of the way from paper to ink: above 0 is more ink."""


class StrokeStep(_Step):
    """Dilation and erosion: strokes grow thicker or thinner."""

    step: Literal["stroke"] = "stroke"
    """Which step this is."""

    weight: Range[Thickness] = (-0.01, 0.015)
    """How far each edge of the ink moves outwards, as a fraction of the image height; below 0 it
    moves inwards. A number, or [low, high]."""


class PenStep(_Step):
    """A round pen along the middle of every stroke: brush, serif and marker become one line."""

    step: Literal["pen"] = "pen"
    """Which step this is."""

    width: Range[Fifth] = (0.03, 0.08)
    """Width of the line, as a fraction of the image height. A number, or [low, high]."""


class CutoutStep(_Step):
    """A square of bare paper that hides a part of the image."""

    step: Literal["cutout"] = "cutout"
    """Which step this is."""

    size: Range[Half] = (0.1, 0.25)
    """Side of the square, as a fraction of the image height. A number, or [low, high]."""


class GrainStep(_Step):
    """The grain of paper: cloudy and fibrous stains that strokes cover."""

    step: Literal["grain"] = "grain"
    """Which step this is."""

    strength: Range[Whole] = (0.0, 0.2)
    """The darkest stain, as a fraction of the way from paper to ink. A number, or [low, high]."""


class AlbumentationsStep(_Step):
    """Any transform of albumentations by its name."""

    albumentations: str
    """Name of the transform, such as "GridDistortion"."""

    args: dict[str, Any] = Field(default_factory=dict)
    """The transform's own arguments, such as { num_steps = 4 }."""


STEP_NAMES = (
    "elastic",
    "affine",
    "noise",
    "blur",
    "contrast",
    "stroke",
    "pen",
    "cutout",
    "grain",
)


def _find_tag(value: object) -> str | None:
    """Return which step a table is: its step, or that it names a transform of albumentations."""
    if isinstance(value, Section):
        return str(getattr(value, "step", "albumentations"))
    if isinstance(value, dict):
        if "step" in value:
            return value["step"] if isinstance(value["step"], str) else show_value(value["step"])
        if "albumentations" in value:
            return "albumentations"
    return None


AugmentStep = Annotated[
    Annotated[ElasticStep, Tag("elastic")]
    | Annotated[AffineStep, Tag("affine")]
    | Annotated[NoiseStep, Tag("noise")]
    | Annotated[BlurStep, Tag("blur")]
    | Annotated[ContrastStep, Tag("contrast")]
    | Annotated[StrokeStep, Tag("stroke")]
    | Annotated[PenStep, Tag("pen")]
    | Annotated[CutoutStep, Tag("cutout")]
    | Annotated[GrainStep, Tag("grain")]
    | Annotated[AlbumentationsStep, Tag("albumentations")],
    Discriminator(_find_tag),
]
"""One step: a table with ``step``, or one with ``albumentations``."""
