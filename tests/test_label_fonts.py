"""Labels in figures are written by a font that has their characters, or shown by images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BOX, FONTS, MakeFont
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage, TextArea

from glyphgen.baseline import training_figures
from glyphgen.baseline.metrics import Predictions
from glyphgen.baseline.models import make_model
from glyphgen.baseline.training_figures import PredictedImages, draw_predictions
from glyphgen.dataset.reader import load
from glyphgen.errors import ReportError
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.report.label_fonts import LabelFonts, find_label_fonts, shorten_label


def font_file(fonts: LabelFonts, label: str) -> str | None:
    font = fonts.find(label)
    return None if font is None else Path(str(font.get_file() or "matplotlib's own")).name


def test_the_bundle_writes_what_it_has_and_nothing_else() -> None:
    fonts = find_label_fonts()
    assert font_file(fonts, "べ") == "KosugiMaru_400Regular.ttf"
    assert font_file(fonts, "تاریخ") == "Vazirmatn_400Regular.ttf"
    assert font_file(fonts, "می\u200cروم") == "Vazirmatn_400Regular.ttf", "a joiner needs no glyph"
    assert font_file(fonts, "other") == "matplotlib's own"
    assert font_file(fonts, "𓀀") is None
    assert font_file(fonts, "あ\x07") is None
    assert font_file(fonts, " ") is None
    assert shorten_label("a" * 30) == "a" * 23 + "…"


def test_a_font_that_the_user_names_comes_first() -> None:
    kiloji = FONTS / "kana" / "kiloji.ttf"
    fonts = find_label_fonts(None, ["べ", "A"], kiloji)
    assert font_file(fonts, "ベ") == "kiloji.ttf"
    assert font_file(fonts, "A") == "kiloji.ttf"
    assert font_file(fonts, "ش") == "Vazirmatn_400Regular.ttf"


def test_what_cannot_write_a_label_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.ttf").write_bytes(b"no font")
    with pytest.raises(ReportError, match=r"^--label-font: .*x\.ttf: "):
        find_label_fonts(None, ["A"], tmp_path / "x.ttf")
    latin = FONTS / "latin" / "Caveat_400Regular.ttf"
    with pytest.raises(ReportError) as caught:
        find_label_fonts(None, ["あ", "い"], latin)
    assert str(caught.value) == (
        f"--label-font: {latin}: has the characters of no label, expected those of あ, い"
    )


def test_a_face_of_the_dataset_comes_before_the_bundle(
    make_font: MakeFont, write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_font("mine.ttf", {"あ": BOX, "𓀀": BOX})
    recipe = write_recipe(
        'classes.text = "あ𓀀"\nfonts.files = ["mine.ttf"]\nrender.per_class = 2\n'
        '[gate]\non_unproven = "allow"\n'
    )
    dataset = load(render_dataset(read_recipe(recipe), tmp_path / "set").folder)
    fonts = find_label_fonts(dataset)
    assert [font_file(fonts, label) for label in "あ𓀀い"] == [
        "mine.ttf",
        "mine.ttf",
        "KosugiMaru_400Regular.ttf",
    ]
    path.write_bytes(path.read_bytes() + b"\0")  # another file now
    assert font_file(find_label_fonts(dataset), "𓀀") is None
    path.unlink()
    assert font_file(find_label_fonts(dataset), "𓀀") is None


# --- Figures


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that are drawn, by the names of their files."""
    kept: dict[str, Figure] = {}

    def keep(path: Path, figure: Figure) -> None:
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
        kept[path.stem] = figure

    monkeypatch.setattr(training_figures, "save_png", keep)
    return kept


def predicted(labels: list[str], height: int, width: int) -> PredictedImages:
    """Three images of each class, of which the last is read as the next class."""
    n = len(labels)
    targets = np.repeat(np.arange(n), 3)
    read = np.where(np.arange(3 * n) % 3 == 2, (targets + 1) % n, targets)
    images = np.zeros((3 * n, height, width), np.uint8)
    images[:, 4:-4, 2:-2] = 255
    return PredictedImages(
        labels=labels,
        predictions=Predictions(
            targets=targets,
            top_classes=read[:, None],
            probabilities=np.full((3 * n, 1), 0.5, np.float32),
            losses=np.arange(3 * n, dtype=np.float32),
        ),
        load_images=lambda positions: images[positions],
        rows=100 + np.arange(3 * n),
        fonts=find_label_fonts(),
    )


def list_words(figure: Figure) -> list[str]:
    return [area.get_text() for area in figure.findobj(TextArea)]


def test_captions_name_classes_and_rows(figures: dict[str, Figure], tmp_path: Path) -> None:
    images = predicted(["あ", "تاریخ", "other", "𓀀"], 16, 16)
    draw_predictions(tmp_path, images, make_model("cnn", 4, 16, 16))
    words = list_words(figures["confused"])
    assert words[:4] == ["あ", " read as ", "تاریخ", ", once"]
    assert "row 102" in words
    assert words.count("other") == 2
    assert "U+13000" not in words
    assert len(figures["confused"].findobj(OffsetImage)) == 2, "𓀀, once misread and once read"
    assert "row 111, loss 11.00," in list_words(figures["highest-loss"])
    assert "row 102" in list_words(figures["activation"])


@pytest.mark.parametrize(
    "labels",
    [
        [chr(0x13000 + k) for k in range(16)],
        [f"{word}{digit}" for word in ("تاریخ", "پیوست", "شماره", "عنوان") for digit in "۱۲۳۴"],
    ],
)
def test_wide_images_and_words_do_not_overlap_beside_the_matrix(
    figures: dict[str, Figure], tmp_path: Path, labels: list[str]
) -> None:
    draw_predictions(tmp_path, predicted(labels, 16, 80), make_model("cnn", 16, 16, 80))
    figure: Any = figures["confusion"]
    axes = figure.axes[0]
    drawn: list[Any] = [
        artist for artist in axes.get_children() if isinstance(artist, AnnotationBbox)
    ]
    texts = [*axes.get_xticklabels(), *axes.get_yticklabels()]
    drawn += [text for text in texts if text.get_text()]
    assert len(drawn) == 32
    renderer = figure.canvas.get_renderer()
    boxes = [artist.get_window_extent(renderer) for artist in drawn]
    boxes.append(axes.get_window_extent())
    boxes += [label.get_window_extent() for label in (axes.xaxis.label, axes.yaxis.label)]
    overlapping = [
        (a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :] if a.overlaps(b.padded(-1))
    ]
    assert overlapping == []
