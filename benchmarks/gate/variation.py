"""How many samples of a recipe show another character: ``python -m benchmarks.gate.variation RECIPE...``.

Rows are drawn as the recipe says, with its augmentation and without, and compared with the exemplars of its
classes: with ``gate.on_changed`` as ``"allow"`` and as the recipe has it. A sheet shows the worst hundred.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.changing import Judge, excuse
from glyphgen.gate.evidence import choose_panel, weigh_cells
from glyphgen.gate.shapes import SHAPE_SIDE
from glyphgen.gate.thumbnails import find_margin
from glyphgen.geometry import make_linear_map
from glyphgen.images.png import write_png
from glyphgen.outlines.process import FontReader
from glyphgen.outlines.typefaces import find_typefaces
from glyphgen.recipe import find_shipped, read_recipe
from glyphgen.render.drawing import draw_placements, find_sample_dtype, open_augmenter
from glyphgen.render.preparing import PreparedRender, prepare_render

Ints = NDArray[np.int64]

_ROWS = 100_000
_AT_ONCE = 4096
_WORST = 100
_FAINT = 0.4  # of the darkest ink: paler pixels belong to an edge, or to paper


def main() -> None:
    """Print a line for each recipe, policy and augmentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipes", nargs="+")
    parser.add_argument("--rows", type=int, default=_ROWS)
    parser.add_argument("--sheets", type=Path)
    options = parser.parse_args()
    for name in options.recipes:
        path = find_shipped(name) if not Path(name).exists() else Path(name)
        for policy in ("allow", "shrink"):
            prepared = prepare_render(read_recipe(path, (f'gate.on_changed="{policy}"',)))
            for augments in (False, True) if prepared.recipe.augment else (False,):
                started = time.perf_counter()
                beyond, images = _measure(prepared, options.rows, augments=augments)
                known = np.isfinite(beyond)
                print(
                    f"{path.stem:18}{policy:8}{'augmented' if augments else 'drawn':10}"
                    f"{known.sum():9,} known {(beyond[known] > 0).mean():8.3%} show another class"
                    f" ({time.perf_counter() - started:.0f} s)",
                    flush=True,
                )
                if options.sheets:
                    kind = "augmented" if augments else "drawn"
                    sheet = options.sheets / f"{path.stem}-{policy}-{kind}.png"
                    write_png(sheet, _lay_out(images))


def _measure(
    prepared: PreparedRender, n: int, *, augments: bool
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return by how much rows are beyond their limits, NaN where nothing is known; and the worst."""
    recipe, plan = prepared.recipe, prepared.plan
    judges = _make_judges(prepared)
    engine, augmenter = prepared.open_engine(), open_augmenter(recipe) if augments else None
    beyond: list[NDArray[np.float32]] = []
    worst_images = np.zeros((0, recipe.image.height, recipe.image.width), dtype=np.uint8)
    worst = np.zeros(0, dtype=np.float32)
    step = max(1, plan.n_rows // n)
    for first in range(0, plan.n_rows, _AT_ONCE * step):
        every = plan.rows(first, min(first + _AT_ONCE * step, plan.n_rows))
        placements = every.take(np.arange(0, len(every), step))
        images = np.empty((len(placements), *worst_images.shape[1:]), dtype=np.uint8)
        samples = np.empty(len(placements), dtype=find_sample_dtype(recipe))
        draw_placements(engine, augmenter, placements, images, samples)
        beyond.append(_judge(judges, placements.cell, images, placements.samples))
        worst_images = np.concatenate([worst_images, images])
        worst = np.concatenate([worst, np.nan_to_num(beyond[-1], nan=-np.inf)])
        kept = np.argsort(-worst)[:_WORST]
        worst_images, worst = worst_images[kept], worst[kept]
    return np.concatenate(beyond), worst_images


def _make_judges(prepared: PreparedRender) -> list[Judge]:
    forms, faces = prepared.table.all_forms, prepared.faces
    panel = (*forms, *choose_panel(forms))
    with FontReader(sanitize=False) as reader:
        store = reader.read_outlines(faces, panel).store
    evidence = weigh_cells(panel, faces, store, find_typefaces(faces, store))
    classes = np.array(prepared.table.form_class)
    references = evidence.take_forms(len(forms)).references
    return [Judge(ref, classes) for ref in references if (ref.position >= 0).any()]


def _judge(
    judges: list[Judge], cells: Ints, images: NDArray[np.uint8], samples: NDArray[np.void]
) -> NDArray[np.float32]:
    beyond = np.full(len(cells), np.nan, dtype=np.float32)
    varied = _center_ink(images, SHAPE_SIDE, find_margin(SHAPE_SIDE))
    undone = _center_ink(_undo(images, samples), SHAPE_SIDE, find_margin(SHAPE_SIDE))
    excuses = [
        excuse(*map(float, row)) for row in samples[["rotation_deg", "shear_deg", "stretch"]]
    ]
    for judge in judges:
        rows = np.flatnonzero(judge.position[cells % len(judge.position)] >= 0)
        own = cells[rows]
        upright = judge.measure_upright(own)
        excused = np.array(excuses, dtype=np.float32)[rows, None]
        distances = np.minimum(
            judge.measure(own, varied[rows]), judge.measure(own, undone[rows]) + excused
        )
        beyond[rows] = judge.weigh(own, distances)[0] - judge.find_limit(own, upright)
    return beyond


def _undo(images: NDArray[np.uint8], samples: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return images (n, 96, 96) without rotation, shear and stretch, their ink in the middle."""
    side, room = 96, 60
    maps = make_linear_map(samples["rotation_deg"], samples["shear_deg"], samples["stretch"])
    flip = np.diag([1.0, -1.0])
    undone = np.zeros((len(images), side, side), dtype=np.uint8)
    for image, linear, picture in zip(images, maps, undone, strict=True):
        rows, columns = (np.flatnonzero((image > 100).any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            continue
        middle = np.array([columns[0] + columns[-1], rows[0] + rows[-1]]) / 2
        scale = room / (max(np.ptp(columns), np.ptp(rows)) + 1)
        back = flip @ np.linalg.inv(linear) @ flip * scale
        matrix = np.column_stack([back, side / 2 - back @ middle])
        cv2.warpAffine(image, matrix, (side, side), dst=picture, flags=cv2.INTER_LINEAR)
    return undone


def _center_ink(images: NDArray[np.uint8], side: int, margin: float) -> NDArray[np.uint8]:
    """Scale and move the ink of each image until its longer side fills a picture, and it is centered.

    Args:
        images: uint8 (n, H, W), ink 255 on paper 0.
        side: Of the pictures, in pixels.
        margin: Pixels of paper beside the longer side of the ink.

    Returns:
        uint8 (n, side, side); blank where an image is.
    """
    pictures = np.zeros((len(images), side, side), dtype=np.uint8)
    darkest = images.max(axis=(1, 2), initial=0)
    is_ink = images > (darkest * _FAINT).astype(np.uint8)[:, None, None]
    spans = [_find_span(is_ink.any(axis=axis)) for axis in (1, 2)]
    low, high = (np.stack(ends, axis=1).astype(np.float64) for ends in zip(*spans, strict=True))
    scale = (side - 2 * margin) / np.maximum((high - low).max(axis=1), 1.0)
    # OpenCV counts from the middle of pixels.
    move = side / 2 - scale[:, None] * (low + high) / 2 + (scale[:, None] - 1) / 2
    matrices = np.zeros((len(images), 2, 3))
    matrices[:, 0, 0] = matrices[:, 1, 1] = scale
    matrices[:, :, 2] = move
    for k in np.flatnonzero(darkest).tolist():
        cv2.warpAffine(
            images[k], matrices[k], (side, side), dst=pictures[k], flags=cv2.INTER_LINEAR
        )
    return pictures


def _find_span(lines: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first line with ink and the one after the last: (n, m) -> (n,) and (n,)."""
    return lines.argmax(axis=1), lines.shape[1] - lines[:, ::-1].argmax(axis=1)


def _lay_out(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = 64
    resized = [cv2.resize(image, (side, side)) for image in images]
    resized += [np.zeros((side, side), np.uint8)] * (-len(resized) % 10)
    return 255 - np.concatenate(
        [np.concatenate(resized[row : row + 10], axis=1) for row in range(0, len(resized), 10)]
    )


if __name__ == "__main__":
    main()
