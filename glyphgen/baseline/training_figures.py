"""What a training looks like, as figures; labels are drawn images, so no script lacks a glyph."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from glyphgen.baseline.checkpoint import Identity
from glyphgen.baseline.metrics import Readings
from glyphgen.baseline.training import Part
from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.files.writing import committed
from glyphgen.images.polarity import from_ink
from glyphgen.text import show_codepoints

__all__ = ["Drawn", "draw_readings", "draw_training"]

Images = NDArray[np.uint8]

_PAIRS = 50
_LOSSES = 40
_LOOKED_AT = 24
_LABELLED = 60  # classes at most whose images stand along the sides of the matrix
_DPI = 110


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What figures of readings are drawn from.

    Attributes:
        identity: Of the network.
        readings: What it read.
        take: Positions in the readings -> images, uint8 (n, H, W), ink 255.
    """

    identity: Identity
    readings: Readings
    take: Callable[[NDArray[np.int64]], Images]

    def find_example(self, class_index: int) -> int | None:
        """Return the position of an image of a class that was read with the least loss."""
        here = np.flatnonzero(self.readings.truth == class_index)
        return int(here[np.argmin(self.readings.loss[here])]) if len(here) else None

    def take_examples(self, classes: Sequence[int]) -> dict[int, Images]:
        """Return an image of each class that has one among the readings."""
        found = {k: self.find_example(k) for k in classes}
        return {k: self.take(np.array([at]))[0] for k, at in found.items() if at is not None}


def draw_training(folder: Path, parts: Sequence[Part]) -> None:
    """Draw loss, accuracy, precision and recall by epoch.

    Args:
        folder: Where ``history.png`` goes; made when absent.
        parts: What was reported.
    """
    figure = _make_figure(9, 3.4)
    loss, share = figure.subplots(1, 2)
    epochs = [part.epoch for part in parts]
    loss.plot(epochs, [part.train_loss for part in parts], "o-", label="train, smoothed labels")
    loss.plot(epochs, [part.val_loss for part in parts], "o-", label="val")
    loss.set(xlabel="epoch", ylabel="loss", ylim=(0, None))
    for name in ("top1", "precision", "recall"):
        share.plot(epochs, [getattr(part, f"val_{name}") for part in parts], "o-", label=name)
    share.set(xlabel="epoch", ylabel="share of the val rows", ylim=(None, 1))
    for axes in (loss, share):
        axes.grid(alpha=0.3)
        axes.legend()
    _save(figure, folder / "history.png")


def draw_readings(folder: Path, drawn: Drawn, network: nn.Module | None = None) -> None:
    """Draw the confusion matrix, the confused pairs, the highest losses, and where was looked.

    Args:
        folder: Where the figures go; made when absent.
        drawn: The readings and their images.
        network: On the processor; without it, or where it has no ``features`` and ``head`` with a
            pool between them, nothing shows where it looked.
    """
    _draw_confusion(folder / "confusion.png", drawn)
    _draw_pairs(folder / "confused.png", drawn)
    _draw_losses(folder / "highest-loss.png", drawn)
    if network is not None and hasattr(network, "pool"):
        _draw_attention(folder / "looked-at.png", drawn, network)


def _draw_confusion(path: Path, drawn: Drawn) -> None:
    n = len(drawn.identity.labels)
    counts = np.zeros((n, n))
    np.add.at(counts, (drawn.readings.truth, drawn.readings.predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(n * 0.09, 6, 16))
    figure = _make_figure(side, side)
    axes = figure.subplots()
    shown = axes.imshow(shares**0.5, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    bar = figure.colorbar(shown, ax=axes, shrink=0.6, ticks=[0, 0.1**0.5, 0.5**0.5, 1])
    bar.ax.set_yticklabels(["0", "10 %", "50 %", "100 %"])
    axes.set(xlabel="read as", ylabel="actual")
    if n <= _LABELLED:
        axes.set(xticks=[], yticks=[])
        for k, image in drawn.take_examples(range(n)).items():
            for place in ((k, -1.2), (-1.2, k)):
                _stamp(axes, image, place, zoom=0.75 * side * 72 / n / image.shape[0])
    _save(figure, path)


def _draw_pairs(path: Path, drawn: Drawn) -> None:
    """Draw each confused pair: what was shown, and an image of what it was taken for."""
    readings = drawn.readings
    wrong = readings.truth != readings.predicted
    pairs, counts = np.unique(
        np.stack([readings.truth[wrong], readings.predicted[wrong]], axis=1),
        axis=0,
        return_counts=True,
    )
    most = np.argsort(-counts, kind="stable")[:_PAIRS]
    tiles, captions = [], []
    for (actual, predicted), count in zip(pairs[most].tolist(), counts[most], strict=True):
        misread = np.flatnonzero(
            wrong & (readings.truth == actual) & (readings.predicted == predicted)
        )[:2]
        shown = [*drawn.take(misread)]
        shown += [np.zeros_like(shown[0])] * (2 - len(shown))
        examples = drawn.take_examples([actual, predicted])
        blank = np.zeros_like(shown[0])
        strip = [*shown, examples.get(actual, blank), examples.get(predicted, blank)]
        tiles.append(np.hstack(strip))
        captions.append(f"{count} x   misread, actual, read as")
    _draw_tiles(path, tiles, captions, columns=5, none="no image was misread")


def _draw_losses(path: Path, drawn: Drawn) -> None:
    """Draw the images that cost most, each beside one of what it was read as."""
    readings = drawn.readings
    worst = np.argsort(-readings.loss, kind="stable")[:_LOSSES]
    images = drawn.take(worst)
    examples = drawn.take_examples(
        sorted({int(k) for k in (*readings.truth[worst], *readings.predicted[worst])})
    )
    tiles, captions = [], []
    for image, at in zip(images, worst.tolist(), strict=True):
        blank = np.zeros_like(image)
        actual, predicted = int(readings.truth[at]), int(readings.predicted[at])
        tiles.append(
            np.hstack([image, examples.get(actual, blank), examples.get(predicted, blank)])
        )
        captions.append(
            f"{_name(drawn, actual)} read as {_name(drawn, predicted)}\n"
            f"loss {readings.loss[at]:.2f}, sure {readings.probability[at, 0]:.0%}"
        )
    _draw_tiles(path, tiles, captions, columns=8, none="nothing was read")


def _name(drawn: Drawn, class_index: int) -> str:
    label = drawn.identity.labels[class_index]
    return label if label.isascii() else show_codepoints(label[:4])


def _draw_attention(path: Path, drawn: Drawn, network: nn.Module) -> None:
    """Draw where the network found what it read, over the images, in color.

    Source: Zhou et al., "Learning deep features for discriminative localization", CVPR 2016.
    """
    wrong = np.flatnonzero(drawn.readings.truth != drawn.readings.predicted)
    right = np.flatnonzero(drawn.readings.truth == drawn.readings.predicted)
    chosen = np.concatenate([wrong[: _LOOKED_AT // 2], right])[:_LOOKED_AT]
    images = drawn.take(chosen)
    maps = _find_attention(network, images, drawn.readings.predicted[chosen])
    figure = _make_figure(12, 1.7 * -(-len(chosen) // 8))
    grid = figure.subplots(-(-len(chosen) // 8), 8, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, heat, at in zip(grid.flat, images, maps, chosen.tolist(), strict=False):
        axes.imshow(image, cmap="gray", vmin=0, vmax=255)
        axes.imshow(heat, cmap="inferno", alpha=0.55)
        actual, predicted = drawn.readings.truth[at], drawn.readings.predicted[at]
        verdict = "" if actual == predicted else f" read as {_name(drawn, int(predicted))}"
        axes.set_title(f"{_name(drawn, int(actual))}{verdict}", fontsize=7)
    _save(figure, path)


def _find_attention(
    network: nn.Module, images: Images, predicted: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Return how much each place speaks for the class that was read: (n, H, W), 0 to 1."""
    network.eval()
    tensors = torch.from_numpy(images.copy())[:, None].float().div_(255)
    modules: Any = network
    with torch.inference_mode():
        features = modules.features(tensors)
        # Of the four quarters that the head tells apart, the mean says what a feature speaks for.
        weights = modules.head.weight.reshape(len(modules.head.weight), features.shape[1], -1)
        speaks = weights.mean(dim=2)[torch.from_numpy(predicted)]
        heat = torch.einsum("nchw,nc->nhw", features, speaks).clamp_(min=0)
        heat /= heat.amax(dim=(1, 2), keepdim=True).clamp_(min=1e-6)
        large = functional.interpolate(
            heat[:, None], size=list(images.shape[1:]), mode="bilinear", align_corners=False
        )
    found: NDArray[np.float32] = large[:, 0].numpy()
    return found


def _draw_tiles(
    path: Path, tiles: Sequence[Images], captions: Sequence[str], *, columns: int, none: str
) -> None:
    n_rows = max(1, -(-len(tiles) // columns))
    figure = _make_figure(13, 1.15 * n_rows + 0.3)
    grid = figure.subplots(n_rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    if not tiles:
        grid[0, 0].text(0, 0.5, none)
    for axes, tile, caption in zip(grid.flat, tiles, captions, strict=False):
        axes.imshow(tile, cmap="gray", vmin=0, vmax=255)
        axes.set_title(caption, fontsize=6.5, loc="left", pad=2)
    _save(figure, path)


def _stamp(axes: Any, image: Images, place: tuple[float, float], zoom: float) -> None:
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    stamp = OffsetImage(from_ink(image, BLACK_ON_WHITE), zoom=zoom, cmap="gray")
    axes.add_artist(AnnotationBbox(stamp, place, frameon=False, annotation_clip=False, pad=0))


def _make_figure(width: float, height: float) -> Any:
    # Not pyplot: it keeps every figure, and looks for a screen.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained")


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with committed(path) as temporary:
        figure.savefig(temporary, format="png")
