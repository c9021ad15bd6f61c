"""glyphgen: labeled glyph image datasets from fonts. The public API on one screen.

import glyphgen

recipe = glyphgen.read_recipe("kana", ["render.per_class=100"])
glyphgen.render_dataset(recipe, "datasets/kana", workers=2)
train = glyphgen.load("datasets/kana", split="train")
images, labels = train[:128]
for images, labels in glyphgen.stream("kana", batch_size=128, steps=1000): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glyphgen.version import VERSION

if TYPE_CHECKING:
    from glyphgen.augment import Augmenter, make_augmenter
    from glyphgen.balance import BalanceOptions, balance_dataset, prepare_balance
    from glyphgen.baseline.evaluating import evaluate_model
    from glyphgen.baseline.predicting import Reader, Reading
    from glyphgen.baseline.running import train_baseline
    from glyphgen.baseline.training_options import TrainingOptions
    from glyphgen.dataset.reader import Dataset, load
    from glyphgen.errors import GlyphgenError
    from glyphgen.exchange.card import write_card
    from glyphgen.exchange.export_format import ExportOptions
    from glyphgen.exchange.exporting import Exported, export_dataset
    from glyphgen.exchange.import_options import AssemblyOptions, ImportOptions
    from glyphgen.exchange.importing import import_dataset
    from glyphgen.exchange.merging import merge_datasets
    from glyphgen.fetch import FetchedFile, fetch_collection
    from glyphgen.progress import Progress, Reporter
    from glyphgen.recipe import Recipe, read_recipe
    from glyphgen.render.preparing import PreparedRender, prepare_render
    from glyphgen.render.rendering import Rendered, render_dataset
    from glyphgen.report import make_report
    from glyphgen.streaming import BatchStream, stream
    from glyphgen.verify import verify_dataset

__version__ = VERSION

__all__ = [
    "AssemblyOptions",
    "Augmenter",
    "BalanceOptions",
    "BatchStream",
    "Dataset",
    "ExportOptions",
    "Exported",
    "FetchedFile",
    "GlyphgenError",
    "ImportOptions",
    "PreparedRender",
    "Progress",
    "Reader",
    "Reading",
    "Recipe",
    "Rendered",
    "Reporter",
    "TrainingOptions",
    "balance_dataset",
    "evaluate_model",
    "export_dataset",
    "fetch_collection",
    "import_dataset",
    "load",
    "make_augmenter",
    "make_report",
    "merge_datasets",
    "prepare_balance",
    "prepare_render",
    "read_recipe",
    "render_dataset",
    "stream",
    "train_baseline",
    "verify_dataset",
    "write_card",
]

_HOMES = {
    "AssemblyOptions": "exchange.import_options",
    "Augmenter": "augment",
    "BalanceOptions": "balance",
    "BatchStream": "streaming",
    "Dataset": "dataset.reader",
    "FetchedFile": "fetch",
    "ExportOptions": "exchange.export_format",
    "Exported": "exchange.exporting",
    "GlyphgenError": "errors",
    "ImportOptions": "exchange.import_options",
    "PreparedRender": "render.preparing",
    "Progress": "progress",
    "Reader": "baseline.predicting",
    "Reading": "baseline.predicting",
    "Recipe": "recipe",
    "Rendered": "render.rendering",
    "Reporter": "progress",
    "TrainingOptions": "baseline.training_options",
    "balance_dataset": "balance",
    "evaluate_model": "baseline.evaluating",
    "fetch_collection": "fetch",
    "export_dataset": "exchange.exporting",
    "import_dataset": "exchange.importing",
    "load": "dataset.reader",
    "make_augmenter": "augment",
    "make_report": "report",
    "merge_datasets": "exchange.merging",
    "prepare_balance": "balance",
    "prepare_render": "render.preparing",
    "read_recipe": "recipe",
    "render_dataset": "render.rendering",
    "stream": "streaming",
    "train_baseline": "baseline.running",
    "verify_dataset": "verify",
    "write_card": "exchange.card",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import glyphgen` itself loads nothing heavy."""
    if name not in _HOMES:
        raise AttributeError(f"module 'glyphgen' has no attribute '{name}'")
    value = getattr(import_module(f"glyphgen.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, whether they have been used or not."""
    return [*__all__, "__version__"]
