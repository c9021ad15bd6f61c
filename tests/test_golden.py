"""Faces x texts x engines against stored pictures, and engines against each other.

A picture is a strip of eight samples. What was drawn lies in tests/output when a test fails. After a
change that is meant to alter pixels: ``.venv/bin/python tests/test_golden.py``, and look at each.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from glyphgen.recipe import Recipe
from glyphgen.render.preparing import prepare_render

FONTS = Path(__file__).parent.parent / "fonts"
GOLDEN = Path(__file__).parent / "golden"
OUTPUT = Path(__file__).parent / "output"

TEXTS = {
    "kana/KleeOne_400Regular.ttf": "あをッ゛",
    "kana/YujiSyuku_400Regular.ttf": "ぎ永ヴ",
    "kana/DelaGothicOne_400Regular.ttf": "ぽロへ",
    "latin/Caveat_700Bold.ttf": "aQg8",
    "persian/Vazirmatn_400Regular.ttf": "پ۵ه",
    "han/LiuJianMaoCao_400Regular.ttf": "永人",
}
PLACED = {
    "per_class": 8,
    "size": [0.4, 0.8],
    "rotation": [-20, 20],
    "shear": [-10, 10],
    "stretch": [0.8, 1.2],
}
BENT = {
    "weight": [-0.01, 0.03],
    "wobble": {"amplitude": 0.04},
    "scatter": {"shift": 0.03, "turn": 6, "scale": 0.1},
}
LOOKS = {
    "vector": PLACED,
    "pillow": PLACED | {"engine": "pillow"},
    "imagemagick": PLACED | {"engine": "imagemagick"},
    "bent": PLACED | BENT,
}

# Gray levels of 255, mean over a picture and largest of a pixel. Our own rasterizer draws the same
# bytes everywhere; the other engines' libraries differ from one system to the next.
BOUNDS = {"vector": (0, 0), "bent": (0, 0), "pillow": (0.5, 40), "imagemagick": (0.5, 40)}


def draw(file: str, look: str) -> NDArray[np.uint8]:
    recipe = Recipe.model_validate(
        {
            "classes": {"text": TEXTS[file]},
            "fonts": {"files": [str(FONTS / file)]},
            "render": LOOKS[look],
        }
    )
    prepared = prepare_render(recipe)
    images = np.empty((8, 64, 64), dtype=np.uint8)
    prepared.open_engine().draw(prepared.plan.rows(0, 8), images)
    return np.hstack(list(images))


def name(file: str, look: str) -> str:
    return f"{Path(file).stem.split('_')[0]}-{look}.png"


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> tuple[float, int]:
    difference = np.abs(a.astype(int) - b)
    return float(difference.mean()), int(difference.max())


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("file", TEXTS)
def test_a_drawing_is_that_of_the_stored_picture(file: str, look: str) -> None:
    drawn = draw(file, look)
    expected = np.asarray(Image.open(GOLDEN / name(file, look)))
    mean, largest = distance(drawn, expected)
    if mean > BOUNDS[look][0] or largest > BOUNDS[look][1]:
        OUTPUT.mkdir(exist_ok=True)
        Image.fromarray(np.vstack([drawn, expected])).save(OUTPUT / name(file, look))
    assert mean <= BOUNDS[look][0]
    assert largest <= BOUNDS[look][1]


@pytest.mark.parametrize("engine", ["pillow", "imagemagick"])
@pytest.mark.parametrize("file", TEXTS)
def test_engines_draw_the_same_placement_alike(file: str, engine: str) -> None:
    vector, other = draw(file, "vector"), draw(file, engine)
    assert distance(vector, other)[0] < 0.5
    for a, b in zip(np.hsplit(vector, 8), np.hsplit(other, 8), strict=True):
        boxes = []
        for image in (a, b):
            rows, columns = np.nonzero(image > 64)
            boxes.append([rows.min(), rows.max(), columns.min(), columns.max()])
        assert np.abs(np.diff(boxes, axis=0)).max() <= 1


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for file in TEXTS:
        for look in LOOKS:
            Image.fromarray(draw(file, look)).save(GOLDEN / name(file, look), optimize=True)
    print(f"look at {len(TEXTS) * len(LOOKS)} pictures in {GOLDEN}", file=sys.stderr)
