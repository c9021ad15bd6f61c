"""Any transform of albumentations by its name, seeded for each sample; knows none of them."""

import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from pydantic import ValidationError

from glyphgen.augment.contract import Bytes, Field, Floats, Site, Words
from glyphgen.errors import AugmentError
from glyphgen.recipe import AlbumentationsStep
from glyphgen.streams import mix_words

__all__ = ["Named"]


@dataclass(frozen=True)
class Named:
    """A transform of albumentations.

    Raises:
        AugmentError: AlbumentationsX is installed, the transform is unknown, or refuses its arguments.
    """

    record: AlbumentationsStep
    site: Site

    def __post_init__(self) -> None:
        """Make the transform now, so that what is wrong is told before any work."""
        _ = self._transform

    @property
    def fields(self) -> tuple[Field, ...]:
        """Whether it was applied."""
        return ((self.record.albumentations.lower(), 0.0),)

    def sample(self, share: Floats) -> tuple[Floats, ...]:
        """Apply it wherever ``chance`` lets it."""
        return (np.ones(len(share)),)

    def apply(self, images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
        """Run it on each image, seeded by the sample's word.

        Raises:
            AugmentError: The transform fails, or gives back something that is not such an image.
        """
        [(applied,)] = values
        seeds = (mix_words(word, self.site.number, 1)[:, 0] >> np.uint64(32)).astype(np.int64)
        name = self.record.albumentations
        for k in np.flatnonzero(applied).tolist():
            self._transform.set_random_seed(int(seeds[k]))
            try:
                result = self._transform(image=images[k])["image"]
            except Exception as error:  # another's code may raise anything
                told = str(error).strip().split("\n")[0]
                raise AugmentError(
                    f"{self.site.place}: {name} cannot change a gray image of {self._show_frame()}:"
                    f" {told}"
                ) from error
            if result.shape != self.site.frame or result.dtype != np.uint8:
                shape = " x ".join(map(str, result.shape))
                raise AugmentError(
                    f"{self.site.place}: {name} made {result.dtype} {shape} of uint8"
                    f" {self._show_frame()}, expected the same type and size"
                    " (choose other arguments, or a transform that keeps the size)"
                )
            images[k] = result

    def _show_frame(self) -> str:
        return f"{self.site.frame[0]} x {self.site.frame[1]}"

    @cached_property
    def _transform(self) -> Any:
        library = _import_albumentations(self.site.place)
        known = _list_transforms(library)
        name, args = self.record.albumentations, self.record.args
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            near = near or [k for k in known if k.lower() == name.lower()]
            words = " or ".join(f"'{other}'" for other in near)
            hint = f"did you mean {words}?" if near else f"it has {len(known)}"
            raise AugmentError(
                f"{self.site.place}: albumentations {library.__version__} has no transform '{name}'"
                f" ({hint})"
            )
        known_args = [arg for arg in inspect.signature(known[name]).parameters if arg != "p"]
        place = f"{self.site.place}.args"
        unknown = [
            f"{place}: {name} has no argument '{arg}', expected {_show_args(known_args)}"
            for arg in args
            if arg not in known_args
        ]
        if unknown:
            raise AugmentError(*unknown)
        try:
            return known[name](**args, p=1.0)
        except (TypeError, ValueError) as error:
            raise AugmentError(f"{place}: {name} refuses them: {_show_refusal(error)}") from error


def _import_albumentations(place: str) -> Any:
    """Import the library without its look for a newer version, and only if it may be used.

    Raises:
        AugmentError: What goes by the name is AlbumentationsX.
    """
    try:
        found = version("albumentationsx")
    except PackageNotFoundError:
        pass
    else:
        raise AugmentError(
            f"{place}: found AlbumentationsX {found}, which is licensed AGPL-3.0-only and takes the"
            " name of albumentations, expected albumentations 2.0 (pip uninstall albumentationsx,"
            " then pip install --force-reinstall 'albumentations>=2.0.8,<2.1')"
        )
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it asks the network when it is imported
    import albumentations
    import cv2

    cv2.setNumThreads(1)
    return albumentations


def _list_transforms(library: Any) -> dict[str, Any]:
    kinds = (library.ImageOnlyTransform, library.DualTransform)
    return {
        name: kind
        for name, kind in sorted(vars(library).items())
        if inspect.isclass(kind) and issubclass(kind, kinds) and kind not in kinds
    }


def _show_args(names: Sequence[str]) -> str:
    return f"one of {', '.join(names)}" if names else "none"


def _show_refusal(error: Exception) -> str:
    """Return what the transform, or pydantic beneath it, says, on one line."""
    told = error.__cause__
    if isinstance(told, ValidationError):
        problems = [(".".join(map(str, one["loc"])), one["msg"]) for one in told.errors()]
        return "; ".join(f"{key}: {text}" if key else text for key, text in problems)
    return str(error).strip().split("\n")[0]
