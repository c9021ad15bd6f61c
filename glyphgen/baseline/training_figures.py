"""Figures of a training; classes are named by fonts that have their characters, or shown by images."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, HPacker, OffsetImage, TextArea, VPacker
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.activation import map_activation
from glyphgen.baseline.metrics import Predictions, count_confused
from glyphgen.baseline.rate_search import RateSearch
from glyphgen.baseline.training import HistoryEntry
from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.images.polarity import from_ink
from glyphgen.report.charts import make_rate_chart, save_chart, save_png
from glyphgen.report.label_fonts import LabelFonts, shorten_label
from glyphgen.report.training_page import chart_history
from glyphgen.text import show_codepoints

__all__ = ["PredictedImages", "draw_history", "draw_predictions", "draw_rate_search"]

Images = NDArray[np.uint8]
Line = Sequence[str | int]
"""A line of a caption: words, and classes by their numbers."""

_MOST_PAIRS = 50
_MOST_LOSSES = 40
_MOST_MAPS = 24
_MOST_LABELED = 100  # classes at most that are named along the sides of the matrix
_LONGEST_PT = 70  # of an image that stands for a class beside the matrix
_CAPTION_PT = 8
_WIDEST_PT = 40  # of an image that stands for a class in a caption
_FIGURE_INCH = 11.5  # width of figures of tiles
_LEAST_INCH = 0.35  # height of a tile
_LINE_INCH = 0.19  # height of a line of a caption


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedImages:
    """Predictions, and the images that they are for.

    Attributes:
        labels: Of the classes.
        predictions: For n images.
        load_images: Positions among the n -> images, uint8 (k, H, W), ink 255.
        rows: int64 (n,), the row in its dataset of each image.
        fonts: For the labels.
    """

    labels: Sequence[str]
    predictions: Predictions
    load_images: Callable[[NDArray[np.int64]], Images]
    rows: NDArray[np.int64]
    fonts: LabelFonts = field(default_factory=LabelFonts)

    def load_examples(self, classes: Iterable[int]) -> dict[int, Images]:
        """Return of each class the image of least loss, (H, W); classes without images are left out."""
        examples = {}
        for k in set(classes):
            here = np.flatnonzero(self.predictions.targets == k)
            if len(here):
                best = here[np.argmin(self.predictions.losses[here])]
                examples[k] = self.load_images(np.array([best]))[0]
        return examples

    def load_unnamed(self, classes: Iterable[int]) -> dict[int, Images]:
        """Return an example of each class that no font can name, without the paper beside its ink."""
        unnamed = (k for k in set(classes) if self.fonts.find(self.labels[k]) is None)
        return {k: _cut_sides(image) for k, image in self.load_examples(unnamed).items()}


def _cut_sides(image: Images) -> Images:
    """Return an image without the paper left and right of its ink: its height tells small from large."""
    inked = np.flatnonzero(image.max(axis=0) > 0)
    return image[:, inked[0] : inked[-1] + 1] if len(inked) else image


def draw_history(folder: Path, history: Sequence[HistoryEntry]) -> None:
    """Draw loss and accuracy by epoch into a folder, which is made when absent."""
    for chart in chart_history([asdict(entry) for entry in history]):
        save_chart(folder, chart)


def draw_rate_search(folder: Path, search: RateSearch) -> None:
    """Draw the loss at each learning rate, and the rate that was taken, into a folder: lr.png."""
    title = "Loss at each learning rate; the point is what was taken"
    chart = make_rate_chart("lr", title, search.rates, search.losses, search.taken)
    save_chart(folder, chart)


def draw_predictions(folder: Path, images: PredictedImages, network: nn.Module) -> None:
    """Draw the confusion matrix, the confused pairs, the highest losses and class activation maps.

    Args:
        folder: Where the figures go; made when absent.
        images: With their predictions.
        network: On the processor.
    """
    _draw_confusion(folder / "confusion.png", images)
    _draw_pairs(folder / "confused.png", images)
    _draw_losses(folder / "highest-loss.png", images)
    _draw_activation(folder / "activation.png", images, network)


def _draw_confusion(path: Path, images: PredictedImages) -> None:
    n, predictions = len(images.labels), images.predictions
    counts = np.zeros((n, n))
    np.add.at(counts, (predictions.targets, predictions.predicted), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = float(np.clip(n * 0.14, 6, 16))
    figure = _make_figure(side, side)
    axes = figure.subplots()
    drawn = axes.imshow(shares**0.5, cmap="magma", vmin=0, vmax=1, interpolation="nearest")
    bar = figure.colorbar(drawn, ax=axes, shrink=0.6, ticks=[0, 0.1**0.5, 0.5**0.5, 1])
    bar.ax.set_yticklabels(["0", "10 %", "50 %", "100 %"])
    axes.set(xlabel="predicted", ylabel="actual", title="Share of each actual class")
    if n <= _MOST_LABELED:
        _name_sides(axes, images, cell_pt=0.72 * side * 72 / n)
    save_png(path, figure)


def _name_sides(axes: Any, images: PredictedImages, cell_pt: float) -> None:
    """Name the rows and columns of the matrix; what is wider than a cell stands upright below."""
    n = len(images.labels)
    named = [shorten_label(label) for label in images.labels]
    fonts = [images.fonts.find(label) for label in images.labels]
    size = float(np.clip(0.8 * cell_pt, 4, 11))
    texts = [name if font else "" for name, font in zip(named, fonts, strict=True)]
    axes.set_xticks(range(n), texts, fontsize=size, parse_math=False)
    axes.set_yticks(range(n), texts, fontsize=size, parse_math=False)
    axes.tick_params(length=0)
    for ticks in (axes.get_xticklabels(), axes.get_yticklabels()):
        for text, font in zip(ticks, fonts, strict=True):
            if font is not None:
                text.set_fontproperties(font)
                text.set_fontsize(size)
    stamps = images.load_unnamed(range(n))
    for text in axes.get_xticklabels():
        text.set_rotation(90 if len(text.get_text()) > 2 else 0)
    for k, image in stamps.items():
        zoom = min(0.8 * cell_pt / image.shape[0], _LONGEST_PT / image.shape[1])
        is_wide = image.shape[1] > image.shape[0]
        _draw_beside(axes, image, (-0.6, k), zoom, alignment=(1, 0.5))
        below = np.rot90(image) if is_wide else image
        _draw_beside(axes, below, (k, n - 0.4), zoom, alignment=(0.5, 1))
    # Ticks make room for their names; such images have to ask for it.
    longest = max((min(_LONGEST_PT, max(of.shape)) for of in stamps.values()), default=0)
    axes.xaxis.labelpad = axes.yaxis.labelpad = 4 + longest


def _draw_pairs(path: Path, images: PredictedImages) -> None:
    """Draw for each confused pair up to two misread images, and an example of either class."""
    predictions = images.predictions
    confused = count_confused(predictions)[:_MOST_PAIRS]
    examples = images.load_examples(k for pair in confused for k in pair[:2])
    tiles: list[Images] = []
    captions: list[Sequence[Line]] = []
    for actual, predicted, count in confused:
        at = np.flatnonzero((predictions.targets == actual) & (predictions.predicted == predicted))
        misread = images.load_images(at[:2])
        blank = np.zeros_like(misread[0])
        shown = [*misread, blank][:2]
        tiles.append(np.hstack([*shown, *(examples.get(k, blank) for k in (actual, predicted))]))
        rows = " and ".join(f"{row:,}" for row in images.rows[at[:2]].tolist())
        times = "once" if count == 1 else f"{count:,} times"
        captions.append(
            [(actual, " read as ", predicted, f", {times}"), (f"row{'s' * (count > 1)} {rows}",)]
        )
    _draw_tiles(path, images, tiles, captions, columns=4, otherwise="no image was misread")


def _draw_losses(path: Path, images: PredictedImages) -> None:
    """Draw the images of highest loss, each with an example of its class and of the predicted one."""
    predictions = images.predictions
    worst = np.argsort(-predictions.losses, kind="stable")[:_MOST_LOSSES]
    pairs = list(
        zip(predictions.targets[worst].tolist(), predictions.predicted[worst].tolist(), strict=True)
    )
    examples = images.load_examples(k for pair in pairs for k in pair)
    tiles: list[Images] = []
    captions: list[Sequence[Line]] = []
    for at, image, pair in zip(worst.tolist(), images.load_images(worst), pairs, strict=True):
        tiles.append(np.hstack([image, *(examples.get(k, np.zeros_like(image)) for k in pair)]))
        captions.append(
            [
                _tell_reading(*pair),
                (f"row {images.rows[at]:,}, loss {predictions.losses[at]:.2f},",),
                (f"confidence {predictions.probabilities[at, 0]:.0%}",),
            ]
        )
    _draw_tiles(path, images, tiles, captions, columns=6, otherwise="there is no image")


def _draw_activation(path: Path, images: PredictedImages, network: nn.Module) -> None:
    """Draw class activation maps over misread images, and over others."""
    targets, predicted = images.predictions.targets, images.predictions.predicted
    wrong, right = np.flatnonzero(targets != predicted), np.flatnonzero(targets == predicted)
    chosen = np.concatenate([wrong[: _MOST_MAPS // 2], right])[:_MOST_MAPS]
    inks = images.load_images(chosen)
    maps = map_activation(network, inks, predicted[chosen]) if len(chosen) else None
    if maps is None:
        return
    captions: list[Sequence[Line]] = [
        [_tell_reading(int(targets[at]), int(predicted[at])), (f"row {images.rows[at]:,}",)]
        for at in chosen.tolist()
    ]
    _draw_tiles(path, images, list(inks), captions, columns=6, otherwise="", maps=maps)


def _tell_reading(actual: int, predicted: int) -> Line:
    return (actual,) if actual == predicted else (actual, " read as ", predicted)


def _draw_tiles(
    path: Path,
    images: PredictedImages,
    tiles: Sequence[Images],
    captions: Sequence[Sequence[Line]],
    *,
    columns: int,
    otherwise: str,
    maps: NDArray[np.float32] | None = None,
) -> None:
    """Draw pictures with captions of a few lines above each, and maps over them where there are some."""
    n_lines = max(map(len, captions), default=1)
    columns, side = _choose_columns(tiles, columns)
    n_rows = max(1, -(-len(tiles) // columns))
    gap = _LINE_INCH * n_lines + 0.2
    figure = _make_figure(_FIGURE_INCH, (side + gap) * n_rows + 0.1)
    grid = figure.subplots(n_rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    if not tiles:
        grid[0, 0].text(0, 0.5, otherwise)
    named = {k for caption in captions for line in caption for k in line if isinstance(k, int)}
    examples = images.load_unnamed(named)
    for number, (axes, tile, caption) in enumerate(zip(grid.flat, tiles, captions, strict=False)):
        axes.imshow(tile, cmap="gray", vmin=0, vmax=255)
        if maps is not None:
            axes.imshow(maps[number], cmap="inferno", alpha=0.55)
        axes.set_title("\n".join(" " * n_lines), fontsize=_CAPTION_PT + 2.5)  # the room for:
        lines: list[Any] = [
            HPacker(children=list(_write(line, images, examples)), pad=0, sep=1.5, align="center")
            for line in caption
        ]
        packed = VPacker(children=lines, pad=0, sep=2, align="left")
        box = AnnotationBbox(
            packed,
            (0, 1),
            (0, 3),
            xycoords="axes fraction",
            boxcoords="offset points",
            box_alignment=(0, 0),
            frameon=False,
            pad=0,
            annotation_clip=False,
        )
        box.set_in_layout(False)  # the title has made the room
        axes.add_artist(box)
    save_png(path, figure)


def _choose_columns(tiles: Sequence[Images], columns: int) -> tuple[int, float]:
    """Return how many tiles stand in a row, fewer where they are wide, and their height in inches."""
    height, width = tiles[0].shape if tiles else (1, 4)
    aspect = width / height
    columns = min(columns, max(1, int(_FIGURE_INCH / aspect / _LEAST_INCH)))
    return columns, max(_FIGURE_INCH / columns / aspect, _LEAST_INCH)


def _write(line: Line, images: PredictedImages, examples: dict[int, Images]) -> Iterator[Any]:
    """Yield the words of a line as they are, and the names of its classes in a font that has them."""
    for part in line:
        if isinstance(part, str):
            yield TextArea(part, textprops={"size": _CAPTION_PT, "parse_math": False})
            continue
        label = images.labels[part]
        font = images.fonts.find(label)
        if font is not None:
            font = font.copy()
            font.set_size(_CAPTION_PT + (0 if label.isascii() else 2))
            props = {"fontproperties": font, "parse_math": False}
            yield TextArea(shorten_label(label), textprops=props)
        elif part in examples:
            height, width = examples[part].shape
            yield _make_stamp(examples[part], min(15 / height, _WIDEST_PT / width))
        else:
            yield TextArea(show_codepoints(label[:4]), textprops={"size": _CAPTION_PT})


def _draw_beside(
    axes: Any,
    image: Images,
    place: tuple[float, float],
    zoom: float,
    alignment: tuple[float, float],
) -> None:
    axes.add_artist(
        AnnotationBbox(
            _make_stamp(image, zoom),
            place,
            box_alignment=alignment,
            frameon=False,
            annotation_clip=False,
            pad=0,
        )
    )


def _make_stamp(image: Images, zoom: float) -> OffsetImage:
    return OffsetImage(from_ink(image, BLACK_ON_WHITE), zoom=zoom, cmap="gray")


def _make_figure(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")
