"""Recipes: defaults, overrides, round trips, and one line for everything that can be wrong."""

import json
import os
import pickle
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glyphgen.augment.albumentations_step import AlbumentationsStep
from glyphgen.augment.blur import BlurStep
from glyphgen.augment.elastic import ElasticStep
from glyphgen.augment.noise import NoiseStep
from glyphgen.choices import ENGINES
from glyphgen.classes import make_class_table
from glyphgen.errors import RecipeError
from glyphgen.recipe import (
    Classes,
    Fonts,
    Recipe,
    Scatter,
    Wobble,
    dump_recipe,
    find_shipped,
    list_shipped,
    read_recipe,
    read_steps,
    reading,
    recipe_schema,
)
from glyphgen.recipe.lines import find_lines

RECIPES = Path(__file__).parent.parent / "recipes"
SHIPPED = sorted(path.stem for path in RECIPES.glob("*.toml"))
SMALLEST = 'classes.text = "a"\nfonts.files = ["x.ttf"]\n'

Read = Callable[..., Recipe]

OF_HEIGHT = "(a fraction of the image height, not pixels)"
OF_EM = "(a fraction of the em, not pixels)"


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Read r.toml: two lines with a class and a font, and what the test adds from line 3 on."""
    monkeypatch.chdir(tmp_path)

    def read(text: str = "", *overrides: str) -> Recipe:
        Path("r.toml").write_text(SMALLEST + text, "utf-8")
        return read_recipe("r.toml", overrides)

    return read


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def find_problems(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(RecipeError) as caught:
        call()
    problems: tuple[str, ...] = caught.value.problems
    return problems


# --- What is read


def test_smallest_recipe_has_every_default(read: Read) -> None:
    recipe = read()
    assert (recipe.name, recipe.seed) == ("r", 0)
    assert recipe.image.model_dump() == {"height": 64, "width": 64, "polarity": "white-on-black"}
    assert recipe.render.model_dump() == {
        "engine": "vector",
        "mode": "random",
        "per_class": 1000,
        "count": None,
        "size": (0.6, 0.8),
        "shift_x": (-0.5, 0.5),
        "shift_y": (-0.5, 0.5),
        "shift_of": "blank",
        "min_blank": 0.0,
        "rotation": (-5.0, 5.0),
        "shear": (0.0, 0.0),
        "stretch": (1.0, 1.0),
        "weight": (0.0, 0.0),
        "wobble": {"amplitude": (0.0, 0.0), "grid": 3},
        "scatter": {"shift": 0.0, "turn": 0.0, "scale": 0.0},
        "characters": ((1, 1), (1, 1)),
        "lines": 0.0,
        "seal": 0.0,
        "framing": "em",
    }
    assert recipe.split.model_dump() == {
        "by": "none",
        "val": 0.0,
        "test": 0.0,
        "val_faces": (),
        "test_faces": (),
    }
    assert recipe.gate.model_dump() == {
        "on_refused": "error",
        "on_unproven": "warn",
        "on_cut_off": "shrink",
        "on_changed": "shrink",
        "min_faces_per_class": 1,
        "allow": (),
        "deny": (),
    }
    assert recipe.output.model_dump() == {
        "format": "npy",
        "rows_per_shard": None,
        "compression": "none",
    }


def test_grid_mode_has_its_own_defaults(read: Read) -> None:
    render = read('render.mode = "grid"').render
    assert render.per_class is None
    assert (render.size, render.shift_x, render.shift_y) == ((0.75,), (0.0,), (0.0,))
    assert (render.rotation, render.shear) == ((0.0,), (0.0,))
    assert (render.stretch, render.weight) == ((1.0,), (0.0,))


@pytest.mark.parametrize(
    ("written", "values"), [("0.7", (0.7, 0.7)), ("[0.5, 1]", (0.5, 1.0)), ("1", (1.0, 1.0))]
)
def test_random_value_is_a_range(written: str, values: tuple[float, ...], read: Read) -> None:
    assert read(f"render.size = {written}").render.size == values


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("0.7", (0.7,)),
        ("[1, 0.5, 2]", (1.0, 0.5, 2.0)),
        ("{ start = 0.1, stop = 0.5, step = 0.1 }", (0.1, 0.2, 0.3, 0.4, 0.5)),
        ("{ start = 1, stop = 1.9, step = 0.5 }", (1.0, 1.5)),
        ("{ start = 1, stop = 1, step = 3 }", (1.0,)),
    ],
)
def test_grid_value_is_a_list(written: str, values: tuple[float, ...], read: Read) -> None:
    assert read(f'render = {{ mode = "grid", size = {written} }}').render.size == values


def test_neutral_wobble_and_scatter_say_so(read: Read) -> None:
    recipe = read("[render]\nwobble.amplitude = 0.1\nscatter.turn = 3")
    assert recipe.render.wobble == Wobble(amplitude=(0.1, 0.1))
    assert not recipe.render.wobble.is_neutral
    assert not recipe.render.scatter.is_neutral
    assert Wobble().is_neutral
    assert Scatter().is_neutral


def test_windows_file_is_read(in_tmp: Path) -> None:
    Path("r.toml").write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert read_recipe("r.toml").classes.text == "a"


def test_recipe_made_in_python_has_places_too() -> None:
    recipe = Recipe(classes=Classes(text="a"), fonts=Fonts(files=("x.ttf",)))
    assert (recipe.place("fonts.files"), recipe.folder) == ("recipe: fonts.files", Path())


# --- Places


def test_place_tells_file_line_and_key(in_tmp: Path) -> None:
    Path("sub").mkdir()
    path = Path("sub/r.toml")
    path.write_text(f'{SMALLEST}\n[[fonts.faces]]\nfile = "x"\n[[fonts.faces]]\nfile = "y"\n')
    recipe = read_recipe("sub/r.toml", ["image.height=32", "fonts.system=[]"])
    assert recipe.folder == Path("sub")
    assert recipe.place("fonts.files") == "sub/r.toml:2: fonts.files"
    assert recipe.place("fonts.files.0") == "sub/r.toml:2: fonts.files"
    assert recipe.place("fonts.faces.1.file") == "sub/r.toml:7: fonts.faces.1.file"
    assert recipe.place("fonts.faces.1") == "sub/r.toml:6: fonts.faces"
    assert recipe.place("fonts") == "sub/r.toml:2: fonts"
    assert recipe.place("image") == "--set image"
    assert recipe.place("image.width") == "sub/r.toml: image.width"
    assert recipe.place("image.height") == "--set image.height"


def test_place_survives_pickling_and_is_not_compared(read: Read) -> None:
    recipe = read()
    copy = pickle.loads(pickle.dumps(recipe))
    assert copy.place("fonts.files") == "r.toml:2: fonts.files"
    assert copy == read("# another line", "seed=0") == recipe
    assert hash(copy) == hash(recipe)


def test_lines_are_found_in_every_kind_of_toml() -> None:
    text = '''\
name = "k" # [x]
a . "b.c" = 1979-05-27 07:32:00
[classes]
text = """
[no]
x = 1 \\""" """"
sets = [
  "a", # c ]
  ["""a"""", "b"],
]
[[faces]]
axes = { wght = 1.5, "a b" = { c = [] } }
[[faces]]
  [[faces.deep]]
  [faces.deep.table]
  q = +1e-5
'''
    tomllib.loads(text)
    assert find_lines(text) == {
        ("name",): 1,
        ("a",): 2,
        ("a", "b.c"): 2,
        ("classes",): 3,
        ("classes", "text"): 4,
        ("classes", "sets"): 7,
        ("classes", "sets", 0): 8,
        ("classes", "sets", 1): 9,
        ("classes", "sets", 1, 0): 9,
        ("classes", "sets", 1, 1): 9,
        ("faces",): 11,
        ("faces", 0): 11,
        ("faces", 0, "axes"): 12,
        ("faces", 0, "axes", "wght"): 12,
        ("faces", 0, "axes", "a b"): 12,
        ("faces", 0, "axes", "a b", "c"): 12,
        ("faces", 1): 13,
        ("faces", 1, "deep"): 14,
        ("faces", 1, "deep", 0): 14,
        ("faces", 1, "deep", 0, "table"): 15,
        ("faces", 1, "deep", 0, "table", "q"): 16,
    }


# --- Overrides


def test_override_is_toml_or_else_a_string(read: Read) -> None:
    recipe = read(
        "seed = 1",
        "render.engine=pillow",
        "render.size = [0.2, 0.3]",
        "seed=5",
        "seed=6",
        'name="a-b"',
        "classes.text=x = 1\ny = 2",
        "fonts.files.0=*.otf",
    )
    assert (recipe.render.engine, recipe.render.size) == ("pillow", (0.2, 0.3))
    assert (recipe.seed, recipe.name) == (6, "a-b")
    assert recipe.classes.text == "x = 1\ny = 2"
    assert recipe.fonts.files == ("*.otf",)


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("seed", "not an override, expected KEY=VALUE"),
        ("=3", "not an override, expected KEY=VALUE"),
        ("name.x=1", "unknown key"),
        ("fonts.files.7=x", "unknown key"),
        ("rendr.size=1", "unknown key (did you mean 'render'?)"),
        ("per_class=5", "unknown key (did you mean 'render.per_class'?)"),
        ("render.seed=5", "unknown key (did you mean 'seed'?)"),
        ("image.rotaton=5", "unknown key (did you mean 'render.rotation'?)"),
        (
            "gate.strict=1",
            "unknown key, expected one of on_refused, on_unproven, on_cut_off, on_changed,"
            " min_faces_per_class, allow, deny",
        ),
        ("image.height=x", "found 'x', expected a whole number from 8 to 4,096"),
        ("image={height = 0}", "found 0, expected a whole number from 8 to 4,096"),
    ],
)
def test_bad_override_is_quoted(override: str, problem: str, read: Read) -> None:
    assert find_problems(lambda: read("", override)) == (f"--set {override}: {problem}",)


# --- Steps of augmentation


def test_steps_keep_their_order_and_spell_out_their_defaults(read: Read) -> None:
    recipe = read(
        '[[augment]]\nstep = "noise"\ngaussian = 0.1\n[[augment]]\nstep = "elastic"\n'
        '[[augment]]\nalbumentations = "GridDistortion"\nargs = { num_steps = 4 }\nchance = 0.5'
    )
    noise, elastic, grid = recipe.augment
    assert noise == NoiseStep(gaussian=(0.1, 0.1))
    assert elastic == ElasticStep()
    assert grid == AlbumentationsStep(
        albumentations="GridDistortion", args={"num_steps": 4}, chance=0.5
    )
    dumped = dump_recipe(recipe)
    assert tomllib.loads(dumped)["augment"][1] == {
        "step": "elastic",
        "chance": 1.0,
        "amplitude": [0.02, 0.06],
        "scale": 0.25,
    }
    Path("again.toml").write_text(dumped, "utf-8")
    assert read_recipe("again.toml").augment == recipe.augment


STEPS = (
    "step = one of elastic, affine, noise, blur, contrast, stroke, pen, cutout, grain, paper,"
    ' or albumentations = "NAME"'
)


def test_everything_wrong_with_steps_is_told_with_its_line(read: Read) -> None:
    text = """[[augment]]
step = "elastik"
[[augment]]
chance = 1
[[augment]]
step = "affine"
rotaton = 3
scale = [1.2, 1]
shear = [0, 90]
shift_x = "far"
chance = 2
[[augment]]
step = 3
[[augment]]
step = "elastic"
amplitude = [0.01, 0.2]
scale = 0.1
[[augment]]
albumentations = 3
[[augment]]
albumentations = "Blur"
step = "elastic"
"""
    assert find_problems(lambda: read(text)) == (
        f"r.toml:4: augment.0.step: found 'elastik', expected {STEPS} (did you mean 'elastic'?)",
        f"r.toml:5: augment: names no step, expected {STEPS}",
        "r.toml:9: augment.2.rotaton: unknown key (did you mean 'rotation'?)",
        "r.toml:10: augment.2.scale: found [1.2, 1], expected the lower end first",
        "r.toml:11: augment.2.shear: found 90, expected a number from -45 to 45",
        "r.toml:12: augment.2.shift_x: found 'far', expected a number or [low, high]",
        "r.toml:13: augment.2.chance: found 2, expected a number from 0 to 1",
        f"r.toml:15: augment.3.step: found '3', expected {STEPS}",
        "r.toml:18: augment.4.amplitude: found 0.2, expected at most 0.05, which is half of scale:"
        " more folds the image over itself (give a larger scale)",
        "r.toml:21: augment.5.albumentations: found 3, expected a string",
        "r.toml:23: augment.6.albumentations: unknown key, expected one of chance, step, amplitude,"
        " scale",
    )


def test_one_table_is_no_list_of_steps_and_sixteen_are_too_many(read: Read) -> None:
    assert find_problems(lambda: read('[augment]\nstep = "blur"')) == (
        "r.toml:3: augment: found {step = 'blur'}, expected a list of tables",
    )
    assert find_problems(lambda: read('[[augment]]\nstep = "blur"\n' * 16)) == (
        "r.toml:3: augment: found 16 steps, expected at most 15",
    )


def test_a_step_can_be_changed_on_the_command_line(read: Read) -> None:
    text = '[[augment]]\nstep = "blur"'
    recipe = read(text, "augment.0.sigma=0.02")
    assert recipe.augment == (BlurStep(sigma=(0.02, 0.02)),)
    assert find_problems(lambda: read(text, "augment.0.sigma=3")) == (
        "--set augment.0.sigma=3: found 3, expected a number from 0 to 0.1",
    )


# --- Choices


def test_what_an_engine_can_do_is_read_from_its_table(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = replace(ENGINES["pillow"], can=frozenset({"render.weight"}))
    monkeypatch.setitem(cast(dict[str, object], ENGINES), "pillow", able)
    assert read('render = { engine = "pillow", weight = 0.02 }').render.weight == (0.02, 0.02)
    refused = find_problems(lambda: read('render = { engine = "imagemagick", weight = 0.02 }'))
    assert refused == (
        'r.toml:3: render.weight: found engine "imagemagick", but only the vector and pillow engines'
        ' can do this (set render.engine = "vector")',
    )
    weight = recipe_schema()["$defs"]["Render"]["properties"]["weight"]
    assert weight["description"].endswith("Only with engine vector or pillow.")


def test_reading_a_recipe_loads_no_library_that_makes_pixels() -> None:
    program = "import sys, glyphgen.recipe\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "pydantic" in loaded
    assert not loaded & {"cv2", "scipy", "albumentations", "PIL", "freetype", "uharfbuzz", "wand"}


def test_a_path_may_be_of_any_kind(read: Read, in_tmp: Path) -> None:
    read('[[augment]]\nstep = "blur"')
    assert read_recipe(os.path.join(in_tmp, "r.toml"), folder="sub").folder == Path("sub")  # noqa: PTH118
    assert len(read_steps(str(in_tmp / "r.toml"))) == 1


# --- Bad files


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a = 1\nb =\n", "r.toml:2: not TOML: wrong value at column 4"),
        (
            b"a = 1\nb\n",
            "r.toml:2: not TOML: expected '=' after a key in a key/value pair at column 2",
        ),
        (b"a = 1\na = 2\n", "r.toml:2: not TOML: cannot overwrite a value at column 6"),
        (b"a = [\n", "r.toml:1: not TOML: wrong value"),
        (b"a = " + b"[" * 100_000, "r.toml: nested too deeply, expected tables of a recipe"),
        (b"a = " + b"9" * 5_000, "r.toml: holds a number of thousands of digits"),
        (
            "a = 1\nb = 'か'".encode("shift_jis"),
            "r.toml:2: not UTF-8: found byte 0x82 (save the file as UTF-8)",
        ),
    ],
)
def test_file_that_is_not_toml_is_refused(content: bytes, problem: str, in_tmp: Path) -> None:
    Path("r.toml").write_bytes(content)
    assert find_problems(lambda: read_recipe("r.toml")) == (problem,)


def test_missing_file_gets_a_hint(read: Read) -> None:
    read()
    assert find_problems(lambda: read_recipe("s.toml")) == (
        "s.toml: no such file, expected a recipe (did you mean 'r.toml'?)",
    )
    assert find_problems(lambda: read_recipe(Path("sub/kana.toml"))) == (
        "sub/kana.toml: no such file, expected a recipe"
        f" (shipped recipes go by name: {', '.join(SHIPPED)})",
    )


def test_what_is_no_file_is_refused(in_tmp: Path) -> None:
    os.mkfifo("pipe.toml")
    assert find_problems(lambda: read_recipe("pipe.toml")) == (
        "pipe.toml: is a named pipe, expected a recipe (a TOML file)",
    )
    with Path("large.toml").open("wb") as file:
        file.truncate(5 << 20)
    assert find_problems(lambda: read_recipe("large.toml")) == (
        "large.toml: is 5 MiB large, expected at most 4 MiB of a recipe (a TOML file)",
    )


def test_folder_is_refused(in_tmp: Path) -> None:
    Path("sub").mkdir()
    expected = ("sub: is a folder, expected a recipe (a TOML file)",)
    assert find_problems(lambda: read_recipe("sub")) == expected


def test_file_that_cannot_be_read_is_refused(in_tmp: Path) -> None:
    Path("r.toml").symlink_to("r.toml")
    expected = ("r.toml: cannot be read: Too many levels of symbolic links",)
    assert find_problems(lambda: read_recipe("r.toml")) == expected


def test_unknown_shipped_name_lists_the_shipped(in_tmp: Path) -> None:
    assert find_problems(lambda: read_recipe("kanna")) == (
        f"kanna: no such recipe, expected one of {', '.join(SHIPPED)} (did you mean 'kana'?)",
    )
    assert find_problems(lambda: find_shipped("x")) == (
        f"x: no such recipe, expected one of {', '.join(SHIPPED)} (give a path to read your own)",
    )


def test_installed_package_brings_its_recipes(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = in_tmp / "lib/glyphgen/data/recipes"
    shipped.mkdir(parents=True)
    (shipped / "mine.toml").write_text(SMALLEST)
    monkeypatch.setattr(reading, "__file__", str(in_tmp / "lib/glyphgen/recipe/reading.py"))
    assert read_recipe("mine").folder == shipped
    Path("mine").write_text('name = "nearer"\n' + SMALLEST)
    assert read_recipe("mine").name == "nearer"


# --- Bad values


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("nam = 1", "nam: unknown key (did you mean 'name'?)"),
        ("render.rotaton = 1", "render.rotaton: unknown key (did you mean 'rotation'?)"),
        (
            "gate.x = 1",
            "gate.x: unknown key, expected one of on_refused, on_unproven, on_cut_off, on_changed,"
            " min_faces_per_class, allow, deny",
        ),
        (
            'name = "a/b"',
            "name: found 'a/b', expected letters, digits and . _ - (not . or - at the start)",
        ),
        (
            'name = ".."',
            "name: found '..', expected letters, digits and . _ - (not . or - at the start)",
        ),
        (
            "seed = -1",
            "seed: found -1, expected a whole number from 0 to 9,223,372,036,854,775,807",
        ),
        (
            "seed = 1.5",
            "seed: found 1.5, expected a whole number from 0 to 9,223,372,036,854,775,807",
        ),
        ("classes.sets = 'kana'", "classes.sets: found 'kana', expected a list of strings"),
        ("classes.sets = ['kana', 1]", "classes.sets: found 1, expected a string"),
        (
            "classes.exclude = true",
            "classes.exclude: found true, expected a string or a list of strings",
        ),
        ("fonts.faces = 3", "fonts.faces: found 3, expected a list of tables"),
        (
            "fonts.faces = [{ index = 1 }]",
            "fonts.faces: found neither file nor system, expected exactly one of them",
        ),
        (
            "fonts.faces = [{ file = 'x', system = 'y' }]",
            "fonts.faces: found both file and system, expected exactly one of them",
        ),
        (
            "fonts.faces = [{ file = 'x', style = 'Bold' }]",
            "fonts.faces.0.style: found 'Bold' with file, expected it with system"
            " (index chooses a font of a collection)",
        ),
        (
            "fonts.faces = [{ file = 'x', index = -1 }]",
            "fonts.faces.0.index: found -1, expected a whole number of at least 0",
        ),
        (
            "fonts.faces = [{ file = 'x', weight = 0 }]",
            "fonts.faces.0.weight: found 0, expected a whole number from 1 to 1,000",
        ),
        (
            "fonts.faces = [{ file = 'x', axes = { wght = 'b' } }]",
            "fonts.faces.0.axes.wght: found 'b', expected a number or [low, high]",
        ),
        ("image = 3", "image: found 3, expected a table"),
        ("image.height = 0", "image.height: found 0, expected a whole number from 8 to 4,096"),
        (
            "image.width = 100_000",
            "image.width: found 100000, expected a whole number from 8 to 4,096",
        ),
        (
            "image.height = 1979-05-27",
            "image.height: found 1979-05-27, expected a whole number from 8 to 4,096",
        ),
        (
            "image.polarity = 'white-on-blak'",
            "image.polarity: found 'white-on-blak', expected"
            ' "white-on-black" or "black-on-white" (did you mean \'white-on-black\'?)',
        ),
        (
            "render.engine = 'x'",
            'render.engine: found \'x\', expected "vector", "pillow" or "imagemagick"',
        ),
        (
            "render = { mode = 'gird', size = [1, 2, 3] }",
            "render.mode: found 'gird', expected \"random\" or \"grid\" (did you mean 'grid'?)",
        ),
        (
            "render.per_class = 0",
            "render.per_class: found 0, expected a whole number from 1 to 1,000,000,000",
        ),
        (
            "render.size = [3.5, 6]",
            f"render.size: found 6, expected a number above 0, at most 4 {OF_HEIGHT}",
        ),
        (
            "render.size = 0",
            f"render.size: found 0, expected a number above 0, at most 4 {OF_HEIGHT}",
        ),
        (
            "render.size = 24",
            "render.size: found 24, expected a number above 0, at most 4"
            " (a fraction of the image height, not pixels)",
        ),
        (
            "render.size = [0.8, 0.6]",
            "render.size: found [0.8, 0.6], expected the lower end first",
        ),
        (
            "render.size = [0.1, 0.2, 0.3]",
            "render.size: found [0.1, 0.2, 0.3], expected a number or [low, high]"
            ' (lists and steps are for render.mode = "grid")',
        ),
        (
            "render.size = [0.1, nan]",
            "render.size: found [0.1, nan], expected a number or [low, high]"
            ' (lists and steps are for render.mode = "grid")',
        ),
        (
            "render.min_blank = inf",
            "render.min_blank: found inf, expected a number from 0 to 1",
        ),
        (
            "render.stretch = 0",
            "render.stretch: found 0, expected a number above 0, at most 10",
        ),
        (
            "render.weight = [0, 0.2]",
            f"render.weight: found 0.2, expected a number from -0.1 to 0.1 {OF_EM}",
        ),
        (
            "render.wobble.amplitude = 0.5",
            f"render.wobble.amplitude: found 0.5, expected a number from 0 to 0.2 {OF_EM}",
        ),
        (
            "render.wobble.grid = 7",
            "render.wobble.grid: found 7, expected a whole number from 2 to 6",
        ),
        (
            "render.scatter.turn = 50",
            "render.scatter.turn: found 50, expected a number from 0 to 45",
        ),
        (
            "render.scatter.scale = [0, 1]",
            "render.scatter.scale: found [0, 1], expected a number from 0 to 0.5",
        ),
        (
            "render = { engine = 'pillow', wobble = { amplitude = 0.1 } }",
            'render.wobble: found engine "pillow", but only the vector engine can do this'
            ' (set render.engine = "vector")',
        ),
        (
            "render = { engine = 'imagemagick', weight = [-0.1, 0.1] }",
            'render.weight: found engine "imagemagick", but only the vector engine can do this'
            ' (set render.engine = "vector")',
        ),
        (
            "render = { engine = 'pillow', scatter = { turn = 1 } }",
            'render.scatter: found engine "pillow", but only the vector engine can do this'
            ' (set render.engine = "vector")',
        ),
        (
            "classes.language = 'not a tag!'",
            'classes.language: found \'not a tag!\', expected a tag like "fa" or "zh-Hant"',
        ),
        (
            "classes.language = 'fa'\nrender.engine = 'pillow'",
            'classes.language: found "fa" with engine "pillow",'
            ' but only the vector engine can do this (set render.engine = "vector")',
        ),
        ("split.val = 1", "split.val: found 1, expected a number from 0 to below 1"),
        (
            "split.val = 0.1",
            'split.val: found 0.1 with by = "none", expected 0'
            ' (or set split.by = "sample" or "face")',
        ),
        (
            "split = { by = 'sample', val = 0.5, test = 0.5 }",
            "split.test: val and test take 1 of all rows, expected less than 1 (the rest is train)",
        ),
        (
            "split.by = 'sample'",
            'split.by: found "sample" without shares, expected val or test above 0',
        ),
        (
            "split.by = 'face'",
            'split.by: found "face" without shares or faces,'
            " expected val or test above 0, or val_faces or test_faces",
        ),
        (
            "split = { by = 'face', val = 0.1, test_faces = ['x'] }",
            "split.by: found shares and face names, expected one or the other",
        ),
        (
            "split = { by = 'sample', val = 0.1, test_faces = ['x'] }",
            'split.test_faces: found by = "sample", expected by = "face" with this key',
        ),
        (
            "gate.on_refused = 'ignore'",
            'gate.on_refused: found \'ignore\', expected "error" or "skip"',
        ),
        (
            "output.compression = 'gzip'",
            'output.compression: found "gzip" with format "npy", expected "none"'
            ' (or set output.format = "hdf5")',
        ),
        (
            "output.rows_per_shard = 1_000_000",
            "output.rows_per_shard: found 1,000,000, 4.1 GB of images in memory, expected at most"
            " 524,288",
        ),
        (
            "output.rows_per_shard = 0",
            "output.rows_per_shard: found 0, expected a whole number of at least 1",
        ),
    ],
)
def test_bad_value_is_refused_at_its_line(line: str, problem: str, read: Read) -> None:
    assert find_problems(lambda: read(line)) == (f"r.toml:3: {problem}",)


@pytest.mark.parametrize(
    ("inside", "problem"),
    [
        (
            "size = []",
            "size: found [], expected a number, a list of numbers, or {start, stop, step}",
        ),
        (
            "size = 'big'",
            "size: found 'big', expected a number, a list of numbers, or {start, stop, step}",
        ),
        ("size = [0.5, 1, 0.5]", "size: found 0.5 twice, expected each number once"),
        (
            "size = { start = 1, stop = 2 }",
            "size: found {start = 1, stop = 2}, expected {start, stop, step} with three numbers",
        ),
        (
            "size = { start = 1, stop = 0.5, step = 0.1 }",
            "size: found {start = 1, stop = 0.5, step = 0.1},"
            " expected a step above 0 and a stop not below start",
        ),
        (
            "size = { start = 0.5, stop = 1, step = 1e-9 }",
            "size: found 500,000,001 steps, expected at most 10,000",
        ),
        (
            "size = { start = 3, stop = 5, step = 1 }",
            "size: found {start = 3, stop = 5, step = 1}, expected a number above 0, at most 4"
            f" {OF_HEIGHT}",
        ),
        (
            "per_class = 5",
            "per_class: found 5, but a grid has as many samples as combinations"
            ' (leave it out, or set render.mode = "random")',
        ),
        (
            "wobble = { amplitude = [0, 0.1] }",
            "wobble.amplitude: found [0.0, 0.1], expected one number in grid mode",
        ),
    ],
)
def test_bad_grid_value_is_refused(inside: str, problem: str, read: Read) -> None:
    problems = find_problems(lambda: read(f'render = {{ mode = "grid", {inside} }}'))
    assert problems == (f"r.toml:3: render.{problem}",)


def test_recipe_without_classes_or_fonts_is_refused(in_tmp: Path) -> None:
    Path("r.toml").write_text("fonts = {}")
    assert find_problems(lambda: read_recipe("r.toml")) == (
        "r.toml: classes: missing, expected a table [classes]",
        "r.toml:1: fonts: names no font, expected at least one of files, system or faces",
    )


def test_all_problems_are_reported_at_once_in_the_order_of_lines(read: Read) -> None:
    text = "seed = -1\n[output]\nformat = 'png'\n[image]\nheight = 0\nwidht = 3\n"
    assert find_problems(lambda: read(text, "gate.x=1", "y")) == (
        "--set y: not an override, expected KEY=VALUE",
        "--set gate.x=1: unknown key, expected one of on_refused, on_unproven, on_cut_off, on_changed,"
        " min_faces_per_class, allow, deny",
        "r.toml:3: seed: found -1, expected a whole number from 0 to 9,223,372,036,854,775,807",
        'r.toml:5: output.format: found \'png\', expected "npy" or "hdf5"',
        "r.toml:7: image.height: found 0, expected a whole number from 8 to 4,096",
        "r.toml:8: image.widht: unknown key (did you mean 'width'?)",
    )


def test_long_values_are_shortened_in_messages(read: Read) -> None:
    (problem,) = find_problems(lambda: read(f"seed = '{'x' * 500}'"))
    assert problem.startswith(f"r.toml:3: seed: found '{'x' * 56}..., expected")


# --- Writing


def test_dump_spells_out_every_default(read: Read) -> None:
    dumped = tomllib.loads(dump_recipe(read('render.mode = "grid"')))
    assert dumped["render"]["size"] == [0.75]
    assert dumped["render"]["scatter"] == {"shift": 0.0, "turn": 0.0, "scale": 0.0}
    assert "per_class" not in dumped["render"]
    assert list(dumped) == [
        "name",
        "seed",
        "classes",
        "fonts",
        "image",
        "render",
        "split",
        "gate",
        "output",
    ]


numbers = st.floats(0.01, 4, allow_nan=False)
ranges = st.tuples(numbers, numbers).map(sorted)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    render=st.one_of(
        st.fixed_dictionaries(
            {"mode": st.just("random"), "per_class": st.integers(1, 10**6)},
            optional={"size": ranges, "rotation": ranges, "shift_x": ranges},
        ),
        st.fixed_dictionaries(
            {"mode": st.just("grid")},
            optional={"size": st.lists(numbers, min_size=1, unique=True), "stretch": numbers},
        ),
    ),
    text=st.text(st.characters(exclude_categories=["Cs"])),
    weight=st.integers(1, 99),
    seed=st.integers(0, 2**63 - 1),
)
def test_dump_and_read_give_the_same_recipe(
    render: dict[str, object], text: str, weight: int, seed: int, tmp_path: Path
) -> None:
    weight = 1 if render["mode"] == "grid" else weight
    face = {"file": "x.ttf", "axes": {"wght": 1.5}, "weight": weight}
    recipe = Recipe.model_validate(
        {"classes": {"text": text}, "fonts": {"faces": [face]}, "render": render, "seed": seed}
    )
    path = tmp_path / "other-name.toml"
    path.write_text(dump_recipe(recipe), "utf-8", newline="\n")
    assert read_recipe(path) == recipe


# --- Shipped recipes


def test_schema_file_is_in_step_with_the_code() -> None:
    stored = json.loads((RECIPES / "recipe.schema.json").read_text("utf-8"))
    assert stored == recipe_schema(), "run: glyphgen recipe-schema > recipes/recipe.schema.json"
    assert stored["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_schema_describes_every_key() -> None:
    schema = recipe_schema()
    tables = {"Recipe": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, table in tables.items()
        for key, value in table["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert bare == []


def test_every_shipped_recipe_is_known() -> None:
    assert list(list_shipped()) == SHIPPED
    assert {"kana", "kanji", "hangul", "jis-level1", "article-kana-grid"} < set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipe_fits_the_schema_and_round_trips(name: str, in_tmp: Path) -> None:
    path = find_shipped(name)
    assert path.read_text("utf-8").splitlines()[0] == "#:schema ./recipe.schema.json"
    recipe = read_recipe(name)
    assert (recipe.name, recipe.folder) == (name, path.parent)
    Path("dumped.toml").write_text(dump_recipe(recipe), "utf-8")
    assert read_recipe("dumped.toml") == recipe
    for text in (path.read_text("utf-8"), dump_recipe(recipe)):
        jsonschema.validate(tomllib.loads(text), recipe_schema())


def test_schema_refuses_what_the_reader_refuses() -> None:
    data = tomllib.loads(SMALLEST) | {"render": {"size": [0.5, 9]}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, recipe_schema())


def test_shipped_kana_recipe_holds_out_whole_families() -> None:
    recipe = read_recipe("kana")
    names = {path.name for path in (recipe.folder / "../fonts/kana").glob("*.ttf")}
    held_out = [*recipe.split.val_faces, *recipe.split.test_faces]
    train = {name for name in names if not any(Path(name).match(glob) for glob in held_out)}
    assert (len(make_class_table(recipe)), len(names), len(train)) == (169, 29, 21)
    families = {name.split("_")[0].lower()[:4] for name in names - train}
    assert not families & {name.split("_")[0].lower()[:4] for name in train}


def test_shipped_recipes_of_many_classes_have_those_that_they_say() -> None:
    n_classes = {"kanji": 1711, "jis-level1": 2965, "hangul": 2350}
    for name, n in n_classes.items():
        recipe = read_recipe(name)
        assert len(make_class_table(recipe)) == n
        assert recipe.render.per_class == 100


def test_the_grid_of_the_tutorial_is_that_of_the_bundled_faces() -> None:
    ours, theirs = read_recipe("kana-grid"), read_recipe("article-kana-grid")
    assert (ours.render, ours.image, ours.classes) == (theirs.render, theirs.image, theirs.classes)


def test_shipped_grid_recipe_has_353_positions_and_5_rotations() -> None:
    render = read_recipe("kana-grid").render
    assert [size * 256 for size in render.size] == list(range(120, 249, 8))
    n_shifts = len(render.shift_x) * len(render.shift_y)
    positions = [n_shifts if (1 - size) / 2 >= render.min_blank else 1 for size in render.size]
    assert (sum(positions), len(render.rotation)) == (353, 5)


def test_a_grid_has_no_use_for_a_faces_weight(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"
    path.write_text(
        '[classes]\ntext = "A"\n[[fonts.faces]]\nfile = "x.ttf"\nweight = 2\n'
        '[render]\nmode = "grid"\n'
    )
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value) == (
        f"{path}:3: fonts.faces: found weight 2, but a grid draws every face equally often"
        ' (leave weight out, or set render.mode = "random")'
    )
