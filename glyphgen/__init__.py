"""glyphgen: labelled glyph image datasets from fonts. The public API on one screen.

import glyphgen

recipe = glyphgen.read_recipe("kana", ["render.per_class=100"])
glyphgen.render_dataset(recipe, Path("datasets/kana"), workers=2)
train = glyphgen.load("datasets/kana", split="train")
images, labels = train[:128]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from glyphgen.augment import Augmenter, make_augmenter
    from glyphgen.balance import balance_dataset, draw_up_balancing
    from glyphgen.baseline.evaluating import evaluate_model
    from glyphgen.baseline.running import train_baseline
    from glyphgen.baseline.training import Training
    from glyphgen.blueprint import Blueprint, draw_up_blueprint
    from glyphgen.errors import GlyphgenError
    from glyphgen.exchange.importing import import_dataset, open_source
    from glyphgen.exchange.merging import merge_datasets
    from glyphgen.generate import Rendered, render_dataset
    from glyphgen.recipe import Recipe, read_recipe
    from glyphgen.report import make_report
    from glyphgen.storage.dataset import Dataset, load
    from glyphgen.verify import verify_dataset

__version__ = "0.1.0"

__all__ = [
    "Augmenter",
    "Blueprint",
    "Dataset",
    "GlyphgenError",
    "Recipe",
    "Rendered",
    "Training",
    "balance_dataset",
    "draw_up_balancing",
    "draw_up_blueprint",
    "evaluate_model",
    "import_dataset",
    "load",
    "make_augmenter",
    "make_report",
    "merge_datasets",
    "open_source",
    "read_recipe",
    "render_dataset",
    "train_baseline",
    "verify_dataset",
]

_HOMES = {
    "Augmenter": "augment",
    "Blueprint": "blueprint",
    "Dataset": "storage.dataset",
    "GlyphgenError": "errors",
    "Recipe": "recipe",
    "Rendered": "generate",
    "Training": "baseline.training",
    "balance_dataset": "balance",
    "draw_up_balancing": "balance",
    "draw_up_blueprint": "blueprint",
    "evaluate_model": "baseline.evaluating",
    "import_dataset": "exchange.importing",
    "load": "storage.dataset",
    "make_augmenter": "augment",
    "make_report": "report",
    "merge_datasets": "exchange.merging",
    "open_source": "exchange.importing",
    "read_recipe": "recipe",
    "render_dataset": "generate",
    "train_baseline": "baseline.running",
    "verify_dataset": "verify",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import glyphgen` itself loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'glyphgen' has no attribute '{name}'")
    value = getattr(import_module(f"glyphgen.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
