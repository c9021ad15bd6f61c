"""Changes the same kana with everything that can change them, in one process on one core; keeps none.

Each function that makes a row prepares its work and returns what is timed.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Measured, Unavailable, find_best
from glyphgen.augment import DEFAULT_STEPS, AugmentStep, make_augmenter
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render

__all__ = ["ALBUMENTATIONS", "AUGMENT", "SCIPY", "measure_augmenting"]

_RECIPE = Path(__file__).with_name("kana.toml")
_ROWS = 4096

Bytes = NDArray[np.uint8]
Run = Callable[[], object]

AUGMENT = "augment: elastic + affine + noise"
SCIPY = "scipy and scikit-image, as EfficientNet-KuzushijiKanji balances"
ALBUMENTATIONS = "albumentations, Compose of ElasticTransform, Affine, GaussNoise"


def _run_scipy(images: Bytes) -> Run:
    """The steps and numbers of its `augment_image`; only the generator is seeded here.

    Source:
        davidgeorgewilliams/EfficientNet-KuzushijiKanji at cb91dc8 (MIT), src/images.py.
    """
    from scipy.ndimage import gaussian_filter, map_coordinates

    try:
        from skimage.transform import AffineTransform, warp
    except ImportError as error:
        raise Unavailable("not installed (pip install scikit-image)") from error
    generator = np.random.RandomState(0)

    def bend(image: NDArray[np.float64]) -> Any:
        shape = image.shape
        dx, dy = (
            gaussian_filter(generator.rand(*shape) * 2 - 1, 30, mode="constant", cval=0) * 1000
            for _ in range(2)
        )
        x, y = np.meshgrid(np.arange(shape[1]), np.arange(shape[0]))
        places = np.reshape(y + dy, (-1, 1)), np.reshape(x + dx, (-1, 1))
        return map_coordinates(image, places, order=1, mode="reflect").reshape(shape)

    def change(image: Bytes) -> Bytes:
        bent = bend(image / 255.0)
        scale = generator.uniform(0.9, 1.1)
        moved = AffineTransform(
            rotation=np.deg2rad(generator.uniform(-15, 15)),
            scale=(scale, scale),
            translation=(generator.uniform(-5, 5), generator.uniform(-5, 5)),
        )
        mapped = warp(bent, moved.inverse, mode="reflect")
        noisy = np.clip(mapped + 0.05 * generator.randn(*image.shape), 0, 1)
        return np.asarray(noisy * 255).astype(np.uint8)

    return lambda: [change(image) for image in images]


def _run_albumentations(images: Bytes) -> Run:
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations as A  # noqa: N812 - as everybody does
    import cv2

    cv2.setNumThreads(1)
    change = A.Compose(
        [
            A.ElasticTransform(alpha=30, sigma=6, p=1.0),
            A.Affine(
                rotate=(-10, 10),
                scale=(0.9, 1.1),
                shear=(-5, 5),
                translate_percent=(-0.04, 0.04),
                p=1.0,
            ),
            A.GaussNoise(std_range=(0.0, 0.06), p=1.0),
        ],
        seed=0,
    )
    return lambda: [change(image=image)["image"] for image in images]


def _run_steps(*steps: AugmentStep) -> Callable[[Bytes], Run]:
    def prepare(images: Bytes) -> Run:
        n, height, width = images.shape
        augmenter = make_augmenter(steps, seed=0, height=height, width=width)
        class_index, sample = np.arange(n) % 169, np.arange(n) // 169
        out = np.empty_like(images)
        return lambda: augmenter.apply(images, augmenter.draw_values(class_index, sample), out)

    return prepare


# what, images a repeat, what makes the run
_WAYS: tuple[tuple[str, int, Callable[[Bytes], Run]], ...] = (
    (SCIPY, 128, _run_scipy),
    (ALBUMENTATIONS, 512, _run_albumentations),
    (AUGMENT, _ROWS, _run_steps(*DEFAULT_STEPS)),
    ("augment: elastic + affine", _ROWS, _run_steps(*DEFAULT_STEPS[:2])),
    ("augment: noise", _ROWS, _run_steps(*DEFAULT_STEPS[2:])),
)


def measure_augmenting(repeats: int) -> list[Measured]:
    """Return images a second of each way on one core, the best of several repeats."""
    prepared = prepare_render(read_recipe(_RECIPE))
    images = np.empty((_ROWS, 64, 64), dtype=np.uint8)
    prepared.open_engine().draw(prepared.plan.rows(0, _ROWS), images)
    runs: dict[str, Run] = {}
    missing: dict[str, str] = {}
    for what, n, prepare in _WAYS:
        try:
            runs[what] = prepare(images[:n])
            runs[what]()  # once, so that libraries are loaded and memory has been touched
        except Unavailable as error:
            missing[what] = str(error)
    seconds = dict(zip(runs, find_best(list(runs.values()), repeats), strict=True))
    return [
        Measured(
            what=what,
            rate=n / seconds[what] if what in seconds else None,
            is_compared=False,
            note=missing.get(what, ""),
        )
        for what, n, _ in _WAYS
    ]
