"""The command line as a user meets it: the installed program, its streams and its exit codes."""

import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import BOX, FONTS, RING, MakeFont
from PIL import Image

from glyphgen.cli import cli

RECIPES = FONTS.parent / "recipes"
WriteRecipe = Callable[[str], Path]
SMALL = ["--set", "render.per_class=6", "--set", "classes.sets=['digits']"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "glyphgen"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def refused(*arguments: str | Path) -> str:
    """Run what must fail: the errors alone, exit code 1, nothing on stdout, no traceback."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.rstrip("\n")


@pytest.mark.slow
def test_render_prints_the_folder_alone() -> None:
    done = run("render", "digits", *SMALL)
    assert (done.returncode, done.stdout) == (0, "datasets/digits\n")
    first, *_, speed, digest = done.stderr.strip().splitlines()
    assert first == "10 classes x 6 = 60 images: 8 faces in equal turns"
    assert re.fullmatch(r"60 images in \d+\.\d s \([\d,]+ a second\)", speed)
    content = Path("datasets/digits/index.json").read_bytes()
    assert digest == f"digest {hashlib.sha256(content).hexdigest()}"


def test_quiet_says_nothing_and_json_says_all() -> None:
    done = run("render", "digits", *SMALL, "--quiet", "--json", "--out", "here", "--format", "hdf5")
    assert done.stderr == ""
    summary = json.loads(done.stdout)
    assert summary["images_per_second"] > 0
    assert {k: summary[k] for k in ("dataset", "rows", "rows_drawn", "cells_refused")} == {
        "dataset": "here",
        "rows": 60,
        "rows_drawn": 60,
        "cells_refused": 0,
    }
    assert Path("here/shard-00000.h5").exists()


@pytest.mark.slow
def test_rendering_again_says_that_it_was_there() -> None:
    run("render", "digits", *SMALL)
    done = run("render", "digits", *SMALL)
    assert (done.returncode, done.stdout) == (0, "datasets/digits\n")
    assert "60 images were there already, unchanged by size and date" in done.stderr
    done = run("render", "digits", *SMALL, "--mend")
    assert "60 images were there already, and every shard has its hash" in done.stderr


@pytest.mark.slow
def test_another_recipe_does_not_replace_a_dataset_without_force() -> None:
    run("render", "digits", *SMALL)
    assert refused("render", "digits", *SMALL, "--set", "seed=1", "--quiet") == (
        "datasets/digits: holds a dataset of another recipe"
        " (--force replaces it, --out DIR takes another folder)"
    )
    assert run("render", "digits", *SMALL, "--set", "seed=1", "--force").returncode == 0


@pytest.mark.slow
def test_a_broken_dataset_beside_others_is_passed_over_by_balance() -> None:
    run("render", "digits", *SMALL)
    broken = Path("datasets/broken")
    broken.mkdir()
    (broken / "index.json").write_text("[]")
    done = run("balance", "--per-class", "7")
    assert (done.returncode, done.stdout) == (0, "datasets/digits-balanced\n")
    assert done.stderr.splitlines()[:2] == [
        "warning: datasets/broken/index.json: not a JSON object (make the dataset again, with --force):"
        " passed over",
        "using datasets/digits",
    ]
    digest = hashlib.sha256(Path("datasets/digits-balanced/index.json").read_bytes()).hexdigest()
    assert done.stderr.splitlines()[-1] == f"digest {digest}"
    assert refused("verify", "datasets/broken") == (
        "datasets/broken/index.json: not a JSON object (make the dataset again, with --force)"
    )


@pytest.mark.slow
def test_verify_takes_the_newest_dataset_and_names_a_damaged_shard() -> None:
    assert refused("verify") == (
        "datasets: holds no complete dataset (name one, or run `glyphgen render` first)"
    )
    run("render", "digits", *SMALL)
    done = run("verify")
    assert done.stdout == (
        "datasets/digits: 60 rows are as index.json says, 60 of them drawn again alike\n"
    )
    assert done.stderr == "using datasets/digits\n"
    images = np.load("datasets/digits/images.npy", mmap_mode="r+")
    images[7, 3, 3] ^= 1
    images.flush()
    done = run("verify", "datasets/digits")
    assert (done.returncode, done.stdout) == (1, "datasets/digits: damaged\n")
    assert done.stderr == (
        "datasets/digits: shard 0 does not match index.json (run the command that made it, with --mend)\n"
    )


@pytest.mark.slow
def test_preview_writes_a_sheet_and_no_dataset() -> None:
    done = run("preview", "digits", "-o", "sheet.png", "--per-class", "3", "--classes", "4")
    assert done.stdout == "sheet.png\n"
    assert "4 of 10 classes shown" in done.stderr
    sheet = Image.open("sheet.png")
    assert sheet.mode == "L"
    assert list(Path().iterdir()) == [Path("sheet.png")]
    # Four strips of three 28 pixel tiles: each has ink on black.
    pixels = np.asarray(sheet)
    assert (pixels == 0).sum() > 0.5 * 4 * 3 * 28 * 28
    assert (pixels > 200).sum() > 4 * 3 * 20


@pytest.mark.slow
def test_fonts_list_tells_what_each_face_draws(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("one.ttf", {"Ⰰ": BOX, "Ⰱ": RING}, family="One")
    make_font("two.ttf", {"Ⰰ": BOX}, family="Two")
    recipe = write_recipe('classes.text = "ⰀⰁ"\nfonts.files = ["one.ttf", "two.ttf"]')
    rows = json.loads(run("fonts", "list", recipe, "--json").stdout)
    assert rows[1] == {
        "family": "Two",
        "style": "Regular",
        "file": "two.ttf",
        "index": 0,
        "axes": "",
        "license": "unknown",
        "embedding": "preview and print",
        "vendor": "",
        "draws": "1 of 2",
    }
    table = run("fonts", "list", recipe).stdout
    assert "one.ttf" in table
    assert "2 of 2" in table
    assert len(json.loads(run("fonts", "list", "--json").stdout)) == 116


@pytest.mark.slow
def test_fonts_check_tells_what_is_refused_and_why(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("one.ttf", {"Ⰰ": BOX, "Ⰱ": RING, "Ⰲ": []})
    make_font("two.ttf", {"Ⰰ": BOX})
    recipe = write_recipe('classes.text = "ⰀⰁⰂ"\nfonts.files = ["one.ttf", "two.ttf"]')
    done = run("fonts", "check", recipe, "--json")
    assert done.returncode == 1, "a class is left without a face"
    assert json.loads(done.stdout) == {
        "refused": {"one.ttf": {"no outline": ["Ⰲ"]}, "two.ttf": {"no cmap entry": ["Ⰱ", "Ⰲ"]}},
        "unproven": 3,
        "faces_of_class": {"Ⰰ": 2, "Ⰱ": 1, "Ⰲ": 0},
        "coverage": {"one.ttf": 2, "two.ttf": 1},
        "allowed": [],
        "twins": [],
    }
    done = run("fonts", "check", recipe, "--set", "classes.text=Ⰰ")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == [
        "every class is drawn by 2 faces",
        "unproven, for too few other typefaces draw them: 2 cells",
    ]
    done = run(
        "fonts", "check", recipe, "--set", "classes.text=ⰀⰁ", "--set", "gate.on_refused=skip"
    )
    assert done.stdout.splitlines()[-2:] == [
        "classes with fewest faces: 'Ⰱ' (U+2C01) 1, 'Ⰰ' (U+2C00) 2",
        "unproven, for too few other typefaces draw them: 3 cells",
    ]
    few = run("fonts", "check", recipe, "--set", "classes.text=Ⰰ", *MORE_FACES)
    assert few.returncode == 1, "fewer faces than the recipe asks for"


MORE_FACES = ("--set", "gate.min_faces_per_class=3")


def test_fonts_check_names_twins_of_all_faces_and_of_single_ones(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for k, name in enumerate("abcde"):  # five typefaces: none has an outline of another
        box, ring = ([[(x, y * (1 - k / 50)) for x, y in c] for c in d] for d in (BOX, RING))
        make_font(f"{name}.ttf", {"Ⰰ": box, "Ⰱ": box, "Ⰲ": ring})
    box, ring = ([[(x, y * 0.8) for x, y in c] for c in d] for d in (BOX, RING))
    make_font("x.ttf", {"Ⰰ": ring, "Ⰱ": box, "Ⰲ": ring})
    recipe = write_recipe(
        'classes.text = "ⰀⰁⰂ"\nfonts.files = ["*.ttf"]\ngate.allow = [{ face = "*.ttf" }]'
    )
    lines = run("fonts", "check", recipe).stdout.splitlines()[-2:]
    assert lines == [
        "twins: 'Ⰰ' (U+2C00) and 'Ⰱ' (U+2C01), in 5 of 6 typefaces",
        "no twins, but alike in some: 'Ⰰ' (U+2C00) and 'Ⰲ' (U+2C02), in 1 of 6 typefaces (x.ttf)",
    ]


def test_fonts_check_draws_what_is_refused(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    make_font("one.ttf", {"Ⰰ": BOX, "Ⰱ": RING})
    make_font("two.ttf", {"Ⰰ": BOX})
    recipe = write_recipe('classes.text = "ⰀⰁ"\nfonts.files = ["*.ttf"]\ngate.on_refused = "skip"')
    done = run("fonts", "check", recipe, "--sheet", "refused.png")
    assert done.returncode == 0
    assert done.stderr.endswith("refused.png: 1 of 1 refused cells\n")
    assert Path("refused.png").read_bytes()[:4] == b"\x89PNG"


def test_fonts_coverage_prints_where_the_picture_is(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("one.ttf", {"Ⰰ": BOX})
    recipe = write_recipe('classes.text = "ⰀⰁ"\nfonts.files = ["one.ttf"]')
    done = run("fonts", "coverage", recipe, "-o", "there.png")
    assert (done.returncode, done.stdout) == (0, "there.png\n")
    assert Path("there.png").read_bytes()[:4] == b"\x89PNG"


def test_fonts_licenses_prints_the_notice_or_writes_it() -> None:
    run("render", "digits", *SMALL)
    done = run("fonts", "licenses", "datasets/digits")
    assert done.stdout.startswith(
        "Fonts in the dataset digits\n\nImages in this dataset were drawn"
    )
    assert "License: OFL-1.1\nAddress: http://scripts.sil.org/OFL\n" in done.stdout
    written = run("fonts", "licenses", "-o", "NOTICE.txt")
    assert (written.stdout, written.stderr) == ("NOTICE.txt\n", "using datasets/digits\n")
    assert Path("NOTICE.txt").read_text(encoding="utf-8") == done.stdout


@pytest.mark.slow
def test_what_a_user_should_know_of_fonts_is_on_stderr(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("one.ttf", {"Ⰰ": BOX, "Ⰱ": RING})
    recipe = write_recipe('classes.text = "ⰀⰁ"\nfonts.files = ["*.ttf"]\nrender.per_class = 2')
    warning = (
        "warning: license unknown: one.ttf"
        " (look before a dataset is published; `glyphgen fonts list` tells more)\n"
        "warning: 2 cells are unproven: too few other typefaces draw 'Ⰰ' (U+2C00), 'Ⰱ' (U+2C01)"
        ' (look at `glyphgen preview`, or add fonts); gate.on_unproven = "allow" says nothing\n'
    )
    assert run("render", recipe).stderr.startswith(warning)
    assert run("fonts", "list", recipe).stderr == warning
    assert run("fonts", "check", recipe).stderr == warning
    assert run("render", recipe, "--quiet", "--out", "other").stderr == ""


def test_the_schema_is_the_one_that_recipes_name() -> None:
    printed = run("recipe-schema").stdout
    assert printed == (RECIPES / "recipe.schema.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        *("render", "preview", "verify", "recipe-schema", "recipes", "sets"),
        *("fonts licenses", "fonts list", "fonts check", "fonts coverage"),
    ],
)
def test_every_help_shows_an_example(command: str) -> None:
    shown = CliRunner().invoke(cli, [*command.split(), "--help"]).output
    assert f"Example:\n      glyphgen {command}" in shown


def test_wrong_usage_is_exit_code_2() -> None:
    done = run("render")
    assert done.returncode == 2
    assert "Missing argument 'RECIPE'" in done.stderr
    assert run("render", "kana", "--workers", "0").returncode == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (
            "rendr kana",
            f"rendr: no such command, expected one of {', '.join(cli.commands)}"
            " (did you mean `glyphgen render`?)",
        ),
        (
            "kana",
            f"kana: no such command, expected one of {', '.join(cli.commands)}"
            " (did you mean `glyphgen render kana`?)",
        ),
        (
            "fonts chek kana",
            "chek: no such command, expected one of list, check, licenses, coverage"
            " (did you mean `glyphgen fonts check`?)",
        ),
        (
            "render kana --sed 5",
            "--sed: no such option of `glyphgen render` (did you mean `--seed`?)",
        ),
        (
            "render kana --rotation 5",
            "--rotation: no such option of `glyphgen render`"
            " (did you mean `--set render.rotation=VALUE`?)",
        ),
        (
            "fonts check kana --seed 5",
            "--seed: no such option of `glyphgen fonts check` (did you mean `--set seed=VALUE`?)",
        ),
        (
            "verify --workers 4",
            "--workers: no such option of `glyphgen verify`"
            " (did you mean `glyphgen render --workers`?)",
        ),
        ("verify --xyz", "--xyz: no such option of `glyphgen verify`"),
    ],
)
def test_what_may_have_been_meant_is_sought_in_keys_flags_and_commands(
    words: str, problem: str
) -> None:
    done = run(*words.split())
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == f"Error: {problem}"


def test_o_means_out_in_every_command_that_writes() -> None:
    def list_commands(group: click.Group) -> Iterator[click.Command]:
        for command in group.commands.values():
            yield from list_commands(command) if isinstance(command, click.Group) else [command]

    out = {
        command.name: parameter.opts
        for command in list_commands(cli)
        for parameter in command.params
        if parameter.name == "out"
    }
    assert len(out) == 14, list(out)
    assert set(map(tuple, out.values())) == {("-o", "--out")}


@pytest.mark.slow
def test_per_class_and_seed_are_keys_of_the_recipe() -> None:
    done = run("render", "digits", "--per-class", "3", "--seed", "7", "-o", "here", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "here\n", "")
    recipe = tomllib.loads(Path("here/recipe.toml").read_text())
    assert (recipe["render"]["per_class"], recipe["seed"]) == (3, 7)
    assert refused("render", "kana-grid", "--per-class", "3").startswith(
        "--set render.per_class=3: found 3, but a grid has as many samples as combinations"
    )


@pytest.mark.slow
def test_recipes_and_sets_are_listed() -> None:
    rows = json.loads(run("recipes", "--json").stdout)
    assert [row["recipe"] for row in rows] == sorted(path.stem for path in RECIPES.glob("*.toml"))
    assert next(row for row in rows if row["recipe"] == "digits") == {
        "recipe": "digits",
        "classes": 10,
        "image": "28 x 28",
        "about": "The ten digits at 28 x 28 pixels in eight Latin hands",
        "file": str(RECIPES / "digits.toml"),
    }
    assert all(row["about"] for row in rows)
    assert re.search(r"│ digits +│ 10 +│ 28 x 28 +│ The ten digits", run("recipes").stdout)
    sets = json.loads(run("sets", "--json").stdout)
    assert sets[3] == {
        "set": "digits",
        "characters": 10,
        "first": "'0' (U+0030)",
        "last": "'9' (U+0039)",
        "which": "0 to 9",
    }
    assert "│ hiragana        │ 83         │ 'ぁ' (U+3041) │" in run("sets").stdout


def test_a_recipe_beside_is_found_without_its_ending(
    make_font: MakeFont, write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_font("one.ttf", {"Ⰰ": BOX})
    recipe = write_recipe('classes.text = "Ⰰ"\nfonts.files = ["one.ttf"]\nrender.per_class = 2')
    recipe.rename(tmp_path / "alnum.toml")
    monkeypatch.chdir(tmp_path)
    assert run("render", "alnum").stdout == "datasets/alnum\n"
    assert run("render", "./alnum", "-o", "there").stdout == "there\n"
    shutil.copy("alnum.toml", "kana.toml")  # one's own comes before the one that is shipped
    assert run("render", "kana").stdout == "datasets/kana\n"
    assert tomllib.loads(Path("datasets/kana/recipe.toml").read_text())["classes"]["text"] == "Ⰰ"


SKIP = '(gate.on_refused = "skip" leaves them out)'
ADD = "(add a font that has them, or exclude them)"


@pytest.mark.parametrize(
    ("fonts", "problems"),
    [
        (
            'files = ["no/*.ttf"]',
            [
                "{file}:4: fonts.files: no font matches 'no/*.ttf' (paths are relative to the recipe)"
            ],
        ),
        (
            'files = ["few.ttf"]',
            [
                f"{{few}}: has no character map entry for 'Ⰱ' (U+2C01) of 2 {SKIP}",
                f"{{file}}:1: classes: no face draws 'Ⰱ' (U+2C01) of 2 classes {ADD}",
            ],
        ),
        (
            'faces = [{ file = "few.ttf", index = 3 }]',
            ["{few}: no face at index 3, the file holds 1 (give an index from 0 to 0)"],
        ),
        (
            'faces = [{ file = "few.ttf", axes = { opsz = 3 } }]',
            ["{few}: no axis 'opsz' (the font's axes: none: it is not a variable font)"],
        ),
        (
            'files = ["all.ttf"]\n[render]\nsize = [3, 4]\nstretch = 10',
            [
                "{all}: goes beyond the frame, where this recipe puts it, with"
                f" 'Ⰰ' (U+2C00) and 1 more of 2 {SKIP}",
                f"{{file}}:1: classes: no face draws 'Ⰰ' (U+2C00), 'Ⰱ' (U+2C01) of 2 classes {ADD}",
            ],
        ),
    ],
    ids=["no such font", "no such character", "no such index", "no such axis", "never fits"],
)
def test_what_fonts_cannot_give_is_said_in_plain_lines(
    make_font: MakeFont,
    write_recipe: WriteRecipe,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fonts: str,
    problems: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    make_font("few.ttf", {"Ⰰ": BOX})
    make_font("all.ttf", {"Ⰰ": BOX, "Ⰱ": RING})
    write_recipe(f'[classes]\ntext = "ⰀⰁ"\n[fonts]\n{fonts}')
    names = {"file": "tiny.toml", "few": "few.ttf", "all": "all.ttf"}
    assert refused("render", "tiny.toml", "--quiet").splitlines() == [
        problem.format(**names) for problem in problems
    ]
    assert not Path("datasets").exists()


def test_a_broken_font_is_one_clear_error(write_recipe: WriteRecipe, tmp_path: Path) -> None:
    (tmp_path / "one.ttf").write_bytes(b"\x00\x01\x00\x00" + b"\xff" * 200)
    recipe = write_recipe('classes.text = "ⰀⰁ"\nfonts.sanitize = false\nfonts.files = ["one.ttf"]')
    shown = refused("render", recipe, "--quiet")
    assert shown.startswith(f"{tmp_path}/one.ttf: not a font that can be read: ")
    assert shown.endswith(
        " (expected a whole TrueType or OpenType file: .ttf, .otf, .ttc, .woff, .woff2)"
    )
    assert "\n" not in shown


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_keeps_finished_shards_and_says_how_to_go_on(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    program = Path(sys.executable).parent / "glyphgen"
    command = [
        str(program),
        "render",
        "kana",
        "--set",
        "output.rows_per_shard=500",
        "--workers",
        "2",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    work = Path("datasets/kana/.work")
    while not list(work.glob("shard-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    _, talk = process.communicate()
    assert process.returncode == 128 + number
    assert not list((tmp_path / "temporary").iterdir())
    assert talk.rstrip().endswith(
        "datasets/kana: interrupted; finished shards stay (run the same command again to go on)"
    )
    assert "Traceback" not in talk
    assert list(work.glob("shard-*"))
    assert not Path("datasets/kana/index.json").exists()
    assert refused("verify", "datasets/kana") == (
        "datasets/kana: unfinished, it has no index.json (run the command that makes it again)"
    )


@pytest.mark.slow
def test_a_program_that_is_to_survive_its_terminal_does(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "glyphgen"
    command = ["nohup", str(program), "render", "kana", "--set", "output.rows_per_shard=500"]
    process = subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    work = Path("datasets/kana/.work")
    while not list(work.glob("shard-*")) and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert "interrupted; finished shards stay" in process.communicate()[1]
    assert process.returncode == 143


@pytest.mark.slow
def test_a_second_render_is_told_who_works_there_and_changes_nothing() -> None:
    folder = Path("datasets/digits")
    holder = (
        "import sys; from pathlib import Path; from glyphgen.dataset.claim import hold_folder\n"
        "with hold_folder(Path(sys.argv[1])): print('held', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holder, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()
        for more in ([], ["--force"]):
            assert refused("render", "digits", *SMALL, "--quiet", *more) == (
                f"{folder}: process {process.pid} on {platform.node()} (-c {folder}) works there"
                " (wait until it has ended, or --out DIR takes another folder)"
            )
        assert [path.name for path in folder.iterdir()] == [".lock"]
        process.communicate(b"\n")
    assert run("render", "digits", *SMALL).returncode == 0


@pytest.mark.slow
def test_what_the_system_refuses_where_nobody_expects_it_is_one_line() -> None:
    program = Path(sys.executable).parent / "glyphgen"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [program, "sets"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == (
        "glyphgen: No space left on device (look at the machine, and run the same command again)\n"
    )
    with subprocess.Popen(
        [program, "sets"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stderr
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.slow
def test_a_wheel_brings_fonts_and_recipes_and_works_from_any_folder(tmp_path: Path) -> None:
    source = FONTS.parent
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    shutil.copytree(
        source, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "datasets", "tests")
    )
    subprocess.run([*pip, "wheel", "--no-deps", "-w", tmp_path, tmp_path / "copy"], check=True)
    [wheel] = tmp_path.glob("glyphgen-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "site", wheel], check=True)
    done = subprocess.run(
        [sys.executable, "-m", "glyphgen", "render", "kana", "--set", "render.per_class=2"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "datasets/kana\n"
    assert "169 classes x 2 = 338 images: 29 faces in equal turns" in done.stderr
    run_page = json.loads(Path("datasets/kana/run.json").read_text())
    assert run_page["recipe_folder"].startswith(str(tmp_path / "site"))
