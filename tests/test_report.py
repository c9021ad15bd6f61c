"""The pages that people look at: right numbers, whatever is given, and a browser that can use them."""

import functools
import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import tiny_datasets
from conftest import BOX, MakeFont
from PIL import Image
from playwright.sync_api import sync_playwright

from glyphgen.balance import balance_dataset, prepare_balance
from glyphgen.dataset.reader import load
from glyphgen.dataset.shards import Arrays
from glyphgen.errors import DatasetError, ReportError
from glyphgen.images.sheets import make_picture
from glyphgen.recipe import read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.report import check_report_extra, make_report, statistics
from glyphgen.report.blocks import Section, render_page, text
from glyphgen.report.charts import (
    dump_svg,
    make_bar_chart,
    make_calibration_chart,
    make_histogram,
    make_line_chart,
    save_chart,
)
from glyphgen.report.dataset_page import choose_samples
from glyphgen.report.statistics import measure_dataset, measure_shapes

SMALL = ["render.per_class=24", "image.height=32", "image.width=32"]


@pytest.fixture(scope="module")
def kana(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """169 kana at 32 x 32, 24 of each, with val and test."""
    folder = tmp_path_factory.mktemp("data") / "kana"
    return render_dataset(read_recipe("kana", SMALL), folder).folder


@pytest.fixture(scope="module")
def page(kana: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the kana."""
    return make_report((kana,), tmp_path_factory.mktemp("page") / "kana.html").path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a window."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "the tests need Chromium (apt install chromium)"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


# --- Numbers


def test_shapes_are_those_of_the_drawing() -> None:
    images = np.zeros((3, 40, 60), np.uint8)
    images[0, 10:30, 20:24] = 255  # a bar, 4 wide and 20 high
    images[1, 0:5, 0:60] = 255  # along the upper edge
    shapes = measure_shapes(images)
    assert shapes.density.tolist() == [80 / 2400, 300 / 2400, 0]
    assert shapes.box.tolist() == [0.5, 1.0, 0.0]
    assert shapes.touches.tolist() == [False, True, False]
    # Twice 80 over 48 * pi / 4, as the estimate counts the edge of a bar that stands upright.
    assert shapes.stroke[0] * 40 == pytest.approx(160 / (48 * np.pi / 4))
    assert shapes.stroke[2] == 0


@pytest.mark.slow
def test_counts_means_and_doubles_are_exact(kana: Path, tmp_path: Path) -> None:
    found = measure_dataset(load(kana))
    dataset = load(kana)
    labels, images = np.asarray(dataset.labels), np.asarray(dataset.images)
    assert found.total.tolist() == [24] * 169
    assert sum(counts.sum() for counts in found.counts.values()) == len(dataset)
    np.testing.assert_allclose(found.mean[7], images[labels == 7].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(found.variance[7], images[labels == 7].var(axis=0), atol=0.1)
    assert found.n_duplicates == len(images) - len(
        np.unique(images.reshape(len(images), -1), axis=0)
    )
    twin = dataset.classes[int(found.nearest[[c.label for c in dataset.classes].index("へ")])].label
    assert twin == "ヘ"


def test_of_many_rows_means_are_of_as_many_of_each_class_spread_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_faces = functools.partial(tiny_datasets.make_index, faces=())
    monkeypatch.setattr(tiny_datasets, "make_index", without_faces)
    tiny_datasets.make_dataset(tmp_path / "tiny", "npy")
    dataset = load(tmp_path / "tiny")
    images = np.asarray(dataset.images)
    whole = measure_dataset(dataset)
    assert whole.mean_rows.tolist() == [12, 11]
    np.testing.assert_array_equal(whole.mean[0], images[::2].mean(axis=0).astype(np.float32))
    np.testing.assert_allclose(whole.variance[1], images[1::2].var(axis=0), rtol=1e-6)
    monkeypatch.setattr(statistics, "_MOST_SUMMED", 12)
    monkeypatch.setattr(statistics, "_LEAST_SUMMED", 4)
    some = measure_dataset(dataset)
    assert some.mean_rows.tolist() == [6, 6]
    np.testing.assert_array_equal(some.mean[0], images[::4].mean(axis=0).astype(np.float32))
    assert some.total.tolist() == [12, 11]
    page = make_report(tmp_path / "tiny", tmp_path / "page.html").path.read_text("utf-8")
    assert "Mean image, on 6 rows of each class at most, spread evenly, in the order of" in page


@pytest.mark.parametrize("shares_keys", [False, True])
def test_equal_images_are_found_and_no_others(
    shares_keys: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_rows(rows: range) -> Arrays:
        arrays = original(rows)
        arrays.images[:] = np.array([{9: 4, 20: 4, 11: 0}.get(row, row) for row in rows])[
            :, None, None
        ]
        return arrays

    original = tiny_datasets.make_rows
    monkeypatch.setattr(tiny_datasets, "make_rows", make_rows)
    tiny_datasets.make_dataset(tmp_path / "tiny", "npy")
    if shares_keys:
        monkeypatch.setattr(
            statistics, "_make_keys", lambda images: np.zeros(len(images), np.uint64)
        )
    found = measure_dataset(load(tmp_path / "tiny"))
    assert found.duplicates == ((4, 9, 20), (0, 11))
    assert found.n_duplicates == 3


# --- Pages


@pytest.mark.slow
def test_the_page_is_one_file_and_small(page: Path, kana: Path) -> None:
    text = page.read_text("utf-8")
    assert len(text) < 10_000_000
    assert 'src="http' not in text
    assert "<link" not in text
    assert "Measured on 4,056 of 4,056 rows" in text
    assert "Every class has 24 rows." in text
    assert load(kana).index.content_key[:16] in text


@pytest.mark.slow
def test_a_name_is_shown_and_never_run(kana: Path, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(kana, odd)
    index = json.loads((odd / "index.json").read_text())
    for k, label in enumerate(["<script>alert(1)</script>", "\x07\x1b", "", '"><img src=x>']):
        index["classes"][k] |= {"label": label, "forms": [], "codepoints": [], "names": []}
    (odd / "index.json").write_text(json.dumps(index))
    text = make_report((odd,), tmp_path / "odd.html").path.read_text("utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<img src=x>" not in text
    assert "U+0007U+001B" in text
    assert "(no name)" in text


@pytest.mark.slow
def test_what_is_missing_is_left_out(kana: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(kana, bare)
    for name in ("gate.json", "recipe.toml", "run.json"):
        (bare / name).unlink()
    index = json.loads((bare / "index.json").read_text()) | {"faces": [], "splits": {}}
    for entry in index["classes"]:
        entry["rows"] = {}
    (bare / "index.json").write_text(json.dumps(index))
    text = make_report((bare,), tmp_path / "bare.html").path.read_text("utf-8")
    assert "Unknown: the dataset names no font that drew its rows." in text
    assert "every default spelled out" not in text


@pytest.mark.slow
def test_one_class_still_makes_a_page(tmp_path: Path) -> None:
    recipe = read_recipe("digits", ["classes.sets=[]", 'classes.text="0"', "render.per_class=30"])
    folder = render_dataset(recipe, tmp_path / "one").folder
    reported = make_report((folder,), tmp_path / "one.html")
    assert reported.summary["classes"] == 1
    assert "of 1 class, " in reported.path.read_text("utf-8")


def test_text_from_right_to_left_stays_beside_its_number() -> None:
    section = Section(
        id="a", title="a", blocks=(text("ا 12, سلام دنیا 3, میِ\u200cروم ("), text("あ b 1"))
    )
    page = render_page("ب", "sub", [section])
    assert "\u2068ا\u2069 12, \u2068سلام دنیا\u2069 3, \u2068میِ\u200cروم\u2069 (" in page
    assert "<h1>\u2068ب\u2069</h1>" in page
    assert "あ b 1" in page


def test_a_face_that_lacks_many_characters_is_one_row(make_font: MakeFont, tmp_path: Path) -> None:
    make_font("whole.ttf", dict.fromkeys("ⰀⰁⰂⰃⰄ", BOX))
    make_font("few.ttf", {"Ⰰ": BOX})
    (tmp_path / "r.toml").write_text(
        'classes.text = "ⰀⰁⰂ"\nfonts.files = ["*.ttf"]\nrender.per_class = 4\n'
        'gate.on_refused = "skip"\ngate.on_unproven = "allow"\n',
        "utf-8",
    )
    folder = render_dataset(read_recipe(tmp_path / "r.toml"), tmp_path / "data").folder
    page = make_report((folder,), tmp_path / "p.html").path.read_text(encoding="utf-8")
    assert "<td>few.ttf</td><td>Ⰱ, Ⰲ</td><td>U+2C01, U+2C02</td>" in page


def test_no_sample_of_a_class_is_shown_twice(kana: Path) -> None:
    dataset = load(kana)
    few, many = (choose_samples(dataset, measure_dataset(dataset), k) for k in (8, 200))
    assert few[0].shape[:2] == (len(dataset.classes), 8)
    n = np.bincount(np.asarray(dataset.labels))
    for shown, rows in (few, many):
        for k, own in enumerate(shown):
            drawn = own[own.any(axis=(1, 2))]
            assert len(drawn) == min(n[k], len(own))
            assert len({image.tobytes() for image in drawn}) == len(drawn)
            np.testing.assert_array_equal(drawn, dataset.ink[rows[k, : len(drawn)]])


@pytest.mark.slow
def test_a_balanced_dataset_shows_its_copies(kana: Path, tmp_path: Path) -> None:
    balance_dataset(prepare_balance(kana, 40), tmp_path / "even")
    text = make_report((tmp_path / "even",), tmp_path / "even.html").path.read_text("utf-8")
    assert "あ" in text
    assert text.count(": original, then copies") >= 10
    assert "augment rotation deg" in text


@pytest.mark.slow
def test_two_datasets_are_told_apart_in_words(kana: Path, tmp_path: Path) -> None:
    recipe = read_recipe(
        "kana",
        [*SMALL, "render.size=[1.2, 1.4]", 'classes.sets=["hiragana"]', 'gate.on_cut_off="allow"'],
    )
    large = render_dataset(recipe, tmp_path / "large").folder
    reported = make_report((kana, large), tmp_path / "both.html")
    told = reported.summary["differences"]
    assert any(line.startswith("The ink's longer side is 6") for line in told)
    assert any(
        line.startswith("86 classes of kana (first) are not in kana (second)") for line in told
    )
    assert any(line.startswith("Ink touches the frame in 0% of kana (first), ") for line in told)
    page = reported.path.read_text("utf-8")
    assert "83 classes are in both." in page
    assert ", of the 40 that are least alike, the least alike first:" in page
    alike = make_report((kana, kana), tmp_path / "same.html").summary["differences"]
    assert alike == ["Nothing that was measured tells kana (first) from kana (second)."]


@pytest.mark.slow
def test_a_training_is_told_of(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    interval = [0.8, 0.95]
    metrics = {
        "n": 20,
        **dict.fromkeys(("top1", "top5", "top1_twins_folded"), 0.9),
        **{f"{name}_interval": interval for name in ("top1", "top5", "top1_twins_folded")},
        **dict.fromkeys(("macro_precision", "macro_recall", "macro_f1"), 0.91),
        "per_class": [{"label": "あ", "n": 20, "recall": 0.9, "precision": 1.0, "f1": 0.95}],
        "confused": [{"actual": "あ", "predicted": "お", "n": 2}],
        "calibration": {
            "expected_error": 0.03,
            "bins": [{"n": 20, "confidence": 0.93, "accuracy": 0.9}],
        },
        "per_face": {"x.ttf": {"n": 20, "top1": 0.9, "top1_twins_folded": 0.9}},
    }
    (run / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(ReportError, match=r"train\.json: cannot be read"):
        make_report((run,), tmp_path / "run.html")
    train = {
        "dataset": "kana",
        "options": {"model": "cnn"},
        "rows": {"train": 80},
        **dict.fromkeys(("seconds", "images_per_second", "share_of_time_in_network"), 1),
        "device": "cpu",
        "warnings": [],
    }
    (run / "train.json").write_text(json.dumps(train))
    text = make_report((run,), tmp_path / "run.html").path.read_text("utf-8")
    assert "90.00% (80.00% to 95.00%)" in text
    assert "x.ttf" in text
    assert "3.0%" in text
    assert "<td>あ  U+3042</td><td>お  U+304A</td>" in text
    assert "<caption>Confused pairs</caption>" in text
    assert "as confident as right</text>" in text
    assert "while the network learned" not in text
    assert '<section id="curves"' not in text
    (run / "history.csv").write_text(
        "epoch,train_loss,val_loss,val_top1,val_precision,val_recall\n"
        "1,0.9,0.8,0.5,0.4,0.3\n2,0.123,0.234,0.765,0.7,0.6\n"
    )
    text = make_report(str(run), str(tmp_path / "run.html")).path.read_text("utf-8")
    for shown in ("train 0.123", "val 0.234", "top-1 0.765", "precision 0.7", "recall 0.6"):
        assert f"{shown}</text>" in text
    assert "with smoothed labels, is often above the val loss" in text
    assert "Of the train rows" not in text, "the table of an older glyphgen does not tell"


@pytest.mark.slow
def test_figures_are_written_as_png_and_svg(kana: Path, tmp_path: Path) -> None:
    reported = make_report((kana,), tmp_path / "kana.html", figures=tmp_path / "figures")
    names = {path.name for path in reported.figures}
    charts = ("rows-by-class", "ink-density", "ink-size", "stroke-width", "value-rotation_deg")
    assert names >= {f"{name}.{kind}" for name in charts for kind in ("png", "svg")}
    for path in reported.figures:
        if path.suffix == ".png":
            with Image.open(path) as figure:
                assert min(figure.size) > 180
        else:
            assert path.read_text("utf-8").startswith("<?xml")


# --- Charts


def count_bars(svg: str, color: str) -> int:
    return len(re.findall(rf'style="fill: var\(--{color}\)[^"]*"', svg))


def test_a_chart_in_a_page_takes_the_colors_and_the_typeface_of_the_page() -> None:
    lines = make_line_chart("l", "t", [1, 2], [(name, [0.5, 0.25]) for name in "abc"])
    svg = dump_svg(lines.figure)
    assert svg.startswith("<svg viewBox=")
    assert re.findall(r"#[0-9a-f]{6}\b", svg) == []
    assert re.findall(r"font[^;]*Sans", svg) == []
    assert re.findall(r'<g id=|<style|width="\d+pt"', svg) == []
    assert all(f"stroke: var(--{color})" in svg for color in ("first", "second", "muted", "line"))
    assert all(f"{name} 0.25</text>" in svg for name in "abc")


@pytest.mark.slow
def test_bars_are_as_high_as_their_values_and_a_histogram_says_its_highest_share() -> None:
    bars = make_bar_chart("b", "t", [4.0, 2.0, 1.0])
    patches: Any = bars.figure.axes[0].patches
    assert [bar.get_height() for bar in patches] == [4, 2, 1]
    assert count_bars(dump_svg(bars.figure), "first") == 3
    many = make_bar_chart("b", "t", list(range(2000, 0, -1)))
    assert count_bars(dump_svg(many.figure), "first") == 1
    values = np.array([0.0] * 3 + [1.0])
    spread = make_histogram("h", "t", [("", values), ("", np.ones(2))])
    [top] = [label.get_text() for label in spread.figure.axes[0].get_yticklabels()]
    assert top == "100%"
    patches = spread.figure.axes[0].patches
    first, second = (patch.get_data().values for patch in patches)
    assert (first[0], first[-1], second[0], second[-1]) == (0.75, 0.25, 0, 1)


@pytest.mark.parametrize("n", [1, 4])
def test_curves_have_each_tick_once_and_their_legend_above(n: int) -> None:
    values = [1.9, 1.4, 1.2, 1.1][-n:]
    chart = make_line_chart("l", "t", [0.3189, 1, 2, 3][:n], [("train", values), ("val", values)])
    figure: Any = chart.figure
    figure.canvas.draw()
    [axes] = figure.axes
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert len(set(ticks)) == len(ticks)
    assert n > 1 or ticks == ["0.32"]
    [legend] = figure.legends
    assert legend.get_window_extent().y0 >= axes.get_window_extent().y1
    low, high = axes.get_ylim()
    assert low == 0
    assert high > max(values), "a point at the top is whole"


def test_calibration_is_drawn_over_its_diagonal() -> None:
    chart = make_calibration_chart("c", "t", [0.5, 0.9], [0.4, 0.95])
    diagonal, found = chart.figure.axes[0].lines
    assert np.asarray(diagonal.get_xydata()).tolist() == [[0, 0], [1, 1]]
    assert np.asarray(found.get_xydata()).tolist() == [[0.5, 0.4], [0.9, 0.95]]


def test_equal_charts_are_equal_bytes_and_leave_matplotlib_as_it_was(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    one, again = (
        save_chart(tmp_path / name, make_bar_chart("b", "rows", [2.0, 1.0])) for name in "ab"
    )
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in again]
    assert dict(mpl.rcParams) == before


def test_a_name_from_a_strange_dataset_stays_in_the_folder_and_is_no_formula(
    tmp_path: Path,
) -> None:
    chart = make_histogram("value-../../x", "$_{$", [("", np.arange(3.0))])
    paths = save_chart(tmp_path / "deep" / "er", chart)
    assert [path.name for path in paths] == ["value-x.png", "value-x.svg"]
    assert "$_{$" in paths[1].read_text("utf-8")


def test_what_cannot_be_told_of_is_one_line(
    kana: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ReportError) as caught:
        make_report((kana, kana, kana), tmp_path / "x.html")
    assert str(caught.value) == "report: 3 folders, expected one, or two datasets to compare"
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    with pytest.raises(DatasetError) as caught_too:
        make_report((unfinished,), tmp_path / "x.html")
    assert str(caught_too.value) == (
        f"{unfinished}: unfinished, it has no index.json (run the command that makes it again)"
    )
    assert not (tmp_path / "x.html").exists()
    monkeypatch.setattr("glyphgen.report.find_spec", lambda name: None)
    with pytest.raises(ReportError) as caught:
        check_report_extra()
    assert str(caught.value) == (
        "report: jinja2, matplotlib not installed, expected the extra 'report'"
        " (pip install 'glyphgen[report]')"
    )


# --- Notebooks


def test_a_dataset_shows_itself(kana: Path) -> None:
    dataset = load(kana, "test")
    picture = dataset.show(20, columns=8)
    assert picture.size == (8 * 32, 3 * 32)
    assert (np.asarray(picture)[:32, :32] == dataset.images[0]).all()
    assert (np.asarray(picture)[64:, 4 * 32 :] == 0).all()
    shown = dataset._repr_html_()
    assert "&lt;Dataset" in shown
    assert "data:image/png;base64," in shown
    assert make_picture(np.zeros((0, 4, 6), np.uint8), 2).size == (12, 4)


def test_a_recipe_shows_itself() -> None:
    shown = read_recipe("kana", ['name="x"'])._repr_html_()
    assert "Recipe &#x27;x&#x27;" in shown or "Recipe 'x'" in shown
    assert "hiragana" in shown


# --- In the browser


def open_page(browser: Any, path: Path, **options: Any) -> tuple[Any, list[str]]:
    opened = browser.new_page(**options)
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on(
        "request",
        lambda r: said.append(r.url) if not r.url.startswith(("file:", "data:")) else None,
    )
    opened.goto(path.as_uri())
    return opened, said


def shown_classes(opened: Any) -> list[str]:
    """By the document, not by the screen: cards far off are not laid out (content-visibility)."""
    shown: list[str] = opened.locator("#sheet li:not([hidden]) b").all_text_contents()
    return shown


@pytest.mark.slow
def test_search_finds_a_class_by_character_code_point_and_name(browser: Any, page: Path) -> None:
    opened, said = open_page(browser, page)
    for asked in ("あ", "3042", "U+3042"):
        opened.fill("#find", asked)
        assert shown_classes(opened) == ["あ"], asked
        assert opened.inner_text("#found") == "1 class"
    opened.fill("#find", "hiragana letter a")
    assert shown_classes(opened) == ["あ"]
    opened.fill("#find", "katakana letter small")
    assert len(shown_classes(opened)) == 12
    opened.fill("#find", "nothing of the kind")
    assert shown_classes(opened) == []
    opened.fill("#find", "")
    assert len(shown_classes(opened)) == 169
    assert said == []


@pytest.mark.slow
def test_search_finds_a_class_that_runs_from_right_to_left(browser: Any, tmp_path: Path) -> None:
    small = ["render.per_class=4", 'classes.text="ابپ"', "classes.sets=[]", "split={}"]
    folder = render_dataset(read_recipe("persian", small), tmp_path / "persian").folder
    opened = browser.new_page()
    opened.goto(make_report((folder,), tmp_path / "p.html").path.as_uri())
    label, count = (
        opened.evaluate(
            "node => { const r = document.createRange(); r.selectNodeContents(node);"
            " return r.getBoundingClientRect().left }",
            opened.evaluate_handle(f"document.querySelector('.sheet li').childNodes[{k}]"),
        )
        for k in (1, 2)
    )
    assert 0 < label < count
    opened.fill("#find", "ب")
    assert opened.locator("#found").inner_text() == "1 class"


def test_sorting_puts_the_hardest_first(browser: Any, page: Path) -> None:
    opened, _ = open_page(browser, page)
    assert shown_classes(opened)[:3] == ["ぁ", "あ", "ぃ"]
    opened.click("text=difficulty")
    distances = opened.evaluate("[...sheet.children].map(card => +card.dataset.distance)")
    assert distances == sorted(distances)
    assert distances[0] < distances[-1]
    assert opened.get_attribute("[data-sort=distance]", "aria-pressed") == "true"
    opened.keyboard.press("Shift+Tab")
    opened.keyboard.press("Enter")  # the button before it, by keyboard
    assert opened.get_attribute("[data-sort=codepoint]", "aria-pressed") == "true"
    assert shown_classes(opened)[0] == "ぁ"


def luminance(color: str) -> float:
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(browser: Any, page: Path, scheme: str) -> None:
    opened, _ = open_page(browser, page, color_scheme=scheme)
    found = opened.evaluate(
        """() => ["p", "h1", "h2", "th", "td", "small", "b", "a", "button", "figcaption", ".muted"]
        .map(name => {
          const one = document.querySelector("main " + name);
          let under = one;
          const clear = of => getComputedStyle(of).backgroundColor === "rgba(0, 0, 0, 0)";
          while (clear(under)) under = under.parentElement;
          return [name, getComputedStyle(one).color, getComputedStyle(under).backgroundColor];
        })"""
    )
    assert len(found) == 11
    for name, words, under in found:
        light, dark = sorted([luminance(words), luminance(under)], reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, words, under)


@pytest.mark.slow
@pytest.mark.parametrize("width", [500, 1200])
def test_cards_are_filled_by_samples_of_their_class(
    browser: Any, page: Path, kana: Path, width: int
) -> None:
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": "light"}
    opened, _ = open_page(browser, page, **options)
    opened.add_style_tag(content="nav { display:none } .sheet li { content-visibility:visible }")
    dataset = load(kana)
    thumbnails, _ = choose_samples(dataset, measure_dataset(dataset), 8)
    labels = [info.label for info in dataset.classes]
    for label in ("ぁ", "め", "ヶ", labels[63], labels[64]):
        card = opened.locator("#sheet li").nth(labels.index(label))
        samples = card.locator("i")
        assert samples.bounding_box()["width"] > 0.93 * card.bounding_box()["width"]
        shot = Image.open(io.BytesIO(samples.screenshot())).convert("L")
        expected = np.hstack(list(thumbnails[labels.index(label)]))
        found = 255 - np.asarray(shot.resize(expected.shape[::-1]))
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.9, label


def test_every_section_is_within_reach_on_a_small_screen(browser: Any, page: Path) -> None:
    opened, _ = open_page(browser, page, viewport={"width": 500, "height": 800})
    for link in opened.locator("nav a").all():
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 500, link.inner_text()


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_scrolls_sideways(browser: Any, page: Path, width: int) -> None:
    opened, said = open_page(browser, page, viewport={"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") <= width
    assert said == []
