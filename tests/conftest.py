"""Fixtures named by state, and small fonts drawn for the test at hand."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib.tables.TupleVariation import TupleVariation
from hypothesis import settings

# A test says what is right, not how fast: a machine that does something else beside is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

FONTS = Path(__file__).parent.parent / "fonts"

# Files of tests that together take more than five seconds: `make quick` leaves them out.
LONG_FILES = (
    "balance",
    "baseline",
    "cli",
    "cli_reading",
    "engines",
    "exchange_refusals",
    "font_reader",
    "ink",
    "previewing",
    "report",
    "shards",
    "stream_training",
    "talk",
    "torch",
)

Contour = Sequence[tuple[float, float]]

# A box, a box within a box (a hole), and two boxes side by side; 1000 units to the em.
BOX: list[Contour] = [[(100, 0), (100, 700), (600, 700), (600, 0)]]
RING: list[Contour] = [*BOX, [(200, 100), (500, 100), (500, 600), (200, 600)]]
PAIR: list[Contour] = [
    [(50, 0), (50, 700), (250, 700), (250, 0)],
    [(450, 0), (450, 700), (650, 700), (650, 0)],
]
TOFU: list[Contour] = [[(60, 0), (60, 800), (540, 800), (540, 0)]]

MakeFont = Callable[..., Path]


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests, and the programs that they start, out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _no_exemplars_for_drawn_fonts(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Where a test draws boxes for letters, nothing that is shipped says how letters look."""
    if not {"make_font", "variable_font"} & set(request.fixturenames):
        yield
        return
    from glyphgen.gate import evidence, verdict_cache
    from glyphgen.gate import shipped as shipping

    shipped = shipping.load_shipped()
    nothing = dataclasses.replace(shipped, scripts={}, families={}, sha256="none")
    for module in (evidence, verdict_cache):
        monkeypatch.setattr(module, "load_shipped", lambda: nothing)
    evidence.forget_panels()
    yield
    evidence.forget_panels()


@pytest.fixture
def make_font(tmp_path: Path) -> MakeFont:
    """Draw a TrueType font of straight contours: ``make_font("x.ttf", {"A": BOX})``."""

    def make(
        name: str,
        drawings: Mapping[str, list[Contour]],
        *,
        family: str = "",
        style: str = "Regular",
        advance: int = 700,
    ) -> Path:
        glyphs = {f"g{ord(char)}": contours for char, contours in drawings.items()}
        order = [".notdef", *glyphs]
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder(order)
        builder.setupCharacterMap({ord(char): f"g{ord(char)}" for char in drawings})
        contours_of = {".notdef": TOFU} | glyphs
        builder.setupGlyf({name: draw(contours) for name, contours in contours_of.items()})
        builder.setupHorizontalMetrics(
            {name: (advance, left(contours)) for name, contours in contours_of.items()}
        )
        builder.setupHorizontalHeader(ascent=880, descent=-120)
        builder.setupNameTable({"familyName": family or Path(name).stem, "styleName": style})
        builder.setupOS2(sTypoAscender=880, sTypoDescender=-120)
        builder.setupPost()
        path = tmp_path / name
        builder.save(path)
        return path

    def left(contours: list[Contour]) -> float:
        return min((x for contour in contours for x, _ in contour), default=0)

    def draw(contours: list[Contour]) -> object:
        pen = TTGlyphPen(None)
        for contour in contours:
            pen.moveTo(contour[0])
            for point in contour[1:]:
                pen.lineTo(point)
            pen.closePath()
        return pen.glyph()

    return make


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[[str], Path]:
    """Write a recipe into the test's folder, where its fonts are."""

    def write(text: str, name: str = "tiny.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def variable_font(tmp_path: Path) -> Path:
    """A font of one box, "A", 100 units wide at weight 100 and 500 at weight 900."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({ord("A"): "A"})
    pens = {name: TTGlyphPen(None) for name in (".notdef", "A")}
    for pen in pens.values():
        pen.moveTo((100, 0))
        pen.lineTo((100, 700))
        pen.lineTo((200, 700))
        pen.lineTo((200, 0))
        pen.closePath()
    builder.setupGlyf({name: pen.glyph() for name, pen in pens.items()})
    builder.setupHorizontalMetrics(dict.fromkeys(pens, (700, 100)))
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Grows", "styleName": "Regular"})
    bold = {"location": {"wght": 900}, "stylename": "Wide"}
    builder.setupFvar([("wght", 100, 100, 900, "Weight")], [bold])
    wider = [(0, 0), (0, 0), (400, 0), (400, 0), *[(0, 0)] * 4]
    builder.setupGvar({"A": [TupleVariation({"wght": (0, 1, 1)}, wider)]})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "grows.ttf"
    builder.save(path)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that opens a page in Chromium, and those of files that take long as a whole."""
    for item in items:
        if item.path.stem.removeprefix("test_") in LONG_FILES:
            item.add_marker(pytest.mark.slow)
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
