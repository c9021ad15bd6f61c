"""Figures of a training; classes are shown by images of them, so that no script lacks a glyph."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from glyphgen.baseline.metrics import Predictions, count_confused
from glyphgen.baseline.training import HistoryEntry
from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.images.polarity import from_ink
from glyphgen.report.charts import save_chart, save_png
from glyphgen.report.training_page import chart_history
from glyphgen.text import show_codepoints

__all__ = ["PredictedImages", "draw_history", "draw_predictions"]

Images = NDArray[np.uint8]

_MOST_PAIRS = 50
_MOST_LOSSES = 40
_MOST_MAPS = 24
_MOST_LABELED = 60  # classes at most whose images stand along the sides of the matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedImages:
    """Predictions, and the images that they are for.

    Attributes:
        labels: Of the classes.
        predictions: For n images.
        load_images: Positions among the n -> images, uint8 (k, H, W), ink 255.
    """

    labels: Sequence[str]
    predictions: Predictions
    load_images: Callable[[NDArray[np.int64]], Images]

    def load_examples(self, classes: Iterable[int]) -> dict[int, Images]:
        """Return of each class the image of least loss, (H, W); classes without images are left out."""
        examples = {}
        for k in set(classes):
            here = np.flatnonzero(self.predictions.targets == k)
            if len(here):
                best = here[np.argmin(self.predictions.losses[here])]
                examples[k] = self.load_images(np.array([best]))[0]
        return examples

    def show_class(self, class_index: int) -> str:
        """Return the label of a class in ASCII, for fonts that lack its script."""
        label = self.labels[class_index]
        return label if label.isascii() else show_codepoints(label[:4])


def draw_history(folder: Path, history: Sequence[HistoryEntry]) -> None:
    """Draw loss and accuracy by epoch into a folder, which is made when absent."""
    for chart in chart_history([asdict(entry) for entry in history]):
        save_chart(folder, chart)


def draw_predictions(folder: Path, images: PredictedImages, network: nn.Module) -> None:
    """Draw the confusion matrix, the confused pairs, the highest losses and class activation maps.

    Args:
        folder: Where the figures go; made when absent.
        images: With their predictions.
        network: On the processor. One without ``features``, ``pool`` and ``head`` has no maps.
    """
    _draw_confusion(folder / "confusion.png", images)
    _draw_pairs(folder / "confused.png", images)
    _draw_losses(folder / "highest-loss.png", images)
    if hasattr(network, "pool"):
        _draw_activation(folder / "activation.png", images, network)


def _draw_confusion(path: Path, images: PredictedImages) -> None:
    n, predictions = len(images.labels), images.predictions
    counts = np.zeros((n, n))
    np.add.at(counts, (predictions.targets, predictions.predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(n * 0.09, 6, 16))
    figure = _make_figure(side, side)
    axes = figure.subplots()
    drawn = axes.imshow(shares**0.5, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.6, ticks=[0, 0.1**0.5, 0.5**0.5, 1])
    bar.ax.set_yticklabels(["0", "10 %", "50 %", "100 %"])
    axes.set(xlabel="predicted", ylabel="actual", title="Share of each actual class")
    if n <= _MOST_LABELED:
        axes.set(xticks=[], yticks=[])
        for k, image in images.load_examples(range(n)).items():
            for place in ((k, -1.2), (-1.2, k)):
                _draw_beside(axes, image, place, zoom=0.75 * side * 72 / n / image.shape[0])
    save_png(path, figure)


def _draw_pairs(path: Path, images: PredictedImages) -> None:
    """Draw for each confused pair up to two misread images, and an example of either class."""
    predictions = images.predictions
    confused = count_confused(predictions)[:_MOST_PAIRS]
    examples = images.load_examples(k for pair in confused for k in pair[:2])
    tiles, captions = [], []
    for actual, predicted, count in confused:
        misread = images.load_images(
            np.flatnonzero((predictions.targets == actual) & (predictions.predicted == predicted))[
                :2
            ]
        )
        blank = np.zeros_like(misread[0])
        shown = [*misread, blank][:2]
        tiles.append(np.hstack([*shown, *(examples.get(k, blank) for k in (actual, predicted))]))
        names = [images.show_class(k) for k in (actual, predicted)]
        captions.append(f"{names[0]} read as {names[1]}, {count} times")
    _draw_tiles(path, tiles, captions, columns=4, otherwise="no image was misread")


def _draw_losses(path: Path, images: PredictedImages) -> None:
    """Draw the images of highest loss, each with an example of its class and of the predicted one."""
    predictions = images.predictions
    worst = np.argsort(-predictions.losses, kind="stable")[:_MOST_LOSSES]
    pairs = list(
        zip(predictions.targets[worst].tolist(), predictions.predicted[worst].tolist(), strict=True)
    )
    examples = images.load_examples(k for pair in pairs for k in pair)
    tiles, captions = [], []
    for at, image, pair in zip(worst.tolist(), images.load_images(worst), pairs, strict=True):
        tiles.append(np.hstack([image, *(examples.get(k, np.zeros_like(image)) for k in pair)]))
        captions.append(
            f"{images.show_class(pair[0])} read as {images.show_class(pair[1])}\n"
            f"loss {predictions.losses[at]:.2f}, confidence {predictions.probabilities[at, 0]:.0%}"
        )
    _draw_tiles(path, tiles, captions, columns=6, otherwise="there is no image")


def _draw_activation(path: Path, images: PredictedImages, network: nn.Module) -> None:
    """Draw class activation maps over misread images, and over others.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016.
    """
    targets, predicted = images.predictions.targets, images.predictions.predicted
    wrong, right = np.flatnonzero(targets != predicted), np.flatnonzero(targets == predicted)
    chosen = np.concatenate([wrong[: _MOST_MAPS // 2], right])[:_MOST_MAPS]
    inks = images.load_images(chosen)
    maps = _map_activation(network, inks, predicted[chosen])
    n_rows = -(-len(chosen) // 6)
    figure = _make_figure(11.5, 2.2 * n_rows)
    grid = figure.subplots(n_rows, 6, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, ink, heat, at in zip(grid.flat, inks, maps, chosen.tolist(), strict=False):
        axes.imshow(ink, cmap="gray", vmin=0, vmax=255)
        axes.imshow(heat, cmap="inferno", alpha=0.55)
        names = [images.show_class(int(of[at])) for of in (targets, predicted)]
        axes.set_title(" read as ".join(dict.fromkeys(names)), fontsize=8)
    save_png(path, figure)


def _map_activation(
    network: nn.Module, images: Images, predicted: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return how much each place adds to the logit of the predicted class: (n, H, W), 0 to 1."""
    network.eval()
    tensors = torch.from_numpy(images.copy())[:, None].float().div_(255)
    modules: Any = network
    with torch.inference_mode():
        features = modules.features(tensors)
        # The head has a weight for each quarter of the image; a feature counts by their mean.
        weights = modules.head.weight.reshape(len(modules.head.weight), features.shape[1], -1)
        of_class = weights.mean(dim=2)[torch.from_numpy(predicted)]
        heat = torch.einsum("nchw,nc->nhw", features, of_class).clamp_(min=0)
        heat /= heat.amax(dim=(1, 2), keepdim=True).clamp_(min=1e-6)
        large = functional.interpolate(
            heat[:, None], size=list(images.shape[1:]), mode="bilinear", align_corners=False
        )
    found: NDArray[np.float32] = large[:, 0].numpy()
    return found


def _draw_tiles(
    path: Path, tiles: Sequence[Images], captions: Sequence[str], *, columns: int, otherwise: str
) -> None:
    n_rows = max(1, -(-len(tiles) // columns))
    width, gap = 11.5, 0.35
    shape = tiles[0].shape if tiles else (1, 4)
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    row_height = width / columns * shape[0] / shape[1] + gap * lines
    figure = _make_figure(width, row_height * n_rows)
    grid = figure.subplots(n_rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    if not tiles:
        grid[0, 0].text(0, 0.5, otherwise)
    for axes, tile, caption in zip(grid.flat, tiles, captions, strict=False):
        axes.imshow(tile, cmap="gray", vmin=0, vmax=255)
        axes.set_title(caption, fontsize=8, loc="left", pad=3)
    save_png(path, figure)


def _draw_beside(axes: Any, image: Images, place: tuple[float, float], zoom: float) -> None:
    stamp = OffsetImage(from_ink(image, BLACK_ON_WHITE), zoom=zoom, cmap="gray")
    axes.add_artist(AnnotationBbox(stamp, place, frameon=False, annotation_clip=False, pad=0))


def _make_figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")
