"""The drawing board: what is drawn is read, kept as a dataset, and nobody else gets an answer."""

import base64
import http.client
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import FONTS
from playwright.sync_api import Page, sync_playwright

from glyphgen import load, render_dataset
from glyphgen.baseline.checkpoint import read_checkpoint
from glyphgen.baseline.evaluating import evaluate_model
from glyphgen.baseline.predicting import Reader
from glyphgen.baseline.running import train_baseline
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.errors import PadError
from glyphgen.pad import Board, Collection, choose_classes, open_server, write_offline_page
from glyphgen.pad.board import SIDE_PX
from glyphgen.recipe import read_recipe

# As one writes it: a short stroke, and a hook from the upper right.
TO = [
    [(0.40, 0.18), (0.43, 0.32), (0.48, 0.48)],
    [
        (0.74, 0.34),
        (0.52, 0.46),
        (0.36, 0.60),
        (0.32, 0.70),
        (0.40, 0.79),
        (0.58, 0.81),
        (0.76, 0.80),
    ],
]
RECIPE = f"""
classes.text = "とのしい"
fonts.files = ["{FONTS}/kana/K*.ttf", "{FONTS}/kana/Z*.ttf", "{FONTS}/kana/Y*.ttf"]
image = {{ height = 32, width = 32 }}
[render]
per_class = 150
framing = "fit"
size = [0.75, 0.9]
wobble.amplitude = [0.0, 0.04]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of a few seconds on four kana."""
    folder = tmp_path_factory.mktemp("pad")
    (folder / "four.toml").write_text(RECIPE, encoding="utf-8")
    dataset = render_dataset(read_recipe(folder / "four.toml"), folder / "four").folder
    options = TrainingOptions(epochs=6, batch_size=32)
    return train_baseline(dataset, folder / "four-cnn", options).folder


@pytest.fixture(scope="module")
def reader(run: Path) -> Reader:
    return Reader(run)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "my-hand", "との", times=2)


@pytest.fixture
def address(reader: Reader, collection: Collection) -> Iterator[tuple[str, int]]:
    """The address of a board that collects と and の."""
    with open_server(Board(reader, collection)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield "127.0.0.1", server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "the tests need Chromium (apt install chromium)"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


def draw(page: Page, strokes: Sequence[Sequence[tuple[float, float]]]) -> None:
    box = page.locator("#board").bounding_box()
    assert box
    for stroke in strokes:
        for k, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=6)
            if k == 0:
                page.mouse.down()
        page.mouse.up()


def draw_bar() -> dict[str, Any]:
    """Return a question: an upright bar."""
    pixels = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    pixels[60:200, 120:136] = 0
    strokes = [[[128, 60, 0, 0.5], [128, 200, 90, 0.5]]]
    return {"pixels": base64.b64encode(pixels.tobytes()).decode(), "strokes": strokes}


def ask(
    address: tuple[str, int], path: str, question: Any, **headers: str
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection(*address, timeout=30)
    content = question if isinstance(question, bytes) else json.dumps(question).encode()
    connection.request("POST", path, content, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    page = json.loads(answer.read())
    connection.close()
    return answer.status, page


@pytest.mark.browser
@pytest.mark.slow
def test_what_is_drawn_is_read_and_kept(
    browser: Any, address: tuple[str, int], collection: Collection, run: Path
) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"http://{address[0]}:{address[1]}/")
    page.wait_for_selector("#ask:not([hidden])")
    assert page.inner_text("#wanted") == "と"
    draw(page, TO)
    page.wait_for_function("document.querySelector('#guesses b')?.textContent === 'と'")
    assert page.locator("#guesses li").count() == 4
    assert page.evaluate("document.querySelector('#looked').width") == 32
    page.click("#undo")
    page.wait_for_function("document.querySelector('#guesses b')?.textContent !== 'と'")
    draw(page, TO[1:])
    page.click("#clear")
    page.wait_for_function("document.querySelectorAll('#guesses li').length === 0")
    draw(page, TO)
    page.click("#keep")
    page.wait_for_function("document.querySelector('#wanted').textContent === 'の'")
    page.click("#back")
    page.wait_for_function("document.querySelector('#wanted').textContent === 'と'")
    draw(page, TO)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#wanted').textContent === 'の'")
    assert problems == []
    kept = json.loads((collection.folder / "test" / "U+3068" / "0001.json").read_text())
    assert kept["label"] == "と"
    assert len(kept["strokes"]) == 2
    x, y, _, _ = kept["strokes"][0][0]
    assert (x, y) == pytest.approx((0.40 * SIDE_PX, 0.18 * SIDE_PX), abs=2)
    made = collection.make_dataset(side=32)
    assert made
    assert np.asarray(load(made).labels).tolist() == [0]
    assert evaluate_model(run, made, framing="ink").metrics["top1"] == 1.0


@pytest.mark.browser
@pytest.mark.slow
def test_a_page_without_a_server_reads_as_the_network_does(
    browser: Any, run: Path, reader: Reader, tmp_path: Path
) -> None:
    write_offline_page(run, tmp_path / "page.html")
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.goto((tmp_path / "page.html").as_uri())
    draw(page, TO)
    page.wait_for_function("document.querySelector('#guesses b')?.textContent === 'と'")
    assert page.is_hidden("#ask")
    ink = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    levels = (ink / np.float32(255)).ravel().tolist()
    logits = page.evaluate("(levels) => Array.from(findLogits(new Float32Array(levels)))", levels)
    network = read_checkpoint(run).network.eval()
    with torch.inference_mode():
        expected = network(torch.tensor(levels).reshape(1, 1, 32, 32))[0].tolist()
    assert logits == pytest.approx(expected, abs=1e-3)
    drawing = draw_bar()
    told = page.evaluate("(asked) => readOffline('/read', asked)", drawing)
    pixels = np.frombuffer(base64.b64decode(drawing["pixels"]), np.uint8).reshape(SIDE_PX, SIDE_PX)
    [guess, *_] = reader.read(pixels)[0].guesses
    assert told["guesses"][0]["label"] == guess.label
    assert told["guesses"][0]["probability"] == pytest.approx(guess.probability, abs=0.05)


@pytest.mark.browser
@pytest.mark.parametrize("width", [400, 1200])
def test_the_page_fits_its_window(browser: Any, address: tuple[str, int], width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(f"http://{address[0]}:{address[1]}/")
    page.wait_for_selector("#ask:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_collection_asks_for_every_character_in_turn(collection: Collection) -> None:
    pixels = np.full((SIDE_PX, SIDE_PX), 255, np.uint8)
    pixels[60:200, 120:136] = 0
    asked = []
    while label := collection.tell_next()["label"]:
        asked.append(label)
        collection.keep(label, pixels, [])
    assert asked == ["と", "の", "と", "の"]
    assert collection.tell_next() == {"label": "", "done": 4, "total": 4}
    again = Collection(collection.folder.with_name("my-hand"), "との", times=3)
    assert again.tell_next() == {"label": "と", "done": 4, "total": 6}
    again.take_back()  # what was kept in another sitting stays
    assert again.tell_next()["done"] == 4
    made = again.make_dataset(side=24)
    assert made
    dataset = load(made)
    assert dataset.index.splits == {"test": (0, 4)}
    assert [info.label for info in dataset.index.classes] == ["と", "の"]
    assert dataset.ink[0].max() > 150
    assert Collection(collection.folder / "none", "と").make_dataset(side=24) is None


def test_what_is_asked_for_is_known_to_the_network() -> None:
    labels = ["と", "の", "other", "0", "1"]
    assert choose_classes("の と", labels) == ("の", "と")
    assert choose_classes("all", labels[:2]) == ("と", "の")
    assert choose_classes("digits", [*"0123456789"]) == tuple("0123456789")
    for words, problem in (
        ("のア", "found 'ア' .U.30A2., expected classes that the network knows"),
        ("digits", "found '2' .U.0032., .* and 5 more"),
        ("all", "other.*not one character each"),
        (" ", "found no character"),
    ):
        with pytest.raises(PadError, match=problem):
            choose_classes(words, labels)


def test_a_bar_is_read_and_a_blank_is_not(address: tuple[str, int]) -> None:
    status, page = ask(address, "/read", draw_bar())
    assert status == 200
    assert sum(guess["probability"] for guess in page["guesses"]) == pytest.approx(1.0, abs=1e-4)
    assert page["size"] == [32, 32]
    assert len(base64.b64decode(page["heat"])) == 32 * 32
    blank = base64.b64encode(bytes([255]) * SIDE_PX**2).decode()
    status, page = ask(address, "/read", {"pixels": blank})
    assert (status, page["guesses"]) == (200, [])
    assert page["problem"].startswith("no ink")
    status, page = ask(address, "/keep", {"label": "と", "pixels": blank})
    assert (status, page["problem"]) == (400, "no ink, expected a character")
    status, page = ask(address, "/keep", {**draw_bar(), "label": "し"})
    assert (status, page["problem"]) == (
        400,
        "'し' (U+3057): not among the characters that are asked for",
    )


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (b"{", "not a drawing"),
        (b"[]", "not a drawing"),
        (b"[" * 100_000, "not a drawing"),
        ({"pixels": "AAAA"}, "pixels: found 3 bytes, expected 256 x 256"),
        ({"pixels": 7}, "pixels: found 0 bytes"),
        ({**draw_bar(), "strokes": [[[1, 2]]]}, "strokes: expected"),
        ({**draw_bar(), "strokes": [[[1, 2, 3, float("nan")]]]}, "strokes: expected"),
        ({**draw_bar(), "strokes": 5}, "strokes: expected"),
        ({**draw_bar(), "strokes": [[[0, 0, 0, 0]] * 60_000]}, "strokes: expected at most"),
    ],
)
def test_what_is_no_drawing_is_refused(
    address: tuple[str, int], question: Any, problem: str
) -> None:
    status, page = ask(address, "/read", question)
    assert status == 400
    assert page["problem"].startswith(problem)


def test_a_question_that_is_too_long_is_not_read(address: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*address, timeout=30)
    headers = {"Content-Type": "application/json", "Content-Length": str(1 << 30)}
    connection.request("POST", "/read", b"", headers)
    answer = connection.getresponse()
    assert answer.status == 400
    assert "expected at most 2097152" in json.loads(answer.read())["problem"]
    connection.close()


def test_only_the_page_itself_gets_answers(address: tuple[str, int]) -> None:
    assert ask(address, "/read", draw_bar(), Host="evil.example")[0] == 403
    assert ask(address, "/read", draw_bar(), **{"Content-Type": "text/plain"})[0] == 403
    assert ask(address, "/none", {})[0] == 404


def test_a_port_that_is_taken_is_told(reader: Reader, address: tuple[str, int]) -> None:
    with pytest.raises(PadError, match=f"--port: {address[1]}: Address already in use"):
        open_server(Board(reader), address[1])


@pytest.mark.slow
def test_the_command_ends_with_a_dataset(run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "glyphgen", "pad", str(run), "--collect", "と"]
    with subprocess.Popen(
        [*command, "--out", str(tmp_path / "mine")], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        line = process.stdout.readline()
        address = "127.0.0.1", int(line.rpartition(":")[2].strip("/\n"))
        assert ask(address, "/keep", {**draw_bar(), "label": "と"})[0] == 200
        process.send_signal(signal.SIGTERM)  # as Ctrl-C, which a job in the background ignores
        assert process.stdout.read().strip() == str(tmp_path / "mine")
    assert process.returncode == 0
    assert len(load(tmp_path / "mine")) == 1
