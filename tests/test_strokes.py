"""Strokes as a source: read, proven, written by hands, and the same wherever and however they are drawn."""

import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

from glyphgen.balance import BalanceOptions, balance_dataset, prepare_balance
from glyphgen.dataset.notice import make_notice
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import GlyphgenError
from glyphgen.exchange.card import write_card
from glyphgen.recipe import Hand, Recipe, read_recipe
from glyphgen.render.preparing import PreparedRender, hash_content, prepare_render
from glyphgen.render.rendering import render_dataset
from glyphgen.strokes import StrokeStore, count_stroke_words, write_rows
from glyphgen.strokes.centre_lines import STARTS, STOPS, make_lines
from glyphgen.strokes.hershey import parse_hershey
from glyphgen.strokes.sources import find_sources
from glyphgen.strokes.stroke_pictures import parse_strokes
from glyphgen.strokes.written_rows import Bends
from glyphgen.verify import verify_dataset

DRAWN = {  # the strokes of letters, each a path in a square of 109
    "H": ["M25,15V92", "M85,15V92", "M25,54H85"],
    "L": ["M35,15V90H80"],
    "T": ["M20,20H90", "M55,20V92"],
    "V": ["M20,15L55,92L90,15"],
    "X": ["M25,15L85,92", "M85,15L25,92"],
}
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 109 109">{}</svg>'
RECIPE = """
[classes]
text = "HLTVX"
[strokes]
sources = ["letters"]
hands = 4
[image]
height = 32
width = 32
[render]
per_class = 24
framing = "fit"
size = 0.9
"""

Write = Callable[..., Recipe]


def write_letters(folder: Path, drawn: dict[str, list[str]]) -> None:
    folder.mkdir(exist_ok=True)
    for letter, paths in drawn.items():
        text = SVG.format("".join(f'<path d="{path}"/>' for path in paths))
        (folder / f"{ord(letter):05x}.svg").write_text(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe beside a folder of five letters."""
    folder = tmp_path_factory.mktemp("strokes")
    write_letters(folder / "letters", DRAWN)
    (folder / "r.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def recipe(folder: Path) -> Recipe:
    return read_recipe(folder / "r.toml")


@pytest.fixture(scope="module")
def prepared(recipe: Recipe) -> PreparedRender:
    return prepare_render(recipe, use_cache=False)


@pytest.fixture(scope="module")
def dataset(recipe: Recipe, folder: Path) -> Dataset:
    return load(render_dataset(recipe, folder / "whole").folder)


def draw(prepared: PreparedRender, first: int, last: int) -> np.ndarray:
    out = np.zeros((last - first, 32, 32), dtype=np.uint8)
    prepared.open_engine().draw(prepared.plan.rows(first, last), out)
    return out


def find_problem(run: Callable[[], object]) -> str:
    with pytest.raises(GlyphgenError) as caught:
        run()
    return str(caught.value)


# --- One row, wherever it is drawn


def test_a_row_is_the_same_alone_and_among_others(prepared: PreparedRender) -> None:
    whole = draw(prepared, 0, 120)
    assert np.array_equal(draw(prepared, 50, 61), whole[50:61])
    assert np.array_equal(draw(prepared, 119, 120), whole[119:])
    assert len({image.tobytes() for image in whole}) == 120


def test_workers_and_shards_change_no_byte(recipe: Recipe, folder: Path, dataset: Dataset) -> None:
    output = recipe.output.model_copy(update={"rows_per_shard": 17})
    cut = recipe.model_copy(update={"output": output})
    other = load(render_dataset(cut, folder / "cut", workers=2).folder)
    assert np.array_equal(other.images[:], dataset.images[:])


def test_verify_draws_written_rows_again(dataset: Dataset) -> None:
    assert verify_dataset(dataset.folder).n_redrawn == 120


def test_balance_writes_more_rows_of_a_class(dataset: Dataset, folder: Path) -> None:
    prepared = prepare_balance(dataset.folder, 30, options=BalanceOptions(by="render"))
    images = load(balance_dataset(prepared, folder / "more").folder).images[:]
    assert len({image.tobytes() for image in images}) == 150


def test_another_seed_gives_other_hands(recipe: Recipe, prepared: PreparedRender) -> None:
    other = prepare_render(recipe.model_copy(update={"seed": 1}))
    assert isinstance(other.store, StrokeStore)
    assert isinstance(prepared.store, StrokeStore)
    pens = other.store.laws[:, 0], prepared.store.laws[:, 0]
    assert np.abs(pens[0] - pens[1]).min() > 0
    assert other.content_key != prepared.content_key


# --- What hands do


def test_ink_fills_the_frame_as_the_recipe_says(recipe: Recipe) -> None:
    render = recipe.render.model_copy(update={"rotation": (0.0, 0.0)})
    upright = prepare_render(recipe.model_copy(update={"render": render}))
    ink = draw(upright, 0, 120) > 0
    tall = ink.any(axis=2).sum(axis=1)
    wide = ink.any(axis=1).sum(axis=1)
    longer = np.maximum(tall, wide)
    assert longer.min() >= 27  # 0.9 of 32 pixels, and what is on either side
    assert longer.max() <= 30


def test_weight_wobble_and_scatter_move_what_is_written(recipe: Recipe) -> None:
    def average(**changes: object) -> np.ndarray:
        render = recipe.render.model_copy(update={"shift_x": (0.0, 0.0), **changes})
        gate = recipe.gate.model_copy(update={"on_cut_off": "allow"})  # nor does the size change
        varied = recipe.model_copy(update={"render": render, "gate": gate})
        return draw(prepare_render(varied), 0, 60).astype(np.float64)

    plain = average()
    bold = average(weight=(0.06, 0.06))
    assert bold.mean() > 1.3 * plain.mean()
    wobble = recipe.render.wobble.model_copy(update={"amplitude": (0.1, 0.1)})
    assert np.abs(average(wobble=wobble) - plain).mean() > 5
    scatter = recipe.render.scatter.model_copy(update={"turn": 20.0})
    assert np.abs(average(scatter=scatter) - plain).mean() > 5


def test_pieces_of_ink_are_those_of_the_strokes_that_touch(tmp_path: Path) -> None:
    write_letters(tmp_path / "letters", {"ハ": ["M40,30L20,85", "M70,30L90,85"], "T": DRAWN["T"]})
    (tmp_path / "r.toml").write_text(RECIPE)
    store = prepare_render(read_recipe(tmp_path / "r.toml", ("classes.text='Tハ'",))).store
    assert isinstance(store, StrokeStore)
    assert store.n_pieces[:2].tolist() == [1, 2]
    words = np.zeros((2, count_stroke_words(store)), dtype=np.uint64)
    still = np.zeros(2, dtype=np.float32)
    bends = Bends(half_weight=still, nodes=np.zeros((2, 0, 2), np.float32), scale=still)
    written = write_rows(store, np.arange(2), words, bends)
    starts = written.point_start
    assert set(written.piece[: starts[1]].tolist()) == {0}
    assert set(written.piece[starts[1] : starts[1] + written.n_points[1]].tolist()) == {0, 1}


def test_strokes_of_a_character_move_each_on_its_own(recipe: Recipe) -> None:
    assert recipe.strokes
    hand = recipe.strokes.hand.model_copy(update={**STILL, "shift": 0.1, "habit": 1.0})
    strokes = recipe.strokes.model_copy(update={"hand": hand})
    store = prepare_render(recipe.model_copy(update={"strokes": strokes})).store
    assert isinstance(store, StrokeStore)
    middle = store.line_x[:3].mean(axis=1)  # of an H
    apart = middle * 109 - [25, 85, 55]
    assert np.abs(apart[:, None] - apart)[np.triu_indices(3, 1)].min() > 0.1


def test_the_gate_looks_at_what_the_laws_may_make_of_a_cell(
    recipe: Recipe, prepared: PreparedRender
) -> None:
    assert (prepared.verdict.changes.share == 1).all()
    assert recipe.strokes
    wild = {"turn": 45.0, "shift": 0.2, "scale": 0.5, "habit": 0.0, "warp": 0.5}
    hand = recipe.strokes.hand.model_copy(update=wild)
    strokes = recipe.strokes.model_copy(update={"hand": hand})
    changes = prepare_render(recipe.model_copy(update={"strokes": strokes})).verdict.changes
    assert (changes.share < 1).any()


STILL = {name: 0.0 for name in Hand.model_fields if name not in ("pen", "habit")}


def write_with(recipe: Recipe, **laws: object) -> np.ndarray:
    assert recipe.strokes
    hand = recipe.strokes.hand.model_copy(update={**STILL, "pen": (0.05, 0.05), **laws})
    strokes = recipe.strokes.model_copy(update={"hand": hand})
    render = recipe.render.model_copy(update={"rotation": (0.0, 0.0), "shift_x": (0.0, 0.0),
                                              "shift_y": (0.0, 0.0)})  # fmt: skip
    still = recipe.model_copy(update={"strokes": strokes, "render": render})
    return draw(prepare_render(still, use_cache=False), 0, 40).astype(np.int64)


def test_without_laws_every_hand_writes_the_lines_as_they_are(recipe: Recipe) -> None:
    images = write_with(recipe)
    assert all(np.array_equal(images[k], images[k % 5]) for k in range(40))
    letter = images[1]  # an L: down, and to the right
    assert letter[4:27, 8:11].max(axis=1).min() > 200
    assert letter[26:30, 12:24].max(axis=0).min() > 200
    assert letter[4:20, 14:].max() == 0


@pytest.mark.parametrize(
    ("law", "value"),
    [
        ("pressure", 1.0),
        ("taper", 1.0),
        ("tremor", 0.05),
        ("overshoot", 0.2),
        ("shift", 0.1),
        ("turn", 20.0),
        ("scale", 0.4),
        ("bow", 0.3),
        ("corner", 1.0),
        ("loop", 1.0),
        ("slant", 20.0),
        ("breadth", 0.4),
        ("warp", 0.4),
        ("join", 1.0),
    ],
)
def test_each_law_changes_what_is_written(recipe: Recipe, law: str, value: float) -> None:
    plain, changed = write_with(recipe), write_with(recipe, **{law: value})
    letters = [1, 3] if law in ("corner", "loop") else [2] if law == "join" else range(5)
    rows = np.isin(np.arange(40) % 5, letters)
    apart = np.abs(plain - changed).mean(axis=(1, 2))
    assert np.quantile(apart[rows], 0.75) > 0.5
    if law in ("corner", "loop"):  # nothing else
        assert apart[~rows].max() == 0


def test_a_short_flag_before_the_first_corner_is_trimmed() -> None:
    one = np.array([[0.0, 0.6], [0.15, 0.8], [0.15, 0.0]])
    lines = make_lines([[one]])
    first, n = lines.first_line[0, 3], lines.n_lines[0, 3]
    assert n == 1
    assert np.allclose(lines.x[first], 0.15, atol=0.01)


def test_lines_of_a_stroke_meet_at_its_corners() -> None:
    lines = make_lines([[np.array([[0.0, 1.0], [0.0, 0.0], [0.6, 0.0]])]])
    first, n = lines.first_line[0, 0], lines.n_lines[0, 0]
    assert n == 2
    assert lines.flags[first : first + 2].tolist() == [STARTS, STOPS]
    assert np.allclose([lines.x[first, -1], lines.y[first, -1]], 0.0, atol=0.01)
    assert lines.x[first, -1] == lines.x[first + 1, 0]


# --- Beside fonts


def test_the_share_of_each_class_is_exact(folder: Path) -> None:
    fonts = f"fonts.files=['{FONTS}/latin/*Caveat*', '{FONTS}/latin/*Kalam*']"
    changes = (fonts, "strokes.share=0.25", "gate.on_refused='skip'")
    mixed = prepare_render(read_recipe(folder / "r.toml", changes))
    samples = mixed.plan.rows(0, 120).samples
    is_written = np.array([face.is_written for face in mixed.faces])[samples["face"]]
    for label in range(5):
        written = samples["face"][is_written & (samples["class_index"] == label)]
        assert len(written) == 6
        assert len(set(written.tolist())) == 4  # all hands have their turns


def test_a_split_by_face_holds_hands_out(folder: Path) -> None:
    split = prepare_render(
        read_recipe(folder / "r.toml", ("split.by='face'", "split.test=0.25", "split.val=0.25"))
    )
    sides = {}
    for name, (first, last) in split.plan.splits.items():
        sides[name] = set(split.plan.rows(first, last).samples["face"].tolist())
    assert sorted(len(faces) for faces in sides.values()) == [1, 1, 2]
    assert not set.intersection(*sides.values())


def test_hands_are_held_out_by_name(folder: Path) -> None:
    names = ("split.by='face'", "split.test_faces=['letters#[23]']")
    split = prepare_render(read_recipe(folder / "r.toml", names))
    first, last = split.plan.splits["test"]
    shown = set(split.plan.rows(first, last).samples["face"].tolist())
    assert {split.faces[k].name for k in shown} == {"letters#2", "letters#3"}


def test_the_index_tells_where_strokes_come_from(dataset: Dataset, recipe: Recipe) -> None:
    faces = dataset.index.faces
    assert [(face.file, face.index, face.family, face.style) for face in faces[:2]] == [
        ("letters", 1, "letters", "hand 1"),
        ("letters", 2, "letters", "hand 2"),
    ]
    changed = recipe.folder / "other"
    changed.mkdir()
    write_letters(changed / "letters", {**DRAWN, "L": ["M36,15V90H80"]})
    (changed / "r.toml").write_text(RECIPE)
    other = prepare_render(read_recipe(changed / "r.toml"))
    assert other.faces[0].sha256 != faces[0].sha256


def test_kanjivg_is_named_with_its_license(folder: Path) -> None:
    written = render_dataset(
        read_recipe(folder / "r.toml", ("strokes.sources=['kanjivg']", "render.per_class=4",
                                        "classes.text='シツ丸'")),
        folder / "kanjivg",
    )  # fmt: skip
    index = load(written.folder).index
    face = json.loads((written.folder / "index.json").read_text())["faces"][0]
    assert (face["license"], face["file"]) == ("CC-BY-SA-3.0", "kanjivg")
    assert face["version"] == importlib.metadata.version("kanjivg")
    notice = make_notice(index)
    assert "KanjiVG is copyright (C) 2009/2010/2011 Ulrich Apel" in notice
    assert "Address: https://creativecommons.org/licenses/by-sa/3.0/" in notice
    assert "Some were written along centre lines of strokes" in notice
    card = write_card(written.folder).read_text()
    assert "| KanjiVG | 4 | CC-BY-SA-3.0 | Copyright (C) 2009/2010/2011 Ulrich Apel" in card
    assert "drawn with a font or along centre lines of strokes" in card


def test_a_folder_may_show_many_ways_to_write_and_name_its_license(tmp_path: Path) -> None:
    letters = tmp_path / "letters"
    write_letters(letters, DRAWN)
    again = SVG.format('<path d="M85,15V92"/><path d="M25,15V92"/><path d="M25,54H85"/>')
    (letters / "00048-left.svg").write_text(again)
    (letters / "0048.svg").write_text("no name of a character")
    (letters / "LICENSE").write_text("MIT License\n\nCopyright (c) 2026 a class of pupils\n")
    (tmp_path / "r.toml").write_text(RECIPE)
    recipe = read_recipe(tmp_path / "r.toml")
    [source] = find_sources(recipe)
    assert [len(source.read(letter)) for letter in "HLTX"] == [2, 1, 1, 1]
    assert source.read("H")[0][0][0, 0] < source.read("H")[1][0][0, 0]
    assert (source.license, source.copyright) == ("MIT", "Copyright (c) 2026 a class of pupils")
    hashes = [source.digest("HL")]
    (letters / "00048-left.svg").write_text(SVG.format('<path d="M25,15V92"/>'))
    assert find_sources(recipe)[0].digest("HL") not in hashes


def test_a_license_that_lies_elsewhere_is_not_published(tmp_path: Path) -> None:
    write_letters(tmp_path / "letters", DRAWN)
    (tmp_path / "secret").write_text("MIT License")
    (tmp_path / "letters" / "LICENSE").symlink_to(tmp_path / "secret")
    (tmp_path / "r.toml").write_text(RECIPE)
    assert "letters/LICENSE: " in find_problem(
        lambda: find_sources(read_recipe(tmp_path / "r.toml"))
    )


@pytest.mark.parametrize(
    "classes",
    [
        'sets = ["hiragana"]\nexclude = "ぁぃぅぇぉっゃゅょゎ"',
        'sets = ["katakana"]\nexclude = "ァィゥェォッャュョヮヵヶ"',
        'sets = ["digits", "latin"]',
        'sets = ["greek"]',
        'sets = ["persian_digits", "persian_letters"]\nlanguage = "fa"',
    ],
)
def test_bundled_strokes_show_their_characters(tmp_path: Path, classes: str) -> None:
    text = RECIPE.replace('text = "HLTVX"', classes).replace('"letters"', '"glyphgen"')
    text = text.replace("hands = 4", "hands = 12").replace(
        "[image]", '[gate]\non_refused="skip"\n[image]'
    )
    (tmp_path / "r.toml").write_text(text)
    prepared = prepare_render(read_recipe(tmp_path / "r.toml"))
    admitted = prepared.verdict.admitted
    assert admitted.mean(axis=0).min() > 0.5
    assert admitted.mean() > 0.97
    assert {(face.license, face.name[:9]) for face in prepared.faces} == {("MIT", "glyphgen#")}


def test_a_recipe_of_fonts_has_the_content_key_that_it_had(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[dict[str, object]] = []

    def watch(page: list[dict[str, object]], **how: bool) -> str:
        hashed.append(page[1])
        return "[]"

    monkeypatch.setattr("glyphgen.render.preparing.json.dumps", watch)
    for strokes in (None, recipe.strokes):
        hash_content(recipe.model_copy(update={"strokes": strokes}), ["H"], [["H"]], [])
    assert ["strokes" in settings for settings in hashed] == [False, True]


# --- What is refused


def test_a_file_that_draws_another_character_is_refused(tmp_path: Path) -> None:
    swapped = {**DRAWN, "L": DRAWN["V"], "V": DRAWN["L"]}
    write_letters(tmp_path / "letters", swapped)
    (tmp_path / "r.toml").write_text(RECIPE)
    problem = find_problem(lambda: prepare_render(read_recipe(tmp_path / "r.toml")))
    lines = problem.splitlines()
    assert len(lines) == 2  # all four hands in one, and two classes without a face
    said = "draws another character for 'L' (U+004C) and 1 more of 5: L looks like 'V' (U+0056)"
    assert lines[0].startswith(f"{tmp_path}/letters: {said}")


def test_what_one_hand_spoils_is_left_out(tmp_path: Path, prepared: PreparedRender) -> None:
    from glyphgen.gate.examining import require_classes
    from glyphgen.gate.verdict import Refusal

    admitted = prepared.verdict.admitted.copy()
    admitted[2, 1] = False
    refusal = Refusal(face=2, form=1, reason="another character", figure=0.5, shows="I")
    verdict = type(prepared.verdict)(**{
        name: getattr(prepared.verdict, name) for name in prepared.verdict.__dataclass_fields__
    } | {"admitted": admitted, "refusals": (refusal,)})  # fmt: skip
    require_classes(prepared.recipe, prepared.table, prepared.faces, verdict)
    admitted[[0, 1], 1] = False
    assert "letters: " in find_problem(
        lambda: require_classes(prepared.recipe, prepared.table, prepared.faces, verdict)
    )


def test_a_class_without_strokes_is_refused(folder: Path) -> None:
    problem = find_problem(
        lambda: prepare_render(read_recipe(folder / "r.toml", ("classes.text='LTW'",)))
    )
    line, other = problem.splitlines()
    assert line == (
        f"{folder}/letters: has no strokes for 'W' (U+0057) of 3"
        ' (gate.on_refused = "skip" leaves them out)'
    )
    assert "no face draws 'W'" in other


_FORM = "expected an SVG file in the form of KanjiVG, with one <path> for each stroke"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("ink", f"is not XML (syntax error: line 1, column 0), {_FORM}"),
        ("<a/>", f"has no <svg>, {_FORM}"),
        (SVG.format(""), f"holds no stroke, {_FORM}"),
        (
            "<!DOCTYPE svg [<!ENTITY a 'b'>]>" + SVG.format("&a;"),
            f"declares an entity, {_FORM}, without entities",
        ),
        (SVG.replace("0 0 109 109", "0 0").format('<path d="M1,1L2,2"/>'),
         "found viewBox '0 0', expected four numbers, as \"0 0 109 109\""),
        (SVG.format('<path d="M1,1LNaN,2"/>'),
         f"stroke 1 cannot be read (ValueError: Invalid arc command: 'aN,2'), {_FORM}"),
        (
            SVG.format('<path d="M1,1L1e999,2"/>'),
            "stroke 1 has a point that is no number, or far outside of the picture, expected points"
            " within 0 0 109 109 (mend the file, or leave it out)",
        ),
        (SVG.format('<path d="M1,1L9,9M2,2L8,8"/>'), f"stroke 1 is not one line of a pen, {_FORM}"),
    ],
)  # fmt: skip
def test_a_picture_that_is_none_of_strokes_is_refused(content: str, problem: str) -> None:
    with pytest.raises(GlyphgenError) as caught:
        parse_strokes(Path("0004c.svg"), content.encode())
    assert str(caught.value) == f"0004c.svg: {problem}"


def test_strokes_stand_as_they_are_drawn() -> None:
    (stroke,) = parse_strokes(
        Path("x"), SVG.format('<path d="M0,0C0,109 109,109 109,0"/>').encode()
    )
    assert np.allclose(stroke[0], [0.0, 0.88])
    assert np.allclose(stroke[-1], [1.0, 0.88])
    assert np.allclose(stroke[:, 1].min(), 0.13)


def test_a_hershey_font_is_read_in_the_order_of_ascii() -> None:
    read = parse_hershey(Path("x.jhf"), b"12345  1JZ\n  714  6MWRFRT RRYRZ\n 2345  4JZJFZFZ[\n")
    assert list(read) == [" ", "!", '"']
    assert read[" "] == []
    dot, mark = read["!"][1], read['"'][0]
    assert (dot * 30).tolist() == [[0.0, 2.0], [0.0, 1.0]]
    assert (mark * 30).tolist() == [[-8.0, 21.0], [8.0, 21.0], [8.0, 0.0]]


_GIVE = "(give a .jhf file, whose glyphs stand in the order of ASCII)"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"wOF2 and so on",
            f"glyph 1 begins with 'wOF2 and', expected a number and a count {_GIVE}",
        ),
        (b"  714  6MWRFRT", f"glyph 1 ends after 3 of 6 points, expected all of them {_GIVE}"),
        (b"", f"holds no strokes, expected a Hershey font {_GIVE}"),
        (b"12345  1JZ\n", f"holds no strokes, expected a Hershey font {_GIVE}"),
    ],
)
def test_a_file_that_is_no_hershey_font_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(GlyphgenError) as caught:
        parse_hershey(Path("x.jhf"), content)
    assert str(caught.value) == f"x.jhf: {problem}"


def test_without_the_package_the_message_says_how_to_get_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.metadata.distribution

    def find(name: str) -> importlib.metadata.Distribution:
        if name == "kanjivg":
            raise importlib.metadata.PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(importlib.metadata, "distribution", find)
    recipe = read_recipe(folder / "r.toml", ("strokes.sources=['kanjivg', 'nowhere', 'r.toml']",))
    expected = 'expected "glyphgen", "kanjivg", a folder of SVG files or a Hershey font (.jhf)'
    assert find_problem(lambda: prepare_render(recipe)).splitlines() == [
        "--set strokes.sources: the package kanjivg is not installed"
        " (pip install 'glyphgen[kanjivg]')",
        f"--set strokes.sources: '{folder}/nowhere': no such file or folder, {expected}",
        f"--set strokes.sources: '{folder}/r.toml': neither a folder nor a .jhf file, {expected}",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            "render.engine='pillow'",
            'found engine "pillow", but only the vector engine writes strokes (set "vector")',
        ),
        (
            "render={mode='grid'}",
            'found "grid" with [strokes], which no grid can list (set "random")',
        ),
        ("classes={words=['HL']}", "found with [strokes], expected single characters"),
        (
            "classes.direction='vertical'",
            'found "vertical" with [strokes], whose characters lie in lines (set "horizontal")',
        ),
        ("strokes.share=1", "found 1, expected a number above 0 and below 1"),
        ("strokes.sources=['a', 'a']", "found 'a' again, expected each source once"),
        (
            "strokes.hand.pen=0",
            "found 0, expected a number above 0, at most 0.3 (a fraction of the em, not pixels)",
        ),
    ],
)
def test_what_cannot_stand_with_strokes_is_refused(folder: Path, change: str, problem: str) -> None:
    said = find_problem(lambda: read_recipe(folder / "r.toml", (change,)))
    assert said == f"--set {change}: {problem}"


def test_styles_have_no_strokes(folder: Path) -> None:
    said = find_problem(
        lambda: read_recipe(folder / "r.toml", ("classes={label_by='style', text='A'}",))
    )
    expected = 'found with classes.label_by = "style", expected single characters'
    assert f"r.toml:4: strokes: {expected} (leave one of them out)" in said
