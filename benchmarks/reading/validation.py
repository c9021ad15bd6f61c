"""Makes the images that settings are chosen by: faces that a recipe holds out, changed by other means."""

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.reading.other_means import change_images
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import RecipeError
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.files.writing import write_bytes
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.preparing import prepare_render
from glyphgen.streaming.held_out import render_held_out

__all__ = ["choose_framing", "make_validation"]

_FIT_SIDE, _SIDE = 128, 256  # pixels of a clean image: small ink is enlarged from there
_CLEAN = (
    *("render.mode='random'", "render.rotation=0", "render.shear=0", "render.stretch=1"),
    *("render.shift_x=0", "render.shift_y=0", "render.weight=0", "augment=[]"),
    *("render.wobble={}", "render.scatter={}"),
)
_FIT_SIZE = 0.72
_MANY = 1000  # images of a class, of which the share of a split is seen


def choose_framing(recipe: Recipe) -> str:
    """Return how ``evaluate`` frames images of a recipe: by their ink where the recipe does."""
    return "ink" if recipe.render.framing == "fit" else "as-is"


def make_validation(
    recipe: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    split: str = "val",
    per_class: int = 60,
    side: int = 96,
    seed: int = 0,
    reporter: Reporter = SILENT,
) -> Path:
    """Write images of the faces that a recipe holds out, as an .npz that ``evaluate`` reads.

    Args:
        recipe: Its file or name.
        out: The file.
        split: Whose faces: ``val`` to choose by, ``test`` to report.
        per_class: About so many images of each class.
        side: Their height in pixels.
        seed: Of the changes.
        reporter: Is told how far it is.

    Raises:
        RecipeError: The recipe holds no faces out, or has classes of several characters.
    """
    path = Path(out)
    with make_temporary_folder() as folder:
        dataset = _draw_clean(recipe, split, per_class, folder / "clean", reporter)
        first, end = dataset.index.splits[split]
        rows = slice(first, first + min(end - first, per_class * len(dataset.classes)))
        codepoints = _find_codepoints(dataset, rows)
        images = change_images(dataset.ink[rows], side, seed)
        faces = np.array([info.file for info in dataset.index.faces])
        of_row = faces[np.asarray(dataset.samples[rows])["face"]]
    content = io.BytesIO()
    np.savez_compressed(content, images=images, codepoints=codepoints, faces=of_row)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content.getvalue())
    return path


def _draw_clean(
    recipe: str | os.PathLike[str], split: str, per_class: int, out: Path, reporter: Reporter
) -> Dataset:
    """Render the held-out faces of a recipe upright, in one size, without any change."""
    given = read_recipe(recipe)
    is_fit = given.render.framing == "fit"
    size = _FIT_SIZE if is_fit else float(np.mean(given.render.size))
    height = _FIT_SIDE if is_fit else _SIDE
    width = round(height * given.image.width / given.image.height)
    common = (
        *(*_CLEAN, f"render.size={size}", f"image.height={height}", f"image.width={width}"),
        *("image.polarity='white-on-black'",),
    )
    clean = read_recipe(recipe, (*common, f"render.per_class={_MANY}"))
    if clean.split.by != "face":
        raise RecipeError(f'{clean.place("split")}: holds no faces out, expected split.by = "face"')
    prepared = prepare_render(clean, reporter=reporter)
    n_classes = len(prepared.table)
    first, end = prepared.planned.splits.get(split, (0, 0))
    if first == end:
        raise RecipeError(f"{clean.place('split')}: holds no faces out for {split}")
    wanted = -(-per_class * _MANY * n_classes // (end - first))
    clean = read_recipe(recipe, (*common, f"render.per_class={wanted}"))
    render_held_out(prepare_render(clean, reporter=reporter), out, reporter=reporter)
    return load(out)


def _find_codepoints(dataset: Dataset, rows: slice) -> NDArray[np.uint32]:
    """Return the code point that each row shows: uint32 (n,)."""
    every = [form for info in dataset.classes for form in info.forms]
    forms = [every[k] for k in np.asarray(dataset.samples[rows])["form"].tolist()]
    if several := next((form for form in forms if len(form) != 1), ""):
        raise RecipeError(
            f"{dataset.index.name}: draws '{several}', expected classes of one character"
        )
    return np.array([ord(form) for form in forms], np.uint32)
