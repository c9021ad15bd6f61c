"""Any transform of albumentations by its name, seeded for each sample."""

import inspect
import os
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from glyphgen.augment.step import Bytes, Floats, Operation, Site, Step, StoredValue, Words
from glyphgen.errors import AugmentError
from glyphgen.settings import show_value
from glyphgen.streams import mix_words

__all__ = ["AlbumentationsStep"]

_LARGEST = (
    1_000  # of an argument; ZoomBlur of 999 takes 9 s for an image, Defocus of 4,095 takes 15 s
)


class AlbumentationsStep(Step):
    """Any image transform of [albumentations](https://albumentations.ai) 2.0 that keeps the size.

    Equal versions of it and of OpenCV, which index.json names, give equal bytes; all other steps give the
    same bytes on every machine.
    """

    albumentations: str
    """Name of the transform, such as "GridDistortion"."""

    args: dict[str, Any] = Field(default_factory=dict)
    """The transform's own arguments, such as `{ num_steps = 4 }`; numbers up to 1,000."""

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """Whether it was applied."""
        return (StoredValue(self.albumentations.lower(), 0.0, (1.0, 1.0)),)

    @property
    def moves_ink(self) -> bool:
        """Whether albumentations says that boxes move with the image."""
        kind = getattr(_import_albumentations("augment"), self.albumentations, None)
        return not (inspect.isclass(kind) and hasattr(kind, "apply_to_images")) or hasattr(
            kind, "apply_to_bboxes"
        )

    def open(self, site: Site) -> Operation:
        """Return what runs the transform on each image, seeded by the sample's word.

        Raises:
            AugmentError: AlbumentationsX is installed, the transform is unknown, or refuses its arguments;
                or, when images are changed, it fails, or gives back something that is not such an image.
        """
        transform = self._make_transform(site.place)

        def operate(images: Bytes, values: Sequence[Sequence[Floats]], word: Words) -> None:
            [(applied,)] = values
            seeds = (mix_words(word, site.number, 1)[:, 0] >> np.uint64(32)).astype(np.int64)
            for k in np.flatnonzero(applied).tolist():
                transform.set_random_seed(int(seeds[k]))
                images[k] = self._run(transform, images[k], site)

        return operate

    def _run(self, transform: Any, image: Bytes, site: Site) -> Bytes:
        name, size = self.albumentations, f"{site.frame[0]} x {site.frame[1]}"
        try:
            result: Bytes = transform(image=image)["image"]
        except Exception as error:  # another's code may raise anything
            what = str(error).strip().split("\n")[0]
            raise AugmentError(
                f"{site.place}: {name} cannot change a gray image of {size}: {what}"
            ) from error
        if result.shape != site.frame or result.dtype != np.uint8:
            shape = " x ".join(map(str, result.shape))
            raise AugmentError(
                f"{site.place}: {name} made {result.dtype} {shape} of uint8 {size}, expected the same"
                " type and size (choose other arguments, or a transform that keeps the size)"
            )
        return result

    def _make_transform(self, place: str) -> Any:
        library = _import_albumentations(place)
        known = _list_transforms(library)
        name, args = self.albumentations, self.args
        if name not in known:
            near = get_close_matches(name, known, n=3, cutoff=0.5)
            near = near or [k for k in known if k.lower() == name.lower()]
            words = " or ".join(f"'{other}'" for other in near)
            hint = f"did you mean {words}?" if near else f"it has {len(known)}"
            raise AugmentError(
                f"{place}: albumentations {library.__version__} has no transform '{name}' ({hint})"
            )
        known_args = [arg for arg in inspect.signature(known[name]).parameters if arg != "p"]
        unknown = [
            f"{place}.args: {name} has no argument '{arg}', expected {_show_args(known_args)}"
            for arg in args
            if arg not in known_args
        ]
        if unknown:
            raise AugmentError(*unknown)
        large = [
            f"{place}.args: {name} with {arg} = {show_value(value)}, expected numbers up to"
            f" {_LARGEST:,} (more takes seconds for an image, or all memory)"
            for arg, value in args.items()
            if not all(abs(number) <= _LARGEST for number in _list_numbers(value))
        ]
        if large:
            raise AugmentError(*large)
        try:
            return known[name](**args, p=1.0)
        except (TypeError, ValueError) as error:
            raise AugmentError(
                f"{place}.args: {name} refuses them: {_show_refusal(error)}"
            ) from error


def _list_numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, dict | list):
        for below in value.values() if isinstance(value, dict) else value:
            yield from _list_numbers(below)


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
    cause = error.__cause__
    if isinstance(cause, ValidationError):
        problems = [(".".join(map(str, one["loc"])), one["msg"]) for one in cause.errors()]
        return "; ".join(f"{key}: {text}" if key else text for key, text in problems)
    return str(error).strip().split("\n")[0]
