"""Bars of the rows of each class: labels, counts and percents, for any number of classes."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from glyphgen.report.blocks import Section, render_page
from glyphgen.report.charts import dump_svg
from glyphgen.report.dataset_charts import chart_classes, list_splits
from glyphgen.report.label_fonts import find_label_fonts
from glyphgen.report.statistics import Shapes, Statistics
from glyphgen.report.support_section import describe_support

NOTHING = np.zeros(0)


def count(**splits: list[int]) -> Statistics:
    n = len(next(iter(splits.values())))
    return Statistics(
        counts={name: np.array(rows) for name, rows in splits.items()},
        mean=np.zeros((n, 2, 2), np.float32),
        variance=np.zeros((n, 2, 2), np.float32),
        mean_rows=np.zeros(0, np.int64),
        nearest=np.full(n, -1),
        distance=np.ones(n),
        duplicates=(),
        n_duplicates=0,
        shapes=Shapes(density=NOTHING, box=NOTHING, stroke=NOTHING, touches=NOTHING.astype(bool)),
        shape_rows=np.zeros(0, np.int64),
        values={},
    )


def test_each_class_has_its_label_and_train_beside_test() -> None:
    stats = count(train=[30, 60, 10], val=[1, 1, 1], test=[2, 6, 2])
    assert list_splits(stats) == ["train", "test", "val"]
    [chart] = chart_classes(stats, ["あ", "تاریخ", "x"], find_label_fonts(), {})
    [axes] = chart.figure.axes
    words = [text.get_text() for text in axes.texts]
    assert words == [
        *("60 (60.00%)", "6 (60.00%)", "1 (33.33%)", "تاریخ"),
        *("30 (30.00%)", "2 (20.00%)", "1 (33.33%)", "あ"),
        *("10 (10.00%)", "2 (20.00%)", "1 (33.33%)", "x"),
    ]
    widths: list[float] = [bar.get_width() for bar in axes.patches]  # type: ignore[attr-defined]
    assert widths[1] / widths[0] == pytest.approx(0.5)
    assert "تاریخ" in dump_svg(chart.figure)


def test_the_page_has_a_bar_for_each_class_and_split() -> None:
    stats = count(train=[30, 60, 10], test=[2, 6, 2])
    blocks = describe_support(stats, ["あ", "い", "う"])
    assert blocks[0]["text"] == (
        "The largest class has 66 rows, the smallest 12: 5.5 times as many."
    )
    assert blocks[-1]["names"] == ["train", "test"]
    assert blocks[-1]["rows"][1] == {
        "label": "あ",
        "bars": [(30, "30.00%", "50.0"), (2, "20.00%", "33.3")],
    }
    page = render_page("t", "s", [Section(id="a", title="A", blocks=tuple(blocks))])
    assert page.count('<i class="bar0"') == page.count('<i class="bar1"') == 3
    assert "<b>い</b>" in page
    assert "60 (60.00%)" in page


def test_a_class_that_no_font_names_is_shown() -> None:
    stats = count(all=[3, 2])
    picture = np.full((8, 24), 255, np.uint8)
    [chart] = chart_classes(stats, ["𓀀", "b"], find_label_fonts(), {0: picture})
    [axes] = chart.figure.axes
    [image] = axes.artists
    assert [text.get_text() for text in axes.texts] == ["3 (60.00%)", "2 (40.00%)", "b"]
    drawn: Any = image
    assert drawn.offsetbox.get_data().shape == (8, 24, 4)


@pytest.mark.slow
def test_no_number_of_classes_is_too_large() -> None:
    stats = count(train=list(range(450, 0, -1)))
    labels = [chr(0x4E00 + k) for k in range(450)]
    fonts = find_label_fonts()
    charts = chart_classes(stats, labels, fonts, {})
    assert [chart.name for chart in charts] == [f"rows-by-class-{k}" for k in (1, 2, 3)]
    assert charts[2].title == "Rows of each of 450 classes, the largest first, 401 to 450"
    counted = [
        text.get_text()
        for chart in charts
        for axes in chart.figure.axes
        for text in axes.texts
        if "%" in text.get_text()
    ]
    assert len(counted) == 450
    assert counted[-1] == "1 (0.00%)"
    assert dataclasses.fields(stats)
