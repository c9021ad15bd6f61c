"""Text from fonts, files and labels is shown, and never obeyed."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import FONTS

from glyphgen.cli.talk import print_table
from glyphgen.errors import FontError
from glyphgen.report.blocks import Section, render_page, text
from glyphgen.text import compose_text, dump_json, format_json, show_foreign, show_lines

WriteRecipe = Callable[[str], Path]
LATIN = FONTS / "latin" / "PatrickHand_400Regular.ttf"


@pytest.mark.parametrize(
    ("foreign", "shown"),
    [
        ("Klee One 漢字 \u06f6 ＭＳ\u3000ゴシック", "Klee One 漢字 \u06f6 ＭＳ\u3000ゴシック"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\x1b[31mb\x07", "a\\x1b[31mb\\x07"),
        ("two\nlines\ttab\x85", "two\\nlines\\ttab\\x85"),
        ("exe.\u202egpj", "exe.\\u202egpj"),
        ("\u2066x\u2069\u2028\ufeff", "\\u2066x\\u2069\\u2028\\ufeff"),
        (os.fsdecode(b"\x83\x74\x83H.ttf"), "\\x83t\\x83H.ttf"),
        ("か.ttf".encode().decode("ascii", "surrogateescape"), "か.ttf"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_would_act_is_escaped_and_the_rest_stays(foreign: str, shown: str) -> None:
    assert show_foreign(foreign) == shown
    assert show_foreign(shown) == shown


def test_lines_of_a_text_stay_lines() -> None:
    assert show_lines("a\x1b\nb\r\nc") == "a\\x1b\nb\\r\nc"


def test_every_error_shows_foreign_text() -> None:
    error = FontError("fonts/\x1b[2J.ttf: damaged", "x\n.ttf: damaged")
    assert error.problems == ("fonts/\\x1b[2J.ttf: damaged", "x\\n.ttf: damaged")
    assert str(error) == "fonts/\\x1b[2J.ttf: damaged\nx\\n.ttf: damaged"


def test_json_holds_foreign_text_and_is_utf_8() -> None:
    page = {"name": "か\x85\u202e\x1b" + os.fsdecode(b"\x83") + "\U000e0041", "two": [1, "b"]}
    assert json.loads(dump_json(page)) == page
    assert format_json(page) == (
        '{"name": "か\\u0085\\u202e\\u001b\\udc83\\udb40\\udc41", "two": [1, "b"]}'
    )
    assert dump_json({"a": 1}) == b'{\n  "a": 1\n}\n'


@pytest.mark.parametrize(
    ("given", "composed"),
    [
        ("か\u3099き", "がき"),
        ("e\u0302\u0323", "ệ"),
        ("\u1112\u1161\u11ab", "한"),
        ("\ufa19\u0958\u2126", "\ufa19\u0958\u2126"),  # single characters, which NFC would replace
        ("か\u309a", "か\u309a"),  # there is no one character for it
        ("", ""),
    ],
)
def test_text_is_composed_and_single_characters_stay(given: str, composed: str) -> None:
    assert compose_text(given) == composed


def test_a_table_shows_brackets_and_controls(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["file", "[b]n[/b]"], [["Inter[opsz,wght].ttf", 3], ["[/x]\x1b[31m", ""]])
    shown = capsys.readouterr().out
    assert "Inter[opsz,wght].ttf" in shown
    assert "[b]n[/b]" in shown
    assert "[/x]\\x1b[31m" in shown


def test_a_page_shows_foreign_text_by_lines() -> None:
    page = render_page("a\u202eb", "", [Section(id="x", title="<t>", blocks=(text("c\x1b\nd"),))])
    assert "a\\u202eb" in page
    assert "c\\x1b\nd" in page
    assert "&lt;t&gt;" in page
    assert "\u202e" not in page
    assert "\x1b" not in page
