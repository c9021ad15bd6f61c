"""How recipes name font files, and names that are odd on disk."""

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, FONTS, RING, MakeFont

from glyphgen.errors import EngineError, RecipeError
from glyphgen.fonts import find_requests, match_names
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render, survey_faces
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]
INTER = "Inter[opsz,wght].ttf"
SHIFT_JIS = b"\x83\x74\x83H.ttf"  # as unzip leaves the names of an archive from Windows


def files_of(recipe: Path) -> list[str]:
    """Return the files that a recipe asks for, relative to its folder where they lie in it."""
    requests, problems = find_requests(read_recipe(recipe))
    assert problems == ()
    folder = recipe.parent
    return [str(os.path.relpath(request.path, folder)) for request in requests]


def problems_of(recipe: Path) -> tuple[str, ...]:
    return find_requests(read_recipe(recipe))[1]


# --- names before patterns ---


def test_a_name_is_itself_before_it_is_a_pattern() -> None:
    names = [INTER, "Intero.ttf", "Interw.ttf"]
    assert match_names(names, INTER) == [True, False, False]
    assert match_names(names[1:], INTER) == [True, True]
    assert match_names(names, "*.ttf") == [True, True, True]


def test_a_file_with_brackets_is_taken_by_its_name(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    for name in (INTER, "Intero.ttf"):
        make_font(name, {"A": BOX})
    assert files_of(write_recipe(f'classes.text = "A"\nfonts.files = ["{INTER}"]')) == [INTER]
    (tmp_path / INTER).unlink()
    recipe = write_recipe(f'classes.text = "A"\nfonts.files = ["{INTER}"]')
    assert files_of(recipe) == ["Intero.ttf"]


def test_a_folder_with_brackets_is_taken_by_its_name(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    (tmp_path / "Inter[wght]").mkdir()
    make_font("x.ttf", {"A": BOX}).rename(tmp_path / "Inter[wght]" / "x.ttf")
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["Inter[wght]/*.ttf"]')
    assert files_of(recipe) == ["Inter[wght]/x.ttf"]


def test_brackets_are_a_name_to_the_gate_and_to_splits(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    other = "Other[wght].ttf"
    make_font(INTER, {"A": BOX, "B": RING})
    make_font(other, {"A": RING, "B": BOX})
    recipe = read_recipe(
        write_recipe(f"""
classes.text = "AB"
fonts.files = ["*.ttf"]
render.per_class = 4
[gate]
deny = [{{ face = "{other}", forms = "A" }}]
allow = [{{ face = "{INTER}" }}]
[split]
by = "face"
val_faces = ["{other}"]
""")
    )
    prepared = prepare_render(recipe)
    assert prepared.verdict.admitted.tolist() == [[True, True], [False, True]]
    rows = prepared.plan.rows(*prepared.plan.splits["val"])
    assert set(rows.samples["face"].tolist()) == {1}


# --- folders, homes, patterns ---


def test_a_folder_means_the_fonts_in_it(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    for name in ("b.ttf", "a.TTF", "c.otf", "d.ttf"):
        make_font(name, {"A": BOX})
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name in ("b.ttf", "a.TTF", "c.otf"):
        (tmp_path / name).rename(tmp_path / "in" / name)
    (tmp_path / "d.ttf").rename(tmp_path / "in" / "below" / "d.ttf")
    (tmp_path / "in" / "README.md").write_text("no font")
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["in"]')
    assert files_of(recipe) == ["in/a.TTF", "in/b.ttf", "in/c.otf"]


def test_what_matches_nothing_says_what_would(write_recipe: WriteRecipe, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["in", "none.ttf", "**.ttf"]')
    place = f"{recipe}:2: fonts.files"
    assert problems_of(recipe) == (
        f"{place}: no font matches 'in' ('in/**/*.ttf' looks below the folder as well)",
        f"{place}: no font matches 'none.ttf' (paths are relative to the recipe)",
        f"{place}: '**.ttf': Invalid pattern: '**' can only be an entire path component",
    )


def test_a_tilde_is_the_home_of_the_user(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    make_font("x.ttf", {"A": BOX}).rename(tmp_path / "home" / "x.ttf")
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["~/*.ttf"]\n[[fonts.faces]]\nfile = "~/x.ttf"'
    )
    assert files_of(recipe) == ["home/x.ttf", "home/x.ttf"]
    nobody = write_recipe('classes.text = "A"\nfonts.files = ["~no-such-user/x.ttf"]')
    assert problems_of(nobody) == (
        f"{nobody}:2: fonts.files: no font matches '~no-such-user/x.ttf'"
        " (paths are relative to the recipe)",
    )


def test_a_family_is_never_an_option_of_fc_list(write_recipe: WriteRecipe) -> None:
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["--help", "--version"]')
    assert [line.split(": ", 2)[2] for line in problems_of(recipe)] == [
        f"no font of the family '{option}' is installed"
        " (install it, or give its file under fonts.files; `fc-list` shows what there is)"
        for option in ("--help", "--version")
    ]


def test_a_hyphen_belongs_to_the_name_of_a_family(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fonts.conf").write_text(
        f"<fontconfig><dir>{tmp_path}</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    make_font("x.ttf", {"A": BOX}, family="Glyph-Gen")
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["Glyph-Gen"]')
    assert files_of(recipe) == ["x.ttf"]


# --- bytes that are no text, and locales that have no letters ---


@pytest.fixture
def odd_font(make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path) -> Path:
    """A recipe of a font whose name is no UTF-8 and another whose name is Japanese."""
    make_font("x.ttf", {"Ⰰ": BOX, "Ⰱ": RING}).rename(tmp_path / os.fsdecode(SHIFT_JIS))
    make_font("フォント.ttf", {"Ⰰ": RING, "Ⰱ": BOX})
    return write_recipe(
        'classes.text = "ⰀⰁ"\nfonts.files = ["*.ttf"]\nrender.per_class = 4\n'
        '[[fonts.faces]]\nfile = "フォント.ttf"'
    )


def test_a_name_that_is_no_utf_8_is_shown_and_written_escaped(
    odd_font: Path, tmp_path: Path
) -> None:
    recipe = read_recipe(odd_font)
    rendered = render_dataset(recipe, tmp_path / "set")
    assert rendered.n_rows == 8
    index = json.loads((tmp_path / "set" / "index.json").read_text("utf-8"))
    assert [face["file"] for face in index["faces"]] == ["\\x83t\\x83H.ttf", "フォント.ttf"]
    run = json.loads((tmp_path / "set" / "run.json").read_text("utf-8"))
    assert os.fsencode(run["fonts"]["\\x83t\\x83H.ttf"]).endswith(SHIFT_JIS)
    denied = survey_faces(read_recipe(odd_font, ["gate.deny=[{face='\\x83t\\x83H.ttf'}]"]))
    assert denied.verdict.admitted.tolist() == [[False, False], [True, True]]


def test_a_font_that_is_left_out_may_have_such_a_name(odd_font: Path, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(SHIFT_JIS)).write_bytes(b"\0\1\0\0 no font")
    recipe = read_recipe(odd_font, ['gate.on_refused="skip"', "fonts.sanitize=false"])
    render_dataset(recipe, tmp_path / "set")
    [unread] = json.loads((tmp_path / "set" / "gate.json").read_text("utf-8"))["unread"]
    assert unread["file"] == "\\x83t\\x83H.ttf"
    assert unread["reason"].startswith("not a font that can be read: ")


def run_program(
    *arguments: str | bytes | Path, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    program = Path(sys.executable).parent / "glyphgen"
    return subprocess.run(
        [program, *arguments], capture_output=True, check=False, env=os.environ | environment
    )


@pytest.mark.slow
def test_the_same_dataset_is_made_where_the_locale_is_ascii(odd_font: Path, tmp_path: Path) -> None:
    (tmp_path / "かな").mkdir()
    pages = []
    for name, environment in (("utf-8", {}), ("ascii", {"LC_ALL": "C", "PYTHONUTF8": "0"})):
        out = tmp_path / "かな" / name
        done = run_program("render", odd_font, "--out", out, **environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout == os.fsencode(out) + b"\n"
        assert b"Traceback" not in done.stderr
        pages.append([(out / page).read_bytes() for page in ("index.json", "gate.json")])
        checked = run_program("verify", out, **environment)
        assert checked.returncode == 0, checked.stderr
        listed = run_program("fonts", "list", odd_font, **environment)
        assert listed.returncode == 0, listed.stderr
        assert b"\\x83t\\x83H.ttf" in listed.stdout
    assert pages[0] == pages[1]


def test_an_override_that_is_no_utf_8_is_refused(odd_font: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(odd_font, [os.fsdecode(b"fonts.files=['" + SHIFT_JIS + b"']")])
    assert str(caught.value) == (
        "--set fonts.files=['\\x83t\\x83H.ttf']: not UTF-8, expected KEY=VALUE in UTF-8"
    )


# --- letters and marks in two code points ---


def test_decomposed_classes_are_composed_and_a_notice_says_so(write_recipe: WriteRecipe) -> None:
    shutil.copy(FONTS / "kana" / "KosugiMaru_400Regular.ttf", write_recipe("").parent)
    (write_recipe("").parent / "letters.txt").write_text(
        unicodedata.normalize("NFD", "ぎ\nぐ"), "utf-8"
    )
    recipe = write_recipe(
        unicodedata.normalize(
            "NFD",
            """
fonts.files = ["*.ttf"]
[classes]
text = "がか"
file = "letters.txt"
exclude = "ぐ"
merge = [["が", "か"]]
[gate]
allow = [{ forms = "が" }]
""",
        )
    )
    found = survey_faces(read_recipe(recipe))
    assert found.table.forms == (("ぎ",), ("が", "か"))
    assert found.warnings == (
        f"{recipe}:5: classes.file: composed 'ぎ' (U+304E), 'ぐ' (U+3050) from several code points each"
        " (white space between them keeps them apart)",
        f"{recipe}:4: classes.text: composed 'が' (U+304C) from several code points each"
        " (white space between them keeps them apart)",
    )
    composed = write_recipe('fonts.files = ["*.ttf"]\n[classes]\ntext = "がか゛"')
    assert survey_faces(read_recipe(composed)).table.notices == ()


def test_imagemagick_says_which_names_it_does_not_take(odd_font: Path, tmp_path: Path) -> None:
    recipe = read_recipe(odd_font, ["render.engine=imagemagick"])
    with pytest.raises(EngineError) as caught:
        render_dataset(recipe, tmp_path / "set")
    assert str(caught.value) == (
        f"{tmp_path}/\\x83t\\x83H.ttf: ImageMagick takes only names in UTF-8"
        " (rename the file, or use the engine 'vector' or 'pillow')"
    )
    (tmp_path / os.fsdecode(SHIFT_JIS)).unlink()
    assert render_dataset(recipe, tmp_path / "set").n_rows == 8
