"""Words and pages, beside single characters: pixels and pages a second of one thread."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measure import Measured, find_best
from glyphgen.plan.page_plan import PagePlan
from glyphgen.recipe import read_recipe
from glyphgen.render.drawing import find_sample_dtype
from glyphgen.render.page_drawing import PageDrawer
from glyphgen.render.preparing import PreparedRender, prepare_render

__all__ = ["CHARACTERS", "FEW_BOXES", "MANY_BOXES", "WORDS", "measure_scenes"]

CHARACTERS = "single Persian letters at 64 x 64, million pixels a second"
WORDS = "words of six letters at 50 x 90, million pixels a second"
FEW_BOXES = "pages of 1754 x 1240 with 200 boxes, a second"
MANY_BOXES = "pages of 1754 x 1240 with 2,000 characters, a second"

_FONTS = Path(__file__).parent.parent / "fonts" / "persian"
_COMMON = f"""
fonts.files = ["{_FONTS}/*.ttf"]
classes.language = "fa"
gate.on_refused = "skip"
"""
_LETTERS = _COMMON + 'classes.sets = ["persian_letters"]\nrender.per_class = 200\n'
_WORDS = (
    _COMMON
    + """
classes.words = ["گیرنده", "همیشه", "دوشنبه", "قرارداد", "پرداخت", "داروخانه", "نویسنده", "خیابان"]
image = { height = 50, width = 90 }
render.per_class = 800
"""
)
_PAGES = (
    _COMMON
    + """
render.count = 12
[page]
size = [1754, 1240]
skew = [-1, 1]
[[page.text]]
at = [0.92, 0.1]
width = 0.84
lines = [{lines}, {lines}]
size = {size}
words = ["گیرنده", "همیشه", "دوشنبه", "قرارداد", "پرداخت", "داروخانه", "نویسنده", "خیابان", "و", "به"]
"""
)


def measure_scenes(repeats: int) -> list[Measured]:
    """Return the rows of words and pages, drawn in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        letters, words, few, many = (
            _prepare(Path(name) / f"{k}.toml", text)
            for k, text in enumerate(
                (
                    _LETTERS,
                    _WORDS,
                    _PAGES.format(lines=4, size=0.018),
                    _PAGES.format(lines=28, size=0.013),
                )
            )
        )
    seconds = find_best(
        [*map(_draw_rows, (letters, words)), *map(_draw_pages, (few, many))], repeats
    )
    rates = [
        _count_pixels(prepared) / taken / 1e6
        for prepared, taken in zip((letters, words), seconds[:2], strict=True)
    ]
    rates += [
        prepared.planned.n_rows / taken
        for prepared, taken in zip((few, many), seconds[2:], strict=True)
    ]
    return [
        Measured(what=what, rate=rate, is_compared=False)
        for what, rate in zip((CHARACTERS, WORDS, FEW_BOXES, MANY_BOXES), rates, strict=True)
    ]


def _prepare(path: Path, text: str) -> PreparedRender:
    path.write_text(text, encoding="utf-8")
    return prepare_render(read_recipe(path), use_cache=False)


def _count_pixels(prepared: PreparedRender) -> int:
    image = prepared.recipe.image
    return prepared.plan.n_rows * image.height * image.width


def _draw_rows(prepared: PreparedRender) -> Callable[[], None]:
    image, engine = prepared.recipe.image, prepared.open_engine()
    placements = prepared.plan.rows(0, prepared.plan.n_rows)
    out = np.zeros((prepared.plan.n_rows, image.height, image.width), dtype=np.uint8)
    return lambda: engine.draw(placements, out)


def _draw_pages(prepared: PreparedRender) -> Callable[[], None]:
    plan, store, image = prepared.planned, prepared.store, prepared.recipe.image
    assert isinstance(plan, PagePlan)
    drawer = PageDrawer(plan, store)  # type: ignore[arg-type]
    out = np.zeros((plan.n_rows, image.height, image.width), dtype=np.uint8)
    samples = np.zeros(plan.n_rows, dtype=find_sample_dtype(prepared.recipe))
    return lambda: drawer.make_rows(range(plan.n_rows), out, samples)
