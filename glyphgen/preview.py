"""A recipe -> a contact sheet of what it will draw, before any dataset is written."""

from pathlib import Path

import numpy as np

from glyphgen.blueprint import Blueprint
from glyphgen.generate import apply_polarity, augment_images, open_augmenter
from glyphgen.report.sheet import write_sheet

__all__ = ["preview_recipe"]


def preview_recipe(blueprint: Blueprint, path: Path, *, per_class: int, n_classes: int) -> int:
    """Draw the first samples of every class as a contact sheet.

    Args:
        blueprint: Of the recipe.
        path: The PNG to write.
        per_class: Samples of each class; fewer where the recipe has fewer.
        n_classes: At most so many classes, spread evenly over the table.

    Returns:
        The classes on the sheet.
    """
    plan, table, image = blueprint.plan, blueprint.table, blueprint.recipe.image
    chosen = np.unique(
        np.linspace(0, len(table) - 1, min(n_classes, len(table))).round().astype(int)
    )
    per_class = min(per_class, int(plan.turns[0].n_samples.min()))
    # The first rows run through all classes again and again, each time at the next face.
    placements = plan.rows(0, per_class * len(table))
    placements = placements.take(np.flatnonzero(np.isin(placements.samples["class_index"], chosen)))
    images = np.empty((len(placements), image.height, image.width), dtype=np.uint8)
    blueprint.open_renderer().draw(placements, images)
    if augmenter := open_augmenter(blueprint.recipe):
        augment_images(augmenter, placements.samples, images)
    apply_polarity(blueprint.recipe, images)
    tiles = [images[placements.samples["class_index"] == k] for k in chosen]
    captions = [" ".join(f"U+{ord(char):04X}" for char in table.labels[k]) for k in chosen]
    write_sheet(path, tiles, captions)
    return len(chosen)
