"""A contact sheet shows what a class is by a drawing of it, for no font need have its script."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glyphgen.dataset.reader import load
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.images.fitting import fit_image
from glyphgen.images.ink import find_ink
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render
from glyphgen.render.previewing import preview_dataset, preview_recipe
from glyphgen.render.rendering import render_dataset

TWO = ["classes.sets=[]", 'classes.text="Aあ"', "render.per_class=30"]


def caption_of(path: Path, *, column: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The square in which a symbol would stand: (22, 22)."""
    sheet = np.asarray(Image.open(path))
    left = 6 + column * (64 + 6)
    return sheet[6 + 64 : 6 + 64 + 22, left : left + 22]


def is_like(caption: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], ink: object) -> bool:
    expected = fit_image(np.asarray(ink, np.uint8), 22, 22, "pad", share=0.9)
    return bool(np.corrcoef(caption.ravel(), expected.ravel())[0, 1] > 0.95)


@pytest.mark.slow
def test_a_recipe_names_a_kana_by_a_face_that_draws_it(tmp_path: Path) -> None:
    prepared = prepare_render(read_recipe("kana", [*TWO, 'gate.on_refused="skip"']))
    preview_recipe(prepared, tmp_path / "sheet.png", per_class=1, n_classes=2)
    form = prepared.table.all_forms.index("あ")
    cells = np.flatnonzero(prepared.verdict.admitted[:, form]) * 2 + form
    drawn = draw_cells(prepared.store, cells, 64)
    sizes = {label: k for k, label in enumerate(prepared.table.labels)}
    caption = caption_of(tmp_path / "sheet.png", column=sizes["あ"])
    assert sum(is_like(caption, ink) for ink in drawn) >= 1
    assert not any(is_like(caption_of(tmp_path / "sheet.png", column=sizes["A"]), i) for i in drawn)


def test_a_dataset_names_a_kana_by_one_of_its_images(tmp_path: Path) -> None:
    recipe = read_recipe("kana", [*TWO, 'gate.on_refused="skip"'])
    dataset = load(render_dataset(recipe, tmp_path / "two").folder)
    preview_dataset(dataset, tmp_path / "sheet.png", per_class=1, n_classes=2)
    labels = [info.label for info in dataset.classes]
    caption = caption_of(tmp_path / "sheet.png", column=labels.index("あ"))
    images = dataset.ink[np.flatnonzero(np.asarray(dataset.labels) == labels.index("あ"))]
    boxes = [(image, find_ink(image)) for image in images]
    assert any(is_like(caption, i[b.top : b.bottom, b.left : b.right]) for i, b in boxes if b)
