"""The class table: counts, order, and one line for everything that can be wrong."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from glyphgen.classes import CHARACTER_SETS, ClassTable, make_class_table
from glyphgen.errors import RecipeError
from glyphgen.recipe import Recipe, read_recipe

COUNT_AND_ENDS = {
    "hiragana": (83, "ぁ", "ん"),
    "katakana": (86, "ァ", "ヶ"),
    "latin": (52, "A", "z"),
    "digits": (10, "0", "9"),
    "greek": (49, "Α", "ω"),
    "cyrillic": (66, "Ё", "ё"),
    "jis_level1": (2_965, "亜", "腕"),
    "jis_level2": (3_390, "弌", "熙"),
    "gb2312_level1": (3_755, "啊", "座"),
    "gb2312_level2": (3_008, "亍", "齄"),
    "big5_level1": (5_401, "一", "籲"),
    "hangul_ks": (2_350, "가", "힝"),
    "persian_digits": (10, "۰", "۹"),
    "persian_letters": (32, "ا", "ی"),
}

ReadClasses = Callable[[str], Recipe]


@pytest.fixture
def read_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReadClasses:
    """Read a recipe whose [classes] holds the given lines; the first of them is line 2."""
    monkeypatch.chdir(tmp_path)

    def read(lines: str) -> Recipe:
        Path("r.toml").write_text(f'[classes]\n{lines}\n[fonts]\nfiles = ["x.ttf"]\n', "utf-8")
        return read_recipe("r.toml")

    return read


def find_problems(recipe: Recipe) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        make_class_table(recipe)
    problems: tuple[str, ...] = caught.value.problems
    return problems


@pytest.mark.parametrize("name", CHARACTER_SETS)
def test_character_set_has_its_count_and_ends(name: str) -> None:
    chars = CHARACTER_SETS[name].list_chars()
    assert len(set(chars)) == len(chars)
    assert (len(chars), chars[0], chars[-1]) == COUNT_AND_ENDS[name]


def test_levels_of_a_standard_share_no_character() -> None:
    jis = CHARACTER_SETS["jis_level1"].list_chars() + CHARACTER_SETS["jis_level2"].list_chars()
    gb = CHARACTER_SETS["gb2312_level1"].list_chars() + CHARACTER_SETS["gb2312_level2"].list_chars()
    assert (len(set(jis)), len(set(gb))) == (6355, 6763)


def test_classes_stand_in_code_point_order_and_text_comes_last(read_classes: ReadClasses) -> None:
    Path("more.txt").write_text("y x\n\tz\n", "utf-8")
    recipe = read_classes(
        'ranges = ["U+30A2", "0x3042 - 0x3043"]\nsets = ["digits"]\nfile = "more.txt"'
        '\ntext = "かA あ"\nexclude = ["U+3042", "U+0031..U+0038"]'
    )
    assert make_class_table(recipe).labels == tuple("09xyzぃアかA")


def test_exclude_takes_a_text_a_range_or_both(read_classes: ReadClasses) -> None:
    assert make_class_table(read_classes('text = "abcd"\nexclude = "db"')).labels == ("a", "c")
    assert make_class_table(read_classes('text = "abcd"\nexclude = "U+62-0x64"')).labels == ("a",)
    both = read_classes('text = "abcd"\nexclude = ["U+61", "bc"]')
    assert make_class_table(both).labels == ("d",)


def test_class_file_is_found_beside_the_recipe(
    read_classes: ReadClasses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Path("list.txt").write_bytes("\ufeffいろ\r\nは\u3000".encode())
    read_classes('file = "list.txt"')
    monkeypatch.chdir("/")
    assert make_class_table(read_recipe(tmp_path / "r.toml")).labels == ("い", "は", "ろ")


def test_table_lists_forms_with_their_classes() -> None:
    table = ClassTable(labels=("6", "か", "é"), forms=(("۶", "٦"), ("か",), ("e\u0301",)))
    assert len(table) == 3
    assert table.all_forms == ("۶", "٦", "か", "e\u0301")
    assert table.form_class == (0, 0, 1, 2)
    assert table.names(0) == ("EXTENDED ARABIC-INDIC DIGIT SIX", "ARABIC-INDIC DIGIT SIX")
    assert table.names(2) == ("LATIN SMALL LETTER E + COMBINING ACUTE ACCENT",)


def test_character_without_a_name_goes_by_its_code_point() -> None:
    assert ClassTable(labels=("x",), forms=(("\ue000",),)).names(0) == ("U+E000",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "U+30G1..U+3093",
            "found 'U+30G1..U+3093', expected code points such as"
            ' "U+3041..U+3093", "0x3041-0x3093" or "U+3042"',
        ),
        (
            "U+3093..U+3041",
            "'U+3093..U+3041' runs backwards, expected the lower end first (U+3041..U+3093)",
        ),
        (
            "U+D7FF..U+E000",
            "'U+D7FF..U+E000' holds surrogates (U+D800..U+DFFF), which are no characters",
        ),
        (
            "U+0000..U+D7FF",
            "'U+0000..U+D7FF' holds control characters (U+0000..U+001F, U+007F..U+009F), which no font"
            " draws",
        ),
        (
            "U+20..U+80",
            "'U+20..U+80' holds control characters (U+0000..U+001F, U+007F..U+009F), which no font draws",
        ),
        ("0x41-0x110000", "'0x41-0x110000' goes beyond U+10FFFF, the last code point"),
    ],
)
def test_bad_range_is_refused(text: str, problem: str, read_classes: ReadClasses) -> None:
    recipe = read_classes(f'ranges = ["U+41",\n"{text}"]')
    assert find_problems(recipe) == (f"r.toml:3: classes.ranges: {problem}",)
    recipe = read_classes(f'text = "a"\nexclude = "{text}"')
    assert find_problems(recipe) == (f"r.toml:3: classes.exclude: {problem}",)


def test_more_characters_than_fonts_can_be_asked_about_are_refused(
    read_classes: ReadClasses,
) -> None:
    recipe = read_classes('ranges = ["U+E000..U+10FFFF"]')
    assert find_problems(recipe) == (
        "r.toml:1: classes: found 1,056,768 characters and words, expected at most 100,000",
    )


def test_a_class_file_that_is_no_file_is_not_waited_for(
    read_classes: ReadClasses, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert find_problems(read_classes(f'file = "{tmp_path}/pipe"')) == (
        f"r.toml:2: classes.file: '{tmp_path}/pipe' is a named pipe, expected a text",
    )


def test_unknown_set_gets_a_suggestion(read_classes: ReadClasses) -> None:
    assert find_problems(read_classes('sets = ["hirigana"]')) == (
        "r.toml:2: classes.sets: unknown set 'hirigana', expected one of hiragana, katakana, latin,"
        " digits, greek, cyrillic, jis_level1, jis_level2, gb2312_level1, gb2312_level2,"
        " big5_level1, hangul_ks, persian_digits, persian_letters (did you mean 'hiragana'?)",
    )


def test_duplicate_classes_are_named_with_both_keys(read_classes: ReadClasses) -> None:
    recipe = read_classes('sets = ["hiragana"]\nranges = ["U+3041..U+3045"]\ntext = "あxx"')
    assert find_problems(recipe) == (
        "r.toml:3: classes.ranges: found 'ぁ' (U+3041), 'あ' (U+3042), 'ぃ' (U+3043) and 2 more"
        " again, already given by classes.sets, expected each character once",
        "r.toml:4: classes.text: found 'あ' (U+3042), 'x' (U+0078) again, already given by"
        " classes.sets and classes.text, expected each character once",
    )


def test_empty_class_list_is_refused(read_classes: ReadClasses) -> None:
    problem = (
        "r.toml:1: classes: no class is left,"
        " expected at least one character or word from sets, ranges, text, file, words or class"
    )
    assert find_problems(read_classes("")) == (problem,)
    assert find_problems(read_classes('text = "ab"\nexclude = "ab"')) == (problem,)


def test_excluding_what_is_not_there_is_refused(read_classes: ReadClasses) -> None:
    assert find_problems(read_classes('text = "ab"\nexclude = "bゑ"')) == (
        "r.toml:3: classes.exclude: found 'ゑ' (U+3091),"
        " expected only characters that another key gives",
    )


def test_class_file_must_be_there_and_be_utf8(read_classes: ReadClasses) -> None:
    assert find_problems(read_classes('file = "no.txt"')) == (
        "r.toml:2: classes.file: no file 'no.txt' (paths are relative to the recipe)",
    )
    Path("sjis.txt").write_bytes("かな".encode("shift_jis"))
    assert find_problems(read_classes('file = "sjis.txt"')) == (
        "r.toml:2: classes.file: 'sjis.txt' is not UTF-8 (save the file as UTF-8)",
    )
    assert find_problems(read_classes('file = "."')) == (
        "r.toml:2: classes.file: '.' is a folder, expected a text",
    )


def test_all_problems_are_reported_at_once(read_classes: ReadClasses) -> None:
    recipe = read_classes(
        'sets = ["digit"]\nranges = ["U+"]\nfile = "no.txt"\nexclude = "U+2..U+1"'
    )
    places = [problem.split(": ")[:2] for problem in find_problems(recipe)]
    assert places == [
        ["r.toml:2", "classes.sets"],
        ["r.toml:3", "classes.ranges"],
        ["r.toml:4", "classes.file"],
        ["r.toml:5", "classes.exclude"],
    ]


def test_problem_of_an_override_names_the_override(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text('[classes]\n[fonts]\nfiles = ["x.ttf"]\n')
    recipe = read_recipe(path, ["classes.sets=['latim']"])
    assert find_problems(recipe)[0].startswith("--set classes.sets: unknown set 'latim'")
