"""Rotation, scale, stretch, shear and shift about the center of the ink."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from glyphgen.augment.step import Floats, StoredValue
from glyphgen.augment.warp import LinearMap, WarpStep
from glyphgen.geometry import make_linear_map
from glyphgen.settings import Range

__all__ = ["AffineStep"]

Degrees = Annotated[float, Field(ge=-180, le=180)]
Slant = Annotated[float, Field(ge=-45, le=45)]
Factor = Annotated[float, Field(ge=0.5, le=2)]
Shift = Annotated[float, Field(ge=-0.5, le=0.5)]


class AffineStep(WarpStep):
    """Rotation, scale, shear and shift about the center of the ink."""

    step: Literal["affine"] = "affine"
    """Which step this is."""

    rotation: Range[Degrees] = (-10.0, 10.0)
    """Degrees, positive is counter-clockwise."""

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

    @property
    def moves_ink(self) -> bool:
        """It does."""
        return True

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """What the map is made of."""
        return (
            StoredValue("rotation_deg", 0.0, self.rotation),
            StoredValue("scale", 1.0, self.scale),
            StoredValue("stretch", 1.0, self.stretch),
            StoredValue("shear_deg", 0.0, self.shear),
            StoredValue("shift_x_px", 0.0, self.shift_x),
            StoredValue("shift_y_px", 0.0, self.shift_y),
        )

    def make_map(self, values: Sequence[Floats]) -> LinearMap:
        """Return the linear maps of n samples about the center of the ink."""
        rotation, scale, stretch, shear, shift_x, shift_y = values
        linear = make_linear_map(rotation, shear, stretch) * scale[:, None, None]
        return linear, shift_x, shift_y
